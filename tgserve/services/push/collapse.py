"""Several pushes that wait for one device, as the fewest that say the same. Pure.

What was read or deleted meanwhile is dropped, albums become one, only the last messages of a chat are sent when many
have piled up, and a device that is merely woken is woken once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tgserve.store.push_records import PushWaiting

PER_CHAT: Final = 10
"""Messages of one chat that are sent one by one."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One push to be sent: the rows it stands for, what it says, and with an album what else is in it."""

    numbers: tuple[int, ...]
    item: PushWaiting
    more: tuple[PushWaiting, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    parcels: tuple[Parcel, ...]
    void: tuple[int, ...]
    """Rows that need not be sent."""


def plan(
    items: Mapping[int, PushWaiting],
    *,
    read_max: Callable[[PushWaiting], int],
    album: Callable[[PushWaiting], int | None],
    one_wake: bool,
) -> Plan:
    """`read_max(item)`: up to which message the chat is read; `album(item)`: the album its message belongs to, 0 for
    none, None when the message is gone; `one_wake`: the device learns nothing but that there is something."""
    void: list[int] = []
    loud: dict[int, list[tuple[int, PushWaiting]]] = {}
    reads: dict[int, list[tuple[int, PushWaiting]]] = {}
    silent: dict[int, list[tuple[int, PushWaiting]]] = {}
    other: list[Parcel] = []
    albums: dict[int, int] = {}
    for number in sorted(items):
        item = items[number]
        if item.kind in ("message", "muted"):
            of = album(item) if item.msg_id > read_max(item) or item.flags & 32 else None
            if of is None:
                void.append(number)
                continue
            albums[number] = of
            (loud if item.kind == "message" else silent).setdefault(item.peer, []).append((number, item))
        elif item.kind == "read":
            reads.setdefault(item.peer, []).append((number, item))
        else:
            other.append(Parcel((number,), item))
    if one_wake:
        numbers = [number for waiting in loud.values() for number, _ in waiting]
        numbers += [number for parcel in other for number in parcel.numbers if parcel.item.kind == "reaction"]
        if not numbers:
            return Plan((), tuple(sorted(items)))
        last = items[max(numbers)]
        return Plan((Parcel(tuple(sorted(items)), last),), ())
    parcels: list[Parcel] = []
    for waiting in reads.values():
        highest = max((item for _, item in waiting), key=lambda item: item.msg_id)
        parcels.append(Parcel(tuple(number for number, _ in waiting), highest))
    for waiting in silent.values():
        parcels.append(Parcel(tuple(number for number, _ in waiting), waiting[-1][1]))
    for waiting in loud.values():
        together = _albums(waiting, albums)
        void += [number for parcel in together[:-PER_CHAT] for number in parcel.numbers]
        parcels += together[-PER_CHAT:]
    parcels += other
    parcels.sort(key=lambda parcel: parcel.numbers)
    return Plan(tuple(parcels), tuple(sorted(void)))


def _albums(waiting: list[tuple[int, PushWaiting]], albums: Mapping[int, int]) -> list[Parcel]:
    """Messages of a chat in order, those of one album together; a message that stands there twice is sent once."""
    found: list[Parcel] = []
    at: dict[int, int] = {}
    seen: dict[int, int] = {}
    for number, item in waiting:
        if item.msg_id in seen:
            before = found[seen[item.msg_id]]
            found[seen[item.msg_id]] = Parcel((*before.numbers, number), before.item, before.more)
            continue
        of = albums[number]
        if of and of in at:
            before = found[at[of]]
            found[at[of]] = Parcel((*before.numbers, number), before.item, (*before.more, item))
        else:
            if of:
                at[of] = len(found)
            found.append(Parcel((number,), item))
        seen[item.msg_id] = at[of] if of else len(found) - 1
    return found
