"""updates.getDifference: logged events -> new messages as they are now, and the other updates in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tgserve.render.channel import channel_id
from tgserve.render.chat import chats
from tgserve.render.dialogs import state
from tgserve.render.message import message, people
from tgserve.render.peers import dialog_peer
from tgserve.render.updates import draw_event
from tgserve.render.user import users
from tgserve.services import Services
from tgserve.services.updates import Difference, Span
from tgserve.store import events as ev
from tgserve.tl import types as t

_VALUES = frozenset(("pinned", "unread", "blocked", "peers", "max_id"))
"""Fields of events that say how something is now; the others say what it is."""


def difference(
    services: Services, me: int, missed: Difference, channels: Sequence[int] = ()
) -> t.AnyUpdatesDifference:
    """A message that came and went meanwhile is not told of; one that came and was edited comes once, as it is now.
    `channels` have news of their own: the device asks for those itself."""
    now = missed.state
    if missed.span is Span.EMPTY and not channels:
        return t.UpdatesDifferenceEmpty(date=now.date, seq=0)
    if missed.span is Span.TOO_LONG:
        return t.UpdatesDifferenceTooLong(pts=now.pts)
    came = [logged.event.msg_id for _, logged in missed.events if isinstance(logged.event, ev.NewMessage)]
    views = [view for view in services.history.messages(me, came) if view is not None]
    who: dict[int, None] = {me: None, **people(views, services)}
    others: list[Any] = []
    told = _told_once(missed.events, set(came))
    for pts, logged in told:
        update, named = draw_event(services, logged.event, me, pts, logged.pts_count)
        if update is not None:
            others.append(update)
        who.update(dict.fromkeys(named))
    others += _orders(services, me, [type(logged.event) for _, logged in told], who)
    if missed.span is not Span.SLICE:
        for channel in channels:
            pts = services.channels.register.top(channel).pts
            others.append(t.UpdateChannelTooLong(channel_id=channel_id(channel), pts=pts))
            who[channel] = None
    fields: dict[str, Any] = {
        "new_messages": [message(services, view) for view in views],
        "new_encrypted_messages": [],
        "other_updates": others,
        "chats": chats(services, me, who),
        "users": users(services, me, who),
    }
    if missed.span is Span.SLICE:
        return t.UpdatesDifferenceSlice(**fields, intermediate_state=state(now))
    return t.UpdatesDifference(**fields, state=state(now))


def _orders(services: Services, me: int, kinds: list[type], who: dict[int, None]) -> list[Any]:
    """Of lists that were changed piece by piece, how they stand now: pieces that a device knows partly, or that were
    told only once of several times, do not add up to their order."""
    orders: list[Any] = []
    if ev.DialogPinned in kinds or ev.PinnedOrder in kinds:
        for folder in (0, 1):
            peers = services.dialogs.pinned_order(me, folder)
            order = [dialog_peer(one) for one in peers]
            orders.append(t.UpdatePinnedDialogs(folder_id=folder or None, order=order))
            who.update(dict.fromkeys(peers))
    if ev.FolderChanged in kinds:
        orders.append(t.UpdateDialogFilterOrder(order=services.folders.order(me)))
    return orders


def _told_once(events: list[tuple[int, ev.LoggedEvent]], came: set[int]) -> list[tuple[int, ev.LoggedEvent]]:
    """The events that make updates: all but new messages. Edits are drawn from the message as it is now,
    and settings from what is set now: the last of several is enough."""
    seen: set[tuple[Any, ...]] = set()
    told: list[tuple[int, ev.LoggedEvent]] = []
    for pts, logged in reversed(events):
        event = logged.event
        if isinstance(event, ev.NewMessage):
            continue
        fresh = True
        if isinstance(event, ev.EditMessage):
            fresh = event.msg_id not in came and ("edit", event.msg_id) not in seen
            seen.add(("edit", event.msg_id))
        elif not logged.pts_count and not isinstance(event, ev.NewAuthorization):
            subject = [getattr(event, name) for name in event.__struct_fields__ if name not in _VALUES]
            key = (type(event), *subject)
            fresh = key not in seen
            seen.add(key)
        if fresh:
            told.append((pts, logged))
    told.reverse()
    return told
