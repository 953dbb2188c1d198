"""A cut of a data directory that no server has open, and what goes into every backup besides rows and chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tgserve.backup.creating import Source
from tgserve.backup.faults import BackupError
from tgserve.chunks.backend import Backend, Identity
from tgserve.chunks.coding import Coder
from tgserve.chunks.local import LocalDisk
from tgserve.errors import StoreError
from tgserve.store import chunk_records as c
from tgserve.store.check import open_folder
from tgserve.store.format import read_format
from tgserve.store.keyspaces import CHUNK_DISKS
from tgserve.store.slots import slot_of

SETTINGS = "tgserve.toml"
KEYS = "keys"
FILE_BYTES = 1 << 20


def files_of(data: Path) -> dict[str, bytes]:
    """Keys and settings, by path below the data directory."""
    found: dict[str, bytes] = {}
    try:
        for path in sorted([data / SETTINGS, *(data / KEYS).rglob("*")]):
            if path.is_file() and path.suffix != ".new" and path.stat().st_size <= FILE_BYTES:
                found[path.relative_to(data).as_posix()] = path.read_bytes()
    except OSError as fault:
        raise BackupError(f"{fault.filename}: {fault.strerror}") from fault
    return found


@contextmanager
def closed_source(data: Path, coder: Coder) -> Iterator[Source]:
    """Under the store's lock. StoreError: it is open, or there is none."""
    store = data / "store"
    found = read_format(store)
    if found is None:
        raise BackupError(f"{data} holds no store")
    with open_folder(store) as cut:
        backends: dict[int, Backend] = {}
        home = slot_of(c.DISKS_OWNER)
        for key, row in cut.reader(home).range(CHUNK_DISKS, c.DISKS_OWNER):
            disk = LocalDisk(data / row.path)
            try:
                if row.state != c.DISK_REMOVED and disk.identity() == Identity(found.store, row.disk, key[1]):
                    backends[row.number] = disk
            except StoreError:
                continue  # it is away: other copies serve, or the chunk counts as lost
        size = sum(path.stat().st_blocks * 512 for path in store.rglob("data.mdb"))
        yield Source(found, cut, files_of(data), record_from(backends.get, coder), size)


def record_from(
    backend_of: Callable[[int], Backend | None], coder: Coder
) -> Callable[[bytes, c.Chunk], bytes | None]:
    """Reads the first good copy of a chunk."""

    def record(chunk: bytes, row: c.Chunk) -> bytes | None:
        for copy in row.copies:
            backend = backend_of(copy.disk)
            if backend is None:
                continue
            try:
                found = backend.read(copy.pack, copy.offset, copy.length)
                coder.decode(chunk, found)
            except StoreError:
                continue
            return found
        return None

    return record
