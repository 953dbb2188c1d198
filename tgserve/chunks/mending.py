"""Making a chunk's copies what they should be: enough of them, good, on the right disks, out of packs to be emptied.

One way for everything: a bad copy found by a read or by scrub, a disk that is away, that drains or was removed, a pack
to be emptied. New copies are durable before the row names them; the row changes in one transaction, which looks at the
row as it then is (DISK.md D4); a chunk is never left without a copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial

from msgspec.structs import replace

from tgserve import log, metrics
from tgserve.chunks import placement
from tgserve.chunks.backend import DiskFault, DiskFull, DiskMissing
from tgserve.chunks.coding import Rotten
from tgserve.chunks.disk import Disk
from tgserve.chunks.store import Chunks
from tgserve.chunks.walking import Pace, Page
from tgserve.errors import StoreError
from tgserve.store import chunk_records as c
from tgserve.store.keyspaces import CHUNKS
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

BATCH_BYTES = 4 << 20
"""Chunks mended side by side: they share flushes and commits."""
BATCH_ROWS = 64

_log = log.get("chunks")
_healed_total = metrics.counter(
    "tgserve_chunk_healed_total", "copies made anew in place of bad or missing ones"
)


@dataclass(slots=True)
class Tally:
    """What was done. `stuck`: chunks that still lack copies or still lie where they should not, for want of a disk."""

    chunks: int = 0
    bytes: int = 0
    """Read."""
    bad: int = 0
    made: int = 0
    lost: int = 0
    stuck: int = 0


@dataclass(slots=True)
class _Case:
    """A chunk's copies, sorted."""

    good: list[tuple[Disk, c.Copy]] = field(default_factory=list)
    moving: list[tuple[Disk, c.Copy]] = field(default_factory=list)
    """Good, in a pack that is to be emptied."""
    leaving: list[tuple[Disk, c.Copy]] = field(default_factory=list)
    """Good, on a disk that drains."""
    bad: list[tuple[Disk, c.Copy]] = field(default_factory=list)
    away: list[c.Copy] = field(default_factory=list)
    gone: list[c.Copy] = field(default_factory=list)
    """On disks that were removed."""


