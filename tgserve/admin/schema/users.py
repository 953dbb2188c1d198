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
    marks: list[str] = field(default_factory=list)
    """Of verified, scam, fake: shown beside the name."""


@dataclass(frozen=True, slots=True)
class UserPage:
    users: list[UserRow]
    total: int
    """How many fit the search, whatever the limit."""


@answers("user.list", UserPage)
@dataclass(frozen=True, slots=True)
class UserList(Command[UserPage]):
    """Accounts, newest first; `search` looks into name, username, phone and id; `state` as in UserRow, empty for all;
    `offset` accounts are passed over."""

    search: str = ""
    limit: int = 100
    offset: int = 0
    state: str = ""


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
    password: bool = False
    """Two-step verification is on."""
    groups: int = 0
    channels: int = 0


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


@answers("user.edit", UserRow)
@dataclass(frozen=True, slots=True)
class UserEdit(Command[UserRow]):
    """Change what is given, all of it or nothing; None leaves it. An empty `username` takes it away."""

    who: str
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    about: str | None = None
    phone: str | None = None
    verified: bool | None = None
    scam: bool | None = None
    fake: bool | None = None


@dataclass(frozen=True, slots=True)
class UserBanned:
    who: str
    """+ and digits for a number without an account, else its id."""
    sessions: int = 0
    """How many were ended."""


@answers("user.ban", UserBanned)
@dataclass(frozen=True, slots=True)
class UserBan(Command[UserBanned]):
    """The account's sessions end and none begins; its number, or one without an account, gets no codes."""

    who: str


@answers("user.unban", UserBanned)
@dataclass(frozen=True, slots=True)
class UserUnban(Command[UserBanned]):
    """Take a ban back."""

    who: str


@answers("user.delete", UserRow)
@dataclass(frozen=True, slots=True)
class UserDelete(Command[UserRow]):
    """Delete an account as its owner could; answers with what it was."""

    who: str


@answers("user.reset_2fa", UserRow)
@dataclass(frozen=True, slots=True)
class UserReset2fa(Command[UserRow]):
    """Remove a forgotten password; its owner is told."""

    who: str


@dataclass(frozen=True, slots=True)
class LimitRow:
    what: str
    count: int
    most: int
    seconds: int
    """Until it counts from nothing again."""
    waiting: bool = False
    """It is full: FLOOD_WAIT until then."""


@dataclass(frozen=True, slots=True)
class UserLimitsReport:
    user: UserRow
    limits: list[LimitRow]
    """Everything that counts something now."""
    lifted: int = 0
    """How many of those that were full have been lifted."""


@answers("user.limits", UserLimitsReport)
@dataclass(frozen=True, slots=True)
class UserLimits(Command[UserLimitsReport]):
    """Flood limits of an account; `lift`: forget what was counted (`limits` is what it was)."""

    who: str
    lift: bool = False
