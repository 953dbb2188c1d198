"""Who needs a chunk: counted in the chunk's row, told by outbox from the transaction that keeps or drops its id.

An id that a record names twice is held twice and dropped twice. Called inside any transaction; the rows change in those
of the chunks' slots (DISK.md W3, D1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from tgserve import log, metrics
from tgserve.clock import Clock
from tgserve.store import chunk_records as c
from tgserve.store import payloads as pl
from tgserve.store.keyspaces import CHUNKS, CHUNKS_LOOSE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

_log = log.get("chunks")
_odd = metrics.counter(
    "tgserve_chunk_refs_odd_total", "references to chunks that were not there, or dropped once too often"
)


def hold(txn: Txn, ids: Iterable[bytes]) -> None:
    """One more holder for each."""
    for slot, found in _by_slot(ids).items():
        txn.outbox(slot, pl.HoldChunks(tuple(found)))


def drop(txn: Txn, ids: Iterable[bytes]) -> None:
    """One holder less for each; without holders a chunk goes after the grace period."""
    for slot, found in _by_slot(ids).items():
        txn.outbox(slot, pl.DropChunks(tuple(found)))


@dataclass(frozen=True, slots=True)
class Counting:
    """The outbox handlers. Construct before store.start()."""

    store: Store
    clock: Clock

    def __post_init__(self) -> None:
        self.store.on_outbox(pl.HoldChunks, self.held)
        self.store.on_outbox(pl.DropChunks, self.dropped)

    def held(self, txn: Txn, payload: pl.HoldChunks, memo: object) -> None:
        for chunk_id in payload.ids:
            row = txn.get(CHUNKS, chunk_id)
            if row is None:
                # Collected before it was held: a fault of the holder, which `check` shows. A later put fills it.
                _odd.inc()
                _log.error("chunk.held_and_gone", chunk=chunk_id.hex()[:16])
                row = c.Chunk(0, 0, int(self.clock.now()))
            elif not row.refs:
                txn.delete(CHUNKS_LOOSE, row.since, chunk_id)
            txn.put(CHUNKS, chunk_id, value=replace(row, refs=row.refs + 1))

    def dropped(self, txn: Txn, payload: pl.DropChunks, memo: object) -> None:
        now = int(self.clock.now())
        for chunk_id in payload.ids:
            row = txn.get(CHUNKS, chunk_id)
            if row is None or not row.refs:
                _odd.inc()
                _log.error("chunk.dropped_twice", chunk=chunk_id.hex()[:16])
                continue
            if row.refs == 1:
                txn.put(CHUNKS_LOOSE, now, chunk_id, value=b"")
                txn.put(CHUNKS, chunk_id, value=replace(row, refs=0, since=now))
            else:
                txn.put(CHUNKS, chunk_id, value=replace(row, refs=row.refs - 1))


def _by_slot(ids: Iterable[bytes]) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for chunk_id in ids:
        found.setdefault(slot_of(chunk_id), []).append(chunk_id)
    return found
