"""shard list | stats | add | move | drain | remove | verify | compact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.shards import (
    ShardAdd,
    ShardCompact,
    ShardDrain,
    ShardList,
    ShardMove,
    ShardRemove,
    ShardReport,
    ShardVerdictShow,
    ShardVerify,
)

from .. import client, output, progress
from ..options import common, example


@click.group()
def shard() -> None:
    """Shards of the store: list, stats, add, move, drain, remove, verify, compact.

    All rows lie in 1024 slots, each in one shard; a shard is a folder, on any disk. Slots are moved while clients
    write. What was interrupted is taken back or finished by the server itself.
    """


yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
wait_option = click.option(
    "--no-wait", is_flag=True, help="Begin, and end at once: `tgserve job list` tells the rest."
)
number_argument = click.argument("number", type=click.IntRange(0))


class Slots(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """`17`, `3,5`, `0-99,512`."""

    name = "slots"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        found: list[int] = []
        for part in str(value).split(","):
            first, _, last = part.strip().partition("-")
            if not first.isdecimal() or not (last or first).isdecimal():
                self.fail(f"{part!r} is no slot and no range of slots", param, ctx)
            low, high = int(first), int(last or first)
            if high < low or high > 1023:
                self.fail(f"{part!r} is not within 0-1023", param, ctx)
            found += range(low, high + 1)
        return found


@shard.command("list", epilog=example("tgserve shard list --json | jq '.shards[] | {number, slots, bytes}'"))
@common
def list_shards(data: Path, as_json: bool) -> None:
    """List the shards: where they lie, how many slots and rows each has."""
    report = client.call(data, ShardList())
    if as_json:
        return output.result(to_plain(report))
    output.table(
        ("SHARD", "PATH", "SLOTS", "ROWS", "BYTES", "USED", "FREE ON DISK"),
        [
            (
                row.number,
                row.path,
                row.slots,
                row.rows,
                output.size(row.bytes),
                output.size(row.used_bytes),
                output.size(row.free_bytes) if row.free_bytes >= 0 else "-",
            )
            for row in report.shards
        ],
    )
    _working(report)


@shard.command(epilog=example("tgserve shard stats"))
@common
def stats(data: Path, as_json: bool) -> int:
    """Show how busy the shards are since the start. Exit code 1 when one has refused commits."""
    report = client.call(data, ShardList())
    if as_json:
        output.result(to_plain(report))
    else:
        output.table(
            (
                "SHARD",
                "QUEUE",
                "TRANSACTIONS",
                "FROM OTHERS",
                "COMMITS",
                "MEAN MS",
                "LAST MS",
                "FAILED",
                "PARKED",
            ),
            [
                (
                    row.number,
                    row.queue,
                    row.transactions,
                    row.outbox_items,
                    row.commits,
                    row.commit_mean_ms,
                    row.commit_last_ms,
                    row.failed_commits,
                    row.parked,
                )
                for row in report.shards
            ],
        )
        _working(report)
    return 1 if any(row.failed_commits or row.parked for row in report.shards) else 0


@shard.command(epilog=example("tgserve shard add /mnt/fast --rebalance"))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--rebalance", is_flag=True, help="Move slots there until all shards have equally many.")
@wait_option
@common
def add(data: Path, as_json: bool, path: Path, rebalance: bool, no_wait: bool) -> int:
    """Make a shard in an empty folder, while the server goes on."""
    place = path.absolute()
    inside = place.relative_to(data.absolute()) if place.is_relative_to(data.absolute()) else place
    added = client.call(data, ShardAdd(str(inside), rebalance))
    if as_json:
        if added.job is not None and not no_wait:
            added = replace(added, job=progress.follow(data, added.job.id, quiet=True))
        output.result(to_plain(added))
        return 1 if added.job is not None and added.job.state in ("failed", "cancelled") else 0
    row = added.shard
    output.write(f"shard {row.number}: {row.path}, {output.size(max(0, row.free_bytes))} free")
    return 0 if added.job is None else progress.finish(data, added.job, as_json, not no_wait)


@shard.command(epilog=example("tgserve shard move 0-99,512 --to 2"))
@click.argument("slots", type=Slots(), required=False)
@click.option("--to", type=click.IntRange(0), help="The shard to move them to.")
@click.option(
    "--of", "owners", type=int, multiple=True, help="The slot of this user, group or channel (its number)."
)
@click.option("--even", is_flag=True, help="Move as few slots as make all shards have equally many.")
@wait_option
@common
def move(
    data: Path,
    as_json: bool,
    slots: list[int] | None,
    to: int | None,
    owners: tuple[int, ...],
    even: bool,
    no_wait: bool,
) -> int:
    """Move slots to a shard, while clients write."""
    if not even and to is None:
        raise click.UsageError("--to SHARD or --even is needed")
    if not even and not slots and not owners:
        raise click.UsageError("name SLOTS (0-99,512), or --of the owner of one")
    asked = ShardMove(-1 if to is None else to, slots or [], list(owners), even)
    return progress.finish(data, client.call(data, asked), as_json, not no_wait)


@shard.command(epilog=example("tgserve shard drain 1 --remove --yes"))
@number_argument
@click.option("--remove", "then_remove", is_flag=True, help="Forget the shard when it is empty.")
@wait_option
@yes_option
@common
def drain(data: Path, as_json: bool, number: int, then_remove: bool, no_wait: bool, yes: bool) -> int:
    """Move all slots of a shard to the others, while clients write."""
    _sure(f"Move everything from shard {number} to the others?", yes)
    return progress.finish(data, client.call(data, ShardDrain(number, then_remove)), as_json, not no_wait)


@shard.command(epilog=example("tgserve shard remove 1"))
@number_argument
@yes_option
@common
def remove(data: Path, as_json: bool, number: int, yes: bool) -> None:
    """Forget a drained shard and delete its files."""
    _sure(f"Forget shard {number}? (It is refused while it has slots.)", yes)
    row = client.call(data, ShardRemove(number))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"shard {row.number} ({row.path}) is gone")


@shard.command(epilog=example("tgserve shard verify 0"))
@click.argument("number", type=click.IntRange(0), required=False)
@click.option("--rows-only", is_flag=True, help="Without the check of all invariants at the end.")
@common
def verify(data: Path, as_json: bool, number: int | None, rows_only: bool) -> int:
    """Read every row of a shard, or of all: does it decode, does it belong there? Then check every invariant.

    Exit code 1 when something is wrong.
    """
    job = client.call(data, ShardVerify(-1 if number is None else number, not rows_only))
    row = progress.follow(data, job.id, quiet=as_json)
    verdict = client.call(data, ShardVerdictShow())
    if as_json:
        output.result(to_plain(verdict))
        return 0 if row.state == "done" else 1
    for problem in verdict.problems:
        output.write(problem)
    if row.state != "done":
        raise output.Refused(row.fault or f"the verification was {row.state}")
    output.write(f"{verdict.rows} rows are well, {output.duration(row.seconds)}")
    return 0


@shard.command(epilog=example("tgserve shard compact 0"))
@number_argument
@wait_option
@yes_option
@common
def compact(data: Path, as_json: bool, number: int, no_wait: bool, yes: bool) -> int:
    """Give back the room that deleted rows have left, while clients write.

    All slots go to a new shard in the same place, which gets the next number; the old one is removed.
    """
    _sure(f"Move shard {number} to a new one in the same place?", yes)
    return progress.finish(data, client.call(data, ShardCompact(number)), as_json, not no_wait)


def _sure(question: str, yes: bool) -> None:
    if not yes and not click.confirm(question, err=True):
        raise output.Refused("nothing was done")


def _working(report: ShardReport) -> None:
    if report.job:
        output.note(f"job {report.job} works on the shards")
