"""The marks by which a repeated send is known (SENT rows): they go when no client can still repeat what they stand for.

A client repeats a send it has no answer to as long as it runs; after a month offline it shows the message as failed.
Marks are in no order of time, so a slot's are walked as a whole, in another thread, on a snapshot of its own.
"""

from __future__ import annotations

import asyncio

from tgserve import limits
from tgserve.clock import Clock
from tgserve.store.keyspaces import SENT
from tgserve.store.shards import Store
from tgserve.store.transaction import Reader, Txn

MARKS_AT_ONCE = 256
"""Deleted in one transaction."""
MARKS_A_LOOK = 20_000
"""Deleted at one look at a slot; the next look takes more."""

Mark = tuple[int, int]
"""(sender or channel, random_id as it is marked)"""


def date_of(mark: bytes) -> int:
    """When the message was sent: the last of msg_id, pts, date."""
    return int.from_bytes(mark[8:12], "big")


class Repeats:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def sweep(self, slot: int) -> int:
        """Delete a slot's old marks; how many."""
        before = int(self._clock.now()) - limits.SENT_KEPT_SECONDS
        loop = asyncio.get_running_loop()
        old = await loop.run_in_executor(None, self._old, slot, before)
        for start in range(0, len(old), MARKS_AT_ONCE):
            some = old[start : start + MARKS_AT_ONCE]

            def drop(txn: Txn, some: list[Mark] = some) -> None:
                for sender, random_id in some:
                    mark = txn.get(SENT, sender, random_id)
                    if mark is not None and date_of(mark) < before:
                        txn.delete(SENT, sender, random_id)

            await self._store.transact(slot, drop)
        return len(old)

    def _old(self, slot: int, before: int) -> list[Mark]:
        """In another thread."""
        snapshot = self._store.snapshot_of(slot)
        try:
            old: list[Mark] = []
            for key, mark in Reader(slot, snapshot).range(SENT):
                if date_of(mark) < before:
                    old.append((key[0], key[1]))
                    if len(old) >= MARKS_A_LOOK:
                        break
            return old
        finally:
            snapshot.close()
