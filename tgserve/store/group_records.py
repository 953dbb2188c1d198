"""What is stored of basic groups: rows in the slot of the group, under the rules of records.py."""

from __future__ import annotations

from tgserve.store.records import Record, Shot

REACTIONS_STOCK = ""
REACTIONS_ALL = "all"
"""Custom emoji too."""
REACTIONS_SOME = "some"
REACTIONS_NONE = "none"


class Group(Record, frozen=True):
    """A basic group, under its peer number (-chat_id). `version` grows with every change."""

    title: str
    creator: int
    date: int
    version: int = 1
    about: str = ""
    banned: int = 0
    """Default rights: the flag word of chatBannedRights; a set bit is what plain members may not do."""
    noforwards: bool = False
    deleted: bool = False
    reactions: bytes = b""
    """TL ChatReactions of `reactions_layer`; empty = all are allowed."""
    reactions_layer: int = 0
    reactions_limit: int = 0
    ttl_period: int = 0
    pending: int = 0
    """Requests to join that wait for an answer."""
    reactions_rule: str = ""
    """One of REACTIONS_*; what `reactions` says, for the rule of who may react how."""
    reactions_some: tuple[str, ...] = ()
    """Allowed kinds with REACTIONS_SOME."""
    photo: Shot | None = None
    migrated_to: int = 0
    """The supergroup it has become (peer number)."""


class Member(Record, frozen=True):
    """Who is, or was, in a group, keyed by (chat, user)."""

    inviter: int
    date: int
    admin: bool = False
    rank: str = ""
    gone: int = 0
    """records.MEMBER_LEFT or MEMBER_KICKED; 0 = is in it."""
    title_then: str = ""
    """The group's title when the member went: later ones are not his to see."""


class Invite(Record, frozen=True):
    """A link into a group, keyed by (chat, hash)."""

    admin: int
    date: int
    title: str = ""
    expires: int = 0
    usage_limit: int = 0
    usage: int = 0
    approval: bool = False
    permanent: bool = False
    revoked: bool = False
    edited: int = 0
    requested: int = 0
    """Requests made by this link that wait for an answer."""


class Importer(Record, frozen=True):
    """Who came, or asks to come, by a link, keyed by (chat, user)."""

    hash: str
    date: int
    requested: bool = False
    approved_by: int = 0
