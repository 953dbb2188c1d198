"""Reading messages: pages of a chat, messages by id, and the views of Saved Messages by origin."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.render import messages as render
from tgserve.render import post
from tgserve.render.chat import chats
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import rpc
from tgserve.services.boxes import View
from tgserve.services.channels.register import is_channel
from tgserve.services.history import Window
from tgserve.store.records import ROW_OUT
from tgserve.tl import types as t
from tgserve.tl.functions import messages


def page_limit(limit: int) -> int:
    """How many messages a page may have. LIMIT_INVALID when negative."""
    if limit < 0:
        raise errors.LIMIT_INVALID()
    return min(limit, limits.MESSAGES_PER_CALL)


def some(ids: list[int]) -> list[int]:
    """Ids of a request. MESSAGE_IDS_EMPTY, LIMIT_INVALID."""
    if not ids:
        raise errors.MESSAGE_IDS_EMPTY()
    if len(ids) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    return ids


@rpc(messages.GetHistory)
async def get_history(call: Call, request: messages.GetHistory) -> t.AnyMessagesMessages:
    peer = peers.resolve(call, request.peer)
    window = Window(
        request.offset_id,
        request.offset_date,
        request.add_offset,
        page_limit(request.limit),
        request.max_id,
        request.min_id,
    )
    if is_channel(peer):
        page = call.services.channels.reading.page(call.me, peer, window)
    elif not request.hash:
        sheet = call.services.history.sheet(call.me, peer, window)
        return render.history(call.services, call.me, peer, sheet)
    else:
        page = call.services.history.page(call.me, peer, window)
    if request.hash and page.views and render.hash_of(page.views) == request.hash:
        return t.MessagesMessagesNotModified(count=page.count)
    return render.page(call.services, call.me, page)


@rpc(messages.GetMessages)
async def get_messages(call: Call, request: messages.GetMessages) -> t.AnyMessagesMessages:
    """By id, or the message that another one answers."""
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    ids = [_named(call, one) for one in request.id]
    return render.by_ids(call.services, call.me, ids, call.services.history.messages(call.me, ids))


def _named(call: Call, named: t.AnyInputMessage) -> int:
    if isinstance(named, t.InputMessageID):
        return named.id
    if isinstance(named, t.InputMessageReplyTo):
        answering = call.services.history.message_or_none(call.me, named.id)
        return answering.reply_id if answering is not None else 0
    return 0


@rpc(messages.GetMessagesViews)
async def get_messages_views(call: Call, request: messages.GetMessagesViews) -> t.AnyMessagesMessageViews:
    """Views are counted of channels' posts; a copy of one, wherever it is, shows and counts those of the post."""
    peer = peers.resolve(call, request.peer)
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    views = _of_chat(call, peer, request.id)
    counted: list[t.AnyMessageViews] = []
    who: dict[int, None] = {peer: None} if is_channel(peer) else {}
    for view in views:
        if view is None:
            counted.append(t.MessageViews())
            continue
        if request.increment and not view.row.flags & ROW_OUT:
            _viewed(call, view)
        counted.append(_counted(call, view))
        who.update(dict.fromkeys(view.repliers))
    return t.MessagesMessageViews(
        views=counted, chats=chats(call.services, call.me, who), users=users(call.services, call.me, who)
    )


def _of_chat(call: Call, peer: int, msg_ids: list[int]) -> list[View | None]:
    if is_channel(peer):
        return call.services.channels.reading.messages(call.me, peer, msg_ids)
    found = call.services.history.messages(call.me, msg_ids)
    return [view if view is not None and view.row.peer == peer else None for view in found]


def _viewed(call: Call, view: View) -> None:
    """The caller has looked at it: it counts for a message of a channel, and for the post that it is a copy of."""
    counters = call.services.channels.counters
    if is_channel(view.owner):
        counters.view(call.me, view.owner, (view.msg_id,))
    of = post.original(call.services, view.body)
    if of is not None:
        counters.view_copy(call.me, *of)


def _counted(call: Call, view: View) -> t.MessageViews:
    """What a message shows; in a channel the caller is told when it grows."""
    made = t.MessageViews()
    held = call.services.channels
    of = post.counted_as(call.services, view)
    if of is not None:
        made.views, made.forwards = held.counters.views(*of), held.counters.of(*of).forwards
        if is_channel(view.owner):
            held.watching.looked(call.me, view.owner, view.msg_id, of)
    if is_channel(view.owner):
        made.replies = post.of_view(call.services, view)
    return made


@rpc(messages.GetUnreadMentions)
async def get_unread_mentions(call: Call, request: messages.GetUnreadMentions) -> t.AnyMessagesMessages:
    """Mentions in a group that wait to be seen; private chats have none."""
    peer = peers.resolve(call, request.peer)
    window = Window(
        request.offset_id,
        0,
        request.add_offset,
        page_limit(request.limit),
        request.max_id,
        request.min_id,
    )
    if is_channel(peer):
        top = max(request.top_msg_id or 0, 0)
        page = call.services.channels.reading.unread_mentions(call.me, peer, window, top)
        return render.page(call.services, call.me, page)
    return render.page(call.services, call.me, call.services.history.unread_mentions(call.me, peer, window))
