"""Rows of a shard, cut into blocks where their keys say so: equal ranges give equal blocks, whatever else changed.

A block ends behind a row whose key's CRC-32 has its low bits 0 (one in ROWS_BETWEEN), at the end of a slot, or when it
is large. Only keys decide, so a changed row changes its own block, and a new one at most splits one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from zlib import crc32

import msgspec

from tgserve.store.engine import Row, Snapshot
from tgserve.store.packing import META_SLOT

ROWS_BETWEEN = 1024
BLOCK_BYTES = 2 << 20
BATCH = 512
_MASK = ROWS_BETWEEN - 1
_BEHIND = b"\xff\xff\xff"
encode_rows = msgspec.msgpack.Encoder().encode
decode_rows = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]]).decode


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one slot, in key order."""

    slot: int
    rows: list[Row]
    bytes: int


def pieces(view: Snapshot) -> Iterator[Piece]:
    """All rows of a shard, slot by slot. One scan: what waits in memory is sorted once."""
    scan = iter(view.scan(b"", _BEHIND))
    held: list[Row] = []
    size = 0
    slot = b""
    while batch := list(islice(scan, BATCH)):
        start = 0
        for at, (key, value) in enumerate(batch):
            if key[:2] != slot:
                held += batch[start:at]
                start = at
                if held:
                    yield Piece(int.from_bytes(slot, "big"), held, size)
                held, size, slot = [], 0, key[:2]
            size += len(key) + len(value)
            if not crc32(key) & _MASK or size > BLOCK_BYTES:
                held += batch[start : at + 1]
                start = at + 1
                yield Piece(int.from_bytes(slot, "big"), held, size)
                held, size = [], 0
        held += batch[start:]
    if held:
        yield Piece(int.from_bytes(slot, "big"), held, size)


def owned(view: Snapshot, number: int, table: list[int]) -> Iterator[Piece]:
    """Without rows of slots that this shard does not own: halves of moves, to be wiped."""
    for piece in pieces(view):
        if piece.slot == META_SLOT or (piece.slot < len(table) and table[piece.slot] == number):
            yield piece
