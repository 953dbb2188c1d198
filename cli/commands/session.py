"""session list | terminate."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.sessions import SessionList, SessionTerminate

from .. import client, output
from ..asking import sure, yes_option
from ..options import common, example


@click.group()
def session() -> None:
    """Sessions: who is signed in on which device. list, terminate."""


@session.command("list", epilog=example("tgserve session list @ann"))
@click.argument("who", metavar="[ID|@USERNAME|PHONE]", default="")
@click.option("--live", is_flag=True, help="Only those with a connection now.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--offset", default=0, type=click.IntRange(0), metavar="N", help="Pass over the first N.")
@common
def list_sessions(data: Path, as_json: bool, who: str, live: bool, limit: int, offset: int) -> None:
    """List the sessions of an account, or of everybody, the last active first."""
    page = client.call(data, SessionList(who, limit, offset, live))
    if as_json:
        return output.result(to_plain(page))
    output.table(
        ("SESSION", "USER", "NAME", "DEVICE", "APP", "ADDRESS", "SINCE", "ACTIVE"),
        [
            (
                row.auth_key_id,
                row.user,
                row.name,
                row.device,
                row.app,
                row.ip,
                output.when(row.created),
                "now" if row.live else output.when(row.active),
            )
            for row in page.sessions
        ],
    )
    if page.total > len(page.sessions):
        output.note(f"{len(page.sessions)} of {page.total}: --limit and --offset show more")


@session.command(epilog=example("tgserve session terminate 1f0c9a52d3b84e67 --yes"))
@click.argument("name", metavar="[SESSION]", default="")
@click.option("--all-of", "who", default="", metavar="ID|@USERNAME|PHONE", help="All sessions of an account.")
@yes_option
@common
def terminate(data: Path, as_json: bool, name: str, who: str, yes: bool) -> None:
    """Sign a device out, or all of an account; it learns so at once."""
    if bool(name) == bool(who):
        raise click.UsageError("give either a SESSION, as `session list` shows it, or --all-of WHO")
    sure(f"End all sessions of {who}?" if who else f"End the session {name}?", yes)
    done = client.call(data, SessionTerminate(name, who))
    if as_json:
        return output.result(to_plain(done))
    output.write(f"{done.ended} sessions of {done.user} ended")
