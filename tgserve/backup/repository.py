"""A target with its keys: header, manifests, index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from tgserve.adapters.objects.contract import Objects
from tgserve.backup.catalogue import catalogue, existing_header, read_header
from tgserve.backup.faults import BackupError, Damaged
from tgserve.backup.keys import HEADER, Header, Keys, load_key
from tgserve.backup.manifest import FOLDER, Listing, Manifest, Root
from tgserve.backup.packs import Index, PackReader
from tgserve.backup.sealing import Sealer
from tgserve.backup.targets import KEY_FILE, Access, target_of
from tgserve.clock import Clock
from tgserve.config import Config

Random = Callable[[int], bytes]
T = TypeVar("T")


class Repository:
    """A target that was opened with its key. `index` is empty until `load_index`."""

    def __init__(
        self, objects: Objects, header: Header, keys: Keys, random: Random, problem: str = ""
    ) -> None:
        self.objects = objects
        self.problem = problem
        """What is wrong with the header; the key alone has opened the target then."""
        self.header = header
        self.keys = keys
        self.sealer = Sealer(keys, random)
        self.index = Index()
        self.reader = PackReader(objects, self.index, self.sealer)

    def load_index(self) -> list[str]:
        """What is wrong with index files, in sentences."""
        return self.index.read(self.objects, self.sealer)

    def root(self, manifest: Manifest) -> Root:
        block = bytes.fromhex(manifest.root)
        _, content = self.reader.get(block, f"the root of backup {manifest.name}")
        return _decoded(content, Root, "root")

    def listing(self, block: bytes, slot: int) -> Listing:
        _, content = self.reader.get(block, f"the list of slot {slot}")
        return _decoded(content, Listing, "list")


def _decoded(content: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except msgspec.MsgspecError as fault:
        raise BackupError(f"a {what} block is not one of ours ({fault}): update tgserve") from fault


def open_by_key(objects: Objects, key: bytes, random: Random) -> Repository:
    """The key needs no header: one that is damaged or gone is a problem of its own."""
    keys = Keys.of(key)
    problem = ""
    try:
        header = read_header(objects)
        if header is None:
            problem = f"{HEADER} is missing"
    except Damaged as fault:
        header, problem = None, str(fault)
    if header is None:
        made = catalogue(objects, Header.make(keys, "", 0)).found
        if not made:
            raise BackupError(f"{problem}; there is no backup in {objects.where} that this key signed")
        header = Header.make(keys, made[-1].server, made[-1].made)
    header.check(keys, "this")
    return Repository(objects, header, keys, random, problem)


def open_repository(
    objects: Objects, header: Header, random: Random, *, key: bytes | None, passphrase: str
) -> Repository:
    """With the passphrase if one is given, else with the key. WrongKey, BackupError."""
    if passphrase:
        if header.wrap is None:
            raise BackupError(
                "this backup has no passphrase: give the file with its key (--key-file), or the key that was shown"
                " when it was made"
            )
        keys = Keys.of(header.wrap.open(passphrase))
        header.check(keys, "what the passphrase opens")
    elif key is not None:
        return open_by_key(objects, key, random)
    else:
        ways = (
            "its passphrase or the file with its key" if header.wrap else "the file with its key (--key-file)"
        )
        raise BackupError(f"the backup is sealed: give {ways}")
    return Repository(objects, header, keys, random)


def prepare(
    objects: Objects, random: Random, *, key: bytes, passphrase: str, server: str, now: int
) -> Repository:
    """For a backup: the target's header is made at its first use. A passphrase is set if it has none yet; else it must
    be the one it has. BackupError: the target belongs to another server or another key."""
    objects.prepare()
    keys = Keys.of(key)
    header = read_header(objects)
    missing = header is None
    if header is None:
        header = Header.make(keys, server, now)
        there = catalogue(objects, header)
        if there.problems and not there.found:
            raise BackupError(
                f"{objects.where} holds backups that another key has signed: choose another target"
            )
        if there.found:
            header = replace(header, server=there.found[-1].server)
    if header.server != server:
        raise BackupError(
            f"{objects.where} holds the backups of another server ({header.server}): choose another folder or prefix"
        )
    header.check(keys, "keys/backup.key of this server")
    if passphrase and header.wrap is not None:
        header.wrap.open(passphrase)
    elif passphrase:
        header = header.with_passphrase(keys, passphrase, random)
        missing = True
    if missing:
        objects.put(HEADER, header.encode(keys))
    return Repository(objects, header, keys, random)


def open_existing(config: Config, access: Access, random: Callable[[int], bytes], clock: Clock) -> Repository:
    """The target that config and command line name, for reading and pruning."""
    objects = target_of(config, access.target, clock)
    key: bytes | None = None
    if access.key_file:
        key = load_key(Path(access.key_file))
        if key is None:
            raise BackupError(f"there is no file {access.key_file}")
    elif not access.passphrase:
        key = load_key(config.keys_dir / KEY_FILE)
    if key is not None and objects.entries(FOLDER):
        return open_by_key(objects, key, random)
    return open_repository(objects, existing_header(objects), random, key=key, passphrase=access.passphrase)
