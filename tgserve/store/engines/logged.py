"""A log in front of an environment: a commit is one appended, flushed record; rows reach the environment in batches.

Why: a commit of a B-tree rewrites every page it touches and flushes twice; a log appends what changed and flushes once.
Rows wait in memory (`_Pending`) and are written into the environment together, some thousand commits' worth at a time,
where heads and dialogs have been overwritten many times and rows of one box share pages (docs/decisions/0003).

The log is a file beside the environment, written from its start again after each batch. A record is length, CRC-32
(seeded with the epoch), number, payload; the environment's row LOG_EPOCH says which epoch is current and is raised in
the transaction that takes the batch in, so records of that batch become void by the very commit that makes them
superfluous. Opening reads records until the first that is not valid: only the last one, unacknowledged, can be torn.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from tgserve.errors import StoreError, StoreFull
from tgserve.store.engine import NeedsRoom, Row, Rows
from tgserve.store.engines.lmdb import LmdbEngine, LmdbSnapshot, translated
from tgserve.store.packing import HEAD_BYTES, SLOT_BYTES, after

LOG_EPOCH = b"\xff\xff\xff"
"""Behind all keys of the store (tag 0xff is no keyspace's); scans end before it."""
BATCH_ROWS = 50_000
BATCH_BYTES = 12_000_000
"""So many rows or bytes waiting are written into the environment: about 20 MB of memory, and 50 to 100 ms in which the
shard commits nothing else. Larger batches cost less a row and pause longer."""
PAGE_KEYS = 32
"""Waiting keys that a scan looks at first; four times as many with each page after it."""
LARGE_BYTES = 2_000_000
"""A commit of more than this goes straight to the environment."""
LOG_BYTES = 64_000_000
"""The log's end when the environment takes nothing more (disk full)."""

_HEADER = struct.Struct("<IIQ")
_BUCKET_BYTES = 11
_ABSENT: Any = object()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[bytes, bytes | None]).decode


class _Buckets(dict[bytes, list[bytes]]):
    """Keys in order by slot, tag and first number; `heads` names the buckets of each slot and tag."""

    def __init__(self) -> None:
        self.heads: dict[bytes, list[bytes]] = {}

    def __missing__(self, bucket: bytes) -> list[bytes]:
        self.heads.setdefault(bucket[:HEAD_BYTES], []).append(bucket)
        made: list[bytes] = []
        self[bucket] = made
        return made

    def take(self, keys: Iterable[bytes]) -> None:
        """Keys that may be known already. Most go to the end of their bucket: ids and dates grow."""
        for key in keys:
            known = self[key[:_BUCKET_BYTES]]
            if not known or known[-1] < key:
                known.append(key)
                continue
            at = bisect_left(known, key)
            if known[at] != key:
                known.insert(at, key)


