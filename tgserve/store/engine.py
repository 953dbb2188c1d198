"""What a storage engine must offer: ONE environment of ordered keys, snapshots, and atomic durable commits.

Engines are loaded by name (entry point group `tgserve.engines`: a function `open(path, *, map_bytes) -> Engine`) and
prove themselves with tgserve.testing.engine_suite. One thread commits at a time; snapshots may live in any thread, one
thread each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from tgserve.errors import StoreError

Row = tuple[bytes, bytes]
"""(key, value)"""
Rows = dict[bytes, bytes | None]
"""Key -> value, or None for a deletion."""


class NeedsRoom(StoreError):
    """The environment must `grow` before this commit fits; nothing was kept."""


class Snapshot(Protocol):
    """A consistent view of one commit."""

    @property
    def get(self) -> Callable[[bytes], bytes | None]:
        """The value of a key. A plain callable, so that engines may hand out their library's own; another one after
        each renew."""

    def scan(self, lo: bytes, hi: bytes, reverse: bool = False) -> Iterator[Row]:
        """Rows with lo <= key < hi in order. The iterator ends with the snapshot's next renew, reset or close."""

    def renew(self) -> None:
        """Move to the newest commit."""

    def stay(self) -> None:
        """This view will stand for long: commits after it shall cost what they cost without it."""

    def reset(self) -> None:
        """Let go of the commit (its pages may be reused) until the next renew."""

    def close(self) -> None: ...


class Engine(Protocol):
    """One environment."""

    def snapshot(self) -> Snapshot:
        """A new view of the newest commit, for the calling thread."""

    def commit(self, rows: Rows) -> None:
        """Write all or nothing, durable on return. The engine may keep `rows`: nobody changes it afterwards. Keys are
        below ff ff ff; what is behind is the engine's own and no scan shows it.

        NeedsRoom: call grow() and commit again. StoreFull: no space, nothing kept, later commits may succeed.
        StoreError: anything else, nothing kept.
        """

    def bulk(self, rows: Rows) -> None:
        """As commit, from any thread beside it, for rows that no commit is about meanwhile: slots on their way from one
        shard to another. Snapshots made after it see them, older ones need not, renewed or not."""

    def tidy(self, idle: bool) -> None:
        """House-keeping between commits, after their answers are out; `idle`: nothing else is to be done. Fails as
        commit does, without harm."""

    @property
    def untidy(self) -> bool:
        """tidy(idle=True) has something to do."""

    def waiting(self) -> list[object]:
        """What holds committed rows that are yet to be written over what `bulk` writes: each is the same object
        until it has been written. `tidy(True)`, called again and again, gets there."""

    def grow(self) -> None:
        """Make room after NeedsRoom. No snapshot may be in use meanwhile; all need a renew after it.
        StoreFull when it cannot."""

    def size(self) -> int:
        """Bytes on disk (memory: an estimate)."""

    def used(self) -> int:
        """Bytes of `size` that hold something; the rest is room of rows that were deleted."""

    def rows(self) -> int:
        """About how many rows there are."""

    def close(self) -> None: ...


class OpenEngine(Protocol):
    def __call__(self, path: Path, *, map_bytes: int) -> Engine:
        """Open or create the environment at `path` (a folder). StoreError when that cannot be."""


def laid_over(changed: Rows, under: Iterator[Row], reverse: bool) -> Iterator[Row]:
    """Rows of `under` with the changes laid over them, in key order (descending when `reverse`)."""
    keys = sorted(changed, reverse=not reverse)  # popped from the end
    for row in under:
        at = row[0]
        while keys and (keys[-1] > at if reverse else keys[-1] < at):
            key = keys.pop()
            value = changed[key]
            if value is not None:
                yield key, value
        if keys and keys[-1] == at:
            value = changed[keys.pop()]
            if value is not None:
                yield at, value
        else:
            yield row
    while keys:
        key = keys.pop()
        value = changed[key]
        if value is not None:
            yield key, value
