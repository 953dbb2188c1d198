"""channel.*: channels, supergroups and basic groups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from tgserve.admin.commands.finding import SLOTS_PER_TURN, find_active, in_words
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.channels import (
    ChannelAddUsername,
    ChannelDelete,
    ChannelDetails,
    ChannelList,
    ChannelMembers,
    ChannelPage,
    ChannelRemoveUsername,
    ChannelRow,
    ChannelShow,
    ChannelTransfer,
    MemberPage,
    MemberRow,
)
from tgserve.services.channels import rights
from tgserve.services.groups.roster import Roster
from tgserve.store import channel_records as c
from tgserve.store import group_records as g
from tgserve.store.keyspaces import CHANNELS, GROUPS, MEMBERS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.slots import SLOTS

KINDS = ("channel", "supergroup", "group")
BOT_API_BASE = 10**12


@command(ChannelList)
async def channel_list(daemon: Daemon, params: ChannelList) -> ChannelPage:
    if params.kind and params.kind not in KINDS:
        raise Refusal(f"kind `{params.kind}` is none of {', '.join(KINDS)}")
    wanted = params.search.casefold().lstrip("@").strip()
    found = [
        row
        async for row in _everything(daemon)
        if (params.deleted or row.state == "active")
        and (not params.kind or row.kind == params.kind)
        and (not wanted or wanted in f"{row.title}\n{row.username}\n{row.id}".casefold())
    ]
    found.sort(key=lambda row: (row.created, row.id), reverse=True)
    first = max(0, params.offset)
    page = found[first : first + max(0, params.limit)]
    return ChannelPage([_counted(daemon, row) for row in page], len(found))


@command(ChannelShow)
async def channel_show(daemon: Daemon, params: ChannelShow) -> ChannelDetails:
    return _details(daemon, find_chat(daemon, params.which, ended=True))


@command(ChannelMembers)
async def channel_members(daemon: Daemon, params: ChannelMembers) -> MemberPage:
    chat = find_chat(daemon, params.which)
    first, last = max(0, params.offset), max(0, params.offset) + max(0, params.limit)
    roster = daemon.services.groups.rosters.get_or_none(chat) if chat > -CHANNEL_BASE else None
    if roster is not None:
        return MemberPage(
            [_in_group(daemon, roster, user) for user in roster.here[first:last]], len(roster.here)
        )
    members = daemon.services.channels.members
    record = daemon.services.channels.register.get_or_none(chat)
    if record is None:
        raise Refusal(f"no group or channel is {params.which}")
    leading = [user for user in members.by_role(chat, rights.ROLE_ADMIN) if user != record.creator]
    everybody = await members.members(chat)
    owner = [record.creator] if record.creator in everybody else []
    order = [*owner, *leading]
    above = set(order)
    order += [user for user in everybody[: last + len(above)] if user not in above]
    return MemberPage([_in_channel(daemon, chat, record, user) for user in order[first:last]], record.members)


@command(ChannelDelete)
async def channel_delete(daemon: Daemon, params: ChannelDelete) -> ChannelRow:
    chat = find_chat(daemon, params.which)
    row = _details(daemon, chat).channel
    with in_words():
        await daemon.services.overseeing.delete(chat)
    return row


@command(ChannelTransfer)
async def channel_transfer(daemon: Daemon, params: ChannelTransfer) -> ChannelDetails:
    chat = find_chat(daemon, params.which)
    user = find_active(daemon, params.who)
    if user.bot:
        raise Refusal(f"{params.who} is a bot: it cannot own a chat")
    with in_words():
        await daemon.services.overseeing.appoint(chat, user.id)
    return _details(daemon, chat)


@command(ChannelAddUsername)
async def channel_add_username(daemon: Daemon, params: ChannelAddUsername) -> ChannelDetails:
    chat = _find_channel(daemon, params.which)
    with in_words():
        await daemon.services.channels.publicity.give(chat, params.username.removeprefix("@"))
    return _details(daemon, chat)


@command(ChannelRemoveUsername)
async def channel_remove_username(daemon: Daemon, params: ChannelRemoveUsername) -> ChannelDetails:
    chat = _find_channel(daemon, params.which)
    with in_words():
        await daemon.services.channels.publicity.take(chat, params.username.removeprefix("@"))
    return _details(daemon, chat)


def _find_channel(daemon: Daemon, which: str) -> int:
    chat = find_chat(daemon, which)
    if chat > -CHANNEL_BASE:
        raise Refusal(f"{which} is a basic group: it has no usernames")
    return chat


def find_chat(daemon: Daemon, which: str, *, ended: bool = False) -> int:
    """The peer number of a group or channel by its id, with or without the Bot API's -100 and -, or @username. Refusal
    when there is none, or, unless `ended`, it is over."""
    services = daemon.services
    digits = which.lstrip("-")
    found = 0
    if which.startswith("@"):
        found = min(0, services.names.peer_or_none(which[1:]) or 0)
    elif digits.isascii() and digits.isdigit() and len(digits) < 19:
        number = int(digits)
        for peer in (-CHANNEL_BASE - number, -number):
            if peer < 0 and _record(daemon, peer) is not None:
                found = peer
                break
        else:
            if which.startswith("-") and number > BOT_API_BASE and _record(daemon, -number) is not None:
                found = -number
    record = _record(daemon, found) if found else None
    if record is None:
        raise Refusal(f"no group or channel is {which}: its id or @username is needed")
    if not ended and _state(record) != "active":
        raise Refusal(f"{which} is {_state(record)}")
    return found


def _record(daemon: Daemon, peer: int) -> c.Channel | g.Group | None:
    if peer < -CHANNEL_BASE:
        return daemon.services.channels.register.get_or_none(peer)
    roster = daemon.services.groups.rosters.get_or_none(peer)
    return None if roster is None else roster.group


def _state(record: c.Channel | g.Group) -> str:
    if isinstance(record, g.Group) and record.migrated_to:
        return "migrated"
    return "deleted" if record.deleted else "active"


async def _everything(daemon: Daemon) -> AsyncIterator[ChannelRow]:
    for slot in range(SLOTS):
        with daemon.store.read(slot) as reader:
            rows = [_channel_row(key[0], record) for key, record in reader.range(CHANNELS)]
            for key, group in reader.range(GROUPS):
                here = sum(not member.gone for _, member in reader.range(MEMBERS, key[0]))
                rows.append(_group_row(key[0], group, here))
        for row in rows:
            yield row
        if slot % SLOTS_PER_TURN == 0:
            await asyncio.sleep(0)


def _channel_row(peer: int, record: c.Channel, messages: int = 0) -> ChannelRow:
    names = [name for name, active in record.usernames if active]
    return ChannelRow(
        id=-peer - CHANNEL_BASE,
        kind="supergroup" if record.megagroup else "channel",
        title=record.title,
        username=names[0] if names else "",
        members=record.members,
        messages=messages,
        owner=record.creator,
        created=record.date,
        state=_state(record),
    )


def _group_row(peer: int, group: g.Group, here: int) -> ChannelRow:
    return ChannelRow(
        id=-peer,
        kind="group",
        title=group.title,
        members=here,
        owner=group.creator,
        created=group.date,
        state=_state(group),
    )


def _counted(daemon: Daemon, row: ChannelRow) -> ChannelRow:
    """With the number of messages, which costs a read."""
    if row.kind == "group":
        return row
    peer = -CHANNEL_BASE - row.id
    record = daemon.services.channels.register.get_or_none(peer)
    top = daemon.services.channels.register.top(peer)
    return row if record is None else _channel_row(peer, record, top.count)


def _details(daemon: Daemon, chat: int) -> ChannelDetails:
    services = daemon.services
    if chat > -CHANNEL_BASE:
        roster = services.groups.rosters.get_or_none(chat)
        if roster is None:
            raise Refusal(f"no group is {-chat}")
        group = roster.group
        return ChannelDetails(
            _group_row(chat, group, len(roster.here)),
            about=group.about,
            owner_name=_name(daemon, group.creator),
            admins=sum(roster.members[user].admin for user in roster.here),
            pending=group.pending,
            noforwards=group.noforwards,
            ttl_seconds=group.ttl_period,
        )
    record = services.channels.register.get_or_none(chat)
    if record is None:
        raise Refusal(f"no channel is {-chat - CHANNEL_BASE}")
    return ChannelDetails(
        _channel_row(chat, record, services.channels.register.top(chat).count),
        about=record.about,
        owner_name=_name(daemon, record.creator),
        admins=record.admins,
        kicked=record.kicked,
        restricted=record.restricted,
        pending=record.pending,
        forum=record.forum,
        noforwards=record.noforwards,
        slow_mode_seconds=record.slow_mode_seconds,
        ttl_seconds=record.ttl_period,
        linked=-record.linked - CHANNEL_BASE if record.linked else 0,
        usernames=_active(record.usernames),
    )


def _active(usernames: Iterable[tuple[str, bool]]) -> list[str]:
    return [name for name, active in usernames if active]


def _in_group(daemon: Daemon, roster: Roster, user: int) -> MemberRow:
    member = roster.members[user]
    role = "owner" if user == roster.group.creator else "admin" if member.admin else "member"
    return _member(daemon, user, role, member.date, member.rank)


def _in_channel(daemon: Daemon, channel: int, record: c.Channel, user: int) -> MemberRow:
    seat = daemon.services.channels.register.participant(channel, user)
    admin = seat is not None and seat.admin
    role = "owner" if user == record.creator else "admin" if admin else "member"
    return _member(daemon, user, role, seat.date if seat else 0, seat.rank if seat else "")


def _member(daemon: Daemon, user_id: int, role: str, since: int, rank: str) -> MemberRow:
    user = daemon.services.users.get_or_none(user_id)
    username = user.username if user is not None else ""
    return MemberRow(user_id, _name(daemon, user_id), username, role, since, rank)


def _name(daemon: Daemon, user_id: int) -> str:
    user = daemon.services.users.get_or_none(user_id)
    if user is None or user.deleted:
        return "deleted account"
    return f"{user.first_name} {user.last_name}".strip()
