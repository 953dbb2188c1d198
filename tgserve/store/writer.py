"""One shard: its queue, and what turns the queue into one durable commit after another.

docs/DISK.md 4 and 5 are the rules; I1-I8 are named where they are kept. A group's functions run on the loop, one after
another, for a few milliseconds at most; the disk's part of it, the engine's commit, is done by the shard's thread, and
its end is told to the loop. There is one group in flight: whatever comes meanwhile is the next group, so the batching
window is the commit itself. `_serve` and what it calls run on the shard's thread, everything else on the loop
(docs/decisions/0005).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from tgserve import limits, log
from tgserve.clock import Clock
from tgserve.errors import StoreError
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.engine import Engine, NeedsRoom, Rows
from tgserve.store.keyspaces import APPLIED, OUTBOX_HEAD, PARKED
from tgserve.store.outbox import (
    RETRY_MOST_SECONDS,
    RETRY_SECONDS,
    Cursors,
    Handler,
    Handover,
    ParkedStream,
    outbox_item,
    pack_parcels,
    read_cursors,
    read_parked,
)
from tgserve.store.packing import META_SLOT
from tgserve.store.retention import Retention
from tgserve.store.slots import slot_of, slots_of
from tgserve.store.transaction import MANY_SLOTS, NOT_ENCODED, OutboxItem, Reader, Txn

PARKED_AT_ONCE = 500
DELETIONS_AT_ONCE = 4000
"""Applied parcels whose rows wait for deletion: this many are worth a commit of their own."""
IDLE_SECONDS = 1.0
"""After this long without work they are deleted anyway."""
COMMIT_RETRY_SECONDS = 0.5
"""Parcels and parked rows wait so long after a commit failed; jobs try at once."""
RUN_SECONDS = 0.004
"""So long at most a group's parcels, and so long its jobs, may keep the loop from other work; what is left is the next
group's. One job runs in any case."""

_ENCODE = msgspec.msgpack.Encoder().encode
_log = log.get("store")


class Host(Protocol):
    """What a shard asks of the store it belongs to."""

    clock: Clock
    handlers: dict[type, Handler]
    retention: Retention

    table: list[int]
    """Slot -> shard number."""

    held: int
    """No group may begin while it is above 0."""

    draining: bool
    """Parcels are taken all the same."""

    calm: int
    """No house-keeping while it is above 0."""

    def hand_to(self, handover: Handover) -> None:
        """Pass a durable parcel to its target."""

    def applied(self, handovers: list[Handover]) -> None:
        """These parcels are durable in the target: their sources may delete the rows."""

    def finish(self, shard: Shard, jobs: list[Commit[Any]], published: list[Any]) -> None:
        """A group has ended, in order of the shard's groups."""

    def schedule(self, shard: Shard, seconds: float) -> None:
        """Call shard.pump(late=seconds > 0) in so many seconds."""

    def tell(self, fn: Callable[..., None], *arguments: Any) -> None:
        """From the shard's thread: call fn(*arguments) on the loop."""

    def landed(self) -> None:
        """A group has ended, or nothing came of it."""

    def make_room(self, engine: Engine) -> None:
        """From the thread that commits: let the engine grow while nobody reads. StoreFull when it cannot."""


@dataclass(slots=True)
class ShardStats:
    """Figures since the start; times in seconds."""

    number: int
    bytes: int = 0
    queue: int = 0
    commits: int = 0
    jobs: int = 0
    items: int = 0
    """Outbox payloads applied."""
    rows: int = 0
    groups: int = 0
    largest_group: int = 0
    commit_seconds: float = 0.0
    last_commit_seconds: float = 0.0
    failed_commits: int = 0
    failed_items: int = 0
    parked_streams: int = 0


