"""A cut of the running server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tgserve.backup.creating import Source
from tgserve.backup.offline import files_of, record_from
from tgserve.chunks.backend import Backend
from tgserve.chunks.store import Chunks
from tgserve.errors import ChunkLost
from tgserve.store import chunk_records as c

HEAL_SECONDS = 300


@contextmanager
def live_source(data: Path, chunks: Chunks, loop: asyncio.AbstractEventLoop) -> Iterator[Source]:
    """In a thread that is not the loop's, while the packs are kept (`chunks.keep_packs`)."""

    def backend_of(number: int) -> Backend | None:
        disk = chunks.disks.get(number)
        return disk.backend if disk is not None and disk.readable else None

    at_its_place = record_from(backend_of, chunks.coder)

    def record(chunk: bytes, row: c.Chunk) -> bytes | None:
        found = at_its_place(chunk, row)
        if found is not None:
            return found
        try:
            # Moved since, or bad here and good elsewhere: as for any reader, and healed like for any.
            content = asyncio.run_coroutine_threadsafe(chunks.get(chunk), loop).result(HEAL_SECONDS)
        except (ChunkLost, TimeoutError):
            return None
        return chunks.coder.encode(content)[1]

    store = chunks.store
    size = sum(shard.engine.size() for shard in store.shards)
    with store.cut() as cut:
        yield Source(store.format, cut, files_of(data), record, size)
