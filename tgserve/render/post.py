"""What a message in a channel has beside others: who it is shown as being from, and its counters."""

from __future__ import annotations

from struct import Struct
from typing import Final

from tgserve.render.peers import peer, peer_bytes
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.store import channel_records as c
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


def author(services: Services, view: View, flags: int) -> tuple[int, bytes]:
    """The flags, and from_id as bytes: none for a post of the channel itself."""
    shown = view.body.author
    record = services.channels.register.get_or_none(view.row.peer)
    if record is not None and not record.megagroup:
        flags |= POST
        if shown == view.row.peer:
            return flags & ~FROM, b""
    return flags | FROM, peer_bytes(shown)


def counters(services: Services, view: View) -> tuple[int, bytes]:
    """Views and forwards of a post, and how often it was answered."""
    record = services.channels.register.get_or_none(view.owner)
    if record is None:
        return 0, b""
    if record.megagroup:
        if view.body.topic:
            return 0, b""
        thread = services.channels.threads.of(view.owner, view.msg_id) or NONE
        return REPLIES, _REPLIES(_REPLIES_ID, 0, thread.replies, thread.pts)
    counted = services.channels.counters
    drawn = _COUNTERS(counted.views(view.owner, view.msg_id), counted.of(view.owner, view.msg_id).forwards)
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
