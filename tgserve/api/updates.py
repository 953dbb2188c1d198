"""updates.*: where a device stands and what it has missed."""

from __future__ import annotations

from typing import Final

from tgserve import errors, limits
from tgserve.render import channel_updates as render_channel
from tgserve.render import difference as render
from tgserve.render.dialogs import state
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import rpc
from tgserve.services.channels import rights
from tgserve.services.channels.wishes import Wish
from tgserve.tl import types as t
from tgserve.tl.functions import updates

RANGES: Final = 100
"""That one question can name."""


@rpc(updates.GetState)
async def get_state(call: Call, request: updates.GetState) -> t.AnyUpdatesState:
    return state(call.services.updates.state(call.me))


@rpc(updates.GetDifference)
async def get_difference(call: Call, request: updates.GetDifference) -> t.AnyUpdatesDifference:
    """From any pts the box has had; qts is -1 for clients that keep none."""
    missed = call.services.updates.difference(
        call.me,
        request.pts,
        request.date,
        pts_limit=request.pts_limit or 0,
        pts_total_limit=request.pts_total_limit or 0,
    )
    behind = call.services.channels.reading.changed_since(call.me, request.date)
    return render.difference(call.services, call.me, missed, behind)


@rpc(updates.GetChannelDifference)
async def get_channel_difference(
    call: Call, request: updates.GetChannelDifference
) -> t.AnyUpdatesChannelDifference:
    """From any pts the channel's box has had, in parts. Whoever is no member looks again after a while, and is told
    what happens until then. A filter leaves out new messages, and what concerns messages outside its ranges; `force`
    what makes no difference in the end. RANGES_INVALID."""
    channel = peers.resolve_channel(call, request.channel)
    limit = min(request.limit, limits.CHANNEL_DIFFERENCE) if request.limit > 0 else limits.CHANNEL_DIFFERENCE
    held = call.services.channels
    missed = held.reading.difference(call.me, channel, request.pts, limit)
    if not rights.is_member(held.register.participant(channel, call.me)):
        held.guests.looked(call.me, channel)
    wish = _wish(request)
    timeout = limits.CHANNEL_TIMEOUT_SECONDS
    return render_channel.difference(call.services, call.me, channel, missed, timeout, wish)


def _wish(request: updates.GetChannelDifference) -> Wish:
    """RANGES_INVALID."""
    asked = request.filter
    if not isinstance(asked, t.ChannelMessagesFilter):
        return Wish(brief=request.force)
    ranges = tuple((one.min_id, one.max_id) for one in asked.ranges if isinstance(one, t.MessageRange))
    if len(ranges) > RANGES or any(first < 0 or last < first for first, last in ranges):
        raise errors.RANGES_INVALID()
    return Wish(ranges, asked.exclude_new_messages, request.force)
