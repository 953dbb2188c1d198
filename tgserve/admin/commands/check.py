"""check: the whole store, while it serves."""

from __future__ import annotations

import asyncio

from tgserve.admin.registry import Daemon, command
from tgserve.admin.schema.daemon import Check, CheckReport
from tgserve.chunks.check import ChunkReport, Sight, check_chunks
from tgserve.chunks.store import Chunks
from tgserve.store.check import PROBLEMS_KEPT, Report, check_store
from tgserve.store.chunk_records import Chunk
from tgserve.store.keyspaces import CHUNKS
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.transaction import Reader


@command(Check)
async def check(daemon: Daemon, params: Check) -> CheckReport:
    report = await asyncio.to_thread(check_store, daemon.store)
    chunks = await asyncio.to_thread(_check_chunks, daemon.keeper.chunks, params.deep)
    return told(report, chunks)


def _check_chunks(chunks: Chunks, deep: bool) -> ChunkReport:
    """In a thread of its own."""
    store = chunks.store

    def now(chunk_id: bytes) -> Chunk | None:
        slot = slot_of(chunk_id)
        view = store.snapshot_of(slot)
        try:
            return Reader(slot, view).get(CHUNKS, chunk_id)
        finally:
            view.close()

    with store.cut() as cut:
        readers = [cut.reader(slot) for slot in range(SLOTS)]
        backends = {number: disk.backend for number, disk in chunks.disks.items() if disk.readable}
        return check_chunks(Sight(readers, backends, chunks.coder, now), deep)


def told(report: Report, chunks: ChunkReport, offline: bool = False) -> CheckReport:
    return CheckReport(
        problems=[str(problem) for problem in [*report.problems, *chunks.problems][:PROBLEMS_KEPT]],
        found=report.found + len(chunks.problems),
        rows=report.rows,
        slots=report.slots,
        waiting=report.waiting,
        parked=report.parked,
        seconds=round(report.seconds, 3),
        offline=offline,
        chunks=chunks.chunks,
        chunk_copies=chunks.copies,
        chunk_copies_unread=chunks.unread,
    )
