"""Messages of a channel by id: read, deleted, marked as read."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.messages.history import some
from tgserve.render import messages as render
from tgserve.render.channel import channel_id
from tgserve.render.chat import chats
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.bus import HistoryCleared
from tgserve.services.history import Window
from tgserve.tl import types as t
from tgserve.tl.functions import channels


@rpc(channels.ReadHistory)
async def read_history(call: Call, request: channels.ReadHistory) -> bool:
    channel = peers.resolve_channel(call, request.channel)
    await call.services.channels.reading.read_history(call.me, channel, request.max_id, origin=call.session)
    return True


@rpc(channels.ReadMessageContents)
async def read_message_contents(call: Call, request: channels.ReadMessageContents) -> bool:
    channel = peers.resolve_channel(call, request.channel)
    await call.services.channels.reading.read_contents(call.me, channel, request.id, origin=call.session)
    return True


@rpc(channels.GetMessages)
async def get_messages(call: Call, request: channels.GetMessages) -> t.AnyMessagesMessages:
    """By id, the message that another one answers, or the newest pinned one."""
    channel = peers.resolve_channel(call, request.channel)
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    reading = call.services.channels.reading
    ids: list[int] = []
    for named in request.id:
        if isinstance(named, t.InputMessageReplyTo):
            answering = reading.message_or_none(call.me, channel, named.id)
            ids.append(answering.reply_id if answering is not None else 0)
        elif isinstance(named, t.InputMessagePinned):
            page = reading.pinned(call.me, channel, Window(limit=1))
            ids.append(page.views[0].msg_id if page.views else 0)
        else:
            ids.append(named.id if isinstance(named, t.InputMessageID) else 0)
    views = reading.messages(call.me, channel, ids)
    return render.channel_by_ids(call.services, call.me, channel, ids, views)


@rpc(channels.DeleteMessages, flood=per_minute(240))
async def delete_messages(call: Call, request: channels.DeleteMessages) -> t.AnyMessagesAffectedMessages:
    channel = peers.resolve_channel(call, request.channel)
    done = await call.services.channels.changing.delete(
        call.me, channel, some(request.id), origin=call.session
    )
    return t.MessagesAffectedMessages(pts=done.pts, pts_count=done.count)


@rpc(channels.DeleteParticipantHistory, flood=per_minute(60))
async def delete_participant_history(
    call: Call, request: channels.DeleteParticipantHistory
) -> t.AnyMessagesAffectedHistory:
    """A slice at a time: the client repeats the call while `offset` is not 0."""
    channel = peers.resolve_channel(call, request.channel)
    author = peers.resolve(call, request.participant)
    done = await call.services.channels.changing.delete_of_author(
        call.me, channel, author, origin=call.session
    )
    return t.MessagesAffectedHistory(pts=done.pts, pts_count=done.count, offset=done.left)


async def clear(call: Call, channel: int, max_id: int, everybody: bool) -> t.MessagesAffectedHistory:
    """messages.deleteHistory of a channel."""
    upto, done = await call.services.channels.changing.clear(
        call.me, channel, max_id, everybody, origin=call.session
    )
    if not everybody:
        call.services.bus.tell((call.me,), HistoryCleared(channel, upto))
    return t.MessagesAffectedHistory(pts=done.pts, pts_count=done.count, offset=done.left)


@rpc(channels.DeleteHistory, flood=per_minute(60))
async def delete_history(call: Call, request: channels.DeleteHistory) -> t.AnyUpdates:
    """For everybody all of it goes in this call; for oneself a mark is moved."""
    channel = peers.resolve_channel(call, request.channel)
    changing = call.services.channels.changing
    while True:
        upto, done = await changing.clear(
            call.me, channel, request.max_id, request.for_everyone, origin=call.session
        )
        if not done.left:
            break
    if not request.for_everyone:
        call.services.bus.tell((call.me,), HistoryCleared(channel, upto))
    number = channel_id(channel)
    update = t.UpdateChannelAvailableMessages(channel_id=number, available_min_id=upto)
    groups = chats(call.services, call.me, (channel,))
    return t.Updates(updates=[update], users=[], chats=groups, date=call.now, seq=0)
