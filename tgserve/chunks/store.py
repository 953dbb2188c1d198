"""Chunks: put and get of content. The order of writing is DISK.md 11: packs durable, then the row, then the answer.

All calls on the loop; hashing, compressing, sealing and reading run in worker threads, appends in each disk's own.
Known content goes the same way to the end (hashed, compressed, sealed, written as a shadow, flushed, committed), so
that the time of a put does not tell whether somebody else has the file (SECURITY 6.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from tgserve import limits, log, metrics
from tgserve.chunks import placement
from tgserve.chunks.backend import Backend, DiskFault, DiskFull, Identity, Place
from tgserve.chunks.cache import Cache
from tgserve.chunks.coding import Coder
from tgserve.chunks.disk import Disk
from tgserve.chunks.local import LocalDisk
from tgserve.chunks.memory import MemoryDisk
from tgserve.chunks.refs import Counting
from tgserve.chunks.settings import Settings
from tgserve.clock import Clock
from tgserve.errors import ChunkLost, StoreError, StoreFull
from tgserve.ids import Ids
from tgserve.store import chunk_records as c
from tgserve.store.format import read_format
from tgserve.store.keyspaces import CHUNK_DISKS, CHUNKS, CHUNKS_LOOSE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

T = TypeVar("T")

WORKERS = 4
PUTS_AT_ONCE = 256
"""Each holds its content twice while it is on its way: 256 MiB at most; others wait."""
DOUBTFUL = 10_000
FIRST_DISK = "chunks/disk-1"
"""Where chunks go when nobody has said anything."""

_log = log.get("chunks")
_put_total = metrics.counter("tgserve_chunk_put_total", "chunks put")
_put_bytes = metrics.counter("tgserve_chunk_put_bytes_total", "bytes of content put")
_known_total = metrics.counter("tgserve_chunk_known_total", "chunks put that were there already")
_get_total = metrics.counter("tgserve_chunk_get_total", "chunks read from a disk")
_bad_total = metrics.counter(
    "tgserve_chunk_bad_copies_total", "copies that could not be read or were not the content"
)
_lost_total = metrics.counter("tgserve_chunk_lost_total", "reads of chunks without a good copy")
_refused_total = metrics.counter(
    "tgserve_chunk_refused_total", "puts refused: no room, or too few good disks"
)


class Chunks:
    """`backends` opens the disk of a row (tests give their own). Construct before store.start(), `start` after it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        secret: bytes,
        settings: Settings | None = None,
        *,
        backends: Callable[[c.ChunkDisk], Backend] | None = None,
        threaded: bool = True,
    ) -> None:
        self.store = store
        self.clock = clock
        self.ids = ids
        self.settings = settings or Settings()
        self.coder = Coder(secret, self.settings.seal, ids.random_bytes)
        self.cache = Cache(self.settings.cache_bytes)
        self.disks: dict[int, Disk] = {}
        self.counting = Counting(store, clock)
        self.backends = backends or self._backend
        self.server = ""
        self.keeping = 0
        """Somebody reads places of an earlier moment: no pack may be removed."""
        self._threaded = threaded
        self._pool: ThreadPoolExecutor | None = None
        self._turns = asyncio.Semaphore(PUTS_AT_ONCE)
        self._writing: dict[bytes, asyncio.Future[None]] = {}
        self._reading: dict[bytes, asyncio.Future[bytes | None]] = {}
        self._memory: dict[int, MemoryDisk] = {}
        self.doubtful: dict[bytes, None] = {}
        """Chunks with a copy that was bad, or whose copies a repeated put relied on unread: the keeper looks."""
        if self.settings.root is None and backends is None:
            self._memory_disk()

    async def start(self) -> None:
        """Open the disks of the table; the first start makes DIR/chunks/disk-1. A disk that is not well is no reason
        not to start."""
        if self._threaded:
            self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="chunks")
        found = read_format(self.store.path)
        self.server = found.store if found is not None else ""
        with self.store.read(slot_of(c.DISKS_OWNER)) as reader:
            table = [row for _, row in reader.range(CHUNK_DISKS, c.DISKS_OWNER)]
        rows = [row for row in table if row.state != c.DISK_REMOVED]
        if not rows and not self.disks:
            rows = [await self.enter_disk(FIRST_DISK)]
        for row in rows:
            if row.number not in self.disks:
                await self.attach(row)

    async def close(self) -> None:
        for disk in self.disks.values():
            await disk.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _memory_disk(self) -> None:
        """Without a folder nothing needs a start: one disk in memory is there at once."""
        row = c.ChunkDisk(1, "memory", "")
        disk = self.disks[1] = Disk(row, self.backends(row), "", threaded=False)
        disk.backend.found(disk.identity)
        disk.well()

    # Content.

    async def put(self, data: bytes) -> bytes:
        """Keep 1..524288 bytes; the chunk's id (32 bytes) once it is durable on `copies` disks and in the store.

        Protected from the collector for the grace period, or as long as somebody holds it. StoreFull: nothing was
        kept, as there is no room or not enough disks are well."""
        if not 1 <= len(data) <= limits.CHUNK_BYTES:
            raise ValueError(f"{len(data)} bytes are no chunk")
        async with self._turns:
            chunk_id = await self._put(data)
        _put_total.inc()
        _put_bytes.inc(len(data))
        self.cache.put(chunk_id, data)
        return chunk_id

    async def _put(self, data: bytes) -> bytes:
        chunk_id, record = await self.off(self.coder.encode, data)
        slot = slot_of(chunk_id)
        while True:
            first = self._writing.get(chunk_id)
            with self.store.read(slot) as reader:
                row = reader.get(CHUNKS, chunk_id)
            if first is not None or (row is not None and self._enough(row)):
                await self._write_shadow(chunk_id, record)
                if first is not None:
                    await asyncio.shield(first)
                copies: list[c.Copy] = []
            else:
                self._writing[chunk_id] = mine = asyncio.get_running_loop().create_future()
                try:
                    copies = await self._write(chunk_id, record, row)
                    if await self._enter(slot, chunk_id, len(data), copies):
                        return chunk_id
                finally:
                    del self._writing[chunk_id]
                    mine.set_result(None)
                continue
            if await self._enter(slot, chunk_id, len(data), copies):
                _known_total.inc()
                self.doubt(chunk_id)
                return chunk_id

    async def get(self, chunk_id: bytes) -> bytes:
        """The content. A copy that is bad is passed over and healed. ChunkLost: no copy is good, or no such chunk."""
        while True:
            data = self.cache.get(chunk_id)
            if data is not None:
                return data
            first = self._reading.get(chunk_id)
            if first is None:
                break
            data = await asyncio.shield(first)
            if data is not None:
                return data
        self._reading[chunk_id] = mine = asyncio.get_running_loop().create_future()
        data = None
        try:
            data = await self._fetch(chunk_id)
            self.cache.put(chunk_id, data)
            return data
        finally:
            del self._reading[chunk_id]
            mine.set_result(data)

    def doubt(self, chunk_id: bytes) -> None:
        """Let the keeper look at the copies of this chunk."""
        if len(self.doubtful) < DOUBTFUL:
            self.doubtful[chunk_id] = None

    def get_now(self, chunk_id: bytes) -> bytes | None:
        """The content if it is in memory."""
        return self.cache.get(chunk_id)

    # Disks.

    @property
    def copies(self) -> int:
        """Wanted of each chunk."""
        active = sum(disk.row.state == c.DISK_ACTIVE for disk in self.disks.values())
        return self.settings.copies or min(2, max(1, active))

    @property
    def least_copies(self) -> int:
        return min(self.settings.least_copies or self.copies, self.copies)

    async def enter_disk(self, path: str, weight: int = 100) -> c.ChunkDisk:
        """Make the folder a disk and put it into the table. DiskForeign when it is not empty."""
        with self.store.read(slot_of(c.DISKS_OWNER)) as reader:
            last = reader.last(CHUNK_DISKS, c.DISKS_OWNER)
        number = max(last[0][1] if last else 0, max(self.disks, default=0)) + 1
        row = c.ChunkDisk(number, self.ids.random_bytes(8).hex(), path, weight, added=int(self.clock.now()))
        backend = self.backends(row)
        there = await self.off(backend.identity)
        if there is not None and there.server == self.server and there.number not in self.disks:
            # A disk of ours that was removed, or that the table has lost: it comes back as what it was.
            number, row = there.number, replace(row, number=there.number, disk=there.disk)
        else:
            await self.off(backend.found, Identity(self.server, row.disk, number))

        def enter(txn: Txn) -> None:
            txn.put(CHUNK_DISKS, c.DISKS_OWNER, number, value=row)

        await self.store.transact(slot_of(c.DISKS_OWNER), enter)
        return row

    async def change_disk(self, number: int, **changes: Any) -> None:
        """Change the line of a disk of the table (weight, state)."""

        def change(txn: Txn) -> None:
            row = txn.get(CHUNK_DISKS, c.DISKS_OWNER, number)
            if row is not None:
                txn.put(CHUNK_DISKS, c.DISKS_OWNER, number, value=replace(row, **changes))

        await self.store.transact(slot_of(c.DISKS_OWNER), change)
        disk = self.disks[number]
        disk.row = replace(disk.row, **changes)

    async def detach(self, number: int) -> None:
        """Take a disk out of the table; its folder is left as it is. Its number is never given again."""
        await self.change_disk(number, state=c.DISK_REMOVED)
        await self.disks.pop(number).close()

    async def attach(self, row: c.ChunkDisk) -> Disk:
        """Take a disk of the table into use."""
        disk = Disk(row, self.backends(row), self.server, self._threaded)
        self.disks[row.number] = disk
        await disk.start()
        return disk

    @contextmanager
    def keep_packs(self) -> Iterator[None]:
        """Until the end of the with statement every place that a row names now can be read, whatever becomes of the row
        (DISK.md D5): for backups."""
        self.keeping += 1
        try:
            yield
        finally:
            self.keeping -= 1

    # For what heals, moves and collects as well.

    async def off(self, fn: Callable[..., T], *arguments: Any) -> T:
        """fn in a worker thread."""
        if self._pool is None:
            return fn(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(fn, *arguments))

    def _backend(self, row: c.ChunkDisk) -> Backend:
        settings = self.settings
        if settings.root is None:
            return self._memory.setdefault(row.number, MemoryDisk())
        return LocalDisk(settings.root / row.path, settings.pack_bytes, settings.reserve_bytes)

    def good(self, copies: Iterable[c.Copy]) -> list[tuple[Disk, c.Copy]]:
        """Copies on disks that can be read."""
        found = []
        for copy in copies:
            disk = self.disks.get(copy.disk)
            if disk is not None and disk.readable:
                found.append((disk, copy))
        return found

    def _enough(self, row: c.Chunk) -> bool:
        return len(self.good(row.copies)) >= self.least_copies

    async def _write(self, chunk_id: bytes, record: bytes, row: c.Chunk | None) -> list[c.Copy]:
        """W1: durable on as many disks as are missing. The places stay pinned until `_enter`."""
        have = {disk.number for disk, _ in self.good(row.copies)} if row is not None else set()
        wanted = self.copies - len(have)
        rest = placement.order(
            chunk_id, [disk for disk in self.disks.values() if disk.writable and disk.number not in have]
        )
        done: list[c.Copy] = []
        try:
            while wanted > len(done) and rest:
                rest = [disk for disk in rest if disk.writable]
                now, rest = rest[: wanted - len(done)], rest[wanted - len(done) :]
                for disk, future in [(disk, disk.append(record)) for disk in now]:
                    try:
                        done.append(c.Copy(disk.number, *(await future)))
                    except (DiskFull, DiskFault) as fault:
                        _log.warning("chunk.append", disk=disk.number, reason=str(fault))
            if len(done) + len(have) < self.least_copies:
                _refused_total.inc()
                raise StoreFull(
                    f"{len(done) + len(have)} of {self.least_copies} copies could be written: no room, or disks fail"
                )
        except BaseException:
            self.unpin(done)
            raise
        return done

    async def _write_shadow(self, chunk_id: bytes, record: bytes) -> None:
        """The time that writing takes, without the writing's result."""
        disks = placement.order(chunk_id, [disk for disk in self.disks.values() if disk.writable])
        for future in [disk.append(record, shadow=True) for disk in disks[: self.copies]]:
            try:
                await future
            except (DiskFull, DiskFault) as fault:
                _log.warning("chunk.append", reason=str(fault))

    async def _enter(self, slot: int, chunk_id: bytes, size: int, copies: list[c.Copy]) -> bool:
        """W2. False: the chunk was collected meanwhile, and there is nothing of ours to enter."""
        now = int(self.clock.now())
        disks = {number for number, disk in self.disks.items() if disk.readable}
        commit = self.store.transact(slot, partial(enter_chunk, chunk_id, size, tuple(copies), disks, now))
        if copies:
            commit.on_done(lambda _: self.unpin(copies))
        return await commit

    def unpin(self, copies: Iterable[c.Copy]) -> None:
        for copy in copies:
            disk = self.disks.get(copy.disk)
            if disk is not None:
                disk.unpin(copy.pack)

    async def _fetch(self, chunk_id: bytes) -> bytes:
        slot = slot_of(chunk_id)
        seen: tuple[c.Copy, ...] | None = None
        while True:
            with self.store.read(slot) as reader:
                row = reader.get(CHUNKS, chunk_id)
            if row is None or row.copies == seen:
                _lost_total.inc()
                raise ChunkLost(
                    f"chunk {chunk_id.hex()[:16]}: " + ("no such chunk" if row is None else "no good copy")
                )
            seen = row.copies
            for disk, copy in self.good(seen):
                try:
                    data = await self.off(self.read, disk, copy, chunk_id)
                except StoreError as fault:
                    _bad_total.inc()
                    self.doubt(chunk_id)
                    _log.error(
                        "chunk.bad_copy", chunk=chunk_id.hex()[:16], disk=disk.number, reason=str(fault)
                    )
                    continue
                _get_total.inc()
                return data

    def read(self, disk: Disk, copy: c.Copy, chunk_id: bytes) -> bytes:
        """In a worker thread."""
        return self.coder.decode(chunk_id, disk.backend.read(copy.pack, copy.offset, copy.length))


def enter_chunk(
    chunk_id: bytes, size: int, copies: tuple[c.Copy, ...], disks: set[int], now: int, txn: Txn
) -> bool:
    """The row of a put: its time is now; copies on `disks` (those that can be read) are kept, new ones are added."""
    row = txn.get(CHUNKS, chunk_id)
    if row is None:
        if not copies:
            return False
        txn.put(CHUNKS_LOOSE, now, chunk_id, value=b"")
        txn.put(CHUNKS, chunk_id, value=c.Chunk(size, 0, now, copies))
        return True
    if not copies and not any(copy.disk in disks for copy in row.copies):
        return False
    known = {copy.disk for copy in row.copies}
    merged = row.copies + tuple(copy for copy in copies if copy.disk not in known)
    if not row.refs and row.since != now:
        txn.delete(CHUNKS_LOOSE, row.since, chunk_id)
        txn.put(CHUNKS_LOOSE, now, chunk_id, value=b"")
    txn.put(CHUNKS, chunk_id, value=replace(row, size=size, since=now, copies=merged))
    return True


__all__ = ["Chunks", "Place", "Settings"]
