"""Rows in memory, for tests and simulations: versions per key, so that snapshots are consistent.

`Disks` keeps what was committed when an engine is closed or dropped, as a disk would: open again on the same Disks and
the rows are there. `fail` makes commits fail as a bad or full disk does.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from pathlib import Path

from tgserve.errors import StoreError
from tgserve.store.engine import Row, Rows

Versions = list[tuple[int, bytes | None]]


class _Disk:
    """What one path holds."""

    def __init__(self) -> None:
        self.version = 0
        self.rows: dict[bytes, Versions] = {}
        self.keys: list[bytes] = []
        self.bytes = 0
        self.changing = threading.Lock()
        self.writing = threading.Lock()


class MemorySnapshot:
    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self._disk = engine.disk
        self.get: Callable[[bytes], bytes | None] = self._get
        self.version: int | None = None
        self.renew()

    def _get(self, key: bytes) -> bytes | None:
        if self.version is None:
            raise StoreError("the snapshot was reset")
        return _at(self._disk.rows.get(key), self.version)

    def scan(self, lo: bytes, hi: bytes, reverse: bool = False) -> Iterator[Row]:
        if self.version is None:
            raise StoreError("the snapshot was reset")
        keys = self._disk.keys
        with self._disk.changing:
            found = keys[bisect_left(keys, lo) : bisect_left(keys, hi)]
        for key in reversed(found) if reverse else found:
            data = _at(self._disk.rows.get(key), self.version)
            if data is not None:
                yield key, data

    def renew(self) -> None:
        if self not in self._engine.snapshots:
            # Known before the version is taken: from here on what it may ask for is kept.
            self.version = self._disk.version
            self._engine.snapshots.add(self)
        self.version = self._disk.version

    def stay(self) -> None:
        return None

    def reset(self) -> None:
        self.version = None
        self._engine.snapshots.discard(self)

    def close(self) -> None:
        self.reset()


class MemoryEngine:
    def __init__(self, disk: _Disk, fail: Callable[[str], StoreError | None]) -> None:
        self.disk = disk
        self.snapshots: set[MemorySnapshot] = set()
        self._fail = fail

    def snapshot(self) -> MemorySnapshot:
        return MemorySnapshot(self)

    def commit(self, rows: Rows) -> None:
        with self.disk.writing:
            self._commit(rows)

    def bulk(self, rows: Rows) -> None:
        self.commit(rows)

    def _commit(self, rows: Rows) -> None:
        fault = self._fail("before")
        if fault is not None:
            raise fault
        disk = self.disk
        version = disk.version + 1
        standing = [at for view in list(self.snapshots) if (at := view.version) is not None]
        kept = min(standing, default=version)
        with disk.changing:
            for key, value in rows.items():
                if value is not None or key in disk.rows:
                    self._set(key, value, version, kept)
        disk.version = version
        fault = self._fail("after")
        if fault is not None:
            raise fault

    def _set(self, key: bytes, data: bytes | None, version: int, kept: int) -> None:
        disk = self.disk
        versions = disk.rows.get(key)
        if versions is None:
            insort(disk.keys, key)
            disk.rows[key] = [(version, data)]
            disk.bytes += len(key) + len(data or b"")
            return
        current = versions[-1][1]
        disk.bytes += len(data or b"") - len(current or b"")
        # Rebuilt, not changed: a snapshot in another thread may be walking the old list.
        first = max((i for i, (at, _) in enumerate(versions) if at <= kept), default=0)
        disk.rows[key] = [*versions[first:], (version, data)]

    def tidy(self, idle: bool) -> None:
        return None

    @property
    def untidy(self) -> bool:
        return False

    def waiting(self) -> list[object]:
        return []

    def grow(self) -> None:
        raise StoreError("memory never needs room")

    def size(self) -> int:
        return self.disk.bytes

    def used(self) -> int:
        return self.disk.bytes

    def rows(self) -> int:
        return len(self.disk.rows)

    def close(self) -> None:
        self.snapshots.clear()


class Disks:
    """Several paths; `open` is an OpenEngine."""

    def __init__(self) -> None:
        self._disks: dict[Path, _Disk] = {}
        self.fail: Callable[[str], StoreError | None] = lambda stage: None
        """Asked `before` each commit is kept and `after` it is; what it returns is raised."""

    def open(self, path: Path, *, map_bytes: int) -> MemoryEngine:
        return MemoryEngine(self._disks.setdefault(path, _Disk()), lambda stage: self.fail(stage))


def open_memory(path: Path, *, map_bytes: int) -> MemoryEngine:
    """The engine named `memory`: starts empty, ends with the process."""
    return Disks().open(path, map_bytes=map_bytes)


def _at(versions: Versions | None, version: int) -> bytes | None:
    if versions is None:
        return None
    for at, data in reversed(versions):
        if at <= version:
            return data
    return None
