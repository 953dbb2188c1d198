"""Mover: slots go from one shard to another while clients write. docs/DISK.md 3 has the order and what a crash leaves.

For some slots at a time (a batch, at most BATCH_SLOTS of them or about BATCH_BYTES):

1. `_mark`   COPYING in the target names them: what is there of them without more is a half copy.
2. `_watch`  The source's groups leave what they write to these slots in `tails`, too.
3. `_copy`   A piece of COPY_ROWS rows after another, each from a snapshot of its own, goes to the target past its log.
             Pieces are of different moments: the tail has whatever changed meanwhile, and is written over them.
4. `_replay` The tail, again and again until it is short.
5. `_switch` The gate is shut over all shards: nothing in flight, no parcel under way from or for these slots (I7). The
             last of the tail and HOME with higher epochs are ONE commit of the target: now it owns the slots. The table
             is changed, what waited for the slots waits there, the gate is opened.
6. `_purge`  The source's rows go in small commits, and its epochs of the slots.

One job at a time. Whatever fails before 5 is committed leaves everything as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from tgserve import log
from tgserve.errors import StoreError, StoreFull
from tgserve.store.engine import NeedsRoom, Rows
from tgserve.store.ownership import (
    AWAY_SECONDS,
    all_away,
    copying_rows,
    epochs_of,
    home_rows,
    leftovers,
    read_copying,
    read_home,
    rows_of,
    wipe_some,
)
from tgserve.store.places import forget, free_bytes, name_of, prepare
from tgserve.store.shards import Store
from tgserve.store.verify import Verdict
from tgserve.store.writer import Shard

T = TypeVar("T")

BATCH_SLOTS = 32
BATCH_BYTES = 16_000_000
COPY_ROWS = 4000
COPY_BYTES = 2_000_000
"""A piece: so long a reader stands in the source, and the target's environment has no other writer."""
FULL_BYTES = 2 * COPY_BYTES
"""A disk with less room than this is full when a write fails."""
READ_ROWS = 250
"""Between two looks at how many bytes they are."""
WIPE_ROWS = 4000
TAIL_ROWS = 100
"""A tail of so few rows is left to the gate."""
TAIL_ROUNDS = 20
GATE_SECONDS = 0.006
"""The gate is given up when what is under way does not come to rest within this: tried again, for longer each time."""
GATE_MOST_SECONDS = 0.05
GATE_COMMITS = 4
"""On a slow disk: as long as so many commits take. What is under way needs one where it is, one where it goes, and one
that says that it came; nobody's answer comes sooner there anyhow."""
GATE_SLOW_SECONDS = 2.0
"""But no longer, as nobody writes meanwhile: one commit that hung for once says nothing of the disk."""
GATE_TRIES = 100
GATE_PAUSES = 4
"""After a gate that was given up all goes on for so many times as long as it may be shut."""
CLAIM_BYTES = 1_000_000
"""What the gate's commit may hold at most: more would go past the log, and take long."""
RETRY_SECONDS = 0.5

_log = log.get("moving")


@dataclass(slots=True)
class Progress:
    """What a job has done so far; `total` is an estimate until it ends."""

    done: int = 0
    """Bytes of keys and values."""
    total: int = 0
    rows: int = 0
    slots: int = 0
    slots_total: int = 0
    purged: int = 0
    """Rows deleted behind the slots."""
    moved_at: float = 0.0
    """When the last slot was moved (the store's monotonic clock); what is left is deleting."""
    gates: list[float] = field(default_factory=list)
    """How long each was shut, seconds."""
    gave_up: int = 0
    """Gates opened again because something was under way."""
    told: Callable[[Progress], None] = lambda progress: None
    """Called after each piece."""


@dataclass(slots=True)
class _Reading:
    """Where the copying of some slots stands."""

    slots: list[int]
    at: int = 0
    """Of `slots`: all before it are copied."""
    after: bytes = b""
    """The last key copied of that one."""


Plan = dict[tuple[int, int], list[int]]
"""(source, target) -> slots."""


def spread(table: Sequence[int], shards: Iterable[int], leave: int | None = None) -> dict[int, int]:
    """Slot -> new shard, for as few slots as possible, so that all shards have equally many (but one slot). With
    `leave`: only what that shard has moves, to the others."""
    owned: dict[int, list[int]] = {number: [] for number in shards}
    for slot, number in enumerate(table):
        owned.setdefault(number, []).append(slot)
    moves: dict[int, int] = {}
    if leave is not None:
        for slot in owned.pop(leave):
            least = min(owned, key=lambda number: (len(owned[number]), number))
            owned[least].append(slot)
            moves[slot] = least
        return moves
    while True:
        most = max(owned, key=lambda number: (len(owned[number]), -number))
        least = min(owned, key=lambda number: (len(owned[number]), number))
        if len(owned[most]) - len(owned[least]) <= 1:
            return moves
        slot = owned[most].pop(0)
        owned[least].append(slot)
        moves[slot] = least


