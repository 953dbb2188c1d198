"""log tail."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.seeing import LogTail

from .. import client, output
from ..options import common, example

LOOK_SECONDS = 0.4


@click.group()
def log() -> None:
    """The running server's log."""


@log.command(epilog=example("tgserve log tail -f --level warning"))
@click.option(
    "-n", "--lines", default=20, show_default=True, type=click.IntRange(0, 1000), help="How many lines."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is logged from now on, until Ctrl-C.")
@click.option(
    "--level",
    default="debug",
    show_default=True,
    type=click.Choice(("debug", "info", "warning", "error")),
    help="The least level that is shown; what is logged at all is set by [log] level.",
)
@click.option("--contains", default="", metavar="TEXT", help="Only lines with TEXT in them.")
@common
def tail(data: Path, as_json: bool, lines: int, follow: bool, level: str, contains: str) -> None:
    """Show the last lines of the log, which the server keeps in memory."""
    found = client.call(data, LogTail(lines, -1, level, contains))
    if as_json:
        if follow:
            raise output.Refused("--follow and --json do not go together: a line is not one JSON object")
        return output.result(to_plain(found))
    _write(found.lines)
    if not follow:
        return None
    with client.connect(data) as connection:
        try:
            while True:
                time.sleep(LOOK_SECONDS)
                found = client.ask(connection, LogTail(0, found.last, level, contains))
                if found.lost:
                    output.note(f"{found.lost} lines came too fast to be kept")
                _write(found.lines)
                output.flush()
        except KeyboardInterrupt:
            return None


def _write(lines: list[str]) -> None:
    for line in lines:
        output.write(line)
