"""bot.*: accounts that sign in with a token."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class BotRow:
    id: int
    name: str
    username: str
    about: str = ""
    created: int = 0
    state: str = "active"
    """active, banned, revoked (no token works), deleted."""
    sessions: int = 0
    chats: int = 0


@dataclass(frozen=True, slots=True)
class BotPage:
    bots: list[BotRow] = field(default_factory=list)


@answers("bot.list", BotPage)
@dataclass(frozen=True, slots=True)
class BotList(Command[BotPage]):
    """Bots that are not deleted, newest first."""


@answers("bot.show", BotRow)
@dataclass(frozen=True, slots=True)
class BotShow(Command[BotRow]):
    """`who`: an id or @username."""

    who: str


@dataclass(frozen=True, slots=True)
class BotToken:
    bot: BotRow
    token: str
    """Shown this once: the store has a hash of it."""


@answers("bot.create", BotToken)
@dataclass(frozen=True, slots=True)
class BotCreate(Command[BotToken]):
    """A new bot. Its username ends in `bot`."""

    name: str
    username: str
    about: str = ""


@answers("bot.token", BotToken)
@dataclass(frozen=True, slots=True)
class BotNewToken(Command[BotToken]):
    """Another token: the old one and its sessions end."""

    who: str


@answers("bot.revoke", BotRow)
@dataclass(frozen=True, slots=True)
class BotRevoke(Command[BotRow]):
    """No token works any more, its sessions end."""

    who: str


@answers("bot.delete", BotRow)
@dataclass(frozen=True, slots=True)
class BotDelete(Command[BotRow]):
    """Delete the account for good; answers with what it was."""

    who: str
