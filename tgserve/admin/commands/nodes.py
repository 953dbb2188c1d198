"""node.*: other nodes of the same server."""

from __future__ import annotations

from tgserve import limits
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.nodes import (
    Invitation,
    NodeAdd,
    NodeDrain,
    NodeInvite,
    NodeList,
    NodeReport,
    NodeRow,
    NodeShow,
)
from tgserve.services.nodes.nodes import SLOT, JoinRefused
from tgserve.services.nodes.tokens import Token
from tgserve.store import node_records as n
from tgserve.store.keyspaces import VISITORS

STATES = {n.ACTIVE: "active", n.DRAINING: "draining"}
MINUTES_MOST = 7 * 24 * 60


@command(NodeList)
async def node_list(daemon: Daemon, params: NodeList) -> NodeReport:
    return _report(daemon)


@command(NodeShow)
async def node_show(daemon: Daemon, params: NodeShow) -> NodeRow:
    return _row(daemon, _node(daemon, params.dc or daemon.config.dc_id))


@command(NodeInvite)
async def node_invite(daemon: Daemon, params: NodeInvite) -> Invitation:
    if not 1 <= params.minutes <= MINUTES_MOST:
        raise Refusal(f"minutes: {params.minutes} is not 1..{MINUTES_MOST}")
    try:
        token = await daemon.services.nodes.invite(params.minutes * limits.MINUTE)
    except JoinRefused as fault:
        raise Refusal(str(fault)) from None
    return Invitation(token.line(), token.expires)


@command(NodeAdd)
async def node_add(daemon: Daemon, params: NodeAdd) -> NodeReport:
    try:
        await daemon.services.nodes.join(Token.read(params.token))
    except (ValueError, JoinRefused) as fault:
        raise Refusal(str(fault)) from None
    return _report(daemon)


@command(NodeDrain)
async def node_drain(daemon: Daemon, params: NodeDrain) -> NodeRow:
    nodes = daemon.services.nodes
    node = _node(daemon, params.dc)
    if not node.own:
        raise Refusal(f"DC {params.dc} is another machine: run `tgserve node drain {params.dc}` there")
    takers = [one for one in nodes.others() if one.state == n.ACTIVE]
    if not params.cancel and not takers:
        raise Refusal("no other node takes accounts: nobody could sign up any more. Add a node first")
    return _row(daemon, await nodes.set_state(n.ACTIVE if params.cancel else n.DRAINING))


def _report(daemon: Daemon) -> NodeReport:
    nodes = daemon.services.nodes
    rows = {**nodes.rows, nodes.own_dc: nodes.own_row()}
    return NodeReport([_row(daemon, rows[dc]) for dc in sorted(rows)])


def _node(daemon: Daemon, dc: int) -> n.Node:
    nodes = daemon.services.nodes
    found = nodes.own_row() if dc == nodes.own_dc else nodes.rows.get(dc)
    if found is None:
        raise Refusal(f"there is no DC {dc}: `tgserve node list` shows them")
    return found


def _row(daemon: Daemon, node: n.Node) -> NodeRow:
    nodes = daemon.services.nodes
    line = nodes.lines.get(node.dc)
    stream = nodes.stream(node.dc)
    with daemon.store.read(SLOT) as reader:
        visitors = sum(1 for (user,), _ in reader.range(VISITORS) if nodes.home(user) == node.dc)
    return NodeRow(
        dc=node.dc,
        name=node.name,
        address=f"{node.host}:{node.port}" if node.host else daemon.address,
        link=node.link,
        state=STATES[node.state] if node.own or line is not None else "away",
        own=node.own,
        keeper=node.keeper,
        lag_seconds=round(line.lag, 6) if line is not None else -1.0,
        waiting=stream.queued - stream.acked,
        joined=node.joined,
        connected=int(line.since) if line is not None else 0,
        key=node.key.hex(),
        visitors=visitors,
        fault="" if line is not None else nodes.faults.get(node.dc, ""),
    )
