"""Chunks over some disks, for tests: a store, a keeper, a clock that is set by hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tgserve.chunks import collecting, refs
from tgserve.chunks.backend import Backend
from tgserve.chunks.check import ChunkReport, Sight, check_chunks
from tgserve.chunks.keeper import Job, Keeper, Kind
from tgserve.chunks.mending import Mender
from tgserve.chunks.settings import Settings
from tgserve.chunks.store import Chunks
from tgserve.ids import Ids
from tgserve.store import chunk_records as c
from tgserve.store.check import check_store
from tgserve.store.keyspaces import CHUNKS
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS, slot_of
from tgserve.testing.clock import FakeClock

SECRET = bytes(range(32))
HOLDER = 5
"""The slot of whoever holds chunks in tests."""


@dataclass
class Yard:
    path: Path
    store: Store
    chunks: Chunks
    keeper: Keeper
    clock: FakeClock
    held: Counter[bytes] = field(default_factory=Counter)

    async def hold(self, *ids: bytes) -> None:
        await self.store.transact(HOLDER, lambda txn: refs.hold(txn, ids))
        self.held.update(ids)

    async def drop(self, *ids: bytes) -> None:
        await self.store.transact(HOLDER, lambda txn: refs.drop(txn, ids))
        self.held.subtract(ids)

    async def kept(self, data: bytes) -> bytes:
        """Put and held."""
        chunk_id = await self.chunks.put(data)
        await self.hold(chunk_id)
        return chunk_id

    async def read(self, chunk_id: bytes) -> bytes:
        """From a disk, not from memory."""
        self.chunks.cache.forget(chunk_id)
        return await self.chunks.get(chunk_id)

    async def row(self, chunk_id: bytes) -> c.Chunk | None:
        await self.store.settled()
        with self.store.read(slot_of(chunk_id)) as reader:
            return reader.get(CHUNKS, chunk_id)

    async def places(self, chunk_id: bytes) -> tuple[c.Copy, ...]:
        row = await self.row(chunk_id)
        assert row is not None
        return row.copies

    async def mend(self, chunk_id: bytes) -> None:
        row = await self.row(chunk_id)
        assert row is not None
        await Mender(self.chunks).mend(chunk_id, row, verify=True)

    async def job(self, kind: Kind, disk: int = 0) -> Job:
        """Do a job now."""
        job = self.keeper.ask(kind, disk)
        self.keeper.jobs.remove(job)
        await self.keeper._run(job)
        assert job.state == "done", job.fault
        return job

    async def later(self, seconds: float) -> int:
        """Time goes on, the collector runs; how many went."""
        self.clock.advance(seconds)
        return await collecting.collect(self.chunks)

    def pack_file(self, copy: c.Copy) -> Path:
        return self.path / self.chunks.disks[copy.disk].row.path / "packs" / f"{copy.pack:010}.pack"

    def flip(self, copy: c.Copy, at: int = 60) -> None:
        """One bit of a copy."""
        with self.pack_file(copy).open("r+b") as file:
            file.seek(copy.offset + min(at, copy.length - 1))
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 4]))

    async def check(self, deep: bool = True, holders: bool = True) -> ChunkReport:
        await self.store.settled()
        cut = self.store.cut() if not self.store._threaded else await asyncio.to_thread(self.store.cut)
        with cut:
            readers = [cut.reader(slot) for slot in range(SLOTS)]
            backends = {n: disk.backend for n, disk in self.chunks.disks.items() if disk.readable}
            return check_chunks(
                Sight(readers, backends, self.chunks.coder), deep, self.held if holders else None
            )

    async def sound(self) -> None:
        """Every invariant of the store and its chunks holds."""
        report = await self.check()
        assert [str(problem) for problem in report.problems] == []
        found = (
            check_store(self.store)
            if not self.store._threaded
            else await asyncio.to_thread(check_store, self.store)
        )
        # C5 is checked above, by `held`: the holders of these tests have no rows.
        assert [str(problem) for problem in found.problems if problem.rule != "C5"] == []


@asynccontextmanager
async def yard(
    path: Path,
    disks: int = 1,
    *,
    backends: Callable[[c.ChunkDisk], Backend] | None = None,
    engine: str = "lmdb",
    clock: FakeClock | None = None,
    **settings: Any,
) -> AsyncIterator[Yard]:
    """`disks` folders on the file system, unless `backends` says otherwise."""
    clock = clock or FakeClock()
    threaded = engine != "memory"
    chosen = {"root": path, "pack_bytes": 1 << 20, "cache_bytes": 1 << 20, "scrub_rate": 0, "move_rate": 0}
    store = Store(path / "store", engine=engine, secret=SECRET, clock=clock, threaded=threaded)
    chunks = Chunks(
        store, clock, Ids(), SECRET, Settings(**(chosen | settings)), backends=backends, threaded=threaded
    )
    made = Yard(path, store, chunks, Keeper(chunks), clock)
    await store.start()
    try:
        await chunks.start()
        for number in range(2, disks + 1):
            if number not in chunks.disks:
                await chunks.attach(await chunks.enter_disk(f"chunks/disk-{number}"))
        yield made
    finally:
        await chunks.close()
        await store.close()


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 500))


__all__ = ["Yard", "partial", "run", "yard"]
