"""Timers of chats: messages that delete themselves."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.channels import settings
from tgserve.api.messages.announcing import announce
from tgserve.api.messages.chats import updates_of
from tgserve.render.action import action_of
from tgserve.render.told import told
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.channels.register import is_channel
from tgserve.services.messaging import DEFAULT_TIMER, Draft
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages


@rpc(messages.SetHistoryTTL, flood=per_minute(60))
async def set_history_ttl(call: Call, request: messages.SetHistoryTTL) -> t.AnyUpdates:
    """For everybody in the chat, with a service message that says so. In groups admins set it."""
    peer = peers.here(call, peers.resolve(call, request.peer))
    if peer == SERVICE_USER:
        raise errors.PEER_ID_INVALID()
    if is_channel(peer):
        return await settings.set_ttl(call, peer, request.period)
    if peer < 0:
        timer = action_of(t.MessageActionSetMessagesTTL(period=request.period))
        done = await call.services.groups.set_period(
            call.me, peer, request.period, timer, origin=call.session
        )
        return updates_of(call, done)
    call.services.messaging.check_may_write(call.me, peer)
    changed = await call.services.expiry.set_period(call.me, peer, request.period, origin=call.session)
    if changed is None:
        raise errors.CHAT_NOT_MODIFIED()
    action, min_layer = layers.encode_part(t.MessageActionSetMessagesTTL(period=request.period))
    notice = Draft(action=action, layer=layers.CURRENT, min_layer=min_layer)
    answer = told(call.services, call.me, (changed,), call.now)
    return await announce(call, peer, notice, answer)


@rpc(messages.SetDefaultHistoryTTL, flood=per_minute(60))
async def set_default_history_ttl(call: Call, request: messages.SetDefaultHistoryTTL) -> bool:
    """For chats that the caller begins from now on."""
    if not 0 <= request.period <= limits.TIMER_SECONDS:
        raise errors.TTL_PERIOD_INVALID()
    value = b"%d" % request.period if request.period else b""
    await call.services.settings.put(call.me, DEFAULT_TIMER, value)
    return True


@rpc(messages.GetDefaultHistoryTTL)
async def get_default_history_ttl(
    call: Call, request: messages.GetDefaultHistoryTTL
) -> t.AnyDefaultHistoryTTL:
    value = call.services.settings.get_or_none(call.me, DEFAULT_TIMER)
    return t.DefaultHistoryTTL(period=int(value or b"0"))
