"""What a message in a channel has beside others: who it is shown as being from, and its counters."""

from __future__ import annotations

from struct import Struct
from typing import Final

from tgserve.render.peers import peer, peer_bytes
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.services.channels.days import Post
from tgserve.store import channel_records as c
from tgserve.store import records as r
from tgserve.store import thread_records as th
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import layers
from tgserve.tl import types as t

FROM: Final = 1 << 8
VIEWS: Final = 1 << 10
POST: Final = 1 << 14
REPLIES: Final = 1 << 23
_COUNTERS = Struct("<ii").pack
_REPLIES_ID = t.MessageReplies.ID
_REPLIES = Struct("<IIii").pack  # id, flags, replies, replies_pts
NONE = th.Thread()
_HEADER = t.MessageFwdHeader.ID
_HEADER_TOP = Struct("<IIIq").unpack_from  # id, flags, from_id
_HEADER_POST = Struct("<i").unpack_from
_POST_AT = 24
"""Where channel_post stands behind from_id and the date."""
_NAMES_POST = 1 << 0 | 1 << 2
_HAS_NAME = 1 << 5


def author(services: Services, view: View, flags: int) -> tuple[int, bytes]:
    """The flags, and from_id as bytes: none for a post of the channel itself."""
    shown = view.body.author
    record = services.channels.register.get_or_none(view.row.peer)
    if record is not None and not record.megagroup:
        flags |= POST
        if shown == view.row.peer:
            return flags & ~FROM, b""
    return flags | FROM, peer_bytes(shown)


def original(services: Services, body: r.Body) -> Post | None:
    """The channel's post that a message is a copy of, while it stands: only where `forwarded from` says so."""
    fwd = body.fwd
    if len(fwd) < _POST_AT + 4:
        return None
    kind, flags, peer_kind, number = _HEADER_TOP(fwd)
    if kind != _HEADER or flags & _NAMES_POST != _NAMES_POST or flags & _HAS_NAME:
        return None
    if peer_kind != t.PeerChannel.ID:
        return None
    channel, msg_id = -CHANNEL_BASE - number, _HEADER_POST(fwd, _POST_AT)[0]
    record = services.channels.register.get_or_none(channel)
    if record is None or record.deleted or not services.channels.counters.stands(channel, msg_id):
        return None
    return channel, msg_id


def counted_as(services: Services, view: View) -> Post | None:
    """The post whose views and forwards a message shows: the one it is a copy of, else itself in a channel."""
    found = original(services, view.body) if view.body.fwd else None
    if found is not None or view.owner > -CHANNEL_BASE:
        return found
    record = services.channels.register.get_or_none(view.owner)
    return (view.owner, view.msg_id) if record is not None and not record.megagroup else None


def copied(services: Services, body: r.Body) -> tuple[int, bytes]:
    """Views and forwards of the post that a message outside channels is a copy of."""
    post = original(services, body)
    return (VIEWS, _counts(services, post)) if post is not None else (0, b"")


def _counts(services: Services, post: Post) -> bytes:
    counted = services.channels.counters
    return _COUNTERS(counted.views(*post), counted.of(*post).forwards)


def counters(services: Services, view: View) -> tuple[int, bytes]:
    """Views and forwards of a post, or of the one it is a copy of, and how often it was answered."""
    record = services.channels.register.get_or_none(view.owner)
    if record is None:
        return 0, b""
    if record.megagroup:
        flags, drawn = copied(services, view.body) if view.body.fwd else (0, b"")
        if view.body.topic:
            return flags, drawn
        thread = services.channels.threads.of(view.owner, view.msg_id) or NONE
        return flags | REPLIES, drawn + _REPLIES(_REPLIES_ID, 0, thread.replies, thread.pts)
    drawn = _counts(services, counted_as(services, view) or (view.owner, view.msg_id))
    under = comments(services, record, view.owner, view.msg_id)
    if under is None:
        return VIEWS, drawn
    return VIEWS | REPLIES, drawn + layers.encode(replies(services, view, under))


def of_view(services: Services, view: View) -> t.MessageReplies | None:
    """How often a message was answered, where that is counted."""
    record = services.channels.register.get_or_none(view.owner)
    if record is None or view.body.action:
        return None
    if record.megagroup:
        if view.body.topic:
            return None
        thread = services.channels.threads.of(view.owner, view.msg_id) or NONE
        return t.MessageReplies(replies=thread.replies, replies_pts=thread.pts)
    under = comments(services, record, view.owner, view.msg_id)
    return None if under is None else replies(services, view, under)


def comments(services: Services, record: c.Channel, channel: int, msg_id: int) -> th.Thread | None:
    """The comments on a post of a channel with a discussion group."""
    if not record.linked:
        return None
    found: th.Thread | None = services.channels.threads.of(channel, msg_id)
    if found is None:
        return NONE if 0 < record.linked_from <= msg_id else None
    return found if found.channel == record.linked else None


def replies(services: Services, view: View, thread: th.Thread) -> t.MessageReplies:
    """The comments as TL, with what the viewer has read of them."""
    record = services.channels.register.get_or_none(view.owner)
    linked = record.linked if record is not None else 0
    read_max = 0
    if view.viewer and thread.post:
        read_max = services.channels.thread_reading.read_max(view.viewer, linked, thread.post)
    return t.MessageReplies(
        comments=True,
        replies=thread.replies,
        replies_pts=thread.pts,
        recent_repliers=[peer(one) for one in view.repliers] or None,
        channel_id=-linked - CHANNEL_BASE,
        max_id=thread.max_id or None,
        read_max_id=read_max or None,
    )
