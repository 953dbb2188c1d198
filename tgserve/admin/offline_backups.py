"""What the command line does about backups by itself: everything but making one while a daemon runs.

What needs neither key nor store is in offline_catalogue.py, which is imported sooner.

`progress` is anything with done, total and note; `stop` ends the work. Refusal says what is in the way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from tgserve.adapters.objects.contract import Objects
from tgserve.admin import datadir
from tgserve.admin.offline_catalogue import config_of, or_refuse, row
from tgserve.admin.refusal import Refusal
from tgserve.admin.schema.backups import (
    BackupPruned,
    BackupRestored,
    BackupRow,
    BackupVerdict,
)
from tgserve.backup import pruning, restoring, verifying
from tgserve.backup.catalogue import catalogue, read_header
from tgserve.backup.creating import Progress, Source, create
from tgserve.backup.faults import Damaged
from tgserve.backup.keys import load_key, make_key, spell
from tgserve.backup.offline import closed_source
from tgserve.backup.repository import open_existing, prepare
from tgserve.backup.targets import KEY_FILE, Access, target_of
from tgserve.chunks.coding import Coder
from tgserve.clock import SystemClock
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.store.format import read_format

__all__ = ["Access", "Refusal", "make", "prune", "restore", "verify"]

T = TypeVar("T")


def verify(data: Path, access: Access, progress: Progress, stop: threading.Event) -> BackupVerdict:
    """Read everything."""
    clock = SystemClock()

    def look() -> BackupVerdict:
        began = clock.monotonic()
        repository = open_existing(config_of(data, access), access, Ids().random_bytes, clock)
        found = verifying.verify(repository, progress, stop)
        return BackupVerdict(
            target=repository.objects.where,
            backups=found.backups,
            packs=found.packs,
            blocks=found.blocks,
            bytes=found.bytes,
            strangers=found.strangers,
            problems=found.problems,
            found=found.found,
            seconds=round(clock.monotonic() - began, 3),
        )

    return _or_refuse(look)


def restore(
    data: Path, access: Access, name: str, progress: Progress, stop: threading.Event
) -> BackupRestored:
    """Make the data directory; `name` empty: from the newest."""
    clock = SystemClock()

    def bring() -> BackupRestored:
        began = clock.monotonic()
        config = Config(data=data, backup=config_of(data, access).backup)
        random = Ids().random_bytes
        # What stands in the way of it is worth more words than a key that was not given.
        restoring.refuse_taken(data, _server(target_of(config, access.target, clock)))
        repository = open_existing(config, access, random, clock)
        manifest = catalogue(repository.objects, repository.header).pick(name)
        done = restoring.restore(repository, manifest, data, random, clock.now(), progress, stop)
        return BackupRestored(
            name=manifest.name,
            data=str(data),
            made=manifest.made,
            rows=done.rows,
            chunks=done.chunks,
            lost=done.lost,
            seconds=round(clock.monotonic() - began, 3),
        )

    return _or_refuse(bring)


def prune(data: Path, access: Access, keep: int, progress: Progress, stop: threading.Event) -> BackupPruned:
    """Keep the newest."""
    clock = SystemClock()

    def sweep() -> BackupPruned:
        repository = open_existing(config_of(data, access), access, Ids().random_bytes, clock)
        done = pruning.prune(repository, keep, progress, stop)
        return BackupPruned(done.kept, done.dropped, done.packs, done.bytes)

    return _or_refuse(sweep)


def make(data: Path, access: Access, progress: Progress, stop: threading.Event) -> tuple[BackupRow, str]:
    """A backup of a data directory that no server has open; (it, the key's text if it was made for this one)."""
    clock, random = SystemClock(), Ids().random_bytes

    def work() -> tuple[BackupRow, str]:
        config = config_of(data, access)
        secret = datadir.load(data).secret
        found = read_format(config.store_dir)
        if found is None:
            raise Refusal(f"{data} holds no store")
        objects = target_of(config, access.target, clock)
        path = config.keys_dir / KEY_FILE
        master, made = load_key(path), ""
        if master is None:
            master = make_key(path, random)
            made = spell(master)

        def opening() -> AbstractContextManager[Source]:
            return closed_source(data, Coder(secret, False, random))

        repository = prepare(
            objects,
            random,
            key=master,
            passphrase=access.passphrase,
            server=found.store,
            now=int(clock.now()),
        )
        return row(create(repository, opening, clock.now, random, progress, stop)), made

    return _or_refuse(work)


def _server(objects: Objects) -> str:
    try:
        header = read_header(objects)
    except Damaged:
        return ""
    return header.server if header is not None else ""


def _or_refuse(work: Callable[[], T]) -> T:
    try:
        return or_refuse(work)
    except datadir.DataDirError as fault:
        raise Refusal(str(fault)) from None
