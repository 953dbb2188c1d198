"""A log in front of an environment: a commit is one appended, flushed record; rows reach the environment in batches.

Why: a commit of a B-tree rewrites every page it touches and flushes twice; a log appends what changed and flushes once.
Rows wait in memory (`_Pending`) and are written into the environment together, some thousand commits' worth at a time,
where heads and dialogs have been overwritten many times and rows of one box share pages (docs/decisions/0003).

There are two log files, of which one is written to. When enough rows wait, commits go on in the other one, under the
next epoch, while a thread has the batch written (merger.py, docs/decisions/0006); the rows of the batch are read from
memory until the environment has them. The environment's row LOG_EPOCH says which epoch is the oldest that it has not
taken in. It is raised in the transaction that takes a batch in, so records of that batch become void by the very
commit that makes them superfluous. Opening reads the records of that epoch, and those of the next in the other file.
"""

from __future__ import annotations

import contextlib
import struct
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import Any

from tgserve import log
from tgserve.errors import StoreError
from tgserve.store.engine import NeedsRoom, Row, Rows
from tgserve.store.engines.lmdb import LmdbEngine, LmdbSnapshot
from tgserve.store.engines.logfile import LogFile, encode
from tgserve.store.engines.merger import LOG_EPOCH, MERGER, Batch, Lost, checked
from tgserve.store.packing import HEAD_BYTES, SLOT_BYTES, after

LOGS = ("log", "log-2")
BATCH_ROWS = 50_000
BATCH_BYTES = 12_000_000
"""So many rows or bytes waiting are written into the environment: about 20 MB of memory, and as much again for what is
committed meanwhile. Larger batches cost less a row."""
BATCHES_WAITING = 3
"""So many batches' worth of rows waiting: commits wait for the one that is being written."""
FEW_ROWS = 2_000
"""Up to so many are written by the thread that finds them, at leisure: no other thread, no other process."""
PAGE_KEYS = 32
"""Waiting keys that a scan looks at first; four times as many with each page after it."""
LARGE_BYTES = 2_000_000
"""A commit of more than this goes straight to the environment."""
LOG_BYTES = 64_000_000
"""The log's end when the environment takes nothing more (disk full)."""

_events = log.get("store")
_BUCKET_BYTES = 11
_ABSENT: Any = object()


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

    @classmethod
    def of(cls, rows: Rows, size: int) -> _Pending:
        made = cls()
        made.bytes = size
        made.layers = ((0, rows),)
        made.fold(0)
        return made

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

    def look(self, key: bytes, number: int) -> Any:
        """The value as of a commit, None when it is deleted, _ABSENT when nothing is pending for it."""
        for at, rows in reversed(self.layers):
            if at <= number:
                value = rows.get(key, _ABSENT)
                if value is not _ABSENT:
                    return value
        return self.merged.get(key, _ABSENT)

    def over(self, under: Iterator[Row], lo: bytes, hi: bytes, reverse: bool, number: int) -> Iterator[Row]:
        """Rows of `under` in [lo, hi) with what was pending at a commit laid over them."""
        # Before `merged`: a layer may move there.
        layers = [rows for at, rows in self.layers if at <= number]
        keys = self.keys(lo, hi, reverse)
        above = {key for rows in layers for key in rows if lo <= key < hi}
        if above:
            keys = _once(merge(keys, sorted(above, reverse=reverse), reverse=reverse))
        first = next(keys, None)
        if first is None:
            return under
        merged = self.merged

        def value(key: bytes) -> Any:
            for rows in reversed(layers):
                if key in rows:
                    return rows[key]
            return merged.get(key, _ABSENT)

        return _laid_over(chain((first,), keys), value, under, reverse)

    def rows(self) -> Rows:
        """All of them, as of the last commit."""
        layers = self.layers
        found = dict(self.merged)
        for _, rows in layers:
            found.update(rows)
        return found

    def index_all(self) -> None:
        """After `merged` was filled at once."""
        self._unindexed = [self.merged]

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


State = tuple[_Pending, int, _Pending | None]
"""What is pending, the number of the last commit, what is on its way into the environment: older, and complete."""


