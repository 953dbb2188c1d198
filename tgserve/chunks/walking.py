"""All rows of chunks, in pages, between which the loop goes on; and the pace of work that has time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tgserve.store import chunk_records as c
from tgserve.store.keyspaces import CHUNKS
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS

PAGE_ROWS = 200
"""Read in one go on the loop: some 0.4 ms."""

Page = list[tuple[bytes, c.Chunk]]


async def walk_slot(store: Store, slot: int) -> AsyncIterator[Page]:
    """A slot's chunks by id. What is put meanwhile may be seen or not; what is there all the time is seen."""
    after: bytes | None = None
    while True:
        with store.read(slot) as reader:
            page = [(key[0], row) for key, row in reader.range(CHUNKS, lo=after, limit=PAGE_ROWS)]
        if page:
            yield page
        await asyncio.sleep(0)
        if len(page) < PAGE_ROWS:
            return
        after = page[-1][0] + b"\0"


async def walk_all(store: Store) -> AsyncIterator[Page]:
    for slot in range(SLOTS):
        async for page in walk_slot(store, slot):
            yield page


class Pace:
    """`rate`: bytes a second, 0 = no limit. `spend` waits until what was spent before is paid for."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._free_at = 0.0

    async def spend(self, count: int) -> None:
        if not self.rate:
            return
        now = asyncio.get_running_loop().time()
        wait = self._free_at - now
        self._free_at = max(now, self._free_at) + count / self.rate
        if wait > 0:
            await asyncio.sleep(wait)
