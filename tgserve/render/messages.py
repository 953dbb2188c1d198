"""messages.Messages of every kind: a page of views with the people in it."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any

from tgserve.render.chat import chats
from tgserve.render.message import MESSAGE_LAYER, message, people, plain_bytes
from tgserve.render.user import users
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.services.history import Page, Sheet
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw, raw

_MASK = 2**64 - 1
VECTOR = 0x1CB5C415
PAGE_LAYER = max(MESSAGE_LAYER, layers.since(t.MessagesMessages.ID), layers.since(t.MessagesMessagesSlice.ID))
"""From here on a session reads a page as it stands in bytes."""
_VECTOR = Struct("<Ii").pack
_WHOLE = Struct("<IIi").pack  # id, vector, count
_SLICE = Struct("<IIiIi").pack  # id, flags, count, vector, count
_WHOLE_BYTES, _SLICE_BYTES = 12, 20
_NO_TOPICS = _VECTOR(VECTOR, 0)


def page(
    services: Services,
    me: int,
    of: Page,
    *,
    inexact: bool = False,
    newer: int = 0,
    next_rate: int | None = None,
    everywhere: bool = False,
) -> t.AnyMessagesMessages:
    """Of a channel channelMessages, unless messages of other chats might stand beside them (`everywhere`). Else
    messages.messages when the page is the whole list, else messagesSlice with the list's size. `newer`: how many of
    the list come before the page; `next_rate`: where a search of all chats goes on."""
    drawn: list[Any] = [message(services, view) for view in of.views]
    named = people(of.views, services)
    if of.views and of.views[0].owner < 0 and not everywhere:
        return _channel_page(services, me, of, drawn, newer)
    who = users(services, me, {**named, me: None}) if drawn else []
    groups = chats(services, me, named)
    if of.whole:
        return t.MessagesMessages(messages=drawn, topics=[], chats=groups, users=who)
    return t.MessagesMessagesSlice(
        inexact=inexact,
        count=of.count,
        next_rate=next_rate,
        offset_id_offset=newer or None,
        messages=drawn,
        topics=[],
        chats=groups,
        users=who,
    )


def history(services: Services, me: int, peer: int, of: Sheet) -> t.AnyMessagesMessages:
    """What `page` makes of a page of a chat with a user or basic group, in one piece and from the stored bytes."""
    parts: list[bytes] = [b""]
    named: dict[int, None] = {}
    lowest = PAGE_LAYER
    places: list[int] = []
    whole = of.whole
    at = _WHOLE_BYTES if whole else _SLICE_BYTES
    for line in of.lines:
        msg_id, value, body = line
        data = plain_bytes(peer, msg_id, value[0], body)
        if data is not None:
            named[peer] = named[body.author] = None
            if body.min_layer > lowest:
                lowest = body.min_layer
        else:
            view = services.history.view(me, peer, line)
            if view is None:
                continue
            told = message(services, view)
            named.update(people((view,), services))
            data = told.data
            if told.min_layer > lowest:
                lowest = told.min_layer
            if told.dcs:
                before = at + sum(map(len, parts))
                places += [before + dc_at for dc_at in told.dcs]
        parts.append(data)
    count = len(parts) - 1
    if not count:
        return page(services, me, Page([], of.count, whole))
    if whole:
        parts[0] = _WHOLE(t.MessagesMessages.ID, VECTOR, count)
    else:
        parts[0] = _SLICE(t.MessagesMessagesSlice.ID, 0, of.count, VECTOR, count)
    groups, who = chats(services, me, named), users(services, me, {**named, me: None})
    size = sum(map(len, parts))
    for head, blobs in (
        (_NO_TOPICS + _VECTOR(VECTOR, len(groups)), groups),
        (_VECTOR(VECTOR, len(who)), who),
    ):
        parts.append(head)
        size += len(head)
        for blob in blobs:
            if type(blob) is not Raw:
                blob = layers.drawn(blob)  # a channel, or a group that has become one
            if blob.min_layer > lowest:
                lowest = blob.min_layer
            places += [size + dc_at for dc_at in blob.dcs]
            size += len(blob.data)
            parts.append(blob.data)
    made: t.AnyMessagesMessages = raw(b"".join(parts), lowest, tuple(places))
    return made


def by_ids(
    services: Services, me: int, msg_ids: Sequence[int], views: Sequence[View | None]
) -> t.AnyMessagesMessages:
    """One message for every id asked, messageEmpty where there is none (SECURITY 6.4)."""
    drawn: list[Any] = [
        t.MessageEmpty(id=msg_id) if view is None else message(services, view)
        for msg_id, view in zip(msg_ids, views, strict=True)
    ]
    who = people((view for view in views if view is not None), services)
    return t.MessagesMessages(
        messages=drawn, topics=[], chats=chats(services, me, who), users=users(services, me, who)
    )


def page_of_channel(services: Services, me: int, channel: int, of: Page) -> t.AnyMessagesMessages:
    """A part of a channel's box; the channel comes with it even when there are no messages."""
    drawn: list[Any] = [message(services, view) for view in of.views]
    named = {channel: None, **people(of.views, services)}
    return t.MessagesChannelMessages(
        pts=services.channels.register.top(channel).pts,
        count=of.count,
        messages=drawn,
        topics=[],
        chats=chats(services, me, named),
        users=users(services, me, {**named, me: None}),
    )


def _channel_page(
    services: Services, me: int, of: Page, drawn: list[Any], newer: int = 0
) -> t.AnyMessagesMessages:
    channel = of.views[0].owner
    named = people(of.views, services)
    return t.MessagesChannelMessages(
        pts=services.channels.register.top(channel).pts,
        count=of.count,
        offset_id_offset=newer or None,
        messages=drawn,
        topics=[],
        chats=chats(services, me, named),
        users=users(services, me, {**named, me: None}),
    )


def channel_by_ids(
    services: Services, me: int, channel: int, msg_ids: Sequence[int], views: Sequence[View | None]
) -> t.AnyMessagesMessages:
    """One message of a channel for every id asked, messageEmpty where there is none for the viewer."""
    drawn: list[Any] = [
        t.MessageEmpty(id=msg_id) if view is None else message(services, view)
        for msg_id, view in zip(msg_ids, views, strict=True)
    ]
    named = {channel: None, **people((view for view in views if view is not None), services)}
    return t.MessagesChannelMessages(
        pts=services.channels.register.top(channel).pts,
        count=len(drawn),
        messages=drawn,
        topics=[],
        chats=chats(services, me, named),
        users=users(services, me, named),
    )


def empty() -> t.AnyMessagesMessages:
    return t.MessagesMessages(messages=[], topics=[], chats=[], users=[])


def hash_of(views: Sequence[View]) -> int:
    """The 64-bit hash by which a client asks whether its copy of a page is current: ids and edit dates."""
    value = 0
    for view in views:
        for number in (view.msg_id, view.body.edit_date):
            value ^= value >> 21
            value ^= value << 35 & _MASK
            value ^= value >> 4
            value = value + number & _MASK
    return value - 2**64 if value >= 2**63 else value
