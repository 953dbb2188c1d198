"""node.list, node.show, node.invite, node.add, node.drain."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class NodeRow:
    dc: int
    name: str
    address: str
    """host:port for clients."""
    link: str
    """host:port for other nodes."""
    state: str
    """active or draining; away when it cannot be reached."""
    own: bool = False
    keeper: bool = False
    """Keeps the directory of phone numbers and usernames."""
    lag_seconds: float = -1.0
    """There and back of the last ping; -1 when there was none."""
    waiting: int = 0
    """What is queued for it and not acknowledged."""
    joined: int = 0
    connected: int = 0
    """Since when, Unix seconds; 0 = it is not."""
    key: str = ""
    """Its public key, hex."""
    visitors: int = 0
    """People homed there of whom a copy is kept here."""
    fault: str = ""
    """Why it cannot be reached."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    nodes: list[NodeRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Invitation:
    token: str
    expires: int


@answers("node.list", NodeReport)
@dataclass(frozen=True, slots=True)
class NodeList(Command[NodeReport]):
    """All nodes of the server, as this one sees them."""


@answers("node.show", NodeRow)
@dataclass(frozen=True, slots=True)
class NodeShow(Command[NodeRow]):
    """One node, as the list shows it."""

    dc: int = 0
    """0 = this one."""


@answers("node.invite", Invitation)
@dataclass(frozen=True, slots=True)
class NodeInvite(Command[Invitation]):
    """A token with which one new node may join."""

    minutes: int = 60


@answers("node.add", NodeReport)
@dataclass(frozen=True, slots=True)
class NodeAdd(Command[NodeReport]):
    """This node, still without accounts, becomes one of the server that printed the token."""

    token: str


@answers("node.drain", NodeRow)
@dataclass(frozen=True, slots=True)
class NodeDrain(Command[NodeRow]):
    """This node takes no new accounts any more, or does again."""

    dc: int
    cancel: bool = False
