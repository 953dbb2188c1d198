"""One disk at work: a thread of its own that appends what has come together and flushes once for all of it.

Loop side: `append` gives a future; what is wrong with the disk is `health`. The thread touches backend and queue only.
`threaded=False` does everything at once, on the loop: for simulations.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tgserve import log
from tgserve.chunks.backend import (
    Backend,
    DiskFault,
    DiskForeign,
    DiskFull,
    DiskMissing,
    Identity,
    Place,
    Room,
)
from tgserve.errors import StoreError
from tgserve.store import chunk_records as c

OK = "ok"
FULL = "full"
MISSING = "missing"
FOREIGN = "foreign"
FAILING = "failing"
BATCH_BYTES = 8 << 20
"""Appended and flushed at once at most: a flush of more would be felt by the store's own."""

_log = log.get("chunks")


class Append:
    """A record on its way to a disk; a shadow only takes the time."""

    __slots__ = ("future", "record", "shadow")

    def __init__(self, record: bytes, shadow: bool, future: asyncio.Future[Place]) -> None:
        self.record = record
        self.shadow = shadow
        self.future = future


class Task:
    """Anything else the disk's thread is to do."""

    __slots__ = ("fn", "future")

    def __init__(self, fn: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        self.fn = fn
        self.future = future


def _now() -> float:
    return asyncio.get_running_loop().time()


class Disk:
    """`row` is its line in the table of disks. On the loop's thread, except where it says otherwise."""

    def __init__(self, row: c.ChunkDisk, backend: Backend, server: str, threaded: bool) -> None:
        self.row = row
        self.backend = backend
        self.identity = Identity(server, row.disk, row.number)
        self.health = MISSING
        self.fault = ""
        """The last thing that went wrong, in words."""
        self.faults = 0
        self.bad_copies = 0
        """Found since the start."""
        self.room = Room(-1, -1)
        self.pins: dict[int, int] = {}
        """Pack -> puts that have written to it and not yet committed their rows (DISK.md D5)."""
        self.waiting_bytes = 0
        self.away_since = 0.0
        """Loop's time at which it was last found missing or foreign; 0 = it is there."""
        self._outstanding: dict[Append | Task, float] = {}
        """What the thread was given, and when."""
        self._threaded = threaded
        self._queue: queue.SimpleQueue[Append | Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def number(self) -> int:
        return self.row.number

    @property
    def weight(self) -> int:
        return self.row.weight

    @property
    def writable(self) -> bool:
        return self.health == OK and self.row.state == c.DISK_ACTIVE

    @property
    def readable(self) -> bool:
        return self.health in (OK, FULL, FAILING)

    async def start(self) -> None:
        """Open the backend; a disk that is not well is told by `health`, never raised."""
        if self._threaded and self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"disk-{self.number}", daemon=True)
            self._thread.start()
        await self.reopen()

    async def reopen(self) -> None:
        """Try to take the disk into use (again)."""
        try:
            await self.run(lambda: self.backend.open(self.identity))
            self.room = await self.run(self.backend.room)
        except StoreError as fault:
            self.suffered(fault)
        else:
            self.well()

    async def close(self) -> None:
        """End after what is queued."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, 10)
            self._thread = None
        self.backend.close()

    def append(self, record: bytes, shadow: bool = False) -> asyncio.Future[Place]:
        """The record's place, once it is durable; DiskFull or DiskFault. A place is pinned until `unpin`."""
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._give(Append(record, shadow, future))
        return future

    def run(self, fn: Callable[[], Any]) -> asyncio.Future[Any]:
        """fn() in the disk's thread, behind what is queued before it."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._give(Task(fn, future))
        return future

    def unpin(self, pack: int) -> None:
        left = self.pins[pack] - 1
        if left:
            self.pins[pack] = left
        else:
            del self.pins[pack]

    def suffered(self, fault: BaseException) -> None:
        """Take note of what went wrong; the watch finds out when it is over."""
        before = self.health
        if isinstance(fault, DiskFull):
            self.health = FULL
        elif isinstance(fault, DiskForeign):
            self.health = FOREIGN
        elif isinstance(fault, DiskMissing):
            self.health = MISSING
        else:
            self.health = FAILING
        self.fault = str(fault)
        self.faults += 1
        if not self.readable and not self.away_since:
            self.away_since = _now()
        if self.health != before:
            _log.error("disk.state", disk=self.number, state=self.health, reason=self.fault)

    @property
    def busy_long(self) -> bool:
        """The thread is at something that was given up already."""
        return bool(self._outstanding) and next(iter(self._outstanding.values())) + 1 < _now()

    def full(self) -> None:
        """No room, as the watch has seen it; not a fault."""
        if self.health != FULL:
            _log.warning("disk.state", disk=self.number, state=FULL)
        self.health = FULL

    def well(self) -> None:
        if self.health != OK:
            _log.info("disk.state", disk=self.number, state=OK)
        self.health = OK
        self.fault = ""
        self.away_since = 0.0

    # Inside.

    def _give(self, item: Append | Task) -> None:
        if isinstance(item, Append):
            self.waiting_bytes += len(item.record)
        if not self._threaded:
            self._settle(self._do([item]))
            return
        if self._thread is None:
            self._settle([(item, DiskMissing("the disk is closed"))])
            return
        self._loop = asyncio.get_running_loop()
        self._outstanding[item] = self._loop.time()
        self._queue.put(item)

    def give_up(self, seconds: float) -> bool:
        """If the thread has not answered for so long (a dying drive, a hung network share): fail what waits for it."""
        if not self._outstanding or _now() - next(iter(self._outstanding.values())) < seconds:
            return False
        fault = DiskFault(f"{self.row.path}: no answer for {seconds:.0f} s")
        self.suffered(fault)
        for item in self._outstanding:
            if not item.future.done():
                item.future.set_exception(fault)
        return True

    def _settle(self, done: list[tuple[Append | Task, Any]]) -> None:
        """On the loop: pin the places first, then let the futures know."""
        for item, result in done:
            self._outstanding.pop(item, None)
            if isinstance(item, Append):
                self.waiting_bytes -= len(item.record)
                if isinstance(result, BaseException):
                    self.suffered(result)
                elif not item.shadow:
                    if item.future.done():
                        continue  # nobody waits any more: garbage
                    self.pins[result.pack] = self.pins.get(result.pack, 0) + 1
            if item.future.done():
                continue
            if isinstance(result, BaseException):
                item.future.set_exception(result)
            else:
                item.future.set_result(result)

    # In the disk's thread.

    def _work(self) -> None:
        while True:
            item = self._queue.get()
            if item is None:
                return
            batch: list[Append | Task] = [item]
            size = len(item.record) if isinstance(item, Append) else 0
            ended = False
            while isinstance(batch[-1], Append) and size < BATCH_BYTES:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ended = True
                    break
                batch.append(more)
                if isinstance(more, Append):
                    size += len(more.record)
            done = self._do(batch)
            assert self._loop is not None
            with suppress(RuntimeError):  # the loop was closed before the disk
                self._loop.call_soon_threadsafe(self._settle, done)
            if any(isinstance(item, Append) and item.shadow for item in batch):
                self.backend.forget_shadows()
            if ended:
                return

    def _do(self, batch: list[Append | Task]) -> list[tuple[Append | Task, Any]]:
        appends = [item for item in batch if isinstance(item, Append)]
        done: list[tuple[Append | Task, Any]] = []
        if appends:
            records = [item.record for item in appends if not item.shadow]
            shadows = [item.record for item in appends if item.shadow]
            try:
                places = iter(self.backend.append(records, shadows))
                done += [(item, None if item.shadow else next(places)) for item in appends]
            except StoreError as fault:
                done += [(item, fault) for item in appends]
            except OSError as fault:
                done += [(item, DiskFault(str(fault))) for item in appends]
        for item in batch:
            if isinstance(item, Task):
                try:
                    done.append((item, item.fn()))
                except (StoreError, OSError) as fault:
                    done.append((item, fault if isinstance(fault, StoreError) else DiskFault(str(fault))))
        return done
