"""One shard: its queue, and the writer that turns what is queued into one durable commit after another.

docs/DISK.md 4 and 5 are the rules; I1-I8 are named where they are kept. Everything here runs on the shard's writer
thread (or, for deterministic tests, stepped on the loop), except what says "loop": `pending`, `in_flight`, `hand_over`.
The batching window is the commit itself: whatever comes while one is on its way to the disk is the next group.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tgserve import limits, log
from tgserve.clock import Clock
from tgserve.errors import StoreError
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.engine import Engine, NeedsRoom
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
from tgserve.store.transaction import OutboxItem, Reader, Txn

PARKED_AT_ONCE = 500
DELETIONS_AT_ONCE = 4000
"""Applied parcels whose rows wait for deletion: this many are worth a commit of their own."""
IDLE_SECONDS = 1.0
"""After this long without work they are deleted anyway."""
COMMIT_RETRY_SECONDS = 0.5
"""Parcels and parked rows wait so long after a commit failed; jobs try at once."""

_log = log.get("store")


class Host(Protocol):
    """What a shard asks of the store it belongs to."""

    clock: Clock
    handlers: dict[type, Handler]
    retention: Retention

    table: list[int]
    """Slot -> shard number."""

    def hand_to(self, handover: Handover) -> None:
        """Pass a durable parcel to its target's writer."""

    def applied(self, handovers: list[Handover]) -> None:
        """These parcels are durable in the target: their sources may delete the rows."""

    def finish(self, shard: Shard, jobs: list[Commit[Any]], published: list[Any]) -> None:
        """A group has ended (on the loop, in order of the shard's groups)."""

    def schedule(self, shard: Shard, seconds: float) -> None:
        """Without threads: step the writer on the loop."""

    def make_room(self, engine: Engine) -> None:
        """Let the engine grow while nobody reads. StoreFull when it cannot."""


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
    jobs: list[Commit[Any]] = field(default_factory=list)
    published: list[Any] = field(default_factory=list)
    outgoing: dict[int, list[OutboxItem]] = field(default_factory=dict)
    handovers: list[Handover] = field(default_factory=list)
    applied: list[Handover] = field(default_factory=list)
    marked: set[int] = field(default_factory=set)
    deletions: list[bytes] = field(default_factory=list)
    work: int = 0
    bytes: int = 0
    parked_touched: bool = False

    def full(self) -> bool:
        return self.work >= limits.GROUP_JOBS or self.bytes >= limits.TRANSACTION_BYTES


