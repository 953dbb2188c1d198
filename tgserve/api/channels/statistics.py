"""Statistics of channels, for their admins. Supergroups have none: who reads them is not counted."""

from __future__ import annotations

from typing import Any

from tgserve import errors
from tgserve.api.messages.history import page_limit
from tgserve.render import statistics as render
from tgserve.render.chat import chats
from tgserve.render.message import message, people
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels.days import Post
from tgserve.tl import types as t
from tgserve.tl.functions import stats


@rpc(stats.GetBroadcastStats, flood=per_minute(10))
async def get_broadcast_stats(call: Call, request: stats.GetBroadcastStats) -> t.AnyStatsBroadcastStats:
    """The last week beside the one before it, and graphs of what was counted by day."""
    channel = peers.resolve_channel(call, request.channel)
    return render.broadcast(await call.services.channels.statistics.overview(call.me, channel))


@rpc(stats.GetMegagroupStats, flood=per_minute(20))
async def get_megagroup_stats(call: Call, request: stats.GetMegagroupStats) -> t.AnyStatsMegagroupStats:
    """How many have read what is noted for nobody, so the first of their numbers could not be said: there are none, as
    where there are too few members."""
    channel = peers.resolve_channel(call, request.channel)
    record, _ = call.services.channels.register.seat(call.me, channel)
    raise errors.CHAT_ADMIN_REQUIRED() if record.megagroup else errors.MEGAGROUP_REQUIRED()


@rpc(stats.GetMessageStats, flood=per_minute(60))
async def get_message_stats(call: Call, request: stats.GetMessageStats) -> t.AnyStatsMessageStats:
    channel = peers.resolve_channel(call, request.channel)
    return render.post(call.services.channels.statistics.of_post(call.me, channel, request.msg_id), call.now)


@rpc(stats.GetMessagePublicForwards, flood=per_minute(60))
async def get_message_public_forwards(
    call: Call, request: stats.GetMessagePublicForwards
) -> t.AnyStatsPublicForwards:
    """Copies of a post in public channels and supergroups. OFFSET_INVALID."""
    channel = peers.resolve_channel(call, request.channel)
    statistics = call.services.channels.statistics
    statistics.allowed(call.me, channel)
    after = _after(request.offset)
    limit = max(page_limit(request.limit), 1)
    count, places, more = await statistics.passed_on(call.me, channel, request.msg_id, after, limit)
    reading = call.services.channels.reading
    views = [view for place in places if (view := reading.message_or_none(call.me, *place)) is not None]
    who: dict[int, None] = {channel: None, **people(views, call.services)}
    forwards: list[Any] = [t.PublicForwardMessage(message=message(call.services, view)) for view in views]
    return t.StatsPublicForwards(
        count=count,
        forwards=forwards,
        next_offset=f"{places[-1][0]}_{places[-1][1]}" if more else None,
        chats=chats(call.services, call.me, who),
        users=users(call.services, call.me, who),
    )


def _after(offset: str) -> Post:
    """The last place of the page before. OFFSET_INVALID."""
    if not offset:
        return FIRST
    channel, _, msg_id = offset.partition("_")
    if len(offset) > 40 or not channel.removeprefix("-").isdecimal() or not msg_id.isdecimal():
        raise errors.OFFSET_INVALID()
    return int(channel), int(msg_id)


FIRST: Post = (-(2**63), 0)
"""Before all places."""