class LoggedSnapshot:
    """A read transaction of the environment with the pending rows up to one commit over it."""

    def __init__(self, engine: LoggedEngine) -> None:
        self._engine = engine
        self._base: LmdbSnapshot | None = None
        self._pending: _Pending | None = None
        self._leaving: _Pending | None = None
        self.number = 0
        self.get: Callable[[bytes], bytes | None] = self._get
        self.renew()

    def _get(self, key: bytes) -> bytes | None:
        pending = self._pending
        if pending is None:
            raise StoreError("the snapshot was reset")
        value = pending.look(key, self.number) if pending.layers else pending.merged.get(key, _ABSENT)
        if value is _ABSENT:
            leaving = self._leaving
            if leaving is None:
                return self._under(key)
            value = leaving.look(key, self.number) if leaving.layers else leaving.merged.get(key, _ABSENT)
            if value is _ABSENT:
                return self._under(key)
        found: bytes | None = value
        return found

    def scan(self, lo: bytes, hi: bytes, reverse: bool = False) -> Iterator[Row]:
        pending = self._pending
        if pending is None or self._base is None:
            raise StoreError("the snapshot was reset")
        hi = min(hi, LOG_EPOCH)
        found = self._base.scan(lo, hi, reverse)
        if self._leaving is not None:
            found = self._leaving.over(found, lo, hi, reverse, self.number)
        return pending.over(found, lo, hi, reverse, self.number)

    def renew(self) -> None:
        engine = self._engine
        if self not in engine.snapshots:
            # Known before the state is taken: from here on versions for it are kept.
            self.number = engine.state[1]
            engine.snapshots.add(self)
        state = engine.state
        if state[0] is self._pending and state[2] is self._leaving and self._base is not None:
            # What is read from the environment has not changed: its read transaction serves on.
            self.number = state[1]
            self._choose()
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
        self._pending, self.number, self._leaving = state
        self._under = self._base.get
        self._choose()

    def _choose(self) -> None:
        """When nothing is pending, reads go straight to LMDB; later commits have higher numbers and are not seen."""
        pending = self._pending
        some = pending is not None and (pending.merged or pending.layers)
        self.get = self._get if some or self._leaving is not None else self._under

    def stay(self) -> None:
        """Take the waiting rows along as a copy: otherwise no layer could be folded while this view stands, and every
        read would look through all of them. (What is on its way into the environment is complete: it is shared.)"""
        pending = self._pending
        if pending is None or self not in self._engine.snapshots:
            return
        # The layers first: one that is folded meanwhile is in `merged` then, and laid over it once more in their order.
        layers = [rows for number, rows in pending.layers if number <= self.number]
        own = _Pending()
        own.merged = dict(pending.merged)
        for rows in layers:
            own.merged.update(rows)
        own.index_all()
        self._pending = own
        self._engine.snapshots.discard(self)
        self._choose()

    def reset(self) -> None:
        self._engine.snapshots.discard(self)
        state = self._engine.state
        if self._base is not None and (state[0] is not self._pending or state[2] is not self._leaving):
            self._base.reset()
            self._pending = self._leaving = None
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


class _Leaving:
    """A batch on its way into the environment, and the thread that sees to it."""

    def __init__(self, rows: _Pending, log: LogFile) -> None:
        self.rows = rows
        self.log = log
        self.thread: threading.Thread | None = None
        self.taken = False
        """The environment has it."""
        self.fault: StoreError | None = None


