"""Messages with media: photos, files, albums, places, contacts, dice."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.api.messages import drafting, webpages
from tgserve.api.messages.attachments import TOGETHER, Ready, photo_or_document, ready
from tgserve.api.messages.dialogs import draft_topic
from tgserve.api.messages.entities import Text, compose
from tgserve.api.messages.history import page_limit
from tgserve.api.messages.polls import send_poll
from tgserve.api.messages.scheduling import schedule
from tgserve.render import messages as render
from tgserve.render import sent as render_sent
from tgserve.render.media import given
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.boxes import View
from tgserve.services.channels.register import is_channel
from tgserve.services.files.references import UPLOADED, Origin
from tgserve.services.history import SCAN_ROWS, Page, Window
from tgserve.services.messaging import Draft
from tgserve.services.stickers.shelves import GIFS, RECENT
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import raw
from tgserve.tl.functions import messages

_DICE = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}
"""Faces of what can be thrown."""
KEPT_WHEN_SENT = {"sticker": RECENT, "gif": GIFS}
"""Kinds that are at hand the next time."""
NAME_CHARS = 256
NEAR_METRES = 100_000
RECENT_LOCATIONS = 100


def media_of(call: Call, media: t.AnyInputMedia) -> t.AnyMessageMedia:
    """What is sent for an InputMedia that needs no file. MEDIA_EMPTY, MEDIA_INVALID, GEO_POINT_INVALID,
    EMOTICON_INVALID."""
    if isinstance(media, t.InputMediaEmpty):
        raise errors.MEDIA_EMPTY()
    if isinstance(media, t.InputMediaContact):
        texts = (media.phone_number, media.first_name, media.last_name, media.vcard[: limits.TEXT_CHARS])
        if not media.phone_number or any(len(text) > NAME_CHARS for text in texts[:3]):
            raise errors.MEDIA_INVALID()
        phone, first, last, vcard = texts
        return t.MessageMediaContact(
            phone_number=phone, first_name=first, last_name=last, vcard=vcard, user_id=0
        )
    if isinstance(media, t.InputMediaGeoPoint):
        return t.MessageMediaGeo(geo=_point(media.geo_point))
    if isinstance(media, t.InputMediaGeoLive):
        return live(media)
    if isinstance(media, t.InputMediaVenue):
        words = (media.title, media.address, media.provider, media.venue_id, media.venue_type)
        if any(len(word) > NAME_CHARS for word in words):
            raise errors.MEDIA_INVALID()
        return t.MessageMediaVenue(
            geo=_point(media.geo_point),
            title=media.title,
            address=media.address,
            provider=media.provider,
            venue_id=media.venue_id,
            venue_type=media.venue_type,
        )
    if isinstance(media, t.InputMediaDice):
        emoticon = media.emoticon.rstrip("\ufe0f")
        if emoticon not in _DICE:
            raise errors.EMOTICON_INVALID()
        return t.MessageMediaDice(value=1 + call.services.ids.below(_DICE[emoticon]), emoticon=emoticon)
    raise errors.MEDIA_INVALID()


def live(media: t.InputMediaGeoLive, began: int = 0, now: int = 0, period: int = 0) -> t.MessageMediaGeoLive:
    """A live location. Of one that is out already: since when, the time now and the period it was sent with; one that
    is stopped has lived until now. MEDIA_INVALID, GEO_POINT_INVALID."""
    period = media.period or period
    if media.stopped and began:
        period = max(min(period, now - began), 1)
    elif not (60 <= period <= limits.LIVE_SECONDS or period == limits.LIVE_FOR_EVER):
        raise errors.MEDIA_INVALID()
    heading, near = media.heading or None, media.proximity_notification_radius or None
    if (heading and not 1 <= heading <= 360) or (near and not 1 <= near <= NEAR_METRES):
        raise errors.MEDIA_INVALID()
    return t.MessageMediaGeoLive(
        geo=_point(media.geo_point), period=period, heading=heading, proximity_notification_radius=near
    )


def _point(point: t.AnyInputGeoPoint) -> t.AnyGeoPoint:
    if not isinstance(point, t.InputGeoPoint):
        raise errors.GEO_POINT_INVALID()
    if not (-90 <= point.lat <= 90 and -180 <= point.long <= 180):  # NaN is not between anything
        raise errors.GEO_POINT_INVALID()
    radius = point.accuracy_radius
    if radius is not None and not 0 <= radius <= 1500:
        raise errors.GEO_POINT_INVALID()
    return t.GeoPoint(long=point.long, lat=point.lat, access_hash=0, accuracy_radius=radius or None)


async def attached(call: Call, peer: int, media: t.AnyInputMedia) -> Ready:
    """What is sent to `peer` for an InputMedia, of whatever kind but link previews."""
    made: Any = await photo_or_document(call, peer, media)
    return ready(made if made is not None else media_of(call, media))


def _caption(call: Call, text: str, entities: list[Any] | None, media: bool) -> Text:
    """MEDIA_CAPTION_TOO_LONG, MESSAGE_TOO_LONG."""
    try:
        return compose(call, text, entities, limit=limits.CAPTION_CHARS if media else limits.TEXT_CHARS)
    except errors.RpcError as error:
        if media and error.name == errors.MESSAGE_TOO_LONG.name:
            raise errors.MEDIA_CAPTION_TOO_LONG() from None
        raise


def _draft(call: Call, peer: int, request: Any, text: Text, media: Ready) -> Draft:
    return Draft(
        text=text.text,
        entities=text.entities,
        layer=layers.CURRENT,
        min_layer=max(text.min_layer, media.min_layer),
        users=text.users,
        reply=drafting.reply_to(call, peer, request.reply_to),
        silent=request.silent,
        noforwards=request.noforwards,
        invert_media=request.invert_media,
        effect=drafting.effect(call, peer, request.effect),
        mentions=drafting.mentions(call, text) if peer < 0 and text.entities else (),
        **media.fields(),
    )


@rpc(messages.SendMedia, flood=per_minute(240))
async def send_media(call: Call, request: messages.SendMedia) -> t.AnyUpdates:
    peer = drafting.writable_peer(call, request.peer)
    if request.quick_reply_shortcut is not None:
        raise errors.METHOD_NOT_AVAILABLE()
    if isinstance(request.media, t.InputMediaPoll):
        return await send_poll(call, peer, request, request.media)
    page = request.media if isinstance(request.media, t.InputMediaWebPage) else None
    text = _caption(call, request.message, request.entities, page is None)
    later = drafting.later(call, peer, request.schedule_date, request.schedule_repeat_period)
    looking = None
    if page is None:
        media = await attached(call, peer, request.media)
    else:
        media, looking = await webpages.chosen(call, peer, text, page, wait=bool(later))
    if not text.text and not media.media:
        raise errors.MESSAGE_EMPTY()
    draft = _draft(call, peer, request, text, media)
    send_as = drafting.send_as(call, peer, request.send_as)
    if later:
        return await schedule(call, peer, ((request.random_id, draft),), later, send_as)
    sent = await call.services.messaging.send(
        call.me,
        peer,
        draft,
        request.random_id,
        origin=call.session,
        clear_draft=request.clear_draft,
        send_as=send_as,
    )
    if looking is not None:
        webpages.follow(call, peer, sent.msg_id, looking)
    if media.kind in KEPT_WHEN_SENT and not sent.repeated:
        shelf = KEPT_WHEN_SENT[media.kind]
        await call.services.shelves.put(call.me, shelf, media.files[0][0], origin=call.session)
    return render_sent.full(call.services, call.me, [sent], [request.random_id], call.now)


@rpc(messages.SendMultiMedia, flood=per_minute(120))
async def send_multi_media(call: Call, request: messages.SendMultiMedia) -> t.AnyUpdates:
    """An album, in one commit."""
    peer = drafting.writable_peer(call, request.peer)
    if request.quick_reply_shortcut is not None:
        raise errors.METHOD_NOT_AVAILABLE()
    items: list[Any] = request.multi_media
    if not items:
        raise errors.MEDIA_EMPTY()
    if len(items) > limits.ALBUM_ITEMS:
        raise errors.MULTI_MEDIA_TOO_LONG()
    random_ids = [item.random_id for item in items]
    if len(set(random_ids)) != len(items):
        raise errors.RANDOM_ID_INVALID()
    texts = [_caption(call, item.message, item.entities, True) for item in items]
    found = [await _item(call, peer, number, item.media) for number, item in enumerate(items)]
    kinds = {media.kind for media in found}
    if len(items) > 1 and not any(kinds <= allowed for allowed in TOGETHER):
        raise errors.MEDIA_GROUPED_INVALID()
    group = call.services.ids.u64() >> 1 or 1 if len(items) > 1 else 0
    drafts = [
        replace(_draft(call, peer, request, text, media), grouped_id=group)
        for text, media in zip(texts, found, strict=True)
    ]
    pairs = list(zip(random_ids, drafts, strict=True))
    later = drafting.later(call, peer, request.schedule_date)
    send_as = drafting.send_as(call, peer, request.send_as)
    if later:
        return await schedule(call, peer, pairs, later, send_as)
    sent = await call.services.messaging.send_many(call.me, peer, pairs, origin=call.session, send_as=send_as)
    if request.clear_draft and not sent[0].repeated:
        topic, forget = draft_topic(call, peer, drafts[0].reply), (b"", layers.CURRENT)
        if topic:
            reading = call.services.channels.thread_reading
            await reading.save_draft(call.me, peer, topic, *forget, origin=call.session)
        else:
            await call.services.dialogs.save_draft(call.me, peer, *forget, origin=call.session)
    return render_sent.full(call.services, call.me, sent, random_ids, call.now)


async def _item(call: Call, peer: int, number: int, media: t.AnyInputMedia) -> Ready:
    """One item of an album; its number stands in what is wrong with its reference."""
    try:
        made = await photo_or_document(call, peer, media)
    except errors.RpcError as error:
        if error.name == errors.FILE_REFERENCE_EXPIRED.name:
            raise errors.FILE_REFERENCE_EXPIRED_AT(number) from None
        if error.name in (errors.FILE_REFERENCE_INVALID.name, errors.FILE_REFERENCE_EMPTY.name):
            raise errors.FILE_REFERENCE_INVALID_AT(number) from None
        raise
    if made is None:
        raise errors.MEDIA_INVALID()
    return ready(made)


@rpc(messages.UploadMedia, flood=per_minute(240))
async def upload_media(call: Call, request: messages.UploadMedia) -> t.AnyMessageMedia:
    """What sendMedia would send, without sending it: albums are made of these."""
    peer = peers.resolve(call, request.peer)
    media = await attached(call, peer, request.media)
    data = given(call.services, call.me, Origin(UPLOADED), media.media, media.files)
    answer: t.AnyMessageMedia = raw(data, media.min_layer, tuple(file[2] for file in media.files))
    return answer


@rpc(messages.GetRecentLocations, flood=per_minute(240))
async def get_recent_locations(call: Call, request: messages.GetRecentLocations) -> t.AnyMessagesMessages:
    """Live locations of a chat that have not ended, newest first."""
    peer = peers.resolve(call, request.peer)
    limit = min(page_limit(request.limit), RECENT_LOCATIONS)

    def lives(view: View) -> bool:
        if not view.body.media or view.body.files:
            return False
        media = layers.decode(view.body.media)
        return isinstance(media, t.MessageMediaGeoLive) and live_until(view, media) > call.now

    window = Window(limit=SCAN_ROWS)
    if is_channel(peer):
        reading = call.services.channels.reading
        found = call.services.history.scan(peer, peer, reading.fitting(call.me, peer, window), lives)
        views = reading.personal(call.me, peer, found.views[:limit])
    else:
        views = call.services.history.scan(call.me, peer, window, lives).views[:limit]
    if request.hash and views and render.hash_of(views) == request.hash:
        return t.MessagesMessagesNotModified(count=len(views))
    if is_channel(peer):
        return render.page_of_channel(call.services, call.me, peer, Page(views, len(views), True))
    return render.page(call.services, call.me, Page(views, len(views), True))


def live_until(view: View, media: t.MessageMediaGeoLive) -> int:
    return view.body.date + media.period
