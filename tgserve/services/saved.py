"""Chats inside Saved Messages that are pinned: origins in their order, a setting of the account."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.messaging import Origin
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import USER_SETTINGS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

NAME = "saved_pins"


class Saved:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def pins(self, me: int) -> list[int]:
        """Pinned origins from the top."""
        with self._store.read(slot_of(me)) as reader:
            return _read(reader, me)

    def pin(self, me: int, peer: int, pinned: bool, *, origin: Origin = None) -> Commit[None]:
        """On top, or pinned no more. The commit raises PINNED_DIALOGS_TOO_MUCH."""

        def change(was: list[int]) -> list[int]:
            rest = [one for one in was if one != peer]
            return [peer, *rest] if pinned and peer not in was else was if pinned else rest

        return self._change(me, change, ev.SavedPinned(peer, pinned), origin)

    def reorder(self, me: int, peers: Sequence[int], *, force: bool, origin: Origin = None) -> Commit[None]:
        """This order; those not named come after them, or with `force` are pinned no more."""
        named = list(dict.fromkeys(peers))

        def change(was: list[int]) -> list[int]:
            if force:
                return named
            return [one for one in named if one in was] + [one for one in was if one not in named]

        return self._change(me, change, ev.SavedOrder(tuple(named)), origin)

    def _change(
        self, me: int, change: Callable[[list[int]], list[int]], event: ev.AnyEvent, origin: Origin
    ) -> Commit[None]:
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            was = _read(txn, me)
            made = change(was)
            if made == was:
                return
            if len(made) > limits.PINNED_DIALOGS:
                raise errors.PINNED_DIALOGS_TOO_MUCH()
            if made:
                txn.put(USER_SETTINGS, me, NAME, value=",".join(map(str, made)).encode())
            else:
                txn.delete(USER_SETTINGS, me, NAME)
            eventlog.append(txn, me, event, now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)


def _read(reader: Reader, me: int) -> list[int]:
    stored = reader.get(USER_SETTINGS, me, NAME)
    return [int(one) for one in stored.split(b",")] if stored else []
