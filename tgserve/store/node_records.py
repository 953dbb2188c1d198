"""What the store knows of other nodes: rows in the slot of the text "nodes", under the rules of records.py."""

from __future__ import annotations

from tgserve.store.records import Record

NODES_SLOT = "nodes"
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


RANGE_BITS = 35
MEDIA_BITS = 59
MEDIA_MARK = 1 << 62
SINGLE_IDS = 1_000_000
"""Ids of users up to here are of every node: the service user."""


def home_of(user_id: int, keeper: int) -> int:
    """DC of a user, group or channel by its number: a joined node's begin at dc << RANGE_BITS, all others are the
    keeper's."""
    return user_id >> RANGE_BITS or keeper


def home_of_media(media_id: int, keeper: int) -> int:
    """DC where a photo or document lies: a joined node's carry MEDIA_MARK and the dc above bit MEDIA_BITS."""
    return media_id >> MEDIA_BITS & 7 if media_id & MEDIA_MARK else keeper


class Homes:
    """Whose numbers are whose, by the NODES rows of a store; without any everything is at home."""

    def __init__(self, rows: list[Node]) -> None:
        self._own = next((node.dc for node in rows if node.own), 0)
        self._keeper = next((node.dc for node in rows if node.keeper), self._own)

    def far(self, peer: int) -> bool:
        """A user or channel of another node?"""
        number = peer if peer > 0 else -peer - 10**12
        return bool(self._own) and number > SINGLE_IDS and home_of(number, self._keeper) != self._own

    def far_media(self, media_id: int) -> bool:
        return bool(self._own) and home_of_media(media_id, self._keeper) != self._own
