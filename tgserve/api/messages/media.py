"""Media that need no files: contacts, places, dice. Photos and documents come with the file service."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.messages import drafting
from tgserve.api.messages.entities import compose
from tgserve.api.messages.polls import send_poll
from tgserve.api.messages.scheduling import schedule
from tgserve.render import sent as render_sent
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.messaging import Draft
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

_DICE = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}
"""Faces of what can be thrown."""
NAME_CHARS = 256


def media_of(call: Call, media: t.AnyInputMedia) -> t.AnyMessageMedia | None:
    """What is sent for an InputMedia; None for a link preview, which is none here. MEDIA_EMPTY, MEDIA_INVALID,
    GEO_POINT_INVALID, EMOTICON_INVALID."""
    if isinstance(media, t.InputMediaWebPage):
        return None
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


def _point(point: t.AnyInputGeoPoint) -> t.AnyGeoPoint:
    if not isinstance(point, t.InputGeoPoint):
        raise errors.GEO_POINT_INVALID()
    if not (-90 <= point.lat <= 90 and -180 <= point.long <= 180):  # NaN is not between anything
        raise errors.GEO_POINT_INVALID()
    radius = point.accuracy_radius
    if radius is not None and not 0 <= radius <= 1500:
        raise errors.GEO_POINT_INVALID()
    return t.GeoPoint(long=point.long, lat=point.lat, access_hash=0, accuracy_radius=radius or None)


@rpc(messages.SendMedia, flood=per_minute(240))
async def send_media(call: Call, request: messages.SendMedia) -> t.AnyUpdates:
    peer = drafting.writable_peer(call, request.peer)
    if request.quick_reply_shortcut is not None:
        raise errors.METHOD_NOT_AVAILABLE()
    if isinstance(request.media, t.InputMediaPoll):
        return await send_poll(call, peer, request, request.media)
    media = media_of(call, request.media)
    limit = limits.TEXT_CHARS if media is None else limits.CAPTION_CHARS
    try:
        text = compose(call, request.message, request.entities, limit=limit)
    except errors.RpcError as error:
        if media is not None and error.name == errors.MESSAGE_TOO_LONG.name:
            raise errors.MEDIA_CAPTION_TOO_LONG() from None
        raise
    stored, layer = layers.encode_part(media) if media is not None else (b"", 0)
    if not text.text and not stored:
        raise errors.MESSAGE_EMPTY()
    draft = Draft(
        text=text.text,
        entities=text.entities,
        media=stored,
        layer=layers.CURRENT,
        min_layer=max(text.min_layer, layer),
        users=text.users,
        reply=drafting.reply_to(call, peer, request.reply_to),
        silent=request.silent,
        noforwards=request.noforwards,
        invert_media=request.invert_media,
    )
    later = drafting.later(call, peer, request.schedule_date)
    if later:
        return await schedule(call, peer, ((request.random_id, draft),), later)
    sent = await call.services.messaging.send(
        call.me, peer, draft, request.random_id, origin=call.session, clear_draft=request.clear_draft
    )
    return render_sent.full(call.services, call.me, [sent], [request.random_id], call.now)


@rpc(messages.UploadMedia, flood=per_minute(240))
async def upload_media(call: Call, request: messages.UploadMedia) -> t.AnyMessageMedia:
    """What sendMedia would send, without sending it."""
    peers.resolve(call, request.peer)
    media = media_of(call, request.media)
    if media is None:
        raise errors.MEDIA_INVALID()
    return media
