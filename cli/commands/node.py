"""node list | show | invite | add | drain."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.nodes import (
    NodeAdd,
    NodeDrain,
    NodeInvite,
    NodeList,
    NodeReport,
    NodeRow,
    NodeShow,
)

from .. import client, output
from ..options import common, example


@click.group()
def node() -> None:
    """Several nodes as one server: list, show, invite, add, drain.

    Each node is a whole tgserve and a data centre (dc_id) of its own.
    """


@node.command("list", epilog=example("tgserve node list --json | jq '.nodes[] | select(.state == \"away\")'"))
@common
def list_nodes(data: Path, as_json: bool) -> int:
    """List the nodes. Exit code 1 when one cannot be reached."""
    report = client.call(data, NodeList())
    if as_json:
        output.result(to_plain(report))
    else:
        _table(report)
    return 1 if any(row.state == "away" for row in report.nodes) else 0


@node.command(epilog=example("tgserve node show 4"))
@click.argument("dc", type=click.IntRange(1, 5), required=False)
@common
def show(data: Path, as_json: bool, dc: int | None) -> int:
    """Show one node, without DC this one. Exit code 1 when it cannot be reached."""
    row = client.call(data, NodeShow(dc or 0))
    if as_json:
        output.result(to_plain(row))
    else:
        _show(row)
    return 1 if row.state == "away" else 0


@node.command(epilog=example("tgserve node invite --minutes 10"))
@click.option(
    "--minutes", default=60, show_default=True, type=click.IntRange(1, 10_080), help="Valid for so long."
)
@common
def invite(data: Path, as_json: bool, minutes: int) -> None:
    """Print a token with which one new node can join. Whoever has it can join: keep it secret."""
    made = client.call(data, NodeInvite(minutes))
    if as_json:
        return output.result(to_plain(made))
    output.note(
        f"good for one node until {output.when(made.expires)}; on the new node: tgserve node add TOKEN"
    )
    output.write(made.token)


@node.command(epilog=example("tgserve node add tgnode1-..."))
@click.argument("token")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def add(data: Path, as_json: bool, token: str, yes: bool) -> None:
    """Join the server that printed TOKEN. This node must be without accounts, and takes over its RSA key."""
    if not yes:
        click.confirm("Join? This node's own RSA key is replaced by the server's.", abort=True, err=True)
    report = client.call(data, NodeAdd(token))
    if as_json:
        return output.result(to_plain(report))
    _table(report)


@node.command(epilog=example("tgserve node drain 4"))
@click.argument("dc", type=click.IntRange(1, 5))
@click.option("--cancel", is_flag=True, help="Take new accounts again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def drain(data: Path, as_json: bool, dc: int, cancel: bool, yes: bool) -> None:
    """Have this node (its DC) take no new accounts: they are made at the others. Those it has stay."""
    if not cancel and not yes:
        click.confirm(f"Make no new accounts at DC {dc}?", abort=True, err=True)
    row = client.call(data, NodeDrain(dc, cancel))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"DC {row.dc} is {row.state}")


def _table(report: NodeReport) -> None:
    output.table(
        ("dc", "name", "address", "link", "state", "lag", "waiting", ""),
        [
            (
                row.dc,
                row.name,
                row.address,
                row.link or "-",
                row.state,
                _lag(row),
                row.waiting,
                ", ".join(word for word, true in (("this node", row.own), ("keeper", row.keeper)) if true),
            )
            for row in report.nodes
        ],
    )


def _show(row: NodeRow) -> None:
    output.fields(
        [
            ("dc", row.dc),
            ("name", row.name),
            ("address", row.address),
            ("link", row.link or "-"),
            ("state", row.state),
            ("keeper", "yes" if row.keeper else "no"),
            ("joined", output.when(row.joined)),
            ("connected", output.when(row.connected)),
            ("lag", _lag(row)),
            ("waiting", row.waiting),
            ("visitors", row.visitors),
            ("key", row.key or "-"),
            *([("fault", row.fault)] if row.fault else []),
        ]
    )


def _lag(row: NodeRow) -> str:
    return f"{row.lag_seconds * 1000:.1f} ms" if row.lag_seconds >= 0 else "-"