class Mover:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.progress: Progress | None = None
        """Of the job under way."""
        self.verdict = Verdict()
        """Of the last verification."""
        self._changing = False
        """A shard is being added or removed."""
        self._stopping = False
        store.before_close.append(self.stop)

    def must_be_free(self) -> None:
        """StoreError while a job is under way."""
        if self.progress is not None or self._changing:
            raise StoreError("the shards are being changed already: wait for the end of it")

    async def stop(self) -> None:
        """End a job that is under way, at once: the next start takes back what is half done."""
        self._stopping = True
        while self.progress is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    async def add(self, place: Path) -> Shard:
        """A new shard without slots in an empty folder. StoreError: why not, and nothing has changed."""
        return await self._add(place, beside=False)

    async def add_beside(self, number: int) -> Shard:
        """A new shard where that one lies."""
        return await self._add(self.store.folder(number).parent, beside=True)

    async def remove(self, number: int) -> None:
        """Forget a shard without slots, and delete its files."""
        self.must_be_free()
        self._changing = True
        try:
            store = self.store
            folder = store.folder(number)
            await self._purge(store.shard(number), Progress())
            await self._put_away(store.shard(number))  # nobody writes there any more when its files go
            await store.remove_shard(number)
            await self._apart(lambda: forget(folder))
        finally:
            self._changing = False

    async def _add(self, place: Path, beside: bool) -> Shard:
        self.must_be_free()
        self._changing = True
        try:
            store = self.store
            number, found = store.format.next_number, store.format
            folder = await self._apart(lambda: prepare(place, number, found, store.path, beside))
            try:
                return await store.add_shard(folder, name_of(folder, store.path))
            except BaseException:
                await self._apart(lambda: forget(folder))
                raise
        finally:
            self._changing = False

    async def move(self, moves: dict[int, int], progress: Progress | None = None) -> Progress:
        """Slot -> new shard. StoreError: why it ended early; slots that were moved by then stay moved."""
        self.must_be_free()
        progress = progress or Progress()
        plan = self._plan(moves)
        progress.slots_total = sum(len(slots) for slots in plan.values())
        progress.total = sum(self._estimate(source, len(slots)) for (source, _), slots in plan.items())
        self.progress = progress
        try:
            for shard in self.store.shards:
                await self._purge(shard, progress)
            progress.purged = 0
            for (source, target), slots in plan.items():
                await self._pair(self.store.shard(source), self.store.shard(target), slots, progress)
            progress.total = progress.done
        finally:
            self.progress = None
        return progress

    def estimate(self, moves: dict[int, int]) -> dict[int, int]:
        """About how many bytes come to each target."""
        coming: dict[int, int] = {}
        for (source, target), slots in self._plan(moves).items():
            coming[target] = coming.get(target, 0) + self._estimate(source, len(slots))
        return coming

    def _plan(self, moves: dict[int, int]) -> Plan:
        plan: Plan = {}
        for slot, target in sorted(moves.items()):
            source = self.store.table[slot]
            self.store.shard(target)
            if source != target:
                plan.setdefault((source, target), []).append(slot)
        return plan

    def _estimate(self, source: int, slots: int) -> int:
        return self.store.shard(source).engine.used() * slots // max(1, self.store.table.count(source))

    async def _pair(self, source: Shard, target: Shard, slots: list[int], progress: Progress) -> None:
        try:
            await self._put_away(target)
            for at in range(0, len(slots), BATCH_SLOTS):
                reading = _Reading(slots[at : at + BATCH_SLOTS])
                await self._mark(target, reading.slots)
                for slot in reading.slots:
                    self._watch(source, slot)
                while reading.slots:
                    await self._batch(source, target, reading, progress)
            await self._purge(source, progress)
        except BaseException:
            source.tails.clear()
            if not self._stopping:
                await self._purge_or_leave(target, progress)
                await self._purge_or_leave(source, progress)
            raise

    async def _batch(self, source: Shard, target: Shard, reading: _Reading, progress: Progress) -> None:
        """Move as many of the slots, marked and watched already, as make a batch."""
        await self._copy(source, target, reading, progress)
        batch, coming = reading.slots[: reading.at], reading.slots[reading.at :]
        await self._replay(source, target, batch)
        await self._switch(source, target, batch, coming, progress)
        reading.slots, reading.at = coming, 0
        progress.told(progress)

    # The steps.

    async def _mark(self, target: Shard, slots: list[int]) -> None:
        rows = copying_rows(slots)
        await _settled(target.aside(lambda: target.engine.commit(rows)))

    def _watch(self, source: Shard, slot: int) -> None:
        source.tails[slot.to_bytes(2, "big")] = {}

    async def _copy(self, source: Shard, target: Shard, reading: _Reading, progress: Progress) -> None:
        """Until a batch's worth of slots is copied, or all; a slot may be begun beyond them."""
        began = progress.done
        while reading.at < len(reading.slots):
            if reading.at and progress.done - began >= BATCH_BYTES:
                return
            self._go_on()
            rows, size = await self._apart(lambda: self._piece(source, target, reading))
            progress.rows += rows
            progress.done += size
            progress.total = max(progress.total, progress.done)
            progress.told(progress)

    def _piece(self, source: Shard, target: Shard, reading: _Reading) -> tuple[int, int]:
        """Read and write one, in another thread: how many rows, how many bytes."""
        piece: Rows = {}
        size = 0
        view = source.engine.snapshot()
        try:
            while reading.at < len(reading.slots) and len(piece) < COPY_ROWS and size < COPY_BYTES:
                rows = rows_of(view, reading.slots[reading.at], reading.after)
                while len(piece) < COPY_ROWS and size < COPY_BYTES:
                    some: Rows = dict(islice(rows, READ_ROWS))
                    piece.update(some)
                    size += _bytes(some)
                    if len(some) < READ_ROWS:
                        reading.at += 1
                        reading.after = b""
                        break
                    reading.after = next(reversed(some))
        finally:
            view.close()
        if piece:
            self._write(target, piece)
        return len(piece), size

    async def _replay(self, source: Shard, target: Shard, batch: list[int]) -> None:
        for _ in range(TAIL_ROUNDS):
            tail = self._tail(source, batch)
            if len(tail) > TAIL_ROWS:
                for slot in batch:
                    self._watch(source, slot)
            else:
                return
            self._go_on()
            await self._apart(lambda: self._write(target, tail))  # noqa: B023 - awaited here

    def _tail(self, source: Shard, batch: list[int]) -> Rows:
        found: Rows = {}
        for slot in batch:
            found.update(source.tails[slot.to_bytes(2, "big")])
        return found

    async def _switch(
        self, source: Shard, target: Shard, batch: list[int], coming: list[int], progress: Progress
    ) -> None:
        store, clock = self.store, self.store.clock
        slots = frozenset(batch)
        patience, slowest = GATE_SECONDS, 0.0
        for _ in range(GATE_TRIES):
            self._go_on()
            await self._calm()
            try:
                for _ in range(50):
                    if not store.under_way(slots):
                        break
                    await asyncio.sleep(0.001)
                await self._replay(source, target, batch)
                began = clock.monotonic()
                try:
                    if await store.shut_gate(slots, patience):
                        try:
                            tail = self._tail(source, batch)
                            if _bytes(tail) <= CLAIM_BYTES:
                                await self._claim(source, target, batch, coming, tail)
                                return
                        finally:
                            store.open_gate()
                finally:
                    progress.gates.append(clock.monotonic() - began)
            finally:
                store.calm -= 1
            progress.gave_up += 1
            slowest = max(slowest, *(shard.stats.last_commit_seconds for shard in store.shards))
            most = min(GATE_COMMITS * slowest, GATE_SLOW_SECONDS)
            patience = min(patience * 1.5, max(GATE_MOST_SECONDS, most))
            await asyncio.sleep(patience * GATE_PAUSES)
        raise StoreError(
            f"slots {_some(batch)}: what is on its way from or to them does not come to rest (is a shard's disk full?)"
        )

    async def _calm(self) -> None:
        """No engine keeps house from here on, and none is about it."""
        self.store.calm += 1
        try:
            for waiting in [shard.aside(_nothing) for shard in self.store.shards]:
                await _settled(waiting)
        except BaseException:
            self.store.calm -= 1
            raise

    async def _claim(
        self, source: Shard, target: Shard, batch: list[int], coming: list[int], tail: Rows
    ) -> None:
        """The commit that moves the slots, and what follows from it. Not to be interrupted."""
        store = self.store
        epochs = self._epochs(target)
        for slot in batch:
            epochs[slot] = store.epochs[slot] + 1
        rows = {
            **tail,
            **home_rows(target.number, store.format.store, epochs),
            **copying_rows(coming),
        }
        try:
            cancelled = await _ended(target.aside(lambda: target.engine.commit(rows)))
        except BaseException as fault:
            await self._keep(source, batch, fault)
            raise
        store.give_slots(batch, source, target)
        if self.progress is not None:
            self.progress.slots += len(batch)
            self.progress.moved_at = store.clock.monotonic()
        for slot in batch:
            del source.tails[slot.to_bytes(2, "big")]
        if cancelled:
            raise asyncio.CancelledError

    async def _keep(self, source: Shard, batch: list[int], fault: BaseException) -> None:
        """The target's commit failed, but may come back at the next start: the source takes a higher epoch before
        anything is written to the slots again. Until it has, nothing goes on."""
        _log.error("moving.claim_failed", fault, reason=str(fault))
        store = self.store
        epochs = self._epochs(source)
        for slot in batch:
            epochs[slot] = store.epochs[slot] = store.epochs[slot] + 2
        rows = home_rows(source.number, store.format.store, epochs)
        while True:
            try:
                await _ended(source.aside(lambda: source.engine.commit(rows)))
                return
            except StoreError as refused:
                _log.error("moving.keep_failed", refused, shard=source.number, reason=str(refused))
            pause: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(RETRY_SECONDS, pause.set_result, None)
            await _ended(pause)

    async def _purge(self, shard: Shard, progress: Progress) -> None:
        """Delete what lies in a shard of slots that another owns: those it has given away, and half copies."""

        def look() -> tuple[list[int], bool]:
            view = shard.engine.snapshot()
            try:
                return leftovers(shard.number, view, self.store.table), bool(read_copying(view))
            finally:
                view.close()

        left, marked = await self._apart(look)
        if left:
            await self._put_away(shard)
            waiting = list(left)
            while waiting:
                self._go_on()
                progress.purged += await self._wipe(shard, waiting)
                progress.told(progress)
            await self._disown(shard, left)
        if marked:
            await self._mark(shard, [])

    async def _put_away(self, shard: Shard) -> None:
        """What waits in memory would come back over what is written, or deleted, below it."""
        before = shard.engine.waiting()
        while not all_away(shard.engine, before):
            await _settled(shard.aside(lambda: shard.engine.tidy(True)))
            self._go_on()
            await asyncio.sleep(AWAY_SECONDS)

    async def _disown(self, source: Shard, slots: list[int]) -> None:
        epochs = self._epochs(source)
        for slot in slots:
            if self.store.table[slot] != source.number:
                epochs[slot] = 0
        rows = home_rows(source.number, self.store.format.store, epochs)
        await _settled(source.aside(lambda: source.engine.commit(rows)))

    # When something went wrong.

    async def _purge_or_leave(self, shard: Shard, progress: Progress) -> None:
        """What cannot go now goes before the next move to that shard, or at the next start."""
        try:
            await self._purge(shard, progress)
        except StoreError as fault:
            _log.error("moving.not_purged", fault, shard=shard.number, reason=str(fault))

    # How.

    def _go_on(self) -> None:
        if self._stopping:
            raise StoreError("the server stops: what was half moved stays where it was")

    def _epochs(self, shard: Shard) -> list[int]:
        view = shard.engine.snapshot()
        try:
            home = read_home(view)
        finally:
            view.close()
        if home is None:
            raise StoreError(f"shard {shard.number} does not say whose it is")
        return epochs_of(home)

    async def _wipe(self, shard: Shard, slots: list[int]) -> int:
        return await self._apart(
            lambda: self._roomy(shard, lambda: wipe_some(shard.engine, slots, WIPE_ROWS))
        )

    def _write(self, target: Shard, rows: Rows) -> None:
        try:
            self._roomy(target, lambda: target.engine.bulk(rows))
        except StoreError as fault:
            if isinstance(fault, StoreFull) or self._is_full(target):
                raise StoreFull(f"shard {target.number} has no room for the slots: {fault}") from fault
            raise

    def _is_full(self, shard: Shard) -> bool:
        """LMDB calls a write that a full disk cut short an input/output error."""
        folder = self.store.folder(shard.number)
        return folder.is_dir() and free_bytes(folder) < FULL_BYTES

    def _roomy(self, shard: Shard, write: Callable[[], T]) -> T:
        while True:
            try:
                return write()
            except NeedsRoom:
                self.store.make_room(shard.engine)

    async def _apart(self, work: Callable[[], T]) -> T:
        """In another thread, or here when the store has none."""
        if not self.store.threaded:
            await asyncio.sleep(0)
            return work()
        future: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(None, work)
        if await _ended(future):
            raise asyncio.CancelledError
        return future.result()


async def _ended(future: asyncio.Future[T]) -> bool:
    """Wait for its end, although this task is cancelled meanwhile: then True. Raises what the future raises."""
    cancelled = False
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            cancelled = True
    future.result()
    return cancelled


async def _settled(future: asyncio.Future[None]) -> None:
    """As `_ended`; a cancellation comes after it."""
    if await _ended(future):
        raise asyncio.CancelledError


def _nothing() -> None:
    return None


def _bytes(rows: Rows) -> int:
    return sum([len(key) + len(value or b"") for key, value in rows.items()])


def _some(slots: list[int]) -> str:
    return ", ".join(map(str, slots[:5])) + (" ..." if len(slots) > 5 else "")
