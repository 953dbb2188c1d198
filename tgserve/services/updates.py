"""What a device may ask about its box: where it stands, and what it has missed. The live side is the bus (bus.py).

The three laws of bus.py bind here too: every pts that was pushed is reachable by `difference`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.bus import Bus
from tgserve.services.dialogs import Dialogs, state_of
from tgserve.store import eventlog
from tgserve.store.events import LoggedEvent
from tgserve.store.records import BoxHead
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

SLACK_SECONDS = 60
"""Clocks of the date a client sends and of our events are the same, but answers and pushes cross on the way."""


@dataclass(slots=True, frozen=True)
class State:
    """The counters a device keeps. Users' boxes have no seq."""

    pts: int
    qts: int
    date: int
    unread: int


class Span(Enum):
    """How much of what was missed an answer holds."""

    EMPTY = "nothing was missed"
    WHOLE = "everything up to the state"
    SLICE = "the first part, up to the state: ask again from there"
    TOO_LONG = "more than is kept: start over from the state"


@dataclass(slots=True, frozen=True)
class Difference:
    span: Span
    state: State
    events: list[tuple[int, LoggedEvent]]
    """(pts after it, event) in order."""


class Updates:
    """What a device may ask about its box: state and difference. `bus` carries the live side."""

    def __init__(self, store: Store, clock: Clock, bus: Bus, dialogs: Dialogs) -> None:
        self.bus = bus
        self._store = store
        self._clock = clock
        self._dialogs = dialogs

    def state(self, me: int) -> State:
        """The box as it is now."""
        with self._store.read(slot_of(me)) as reader:
            head = state_of(reader, me)
        return self._state(head, self._dialogs.unread_total(me))

    def pts(self, me: int) -> int:
        with self._store.read(slot_of(me)) as reader:
            return state_of(reader, me).pts

    def _state(self, head: BoxHead, unread: int) -> State:
        return State(head.pts, head.qts, int(self._clock.now()), unread)

    def difference(
        self, me: int, pts: int, date: int, *, pts_limit: int = 0, pts_total_limit: int = 0
    ) -> Difference:
        """What happened after `pts`. Events without pts of their own come again when they are not older than `date`:
        a device may have seen them, they are harmless to repeat. A device that has seen more than this box knows (the
        store was restored from a backup) starts over. Raises PERSISTENT_TIMESTAMP_INVALID for negative pts."""
        with self._store.read(slot_of(me)) as reader:
            head = state_of(reader, me)
            pts = pts or 1  # fresh accounts of web clients ask from 0
            if pts < 0:
                raise errors.PERSISTENT_TIMESTAMP_INVALID()
            behind = head.pts - pts
            if behind < 0 or pts < head.oldest_pts or (pts_total_limit > 0 and behind > pts_total_limit):
                return Difference(Span.TOO_LONG, self._state(head, 0), [])
            since = date - SLACK_SECONDS if date > 0 else 0
            found = eventlog.read(reader, me, pts, since_date=since, limit=limits.DIFFERENCE_EVENTS + 1)
        if not found:
            return Difference(Span.EMPTY, self._state(head, 0), [])
        kept = found[: limits.DIFFERENCE_EVENTS]
        # what is told again for safety's sake is less than a slice: every slice has an event with a new pts
        numbered = [index for index, (_, logged) in enumerate(kept) if logged.pts_count]
        if 0 < pts_limit < len(numbered):
            kept = kept[: numbered[pts_limit]]
        if len(kept) == len(found):
            return Difference(Span.WHOLE, self._state(head, self._dialogs.unread_total(me)), found)
        upto, last = kept[-1]
        return Difference(Span.SLICE, State(upto, head.qts, last.date, 0), kept)
