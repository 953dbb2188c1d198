"""Topics of forums (messages.*ForumTopic*). Older layers call them channels.*: tl/layer_rules.py leads them here."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.channels.creating import answer
from tgserve.render import sent as render_sent
from tgserve.render import topics as render
from tgserve.render.action import action_of
from tgserve.render.chat import chats
from tgserve.render.peers import peer as peer_object
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels.forums import COLORS, Wanted, topic_title
from tgserve.services.channels.life import Done
from tgserve.services.channels.register import is_channel
from tgserve.services.history import TOP_ID
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages


def _forum(call: Call, peer: t.AnyInputPeer) -> int:
    """A supergroup that is a forum. CHANNEL_FORUM_MISSING for everything else that the caller may see."""
    found = peers.resolve(call, peer)
    if not is_channel(found):
        raise errors.CHANNEL_FORUM_MISSING()
    call.services.channels.thread_reading.forum(call.me, found)
    return found


def _icon(call: Call, emoji: int) -> int:
    """DOCUMENT_INVALID when there is no such custom emoji."""
    if emoji and not call.services.reactions.custom_known(emoji):
        raise errors.DOCUMENT_INVALID()
    return emoji


def _told(call: Call, channel: int, updates: list[t.AnyUpdate]) -> t.Updates:
    groups = chats(call.services, call.me, (channel,))
    return t.Updates(updates=updates, users=[], chats=groups, date=call.now, seq=0)


@rpc(channels.ToggleForum, flood=per_minute(60))
async def toggle_forum(call: Call, request: channels.ToggleForum) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    change = call.services.channels.forums.switch(call.me, channel, request.enabled, request.tabs)
    return answer(
        call, await call.services.channels.life.change(call.me, channel, change, origin=call.session)
    )


@rpc(channels.ToggleViewForumAsMessages, flood=per_minute(60))
async def toggle_view_forum_as_messages(
    call: Call, request: channels.ToggleViewForumAsMessages
) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    reading = call.services.channels.thread_reading
    reading.forum(call.me, channel)
    call.services.channels.register.seat(call.me, channel)
    await reading.show_as_messages(call.me, channel, request.enabled, origin=call.session)
    update = t.UpdateChannelViewForumAsMessages(channel_id=-channel - CHANNEL_BASE, enabled=request.enabled)
    return _told(call, channel, [update])


@rpc(messages.CreateForumTopic, flood=per_minute(60))
async def create_forum_topic(call: Call, request: messages.CreateForumTopic) -> t.AnyUpdates:
    """A colour that is none of the six becomes the first of them."""
    channel = _forum(call, request.peer)
    send_as = peers.resolve(call, request.send_as) if request.send_as is not None else 0
    title = topic_title(request.title)
    color = request.icon_color if request.icon_color in COLORS else COLORS[0]
    emoji = _icon(call, request.icon_emoji_id or 0)
    action = action_of(
        t.MessageActionTopicCreate(
            title_missing=request.title_missing, title=title, icon_color=color, icon_emoji_id=emoji or None
        )
    )
    sent = await call.services.channels.forums.create(
        call.me, channel, title, color, emoji, action, request.random_id, send_as=send_as, origin=call.session
    )
    return render_sent.full(call.services, call.me, [sent], [request.random_id], call.now)


@rpc(messages.EditForumTopic, flood=per_minute(120))
async def edit_forum_topic(call: Call, request: messages.EditForumTopic) -> t.AnyUpdates:
    channel = _forum(call, request.peer)
    title = None if request.title is None else topic_title(request.title)
    emoji = request.icon_emoji_id
    if emoji:
        _icon(call, emoji)
    action = action_of(
        t.MessageActionTopicEdit(
            title=title, icon_emoji_id=emoji, closed=request.closed, hidden=request.hidden
        )
    )
    wanted = Wanted(title, emoji, request.closed, request.hidden)
    sent = await call.services.channels.forums.edit(
        call.me, channel, request.topic_id, wanted, action, origin=call.session
    )
    record = call.services.channels.thread_reading.forum(call.me, channel)
    return answer(call, Done(channel, record, sent))


@rpc(messages.UpdatePinnedForumTopic, flood=per_minute(120))
async def update_pinned_forum_topic(call: Call, request: messages.UpdatePinnedForumTopic) -> t.AnyUpdates:
    channel = _forum(call, request.peer)
    await call.services.channels.forums.pin(
        call.me, channel, request.topic_id, request.pinned, origin=call.session
    )
    update = t.UpdatePinnedForumTopic(
        pinned=request.pinned, peer=peer_object(channel), topic_id=request.topic_id
    )
    return _told(call, channel, [update])


@rpc(messages.ReorderPinnedForumTopics, flood=per_minute(60))
async def reorder_pinned_forum_topics(call: Call, request: messages.ReorderPinnedForumTopics) -> t.AnyUpdates:
    channel = _forum(call, request.peer)
    await call.services.channels.forums.reorder(
        call.me, channel, request.order, request.force, origin=call.session
    )
    order = call.services.channels.thread_reading.pinned(call.me, channel)
    return _told(call, channel, [t.UpdatePinnedForumTopics(peer=peer_object(channel), order=order)])


@rpc(messages.DeleteTopicHistory, flood=per_minute(120))
async def delete_topic_history(
    call: Call, request: messages.DeleteTopicHistory
) -> t.AnyMessagesAffectedHistory:
    """A slice at a time: the client repeats the call while `offset` is not 0; then the topic is gone."""
    channel = _forum(call, request.peer)
    done = await call.services.channels.forums.delete(
        call.me, channel, request.top_msg_id, origin=call.session
    )
    return t.MessagesAffectedHistory(pts=done.pts, pts_count=done.count, offset=done.left)


@rpc(messages.GetForumTopics)
async def get_forum_topics(call: Call, request: messages.GetForumTopics) -> t.AnyMessagesForumTopics:
    """Pinned ones first, then those with the newest messages; a page begins behind offset_topic."""
    channel = _forum(call, request.peer)
    if request.limit < 0:
        raise errors.LIMIT_INVALID()
    words = (request.q or "").casefold().split()
    limit = min(request.limit, limits.MESSAGES_PER_CALL)
    found, count = call.services.channels.thread_reading.topics(
        call.me, channel, words, max(request.offset_topic, 0), request.offset_id, limit
    )
    return render.page(call.services, call.me, channel, found, count)


@rpc(messages.GetForumTopicsByID)
async def get_forum_topics_by_id(
    call: Call, request: messages.GetForumTopicsByID
) -> t.AnyMessagesForumTopics:
    channel = _forum(call, request.peer)
    if not request.topics:
        raise errors.TOPICS_EMPTY()
    if len(request.topics) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    asked = [one for one in dict.fromkeys(request.topics) if 0 < one <= TOP_ID]
    if not asked:
        raise errors.TOPIC_ID_INVALID()
    found = call.services.channels.thread_reading.some(call.me, channel, asked)
    page = [number if one is None else one for number, one in zip(asked, found, strict=True)]
    return render.page(call.services, call.me, channel, page, len(page))