class _Pending:
    """Rows committed and not yet in the environment: what every snapshot sees in `merged`, newer commits as layers.

    Read by other threads while the writer adds: each step below is one operation of the interpreter, and a layer leaves
    `layers` only when `merged` has it.
    """

    __slots__ = ("_index", "_lock", "_unindexed", "bytes", "layers", "merged")

    def __init__(self) -> None:
        self.merged: Rows = {}
        self.layers: tuple[tuple[int, Rows], ...] = ()
        """(commit number, its rows), oldest first."""
        self.bytes = 0
        self._index = _Buckets()
        self._unindexed: list[Rows] = []
        self._lock = threading.Lock()

    def fold(self, oldest: int) -> None:
        """Merge the layers that no snapshot stands before; `oldest` is the lowest commit number of any."""
        layers = self.layers
        at = 0
        for number, rows in layers:
            if number > oldest:
                break
            self.merged.update(rows)
            self._unindexed.append(rows)
            at += 1
        self.layers = layers[at:]

    def keys(self, lo: bytes, hi: bytes, reverse: bool) -> Iterator[bytes]:
        """Keys of `merged` in [lo, hi), in order (descending when `reverse`), those of a range within one bucket a page
        at a time: who looks at a few rows of many pays for a few. Keys merged meanwhile may be among them."""
        page = PAGE_KEYS
        while True:
            found = self._page(lo, hi, reverse, page)
            yield from found
            if len(found) < page or not found:
                return
            if reverse:
                hi = found[-1]
            else:
                lo = found[-1] + b"\0"
            page *= 4

    def _page(self, lo: bytes, hi: bytes, reverse: bool, count: int) -> list[bytes]:
        """At most `count` of them when they lie in one bucket, else all."""
        bucket, head, slot = lo[:_BUCKET_BYTES], lo[:HEAD_BYTES], lo[:SLOT_BYTES]
        if len(slot) < SLOT_BYTES or hi > after(slot):
            return sorted((key for key in list(self.merged) if lo <= key < hi), reverse=reverse)
        with self._lock:
            index, waiting = self._index, self._unindexed
            while waiting:
                index.take(waiting.pop())
            if len(bucket) == _BUCKET_BYTES and hi <= after(bucket):
                known = index.get(bucket)
                if known is None:
                    return []
                if reverse:
                    end = bisect_left(known, hi)
                    return known[max(bisect_left(known, lo), end - count) : end][::-1]
                start = bisect_left(known, lo)
                return known[start : min(bisect_left(known, hi), start + count)]
            within = len(head) == HEAD_BYTES and hi <= after(head)
            heads = (head,) if within else tuple(slot + bytes((tag,)) for tag in range(256))
            buckets = [bucket for one in heads for bucket in index.heads.get(one, ())]
            found = [key for bucket in buckets for key in index[bucket] if lo <= key < hi]
        return sorted(found, reverse=reverse)


def _once(keys: Iterator[bytes]) -> Iterator[bytes]:
    """Without the repetitions of a sorted run."""
    last = b""
    for key in keys:
        if key != last:
            yield key
            last = key


def _laid_over(
    keys: Iterator[bytes], value_of: Callable[[bytes], Any], under: Iterator[Row], reverse: bool
) -> Iterator[Row]:
    """As engine.laid_over for keys that come in order, with values looked up when it is their turn."""
    key = next(keys, None)
    for row in under:
        at = row[0]
        while key is not None and (key > at if reverse else key < at):
            value = value_of(key)
            if value is not None and value is not _ABSENT:
                yield key, value
            key = next(keys, None)
        if key != at:
            yield row
            continue
        value = value_of(at)
        if value is _ABSENT:
            yield row
        elif value is not None:
            yield at, value
        key = next(keys, None)
    while key is not None:
        value = value_of(key)
        if value is not None and value is not _ABSENT:
            yield key, value
        key = next(keys, None)


State = tuple[_Pending, int]


