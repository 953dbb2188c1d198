"""channel.*: channels, supergroups and basic groups."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class ChannelRow:
    id: int
    """As clients show it: positive."""
    kind: str
    """channel, supergroup or group (basic)."""
    title: str
    username: str = ""
    members: int = 0
    messages: int = 0
    """Of a basic group 0: each member has his own."""
    owner: int = 0
    created: int = 0
    state: str = "active"
    """active, deleted, migrated (a basic group that has become a supergroup)."""


@dataclass(frozen=True, slots=True)
class ChannelPage:
    channels: list[ChannelRow]
    total: int
    """How many fit, whatever the limit."""


@answers("channel.list", ChannelPage)
@dataclass(frozen=True, slots=True)
class ChannelList(Command[ChannelPage]):
    """Newest first; `search` looks into title, username and id; `kind` as in ChannelRow, empty for all."""

    search: str = ""
    kind: str = ""
    limit: int = 100
    offset: int = 0
    deleted: bool = False
    """Deleted and migrated ones too."""


@dataclass(frozen=True, slots=True)
class ChannelDetails:
    channel: ChannelRow
    about: str = ""
    owner_name: str = ""
    admins: int = 0
    kicked: int = 0
    restricted: int = 0
    pending: int = 0
    """Requests to join."""
    forum: bool = False
    noforwards: bool = False
    slow_mode_seconds: int = 0
    ttl_seconds: int = 0
    linked: int = 0
    """Its discussion group, or the channel it discusses."""
    usernames: list[str] = field(default_factory=list)


@answers("channel.show", ChannelDetails)
@dataclass(frozen=True, slots=True)
class ChannelShow(Command[ChannelDetails]):
    """`which`: an id or @username."""

    which: str


@dataclass(frozen=True, slots=True)
class MemberRow:
    id: int
    name: str
    username: str
    role: str
    """owner, admin or member."""
    since: int
    rank: str = ""


@dataclass(frozen=True, slots=True)
class MemberPage:
    members: list[MemberRow]
    total: int


@answers("channel.members", MemberPage)
@dataclass(frozen=True, slots=True)
class ChannelMembers(Command[MemberPage]):
    """Owner and admins first, then the last to come."""

    which: str
    limit: int = 100
    offset: int = 0


@answers("channel.delete", ChannelRow)
@dataclass(frozen=True, slots=True)
class ChannelDelete(Command[ChannelRow]):
    """End it for everybody; answers with what it was."""

    which: str


@answers("channel.add-username", ChannelDetails)
@dataclass(frozen=True, slots=True)
class ChannelAddUsername(Command[ChannelDetails]):
    """One more username, beside the one its owner edits."""

    which: str
    username: str


@answers("channel.remove-username", ChannelDetails)
@dataclass(frozen=True, slots=True)
class ChannelRemoveUsername(Command[ChannelDetails]):
    """Taken away: one that was given, or the one its owner edits."""

    which: str
    username: str


@answers("channel.transfer", ChannelDetails)
@dataclass(frozen=True, slots=True)
class ChannelTransfer(Command[ChannelDetails]):
    """A member (`who`) owns it from now on."""

    which: str
    who: str
