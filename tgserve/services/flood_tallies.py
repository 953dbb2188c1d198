"""Counts that survive a restart: so many of something in a window, else so many seconds to wait (SECURITY 5.2, 5.3).

A tally lives in the slot of what is counted, so that counting shares the transaction with what it guards wherever
both have the same owner; otherwise `Tallies.count` is a transaction of its own.
"""

from __future__ import annotations

from tgserve.clock import Clock
from tgserve.store import records as r
from tgserve.store.keyspaces import TALLIES
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn


def waiting(txn: Txn, name: str, most: int, seconds: int, now: int) -> int:
    """Seconds until the tally has room again; 0 when it has room now. Counts nothing."""
    tally = txn.get(TALLIES, name)
    if tally is None or now - tally.since >= seconds or tally.count < most:
        return 0
    return max(1, tally.since + seconds - now)


def count(txn: Txn, name: str, most: int, seconds: int, now: int, by: int = 1) -> int:
    """Count `by` when there is room and return 0, else count nothing and return the seconds to wait."""
    tally = txn.get(TALLIES, name)
    if tally is None or now - tally.since >= seconds or now < tally.since:
        tally = r.Tally(count=0, since=now)
    if tally.count + by > most:
        return max(1, tally.since + seconds - now)
    txn.put(TALLIES, name, value=r.Tally(count=tally.count + by, since=tally.since))
    return 0


class Tallies:
    """Tallies that guard something in another slot."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def count(self, name: str, most: int, seconds: int, by: int = 1) -> int:
        """As count(), durable when it returns."""
        now = int(self._clock.now())
        return await self._store.transact(slot_of(name), lambda txn: count(txn, name, most, seconds, now, by))
