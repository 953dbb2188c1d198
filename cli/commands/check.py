"""check."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.daemon import Check, CheckReport

from .. import client, output
from ..options import common, example


@click.command(epilog=example("tgserve check --data /srv/tgserve"))
@click.option("--deep", is_flag=True, help="Read every piece of every file too.")
@common
def check(data: Path, as_json: bool, deep: bool) -> int:
    """Verify every invariant of the store, running or not. Exit code 1 when something is wrong.

    With a running server the server does it; without one the store is opened here, under its lock.
    """
    try:
        report = client.call(data, Check(deep))
    except client.NotRunning:
        report = _offline(data, deep)
    if as_json:
        output.result(to_plain(report))
    else:
        for problem in report.problems:
            output.write(problem)
        where = "opened here" if report.offline else "by the running server"
        verdict = (
            f"{report.found} problem{'s'[: report.found != 1]}" if report.found else "every invariant holds"
        )
        if report.chunk_copies_unread:
            verdict += f", {report.chunk_copies_unread} copies of chunks are on disks that are away"
        if report.parked:
            verdict += f", {report.parked} items parked"
        seen = f"{report.rows} rows in {report.slots} slots, {report.chunks} chunks, {report.seconds:.1f} s"
        output.write(f"{seen}, {where}: {verdict}")
    return 1 if report.found else 0


def _offline(data: Path, deep: bool) -> CheckReport:
    from tgserve.admin import offline

    try:
        return offline.check(data, deep)
    except offline.Refusal as error:
        raise output.Refused(str(error)) from None
