"""LMDB environments, bare: copy-on-write B-tree, readers without locks, a commit is data flush, then meta page.

Durability is LMDB's default: synchronous, no NOSYNC, no NOMETASYNC, no WRITEMAP (docs/DISK.md I2). Rows are written in
the order given: sorting a group costs more than it saves (0.25 against 0.15 us a row, scripts/bench/store.py).
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb

from tgserve.errors import StoreError, StoreFull
from tgserve.store.engine import NeedsRoom, Row, Rows

BULK_ROWS = 200
_SMALLEST_MAP = 1 << 30
_NO_SPACE = ("No space left on device", "Disk quota exceeded", "File too large")


class LmdbSnapshot:
    """A read transaction; each renew begins another (py-lmdb keeps spare ones, so that is half a microsecond)."""

    def __init__(self, engine: LmdbEngine) -> None:
        self._engine = engine
        self._txn = engine.env.begin()
        self.get: Callable[[bytes], bytes | None] = self._txn.get

    def scan(self, lo: bytes, hi: bytes, reverse: bool = False) -> Iterator[Row]:
        cursor = self._txn.cursor()
        if reverse:
            if not (cursor.prev() if cursor.set_range(hi) else cursor.last()):
                return
            for row in cursor.iterprev():
                if row[0] < lo:
                    return
                yield row
        elif cursor.set_range(lo):
            for row in cursor.iternext():
                if row[0] >= hi:
                    return
                yield row

    def renew(self) -> None:
        self._txn.abort()
        self._txn = self._engine.env.begin()
        self.get = self._txn.get

    def stay(self) -> None:
        return None

    def reset(self) -> None:
        self._txn.abort()

    def close(self) -> None:
        self._txn.abort()


class LmdbEngine:
    def __init__(self, path: Path, map_bytes: int) -> None:
        self._path = path
        self._writing = threading.Lock()
        """The shard's thread and who moves slots write; the map grows while neither does."""
        self.env = self._open(map_bytes)

    def _open(self, map_bytes: int) -> lmdb.Environment:
        while True:
            try:
                return lmdb.open(
                    str(self._path), map_size=map_bytes, max_readers=512, readahead=False, max_dbs=0
                )
            except lmdb.Error as fault:
                # Address space may be limited (ulimit -v): a smaller map grows when it must.
                if "Cannot allocate memory" not in str(fault) or map_bytes <= _SMALLEST_MAP:
                    raise StoreError(f"{self._path}: {fault}") from fault
                map_bytes //= 2

    def snapshot(self) -> LmdbSnapshot:
        return LmdbSnapshot(self)

    def commit(self, rows: Rows) -> None:
        self._write(rows, max(1, len(rows)))

    def bulk(self, rows: Rows) -> None:
        """A few rows at a call: each keeps the interpreter to itself, and the loop must not wait for all of them."""
        self._write(rows, BULK_ROWS)

    def _write(self, rows: Rows, at_once: int) -> None:
        gone = [key for key, value in rows.items() if value is None]
        try:
            with self._writing, self.env.begin(write=True) as txn:
                for key in gone:
                    txn.delete(key)
                kept: Iterable[Any] = rows.items()  # a generator costs as much as the writing
                if gone:
                    kept = ((key, value) for key, value in rows.items() if value is not None)
                cursor, left = txn.cursor(), iter(kept)
                if at_once >= len(rows):
                    cursor.putmulti(left)
                else:
                    while some := list(islice(left, at_once)):
                        cursor.putmulti(some)
        except lmdb.MapFullError as fault:
            raise NeedsRoom(str(fault)) from fault
        except lmdb.Error as fault:
            raise translated(self._path, fault) from fault

    def tidy(self, idle: bool) -> None:
        return None

    @property
    def untidy(self) -> bool:
        return False

    def waiting(self) -> list[object]:
        return []

    def sound(self) -> bool:
        """Does the environment take transactions? LMDB refuses all after a failed write of its meta page."""
        try:
            with self._writing:
                self.env.begin(write=True).abort()
        except lmdb.Error:
            return False
        return True

    def grow(self) -> None:
        size = self.env.info()["map_size"]
        try:
            with self._writing:
                self.env.set_mapsize(size * 2)
        except lmdb.Error as fault:
            raise StoreFull(f"{self._path}: cannot map more than {size} bytes: {fault}") from fault

    def size(self) -> int:
        return (self._path / "data.mdb").stat().st_size

    def used(self) -> int:
        told = self.env.stat()
        pages: int = told["branch_pages"] + told["leaf_pages"] + told["overflow_pages"]
        return pages * int(told["psize"])

    def rows(self) -> int:
        return int(self.env.stat()["entries"])

    def close(self) -> None:
        self.env.close()


def translated(path: Path, fault: Exception) -> StoreError:
    """A failure of the disk in the store's words."""
    full = isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if full or any(text in str(fault) for text in _NO_SPACE):
        return StoreFull(f"{path}: {fault}")
    return StoreError(f"{path}: {fault}")


def open_lmdb(path: Path, *, map_bytes: int) -> LmdbEngine:
    """The engine named `lmdb-plain`."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LmdbEngine(path, map_bytes)