class LoggedSnapshot:
    """A read transaction of the environment with the pending rows up to one commit over it."""

    def __init__(self, engine: LoggedEngine) -> None:
        self._engine = engine
        self._base: LmdbSnapshot | None = None
        self._pending: _Pending | None = None
        self.number = 0
        self.get: Callable[[bytes], bytes | None] = self._get
        self.renew()

    def _get(self, key: bytes) -> bytes | None:
        pending = self._pending
        folded = pending is not None and not pending.layers
        value = pending.merged.get(key, _ABSENT) if pending is not None and folded else self._changed(key)
        if value is _ABSENT:
            return self._under(key)
        found: bytes | None = value
        return found

    def _changed(self, key: bytes) -> Any:
        """The pending value, None when it is deleted, _ABSENT when nothing is pending for it."""
        pending = self._pending
        if pending is None:
            raise StoreError("the snapshot was reset")
        if pending.layers:
            for number, rows in reversed(pending.layers):
                if number <= self.number:
                    value = rows.get(key, _ABSENT)
                    if value is not _ABSENT:
                        return value
        return pending.merged.get(key, _ABSENT)

    def scan(self, lo: bytes, hi: bytes, reverse: bool = False) -> Iterator[Row]:
        pending = self._pending
        if pending is None or self._base is None:
            raise StoreError("the snapshot was reset")
        hi = min(hi, LOG_EPOCH)
        number = self.number
        under = self._base.scan(lo, hi, reverse)
        # Before `merged`: a layer may move there.
        layers = [rows for at, rows in pending.layers if at <= number]
        keys = pending.keys(lo, hi, reverse)
        above = {key for rows in layers for key in rows if lo <= key < hi}
        if above:
            keys = _once(merge(keys, sorted(above, reverse=reverse), reverse=reverse))
        first = next(keys, None)
        if first is None:
            return under
        merged = pending.merged

        def value(key: bytes) -> Any:
            for rows in reversed(layers):
                if key in rows:
                    return rows[key]
            return merged.get(key, _ABSENT)

        return _laid_over(chain((first,), keys), value, under, reverse)

    def renew(self) -> None:
        engine = self._engine
        if self not in engine.snapshots:
            # Known before the state is taken: from here on versions for it are kept.
            self.number = engine.state[1]
            engine.snapshots.add(self)
        state = engine.state
        if state[0] is self._pending and self._base is not None:
            # The environment has not changed: its read transaction serves on.
            self.number = state[1]
            self._choose(state[0])
            return
        while True:
            if self._base is None:
                self._base = engine.base.snapshot()
            else:
                self._base.renew()
            if engine.state is state:
                break
            # A commit came between: pending rows and environment must be of one moment.
            state = engine.state
        self._pending, self.number = state
        self._under = self._base.get
        self._choose(state[0])

    def _choose(self, pending: _Pending) -> None:
        """When nothing is pending, reads go straight to LMDB; later commits have higher numbers and are not seen."""
        self.get = self._get if pending.merged or pending.layers else self._under

    def reset(self) -> None:
        self._engine.snapshots.discard(self)
        if self._base is not None and self._engine.state[0] is not self._pending:
            self._base.reset()
            self._pending = None
            self.get = self._get

    def close(self) -> None:
        self._engine.snapshots.discard(self)
        if self._base is not None:
            self._base.close()
            self._base = None
        # A read transaction keeps its place in LMDB's table until its object is gone: nothing may hold it, no cycle.
        self.get = self._under = _closed


def _closed(key: bytes) -> bytes | None:
    raise StoreError("the snapshot was closed")