class Mender:
    def __init__(self, chunks: Chunks, tally: Tally | None = None) -> None:
        self._chunks = chunks
        self.tally = tally or Tally()

    async def mend_page(
        self,
        page: Page,
        *,
        verify: bool,
        emptying: Collection[tuple[int, int]] = (),
        pace: Pace | None = None,
    ) -> None:
        """Mend the chunks of a page that need it, some side by side."""
        batch: list[tuple[bytes, c.Chunk]] = []
        size = 0
        for chunk_id, row in page:
            self.tally.chunks += 1
            if not verify and not self._needs(row, emptying):
                continue
            batch.append((chunk_id, row))
            size += sum(copy.length for copy in row.copies)
            if size >= BATCH_BYTES or len(batch) >= BATCH_ROWS:
                await self._batch(batch, size, verify, emptying, pace)
                batch, size = [], 0
        if batch:
            await self._batch(batch, size, verify, emptying, pace)

    async def mend(
        self, chunk_id: bytes, row: c.Chunk, *, verify: bool, emptying: Collection[tuple[int, int]] = ()
    ) -> None:
        """Mend one chunk, given its row as it was a moment ago."""
        chunks = self._chunks
        case, record = await self._look(chunk_id, row, verify, emptying)
        wanted = chunks.copies
        whole = len(case.good) >= wanted and not (case.bad or case.moving or case.leaving or case.gone)
        if whole and not (verify and len(case.good) > wanted):
            return
        if record is None:
            record = await self._source(chunk_id, case)
        if record is None:
            if row.refs and not case.away:
                self.tally.lost += 1
                _log.error("chunk.lost", chunk=chunk_id.hex()[:16])
            elif row.refs:
                self.tally.stuck += 1
            return
        added: list[c.Copy] = []
        try:
            await self._again(record, case, added)
            await self._more(chunk_id, record, case, added, wanted)
            settled = len(case.good) + len(added)
            removed = [copy for _, copy in case.bad] if settled or case.moving or case.leaving else []
            if settled:
                removed += case.gone
            if settled >= wanted:
                removed += [copy for _, copy in case.leaving]
            else:
                self.tally.stuck += 1
            moved = {copy.disk for copy in added}
            removed += [copy for _, copy in case.moving if copy.disk in moved]
            if verify and not case.away:
                removed += self._surplus(chunk_id, case, len(added), wanted)
            if added or removed:
                change = partial(change_copies, chunk_id, frozenset(removed), tuple(added))
                commit = chunks.store.transact(slot_of(chunk_id), change)
                pinned, added = added, []
                commit.on_done(lambda _: chunks.unpin(pinned))
                await commit
                self.tally.made += len(pinned)
                _healed_total.inc(len(pinned))
        finally:
            chunks.unpin(added)

    # Inside.

    async def _batch(
        self,
        batch: Page,
        size: int,
        verify: bool,
        emptying: Collection[tuple[int, int]],
        pace: Pace | None,
    ) -> None:
        if pace is not None:
            await pace.spend(size)
        self.tally.bytes += size
        await asyncio.gather(
            *(self.mend(chunk_id, row, verify=verify, emptying=emptying) for chunk_id, row in batch)
        )

    def _needs(self, row: c.Chunk, emptying: Collection[tuple[int, int]]) -> bool:
        disks = self._chunks.disks
        good = 0
        for copy in row.copies:
            disk = disks.get(copy.disk)
            if disk is None or (copy.disk, copy.pack) in emptying or disk.row.state != c.DISK_ACTIVE:
                return True
            good += disk.readable
        return good < self._chunks.copies

    async def _look(
        self, chunk_id: bytes, row: c.Chunk, verify: bool, emptying: Collection[tuple[int, int]]
    ) -> tuple[_Case, bytes | None]:
        """Sort the copies; with `verify` each is read, and one good record is returned."""
        case = _Case()
        record: bytes | None = None
        for copy in row.copies:
            disk = self._chunks.disks.get(copy.disk)
            if disk is None:
                case.gone.append(copy)
                continue
            if not disk.readable:
                case.away.append(copy)
                continue
            if verify:
                try:
                    record = await self._chunks.off(self._record, disk, copy, chunk_id)
                except (Rotten, DiskMissing) as fault:
                    await self._doubt(disk, copy, fault, case)
                    continue
                except DiskFault as fault:
                    case.bad.append((disk, copy))
                    self._note_bad(disk, chunk_id, fault)
                    continue
            if disk.row.state == c.DISK_DRAINING:
                case.leaving.append((disk, copy))
            elif (copy.disk, copy.pack) in emptying:
                case.moving.append((disk, copy))
            else:
                case.good.append((disk, copy))
        return case, record

    async def _doubt(self, disk: Disk, copy: c.Copy, fault: StoreError, case: _Case) -> None:
        """A record that is not there: is it rotten, or was the disk pulled this moment?"""
        backend = disk.backend
        try:
            await disk.run(lambda: backend.probe(False))
        except StoreError as worse:
            disk.suffered(worse)
            case.away.append(copy)
        else:
            case.bad.append((disk, copy))
            self._note_bad(disk, b"", fault)

    def _note_bad(self, disk: Disk, chunk_id: bytes, fault: StoreError) -> None:
        self.tally.bad += 1
        disk.bad_copies += 1
        _log.error("chunk.bad_copy", disk=disk.number, chunk=chunk_id.hex()[:16], reason=str(fault))

    async def _source(self, chunk_id: bytes, case: _Case) -> bytes | None:
        """A good record, from any copy, or from memory."""
        for kind in (case.good, case.moving, case.leaving):
            for disk, copy in list(kind):
                try:
                    return await self._chunks.off(self._record, disk, copy, chunk_id)
                except StoreError as fault:
                    kind.remove((disk, copy))
                    if isinstance(fault, Rotten):
                        case.bad.append((disk, copy))
                    else:
                        await self._doubt(disk, copy, fault, case)
        content = self._chunks.cache.get(chunk_id)
        if content is None:
            return None
        return (await self._chunks.off(self._chunks.coder.encode, content))[1]

    def _record(self, disk: Disk, copy: c.Copy, chunk_id: bytes) -> bytes:
        """In a worker thread: the record, proved."""
        record = disk.backend.read(copy.pack, copy.offset, copy.length)
        self._chunks.coder.decode(chunk_id, record)
        return record

    async def _again(self, record: bytes, case: _Case, added: list[c.Copy]) -> None:
        """On the same disk: what is bad there, what must leave its pack."""
        for disk, _ in [*case.moving, *case.bad]:
            if disk.writable:
                await self._append(disk, record, added)

    async def _more(
        self, chunk_id: bytes, record: bytes, case: _Case, added: list[c.Copy], wanted: int
    ) -> None:
        """On disks that have no copy yet, as long as there are too few."""
        taken = {disk.number for disk, _ in case.good} | {copy.disk for copy in added}
        taken |= {disk.number for disk, _ in case.moving}
        free = [one for one in self._chunks.disks.values() if one.writable and one.number not in taken]
        for disk in placement.order(chunk_id, free):
            if len(case.good) + len(added) >= wanted:
                return
            await self._append(disk, record, added)

    async def _append(self, disk: Disk, record: bytes, added: list[c.Copy]) -> None:
        try:
            added.append(c.Copy(disk.number, *(await disk.append(record))))
        except (DiskFull, DiskFault) as fault:
            _log.warning("chunk.append", disk=disk.number, reason=str(fault))

    def _surplus(self, chunk_id: bytes, case: _Case, added: int, wanted: int) -> list[c.Copy]:
        """Good copies beyond what is wanted, those on the least fitting disks; all were read just now."""
        spare = len(case.good) + added - wanted
        if spare <= 0:
            return []
        fitting = placement.order(chunk_id, [disk for disk, _ in case.good])
        worst = {disk.number for disk in fitting[::-1][:spare]}
        return [copy for disk, copy in case.good if disk.number in worst]


def change_copies(chunk_id: bytes, removed: frozenset[c.Copy], added: tuple[c.Copy, ...], txn: Txn) -> bool:
    """Compare and swap: `removed` go if they are still there, `added` come if their disk has no other copy. False:
    nothing was changed (the row is gone, or nothing would be left)."""
    row = txn.get(CHUNKS, chunk_id)
    if row is None:
        return False
    left = [copy for copy in row.copies if copy not in removed]
    disks = {copy.disk for copy in left}
    left += [copy for copy in added if copy.disk not in disks]
    if not left or tuple(left) == row.copies:
        return False
    txn.put(CHUNKS, chunk_id, value=replace(row, copies=tuple(left)))
    return True
