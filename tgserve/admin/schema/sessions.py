"""session.*: who is signed in on which device."""

from __future__ import annotations

from dataclasses import dataclass

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class SessionLine:
    auth_key_id: str
    """16 hex digits: the session's name."""
    user: int
    name: str
    device: str
    app: str
    ip: str
    created: int
    active: int
    live: bool = False
    """It has a connection now."""


@dataclass(frozen=True, slots=True)
class SessionPage:
    sessions: list[SessionLine]
    total: int
    """How many there are, whatever the limit."""


@answers("session.list", SessionPage)
@dataclass(frozen=True, slots=True)
class SessionList(Command[SessionPage]):
    """Sessions, the last active first; `who` empty: of everybody. `live`: with a connection now."""

    who: str = ""
    limit: int = 100
    offset: int = 0
    live: bool = False


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    user: int
    ended: int


@answers("session.terminate", SessionsEnded)
@dataclass(frozen=True, slots=True)
class SessionTerminate(Command[SessionsEnded]):
    """End one session by its name, or with `who` all of an account. The client is signed out at once."""

    auth_key_id: str = ""
    who: str = ""
