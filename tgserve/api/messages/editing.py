"""messages.editMessage, deleteMessages, deleteHistory."""

from __future__ import annotations

import asyncio

from tgserve import errors, limits
from tgserve.api.channels import messages as channel_messages
from tgserve.api.messages import webpages
from tgserve.api.messages.attachments import is_caption, replacement
from tgserve.api.messages.entities import Text, compose
from tgserve.api.messages.history import some
from tgserve.api.messages.media import live, live_until
from tgserve.api.messages.polls import stop_poll
from tgserve.api.messages.scheduling import edit_scheduled
from tgserve.render import sent as render_sent
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels.register import is_channel
from tgserve.services.deleting import Clearing
from tgserve.services.editing import Change
from tgserve.store.sticker_records import Preview
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

_HISTORY_CLEARED = layers.encode(t.MessageActionHistoryClear())


@rpc(messages.EditMessage, flood=per_minute(240))
async def edit_message(call: Call, request: messages.EditMessage) -> t.AnyUpdates:
    peer = peers.resolve(call, request.peer)
    if request.rich_message is not None or request.quick_reply_shortcut_id is not None:
        raise errors.METHOD_NOT_AVAILABLE()
    if isinstance(request.media, t.InputMediaPoll):
        return await stop_poll(call, peer, request.id, request.media)
    if request.schedule_date or request.schedule_repeat_period:
        return await edit_scheduled(call, peer, request)
    looking = None
    if isinstance(request.media, t.InputMediaGeoLive):
        change = _moved(call, peer, request, request.media)
    else:
        change, looking = await _changed(call, peer, request)
    edited = await call.services.editing.edit(call.me, peer, request.id, change, origin=call.session)
    if looking is not None:
        webpages.follow(call, peer, request.id, looking)
    return render_sent.edited(call.services, call.me, edited)


async def _changed(
    call: Call, peer: int, request: messages.EditMessage
) -> tuple[Change, asyncio.Future[Preview] | None]:
    """New text, new media or both, and the preview to wait for. A caption stays when nothing is said of it."""
    old = call.services.editing.check_editable(call.me, peer, request.id).body
    media = await replacement(call, peer, old, request.media)
    looking = None
    page = isinstance(request.media, t.InputMediaWebPage)
    if request.message is None and media is None and not page:
        raise errors.MESSAGE_NOT_MODIFIED()
    if request.message is None:
        text = Text(old.text, old.entities, old.users, old.min_layer)
    else:
        limit = limits.CAPTION_CHARS if is_caption(old) or media is not None else limits.TEXT_CHARS
        text = compose(call, request.message, request.entities, limit=limit)
    if media is None and (request.message is not None or page):
        media, looking = await webpages.of_edit(call, peer, old, text, request)
    change = Change(
        text.text,
        text.entities,
        layers.CURRENT,
        max(text.min_layer, media.min_layer if media is not None else 0),
        text.users,
        invert_media=request.invert_media,
        media=media.media if media is not None else None,
        files=media.files if media is not None else (),
    )
    return change, looking


def _moved(call: Call, peer: int, request: messages.EditMessage, media: t.InputMediaGeoLive) -> Change:
    """A live location is somewhere else, or has ended. MEDIA_PREV_INVALID for one that had ended before."""
    view = call.services.editing.check_editable(call.me, peer, request.id, late=True)
    body = view.body
    was = layers.decode(body.media) if body.media else None
    if not isinstance(was, t.MessageMediaGeoLive) or live_until(view, was) <= call.now:
        raise errors.MEDIA_PREV_INVALID()
    if media.stopped and not isinstance(media.geo_point, t.InputGeoPoint):
        now = t.MessageMediaGeoLive(geo=was.geo, period=max(min(was.period, call.now - body.date), 1))
    else:
        now = live(media, body.date, call.now, was.period)
    stored, min_layer = layers.encode_part(now)
    return Change(
        body.text,
        body.entities,
        layers.CURRENT,
        max(body.min_layer, min_layer),
        body.users,
        invert_media=body.invert_media,
        media=stored,
        quiet=True,
    )


@rpc(messages.GetMessageEditData)
async def get_message_edit_data(
    call: Call, request: messages.GetMessageEditData
) -> t.AnyMessagesMessageEditData:
    peer = peers.resolve(call, request.peer)
    view = call.services.editing.check_editable(call.me, peer, request.id)
    return t.MessagesMessageEditData(caption=is_caption(view.body))


@rpc(messages.DeleteMessages)
async def delete_messages(call: Call, request: messages.DeleteMessages) -> t.AnyMessagesAffectedMessages:
    """Of any private chats at once. Ids that are not there count as deleted already."""
    done = await call.services.deleting.delete(
        call.me, some(request.id), revoke=request.revoke, origin=call.session
    )
    return t.MessagesAffectedMessages(pts=done.pts, pts_count=done.count)


@rpc(messages.DeleteHistory)
async def delete_history(call: Call, request: messages.DeleteHistory) -> t.AnyMessagesAffectedHistory:
    """A slice at a time: the client repeats the call while `offset` is not 0."""
    peer = peers.resolve(call, request.peer)
    if is_channel(peer):
        return await channel_messages.clear(call, peer, request.max_id, request.revoke)
    what = Clearing(
        max_id=request.max_id,
        min_date=request.min_date or 0,
        max_date=request.max_date or 0,
        just_clear=request.just_clear,
        revoke=request.revoke,
        marker=_HISTORY_CLEARED,
        marker_layer=layers.CURRENT,
    )
    done = await call.services.deleting.delete_history(call.me, peer, what, origin=call.session)
    return t.MessagesAffectedHistory(pts=done.pts, pts_count=done.count, offset=done.left)
