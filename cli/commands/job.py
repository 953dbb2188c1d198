"""job list | show | cancel."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.jobs import JobCancel, JobList, JobRow, JobShow

from .. import client, output, progress
from ..options import common, example

number_argument = click.argument("number", type=click.IntRange(1))


@click.group()
def job() -> None:
    """Long work of the running server: list, show, cancel."""


@job.command("list", epilog=example("tgserve job list"))
@common
def list_jobs(data: Path, as_json: bool) -> None:
    """List what runs, then what ended since the server's start, the newest first."""
    page = client.call(data, JobList())
    if as_json:
        return output.result(to_plain(page))
    output.table(
        ("JOB", "KIND", "STATE", "DONE", "TIME", "NOTE"),
        [
            (row.id, row.kind, row.state, _done(row), output.duration(row.seconds), row.fault or row.note)
            for row in page.jobs
        ],
    )


@job.command(epilog=example("tgserve job show 3 --wait"))
@number_argument
@click.option("--wait", is_flag=True, help="Until it has ended, with a bar. Exit code 1 when it failed.")
@common
def show(data: Path, as_json: bool, number: int, wait: bool) -> int:
    """Show how far a job is."""
    row = client.call(data, JobShow(number))
    if wait:
        return progress.finish(data, row, as_json)
    if as_json:
        output.result(to_plain(row))
    else:
        output.write(f"{progress.line(row)}  {row.state}" + (f": {row.fault}" if row.fault else ""))
    return 0


@job.command(epilog=example("tgserve job cancel 3"))
@number_argument
@common
def cancel(data: Path, as_json: bool, number: int) -> None:
    """Ask a job to end; what it has half done it takes back, or its next run goes on from there."""
    row = client.call(data, JobCancel(number))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"{row.kind} (job {row.id}) was asked to end")


def _done(row: JobRow) -> str:
    return f"{progress.amount(row, row.done)} of {progress.amount(row, row.total)}" if row.total else ""
