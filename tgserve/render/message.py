"""A message for one viewer, spliced from the stored bytes: no object is built, no codec runs (PERFORMANCE 5).

The byte order is that of `message` and `messageService` in the current layer; tests hold every combination of parts
against the codec. `needs(view)` is the lowest layer that reads the result as it stands; older sessions get it
re-encoded by the codec.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Any

from msgspec.structs import replace

from tgserve.render import media as render_media
from tgserve.render import polls as render_polls
from tgserve.render import post
from tgserve.render.peers import PEER_CHAT, PEER_USER, peer_bytes, peer_id
from tgserve.render.reactions import reactions_bytes, shown
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.store import records as r
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw

MESSAGE_LAYER = layers.since(t.Message.ID)
SERVICE_LAYER = layers.since(t.MessageService.ID)
REPLY_LAYER = layers.since(t.MessageReplyHeader.ID)

_ID = t.Message.ID
_SERVICE_ID = t.MessageService.ID
_REPLY_ID = t.MessageReplyHeader.ID
_PLAIN = Struct("<IIIiIqIqi").pack  # id, flags, flags2, msg_id, from, peer, date
_HEAD = Struct("<IIIiIq").pack  # id, flags, flags2, msg_id, from
_BARE = Struct("<IIIi").pack  # id, flags, flags2, msg_id
NUMBER_AT = 12
"""Where the msg_id stands in a message (not in a messageService)."""
_SERVICE_HEAD = Struct("<IIiIq").pack  # id, flags, msg_id, from
_SERVICE_BARE = Struct("<IIi").pack  # id, flags, msg_id
_REPLY = Struct("<IIi").pack
_IN_TOPIC = 1 << 3 | 1 << 4
"""reply_to_msg_id of a message in a forum's topic."""
_INT = Struct("<i").pack
_LONG = Struct("<q").pack

OUT = 1 << 1
FWD = 1 << 2
REPLY = 1 << 3
MENTIONED = 1 << 4
MEDIA_UNREAD = 1 << 5
MARKUP = 1 << 6
ENTITIES = 1 << 7
FROM = 1 << 8
MEDIA = 1 << 9
VIA_BOT = 1 << 11
SILENT = 1 << 13
EDIT_DATE = 1 << 15
SIGNED = 1 << 16
GROUPED = 1 << 17
REACTIONS = 1 << 20
SCHEDULED = 1 << 18
EDIT_HIDE = 1 << 21
PINNED = 1 << 24
TTL = 1 << 25
NOFORWARDS = 1 << 26
INVERT = 1 << 27
SAVED_PEER = 1 << 28
EFFECT2 = 1 << 2

_ROW_BITS = tuple(
    FROM
    | (OUT if row & r.ROW_OUT else 0)
    | (MENTIONED if row & r.ROW_MENTIONED else 0)
    | (MEDIA_UNREAD if row & r.ROW_MEDIA_UNREAD else 0)
    | (SAVED_PEER if row & r.ROW_FROM_SELF else 0)
    | (PINNED if row & r.ROW_PINNED else 0)
    | (SCHEDULED if row & r.ROW_SCHEDULED else 0)
    for row in range(64)
)
"""Row flags -> the flag bits they set."""
_ALIGN = (b"", b"\0\0\0", b"\0\0", b"\0")


def tl_string(data: bytes) -> bytes:
    """A TL string or bytes: length, data, zeros up to a multiple of four."""
    size = len(data)
    if size < 254:
        return b"%c%b%b" % (size, data, _ALIGN[size + 1 & 3])
    return b"\xfe%b%b%b" % (size.to_bytes(3, "little"), data, _ALIGN[size & 3])


def message_bytes(services: Services, view: View) -> bytes:
    """The boxed message or messageService, bytes of the current layer, as `view.owner` sees it. `services` is asked
    only for what differs from viewer to viewer."""
    return _drawn(services, view)[0]


def plain_bytes(peer: int, msg_id: int, row_flags: int, body: r.Body) -> bytes | None:
    """A message in a chat with a user or basic group that is nothing but text, which most are; None for any other.
    Its `body.min_layer`, or MESSAGE_LAYER, is the lowest that reads it."""
    if (
        body.entities
        or body.media
        or body.action
        or body.fwd
        or body.markup
        or body.reply is not None
        or body.edit_date
        or body.ttl_period
        or body.effect
        or body.grouped_id
        or body.via_bot
        or body.invert_media
        or body.users
        or body.poll
        or body.reactions is not None
        or row_flags & r.ROW_FROM_SELF
    ):
        return None
    flags = _ROW_BITS[row_flags & 63]
    if body.silent:
        flags |= SILENT
    if body.noforwards:
        flags |= NOFORWARDS
    kind = PEER_USER if peer > 0 else PEER_CHAT
    text = body.text
    size = len(text)
    head = _PLAIN(_ID, flags, 0, msg_id, PEER_USER, body.author, kind, abs(peer), body.date)
    if size < 254:
        return b"%b%c%b%b" % (head, size, text, _ALIGN[size + 1 & 3])
    return head + tl_string(text)


