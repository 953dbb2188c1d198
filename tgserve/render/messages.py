"""messages.Messages of every kind: a page of views with the people in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tgserve.render.chat import chats
from tgserve.render.message import message, people
from tgserve.render.user import users
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.services.history import Page
from tgserve.tl import types as t

_MASK = 2**64 - 1


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
