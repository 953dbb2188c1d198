"""updates.*: where a device stands and what it has missed."""

from __future__ import annotations

from tgserve import errors
from tgserve.render import difference as render
from tgserve.render.dialogs import state
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import updates


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
    return render.difference(call.services, call.me, missed)


@rpc(updates.GetChannelDifference, status=Status.REFUSED)
async def get_channel_difference(
    call: Call, request: updates.GetChannelDifference
) -> t.AnyUpdatesChannelDifference:
    """There are no channels here yet."""
    peers.resolve_channel(call, request.channel)
    raise errors.CHANNEL_INVALID()