def _drawn(services: Services, view: View) -> tuple[bytes, tuple[int, ...]]:
    """The bytes, and where numbers of data centres stand in them."""
    row, body = view.row, view.body
    if body.layer != layers.CURRENT and body.layer:
        body = _modern(body)
    flags = _ROW_BITS[row.flags & 63]
    if body.silent:
        flags |= SILENT
    if body.action:
        return _service(services, view, body, flags)
    if body.noforwards:
        flags |= NOFORWARDS
    text = tl_string(body.text)
    if (
        row.peer > -CHANNEL_BASE
        and body.reply is None
        and not flags & SAVED_PEER
        and not (body.entities or body.media or body.fwd or body.edit_date or body.markup)
        and not (body.ttl_period or body.effect or body.grouped_id or body.via_bot or body.invert_media)
        and body.reactions is None
    ):
        kind = PEER_USER if row.peer > 0 else PEER_CHAT
        head = _PLAIN(_ID, flags, 0, view.msg_id, PEER_USER, body.author, kind, abs(row.peer), body.date)
        return head + text, ()
    parts = [peer_bytes(row.peer)]
    places: tuple[int, ...] = ()
    flags2 = 0
    if flags & SAVED_PEER:
        parts.append(peer_bytes(saved_peer_of(view)))
    if body.fwd:
        flags |= FWD
        parts.append(body.fwd)
    if body.via_bot:
        flags |= VIA_BOT
        parts.append(_LONG(body.via_bot))
    if body.reply is not None and (view.reply_id or body.reply.foreign):
        flags |= REPLY
        parts.append(body.reply.foreign or _reply(body.reply, view.reply_id, body.topic, body.in_topic))
    elif body.in_topic and body.topic:
        flags |= REPLY
        parts.append(_REPLY(_REPLY_ID, _IN_TOPIC, body.topic))
    parts += (_INT(body.date), text)
    if body.invert_media:
        flags |= INVERT
    if body.media:
        flags |= MEDIA
        if body.files:
            before = sum(map(len, parts))
            places = tuple([before + dc_at for _, _, dc_at in body.files])
            parts.append(render_media.for_viewer(services, view, body, body.media))
        elif body.poll:
            parts.append(render_polls.media_bytes(services, view))
        else:
            parts.append(media_bytes(services, view))
    if body.markup:
        flags |= MARKUP
        parts.append(body.markup)
    if body.entities:
        flags |= ENTITIES
        parts.append(body.entities)
    if view.owner < 0:
        counted, counters = post.counters(services, view)
        flags |= counted
        parts.append(counters)
    elif body.fwd:
        counted, counters = post.copied(services, body)
        flags |= counted
        parts.append(counters)
    if body.edit_date:
        flags |= EDIT_DATE | (EDIT_HIDE if body.edit_hide else 0)
        parts.append(_INT(body.edit_date))
    if body.signature:
        flags |= SIGNED
        parts.append(tl_string(body.signature.encode()))
    if body.grouped_id:
        flags |= GROUPED
        parts.append(_LONG(body.grouped_id))
    if body.reactions is not None:
        flags |= REACTIONS
        parts.append(reactions_bytes(services, view))
    if body.ttl_period:
        flags |= TTL
        parts.append(_INT(body.ttl_period))
    if body.effect:
        flags2 |= EFFECT2
        parts.append(_LONG(body.effect))
    if row.peer <= -CHANNEL_BASE:  # in the channel's box, or waiting for its time in its author's
        flags, author = post.author(services, view, flags)
        head = _BARE(_ID, flags, flags2, view.msg_id) + author
    else:
        head = _HEAD(_ID, flags, flags2, view.msg_id, PEER_USER, body.author)
    if places:
        places = tuple([len(head) + at for at in places])
    return head + b"".join(parts), places


def media_bytes(services: Services, view: View) -> bytes:
    """The message's media for its viewer."""
    return (
        render_media.for_viewer(services, view, view.body, view.body.media)
        if view.body.files
        else view.body.media
    )


def _service(services: Services, view: View, body: r.Body, flags: int) -> tuple[bytes, tuple[int, ...]]:
    flags &= ~(PINNED | SCHEDULED)
    parts = [peer_bytes(view.row.peer)]
    if flags & SAVED_PEER:
        parts.append(peer_bytes(view.owner))
    if body.reply is not None and (view.reply_id or body.reply.foreign):
        flags |= REPLY
        parts.append(body.reply.foreign or _reply(body.reply, view.reply_id, body.topic, body.in_topic))
    elif body.in_topic and body.topic:
        flags |= REPLY
        parts.append(_REPLY(_REPLY_ID, _IN_TOPIC, body.topic))
    parts.append(_INT(body.date))
    places: tuple[int, ...] = ()
    if body.files:
        before = sum(map(len, parts))
        places = tuple([before + dc_at for _, _, dc_at in body.files])
        parts.append(render_media.for_viewer(services, view, body, body.action))
    else:
        parts.append(body.action)
    if body.ttl_period:
        flags |= TTL
        parts.append(_INT(body.ttl_period))
    if view.owner < 0:
        flags, author = post.author(services, view, flags)
        head = _SERVICE_BARE(_SERVICE_ID, flags, view.msg_id) + author
    else:
        head = _SERVICE_HEAD(_SERVICE_ID, flags, view.msg_id, PEER_USER, body.author)
    if places:
        places = tuple([len(head) + at for at in places])
    return head + b"".join(parts), places


