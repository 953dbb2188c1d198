"""What the store knows of other nodes: rows in the slot of the text "nodes", under the rules of records.py."""

from __future__ import annotations

from tgserve.store.records import Record

ACTIVE = 0
DRAINING = 1
"""Takes no new accounts."""


class Node(Record, frozen=True):
    """A whole tgserve that is another data centre; also the row of this one. `key`: its X25519 public key; `keeper`: it
    keeps the directory of phone numbers and usernames; `dials`: we are the side that connects."""

    dc: int
    key: bytes
    link: str
    """host:port for other nodes."""
    host: str
    """For clients, with `port`."""
    port: int
    name: str = ""
    state: int = ACTIVE
    joined: int = 0
    keeper: bool = False
    dials: bool = False
    own: bool = False
    """This is the row of the node whose store it is."""


class Invitation(Record, frozen=True):
    """A token that was printed, keyed by the hash of its secret. `used_by`: the key of who came with it."""

    expires: int
    used_by: bytes = b""


class Stream(Record, frozen=True):
    """How far two nodes are with each other: the last number queued for it, the last it has acknowledged, and the last
    of its own that was applied here."""

    queued: int = 0
    acked: int = 0
    applied: int = 0


class Visitor(Record, frozen=True):
    """A user homed elsewhere of whom a copy is kept here."""

    since: int
