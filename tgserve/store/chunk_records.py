"""What is known of chunks (docs/DISK.md 11): where the copies of each are, how many hold it, which disks exist."""

from __future__ import annotations

from tgserve.store.records import Record

DISK_ACTIVE = 0
DISK_DRAINING = 1
"""Read from, never written to; its chunks are moved elsewhere."""
DISK_REMOVED = 2
"""Kept in the table so that its number is not given again."""
DISKS_OWNER = "disks"
"""The table of disks lives in the slot of this text."""


class Copy(Record, frozen=True):
    """One place of a chunk: a record of `length` bytes at `offset` of a pack."""

    disk: int
    pack: int
    offset: int
    length: int


class Chunk(Record, frozen=True):
    """`size` of the content; `refs` holders; `since` (Unix seconds) of the last put or the last drop."""

    size: int
    refs: int
    since: int
    copies: tuple[Copy, ...] = ()


class ChunkDisk(Record, frozen=True):
    """A disk of the table. `path` is absolute, or relative to the data directory."""

    number: int
    disk: str
    """Its id, as in disk.json."""
    path: str
    weight: int = 100
    state: int = DISK_ACTIVE
    added: int = 0


class ScrubMark(Record, frozen=True):
    """How far the walk that reads everything has come: the next slot, when it began, when the last one ended."""

    slot: int = 0
    began: int = 0
    ended: int = 0
    bad: int = 0
    """Copies found bad since `began`, then chunks without any good copy."""
    lost: int = 0
