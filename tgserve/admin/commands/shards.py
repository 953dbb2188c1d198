"""shard.*: the shards of the store, and the jobs that move slots between them. One such job at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tgserve.admin.commands.jobs import row as job_row
from tgserve.admin.jobs import Job
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.jobs import JobRow
from tgserve.admin.schema.shards import (
    ShardAdd,
    ShardAdded,
    ShardCompact,
    ShardDrain,
    ShardList,
    ShardMove,
    ShardRemove,
    ShardReport,
    ShardRow,
    ShardVerdict,
    ShardVerdictShow,
    ShardVerify,
)
from tgserve.errors import StoreError
from tgserve.store import places, verify
from tgserve.store.check import check_store
from tgserve.store.moving import Progress, spread
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.writer import Shard

KIND = "shard job"
SPARE_BYTES = 64 << 20
"""Of a disk, beyond what is to come to it."""


@command(ShardList)
async def shard_list(daemon: Daemon, params: ShardList) -> ShardReport:
    store = daemon.store
    store.stats()
    jobs = [job.id for job in daemon.jobs.running.values() if job.kind == KIND]
    return ShardReport([_row(store, shard) for shard in store.shards], SLOTS, *jobs)


@command(ShardAdd)
async def shard_add(daemon: Daemon, params: ShardAdd) -> ShardAdded:
    """Answers when the shard is in use; the rebalancing goes on as a job."""
    if not params.path or "\0" in params.path:
        raise Refusal("a folder is needed")
    _must_be_free(daemon)
    place = (daemon.config.data / params.path).resolve()
    shard = await daemon.mover.add(place)
    job = _even(daemon) if params.rebalance else None
    return ShardAdded(_row(daemon.store, shard), job_row(daemon.jobs, job) if job is not None else None)


@command(ShardMove)
async def shard_move(daemon: Daemon, params: ShardMove) -> JobRow:
    if params.even:
        if params.slots or params.owners or params.to >= 0:
            raise Refusal("either an even spread or certain slots, not both")
        job = _even(daemon)
        if job is None:
            raise Refusal("the slots are spread evenly already")
        return job_row(daemon.jobs, job)
    shard = _shard(daemon, params.to)
    slots = {*params.slots, *(slot_of(owner) for owner in params.owners)}
    if not slots:
        raise Refusal("name the slots to move")
    wrong = sorted(slot for slot in slots if not 0 <= slot < SLOTS)
    if wrong:
        raise Refusal(f"slot {wrong[0]} is not 0..{SLOTS - 1}")
    moves = {slot: shard.number for slot in slots if daemon.store.table[slot] != shard.number}
    if not moves:
        raise Refusal(f"shard {shard.number} has them already")
    return job_row(daemon.jobs, _move(daemon, moves))


@command(ShardDrain)
async def shard_drain(daemon: Daemon, params: ShardDrain) -> JobRow:
    shard = _shard(daemon, params.number)
    store = daemon.store
    if len(store.shards) == 1:
        raise Refusal(f"shard {shard.number} is the only one: `tgserve shard add` another first")
    moves = spread(store.table, [one.number for one in store.shards], leave=shard.number)

    async def then() -> None:
        if params.remove:
            await daemon.mover.remove(shard.number)

    return job_row(daemon.jobs, _move(daemon, moves, then))


@command(ShardRemove)
async def shard_remove(daemon: Daemon, params: ShardRemove) -> ShardRow:
    shard = _shard(daemon, params.number)
    store = daemon.store
    _must_be_free(daemon)
    if len(store.shards) == 1:
        raise Refusal(f"shard {shard.number} is the only one")
    slots = store.table.count(shard.number)
    if slots:
        raise Refusal(
            f"shard {shard.number} has {slots} slots: `tgserve shard drain {shard.number}` moves them to the others"
        )
    told = _row(store, shard)
    await daemon.mover.remove(shard.number)
    return told


@command(ShardCompact)
async def shard_compact(daemon: Daemon, params: ShardCompact) -> JobRow:
    """While it serves: to a new shard, so the number changes."""
    old = _shard(daemon, params.number)
    _must_be_free(daemon)
    store = daemon.store
    _must_have_room(daemon, {store.folder(old.number): old.engine.used()})
    new = await daemon.mover.add_beside(old.number)
    moves = {slot: new.number for slot, number in enumerate(store.table) if number == old.number}
    before = old.engine.size()

    async def then() -> None:
        await daemon.mover.remove(old.number)

    async def undo() -> None:
        if new.number not in store.table:
            await daemon.mover.remove(new.number)

    job = _move(
        daemon, moves, then, undo, lambda: f"shard {new.number}, {before - new.engine.size()} bytes less"
    )
    return job_row(daemon.jobs, job)


@command(ShardVerify)
async def shard_verify(daemon: Daemon, params: ShardVerify) -> JobRow:
    """Fails when something is wrong; `shard.verdict` has it in full."""
    store = daemon.store
    _must_be_free(daemon)
    chosen = store.shards if params.number < 0 else [_shard(daemon, params.number)]

    async def work(job: Job) -> None:
        verdict = daemon.mover.verdict = verify.Verdict()
        job.total = sum(shard.engine.rows() for shard in chosen)
        for shard in list(chosen):
            job.note = f"shard {shard.number}"
            steps = verify.walk(store, shard.number, verdict)
            while await asyncio.to_thread(_step, steps):
                job.done = verdict.rows
        job.total = job.done = verdict.rows
        if params.check:
            job.note = "check"
            report = await asyncio.to_thread(check_store, store)
            verdict.problems += report.problems[: verify.PROBLEMS_KEPT]
            verdict.found += report.found
        if verdict.found:
            raise StoreError(f"{verdict.found} rows are wrong, the first: {verdict.problems[0]}")
        job.note = f"{verdict.rows} rows are well"

    return job_row(daemon.jobs, daemon.jobs.start(KIND, work, unit="rows"))


@command(ShardVerdictShow)
async def shard_verdict(daemon: Daemon, params: ShardVerdictShow) -> ShardVerdict:
    found = daemon.mover.verdict
    return ShardVerdict(found.rows, found.copies, found.found, [str(problem) for problem in found.problems])


def _step(steps: object) -> bool:
    """In another thread: one piece; False at the end."""
    return next(steps, False) is None  # type: ignore[call-overload]


def _even(daemon: Daemon) -> Job | None:
    store = daemon.store
    moves = spread(store.table, [shard.number for shard in store.shards])
    return _move(daemon, moves) if moves else None


def _move(
    daemon: Daemon,
    moves: dict[int, int],
    then: Callable[[], Awaitable[None]] | None = None,
    undo: Callable[[], Awaitable[None]] | None = None,
    outcome: Callable[[], str] | None = None,
) -> Job:
    """Begin the job; `then` follows it, `undo` its failure, `outcome` is what to say at its end."""
    mover, store = daemon.mover, daemon.store
    _must_be_free(daemon)
    coming: dict[Path, int] = {}
    for number, size in mover.estimate(moves).items():
        coming[store.folder(number)] = size
    _must_have_room(daemon, coming)

    async def work(job: Job) -> None:
        def told(now: Progress) -> None:
            job.done, job.total = now.done, now.total
            job.note = f"{now.slots} of {now.slots_total} slots"
            if now.purged:
                job.note += f", {now.purged} rows deleted behind them"

        try:
            progress = await mover.move(moves, Progress(told=told))
        except (StoreError, asyncio.CancelledError):
            if undo is not None:
                await undo()
            raise
        told(progress)
        job.note = f"{progress.slots} slots, {progress.rows} rows, {_gates(progress.gates)}"
        if then is not None:
            await then()
        if outcome is not None:
            job.note += f", {outcome()}"

    return daemon.jobs.start(KIND, work, unit="bytes")


def _gates(gates: list[float]) -> str:
    if not gates:
        return "no gate"
    ordered = sorted(gates)
    return f"gate {ordered[len(ordered) // 2] * 1e3:.1f} ms, longest {ordered[-1] * 1e3:.1f} ms"


def _must_be_free(daemon: Daemon) -> None:
    for job in daemon.jobs.running.values():
        if job.kind == KIND:
            raise Refusal(f"a {KIND} is under way (job {job.id}): wait for its end")
    daemon.mover.must_be_free()


def _must_have_room(daemon: Daemon, coming: dict[Path, int]) -> None:
    """By disk: several shards may lie on one."""
    disks: dict[int, tuple[Path, int]] = {}
    for folder, size in coming.items():
        if folder.is_dir():
            device = folder.stat().st_dev
            disks[device] = (folder, disks.get(device, (folder, 0))[1] + size)
    for folder, size in disks.values():
        free = places.free_bytes(folder)
        if free < size + SPARE_BYTES:
            raise Refusal(
                f"{folder} has {free >> 20} MiB left, about {(size + SPARE_BYTES) >> 20} MiB are needed: "
                "make room or move fewer slots"
            )


def _shard(daemon: Daemon, number: int) -> Shard:
    for shard in daemon.store.shards:
        if shard.number == number:
            return shard
    raise Refusal(f"there is no shard {number}: `tgserve shard list` shows them")


def _row(store: Store, shard: Shard) -> ShardRow:
    stats, engine, folder = shard.stats, shard.engine, store.folder(shard.number)
    return ShardRow(
        number=shard.number,
        path=str(folder),
        slots=store.table.count(shard.number),
        rows=engine.rows(),
        bytes=engine.size(),
        used_bytes=engine.used(),
        free_bytes=places.free_bytes(folder) if folder.is_dir() else -1,
        queue=shard.in_flight,
        commits=stats.commits,
        transactions=stats.jobs,
        outbox_items=stats.items,
        commit_mean_ms=round(stats.commit_seconds * 1e3 / max(1, stats.commits), 3),
        commit_last_ms=round(stats.last_commit_seconds * 1e3, 3),
        failed_commits=stats.failed_commits,
        parked=stats.parked_streams,
    )
