"""The chunk invariants of a data directory that no server has open."""

from __future__ import annotations

from pathlib import Path

from tgserve.chunks.backend import Backend, Identity
from tgserve.chunks.check import ChunkReport, Sight, check_chunks
from tgserve.chunks.coding import Coder
from tgserve.chunks.local import LocalDisk
from tgserve.errors import StoreError
from tgserve.store import chunk_records as c
from tgserve.store.check import open_folder
from tgserve.store.format import read_format
from tgserve.store.keyspaces import CHUNK_DISKS
from tgserve.store.slots import SLOTS, slot_of


def check_chunk_folders(store: Path, root: Path, coder: Coder, deep: bool) -> ChunkReport:
    """`store`: its folder; `root`: the data directory. Nothing is written. StoreError: the store is open or absent."""
    found = read_format(store)
    server = found.store if found is not None else ""
    with open_folder(store) as cut:
        readers = [cut.reader(slot) for slot in range(SLOTS)]
        backends: dict[int, Backend] = {}
        for key, row in readers[slot_of(c.DISKS_OWNER)].range(CHUNK_DISKS, c.DISKS_OWNER):
            if row.state == c.DISK_REMOVED:
                continue
            disk = LocalDisk(root / row.path)
            try:
                if disk.identity() == Identity(server, row.disk, key[1]):
                    backends[row.number] = disk
            except StoreError:
                continue  # it is away: its copies are counted as unread
        return check_chunks(Sight(readers, backends, coder), deep)
