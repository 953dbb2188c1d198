"""search status | rebuild."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.search import SearchRebuild, SearchReport, SearchStatus

from .. import client, output
from ..options import common, example

LOOK_SECONDS = 0.2


@click.group()
def search() -> None:
    """The search index: status, rebuild."""


@search.command(epilog=example("tgserve search status"))
@common
def status(data: Path, as_json: bool) -> int:
    """Show how the index is. Exit code 1 when it has failed."""
    report = client.call(data, SearchStatus())
    _show(report, as_json)
    return 1 if report.state == "failed" else 0


@search.command(epilog=example("tgserve search rebuild --wait"))
@click.option("--wait", is_flag=True, help="End when the new index is ready.")
@common
def rebuild(data: Path, as_json: bool, wait: bool) -> int:
    """Throw the index away and build it anew. The server goes on; searches find less until it is ready."""
    report = client.call(data, SearchRebuild())
    while wait and report.state == "building":
        time.sleep(LOOK_SECONDS)
        report = client.call(data, SearchStatus())
    _show(report, as_json)
    return 1 if report.state == "failed" else 0


def _show(report: SearchReport, as_json: bool) -> None:
    if as_json:
        return output.result(to_plain(report))
    state = report.state
    if state == "building":
        state += f" ({report.boxes_done} of {report.boxes_total} boxes)"
    pairs: list[tuple[str, object]] = [("state", state)]
    if report.documents >= 0:
        pairs.append(("messages", report.documents))
    pairs += [
        ("size", output.size(report.bytes)),
        ("waiting", report.waiting),
        ("behind", f"{report.lag_seconds:.2f} s"),
    ]
    if report.fault:
        pairs.append(("fault", report.fault))
    output.fields(pairs)