class Shard:
    """Use: start(), then `pending.append(commit)` + hand_over on the loop, stop()."""

    def __init__(self, number: int, engine: Engine, slots: list[int], host: Host, threaded: bool) -> None:
        self.number = number
        self.engine = engine
        self.pending: list[Commit[Any]] = []
        self.in_flight = 0
        self.stats = ShardStats(number)
        self._slots = slots
        self._host = host
        self._clock = host.clock
        self._handlers = host.handlers
        self._inbox: deque[list[Commit[Any]] | Handover | bytes] = deque()
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
        self._working = False
        self._stopping = False
        self._bell = threading.Lock()
        self._bell.acquire()
        self._thread = (
            threading.Thread(target=self._run, name=f"store-{number}", daemon=True) if threaded else None
        )
        self.reload()

    # Called from the loop and from other shards' writers.

    def hand_over(self) -> None:
        """Loop: pass what this turn of the loop has queued to the writer."""
        jobs = self.pending
        if jobs:
            self.pending = []
            self._inbox.append(jobs)
            self.wake()

    def give(self, work: Handover | bytes) -> None:
        """A parcel to apply, or the key of an applied one's row to delete (no hurry)."""
        self._inbox.append(work)
        if type(work) is not bytes:
            self.wake()

    def wake(self) -> None:
        if self._thread is None:
            if not self._scheduled:
                self._scheduled = True
                self._host.schedule(self, 0.0)
            return
        with contextlib.suppress(RuntimeError):  # rung already
            self._bell.release()

    @property
    def idle(self) -> bool:
        """Nothing queued and nothing being done; parked rows and rows to delete do not count."""
        waiting = any(type(work) is not bytes for work in list(self._inbox))
        return not (waiting or self._jobs or self._handovers or self._working or self.pending)

    def start(self) -> None:
        if self._thread is not None:
            self._thread.start()

    def pump(self, late: bool = False) -> None:
        """Without threads: one step, and another as long as there is work. `late`: a pause has passed."""
        if late:
            self._paused = False
        else:
            self._scheduled = False
        if self.step():
            self.wake()
            return
        if late:
            self.step(tidy=True)
            self._tidy(idle=True)
        if self._patience() > 0 and not self._paused:
            self._paused = True
            self._host.schedule(self, self._patience())

    def stop(self) -> None:
        """End the writer after what is queued; returns when it has ended. Close the engine after it."""
        self._stopping = True
        self.wake()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()
        else:
            while self.step():
                pass
            self.step(tidy=True)

    def close(self) -> None:
        self._snapshot.close()

    # The writer.

    def reload(self) -> None:
        """Take the numbers and parked streams from disk: at the start, and after a commit that failed."""
        self._snapshot.renew()
        reader = Reader(META_SLOT, self._snapshot)
        self._cursors = read_cursors(reader)
        self._parked = read_parked(reader, self._slots)
        self._snapshot.reset()
        self.stats.parked_streams = len(self._parked)

    def _run(self) -> None:
        while True:
            rung = self._bell.acquire(timeout=self._patience())
            while self.step():
                pass
            if self._stopping and not self._inbox:
                self.step(tidy=True)
                return
            if not rung:
                self.step(tidy=True)
                self._tidy(idle=True)

    def _patience(self) -> float:
        """How long to sleep when nothing comes, -1 = for ever."""
        if self._handovers or self._parked:
            return COMMIT_RETRY_SECONDS
        return IDLE_SECONDS if self._undeleted + self.sent_before > 0 or self.engine.untidy else -1

    def step(self, tidy: bool = False) -> bool:
        """Commit one group of what is queued; False when there was nothing to do. `tidy`: also delete the rows of
        applied parcels, however few."""
        self._working = True
        try:
            self._sort_inbox()
            held = self._clock.monotonic() < self._hold_until
            ready = self._jobs or (not held and (self._handovers or self._parked_due()))
            few = 1 if tidy else DELETIONS_AT_ONCE
            if not ready and (held or len(self._deletions) < few):
                return False
            self._round(held)
            return True
        finally:
            self._working = False

    def _sort_inbox(self) -> None:
        inbox = self._inbox
        while inbox:
            work = inbox.popleft()
            if isinstance(work, list):
                self._jobs.extend(work)
            elif isinstance(work, Handover):
                self._handovers.append(work)
            else:
                self._deletions.append(work)

    def _round(self, held: bool) -> None:
        """Gather, run, commit, hand on."""
        group = _Group(self._cursors.copy())
        fault: BaseException | None = None
        try:
            self._snapshot.renew()
            self._txn.open_group()
            if not held:
                self._take_parcels(group)
                self._retry_parked(group)
            self._run_jobs(group)
            self._seal(group)
            self._snapshot.reset()  # nothing is read any more: the engine need not keep older versions for us
            self._commit(group)
        except BaseException as raised:  # every job must learn of it, and the writer must live on
            fault = raised
        self._snapshot.reset()
        if fault is None:
            self._kept(group)
        else:
            self._lost(group, fault)
        if self._clock.monotonic() >= self._tidy_after:
            self._tidy(idle=False)

    def _take_parcels(self, group: _Group) -> None:
        """Apply what other shards have sent, in order, as far as the group has room (I6, I7)."""
        marks = group.cursors.marks
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
                if group.full():
                    marks[handover.source] = (seq, done)
                    return
                if self._apply(items[done], group) and self._txn.outgoing:
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
        while jobs and not group.full():
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
            number = table[item[1]]
            if number != own:
                there = group.outgoing.get(number)
                if there is None:
                    there = group.outgoing[number] = []
                there.append(item)
            elif self._apply(item, group) and self._txn.outgoing:
                self._deliver(self._txn.outgoing, group)

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
        while self._deletions:
            group.deletions.append(self._deletions.popleft())

    def _commit(self, group: _Group) -> None:
        rows = self._txn.overlay
        for key in group.deletions:
            rows[key] = None
        if not rows:
            return
        began = self._clock.monotonic()
        self._with_room(lambda: self.engine.commit(rows))
        took = self._clock.monotonic() - began
        stats = self.stats
        stats.commits += 1
        stats.rows += len(rows)
        stats.commit_seconds += took
        stats.last_commit_seconds = took

    def _with_room(self, write: Callable[[], None]) -> None:
        while True:
            try:
                return write()
            except NeedsRoom:
                self._host.make_room(self.engine)

    def _tidy(self, idle: bool) -> None:
        """Let the engine do its house-keeping; a failure is told and tried again later."""
        if idle and not self.engine.untidy:
            return
        try:
            self._with_room(lambda: self.engine.tidy(idle))
            if idle:
                self._host.finish(
                    self, [], []
                )  # nothing may come for long: no view should keep what was tidied away
        except StoreError as fault:
            _log.error("store.tidy_failed", fault, shard=self.number, reason=str(fault))
            self._tidy_after = self._clock.monotonic() + COMMIT_RETRY_SECONDS

    def _kept(self, group: _Group) -> None:
        """Durable (I2): only now others hear of it."""
        self._cursors = group.cursors
        stats = self.stats
        stats.groups += 1
        stats.jobs += len(group.jobs)
        stats.largest_group = max(stats.largest_group, len(group.jobs))
        stats.parked_streams = len(self._parked)
        self._undeleted += len(group.handovers) - len(group.deletions)
        if group.applied:
            for _ in group.applied:
                self._handovers.popleft()
            self._host.applied(group.applied)
        # The loop first: it must not hear of what another shard makes of this group before it hears of the group.
        if group.work or group.jobs:
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
