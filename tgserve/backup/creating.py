"""Making a backup: rows of a cut first (its snapshots are let go then), the bytes of files after them.

Blocking, in a thread of its own; hashing, compressing, sealing and writing run in further ones. What the target has
already is neither read (chunks) nor written again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from tgserve import __version__
from tgserve.adapters.objects.contract import NoRoom
from tgserve.backup.faults import BackupError, Stopped
from tgserve.backup.manifest import Listing, Manifest, Root
from tgserve.backup.packs import PackWriter
from tgserve.backup.repository import Repository
from tgserve.backup.rows import encode_rows, owned
from tgserve.backup.sealing import CHUNK, ROWS, Sealed, Sealer
from tgserve.store import chunk_records as c
from tgserve.store.cut import Cut
from tgserve.store.engine import Row, Snapshot
from tgserve.store.format import Format
from tgserve.store.keyspaces import CHUNKS
from tgserve.store.packing import HEAD_BYTES, META_SLOT
from tgserve.store.slots import SLOTS

WORKERS = 3
AHEAD = 48
"""Blocks on their way through the workers: at most 100 MB, mostly 10."""
CHUNKS_AHEAD = 24

_encode = msgspec.msgpack.Encoder().encode
Made = tuple[bytes, Sealed | None]
"""(id, None when the target has it)"""


class Progress(Protocol):
    """A job, as far as this is concerned."""

    done: int
    total: int
    note: str


@dataclass(slots=True)
class Steps:
    """Progress that nobody looks at."""

    done: int = 0
    total: int = 0
    note: str = ""


@dataclass(slots=True)
class Source:
    """One moment of a server. The cut is closed as soon as its rows are read: the bytes of files take longer."""

    format: Format
    cut: Cut
    files: dict[str, bytes]
    record: Callable[[bytes, c.Chunk], bytes | None]
    """The verified record of a chunk, in any thread; None: no copy is good."""
    bytes: int = 0
    """About how many the rows are."""


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    row_bytes: int = 0
    chunks: int = 0
    chunk_bytes: int = 0
    blocks: int = 0
    new_blocks: int = 0
    lost: list[bytes] = field(default_factory=list)


def create(
    repository: Repository,
    opening: Callable[[], AbstractContextManager[Source]],
    now: Callable[[], float],
    random: Callable[[int], bytes],
    progress: Progress,
    stop: threading.Event,
) -> Manifest:
    """`opening` makes the cut, once the target is locked. Whatever is raised: the target's backups are what they were,
    and what was written in vain is taken back or, after a crash, removed by the next prune."""
    with repository.objects.lock() as renew:
        progress.note = "reading the index"
        broken = repository.load_index()
        if broken:
            raise BackupError(f"{broken[0]}; `tgserve backup verify` says what is lost")
        return _Run(repository, now, random, progress, stop, renew).go(opening)


class _Run:
    def __init__(
        self,
        repository: Repository,
        now: Callable[[], float],
        random: Callable[[int], bytes],
        progress: Progress,
        stop: threading.Event,
        renew: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._known = repository.index.places
        self._sealer: Sealer = repository.sealer
        self._now = now
        self._random = random
        self._progress = progress
        self._stop = stop
        self._tally = _Tally()
        self._added: set[bytes] = set()
        self._writer = PackWriter(repository.objects, repository.sealer, renew)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="backup")

    def go(self, opening: Callable[[], AbstractContextManager[Source]]) -> Manifest:
        try:
            manifest = self._all(opening)
        except BaseException as fault:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._writer.abandon(everything=isinstance(fault, NoRoom))
            raise
        else:
            return manifest
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._writer.close()

    def _all(self, opening: Callable[[], AbstractContextManager[Source]]) -> Manifest:
        tally, progress = self._tally, self._progress
        progress.note = "waiting for the shards to rest"
        with opening() as source:
            made = self._now()
            progress.total = source.bytes
            progress.note = "messages"
            slots: list[Listing] = [Listing([], []) for _ in range(SLOTS)]
            meta: dict[int, list[bytes]] = {}
            missing: list[Row] = []
            table = list(source.cut.table)
            for number, view in source.cut.views.items():
                meta[number] = []
                for slot, block in self._through(self._rows(view, number, table, slots, missing)):
                    (meta[number] if slot == META_SLOT else slots[slot].blocks).append(block)
            source.cut.close()
            progress.note = "files"
            progress.total = progress.done + sum(CHUNKS.decode(value).size for _, value in missing)
            self._chunks(source, missing)
        lists = [(slot, one) for slot, one in enumerate(slots) if one.blocks]
        named = [b""] * SLOTS
        jobs = ((slot, _encode(one), 0) for slot, one in lists)
        for slot, block in self._through(jobs):
            named[slot] = block
        stored = asdict(source.format)
        root = Root(stored, sorted(meta), table, named, meta, source.files, sorted(tally.lost))
        ((_, root_id),) = self._through(iter([(0, _encode(root), 0)]))
        self._writer.finish()
        stamp = datetime.fromtimestamp(made, UTC).strftime("%Y%m%dT%H%M%S%f")[:-3] + "Z"
        manifest = Manifest(
            name=f"{stamp}-{self._random(2).hex()}",
            server=source.format.store,
            made=int(made),
            root=root_id.hex(),
            tgserve=__version__,
            store_format=source.format.format,
            oldest_code=source.format.oldest_code,
            seconds=round(self._now() - made, 3),
            rows=tally.rows,
            row_bytes=tally.row_bytes,
            chunks=tally.chunks,
            chunk_bytes=tally.chunk_bytes,
            lost=len(tally.lost),
            blocks=tally.blocks,
            new_blocks=tally.new_blocks,
            new_bytes=self._writer.bytes,
        )
        self._repository.objects.put(manifest.file, manifest.encode(self._repository.keys))
        return manifest

    def _rows(
        self, view: Snapshot, number: int, table: list[int], slots: list[Listing], missing: list[Row]
    ) -> Iterator[tuple[int, bytes, int]]:
        """(slot, content, bytes) of each block; chunks that its rows speak of are noted on the way."""
        tally = self._tally
        for piece in owned(view, number, table):
            rows = piece.rows
            tally.rows += len(rows)
            tally.row_bytes += piece.bytes
            if piece.slot != META_SLOT and rows[0][0][2] <= CHUNKS.tag <= rows[-1][0][2]:
                for key, value in rows:
                    if key[2] == CHUNKS.tag:
                        self._note_chunk(key[HEAD_BYTES:], value, slots[piece.slot].chunks, missing)
            yield piece.slot, encode_rows(rows), piece.bytes

    def _note_chunk(self, chunk: bytes, value: bytes, listed: list[bytes], missing: list[Row]) -> None:
        row = CHUNKS.decode(value)
        self._tally.chunks += 1
        self._tally.chunk_bytes += row.size
        listed.append(chunk)
        if chunk not in self._known:
            missing.append((chunk, value))

    def _through(self, blocks: Iterator[tuple[int, bytes, int]]) -> Iterator[tuple[int, bytes]]:
        """(slot, id) of each block, in order, once what is new of it is on its way to the target."""
        flying: deque[tuple[int, int, Future[Made]]] = deque()
        for slot, content, size in blocks:
            flying.append((slot, size, self._pool.submit(self._seal_rows, content)))
            if len(flying) > AHEAD:
                yield self._landed(*flying.popleft())
        while flying:
            yield self._landed(*flying.popleft())

    def _landed(self, slot: int, size: int, future: Future[Made]) -> tuple[int, bytes]:
        self._go_on()
        block, sealed = future.result()
        self._tally.blocks += 1
        self._progress.done += size
        if sealed is not None:
            self._keep(block, sealed)
        return slot, block

    def _seal_rows(self, content: bytes) -> Made:
        block = self._sealer.id_of(content)
        return block, None if block in self._known else self._sealer.seal(block, ROWS, content)

    def _chunks(self, source: Source, missing: list[Row]) -> None:
        flying: deque[tuple[bytes, int, Future[Sealed | None]]] = deque()
        self._tally.blocks += self._tally.chunks - len(missing)

        def land() -> None:
            chunk, size, future = flying.popleft()
            self._go_on()
            sealed = future.result()
            self._progress.done += size
            if sealed is None:
                self._tally.lost.append(chunk)
            else:
                self._tally.blocks += 1
                self._keep(chunk, sealed)

        for chunk, value in missing:
            row = CHUNKS.decode(value)
            flying.append((chunk, row.size, self._pool.submit(self._seal_chunk, source, chunk, row)))
            if len(flying) > CHUNKS_AHEAD:
                land()
        while flying:
            land()

    def _seal_chunk(self, source: Source, chunk: bytes, row: c.Chunk) -> Sealed | None:
        record = source.record(chunk, row)
        return None if record is None else self._sealer.seal(chunk, CHUNK, record)

    def _keep(self, block: bytes, sealed: Sealed) -> None:
        if block in self._added:
            return
        self._added.add(block)
        self._tally.new_blocks += 1
        self._writer.add(block, *sealed)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped("the backup was stopped; those before it are what they were")
