"""What a user keeps in order: installed sets, recent and favourite stickers, GIFs, sounds, statuses, wallpapers.

A shelf is one row, the newest first; what falls off its end is let go. Shelves of documents hold them, so that a
sticker stays there when its set is gone. Every change is an event without pts: the user's other devices load the
shelf anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services.files.holding import drop, hold
from tgserve.services.stickers.sets import EMOJI, MASKS, REGULAR
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import SHELVES
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.sticker_records import Kept, Shelf
from tgserve.store.transaction import Txn

RECENT: Final = "recent"
ATTACHED: Final = "attached"
"""Recent stickers on photos and videos."""
FAVED: Final = "faved"
GIFS: Final = "gifs"
RINGTONES: Final = "ringtones"
STATUSES: Final = "statuses"
"""Custom emoji worn beside the name, recently."""
WALLPAPERS: Final = "wallpapers"
THEMES: Final = "themes"
SETS: Final = (REGULAR, MASKS, EMOJI)
"""Shelves of installed sets carry the name of the kind."""
LIMITS: Final = {
    REGULAR: 200,
    MASKS: 200,
    EMOJI: 200,
    RECENT: 200,
    ATTACHED: 200,
    FAVED: 5,
    GIFS: 200,
    RINGTONES: 100,
    STATUSES: 50,
    WALLPAPERS: 100,
    THEMES: 100,
}
"""How much each takes; what help.getAppConfig and help.getConfig tell clients."""
HOLDING: Final = frozenset({RECENT, ATTACHED, FAVED, GIFS, RINGTONES})
Origin = tuple[int, int] | None
_EMPTY: Final = Shelf()


class Shelves:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def of(self, me: int, shelf: str) -> tuple[Kept, ...]:
        with self._store.read(slot_of(me)) as reader:
            return (reader.get(SHELVES, me, shelf) or _EMPTY).items

    def put(self, me: int, shelf: str, number: int, *, origin: Origin = None) -> Commit[bool]:
        """To the front; what does not fit any more goes. True when anything has changed."""
        now = int(self._clock.now())

        def change(was: tuple[Kept, ...]) -> tuple[Kept, ...]:
            rest = tuple(one for one in was if one.id != number)
            return (Kept(number, now), *rest)[: LIMITS[shelf]]

        return self._change(me, shelf, change, ev.ShelfChanged(shelf), origin)

    def drop(self, me: int, shelf: str, number: int, *, origin: Origin = None) -> Commit[bool]:
        return self._change(
            me,
            shelf,
            lambda was: tuple(one for one in was if one.id != number),
            ev.ShelfChanged(shelf),
            origin,
        )

    def clear(self, me: int, shelf: str, *, origin: Origin = None) -> Commit[bool]:
        return self._change(me, shelf, lambda was: (), ev.ShelfChanged(shelf), origin)

    # -- installed sets -----------------------------------------------------------------------------------------------

    def install(
        self, me: int, kind: str, set_id: int, *, archived: bool = False, origin: Origin = None
    ) -> Commit[bool]:
        """Put a set in front, or into the archive. STICKERSETS_TOO_MUCH when the shelf is full."""
        now = int(self._clock.now())

        def change(was: tuple[Kept, ...]) -> tuple[Kept, ...]:
            rest = tuple(one for one in was if one.id != set_id)
            if len(rest) >= LIMITS[kind]:
                raise errors.STICKERSETS_TOO_MUCH()
            return (Kept(set_id, now, archived), *rest)

        event = ev.ShelfChanged(kind) if archived else ev.ShelfChanged(kind, "new", set_id)
        return self._change(me, kind, change, event, origin)

    def archive(
        self, me: int, kind: str, set_ids: Iterable[int], archived: bool, *, origin: Origin = None
    ) -> Commit[bool]:
        """Sets go into the archive or come out of it; those not installed are passed over."""
        named = set(set_ids)

        def change(was: tuple[Kept, ...]) -> tuple[Kept, ...]:
            return tuple(replace(one, archived=archived) if one.id in named else one for one in was)

        return self._change(me, kind, change, ev.ShelfChanged(kind), origin)

    def uninstall(self, me: int, kind: str, set_ids: Iterable[int], *, origin: Origin = None) -> Commit[bool]:
        named = set(set_ids)
        return self._change(
            me,
            kind,
            lambda was: tuple(one for one in was if one.id not in named),
            ev.ShelfChanged(kind),
            origin,
        )

    def reorder(self, me: int, kind: str, order: Sequence[int], *, origin: Origin = None) -> Commit[bool]:
        """Sets in this order; those not named come after them."""
        places = {set_id: place for place, set_id in reversed(list(enumerate(order)))}

        def change(was: tuple[Kept, ...]) -> tuple[Kept, ...]:
            return tuple(sorted(was, key=lambda one: places.get(one.id, len(places))))

        return self._change(me, kind, change, ev.ShelfChanged(kind, "order"), origin)

    def _change(
        self,
        me: int,
        shelf: str,
        change: Callable[[tuple[Kept, ...]], tuple[Kept, ...]],
        event: ev.ShelfChanged,
        origin: Origin,
    ) -> Commit[bool]:
        now = int(self._clock.now())

        def work(txn: Txn) -> bool:
            was = (txn.get(SHELVES, me, shelf) or _EMPTY).items
            made = change(was)
            if made == was:
                return False
            if made:
                txn.put(SHELVES, me, shelf, value=Shelf(made))
            else:
                txn.delete(SHELVES, me, shelf)
            if shelf in HOLDING:
                before, after = {one.id for one in was}, {one.id for one in made}
                hold(txn, sorted(after - before))
                drop(txn, sorted(before - after))
            eventlog.append(txn, me, event, now=now, raises=0, origin=origin)
            return True

        return self._store.transact(slot_of(me), work)


def let_go(txn: Txn, name: str, shelf: Shelf) -> None:
    """A shelf is taken away with its owner: what lay on it is held no more."""
    if name in HOLDING:
        drop(txn, [one.id for one in shelf.items])