def _reply(reply: r.Reply, reply_id: int, topic: int = 0, in_topic: bool = False) -> bytes:
    flags = _IN_TOPIC if in_topic else 1 << 4
    parts: list[bytes] = []
    if topic and topic != reply_id:
        flags |= 1 << 1
        parts.append(_INT(topic))
    if not reply.quote_text:
        return _REPLY(_REPLY_ID, flags, reply_id) + b"".join(parts)
    flags |= 1 << 9 | 1 << 6
    parts.append(tl_string(reply.quote_text.encode()))
    if reply.quote_entities:
        flags |= 1 << 7
        parts.append(reply.quote_entities)
    if reply.quote_offset:
        flags |= 1 << 10
        parts.append(_INT(reply.quote_offset))
    return _REPLY(_REPLY_ID, flags, reply_id) + b"".join(parts)


def saved_peer_of(view: View) -> int:
    """The part of Saved Messages a message belongs to: the chat it was forwarded from, or oneself for notes."""
    if view.body.fwd:
        header = layers.decode(view.body.fwd)
        if isinstance(header, t.MessageFwdHeader):
            origin = header.saved_from_peer or header.from_id
            if origin is not None:
                return peer_id(origin)
            if header.from_name:
                return HIDDEN_AUTHOR
    return view.owner


HIDDEN_AUTHOR = 2666000
"""Clients know this id as `author hidden`."""


def needs(view: View) -> int:
    """The lowest layer that reads message_bytes(view) as they are."""
    body = view.body
    lowest = SERVICE_LAYER if body.action else MESSAGE_LAYER
    if body.min_layer > lowest:
        lowest = body.min_layer
    answers = body.in_topic or (body.reply is not None and (view.reply_id or body.reply.foreign))
    if answers and lowest < REPLY_LAYER:
        lowest = REPLY_LAYER
    return lowest


def message(services: Services, view: View) -> Any:
    """The message as Raw."""
    data, places = _drawn(services, view)
    body = view.body
    if body.action or body.reply is not None or body.in_topic:
        return Raw(data, needs(view), places)
    return Raw(data, body.min_layer if body.min_layer > MESSAGE_LAYER else MESSAGE_LAYER, places)


def empty_message(msg_id: int) -> t.AnyMessage:
    """What is answered for ids that the viewer's box does not have."""
    return t.MessageEmpty(id=msg_id)


def people(views: Iterable[View], services: Services) -> dict[int, None]:
    """Users and groups that must accompany these messages, each once, in order."""
    found: dict[int, None] = {}
    for view in views:
        row, body = view.row, view.body
        found[row.peer] = None
        if body.fwd and row.flags & r.ROW_FROM_SELF:
            origin = saved_peer_of(view)
            if origin < 0:
                found[origin] = None
        found[body.author] = None
        for user_id in body.users:
            found[user_id] = None
        for replier in view.repliers:
            found[replier] = None
        if body.via_bot:
            found[body.via_bot] = None
        if body.reactions is not None:
            for given in body.reactions.recent:
                found[shown(services, view, given.user)] = None
        if body.poll:
            for voter in render_polls.faces(services, body.poll):
                found[voter] = None
    return found


def _modern(body: r.Body) -> r.Body:
    """A body whose bytes were stored under an older schema, in today's."""

    def boxed(data: bytes) -> bytes:
        return layers.encode(layers.decode(data)) if data else data

    media, action, files = boxed(body.media), boxed(body.action), body.files
    if files:
        kept = render_media.kept(layers.decode(body.media or body.action))
        media, action = (kept.data, b"") if body.media else (b"", kept.data)
        files = kept.files
    return replace(
        body,
        layer=layers.CURRENT,
        entities=modern_entities(body.entities),
        media=media,
        files=files,
        action=action,
        fwd=boxed(body.fwd),
        reply=body.reply and replace(body.reply, foreign=boxed(body.reply.foreign)),
        markup=boxed(body.markup),
    )


def modern_entities(data: bytes) -> bytes:
    """A stored Vector<MessageEntity> of any layer as the current one has it."""
    return entities_bytes(entities_of(data)) if data else data


def entities_of(data: bytes) -> list[Any]:
    """The objects of a stored Vector<MessageEntity>. A bare vector has no door of its own: it is read as the field of
    the smallest object that has one."""
    if not data:
        return []
    carrier = layers.decode(_CARRIER + data)
    return carrier.entities if isinstance(carrier, t.TextWithEntities) else []


def entities_bytes(entities: list[Any]) -> bytes:
    """The Vector<MessageEntity> that is stored; nothing for none."""
    if not entities:
        return b""
    return layers.encode(t.TextWithEntities(text="", entities=entities))[len(_CARRIER) :]


_CARRIER = Struct("<II").pack(t.TextWithEntities.ID, 0)  # textWithEntities, text ""
