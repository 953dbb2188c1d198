"""user.*"""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class UserRow:
    id: int
    phone: str
    first_name: str
    last_name: str = ""
    username: str = ""
    created: int = 0
    last_online: int = 0
    state: str = "active"
    """active, banned, deleted or bot."""


@dataclass(frozen=True, slots=True)
class UserPage:
    users: list[UserRow]
    total: int
    """How many fit the search, whatever the limit."""


@answers("user.list", UserPage)
@dataclass(frozen=True, slots=True)
class UserList(Command[UserPage]):
    """Accounts, newest first; `search` looks into name, username and phone."""

    search: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class SessionRow:
    auth_key_id: str
    """16 hex digits."""
    device: str
    app: str
    ip: str
    created: int
    active: int


@dataclass(frozen=True, slots=True)
class UserDetails:
    user: UserRow
    about: str = ""
    contacts: int = 0
    dialogs: int = 0
    messages: int = 0
    sessions: list[SessionRow] = field(default_factory=list)


@answers("user.show", UserDetails)
@dataclass(frozen=True, slots=True)
class UserShow(Command[UserDetails]):
    """`who`: an id, @username or phone number."""

    who: str


@dataclass(frozen=True, slots=True)
class LoginCode:
    phone: str
    code: str
    expires_seconds: int


@answers("user.code", LoginCode)
@dataclass(frozen=True, slots=True)
class UserCode(Command[LoginCode]):
    """The newest login code of a phone number that still works."""

    phone: str


@answers("user.mailcode", LoginCode)
@dataclass(frozen=True, slots=True)
class UserMailCode(Command[LoginCode]):
    """The newest e-mail code of an account (two-step verification) that still works."""

    who: str


@answers("user.create", UserRow)
@dataclass(frozen=True, slots=True)
class UserCreate(Command[UserRow]):
    """Make an account before its owner's first login."""

    phone: str
    first_name: str
    last_name: str = ""
    username: str = ""
