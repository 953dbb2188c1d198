"""disk list | status | add | drain | remove | scrub | repair."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.disks import (
    DiskAdd,
    DiskCount,
    DiskDrain,
    DiskJob,
    DiskRemove,
    DiskRepair,
    DiskReport,
    DiskScrub,
    DiskStatus,
)

from .. import client, output
from ..options import common, example

LOOK_SECONDS = 0.3


@click.group()
def disk() -> None:
    """Disks for files: list, status, add, drain, remove, scrub, repair.

    Without any of this files go to DIR/chunks/disk-1.
    """


wait_option = click.option("--wait", is_flag=True, help="End when it is done; shows how far it is.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
number_argument = click.argument("number", type=click.IntRange(1))


@disk.command("list", epilog=example("tgserve disk list --json | jq '.disks[] | select(.health != \"ok\")'"))
@common
def list_disks(data: Path, as_json: bool) -> int:
    """List the disks. Exit code 1 when one is not well."""
    report = client.call(data, DiskStatus())
    if as_json:
        output.result(to_plain(report))
    else:
        _table(report)
    return _verdict(report)


@disk.command(epilog=example("tgserve disk status"))
@click.option("--count", is_flag=True, help="Count everything anew before (seconds for a million chunks).")
@common
def status(data: Path, as_json: bool, count: bool) -> int:
    """Show disks, totals and what is under way. Exit code 1 when a disk is not well or something is lost."""
    if count:
        _follow(data, client.call(data, DiskCount()), quiet=True)
    report = client.call(data, DiskStatus())
    if as_json:
        output.result(to_plain(report))
        return _verdict(report)
    _table(report)
    output.write("")
    scrubbed = f"{report.scrub_percent:g} %, last ended {output.when(report.scrub_ended)}"
    output.fields(
        [
            ("copies", f"{report.copies} (at least {report.least_copies})"),
            ("chunks", f"{report.chunks} ({report.held} held)"),
            ("content", output.size(report.content_bytes)),
            ("stored", output.size(report.stored_bytes)),
            ("saved by equal content", output.size(report.shared_bytes)),
            ("too few copies", report.lacking),
            ("lost", report.lost),
            ("scrub", scrubbed),
            *((f"last {job.kind}", _sentence(job)) for job in report.jobs),
            *((f"disk {row.number}", row.fault) for row in report.disks if row.fault),
        ]
    )
    return _verdict(report)


@disk.command(epilog=example("tgserve disk add /mnt/big --weight 200"))
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--weight", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Share of the chunks."
)
@common
def add(data: Path, as_json: bool, path: Path, weight: int) -> None:
    """Take an empty folder into use. The second disk makes two copies of everything, unless settings say otherwise."""
    place = path.absolute()
    inside = place.relative_to(data.absolute()) if place.is_relative_to(data.absolute()) else place
    row = client.call(data, DiskAdd(str(inside), weight))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"disk {row.number}: {row.path}, {output.size(max(0, row.free_bytes))} free, {row.health}")


@disk.command(epilog=example("tgserve disk drain 2 --wait"))
@number_argument
@click.option("--cancel", is_flag=True, help="Use the disk again.")
@wait_option
@yes_option
@common
def drain(data: Path, as_json: bool, number: int, cancel: bool, wait: bool, yes: bool) -> int:
    """Move everything from a disk to the others, while the server goes on. Exit code 1 when not all could be moved."""
    if not cancel:
        _sure(f"Move everything away from disk {number}?", yes)
    return _run(data, client.call(data, DiskDrain(number, cancel)), as_json, wait)


@disk.command(epilog=example("tgserve disk remove 2"))
@number_argument
@click.option("--force", is_flag=True, help="Although chunks lie on it: a disk that is dead.")
@yes_option
@common
def remove(data: Path, as_json: bool, number: int, force: bool, yes: bool) -> None:
    """Forget a drained disk. Its folder is left as it is."""
    if force:
        report = client.call(data, DiskStatus())
        alone = sum(row.only_here for row in report.disks if row.number == number)
        _sure(f"Forget disk {number}? {alone} chunks lie nowhere else (at the last count).", yes)
    row = client.call(data, DiskRemove(number, force))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"disk {row.number} ({row.path}) is no longer used")


@disk.command(epilog=example("tgserve disk scrub --wait"))
@wait_option
@common
def scrub(data: Path, as_json: bool, wait: bool) -> int:
    """Read every copy of everything and heal what is bad, now. Exit code 1 when something is lost."""
    return _run(data, client.call(data, DiskScrub()), as_json, wait)


@disk.command(epilog=example("tgserve disk repair --wait"))
@click.option(
    "--rebuild", is_flag=True, help="Read all packs and enter what the table of chunks does not know."
)
@wait_option
@common
def repair(data: Path, as_json: bool, rebuild: bool, wait: bool) -> int:
    """Make the copies that are missing. Exit code 1 when something is lost or no disk could be found."""
    return _run(data, client.call(data, DiskRepair(rebuild)), as_json, wait)


def _run(data: Path, job: DiskJob, as_json: bool, wait: bool) -> int:
    if wait:
        job = _follow(data, job, quiet=as_json)
    if as_json:
        output.result(to_plain(job))
    else:
        output.write(f"{job.kind}: {_sentence(job)}")
    return 1 if job.state == "failed" or (wait and (job.lost or job.stuck)) else 0


def _follow(data: Path, job: DiskJob, quiet: bool) -> DiskJob:
    """Until it is done, with a line of progress on a terminal."""
    shown = -1
    while job.state in ("waiting", "running"):
        time.sleep(LOOK_SECONDS)
        found = [one for one in client.call(data, DiskStatus()).jobs if one.kind == job.kind]
        job = found[0] if found else job
        percent = job.done * 100 // max(1, job.total)
        if not quiet and percent // 5 != shown:
            shown = percent // 5
            output.note(f"{job.kind}: {percent} %, {job.chunks} chunks, {output.size(job.bytes)}")
    return job


def _sure(question: str, yes: bool) -> None:
    if not yes and not click.confirm(question, err=True):
        raise output.Refused("nothing was done")


def _sentence(job: DiskJob) -> str:
    text = f"{job.state}, {job.done}/{job.total}, {job.chunks} chunks, {output.size(job.bytes)} read, {job.made} made"
    for name, count in (("bad", job.bad), ("lost", job.lost), ("stuck", job.stuck)):
        if count:
            text += f", {count} {name}"
    return (
        text
        + (f", {output.duration(job.seconds)}" if job.seconds else "")
        + (f": {job.fault}" if job.fault else "")
    )


def _table(report: DiskReport) -> None:
    output.table(
        ("DISK", "PATH", "STATE", "HEALTH", "WEIGHT", "CHUNKS", "BYTES", "FREE", "ONLY HERE", "FAULTS"),
        [
            (
                row.number,
                row.path,
                row.state,
                row.health,
                row.weight,
                row.chunks,
                output.size(row.bytes),
                output.size(row.free_bytes) if row.free_bytes >= 0 else "-",
                row.only_here,
                row.faults,
            )
            for row in report.disks
        ],
    )


def _verdict(report: DiskReport) -> int:
    return 1 if report.lost or any(row.health != "ok" for row in report.disks) else 0
