"""Bytes in and out of the chunk store: whole files as Blobs, any range of them out again.

A Blob's chunks are PIECE_BYTES each, the last one what is left, however its bytes came: so the same file is the same
chunks, whoever uploads it in parts of whatever size.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from tgserve.store.media_records import ID_BYTES, PIECE_BYTES, Blob

AT_ONCE = 4
"""Chunks of one file that are written or read at the same time."""


class ChunkStore(Protocol):
    """What files need of tgserve/chunks."""

    async def put(self, data: bytes) -> bytes:
        """The 32-byte id of 1..524288 bytes, when they are durable. StoreFull, StoreError."""

    async def get(self, chunk_id: bytes) -> bytes:
        """ChunkLost (a StoreError) when no good copy is left."""


def pieces_of(blob: Blob) -> list[bytes]:
    """Its chunk ids in order."""
    return [blob.pieces[at : at + ID_BYTES] for at in range(0, len(blob.pieces), ID_BYTES)]


class Content:
    def __init__(self, chunks: ChunkStore) -> None:
        self._chunks = chunks

    async def store(self, data: bytes) -> Blob:
        """Keep these bytes. Nothing holds them until a Media or the like is made of the Blob."""
        parts = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
        return Blob(len(data), b"".join(await self._all(parts)))

    async def put(self, data: bytes) -> bytes:
        return await self._chunks.put(data)

    async def get(self, chunk_id: bytes) -> bytes:
        return await self._chunks.get(chunk_id)

    async def joined(self, pieces: Sequence[bytes], piece_bytes: int, size: int) -> Blob:
        """A Blob of chunks of `piece_bytes` each, which divides PIECE_BYTES; the last one is shorter."""
        if piece_bytes == PIECE_BYTES or len(pieces) == 1:
            return Blob(size, b"".join(pieces))
        count = PIECE_BYTES // piece_bytes
        groups = [pieces[at : at + count] for at in range(0, len(pieces), count)]
        made: list[bytes] = []
        for at in range(0, len(groups), AT_ONCE):
            made += await asyncio.gather(*map(self._join, groups[at : at + AT_ONCE]))
        return Blob(size, b"".join(made))

    async def _join(self, pieces: Sequence[bytes]) -> bytes:
        parts = [await self._chunks.get(one) for one in pieces]
        return await self._chunks.put(b"".join(parts))

    async def _all(self, parts: Sequence[bytes]) -> list[bytes]:
        if len(parts) == 1:
            return [await self._chunks.put(parts[0])]
        made: list[bytes] = []
        for at in range(0, len(parts), AT_ONCE):
            made += await asyncio.gather(*map(self._chunks.put, parts[at : at + AT_ONCE]))
        return made

    async def read(self, blob: Blob, offset: int = 0, limit: int = -1) -> bytes:
        """`limit` bytes from `offset`, fewer where the file ends; -1: all the rest."""
        end = blob.size if limit < 0 else min(offset + limit, blob.size)
        if offset < 0 or offset >= end:
            return b""
        first, last = offset // PIECE_BYTES, (end - 1) // PIECE_BYTES
        ids = [blob.pieces[at * ID_BYTES : (at + 1) * ID_BYTES] for at in range(first, last + 1)]
        if len(ids) == 1:
            data = await self._chunks.get(ids[0])
            start = offset - first * PIECE_BYTES
            return (
                data if start == 0 and len(data) == end - offset else data[start : end - first * PIECE_BYTES]
            )
        parts: list[bytes] = []
        for at in range(0, len(ids), AT_ONCE):
            parts += await asyncio.gather(*map(self._chunks.get, ids[at : at + AT_ONCE]))
        parts[-1] = parts[-1][: end - last * PIECE_BYTES]
        parts[0] = parts[0][offset - first * PIECE_BYTES :]
        return b"".join(parts)

    async def stream(self, blob: Blob, offset: int = 0, limit: int = -1) -> AsyncIterator[bytes]:
        """The same in pieces, for ranges that are not to be held in memory (HTTP downloads)."""
        end = blob.size if limit < 0 else min(offset + limit, blob.size)
        while offset < end:
            step = min(end, (offset // PIECE_BYTES + 1) * PIECE_BYTES)
            yield await self.read(blob, offset, step - offset)
            offset = step
