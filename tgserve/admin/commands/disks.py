"""disk.*: the disks for files, and the walks over all chunks."""

from __future__ import annotations

from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.disks import (
    DiskAdd,
    DiskCount,
    DiskDrain,
    DiskJob,
    DiskRemove,
    DiskRepair,
    DiskReport,
    DiskRow,
    DiskScrub,
    DiskStatus,
)
from tgserve.chunks import census
from tgserve.chunks.disk import OK, Disk
from tgserve.chunks.keeper import Job, Keeper
from tgserve.store import chunk_records as c
from tgserve.store.slots import SLOTS

STATES = {c.DISK_ACTIVE: "active", c.DISK_DRAINING: "draining"}


@command(DiskStatus)
async def disk_status(daemon: Daemon, params: DiskStatus) -> DiskReport:
    keeper = daemon.keeper
    chunks, found, mark = keeper.chunks, keeper.census, keeper.mark()
    return DiskReport(
        disks=[_row(keeper, disk) for _, disk in sorted(chunks.disks.items())],
        copies=chunks.copies,
        least_copies=chunks.least_copies,
        chunks=found.chunks if found else 0,
        held=found.held if found else 0,
        content_bytes=found.content_bytes if found else 0,
        shared_bytes=found.shared_bytes if found else 0,
        stored_bytes=found.stored_bytes if found else 0,
        lacking=found.lacking if found else 0,
        lost=found.lost if found else 0,
        scrub_percent=round(mark.slot * 100 / SLOTS, 1),
        scrub_ended=mark.ended,
        jobs=[_job(keeper, job) for job in keeper.last.values()],
    )


@command(DiskAdd)
async def disk_add(daemon: Daemon, params: DiskAdd) -> DiskRow:
    """Answers when the disk is in use. With one disk so far, second copies are made from now on."""
    keeper = daemon.keeper
    if not params.path or "\0" in params.path:
        raise Refusal("a folder is needed")
    if not 1 <= params.weight <= 10_000:
        raise Refusal(f"weight: {params.weight} is not 1..10000")
    place = (daemon.config.data / params.path).resolve()
    for disk in keeper.chunks.disks.values():
        if (daemon.config.data / disk.row.path).resolve() == place:
            raise Refusal(f"{params.path} is disk {disk.number} already")
    row = await keeper.chunks.enter_disk(params.path, params.weight)
    made = await keeper.chunks.attach(row)
    keeper.ask("repair")
    return _row(keeper, made)


@command(DiskDrain)
async def disk_drain(daemon: Daemon, params: DiskDrain) -> DiskJob:
    """Answers at once: `disk.status` tells how far it is."""
    keeper = daemon.keeper
    disk = _disk(keeper, params.number)
    if params.cancel:
        await keeper.chunks.change_disk(disk.number, state=c.DISK_ACTIVE)
        return _job(keeper, keeper.ask("repair"))
    others = [one for one in keeper.chunks.disks.values() if one.writable and one is not disk]
    wanted = keeper.chunks.settings.copies or 1
    if len(others) < wanted:
        raise Refusal(
            f"{len(others)} other disks are well, {wanted} are needed for what lies on disk {disk.number}: "
            "`tgserve disk add` one first"
        )
    await keeper.chunks.change_disk(disk.number, state=c.DISK_DRAINING)
    return _job(keeper, keeper.ask("drain", disk.number))


@command(DiskRemove)
async def disk_remove(daemon: Daemon, params: DiskRemove) -> DiskRow:
    """The folder is left as it is."""
    keeper = daemon.keeper
    disk = _disk(keeper, params.number)
    if len(keeper.chunks.disks) == 1:
        raise Refusal(f"disk {disk.number} is the only one")
    if not params.force and disk.row.state != c.DISK_DRAINING:
        raise Refusal(f"disk {disk.number} is in use: `tgserve disk drain {disk.number}` first, or --force")
    keeper.census = await census.take(keeper.chunks)
    left = keeper.census.disk_chunks[disk.number]
    if left and not params.force:
        raise Refusal(f"{left} chunks lie on disk {disk.number}: wait for its drain, or --force")
    told = _row(keeper, disk)
    await keeper.chunks.detach(disk.number)
    if left:
        keeper.ask("repair")
    return told


@command(DiskScrub)
async def disk_scrub(daemon: Daemon, params: DiskScrub) -> DiskJob:
    return _job(daemon.keeper, daemon.keeper.ask("scrub"))


@command(DiskRepair)
async def disk_repair(daemon: Daemon, params: DiskRepair) -> DiskJob:
    return _job(daemon.keeper, daemon.keeper.ask("rebuild" if params.rebuild else "repair"))


@command(DiskCount)
async def disk_count(daemon: Daemon, params: DiskCount) -> DiskJob:
    return _job(daemon.keeper, daemon.keeper.ask("count"))


def unwell(keeper: Keeper) -> list[str]:
    """What an operator must know, a sentence each."""
    found = [
        f"disk {disk.number} ({disk.row.path}) is {disk.health}" + (f": {disk.fault}" if disk.fault else "")
        for _, disk in sorted(keeper.chunks.disks.items())
        if disk.health != OK
    ]
    counted = keeper.census
    if counted is not None and counted.lost:
        found.append(f"{counted.lost} chunks have no readable copy")
    if counted is not None and counted.lacking:
        found.append(f"{counted.lacking} chunks have fewer than {keeper.chunks.copies} copies")
    return found


def _disk(keeper: Keeper, number: int) -> Disk:
    disk = keeper.chunks.disks.get(number)
    if disk is None:
        raise Refusal(f"there is no disk {number}: `tgserve disk list` shows them")
    return disk


def _row(keeper: Keeper, disk: Disk) -> DiskRow:
    found = keeper.census
    number = disk.number
    closed = {place: size for place, size in (found.closed if found else {}).items() if place[0] == number}
    return DiskRow(
        number=number,
        path=disk.row.path,
        state=STATES[disk.row.state],
        health=disk.health,
        weight=disk.row.weight,
        chunks=found.disk_chunks[number] if found else 0,
        bytes=found.disk_bytes[number] if found else 0,
        packs=len({*closed, *(place for place in (found.live if found else ()) if place[0] == number)}),
        garbage_bytes=sum(size - (found.live[place] if found else 0) for place, size in closed.items()),
        only_here=found.only_here[number] if found else 0,
        counted=int(found.taken) if found else 0,
        free_bytes=disk.room.free,
        faults=disk.faults,
        bad_copies=disk.bad_copies,
        fault=disk.fault,
    )


def _job(keeper: Keeper, job: Job) -> DiskJob:
    tally = job.tally
    now = keeper.chunks.clock.now()
    return DiskJob(
        kind=job.kind,
        disk=job.disk,
        state=job.state,
        done=job.done,
        total=job.total,
        chunks=tally.chunks,
        bytes=tally.bytes,
        bad=tally.bad,
        made=tally.made,
        lost=tally.lost,
        stuck=tally.stuck,
        seconds=round((job.ended or now) - job.began, 3) if job.began else 0.0,
        fault=job.fault,
    )
