"""What must happen at a time: rows in the owners' slots, and a heap of them in memory, read from the rows at a start.

An alarm is written and dropped inside its owner's transactions. Handlers may be told of one twice, or of one that is
void by now: they look at what it is about first.
"""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from tgserve import log
from tgserve.clock import Clock
from tgserve.errors import RpcError, StoreError
from tgserve.services.presence import Presence
from tgserve.store.keyspaces import DUE
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS
from tgserve.store.transaction import Txn

SEND: Final = 1
"""A scheduled message; its number."""
EXPIRE: Final = 2
"""A message of the owner's whose life is over; its id."""
LOOKED: Final = 9
"""Media for one look that were opened; the message's id."""
CLEAR: Final = 11
"""What is left of a channel that is over goes, a slice at a time."""
LIFT: Final = 12
"""A restriction or removal in a channel has run out; the low 32 bits of whose (the peer is he)."""
WHEN_ONLINE: Final = 0x7FFFFFFE
"""As the time of an alarm: when the other one in the chat comes online."""
TURN_SECONDS: Final = 1.0
AT_ONCE: Final = 500
"""Alarms of one turn: the rest is later in the next one."""
AGAIN_SECONDS: Final = 30
"""A handler that failed (the disk is full) is asked again then."""

_log = log.get("alarms")

Due = tuple[int, int, int]
"""(when, peer, number) of an alarm."""
Handler = Callable[[int, list[Due]], Awaitable[None]]


class AlarmSet(Struct, frozen=True, gc=False):
    """Published with the commit that wrote it."""

    when: int
    kind: int
    user: int
    peer: int
    number: int


def set_alarm(txn: Txn, user: int, when: int, kind: int, peer: int, number: int) -> None:
    """Have the handler of `kind` told at `when` (Unix seconds); `user` owns the slot of `txn`."""
    when = min(when, WHEN_ONLINE)
    txn.put(DUE, user, when, kind, number, value=peer.to_bytes(8, "big", signed=True))
    txn.publish(AlarmSet(when, kind, user, peer, number))


def drop_alarm(txn: Txn, user: int, when: int, kind: int, number: int) -> None:
    """It has been seen to, or is not wanted any more."""
    txn.delete(DUE, user, min(when, WHEN_ONLINE), kind, number)


class Alarms:
    def __init__(self, store: Store, clock: Clock, presence: Presence) -> None:
        self._store = store
        self._clock = clock
        self._presence = presence
        self._handlers: dict[int, Handler] = {}
        self._meets: dict[int, Callable[[int, int, int], None]] = {}
        self._heap: list[tuple[int, int, int, Due]] = []
        """(when to look, kind, user, alarm)."""
        self._online: dict[int, set[tuple[int, int, int]]] = {}
        """Peer whose coming is waited for -> (kind, user, number)."""
        self._read = False

    def on(self, kind: int, handler: Handler, met: Callable[[int, int, int], None] | None = None) -> None:
        """`handler(user, [(when, peer, number)...])` sees to what is due and drops the alarms. `met(user, peer,
        number)` is called for those that are found at the start."""
        self._handlers[kind] = handler
        if met is not None:
            self._meets[kind] = met

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber."""
        for item in batch:
            if type(item) is AlarmSet:
                self._take(item.when, item.kind, item.user, item.peer, item.number)

    def _take(self, when: int, kind: int, user: int, peer: int, number: int) -> None:
        if when >= WHEN_ONLINE:
            self._online.setdefault(peer, set()).add((kind, user, number))
        else:
            heapq.heappush(self._heap, (when, kind, user, (when, peer, number)))

    def _read_all(self) -> None:
        met: list[tuple[int, int, int, int]] = []
        for slot in range(SLOTS):
            with self._store.read(slot) as reader:
                for (user, when, kind, number), value in reader.range(DUE):
                    peer = int.from_bytes(value, "big", signed=True)
                    self._take(when, kind, user, peer, number)
                    if kind in self._meets:
                        met.append((kind, user, peer, number))
        for kind, user, peer, number in met:
            self._meets[kind](user, peer, number)

    async def turn(self) -> None:
        """See to everything that is due."""
        if not self._read:
            self._read = True
            self._read_all()
        now = int(self._clock.now())
        due: dict[tuple[int, int], list[Due]] = {}
        for _ in range(AT_ONCE):
            if not self._heap or self._heap[0][0] > now:
                break
            _, kind, user, alarm = heapq.heappop(self._heap)
            due.setdefault((kind, user), []).append(alarm)
        for peer in [peer for peer in self._online if self._presence.status(peer).online]:
            for kind, user, number in self._online.pop(peer):
                due.setdefault((kind, user), []).append((WHEN_ONLINE, peer, number))
        for (kind, user), items in due.items():
            try:
                await self._handlers[kind](user, items)
            except (StoreError, RpcError) as fault:
                _log.error("alarms.handler", exc=fault, kind=kind, user=user)
                for alarm in items:
                    heapq.heappush(self._heap, (now + AGAIN_SECONDS, kind, user, alarm))
