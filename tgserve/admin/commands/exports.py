"""user.export, channel.export, channel.import: Telegram Desktop's export format, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tgserve import limits
from tgserve.admin.commands.channels import find_chat
from tgserve.admin.commands.finding import find_active, find_user
from tgserve.admin.commands.jobs import row
from tgserve.admin.exporting import exporting, importing, reading
from tgserve.admin.exporting.folder import checked_target
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.exports import ChannelExport, ChannelImport, UserExport
from tgserve.admin.schema.jobs import JobRow
from tgserve.services.channels import rights
from tgserve.store.records import CHANNEL_BASE


@command(UserExport)
async def user_export(daemon: Daemon, params: UserExport) -> JobRow:
    user = find_active(daemon, params.who)
    target = checked_target(params.path)
    work = exporting.of_account(daemon.services, user, target, media=params.media)
    return row(daemon.jobs, daemon.jobs.start("export", work, unit="messages"))


@command(ChannelExport)
async def channel_export(daemon: Daemon, params: ChannelExport) -> JobRow:
    chat = find_chat(daemon, params.which)
    target = checked_target(params.path)
    work = exporting.of_chat(daemon.services, chat, target, media=params.media)
    return row(daemon.jobs, daemon.jobs.start("export", work, unit="messages"))


@command(ChannelImport)
async def channel_import(daemon: Daemon, params: ChannelImport) -> JobRow:
    """The whole export is read and checked here, before the job begins."""
    me, peer = _between(daemon, params.into, params.who)
    most = daemon.config.files.most_mib * limits.MIB
    export = await asyncio.to_thread(reading.read, params.path, params.chat, most)
    work = importing.into(daemon.services, export, me, peer)
    return row(daemon.jobs, daemon.jobs.start("import", work, unit="messages"))


def _between(daemon: Daemon, into: str, who: str) -> tuple[int, int]:
    """(whose messages they are, which chat they go to)."""
    sender = find_active(daemon, who) if who else None
    try:
        chat = find_chat(daemon, into)
    except Refusal as refused:
        return _with_person(daemon, into, sender.id if sender is not None else 0, refused)
    owner, members = _owner(daemon, chat)
    me = sender.id if sender is not None else owner
    if not members(me):
        whose = f"{who} is" if who else "its owner is"
        raise Refusal(f"{whose} not in {into}, or may not write there: --as names who sends the messages")
    return me, chat


def _with_person(daemon: Daemon, into: str, sender: int, refused: Refusal) -> tuple[int, int]:
    try:
        other = find_user(daemon, into)
    except Refusal:
        raise refused from None
    if not sender:
        raise Refusal(f"{into} is a person: --as names whose messages they are to be")
    if other.deleted or other.support:
        raise Refusal(f"nobody can write to {into}")
    return sender, other.id


def _owner(daemon: Daemon, chat: int) -> tuple[int, Callable[[int], bool]]:
    """Who owns a chat, and what says of a user whether he may write there."""
    services = daemon.services
    if chat > -CHANNEL_BASE:
        roster = services.groups.rosters.get_or_none(chat)
        return (roster.group.creator, roster.has) if roster is not None else (0, lambda user: False)
    register = services.channels.register

    def may(user: int) -> bool:
        record, seat = register.get_or_none(chat), register.participant(chat, user)
        if record is None or not rights.is_member(seat):
            return False
        return record.megagroup or rights.has(record, user, seat, rights.POST)

    record = register.get_or_none(chat)
    return record.creator if record is not None else 0, may
