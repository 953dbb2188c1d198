"""From slot to slot, in order and once: parcels between environments, and what is parked when a handler fails.

docs/DISK.md 5 has the protocol and its invariants (I5-I8). This file holds the plain data the writers hand each other
and the rows they read and write; writer.py decides when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tgserve.store import payloads as pl
from tgserve.store.keyspaces import APPLIED, OUTBOX, OUTBOX_HEAD, PARKED
from tgserve.store.packing import META_SLOT
from tgserve.store.transaction import OutboxItem, Reader, Txn

Handler = Callable[[Txn, Any, Any], None]
"""(txn of the target slot, payload, memo or None)"""

PARCEL_ITEMS = 1000
PARCEL_BYTES = 64_000
SMALL_BYTES = 60
"""More than a payload has that is small by its kind."""
RETRY_SECONDS = 1.0
RETRY_MOST_SECONDS = 60.0

_ENCODE = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class Handover:
    """A parcel, durable in `source`'s environment, on its way to the target's writer."""

    source: int
    target: int
    number: int
    key: bytes
    """Of its OUTBOX row, for the deletion once it is applied."""
    items: list[OutboxItem]


@dataclass(slots=True)
class ParkedStream:
    """What one slot has for another and cannot deliver for now."""

    last: int
    """Number of the last parked row."""
    due: float
    """When to try again, monotonic seconds."""
    delay: float = RETRY_SECONDS
    failures: int = 1


@dataclass(slots=True)
class Cursors:
    """A shard's numbers, as of its last durable group."""

    heads: dict[int, int] = field(default_factory=dict)
    """Target shard -> last parcel number given out."""
    marks: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Source shard -> (parcels applied, items done of the next)."""

    def copy(self) -> Cursors:
        return Cursors(dict(self.heads), dict(self.marks))


def pack_parcels(
    items: list[OutboxItem], source: int, target: int, first: int
) -> Iterator[tuple[Handover, bytes]]:
    """Cut a group's items for one shard into parcels numbered from `first`, with the value of each one's row."""
    at = 0
    if len(items) <= PARCEL_ITEMS and sum([len(item[2]) or SMALL_BYTES for item in items]) < PARCEL_BYTES:
        key = OUTBOX.key(META_SLOT, target, first)
        yield Handover(source, target, first, key, items), _row(items)
        return
    while at < len(items):
        size = 0
        end = at
        while (
            end < len(items)
            and end - at < PARCEL_ITEMS
            and (end == at or size + (len(items[end][2]) or SMALL_BYTES) < PARCEL_BYTES)
        ):
            size += len(items[end][2]) or SMALL_BYTES
            end += 1
        chunk = items[at:end]
        key = OUTBOX.key(META_SLOT, target, first)
        yield Handover(source, target, first, key, chunk), _row(chunk)
        first += 1
        at = end


def _row(items: list[OutboxItem]) -> bytes:
    """The value of a parcel's row. A payload that is NOT_ENCODED (no bytes) is encoded here, with all others."""
    return _ENCODE(([(source, target, data or payload) for source, target, data, payload, _ in items],))


def read_cursors(reader: Reader) -> Cursors:
    """From a reader of the environment's pseudo slot."""
    return Cursors(
        {key[0]: head.seq for key, head in reader.range(OUTBOX_HEAD)},
        {key[0]: (mark.seq, mark.done) for key, mark in reader.range(APPLIED)},
    )


def read_parcels(reader: Reader, source: int) -> Iterator[Handover]:
    """Parcels left in an environment, in order per target; memos are gone."""
    for (target, number), parcel in reader.range(OUTBOX):
        items: list[OutboxItem] = [outbox_item(row) for row in parcel.items]
        yield Handover(source, target, number, OUTBOX.key(META_SLOT, target, number), items)


def read_parked(reader: Reader, slots: list[int]) -> dict[tuple[int, int], ParkedStream]:
    """Streams parked in an environment that owns `slots`, due at once."""
    parked: dict[tuple[int, int], ParkedStream] = {}
    for slot in slots:
        reader.slot = slot
        for (source, number), _ in reader.range(PARKED):
            parked[source, slot] = ParkedStream(number, 0.0)
    return parked


def outbox_item(row: pl.OutboxRow) -> OutboxItem:
    payload = row.payload
    return row.source_slot, row.target_slot, msgspec.Raw(_ENCODE(payload)), payload, None
