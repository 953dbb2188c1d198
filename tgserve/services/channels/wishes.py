"""What a device that asks for news of a channel wants to hear of: of some messages only, of none that are new, or of no
more than it needs (updates.getChannelDifference: filter, force)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tgserve.store import events as ev

News = tuple[int, ev.LoggedEvent]
"""(pts, what happened)"""


@dataclass(slots=True, frozen=True)
class Wish:
    ranges: tuple[tuple[int, int], ...] = ()
    """(first, last) ids of messages; none of them: all messages."""
    but_new: bool = False
    brief: bool = False
    """Without what makes no difference in the end: the deletion of a message that came meanwhile, a pin that did not
    last."""

    def wants(self, msg_id: int) -> bool:
        return not self.ranges or any(first <= msg_id <= last for first, last in self.ranges)


ALL = Wish()


def picked(events: Sequence[News], wish: Wish) -> list[News]:
    """What of it is told; each event keeps its pts. What concerns no message in particular is always told."""
    if wish == ALL:
        return list(events)
    unneeded = _unneeded(events) if wish.brief else set()
    found: list[News] = []
    for pts, logged in events:
        event = logged.event
        if isinstance(event, ev.NewMessage):
            if wish.but_new or not wish.wants(event.msg_id):
                continue
        elif isinstance(event, ev.EditMessage | ev.ReactionsChanged):
            if not wish.wants(event.msg_id):
                continue
        elif isinstance(event, ev.DeleteMessages | ev.MessagesPinned):
            left = [one for one in event.msg_ids if wish.wants(one) and (pts, one) not in unneeded]
            if not left:
                continue
            logged = replace(logged, event=replace(event, msg_ids=tuple(left)))
        found.append((pts, logged))
    return found


def _unneeded(events: Iterable[News]) -> set[tuple[int, int]]:
    """(pts, message) of deletions and pins that nobody has to hear of."""
    came: set[int] = set()
    pinned: dict[int, int] = {}
    found: set[tuple[int, int]] = set()
    for pts, logged in events:
        event = logged.event
        if isinstance(event, ev.NewMessage):
            came.add(event.msg_id)
        elif isinstance(event, ev.DeleteMessages):
            found.update((pts, one) for one in event.msg_ids if one in came)
        if isinstance(event, ev.DeleteMessages | ev.MessagesPinned):
            found.update((pinned[one], one) for one in event.msg_ids if one in pinned)
        if isinstance(event, ev.MessagesPinned):
            pinned.update(dict.fromkeys(event.msg_ids, pts))
    return found
