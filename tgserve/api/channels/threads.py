"""Threads: the answers to a message, the comments on a post; discussion groups."""

from __future__ import annotations

from tgserve import errors
from tgserve.api.messages.history import page_limit
from tgserve.render import messages as render
from tgserve.render.chat import chats
from tgserve.render.message import message, people
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import View
from tgserve.services.channels.register import is_channel
from tgserve.services.history import Window
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

ALBUM = 10
"""Messages of an album."""


def _channel(call: Call, peer: t.AnyInputPeer) -> int:
    """Only channels and supergroups have threads. PEER_ID_INVALID."""
    found = peers.resolve(call, peer)
    if not is_channel(found):
        raise errors.PEER_ID_INVALID()
    return found


@rpc(messages.GetReplies)
async def get_replies(call: Call, request: messages.GetReplies) -> t.AnyMessagesMessages:
    channel = _channel(call, request.peer)
    reading = call.services.channels.thread_reading
    await reading.arrived(call.me, channel, request.msg_id)
    where, top = reading.top_of(call.me, channel, request.msg_id)
    window = Window(
        request.offset_id,
        request.offset_date,
        request.add_offset,
        page_limit(request.limit),
        request.max_id,
        request.min_id,
    )
    page = reading.page(call.me, where, top, window)
    if request.hash and page.views and render.hash_of(page.views) == request.hash:
        return t.MessagesMessagesNotModified(count=page.count)
    return render.page_of_channel(call.services, call.me, where, page)


@rpc(messages.GetDiscussionMessage)
async def get_discussion_message(
    call: Call, request: messages.GetDiscussionMessage
) -> t.AnyMessagesDiscussionMessage:
    """The message a thread begins with (all of them, when it is an album), and how far it was read."""
    channel = _channel(call, request.peer)
    reading = call.services.channels.thread_reading
    await reading.arrived(call.me, channel, request.msg_id)
    where, top = reading.top_of(call.me, channel, request.msg_id)
    views = _beginning(call, where, top)
    if not views:
        raise errors.MSG_ID_INVALID()
    state = reading.state(call.me, where, top)
    who = {call.me: None, channel: None, where: None, **people(views, call.services)}
    return t.MessagesDiscussionMessage(
        messages=[message(call.services, view) for view in views],
        max_id=state.max_id or None,
        read_inbox_max_id=state.read_inbox or None,
        read_outbox_max_id=state.read_outbox or None,
        unread_count=state.unread,
        chats=chats(call.services, call.me, who),
        users=users(call.services, call.me, who),
    )


def _beginning(call: Call, channel: int, top: int) -> list[View]:
    reading = call.services.channels.reading
    first = reading.message_or_none(call.me, channel, top)
    if first is None or not first.body.grouped_id:
        return [first] if first is not None else []
    near = reading.messages(call.me, channel, range(max(top - ALBUM, 1), top + ALBUM))
    album = [view for view in near if view is not None and view.body.grouped_id == first.body.grouped_id]
    return sorted(album, key=lambda view: -view.msg_id)


@rpc(messages.ReadDiscussion)
async def read_discussion(call: Call, request: messages.ReadDiscussion) -> bool:
    channel = _channel(call, request.peer)
    reading = call.services.channels.thread_reading
    await reading.arrived(call.me, channel, request.msg_id)
    where, top = reading.top_of(call.me, channel, request.msg_id)
    of = (0, 0)
    thread = call.services.channels.threads.of(where, top)
    if thread is not None and thread.channel:
        of = (thread.channel, thread.post)
    await reading.read(call.me, where, top, max(request.read_max_id, 0), of=of, origin=call.session)
    return True


@rpc(channels.SetDiscussionGroup, flood=per_minute(30))
async def set_discussion_group(call: Call, request: channels.SetDiscussionGroup) -> bool:
    channel = group = 0
    register = call.services.channels.register
    if not isinstance(request.broadcast, t.InputChannelEmpty):
        channel = peers.resolve_channel(call, request.broadcast)
        record, _ = register.seat(call.me, channel)
        if record.megagroup:
            raise errors.BROADCAST_ID_INVALID()
    if not isinstance(request.group, t.InputChannelEmpty):
        group = peers.resolve_channel(call, request.group)
    if not channel and not group:
        raise errors.LINK_NOT_MODIFIED()
    await call.services.channels.comments.set_group(call.me, channel, group, origin=call.session)
    return True


@rpc(channels.GetGroupsForDiscussion)
async def get_groups_for_discussion(
    call: Call, request: channels.GetGroupsForDiscussion
) -> t.AnyMessagesChats:
    """Supergroups that the caller can make discussion groups; basic groups become supergroups first."""
    found = call.services.channels.comments.may_be_linked(call.me)
    return t.MessagesChats(chats=chats(call.services, call.me, found))
