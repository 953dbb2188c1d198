"""What looks after the chunks: watches the disks, heals, collects, empties packs, drains, repairs, scrubs.

`watch` is called every few seconds, `turn` every second; a turn does one job after another, so that two never move the
same chunk; scrub goes in single slots between them. What an operator asks for is a Job: queued, then watched.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from tgserve import log, metrics
from tgserve.chunks import census as counting
from tgserve.chunks import collecting, rebuilding
from tgserve.chunks.census import Census
from tgserve.chunks.disk import FOREIGN, FULL, MISSING, OK, Disk
from tgserve.chunks.mending import Mender, Tally
from tgserve.chunks.store import Chunks
from tgserve.chunks.walking import Pace, walk_slot
from tgserve.errors import StoreError
from tgserve.store import chunk_records as c
from tgserve.store.keyspaces import CHUNK_SCRUB, CHUNKS
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.transaction import Txn

Kind = Literal["repair", "drain", "scrub", "rebuild", "count"]

TURN_SECONDS = 1
WATCH_SECONDS = 2
STUCK_SECONDS = 20
"""A disk that takes longer for one flush is taken for dying."""
COLLECT_SECONDS = 600
COUNT_SECONDS = 3600
"""Between two counts of everything (2 us a chunk), which also tell which packs are worth emptying."""
AWAY_SECONDS = 1800
"""A disk that is missing for longer is not waited for: its chunks get new copies elsewhere, if there is a disk."""
ROOM_AGAIN = 8 << 20
"""A full disk is written to again when so much is free."""
DOUBTS_AT_ONCE = 64

_log = log.get("chunks")
_failed = metrics.counter(
    "tgserve_chunk_job_faults_total", "jobs of the chunk keeper that ended in a fault", ("job",)
)


@dataclass(slots=True, eq=False)
class Job:
    """Something long. `done` of `total` slots of the store (packs, when rebuilding)."""

    kind: Kind
    disk: int = 0
    """The one that drains."""
    state: str = "waiting"
    """waiting, running, done, failed"""
    done: int = 0
    total: int = SLOTS
    tally: Tally = field(default_factory=Tally)
    began: float = 0.0
    ended: float = 0.0
    fault: str = ""


class Keeper:
    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks
        self.jobs: deque[Job] = deque()
        self.last: dict[str, Job] = {}
        """By kind: the latest job."""
        self.census: Census | None = None
        self._collect_at = 0.0
        """Loop's time, as the next."""
        self._count_at = 0.0
        self._repaired_for: set[int] = set()
        """Disks that are away and have been repaired around."""
        for disk_health in (OK, FULL, MISSING, FOREIGN, "failing"):
            metrics.gauge(
                f"tgserve_disks_{disk_health}",
                f"disks for chunks that are {disk_health}",
                partial(self._count_health, disk_health),
            )
        metrics.gauge("tgserve_chunks", "chunks at the last count", partial(self._counted, "chunks"))
        metrics.gauge(
            "tgserve_chunk_stored_bytes",
            "bytes of all copies at the last count",
            partial(self._counted, "stored_bytes"),
        )
        metrics.gauge(
            "tgserve_chunk_shared_bytes",
            "bytes saved by equal content",
            partial(self._counted, "shared_bytes"),
        )
        metrics.gauge(
            "tgserve_chunks_lacking",
            "chunks with too few copies at the last count",
            partial(self._counted, "lacking"),
        )
        metrics.gauge(
            "tgserve_chunks_lost",
            "held chunks without a copy at the last count",
            partial(self._counted, "lost"),
        )

    def ask(self, kind: Kind, disk: int = 0) -> Job:
        """Queue a job; one that waits already is the same one."""
        for job in self.jobs:
            if (job.kind, job.disk) == (kind, disk) and job.state == "waiting":
                return job
        job = Job(kind, disk)
        self.jobs.append(job)
        self.last[kind] = job
        return job

    # The disks' health.

    async def watch(self) -> None:
        """Look at every disk: gone, swapped, full, hanging, well again?"""
        for disk in list(self.chunks.disks.values()):
            if disk.give_up(STUCK_SECONDS) or disk.busy_long:
                continue
            before = disk.health
            try:
                await asyncio.wait_for(_examine(disk), STUCK_SECONDS)
            except StoreError as fault:
                disk.suffered(fault)
            except TimeoutError:
                disk.give_up(0)
            if disk.health == OK and before in (MISSING, FOREIGN):
                self._repaired_for.discard(disk.number)
                self.ask("repair")
        self._around_the_missing()

    def _around_the_missing(self) -> None:
        now = asyncio.get_running_loop().time()
        for disk in self.chunks.disks.values():
            if (
                disk.away_since
                and now - disk.away_since > AWAY_SECONDS
                and disk.number not in self._repaired_for
            ):
                self._repaired_for.add(disk.number)
                self.ask("repair")

    # Work.

    async def turn(self) -> None:
        """What was asked for, what is due. Called every second, never twice at once."""
        now = asyncio.get_running_loop().time()
        await self._heal()
        while self.jobs:
            await self._run(self.jobs.popleft())
        if now >= self._collect_at:
            self._collect_at = now + COLLECT_SECONDS
            await self._guard("collect", lambda: collecting.collect(self.chunks))
        if now >= self._count_at:
            self._count_at = now + COUNT_SECONDS
            await self._guard("tidy", self.tidy)
        await self._guard("scrub", self._scrub_if_due)

    async def tidy(self) -> Census:
        """Count; remove packs that hold nothing, empty those that are half garbage, and remove them too."""
        chunks = self.chunks
        found = self.census = await counting.take(chunks)
        await collecting.drop_packs(chunks, found)
        emptying = collecting.worth_emptying(chunks, found)
        if emptying:
            mender = Mender(chunks)
            pace = Pace(chunks.settings.move_rate)
            for slot in range(SLOTS):
                async for page in walk_slot(chunks.store, slot):
                    chosen = [
                        (key, row)
                        for key, row in page
                        if any((one.disk, one.pack) in emptying for one in row.copies)
                    ]
                    await mender.mend_page(chosen, verify=False, emptying=emptying, pace=pace)
            found = self.census = await counting.take(chunks)
            await collecting.drop_packs(chunks, found)
        return found

    async def _guard(self, name: str, work: Callable[[], object]) -> None:
        try:
            result = work()
            if hasattr(result, "__await__"):
                await result
        except StoreError as fault:
            _failed.of(name).inc()
            _log.error("chunks.job_failed", fault, job=name, reason=str(fault))

    async def _heal(self) -> None:
        """Chunks that a read or a repeated put has made doubtful."""
        doubtful = self.chunks.doubtful
        for _ in range(min(len(doubtful), DOUBTS_AT_ONCE)):
            chunk_id = next(iter(doubtful))
            del doubtful[chunk_id]
            with self.chunks.store.read(slot_of(chunk_id)) as reader:
                row = reader.get(CHUNKS, chunk_id)
            if row is not None:
                await self._guard("heal", partial(Mender(self.chunks).mend, chunk_id, row, verify=True))

    async def _run(self, job: Job) -> None:
        job.state = "running"
        job.began = self.chunks.clock.now()
        _log.info("chunks.job", job=job.kind, disk=job.disk)
        try:
            if job.kind == "count":
                await self.tidy()
                job.done = job.total
            elif job.kind == "rebuild":
                await rebuilding.rebuild(self.chunks, job)
            elif job.kind == "scrub":
                await self._scrub_all(job)
            else:
                await self._mend_all(job)
        except StoreError as fault:
            job.state, job.fault = "failed", str(fault)
            _failed.of(job.kind).inc()
            _log.error("chunks.job_failed", fault, job=job.kind, reason=str(fault))
        else:
            job.state = "done"
        finally:
            job.ended = self.chunks.clock.now()
        _log.info(
            "chunks.job_done", job=job.kind, chunks=job.tally.chunks, made=job.tally.made, lost=job.tally.lost
        )

    async def _mend_all(self, job: Job) -> None:
        """Repair and drain are the same walk: every chunk gets the copies it should have."""
        chunks = self.chunks
        mender = Mender(chunks, job.tally)
        pace = Pace(chunks.settings.move_rate)
        for slot in range(SLOTS):
            async for page in walk_slot(chunks.store, slot):
                await mender.mend_page(page, verify=False, pace=pace)
                await self._heal()
            job.done = slot + 1
        await self.tidy()

    # Scrub.

    def mark(self) -> c.ScrubMark:
        """How far scrub is."""
        with self.chunks.store.read(slot_of(c.DISKS_OWNER)) as reader:
            return reader.get(CHUNK_SCRUB, c.DISKS_OWNER) or c.ScrubMark()

    async def _scrub_all(self, job: Job) -> None:
        await self._keep_mark(c.ScrubMark(0, int(self.chunks.clock.now()), self.mark().ended))
        pace = Pace(self.chunks.settings.scrub_rate)
        for slot in range(SLOTS):
            await self._scrub_slot(job.tally, pace)
            job.done = slot + 1
            await self._heal()

    async def _scrub_if_due(self) -> None:
        """One slot, when its time has come: all of them in `scrub_seconds`."""
        seconds = self.chunks.settings.scrub_seconds
        if not seconds:
            return
        mark, now = self.mark(), int(self.chunks.clock.now())
        if not mark.began:
            await self._keep_mark(c.ScrubMark(0, now, mark.ended))
        elif now >= mark.began + mark.slot * seconds // SLOTS:
            await self._scrub_slot(Tally(), Pace(self.chunks.settings.scrub_rate))

    async def _scrub_slot(self, tally: Tally, pace: Pace) -> None:
        """Read every copy in the slot the mark stands at, heal what is bad, move the mark."""
        mark = self.mark()
        before = (tally.bad, tally.lost)
        mender = Mender(self.chunks, tally)
        async for page in walk_slot(self.chunks.store, mark.slot):
            await mender.mend_page(page, verify=True, pace=pace)
        bad, lost = mark.bad + tally.bad - before[0], mark.lost + tally.lost - before[1]
        now = int(self.chunks.clock.now())
        if mark.slot + 1 < SLOTS:
            await self._keep_mark(c.ScrubMark(mark.slot + 1, mark.began or now, mark.ended, bad, lost))
        else:
            await self._keep_mark(c.ScrubMark(0, now, now))
            _log.info("chunks.scrubbed", bad=bad, lost=lost)

    async def _keep_mark(self, mark: c.ScrubMark) -> None:
        def keep(txn: Txn) -> None:
            txn.put(CHUNK_SCRUB, c.DISKS_OWNER, value=mark)

        await self.chunks.store.transact(slot_of(c.DISKS_OWNER), keep)

    # Figures.

    def _count_health(self, health: str) -> float:
        return sum(disk.health == health for disk in self.chunks.disks.values())

    def _counted(self, name: str) -> float:
        return float(getattr(self.census, name)) if self.census is not None else 0.0

    def unwell(self) -> list[Disk]:
        return [disk for disk in self.chunks.disks.values() if disk.health != OK]


async def _examine(disk: Disk) -> None:
    """Is it there, is it the same, can it be written, has it room? Raises what is wrong."""
    before = disk.health
    if before in (MISSING, FOREIGN):
        await disk.reopen()
        return
    await disk.run(partial(disk.backend.probe, before not in (OK, FULL)))
    disk.room = await disk.run(disk.backend.room)
    if 0 <= disk.room.free < (ROOM_AGAIN if before == FULL else 1):
        disk.full()
    else:
        disk.well()
