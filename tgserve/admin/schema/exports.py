"""user.export, channel.export, channel.import: Telegram Desktop's export format, both ways. Each is a job."""

from __future__ import annotations

from dataclasses import dataclass

from tgserve.admin.schema import Command, answers
from tgserve.admin.schema.jobs import JobRow


@answers("user.export", JobRow)
@dataclass(frozen=True, slots=True)
class UserExport(Command[JobRow]):
    """All of an account into a folder that is empty or not there. `path` is absolute, as the server sees it."""

    who: str
    path: str
    media: bool = True
    """Files too."""


@answers("channel.export", JobRow)
@dataclass(frozen=True, slots=True)
class ChannelExport(Command[JobRow]):
    """One channel or group."""

    which: str
    path: str
    media: bool = True


@answers("channel.import", JobRow)
@dataclass(frozen=True, slots=True)
class ChannelImport(Command[JobRow]):
    """Messages of an export into a chat. `into`: a channel, group or person; `who` sends them, by default the owner of
    the channel or group; `chat`: name or id of one of the export's, where it has several."""

    path: str
    into: str
    who: str = ""
    chat: str = ""
