"""Scheduled messages: what sending with a date answers, and everything done to them until their time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.api.messages import drafting, webpages
from tgserve.api.messages.attachments import is_caption, replacement
from tgserve.api.messages.entities import Text, compose
from tgserve.api.messages.history import some
from tgserve.render import messages as render
from tgserve.render.chat import chats
from tgserve.render.message import message, people
from tgserve.render.told import told
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.history import Page
from tgserve.services.messaging import Draft
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages


async def schedule(
    call: Call, peer: int, drafts: Sequence[tuple[int, Draft]], date: int, send_as: int = 0
) -> t.AnyUpdates:
    """updateMessageID and updateNewScheduledMessage for each: TDLib demands both (CLIENTS A.12)."""
    made = await call.services.scheduling.add(
        call.me, peer, drafts, date, send_as=send_as, origin=call.session
    )
    updates: list[Any] = [t.UpdateMessageID(id=one.view.msg_id, random_id=one.random_id) for one in made]
    updates += [t.UpdateNewScheduledMessage(message=message(call.services, one.view)) for one in made]
    who = people((one.view for one in made), call.services)
    return t.Updates(
        updates=updates,
        users=users(call.services, call.me, who),
        chats=chats(call.services, call.me, (peer,)),
        date=call.now,
        seq=0,
    )


@rpc(messages.GetScheduledHistory)
async def get_scheduled_history(call: Call, request: messages.GetScheduledHistory) -> t.AnyMessagesMessages:
    peer = peers.resolve(call, request.peer)
    views = call.services.scheduling.of_chat(call.me, peer)
    if request.hash and views and render.hash_of(views) == request.hash:
        return t.MessagesMessagesNotModified(count=len(views))
    return render.page(call.services, call.me, Page(views, len(views), True))


@rpc(messages.GetScheduledMessages)
async def get_scheduled_messages(call: Call, request: messages.GetScheduledMessages) -> t.AnyMessagesMessages:
    peer = peers.resolve(call, request.peer)
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    views = [call.services.scheduling.get_or_none(call.me, peer, number) for number in request.id]
    return render.by_ids(call.services, call.me, request.id, views)


@rpc(messages.SendScheduledMessages, flood=per_minute(120))
async def send_scheduled_messages(call: Call, request: messages.SendScheduledMessages) -> t.AnyUpdates:
    """Now. The caller hears of what was sent as his other devices do: by a push."""
    peer = peers.resolve(call, request.peer)
    await call.services.scheduling.send_now(call.me, peer, some(request.id))
    return told(call.services, call.me, (), call.now)


@rpc(messages.DeleteScheduledMessages, flood=per_minute(120))
async def delete_scheduled_messages(call: Call, request: messages.DeleteScheduledMessages) -> t.AnyUpdates:
    peer = peers.resolve(call, request.peer)
    gone = await call.services.scheduling.delete(call.me, peer, some(request.id), origin=call.session)
    return told(call.services, call.me, gone, call.now)


async def edit_scheduled(call: Call, peer: int, request: messages.EditMessage) -> t.AnyUpdates:
    """messages.editMessage with a date: text, time or both. MESSAGE_ID_INVALID."""
    date = drafting.later(call, peer, request.schedule_date, request.schedule_repeat_period) or call.now
    view = call.services.scheduling.get_or_none(call.me, peer, request.id)
    if view is None:
        raise errors.MESSAGE_ID_INVALID()
    text = None
    old = view.body
    media = await replacement(call, peer, old, request.media)
    if request.message is not None:
        limit = limits.CAPTION_CHARS if is_caption(old) or media is not None else limits.TEXT_CHARS
        text = compose(call, request.message, request.entities, limit=limit)
    if media is None and (text is not None or isinstance(request.media, t.InputMediaWebPage)):
        words = text or Text(old.text, old.entities, old.users, old.min_layer)
        media, _ = await webpages.of_edit(call, peer, old, words, request, wait=True)
    if not (old.text if text is None else text.text) and not (old.media if media is None else media.media):
        raise errors.MESSAGE_EMPTY()

    def change(body: r.Body) -> r.Body:
        if text is not None or media is not None:
            body = replace(body, edit_date=call.now)  # TDLib logs an ERROR for other words without it
        if media is not None:
            lowest = max(media.min_layer, body.min_layer)
            body = replace(body, media=media.media, files=media.files, min_layer=lowest)
        if text is None:
            return body
        return replace(
            body,
            text=text.text,
            entities=text.entities,
            layer=layers.CURRENT,
            min_layer=max(text.min_layer, body.min_layer if body.media or body.fwd else 0),
            users=tuple(dict.fromkeys((*text.users, *(body.users if body.media or body.fwd else ())))),
            invert_media=request.invert_media,
        )

    done = await call.services.scheduling.edit(call.me, peer, request.id, change, date, origin=call.session)
    return told(call.services, call.me, (done,), call.now)
