"""session list | terminate | trace."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.sessions import SessionList, SessionTerminate

from .. import client, output
from ..asking import sure, yes_option
from ..options import common, example

LOOK_SECONDS = 0.3


@click.group()
def session() -> None:
    """Sessions: who is signed in on which device. list, terminate, trace."""


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


@session.command(epilog=example("tgserve session trace @ann --seconds 60"))
@click.argument("who", metavar="SESSION|@USERNAME|PHONE")
@click.option("--seconds", default=0.0, type=click.FloatRange(0), help="End after so long; 0: at Ctrl-C.")
@common
def trace(data: Path, as_json: bool, who: str, seconds: float) -> None:
    """Show what a client sends and is sent, live: methods, ids, sizes, errors; never any content.

    SESSION is a name as `session list` shows it: that device alone. With --json a list at the end of --seconds.
    """
    import time
    from dataclasses import asdict

    from tgserve.admin.schema.seeing import TraceRead, TraceStart

    if as_json and not seconds:
        raise output.Refused("--json needs --seconds: its answer is one object at the end")
    device = len(who) == 16 and not set(who.lower()) - set("0123456789abcdef")
    end = time.monotonic() + seconds if seconds else float("inf")
    gathered = []
    with client.connect(data) as connection:
        found = client.ask(connection, TraceStart("" if device else who, who if device else ""))
        last = 0
        try:
            while True:
                over = time.monotonic() >= end
                found = client.ask(connection, TraceRead(found.id, last, over))
                if found.lost and not as_json:
                    output.note(f"{found.lost} steps came too fast to be kept")
                for step in found.steps:
                    last = step.number
                    if as_json:
                        gathered.append(asdict(step))
                        continue
                    stamp = time.strftime("%H:%M:%S", time.localtime(step.at)) + f"{step.at % 1:.3f}"[1:]
                    arrow = "->" if step.way == "in" else "<-"
                    output.write(
                        f"{stamp} {step.session[:4]} {arrow} {step.what} ({step.msg_id}, {step.bytes} B)"
                    )
                output.flush()
                if over:
                    break
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            client.call(data, TraceRead(found.id, last, True))
    if as_json:
        output.result({"steps": gathered})