@dataclass(slots=True)
class _Group:
    """What one round has gathered until it is durable."""

    cursors: Cursors
    until: float
    """No more is taken in after this (monotonic)."""
    rows: Rows = field(default_factory=dict)
    """Filled by the seal; the engine's from then on."""
    jobs: list[Commit[Any]] = field(default_factory=list)
    published: list[Any] = field(default_factory=list)
    outgoing: dict[int, list[OutboxItem]] = field(default_factory=dict)
    handovers: list[Handover] = field(default_factory=list)
    applied: list[Handover] = field(default_factory=list)
    marked: set[int] = field(default_factory=set)
    deletions: list[bytes] = field(default_factory=list)
    work: int = 0
    bytes: int = 0
    took: float = 0.0
    """Seconds of the commit."""
    parked_touched: bool = False

    def full(self) -> bool:
        return self.work >= limits.GROUP_JOBS or self.bytes >= limits.TRANSACTION_BYTES


@dataclass(slots=True)
class _Aside:
    """Something for the shard's thread between two groups."""

    work: Callable[[], None]
    done: asyncio.Future[None]

    def end(self, fault: BaseException | None) -> None:
        if self.done.done():
            return
        if fault is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(fault)


class Shard:
    """Use: start(), then `pending.append(commit)` + hand_over, drain(), stop()."""

    def __init__(self, number: int, engine: Engine, host: Host, threaded: bool) -> None:
        self.number = number
        self.engine = engine
        self.pending: list[Commit[Any]] = []
        self.in_flight = 0
        self.stats = ShardStats(number)
        self.tails: dict[bytes, Rows] = {}
        """First two bytes of a slot's keys -> what has been committed of it, while it is copied."""
        self._host = host
        self._clock = host.clock
        self._handlers = host.handlers
        self._jobs: deque[Commit[Any]] = deque()
        self._handovers: deque[Handover] = deque()
        self._deletions: deque[bytes] = deque()
        self._snapshot = engine.snapshot()
        self._txn = Txn(self._snapshot, host.retention)
        self._cursors = Cursors()
        self._parked: dict[tuple[int, int], ParkedStream] = {}
        self.sent_before = 0
        """Parcels of ours found on disk at the start."""
        self._undeleted = 0
        """Parcels of ours sent since and not yet deleted."""
        self._scheduled = self._paused = False
        self._hold_until = 0.0
        self._tidy_after = 0.0
        self._flight: _Group | None = None
        """What the shard's thread is committing."""
        self._rounds = self._seen = 0
        """Groups begun; as many as at the last pause: nothing has come since."""
        self._work: SimpleQueue[_Group | _Aside | bool | None] = SimpleQueue()
        """For the thread: a group to commit, something aside, True to tidy up at leisure, None to end."""
        self._thread = (
            threading.Thread(target=self._serve, name=f"store-{number}", daemon=True) if threaded else None
        )
        self.reload()

    def hand_over(self) -> None:
        """Queue what this turn of the loop has given us, and begin a group of it unless one is in flight."""
        jobs = self.pending
        if jobs:
            self.pending = []
            self._jobs.extend(jobs)
            if self._thread is None:
                self.wake()
            elif self._flight is None:
                self.advance()

    def give(self, work: Handover | bytes) -> None:
        """A parcel to apply, or the key of an applied one's row to delete (no hurry)."""
        if isinstance(work, bytes):
            self._deletions.append(work)
        else:
            self._handovers.append(work)
            self.wake()

    def wake(self) -> None:
        if not self._scheduled and self._flight is None:
            self._scheduled = True
            self._host.schedule(self, 0.0)

    @property
    def flying(self) -> bool:
        """A group is on its way to the disk."""
        return self._flight is not None

    @property
    def idle(self) -> bool:
        """Nothing queued and nothing being done; parked rows and rows to delete do not count."""
        return not (self._jobs or self._handovers or self.pending or self._flight)

    def concerned(self, slots: Collection[int]) -> bool:
        """Does a parcel wait here that has something from or for one of these slots?"""
        return any(_concerns(item, slots) for handover in self._handovers for item in handover.items)

    def aside(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Do something with the engine on the shard's thread, between two groups."""
        aside = _Aside(work, asyncio.get_running_loop().create_future())
        if self._thread is None:
            aside.end(self._attempt(work))
        else:
            self._work.put(aside)
        return aside.done

    def release(
        self, slots: Collection[int]
    ) -> tuple[list[Commit[Any]], dict[tuple[int, int], ParkedStream]]:
        """These slots go to another shard, with what waits for them. Nothing is in flight."""
        gone = [job for job in (*self._jobs, *self.pending) if job.slot in slots]
        self._jobs = deque(job for job in self._jobs if job.slot not in slots)
        self.pending = [job for job in self.pending if job.slot not in slots]
        self.in_flight -= len(gone)
        parked = {key: stream for key, stream in self._parked.items() if key[1] in slots}
        for key in parked:
            del self._parked[key]
        return gone, parked

    def adopt(self, jobs: list[Commit[Any]], parked: dict[tuple[int, int], ParkedStream]) -> None:
        """Slots have come, their rows past the views of the engine that stand: new ones see them."""
        self._jobs.extend(jobs)
        self.in_flight += len(jobs)
        self._parked.update(parked)
        self._snapshot.close()
        self._snapshot = self.engine.snapshot()
        self._snapshot.reset()
        self._txn = Txn(self._snapshot, self._host.retention)

    def start(self) -> None:
        if self._thread is not None:
            self._thread.start()

    def pump(self, late: bool = False) -> None:
        """Begin a group if there is something to do. `late`: a pause has passed."""
        if late:
            self._paused = False
        else:
            self._scheduled = False
        if self._flight is None and not self.advance() and late:
            quiet = self._rounds == self._seen
            if quiet and not self.advance(tidy=True) and self.engine.untidy:
                self._leisure()
        self._rest()

    def _rest(self) -> None:
        """Be called again when a pause has passed, if there is something that waits for one."""
        patience = self._patience()
        if patience > 0 and not self._paused:
            self._paused = True
            self._seen = self._rounds
            self._host.schedule(self, patience)

    def _leisure(self) -> None:
        if self._thread is not None:
            self._work.put(True)
        else:
            self._tidy(idle=True)

    def stop(self) -> None:
        """End the thread; blocks until it has ended. Nothing may be in flight. Close the engine after it."""
        if self._thread is not None and self._thread.ident is not None:
            self._work.put(None)
            self._thread.join()

    def close(self) -> None:
        self._snapshot.close()

    def reload(self) -> None:
        """Take the numbers and parked streams from disk: at the start, and after a commit that failed."""
        self._snapshot.renew()
        reader = Reader(META_SLOT, self._snapshot)
        self._cursors = read_cursors(reader)
        own = [slot for slot, number in enumerate(self._host.table) if number == self.number]
        self._parked = read_parked(reader, own)
        self._snapshot.reset()
        self.stats.parked_streams = len(self._parked)

    def _patience(self) -> float:
        """How long to wait when nothing comes, -1 = for ever."""
        if self._handovers or self._parked:
            return COMMIT_RETRY_SECONDS
        return IDLE_SECONDS if self._undeleted + self.sent_before > 0 or self.engine.untidy else -1

    def advance(self, tidy: bool = False) -> bool:
        """Begin one group of what is queued; False when there is nothing to do or nothing may be begun. `tidy`: also
        delete the rows of applied parcels, however few."""
        if self._flight is not None:
            return True
        if self._host.held and not (self._host.draining and self._handovers):
            return False
        held = self._clock.monotonic() < self._hold_until
        ready = self._jobs or (not held and (self._handovers or self._parked_due()))
        few = 1 if tidy else DELETIONS_AT_ONCE
        if not ready and (held or len(self._deletions) < few):
            return False
        self._round(held)
        return True

    def _round(self, held: bool) -> None:
        """Gather, run, seal; then to the disk."""
        self._rounds += 1
        group = self._flight = _Group(self._cursors.copy(), self._clock.monotonic() + RUN_SECONDS)
        try:
            self._snapshot.renew()
            self._txn.open_group()
            if not held:
                self._take_parcels(group)
            if not self._host.held:
                if not held:
                    self._retry_parked(group)
                self._run_jobs(group)
            self._seal(group)
        except BaseException as raised:  # every job must learn of it, and the shard must live on
            self._snapshot.reset()
            self._ended(group, raised)
            return
        self._snapshot.reset()  # nothing is read any more: the engine need not keep older versions for us
        if not group.rows:
            self._ended(group, None)
        elif self._thread is not None:
            self._work.put(group)
        else:
            self._host.tell(self._ended, group, self._commit(group))
            if self._clock.monotonic() >= self._tidy_after:
                self._tidy(idle=False)

    def _ended(self, group: _Group, fault: BaseException | None) -> None:
        """The group is durable, or lost."""
        self._flight = None
        if fault is None:
            self._kept(group)
        else:
            self._lost(group, fault)
        self._host.landed()
        if self._jobs or self._handovers:
            self.wake()
        self._rest()

    def _take_parcels(self, group: _Group) -> None:
        """Apply what other shards have sent, in order, as far as the group has room (I6, I7)."""
        marks = group.cursors.marks
        monotonic = self._clock.monotonic
        table, own = self._host.table, self.number
        for handover in self._handovers:
            seq, done = marks.get(handover.source, (0, 0))
            if handover.number <= seq:
                group.applied.append(handover)  # it came twice: in memory and from disk
                continue
            if handover.number != seq + 1:
                raise StoreError(f"parcel {handover.number} of shard {handover.source} comes after {seq}")
            group.marked.add(handover.source)
            items = handover.items
            while done < len(items):
                if group.full() or (not done & 7 and monotonic() > group.until):
                    marks[handover.source] = (seq, done)
                    return
                item = items[done]
                if type(item[3]) is pl.DeliverAll:
                    self._apply_all(item[0], item[3], item[4], group)
                elif table[item[1]] != own:
                    self._deliver((item,), group)  # the slot has moved on: so does the item (I6)
                elif self._apply(item, group) and self._txn.outgoing:
                    self._deliver(self._txn.outgoing, group)
                done += 1
            marks[handover.source] = (seq + 1, 0)
            group.applied.append(handover)

    def _parked_due(self) -> bool:
        if not self._parked:
            return False
        now = self._clock.monotonic()
        return any(stream.due <= now for stream in self._parked.values())

    def _retry_parked(self, group: _Group) -> None:
        """Try parked streams again, each in its order; what fails again waits longer."""
        now = self._clock.monotonic()
        for (source, target), stream in list(self._parked.items()):
            if stream.due > now or group.full():
                continue
            group.parked_touched = True
            self._txn.begin(target)
            rows = list(self._txn.range(PARKED, source, limit=PARKED_AT_ONCE + 1))
            for key, row in rows[:PARKED_AT_ONCE]:
                if self._apply(outbox_item(row), group, parked=key):
                    if self._txn.outgoing:
                        self._deliver(self._txn.outgoing, group)
                else:
                    stream.failures += 1
                    stream.delay = min(stream.delay * 2, RETRY_MOST_SECONDS)
                    stream.due = now + stream.delay
                    break
            else:
                if len(rows) <= PARKED_AT_ONCE:
                    del self._parked[source, target]

    def _run_jobs(self, group: _Group) -> None:
        jobs, txn = self._jobs, self._txn
        monotonic = self._clock.monotonic
        until = monotonic() + RUN_SECONDS
        while jobs and not group.full():
            if group.jobs and monotonic() > until:
                break
            job = jobs.popleft()
            group.jobs.append(job)
            txn.begin(job.slot)
            try:
                job.value = job.fn(txn)
                group.bytes += txn.merge()
            except BaseException as raised:  # the job's own failure: its caller gets it
                job.error = raised
                continue
            group.work += 1
            if txn.published:
                group.published += txn.published
            if txn.outgoing:
                self._deliver(txn.outgoing, group)

    def _deliver(self, items: Iterable[OutboxItem], group: _Group) -> None:
        """Apply items for our own slots now, with what they send in turn; gather the others for their shards."""
        table, own = self._host.table, self.number
        for item in items:
            if item[1] == MANY_SLOTS:
                self._divide(item, group)
                continue
            number = table[item[1]]
            if number != own:
                there = group.outgoing.get(number)
                if there is None:
                    there = group.outgoing[number] = []
                there.append(item)
            elif self._apply(item, group) and self._txn.outgoing:
                self._deliver(self._txn.outgoing, group)

    def _divide(self, item: OutboxItem, group: _Group) -> None:
        """A payload for many: every shard gets one, with those whose slots it has."""
        source, _, _, payload, memo = item
        table = self._host.table
        found: dict[int, list[int]] = {}
        for user, slot in zip(payload.users, slots_of(payload.users), strict=True):
            number = table[slot]
            if number in found:
                found[number].append(user)
            else:
                found[number] = [user]
        for number, users in found.items():
            part = replace(payload, users=tuple(users))
            if number == self.number:
                self._apply_all(source, part, memo, group)
            else:
                there = group.outgoing.setdefault(number, [])
                there.append((source, slot_of(users[0]), msgspec.Raw(_ENCODE(part)), part, memo))

    def _apply_all(self, source: int, payload: pl.DeliverAll, memo: Any, group: _Group) -> None:
        """Run the handler for all of them at once; if it fails, or one of them needs something else, for each alone."""
        users, slots = payload.users, slots_of(payload.users)
        table, own, txn = self._host.table, self.number, self._txn
        together = all([table[slot] == own for slot in slots])
        if together and self._parked:
            together = not any((source, slot) in self._parked for slot in slots)
        if together:
            txn.begin(slots[0])
            try:
                self._handlers[pl.DeliverAll](txn, payload, memo)
                group.bytes += txn.merge()
            except (
                BaseException
            ) as raised:  # a bug of the handler: what of it concerns one must not stop the others
                _log.error("outbox.failed", raised, payload="DeliverAll", source=source, target=len(users))
            else:
                group.work += len(users)
                self.stats.items += len(users)
                if txn.published:
                    group.published += txn.published
                if txn.outgoing:
                    self._deliver(txn.outgoing, group)
                return
        for user, slot in zip(users, slots, strict=True):
            one = payload.to(user)
            self._deliver(((source, slot, NOT_ENCODED, one, memo),), group)

    def _apply(self, item: OutboxItem, group: _Group, parked: tuple[Any, ...] | None = None) -> bool:
        """Run the handler with a journal of its own. If it fails the item is parked (or stays so): False.
        `parked`: the key of the row to delete on success. The caller delivers what the handler sent."""
        source, target, _, payload, memo = item
        txn = self._txn
        group.work += 1
        if parked is None and self._parked and (source, target) in self._parked:
            self._park(item, group)
            return False
        txn.begin(target)
        try:
            self._handlers[type(payload)](txn, payload, memo)
            if parked is not None:
                txn.delete(PARKED, *parked)
            group.bytes += txn.merge()
        except BaseException as raised:  # a bug of the handler: keep the item, stop its stream
            self.stats.failed_items += 1
            _log.error("outbox.failed", raised, payload=type(payload).__name__, source=source, target=target)
            if parked is None:
                self._park(item, group)
            else:
                txn.begin(target)
            return False
        if txn.published:
            group.published += txn.published
        self.stats.items += 1
        return True

    def _park(self, item: OutboxItem, group: _Group) -> None:
        source, target, _, payload, _ = item
        stream = self._parked.get((source, target))
        if stream is None:
            due = self._clock.monotonic() + RETRY_SECONDS
            stream = self._parked[source, target] = ParkedStream(0, due)
        stream.last += 1
        group.parked_touched = True
        self._txn.begin(target)
        self._txn.put(PARKED, source, stream.last, value=pl.OutboxRow(source, target, payload))
        group.bytes += self._txn.merge()

    def _seal(self, group: _Group) -> None:
        """Write the parcels, their numbers and what was applied into the group (I5, I6)."""
        txn = self._txn
        if group.outgoing or group.marked:
            txn.begin(META_SLOT)
            heads = group.cursors.heads
            for target, items in group.outgoing.items():
                for handover, row in pack_parcels(items, self.number, target, heads.get(target, 0) + 1):
                    txn.overlay[handover.key] = row
                    group.handovers.append(handover)
                    heads[target] = handover.number
                txn.put(OUTBOX_HEAD, target, value=r.OutboxHead(heads[target]))
            for source in group.marked:
                txn.put(APPLIED, source, value=r.AppliedMark(*group.cursors.marks[source]))
            txn.merge()
        rows = group.rows = txn.overlay
        while self._deletions:
            key = self._deletions.popleft()
            group.deletions.append(key)
            rows[key] = None

    def _serve(self) -> None:
        """The shard's thread: the disk's part of each group."""
        while True:
            work = self._work.get()
            if work is None:
                return
            if work is True:
                self._tidy(idle=True)
            elif isinstance(work, _Aside):
                self._host.tell(work.end, self._attempt(work.work))
            elif work:
                self._host.tell(self._ended, work, self._commit(work))
                if self._clock.monotonic() >= self._tidy_after:
                    self._tidy(idle=False)

    def _commit(self, group: _Group) -> BaseException | None:
        """Make it durable; what went wrong is returned."""
        if not group.rows:
            return None
        began = self._clock.monotonic()
        fault = self._attempt(lambda: self.engine.commit(group.rows))
        group.took = self._clock.monotonic() - began
        return fault

    def _attempt(self, work: Callable[[], None]) -> BaseException | None:
        try:
            self._with_room(work)
        except BaseException as raised:  # every job must learn of it, and the thread must live on
            return raised
        return None

    def _with_room(self, write: Callable[[], None]) -> None:
        while True:
            try:
                return write()
            except NeedsRoom:
                self._host.make_room(self.engine)

    def _tidy(self, idle: bool) -> None:
        """Let the engine do its house-keeping; a failure is told and tried again later."""
        if self._host.calm or (idle and not self.engine.untidy):
            return
        try:
            self._with_room(lambda: self.engine.tidy(idle))
        except StoreError as fault:
            _log.error("store.tidy_failed", fault, shard=self.number, reason=str(fault))
            self._tidy_after = self._clock.monotonic() + COMMIT_RETRY_SECONDS
            return
        if idle:  # nothing may come for long: no view should keep what was tidied away
            self._host.tell(self._host.finish, self, [], [])

    def _kept(self, group: _Group) -> None:
        """Durable (I2): only now others hear of it."""
        self._cursors = group.cursors
        stats = self.stats
        stats.groups += 1
        stats.jobs += len(group.jobs)
        stats.largest_group = max(stats.largest_group, len(group.jobs))
        if group.rows:
            stats.commits += 1
            stats.rows += len(group.rows)
            stats.commit_seconds += group.took
            stats.last_commit_seconds = group.took
            if self.tails:
                for key, value in group.rows.items():
                    tail = self.tails.get(key[:2])
                    if tail is not None:
                        tail[key] = value
        stats.parked_streams = len(self._parked)
        self._undeleted += len(group.handovers) - len(group.deletions)
        if group.applied:
            for _ in group.applied:
                self._handovers.popleft()
            self._host.applied(group.applied)
        # First those who wait: they must not hear of what another shard makes of this group before they hear of it.
        if group.rows or group.work or group.jobs:
            self._host.finish(self, group.jobs, group.published)
        for handover in group.handovers:
            self._host.hand_to(handover)

    def _lost(self, group: _Group, fault: BaseException) -> None:
        """Nothing was kept (I3): every job fails, what came from other shards waits for another try."""
        if not isinstance(fault, StoreError):
            _log.error("store.fault", fault, shard=self.number)
            fault = StoreError(f"shard {self.number}: {type(fault).__name__}: {fault}")
        else:
            _log.error("store.commit_failed", fault, shard=self.number, reason=str(fault))
        self.stats.failed_commits += 1
        self._hold_until = self._clock.monotonic() + COMMIT_RETRY_SECONDS
        self._deletions.extendleft(reversed(group.deletions))
        if group.parked_touched:
            self.reload()
        for job in group.jobs:
            job.error = fault
        if group.jobs:
            self._host.finish(self, group.jobs, [])


def _concerns(item: OutboxItem, slots: Collection[int]) -> bool:
    """Is it from or for one of these slots?"""
    source, target, _, payload, _ = item
    if source in slots or target in slots:
        return True
    return type(payload) is pl.DeliverAll and any(slot in slots for slot in slots_of(payload.users))
