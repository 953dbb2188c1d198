"""What is stored for pushes: the devices that want them, who uses a token, what waits to be sent, how far we have got.

Texts are never copied here: what waits names a message, and is drawn from the message as it is when it is sent.
"""

from __future__ import annotations

from tgserve.store.records import Record


class PushDevice(Record, frozen=True):
    """One registration, keyed by (user, number); the number is a keyed hash of token type and token."""

    sealed: bytes
    """Token and secret, sealed for this user and number (SECURITY 5.9)."""
    token_type: int
    session: int
    """Hash of the session that registered it; it ends with that session."""
    auth_key_id: int
    registered: int
    sandbox: bool = False
    no_muted: bool = False
    others: tuple[int, ...] = ()
    """Users who share the token."""


class PushToken(Record, frozen=True):
    """Who has registered a token, keyed by its number."""

    users: tuple[int, ...] = ()


class PushWaiting(Record, frozen=True):
    """A push that is not sent yet, keyed by (user, device number, number). `kind`: message muted read deleted reaction
    reactions_read test."""

    kind: str
    peer: int = 0
    msg_id: int = 0
    date: int = 0
    """When it was decided; it is dropped when it has waited for too long."""
    due: int = 0
    """Not before this second."""
    flags: int = 0
    """Those of services/push/decide.py."""
    who: int = 0
    """Who has reacted."""
    word: str = ""
    """What with."""
    msg_ids: tuple[int, ...] = ()
    topic: int = 0


class PushMark(Record, frozen=True):
    """How far a box has been decided (keyed by its owner), or all boxes (owner 0: `date`)."""

    pts: int = 0
    date: int = 0
    clean: bool = False
    """The daemon ended of its own accord, and nothing was left undecided."""
