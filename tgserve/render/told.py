"""The answer to a call whose outcome is events: the same updates that the caller's other devices are pushed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tgserve.render.chat import chats
from tgserve.render.updates import draw_event
from tgserve.render.user import users
from tgserve.services import Services
from tgserve.store.eventlog import Published
from tgserve.tl import types as t


def told(
    services: Services, me: int, events: Iterable[Published | None], now: int, *, first: Iterable[Any] = ()
) -> t.AnyUpdates:
    """updates{`first`, then one update for each event}; nothing that did not happen."""
    updates: list[Any] = list(first)
    who: dict[int, None] = {}
    for one in events:
        if one is None:
            continue
        drawn, named = draw_event(services, one.event, me, one.pts, one.pts_count)
        if drawn is not None:
            updates.append(drawn)
        who.update(dict.fromkeys(named))
    return t.Updates(
        updates=updates, users=users(services, me, who), chats=chats(services, me, who), date=now, seq=0
    )
