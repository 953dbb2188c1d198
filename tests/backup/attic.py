"""A server's store and chunks without a server, and its backups: for tests."""

from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path
from typing import Any

from tests.chunks.yard import SECRET, Yard
from tgserve.adapters.objects.contract import Objects
from tgserve.adapters.objects.folder import FolderObjects
from tgserve.backup.catalogue import catalogue, existing_header
from tgserve.backup.creating import Progress, Source, Steps, create
from tgserve.backup.keys import Keys
from tgserve.backup.live import live_source
from tgserve.backup.manifest import Manifest
from tgserve.backup.repository import Repository, open_repository, prepare
from tgserve.backup.restoring import Restored, restore
from tgserve.backup.verifying import Verdict, verify
from tgserve.ids import Ids
from tgserve.store.check import open_folder
from tgserve.store.keyspaces import CHUNK_DISKS, CHUNKS, USER_SETTINGS
from tgserve.store.slots import slot_of

KEY = bytes(range(100, 132))
RANDOM = Ids().random_bytes
Rows = dict[bytes, bytes]


def furnish(data: Path) -> None:
    """Keys and settings, as a data directory has them."""
    (data / "keys").mkdir(mode=0o700, exist_ok=True)
    (data / "keys" / "secret.key").write_bytes(SECRET)
    (data / "keys" / "rsa.pem").write_text("a key\n")
    (data / "tgserve.toml").write_text("# settings\n")


async def fill(here: Yard, count: int, seed: int = 1, size: int = 60) -> None:
    """Rows in all slots, which compress badly."""
    rng = random.Random(seed)
    commits = []
    for number in range(count):
        value = rng.randbytes(size)
        name = f"{seed}-{number}"

        def put(txn: Any, number: int = number, name: str = name, value: bytes = value) -> None:
            txn.put(USER_SETTINGS, number % 997, name, value=value)

        commits.append(here.store.transact(slot_of(number % 997), put))
        if len(commits) >= 2000:
            for commit in commits:
                await commit
            commits = []
    for commit in commits:
        await commit


def target(path: Path) -> Objects:
    return FolderObjects(path)


def prepared(objects: Objects, here: Yard, passphrase: str = "", key: bytes = KEY) -> Repository:
    return prepare(objects, RANDOM, key=key, passphrase=passphrase, server=here.store.format.store, now=1)


async def back_up(
    here: Yard,
    objects: Objects,
    *,
    passphrase: str = "",
    key: bytes = KEY,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Manifest:
    """As the daemon does it."""
    furnish(here.path)
    loop = asyncio.get_running_loop()

    def work() -> Manifest:
        return create(
            prepared(objects, here, passphrase, key),
            lambda: live_source(here.path, here.chunks, loop),
            here.clock.now,
            RANDOM,
            progress or Steps(),
            stop or threading.Event(),
        )

    here.clock.advance(1)
    with here.chunks.keep_packs():
        return await asyncio.to_thread(work)


def opened(objects: Objects, key: bytes | None = KEY, passphrase: str = "") -> Repository:
    return open_repository(objects, existing_header(objects), RANDOM, key=key, passphrase=passphrase)


def bring_back(objects: Objects, data: Path, name: str = "", **how: Any) -> Restored:
    repository = opened(objects, **how)
    manifest = catalogue(objects, repository.header).pick(name)
    return restore(repository, manifest, data, RANDOM, 1.0, Steps(), threading.Event())


def verdict(objects: Objects) -> Verdict:
    return verify(opened(objects), Steps(), threading.Event())


def rows_in(data: Path) -> Rows:
    """Every row of a store that is closed, but those that say where chunks lie, and the outbox of the moment."""
    places = {CHUNKS.tag, CHUNK_DISKS.tag}
    with open_folder(data / "store") as cut:
        return {
            key: value
            for view in cut.views.values()
            for key, value in view.scan(b"", b"\xff\xff\xff")
            if key[2] not in places and key[:2] != b"\xff\xff"
        }


def files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file() and one.name != "lock")


def bytes_in(path: Path) -> int:
    return sum(one.stat().st_size for one in files(path))


__all__ = ["Keys", "Source"]
