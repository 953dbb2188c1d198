"""The collector: chunks nobody has held for the grace period go (DISK.md D2), then packs that hold nothing (D5)."""

from __future__ import annotations

from functools import partial

from tgserve import log, metrics
from tgserve.chunks.census import Census
from tgserve.chunks.store import Chunks
from tgserve.errors import StoreError
from tgserve.store.keyspaces import CHUNKS, CHUNKS_LOOSE
from tgserve.store.slots import SLOTS
from tgserve.store.transaction import Txn

AT_ONCE = 256
GARBAGE_SHARE = 0.5
"""A closed pack is emptied when so much of it is garbage: the bytes copied are never more than the bytes won."""

_log = log.get("chunks")
_gone_total = metrics.counter(
    "tgserve_chunk_collected_total", "chunks nobody held, removed after the grace period"
)
_packs_total = metrics.counter("tgserve_chunk_packs_removed_total", "pack files removed")


async def collect(chunks: Chunks) -> int:
    """Remove the rows of chunks that have been without a holder for longer than the grace period; how many."""
    limit = int(chunks.clock.now()) - chunks.settings.grace_seconds
    if limit <= 0:
        return 0
    gone = 0
    for slot in range(SLOTS):
        while True:
            with chunks.store.read(slot) as reader:
                due = [key for key, _ in reader.range(CHUNKS_LOOSE, lo=0, hi=limit, limit=AT_ONCE)]
            if not due:
                break
            for chunk_id in await chunks.store.transact(slot, partial(collect_rows, due, limit)):
                chunks.cache.forget(chunk_id)
                gone += 1
    if gone:
        _gone_total.inc(gone)
        _log.info("chunks.collected", chunks=gone)
    return gone


def collect_rows(due: list[tuple[int, bytes]], limit: int, txn: Txn) -> list[bytes]:
    """D2: look again, at the rows as they are now."""
    gone = []
    for since, chunk_id in due:
        row = txn.get(CHUNKS, chunk_id)
        if row is not None and not row.refs and row.since == since:
            if since >= limit:
                continue
            txn.delete(CHUNKS, chunk_id)
            gone.append(chunk_id)
        txn.delete(CHUNKS_LOOSE, since, chunk_id)
    return gone


async def drop_packs(chunks: Chunks, census: Census) -> int:
    """D5: remove closed packs that no row names; how many. None while a backup reads: the next count has them again."""
    gone = 0
    for number, pack in census.closed:
        if chunks.keeping:
            break
        disk = chunks.disks.get(number)
        if disk is None or not disk.readable or (number, pack) in census.live:
            continue
        try:
            await disk.run(partial(disk.backend.drop, pack))
        except StoreError as fault:
            disk.suffered(fault)
            continue
        gone += 1
    if gone:
        _packs_total.inc(gone)
        _log.info("chunks.packs_removed", packs=gone)
    return gone


def worth_emptying(chunks: Chunks, census: Census) -> set[tuple[int, int]]:
    """Closed packs with much garbage, on disks that can take what is left of them."""
    found = set()
    for place, size in census.closed.items():
        live = census.live.get(place, 0)
        disk = chunks.disks.get(place[0])
        if live and disk is not None and disk.writable and size - live >= size * GARBAGE_SHARE:
            found.add(place)
    return found