class LoggedEngine:
    """One thread commits and tidies; `state` is what others see."""

    def __init__(self, path: Path, map_bytes: int) -> None:
        self._path = path
        self.base = LmdbEngine(path, map_bytes)
        self.snapshots: set[LoggedSnapshot] = set()
        MERGER.use()
        self._logs = [LogFile(path / name) for name in LOGS]
        self._log = self._logs[0]
        """The one that is written to."""
        self._leaving: _Leaving | None = None
        self._broken = False
        self.state: State = (_Pending(), 0, None)
        try:
            # What a child of a server that was killed has begun is done when it lets this lock go; it begins no more.
            self.base.sound()
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
        self._look()
        if self._broken:
            raise StoreError(f"{self._path}: the environment has failed; restart when its disk is well")
        payload = encode(rows)
        if len(payload) > LARGE_BYTES or self._log.end + len(payload) > LOG_BYTES:
            self._merge()
            self._commit_base(rows)
            self.state = (_Pending(), self.state[1] + 1, None)
            return
        self._log.append(payload)
        pending, number, leaving = self.state
        number += 1
        pending.bytes += len(payload)
        pending.layers += ((number, rows),)
        self.state = (pending, number, leaving)
        oldest = min([snapshot.number for snapshot in list(self.snapshots)], default=number)
        pending.fold(oldest)
        if leaving is not None and leaving.layers:
            leaving.fold(oldest)

    def bulk(self, rows: Rows) -> None:
        """Past the log: it holds nothing about these rows, so its records are as good over the environment with them as
        without."""
        self._commit_base(rows, self.base.bulk)

    def tidy(self, idle: bool) -> None:
        self._look()
        pending, _, leaving = self.state
        rows = len(pending.merged)
        if leaving is not None:
            assert self._leaving is not None
            if self._leaving.thread is not None:
                if rows < BATCHES_WAITING * BATCH_ROWS and pending.bytes < BATCHES_WAITING * BATCH_BYTES:
                    return
                self._leaving.thread.join()
                self._look()
                return
            fault, self._leaving.fault = self._leaving.fault, None
            if fault is not None:  # once told, the next call tries again
                raise fault
            self._send_off(self._leaving)
        elif pending.bytes and idle and (rows <= FEW_ROWS or not self._log.clean):
            self._merge()
        elif (pending.bytes and idle) or pending.bytes >= BATCH_BYTES or rows >= BATCH_ROWS:
            self._turn()

    @property
    def untidy(self) -> bool:
        return self.state[0].bytes > 0 or self._leaving is not None

    def waiting(self) -> list[object]:
        pending, _, leaving = self.state
        return [one for one in (pending if pending.bytes else None, leaving) if one is not None]

    def grow(self) -> None:
        self.base.grow()

    def size(self) -> int:
        return self.base.size() + sum(file.size() for file in self._logs)

    def used(self) -> int:
        return self.base.used() + sum(file.end for file in self._logs)

    def rows(self) -> int:
        return self.base.rows()

    def close(self) -> None:
        with contextlib.suppress(StoreError):  # the log keeps what the environment cannot take now
            self._merge()
        self.close_files()

    def close_files(self) -> None:
        self._wait()
        MERGER.release()
        for file in self._logs:
            file.close()
        self.base.close()

    # -- into the environment -----------------------------------------------------------

    def _turn(self) -> None:
        """Go on in the other log, and have what waits written."""
        if not self._log.clean:
            return  # behind its last record something may stand that looks like one: the next append covers it
        assert self._leaving is None
        pending, number, _ = self.state
        leaving = self._leaving = _Leaving(pending, self._log)
        other = self._logs[0] if self._log is self._logs[1] else self._logs[1]
        other.begin(self._log.epoch + 1)
        self._log = other
        self.state = (_Pending(), number, pending)
        self._send_off(leaving)

    def _send_off(self, leaving: _Leaving) -> None:
        leaving.thread = threading.Thread(
            target=self._take_in, args=(leaving,), name=f"{self._path.name}-batch", daemon=True
        )
        leaving.thread.start()

    def _take_in(self, leaving: _Leaving) -> None:
        """The batch's thread: through the child, and if there is none, here."""
        file = leaving.log
        try:
            map_bytes = self.base.env.info()["map_size"]
            try:
                outcome = MERGER.merge(
                    Batch(str(self._path.resolve()), map_bytes, file.path.name, file.epoch, file.records)
                )
                self._broken = self._broken or not outcome.sound
                checked(outcome)
            except Lost as fault:
                _events.warning("store.merger_lost", reason=str(fault), path=str(self._path))
                if self._stored_epoch() != file.epoch + 1:
                    self._commit_base(leaving.rows.rows() | _epoch_row(file.epoch + 1))
                else:
                    self.base.env.sync(True)
            leaving.taken = True
        except StoreError as fault:
            leaving.fault = fault

    def _look(self) -> None:
        """Has the batch arrived? Then its rows are read from the environment, and its log is free."""
        leaving = self._leaving
        if leaving is None or leaving.thread is None or leaving.thread.is_alive():
            return
        leaving.thread = None
        if leaving.taken:
            self._leaving = None
            pending, number, _ = self.state
            self.state = (pending, number, None)

    def _wait(self) -> None:
        leaving = self._leaving
        if leaving is not None and leaving.thread is not None:
            leaving.thread.join()
        self._look()

    def _merge(self) -> None:
        """Write all pending rows into the environment, durably; the records of both logs are void with it."""
        self._wait()
        pending, number, leaving = self.state
        if not pending.bytes and leaving is None:
            return
        rows = pending.rows()
        if leaving is not None:
            rows = leaving.rows() | rows
        self._commit_base(rows | _epoch_row(self._log.epoch + 1))
        self._log.begin(self._log.epoch + 1)
        self._leaving = None
        self.state = (_Pending(), number, None)

    def _commit_base(self, rows: Rows, commit: Callable[[Rows], None] | None = None) -> None:
        try:
            (commit or self.base.commit)(rows)
        except NeedsRoom:
            raise
        except StoreError:
            # Unless it is certain that the environment stands where it stood, its epoch is not known, and records
            # logged from here on could be void at the next start.
            self._broken = not self.base.sound()
            raise

    def _stored_epoch(self) -> int:
        view = self.base.snapshot()
        stored = view.get(LOG_EPOCH)
        view.close()
        return struct.unpack("<Q", stored)[0] if stored is not None else 0

    def _replay(self) -> None:
        """Both logs: of the oldest epoch that the environment has not, then of the next."""
        epoch = self._stored_epoch()
        first, other = self._logs
        rows = first.replay(epoch)
        if not first.records:
            kept = other.replay(epoch)
            if other.records:
                first, other, rows = other, first, kept
        newer = other.replay(epoch + 1)
        if other.records and not first.records:
            raise StoreError(f"{self._path}: a log is damaged at its start: restore a backup or ask for help")
        self._log = other if other.records else first
        older, pending = _Pending.of(rows, first.end), _Pending.of(newer, other.end)
        if other.records:
            self._leaving = _Leaving(older, first)
            self.state = (pending, 0, older)
        else:
            self.state = (older, 0, None)


def _epoch_row(epoch: int) -> Rows:
    return {LOG_EPOCH: struct.pack("<Q", epoch)}


def open_logged(path: Path, *, map_bytes: int) -> LoggedEngine:
    """The engine named `lmdb`: LMDB with a log in front."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LoggedEngine(path, map_bytes)
