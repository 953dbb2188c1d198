"""Pinned messages of a chat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tgserve.api.messages.announcing import with_notice
from tgserve.errors import RpcError
from tgserve.render.action import action_of
from tgserve.render.channel import channel_id
from tgserve.render.chat import chats
from tgserve.render.sent import new_message
from tgserve.render.told import told
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels.register import is_channel
from tgserve.services.messaging import Draft, ReplyTo, Sent
from tgserve.store.transaction import Txn
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

_PINNED, _PINNED_LAYER = layers.encode_part(t.MessageActionPinMessage())


@rpc(messages.UpdatePinnedMessage, flood=per_minute(120))
async def update_pinned_message(call: Call, request: messages.UpdatePinnedMessage) -> t.AnyUpdates:
    """For both sides, with a service message that says so, or for oneself alone; unpinning says nothing."""
    peer = peers.here(call, peers.resolve(call, request.peer))
    if is_channel(peer):
        return await _pin_in_channel(call, peer, request)
    others = () if request.pm_oneside else call.services.pinning.audience(call.me, peer)
    if others:
        call.services.messaging.check_may_write(call.me, peer)
    told_of = others and not request.unpin
    changed, sent = await call.services.pinning.pin(
        call.me,
        peer,
        request.id,
        not request.unpin,
        others,
        notice=_notice(call, peer, request) if told_of else None,
        origin=call.session,
    )
    answer = told(call.services, call.me, (changed,), call.now)
    return with_notice(call, peer, answer, sent) if told_of and changed is not None else answer


def _notice(call: Call, peer: int, request: messages.UpdatePinnedMessage) -> Callable[[Txn], Sent] | None:
    """The service message, sent with the pin or not at all; None where the caller may pin and not write."""
    draft = Draft(
        action=_PINNED,
        layer=layers.CURRENT,
        min_layer=_PINNED_LAYER,
        reply=ReplyTo(request.id),
        silent=request.silent,
    )
    try:
        return call.services.messaging.part(
            call.me, peer, draft, call.services.ids.i64() or 1, origin=call.session
        )
    except RpcError as refusal:
        if refusal.code >= 500:
            raise
        return None


async def _pin_in_channel(call: Call, channel: int, request: messages.UpdatePinnedMessage) -> t.AnyUpdates:
    done, sent = await call.services.channels.changing.pin(
        call.me,
        channel,
        request.id,
        not request.unpin,
        notice=None if request.unpin else action_of(t.MessageActionPinMessage()),
        silent=request.silent,
        origin=call.session,
    )
    updates: list[Any] = []
    if done.count:
        updates.append(
            t.UpdatePinnedChannelMessages(
                pinned=not request.unpin,
                channel_id=channel_id(channel),
                messages=[request.id],
                pts=done.pts,
                pts_count=done.count,
            )
        )
    answer = t.Updates(updates=updates, users=[], chats=[], date=call.now, seq=0)
    if sent is not None:
        updates.append(new_message(call.services, sent))
        answer.users = users(call.services, call.me, (call.me,))
    answer.chats = chats(call.services, call.me, (channel,))
    return answer


@rpc(messages.UnpinAllMessages, flood=per_minute(60))
async def unpin_all_messages(call: Call, request: messages.UnpinAllMessages) -> t.AnyMessagesAffectedHistory:
    """A slice at a time: the client repeats the call while `offset` is not 0."""
    peer = peers.resolve(call, request.peer)
    if is_channel(peer):
        top = max(request.top_msg_id or 0, 0)
        done = await call.services.channels.changing.unpin_all(call.me, peer, top, origin=call.session)
        return t.MessagesAffectedHistory(pts=done.pts, pts_count=done.count, offset=done.left)
    changed, left = await call.services.pinning.unpin_all(
        call.me, peer, call.services.pinning.audience(call.me, peer), origin=call.session
    )
    if changed is None:
        return t.MessagesAffectedHistory(pts=call.services.updates.pts(call.me), pts_count=0, offset=left)
    return t.MessagesAffectedHistory(pts=changed.pts, pts_count=changed.pts_count, offset=left)
