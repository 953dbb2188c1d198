"""The table of chunks out of the packs: every record of every disk is read, proved by its id, and entered.

What is in the table already stays as it is, but for copies it did not know. What was garbage comes back as a chunk that
nobody holds, and is collected again after the grace period. References are not in the packs: they stand in the store.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from tgserve.chunks import framing
from tgserve.chunks.coding import Rotten
from tgserve.chunks.disk import Disk
from tgserve.chunks.mending import Tally, change_copies
from tgserve.chunks.store import Chunks, enter_chunk
from tgserve.chunks.walking import Pace
from tgserve.errors import StoreError
from tgserve.store import chunk_records as c
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import CHUNKS
from tgserve.store.slots import slot_of

BATCH_BYTES = 4 << 20

Found = list[tuple[bytes, int, c.Copy]]
"""(id, size, place)"""


class Progress(Protocol):
    done: int
    total: int
    tally: Tally


async def rebuild(chunks: Chunks, job: Progress) -> None:
    """Enter every good record of every readable disk."""
    packs = [
        (disk, pack, size)
        for disk in chunks.disks.values()
        if disk.readable
        for pack, size in (await disk.run(disk.backend.packs)).items()
    ]
    job.total, job.done = max(1, len(packs)), 0
    pace = Pace(chunks.settings.move_rate)
    for disk, pack, size in packs:
        at = disk.backend.first
        while at < size:
            found, after, bad = await chunks.off(partial(_batch, chunks, disk, pack, at, size))
            job.tally.bad += bad
            job.tally.bytes += after - at
            await pace.spend(after - at)
            await _enter(chunks, found)
            job.tally.chunks += len(found)
            if after == at:
                break
            at = after
        job.done += 1


async def _enter(chunks: Chunks, found: Found) -> None:
    now = int(chunks.clock.now())
    readable = {number for number, disk in chunks.disks.items() if disk.readable}
    commits: list[Commit[bool]] = [
        chunks.store.transact(slot_of(chunk_id), partial(enter_chunk, chunk_id, size, (copy,), readable, now))
        for chunk_id, size, copy in found
    ]
    for commit in commits:
        await commit
    for chunk_id, _, copy in found:
        await _correct(chunks, chunk_id, copy)


async def _correct(chunks: Chunks, chunk_id: bytes, copy: c.Copy) -> None:
    """A row that names another place of this disk, where the chunk is not: a store older or newer than its packs."""
    with chunks.store.read(slot_of(chunk_id)) as reader:
        row = reader.get(CHUNKS, chunk_id)
    disk = chunks.disks.get(copy.disk)
    if row is None or disk is None:
        return
    for named in row.copies:
        if named.disk == copy.disk and named != copy:
            try:
                await chunks.off(chunks.read, disk, named, chunk_id)
            except StoreError:
                change = partial(change_copies, chunk_id, frozenset((named,)), (copy,))
                await chunks.store.transact(slot_of(chunk_id), change)


def _batch(chunks: Chunks, disk: Disk, pack: int, start: int, end: int) -> tuple[Found, int, int]:
    """In a worker thread: some megabytes of good records from `start`, where to go on, how many were bad."""
    found: Found = []
    bad = 0
    after = start
    read = partial(disk.backend.read, pack)
    for offset, header in framing.walk(lambda at, count: read(at, min(count, end - at)), start, end):
        length = framing.HEADER_BYTES + header.length
        after = offset + length
        try:
            chunks.coder.decode(header.id, read(offset, length))
        except (Rotten, StoreError):
            bad += 1
        else:
            found.append((header.id, header.size, c.Copy(disk.number, pack, offset, length)))
        if after - start > BATCH_BYTES:
            break
    return found, after, bad
