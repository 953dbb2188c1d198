"""Read marks and `typing`."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, per_minute, rpc
from tgserve.services.bus import Typing
from tgserve.services.channels.register import is_channel
from tgserve.services.history import TOP_ID
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages


@rpc(messages.ReadHistory)
async def read_history(call: Call, request: messages.ReadHistory) -> t.AnyMessagesAffectedMessages:
    peer = peers.resolve(call, request.peer)
    if is_channel(peer):
        await call.services.channels.reading.read_history(call.me, peer, request.max_id, origin=call.session)
        return t.MessagesAffectedMessages(pts=call.services.updates.pts(call.me), pts_count=0)
    done = await call.services.reading.read_history(call.me, peer, request.max_id, origin=call.session)
    return t.MessagesAffectedMessages(pts=done.pts, pts_count=done.count)


@rpc(messages.ReadMessageContents)
async def read_message_contents(
    call: Call, request: messages.ReadMessageContents
) -> t.AnyMessagesAffectedMessages:
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    done = await call.services.reading.read_contents(call.me, request.id, origin=call.session)
    return t.MessagesAffectedMessages(pts=done.pts, pts_count=done.count)


@rpc(messages.ReceivedMessages, status=Status.EMPTY)
async def received_messages(
    call: Call, request: messages.ReceivedMessages
) -> list[t.AnyReceivedNotifyMessage]:
    """Delivery is acknowledged by msgs_ack; nothing more is kept of it."""
    return []


@rpc(messages.ReadMentions)
async def read_mentions(call: Call, request: messages.ReadMentions) -> t.AnyMessagesAffectedHistory:
    peer = peers.resolve(call, request.peer)
    if is_channel(peer):
        await call.services.channels.reading.read_mentions(
            call.me, peer, top=max(request.top_msg_id or 0, 0), origin=call.session
        )
        pts = call.services.channels.register.top(peer).pts
        return t.MessagesAffectedHistory(pts=pts, pts_count=0, offset=0)
    done = await call.services.reading.read_mentions(call.me, peer, origin=call.session)
    return t.MessagesAffectedHistory(pts=done.pts, pts_count=done.count, offset=0)


@rpc(messages.GetMessageReadParticipants)
async def get_message_read_participants(
    call: Call, request: messages.GetMessageReadParticipants
) -> list[t.AnyReadParticipantDate]:
    """Who in a small group has read my message, and when."""
    peer = peers.resolve(call, request.peer)
    if peer > 0:
        raise errors.PEER_ID_INVALID()
    if is_channel(peer):
        read_by = call.services.channels.reading.readers_of(call.me, peer, request.msg_id)
        return [t.ReadParticipantDate(user_id=user, date=date) for user, date in read_by]
    roster = call.services.groups.rosters.of_member(call.me, peer)
    if len(roster.here) > limits.READERS_SHOWN:
        raise errors.CHAT_TOO_BIG()
    found = call.services.reading.readers_of(call.me, peer, request.msg_id, roster.others(call.me))
    return [t.ReadParticipantDate(user_id=user, date=date) for user, date in found]


@rpc(messages.GetOutboxReadDate)
async def get_outbox_read_date(call: Call, request: messages.GetOutboxReadDate) -> t.AnyOutboxReadDate:
    peer = peers.resolve(call, request.peer)
    return t.OutboxReadDate(date=call.services.reading.outbox_read_date(call.me, peer, request.msg_id))


@rpc(messages.SetTyping, flood=per_minute(600))
async def set_typing(call: Call, request: messages.SetTyping) -> bool:
    """Told to the other side's devices that are online, and forgotten. Who is blocked types unseen, and who writes
    under another name than his own."""
    peer = peers.resolve(call, request.peer)
    told: tuple[int, ...] = (peer,)
    blocks = call.services.blocks
    if is_channel(peer):
        if not call.services.channels.posting.types(call.me, peer):
            return True
        told = tuple(user for user in call.services.channels.audience.of(peer) if user != call.me)
    elif peer < 0:
        told = call.services.groups.rosters.of_member(call.me, peer).others(call.me)
    elif peer == call.me or blocks.has_blocked(peer, call.me) or blocks.has_blocked(call.me, peer):
        return True
    top = request.top_msg_id or 0
    if not 0 <= top <= TOP_ID:
        raise errors.MSG_ID_INVALID()
    action, min_layer = layers.encode_part(request.action)
    if len(action) > limits.TEXT_CHARS:
        raise errors.DATA_INVALID()
    call.services.bus.tell(told, Typing(call.me, action, min_layer, min(peer, 0), top))
    return True
