"""Counting all chunks: what each disk and each pack holds that is alive, what lacks copies. One walk over the rows.

It is also the proof of DISK.md D5: a pack that was closed and without pins before the walk began, and that no row
names, is named by none for ever.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from tgserve.chunks.backend import Backend
from tgserve.chunks.store import Chunks
from tgserve.chunks.walking import walk_all


@dataclass(slots=True)
class Census:
    chunks: int = 0
    held: int = 0
    """Chunks somebody holds."""
    content_bytes: int = 0
    """Of held chunks, each once."""
    shared_bytes: int = 0
    """What holding them more than once has saved."""
    stored_bytes: int = 0
    """Of all copies, with headers."""
    lacking: int = 0
    """Chunks with fewer readable copies than wanted."""
    lost: int = 0
    """Held chunks without a readable copy: on disks that are away, or nowhere."""
    disk_chunks: Counter[int] = field(default_factory=Counter)
    disk_bytes: Counter[int] = field(default_factory=Counter)
    only_here: Counter[int] = field(default_factory=Counter)
    """Disk -> held chunks that have no other readable copy."""
    live: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(disk, pack) -> bytes that rows name."""
    closed: dict[tuple[int, int], int] = field(default_factory=dict)
    """(disk, pack) -> bytes, of the packs that were closed and without pins before the walk."""
    taken: float = 0.0
    """Unix seconds."""


async def take(chunks: Chunks) -> Census:
    """Count. The closed packs are listed first, behind all that their disks were given to write."""
    found = Census(taken=chunks.clock.now())
    for disk in list(chunks.disks.values()):
        if not disk.readable:
            continue
        packs, still_open = await disk.run(partial(_packs, disk.backend))
        for pack, size in packs.items():
            if pack != still_open and pack not in disk.pins:
                found.closed[disk.number, pack] = size
    wanted = chunks.copies
    async for page in walk_all(chunks.store):
        readable = {number for number, disk in chunks.disks.items() if disk.readable}
        for _, row in page:
            found.chunks += 1
            there = 0
            last = 0
            for copy in row.copies:
                found.live[copy.disk, copy.pack] += copy.length
                found.disk_chunks[copy.disk] += 1
                found.disk_bytes[copy.disk] += copy.length
                found.stored_bytes += copy.length
                if copy.disk in readable:
                    there += 1
                    last = copy.disk
            if there < wanted:
                found.lacking += 1
            if row.refs:
                found.held += 1
                found.content_bytes += row.size
                found.shared_bytes += row.size * (row.refs - 1)
                if not there:
                    found.lost += 1
                elif there == 1:
                    found.only_here[last] += 1
    return found


def _packs(backend: Backend) -> tuple[dict[int, int], int]:
    return backend.packs(), backend.open_pack()
