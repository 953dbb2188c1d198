"""Old backups go, and with them what nobody names any more.

Order: manifests of the backups that go; then packs that are half garbage are written anew and one index takes the place
of all; the old indexes; the packs. A crash in between leaves too much, never too little: the next prune goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tgserve.backup import packs
from tgserve.backup.catalogue import catalogue
from tgserve.backup.creating import Progress
from tgserve.backup.faults import BackupError, Stopped
from tgserve.backup.manifest import Manifest
from tgserve.backup.packs import PackRow, PackWriter, write_index
from tgserve.backup.repository import Repository

GARBAGE_SHARE = 0.5
"""A pack is written anew when so much of it is garbage: the bytes copied are never more than the bytes won."""


@dataclass(slots=True)
class Pruned:
    kept: int = 0
    dropped: int = 0
    """Backups."""
    packs: int = 0
    """Removed."""
    bytes: int = 0
    """Won."""


def prune(repository: Repository, keep: int, progress: Progress, stop: threading.Event) -> Pruned:
    """Keep the newest `keep` backups. BackupError: something is damaged; verify first, nothing was removed."""
    if keep < 1:
        raise BackupError("at least one backup is kept")
    with repository.objects.lock() as renew:
        return _prune(repository, keep, progress, stop, renew)


def _prune(
    repository: Repository, keep: int, progress: Progress, stop: threading.Event, renew: Callable[[], None]
) -> Pruned:
    objects, index = repository.objects, repository.index
    listed = catalogue(objects, repository.header)
    problems = [*filter(None, [repository.problem]), *listed.problems, *repository.load_index()]
    if problems:
        raise BackupError(f"{problems[0]}; nothing was removed: `tgserve backup verify` says what is lost")
    kept, gone = listed.found[-keep:], listed.found[:-keep]
    progress.note = "what is named"
    named: set[bytes] = set()
    for manifest in kept:
        named |= named_by(repository, manifest)
        renew()
    old = list(index.files)
    sizes = {entry.name: entry.size for entry in objects.entries(packs.PACKS)}
    before = sum(sizes.values())
    for manifest in gone:
        objects.delete(manifest.file)
    live: list[PackRow] = []
    moving: list[PackRow] = []
    for row in index.packs.values():
        used = sum(length for block, _, length in row.blocks if block in named and _here(index, block, row))
        if used == row.size or used > row.size * (1 - GARBAGE_SHARE):
            live.append(row)
        elif used:
            moving.append(row)
    progress.note = "moving what is left of packs"
    progress.total = sum(row.size for row in moving)
    writer = PackWriter(objects, repository.sealer, renew)
    try:
        for row in moving:
            if stop.is_set():
                raise Stopped("stopped: the backups that were to go are gone, their room is not yet free")
            whole = memoryview(objects.get(packs.pack_file(row.id)))
            for block, offset, length in row.blocks:
                if block in named and _here(index, block, row):
                    writer.add(block, whole[offset : offset + length])
            progress.done += row.size
        writer.finish()
    except BaseException:
        writer.abandon(everything=False)
        raise
    finally:
        writer.close()
    progress.note = "removing"
    rows = live + writer.rows
    if len(rows) != len(index.packs) or len(old) > 1 or moving:
        fresh: set[str] = set()
        if rows:
            file, data = write_index(rows, repository.sealer)
            objects.put(file, data)
            fresh = {file}
        for one in {*old, *(name for name in writer.written if name.startswith(packs.INDEX))} - fresh:
            objects.delete(one)
    wanted = {packs.pack_file(row.id) for row in rows}
    removed = [name for name in sizes if name not in wanted]
    for name in removed:
        renew()
        objects.delete(name)
    after = sum(entry.size for entry in objects.entries(packs.PACKS))
    return Pruned(len(kept), len(gone), len(removed), before - after)


def _here(index: packs.Index, block: bytes, row: PackRow) -> bool:
    """A block may lie in two packs after a crash: one of them counts."""
    return index.places[block].pack == row.id


def named_by(repository: Repository, manifest: Manifest) -> set[bytes]:
    """Every block and chunk of a backup."""
    root = repository.root(manifest)
    found = {bytes.fromhex(manifest.root)}
    for blocks in root.meta.values():
        found.update(blocks)
    for slot, listed in enumerate(root.slots):
        if listed:
            found.add(listed)
            listing = repository.listing(listed, slot)
            found.update(listing.blocks)
            found.update(listing.chunks)
    return found
