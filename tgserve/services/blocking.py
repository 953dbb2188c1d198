"""Who has blocked whom, answered from memory: asked at every send, changed once in a blue moon."""

from __future__ import annotations

from typing import Any

from tgserve.services.bus import Bus
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import BLOCKED
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

OWNERS_KEPT = 50_000
NOBODY: frozenset[int] = frozenset()


class Blocks:
    """Block lists by owner, loaded at first use, dropped when the bus tells of a change."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._lists: dict[int, frozenset[int]] = {}
        bus.subscribe(self._committed, but_messages=True)

    def has_blocked(self, owner: int, peer: int) -> bool:
        """Has `owner` blocked `peer`?"""
        listed = self._lists.get(owner)
        if listed is None:
            listed = self._load(owner)
        return peer in listed

    def between(self, one: int, other: int) -> bool:
        """Has one of them blocked the other?"""
        lists = self._lists
        if one in lists and other in lists:
            return other in lists[one] or one in lists[other]
        return self.has_blocked(one, other) or self.has_blocked(other, one)

    def _load(self, owner: int) -> frozenset[int]:
        if len(self._lists) >= OWNERS_KEPT:
            self._lists.clear()
        with self._store.read(slot_of(owner)) as reader:
            listed = frozenset(key[1] for key, _ in reader.range(BLOCKED, owner)) or NOBODY
        self._lists[owner] = listed
        return listed

    def _committed(self, batch: list[Any]) -> None:
        for item in batch:
            if type(item) is Published and type(item.event) is ev.PeerBlocked:
                self._lists.pop(item.user_id, None)
