"""A data directory from a backup, on whatever machine: store, chunks, settings, and the keys last of all.

Rules: only into a folder that is not there or empty. Until the keys are in their place no server starts on it; a
restore that fails takes away what it made. Chunks go to one disk, DIR/chunks/disk-1; the search index is built by the
first start.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec
from msgspec.structs import replace

from tgserve.backup.creating import Progress
from tgserve.backup.faults import BackupError, Damaged, Stopped
from tgserve.backup.manifest import Listing, Manifest, Root
from tgserve.backup.repository import Repository
from tgserve.backup.rows import decode_rows
from tgserve.chunks.backend import Identity
from tgserve.chunks.coding import Coder, Rotten
from tgserve.chunks.local import LocalDisk
from tgserve.errors import StoreError
from tgserve.store import chunk_records as c
from tgserve.store.engine import Engine, NeedsRoom, Rows
from tgserve.store.format import FORMAT, Format, read_format, write_format
from tgserve.store.keyspaces import CHUNK_DISKS, CHUNKS
from tgserve.store.packing import HEAD_BYTES
from tgserve.store.shards import engine_named, take_lock
from tgserve.store.slots import slot_of

SECRET = "keys/secret.key"
FIRST_DISK = "chunks/disk-1"
MARK = "restoring"
"""A file that stands in the directory while it is not whole."""
MAP_BYTES = 64 << 30
COMMIT_BYTES = 6 << 20
APPEND_BYTES = 8 << 20
WORKERS = 4
AHEAD = 32
SPARE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    rows: int
    chunks: int
    lost: int
    """Chunks that had no good copy when the backup was made."""


def refuse_taken(data: Path, server: str) -> None:
    """BackupError unless `data` is not there or empty; the sentence names what is there."""
    if data.exists() and not data.is_dir():
        raise BackupError(f"{data} is a file: a restore needs an empty directory")
    if not data.exists() or not any(one.name != "lost+found" for one in data.iterdir()):
        return
    if (data / MARK).exists():
        raise BackupError(f"{data} holds a restore that was cut short: remove it, then restore again")
    store = data / "store"
    if (store / "lock").exists():
        try:
            os.close(take_lock(store))
        except StoreError as fault:
            raise BackupError(
                f"{fault}: a restore goes into an empty directory, never onto a live server"
            ) from None
    try:
        found = read_format(store)
    except StoreError:
        found = None
    if found is not None and server and found.store != server:
        raise BackupError(
            f"{data} holds the data of another server ({found.store}, the backup is of {server}): restore into an empty"
            " directory"
        )
    raise BackupError(
        f"{data} is not empty: restore into an empty directory, and move it into place afterwards"
    )


def refuse_newer(manifest: Manifest) -> None:
    if manifest.oldest_code > FORMAT:
        raise BackupError(
            f"backup {manifest.name} was made by a newer tgserve ({manifest.tgserve}, store format"
            f" {manifest.store_format}; this one reads up to {FORMAT}): update it"
        )


def restore(
    repository: Repository,
    manifest: Manifest,
    data: Path,
    random: Callable[[int], bytes],
    now: float,
    progress: Progress,
    stop: threading.Event,
) -> Restored:
    """BackupError, ObjectsError, StoreError: nothing is left of it."""
    refuse_newer(manifest)
    refuse_taken(data, manifest.server)
    progress.note = "reading the index"
    repository.load_index()
    run = _Run(repository, manifest, data, random, now, progress, stop)
    made = not data.exists()
    try:
        run.prepare()
        return run.go()
    except OSError as fault:
        run.clear(made)
        raise BackupError(f"{fault.filename or data}: {os.strerror(fault.errno or 5)}") from fault
    except BaseException:
        run.clear(made)
        raise
    finally:
        run.close()


class _Run:
    def __init__(
        self,
        repository: Repository,
        manifest: Manifest,
        data: Path,
        random: Callable[[int], bytes],
        now: float,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self._repository = repository
        self._manifest = manifest
        self._data = data
        self._random = random
        self._now = int(now)
        self._progress = progress
        self._stop = stop
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="restore")
        self._root: Root = repository.root(manifest)
        self._lists: dict[int, Listing] = {
            slot: repository.listing(block, slot) for slot, block in enumerate(self._root.slots) if block
        }
        secret = self._root.files.get(SECRET)
        if secret is None:
            raise BackupError(f"backup {manifest.name} holds no {SECRET}")
        self._coder = Coder(secret, False, random)
        self._rows = 0
        self._chunks = 0

    def prepare(self) -> None:
        """Everything that can be known to go wrong, before anything is written."""
        places, wanted = self._repository.index.places, 0
        lost = set(self._root.lost)
        for block, what in self._all_blocks():
            place = places.get(block)
            if place is not None:
                wanted += place.length
            elif block not in lost:
                self._repository.reader.get(block, what)  # says which, and raises
        for name in self._root.files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise BackupError(f"the backup holds a file {name}, which has no place in a data directory")
        above = next(one for one in (self._data, *self._data.parents) if one.exists())
        room = shutil.disk_usage(above).free
        needed = wanted + self._manifest.row_bytes + SPARE_BYTES
        if room < needed:
            raise BackupError(
                f"{above} has {room >> 20} MiB free, and this backup needs some {needed >> 20} MiB"
            )
        self._progress.total = wanted
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._data.chmod(0o700)
        (self._data / MARK).write_text(f"{self._manifest.name}\n", encoding="ascii")

    def go(self) -> Restored:
        stored = msgspec.convert(self._root.store, Format)
        folders = {str(number): f"shard-{number}" for number in self._root.shards}
        stored = dataclasses.replace(stored, shards=len(folders), places=folders, numbered=stored.next_number)
        store = self._data / "store"
        store.mkdir(mode=0o700)
        disk, line = self._disk(stored.store)
        engines: dict[int, Engine] = {}
        try:
            opening = engine_named(stored.engine)
            for number in self._root.shards:
                engines[number] = opening(stored.folders(store)[number], map_bytes=MAP_BYTES)
            self._progress.note = "messages and files"
            for number, blocks in self._root.meta.items():
                meta_rows: Rows = {}
                for _, content in self._read([(block, f"rows of shard {number}") for block in blocks]):
                    meta_rows.update(decode_rows(content))
                self._commit(engines[number], meta_rows)
            waiting: dict[int, Rows] = {number: {} for number in engines}
            sizes = dict.fromkeys(engines, 0)
            for slot, listing in self._lists.items():
                number = self._root.table[slot]
                places = self._files(disk, listing.chunks)
                for rows, size in self._slot(slot, listing, places):
                    waiting[number].update(rows)
                    sizes[number] += size
                    if sizes[number] > COMMIT_BYTES:
                        self._commit(engines[number], waiting[number])
                        waiting[number], sizes[number] = {}, 0
            home = slot_of(c.DISKS_OWNER)
            key = CHUNK_DISKS.key(home, c.DISKS_OWNER, line.number)
            waiting[self._root.table[home]][key] = CHUNK_DISKS.encode(line)
            for number, left in waiting.items():
                self._commit(engines[number], left)
        finally:
            disk.close()
            for engine in engines.values():
                engine.close()
        write_format(store, stored)
        self._settings()
        return Restored(self._manifest, self._rows, self._chunks, len(self._root.lost))

    def clear(self, made: bool) -> None:
        """Take away what was written; the directory too if it was not there before."""
        if not self._data.is_dir():
            return
        for name in ("store", "chunks", "keys.new", "keys", "tgserve.toml", MARK):
            path = self._data / name
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        if made and not any(self._data.iterdir()):
            self._data.rmdir()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _all_blocks(self) -> Iterator[tuple[bytes, str]]:
        for number, blocks in self._root.meta.items():
            yield from ((block, f"rows of shard {number}") for block in blocks)
        for slot, listing in self._lists.items():
            yield from ((block, f"rows of slot {slot}") for block in listing.blocks)
            yield from ((chunk, "part of a file") for chunk in listing.chunks)

    def _read(self, wanted: Iterable[tuple[bytes, str]]) -> Iterator[tuple[bytes, bytes]]:
        """(id, content), in order, some ahead."""
        flying: deque[tuple[bytes, Future[bytes]]] = deque()
        for block, what in wanted:
            flying.append((block, self._pool.submit(self._one, block, what)))
            if len(flying) > AHEAD:
                first, future = flying.popleft()
                yield first, future.result()
        for first, future in flying:
            yield first, future.result()

    def _one(self, block: bytes, what: str) -> bytes:
        if self._stop.is_set():
            raise Stopped("the restore was stopped; nothing is left of it")
        kind, content = self._repository.reader.get(block, what)
        if kind:
            try:
                self._coder.decode(block, content)
            except Rotten as fault:
                raise Damaged(f"block {block.hex()[:16]} ({what}) is no chunk: {fault}") from fault
        return content

    def _files(self, disk: LocalDisk, chunks: list[bytes]) -> dict[bytes, c.Copy]:
        """The chunks of a slot, appended to the disk: where each lies now."""
        lost = set(self._root.lost)
        places: dict[bytes, c.Copy] = {}
        batch: list[tuple[bytes, bytes]] = []
        size = 0

        def append() -> None:
            found = disk.append([record for _, record in batch])
            for (chunk, _), place in zip(batch, found, strict=True):
                places[chunk] = c.Copy(1, *place)

        for chunk, record in self._read((one, "part of a file") for one in chunks if one not in lost):
            batch.append((chunk, record))
            size += len(record)
            if size > APPEND_BYTES:
                append()
                batch, size = [], 0
            self._progress.done += len(record)
            self._chunks += 1
        if batch:
            append()
        return places

    def _slot(
        self, slot: int, listing: Listing, places: dict[bytes, c.Copy]
    ) -> Iterator[tuple[dict[bytes, bytes], int]]:
        """Rows of each block, chunks' rows with their new place, and bytes."""
        for block, content in self._read((one, f"rows of slot {slot}") for one in listing.blocks):
            rows = dict(decode_rows(content))
            for key, value in list(rows.items()):
                if key[2] == CHUNKS.tag:
                    found = places.get(key[HEAD_BYTES:])
                    rows[key] = CHUNKS.encode(replace(CHUNKS.decode(value), copies=(found,) if found else ()))
                elif key[2] == CHUNK_DISKS.tag:
                    del rows[key]
            self._rows += len(rows)
            self._progress.done += self._repository.index.places[block].length
            yield rows, len(content)

    def _commit(self, engine: Engine, rows: Rows) -> None:
        if not rows:
            return
        while True:
            try:
                return engine.bulk(rows)
            except NeedsRoom:
                engine.grow()

    def _disk(self, server: str) -> tuple[LocalDisk, c.ChunkDisk]:
        line = c.ChunkDisk(1, self._random(8).hex(), FIRST_DISK, added=self._now)
        disk = LocalDisk(self._data / FIRST_DISK)
        identity = Identity(server, line.disk, line.number)
        disk.found(identity)
        disk.open(identity)
        return disk, line

    def _settings(self) -> None:
        """Settings, then the keys, whole and at once; only then may a server start here."""
        draft = self._data / "keys.new"
        draft.mkdir(mode=0o700)
        for name, content in self._root.files.items():
            path = self._data / name
            if name.startswith("keys/"):
                path = draft / name.removeprefix("keys/")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = 0o644 if name == "keys/public.pem" else 0o600
            with os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb"
            ) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(draft)
        draft.rename(self._data / "keys")
        (self._data / MARK).unlink()
        _sync(self._data)
        _sync(self._data.absolute().parent)


def _sync(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
