"""Contract of a disk: append records to packs durably, read them, list and drop packs. testing/chunk_suite.py is it.

All methods block and may be slow. `append`, `drop`, `probe`, `open` and `close` are called by one thread at a time (the
disk's own), `read` by any. A backend knows nothing of chunks but that records follow each other in a pack; a local disk
appends to files, an object store would write each append as one object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tgserve.errors import StoreError, StoreFull


class DiskFull(StoreFull):
    """No room on this disk; nothing of the append counts."""


class DiskFault(StoreError):
    """The disk failed: an I/O error, read-only, no permission. Nothing of the append counts."""


class DiskMissing(DiskFault):
    """The disk, or the pack asked for, is not there."""


class DiskForeign(DiskFault):
    """Something is there, and it is another disk (or another server's): it is neither read nor written."""


class Place(NamedTuple):
    """Of a record on one disk."""

    pack: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Identity:
    """What disk.json holds: `server` is the store's id, `disk` the disk's own, random."""

    server: str
    disk: str
    number: int


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes; -1 = the backend knows no bounds."""

    free: int
    total: int


class Backend(Protocol):
    first: int
    """Offset of the first record of a pack."""

    def identity(self) -> Identity | None:
        """Of what is there now; None when nothing is."""

    def found(self, identity: Identity) -> None:
        """Make an empty place this disk, durably. DiskForeign when it is not empty."""

    def open(self, identity: Identity) -> None:
        """Take it into use: DiskMissing or DiskForeign when it is not `identity`. May be called again after a fault;
        what was appended and returned by then is there."""

    def append(self, records: Sequence[bytes], shadows: Sequence[bytes] = ()) -> list[Place]:
        """Write the records and return their places, in order, once all of them are durable; all or none.

        `shadows` are written and flushed with them and do not count afterwards: they take the time of records."""

    def forget_shadows(self) -> None:
        """What shadows have taken is given back, so that what follows one costs what follows a record (SECURITY 6.6).
        Called when their time has been taken; never fails."""

    def read(self, pack: int, offset: int, length: int) -> bytes:
        """Exactly `length` bytes. DiskMissing when the pack is not there or ends before."""

    def packs(self) -> dict[int, int]:
        """Number -> bytes up to the last whole record, of all packs."""

    def open_pack(self) -> int:
        """The pack that may still be appended to; 0 when none is. All others are closed for ever."""

    def close_pack(self) -> None:
        """The next append begins another pack."""

    def drop(self, pack: int) -> None:
        """Remove a closed pack; nothing happens when it is not there."""

    def room(self) -> Room:
        """What the disk could still take."""

    def probe(self, write: bool) -> None:
        """Is it still there, still the same and (`write`) writable? Raises what is wrong."""

    def close(self) -> None:
        """Let go. `open` may follow."""
