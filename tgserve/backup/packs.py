"""Packs: sealed blocks one after another, some megabytes together, named by the BLAKE3 of the file; and their index.

    packs/ab/abcdef...           magic, blocks
    index/0123...                magic, sealed list of packs and the blocks in them; named by its BLAKE3

An index is written after its packs, a manifest after the index: what a manifest names is there. Files are never
changed, so every run may be cut short anywhere; packs that no index names are removed by `prune`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from blake3 import blake3

from tgserve.adapters.objects.contract import NotThere, Objects
from tgserve.backup.faults import Damaged
from tgserve.backup.sealing import ROWS, Buffer, Rotten, Sealer
from tgserve.errors import StoreError

PACKS = "packs"
INDEX = "index"
PACK_BYTES = 16 << 20
INDEX_PACKS = 64
"""An index at least after so many packs: a first backup that is cut short goes on from there."""
_PACK_MAGIC = b"TGBPACK1"
_INDEX_MAGIC = b"TGBINDX1"
_INDEX_ID = b"index".ljust(32, b"\0")
"""In place of a block's id: an index is proved by its name."""


class PackRow(msgspec.Struct, array_like=True, frozen=True):
    """A pack in an index."""

    id: bytes
    size: int
    blocks: list[tuple[bytes, int, int]]
    """(block, offset, length)"""


@dataclass(frozen=True, slots=True)
class Place:
    pack: bytes
    offset: int
    length: int


def pack_file(pack: bytes) -> str:
    name = pack.hex()
    return f"{PACKS}/{name[:2]}/{name}"


def index_file(index: bytes) -> str:
    return f"{INDEX}/{index.hex()}"


def name_of(data: bytes) -> bytes:
    return bytes(blake3(data, max_threads=blake3.AUTO).digest())


class Index:
    """Where each block is, of all index files of a target."""

    def __init__(self) -> None:
        self.places: dict[bytes, Place] = {}
        self.packs: dict[bytes, PackRow] = {}
        self.files: list[str] = []

    def add(self, row: PackRow) -> None:
        self.packs[row.id] = row
        for block, offset, length in row.blocks:
            self.places[block] = Place(row.id, offset, length)

    def read(self, objects: Objects, sealer: Sealer) -> list[str]:
        """Take in all index files; what is wrong with some, in sentences."""
        problems = []
        for entry in objects.entries(INDEX):
            try:
                for row in read_index(entry.name, objects.get(entry.name), sealer):
                    self.add(row)
            except Damaged as fault:
                problems.append(str(fault))
            self.files.append(entry.name)
        return problems


def read_index(file: str, data: bytes, sealer: Sealer) -> list[PackRow]:
    if index_file(name_of(data)) != file or not data.startswith(_INDEX_MAGIC):
        raise Damaged(f"{file} is damaged: its content is not what its name says")
    try:
        return msgspec.msgpack.decode(
            sealer.open_named(_INDEX_ID, data[len(_INDEX_MAGIC) :]), type=list[PackRow]
        )
    except (Rotten, msgspec.MsgspecError) as fault:
        raise Damaged(f"{file} is damaged: it does not open") from fault


class PackWriter:
    """Collects sealed blocks; full packs go out in threads of its own. One thread calls it; `close` ends it."""

    def __init__(self, objects: Objects, sealer: Sealer, renew: Callable[[], None]) -> None:
        self._objects = objects
        self._sealer = sealer
        self._renew = renew
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="backup-put")
        self._out: list[Future[None]] = []
        self._pieces: list[Buffer] = [_PACK_MAGIC]
        self._rows: list[tuple[bytes, int, int]] = []
        self._size = len(_PACK_MAGIC)
        self._waiting: list[PackRow] = []
        """Written, and in no index yet."""
        self.written: list[str] = []
        """Files, in order."""
        self.bytes = 0
        self.rows: list[PackRow] = []

    def add(self, block: bytes, *sealed: Buffer) -> None:
        length = sum(map(len, sealed))
        self._rows.append((block, self._size, length))
        self._pieces += sealed
        self._size += length
        if self._size >= PACK_BYTES:
            self._flush()
            if len(self._waiting) >= INDEX_PACKS:
                self._index()

    def finish(self) -> None:
        """All that was added is durable and in an index."""
        self._flush()
        self._index()

    def abandon(self, everything: bool) -> None:
        """Take back what was written: all of it, or what is in no index."""
        for future in self._out:
            with suppress(StoreError):
                future.result()
        lost = {pack_file(row.id) for row in self._waiting}
        # An index first: what it names must be there as long as it is.
        for file in reversed(self.written):
            if everything or file in lost:
                with suppress(StoreError):
                    self._objects.delete(file)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def _flush(self) -> None:
        if not self._rows:
            return
        data = b"".join(self._pieces)
        row = PackRow(name_of(data), len(data), self._rows)
        self._pieces, self._rows, self._size = [_PACK_MAGIC], [], len(_PACK_MAGIC)
        while len(self._out) > 2:
            self._out.pop(0).result()
        self._renew()
        self.written.append(pack_file(row.id))
        self.bytes += len(data)
        self._out.append(self._pool.submit(self._objects.put, pack_file(row.id), data))
        self._waiting.append(row)
        self.rows.append(row)

    def _index(self) -> None:
        while self._out:
            self._out.pop(0).result()
        if self._waiting:
            file, data = write_index(self._waiting, self._sealer)
            self.written.append(file)
            self.bytes += len(data)
            self._objects.put(file, data)
            self._waiting = []


def write_index(rows: Iterable[PackRow], sealer: Sealer) -> tuple[str, bytes]:
    """(file, data)"""
    sealed = sealer.seal(_INDEX_ID, ROWS, msgspec.msgpack.encode(list(rows)))
    data = b"".join((_INDEX_MAGIC, *sealed))
    return index_file(name_of(data)), data


class PackReader:
    """Blocks by id, in any thread. What lies together was mostly asked for together: a pack is soon fetched whole and
    kept for a while."""

    KEPT = 6
    WHOLE = 3
    """Asked of one pack so often in pieces, it is fetched whole."""

    def __init__(self, objects: Objects, index: Index, sealer: Sealer) -> None:
        self._objects = objects
        self._index = index
        self._sealer = sealer
        self._kept: dict[bytes, bytes] = {}
        self._asked: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def get(self, block: bytes, what: str = "") -> tuple[int, bytes]:
        """(kind, content). Damaged names the file, and what is lost with it."""
        place = self._index.places.get(block)
        named = f"block {block.hex()[:16]}" + (f" ({what})" if what else "")
        if place is None:
            raise Damaged(f"{named} is missing: no index of the target names it")
        file = pack_file(place.pack)
        try:
            sealed = self._piece(place, file)
        except NotThere as fault:
            raise Damaged(f"{file} is missing, and with it {named}") from fault
        try:
            return self._sealer.open(block, sealed)
        except Rotten as fault:
            raise Damaged(f"{file} is damaged: {named} does not open") from fault

    def _piece(self, place: Place, file: str) -> Buffer:
        with self._lock:
            whole = self._kept.get(place.pack)
            asked = self._asked[place.pack] = self._asked.get(place.pack, 0) + 1
        if whole is None:
            if asked < self.WHOLE:
                return self._objects.get(file, place.offset, place.length)
            whole = self._objects.get(file)
            with self._lock:
                while len(self._kept) >= self.KEPT:
                    oldest = next(iter(self._kept))
                    self._asked.pop(oldest, None)
                    del self._kept[oldest]
                self._kept[place.pack] = whole
        return memoryview(whole)[place.offset : place.offset + place.length]