class LoggedEngine:
    def __init__(self, path: Path, map_bytes: int) -> None:
        self._path = path
        self.base = LmdbEngine(path, map_bytes)
        self.snapshots: set[LoggedSnapshot] = set()
        self._log = os.open(path / "log", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._end = 0
        self._records = 0
        """In the log, of this epoch."""
        self._epoch = 0
        self._broken = False
        self.state: State = (_Pending(), 0)
        try:
            self._replay()
            # A start looks into every slot: with thousands of rows waiting in memory that takes seconds.
            with contextlib.suppress(StoreError):  # the log keeps what the environment cannot take now
                self._merge()
        except BaseException:
            self.close_files()
            raise

    def snapshot(self) -> LoggedSnapshot:
        return LoggedSnapshot(self)

    def commit(self, rows: Rows) -> None:
        if self._broken:
            raise StoreError(f"{self._path}: the environment has failed; restart when its disk is well")
        payload = _encode(rows)
        if len(payload) > LARGE_BYTES or self._end + len(payload) > LOG_BYTES:
            self._merge()
            self._commit_base(rows)
            self.state = (_Pending(), self.state[1] + 1)
            return
        self._append(payload)
        pending, number = self.state
        number += 1
        pending.bytes += len(payload)
        pending.layers += ((number, rows),)
        self.state = (pending, number)
        pending.fold(min([snapshot.number for snapshot in list(self.snapshots)], default=number))

    def bulk(self, rows: Rows) -> None:
        """Past the log: it holds nothing about these rows, so its records are as good over the environment with them as
        without."""
        self._commit_base(rows)

    def tidy(self, idle: bool) -> None:
        pending = self.state[0]
        if idle or pending.bytes >= BATCH_BYTES or len(pending.merged) >= BATCH_ROWS:
            self._merge()

    @property
    def untidy(self) -> bool:
        return self.state[0].bytes > 0

    def grow(self) -> None:
        self.base.grow()

    def size(self) -> int:
        return self.base.size() + os.fstat(self._log).st_size

    def used(self) -> int:
        return self.base.used() + self._end

    def rows(self) -> int:
        return self.base.rows()

    def close(self) -> None:
        with contextlib.suppress(StoreError):  # the log keeps what the environment cannot take now
            self.tidy(idle=True)
        self.close_files()

    def close_files(self) -> None:
        os.close(self._log)
        self.base.close()

    def _merge(self) -> None:
        """Write the pending rows into the environment, durably; the log's records are void with it."""
        pending, number = self.state
        if not pending.bytes:
            return
        rows = dict(pending.merged)
        for _, layer in pending.layers:
            rows.update(layer)
        rows[LOG_EPOCH] = struct.pack("<Q", self._epoch + 1)
        self._commit_base(rows)
        self._epoch += 1
        self._end = self._records = 0
        self.state = (_Pending(), number)

    def _commit_base(self, rows: Rows) -> None:
        try:
            self.base.commit(rows)
        except NeedsRoom:
            raise
        except StoreError:
            # Unless it is certain that the environment stands where it stood, its epoch is not known, and records
            # logged from here on could be void at the next start.
            self._broken = not self.base.sound()
            raise

    def _append(self, payload: bytes) -> None:
        number = self._records + 1
        header = _HEADER.pack(len(payload), self._crc(payload, number), number)
        try:
            written = os.pwritev(self._log, (header, payload), self._end)
            if written != len(header) + len(payload):
                raise StoreFull(f"{self._path}: the log takes no more")
            os.fdatasync(self._log)
        except (OSError, StoreFull) as fault:
            # What may be there already must not come back at the next start.
            with contextlib.suppress(OSError):
                os.pwrite(self._log, bytes(_HEADER.size), self._end)
            if isinstance(fault, StoreFull):
                raise
            raise translated(self._path, fault) from fault
        self._end += len(header) + len(payload)
        self._records = number

    def _crc(self, payload: bytes, number: int) -> int:
        return zlib.crc32(payload, zlib.crc32(struct.pack("<QQ", self._epoch, number)))

    def _replay(self) -> None:
        view = self.base.snapshot()
        stored = view.get(LOG_EPOCH)
        view.close()
        self._epoch = struct.unpack("<Q", stored)[0] if stored is not None else 0
        pending = self.state[0]
        number = 0
        with open(self._log, "rb", closefd=False) as file:
            data = file.read()
        at = 0
        while (payload := self._record(data, at, number + 1)) is not None:
            number += 1
            pending.merged.update(_decode(payload))
            pending.bytes += len(payload)
            at += _HEADER.size + len(payload)
        if at + _HEADER.size <= len(data):
            # Torn, void, or damaged? Each record was flushed before the next was begun, so nothing valid may follow.
            size = _HEADER.unpack_from(data, at)[0]
            if self._record(data, at + _HEADER.size + size, number + 2) is not None:
                raise StoreError(
                    f"{self._path}/log is damaged at byte {at}: restore a backup or ask for help"
                )
        pending.layers = ((0, dict(pending.merged)),)
        pending.fold(0)
        self._end = at
        self._records = number
        self.state = (pending, number)

    def _record(self, data: bytes, at: int, number: int) -> bytes | None:
        """The payload of the valid record `number` at `at`."""
        if at + _HEADER.size > len(data):
            return None
        size, crc, found = _HEADER.unpack_from(data, at)
        payload = data[at + _HEADER.size : at + _HEADER.size + size]
        if found != number or len(payload) != size or crc != self._crc(payload, number):
            return None
        return payload


def open_logged(path: Path, *, map_bytes: int) -> LoggedEngine:
    """The engine named `lmdb`: LMDB with a log in front."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LoggedEngine(path, map_bytes)
