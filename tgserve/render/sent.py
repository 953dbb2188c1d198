"""Answers to sending, editing and forwarding: what the device that did it gets instead of a push."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any

from tgserve.render.chat import chats
from tgserve.render.message import ENTITIES, MEDIA, OUT, TTL, media_bytes, message, people
from tgserve.render.user import users
from tgserve.services import Services
from tgserve.services.editing import Edited
from tgserve.services.messaging import Sent
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw, raw

_SHORT = Struct("<IIiiii").pack  # id, flags, msg_id, pts, pts_count, date
_SHORT_ID = t.UpdateShortSentMessage.ID
_INT = Struct("<i").pack


def short(services: Services, sent: Sent) -> Any:
    """updateShortSentMessage: enough for the device that knows what it has sent."""
    view = sent.view
    flags = OUT
    if view is None:
        return raw(_SHORT(_SHORT_ID, flags, sent.msg_id, sent.pts, 1, sent.date), 0)
    if view.row.flags & r.ROW_FROM_SELF:
        flags = 0  # as the message itself: Saved Messages are not outgoing
    body = view.body
    if not (body.entities or body.media or body.ttl_period) or body.layer not in (0, layers.CURRENT):
        return Raw(_SHORT(_SHORT_ID, flags, sent.msg_id, sent.pts, 1, sent.date), 0)
    parts = []
    if body.media:
        flags |= MEDIA
        parts.append(media_bytes(services, view))
    if body.entities:
        flags |= ENTITIES
        parts.append(body.entities)
    if body.ttl_period:
        flags |= TTL
        parts.append(_INT(body.ttl_period))
    return raw(
        _SHORT(_SHORT_ID, flags, sent.msg_id, sent.pts, 1, sent.date) + b"".join(parts), body.min_layer
    )


def full(
    services: Services, me: int, sent: Sequence[Sent], random_ids: Sequence[int], now: int
) -> t.AnyUpdates:
    """updates{updateMessageID..., updateNewMessage...}: for media, forwards and texts that the server has changed."""
    updates: list[Any] = [
        t.UpdateMessageID(id=one.msg_id, random_id=random_id)
        for one, random_id in zip(sent, random_ids, strict=True)
    ]
    for one in sent:
        if one.view is not None:
            updates.append(new_message(services, one))
    who = people((one.view for one in sent if one.view is not None), services)
    return t.Updates(
        updates=updates, users=users(services, me, who), chats=chats(services, me, who), date=now, seq=0
    )


def new_message(services: Services, sent: Sent) -> Any:
    """updateNewMessage, or updateNewChannelMessage for one in a channel's box."""
    assert sent.view is not None
    kind: Any = t.UpdateNewChannelMessage if sent.view.owner < 0 else t.UpdateNewMessage
    return kind(message=message(services, sent.view), pts=sent.pts, pts_count=1)


def edited(services: Services, me: int, edit: Edited) -> t.AnyUpdates:
    view = services.reactions.newest(edit.view)
    kind: Any = t.UpdateEditChannelMessage if view.owner < 0 else t.UpdateEditMessage
    update = kind(message=message(services, view), pts=edit.pts, pts_count=1)
    who = people((view,), services)
    groups = chats(services, me, who)
    return t.Updates(updates=[update], users=users(services, me, who), chats=groups, date=edit.date, seq=0)
