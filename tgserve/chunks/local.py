"""A folder of a local file system as a disk: disk.json and packs/NNNNNNNNNN.pack. docs/DISK.md 11.

Only the newest pack is appended to, behind the last good record. A failed flush leaves pages nobody can speak for: that
pack is closed where it was good last, and never appended to again. Before each append the folder must still be the one
that was opened (same file system and file number of disk.json): a disk pulled or swapped takes nothing more.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from tgserve import limits
from tgserve.chunks import framing
from tgserve.chunks.backend import (
    DiskFault,
    DiskForeign,
    DiskFull,
    DiskMissing,
    Identity,
    Place,
    Room,
)

IDENTITY_FILE = "disk.json"
_UNFINISHED = IDENTITY_FILE + ".new"
"""A kill in the middle of the first start leaves it."""
PACKS = "packs"
_HEAD = struct.Struct(">8sI8s8sI")
"""Magic, number, the disk's id, zeros, CRC-32 of what is before it."""
_MAGIC = b"TGPACK01"
_VECTOR = 512
"""Buffers handed to one pwritev; Linux takes 1024."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ESTALE, errno.ENXIO)


class LocalDisk:
    """`reserve`: bytes that are left free, as the messages may live on the same file system."""

    first = _HEAD.size

    def __init__(self, path: Path, pack_bytes: int = limits.PACK_BYTES, reserve: int = 0) -> None:
        self.path = path
        self._packs_path = path / PACKS
        self._pack_bytes = pack_bytes
        self._reserve = reserve
        self._disk = b""
        self._seen: tuple[int, int] = (0, 0)
        """Device and inode of disk.json, as opened."""
        self._file = -1
        self._number = 0
        self._tail = 0
        self._closed: dict[int, int] = {}
        self._last = 0

    def identity(self) -> Identity | None:
        with _faults(self.path):
            try:
                raw = (self.path / IDENTITY_FILE).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
        try:
            return msgspec.json.decode(raw, type=Identity)
        except msgspec.DecodeError as fault:
            raise DiskForeign(f"{self.path / IDENTITY_FILE}: {fault}") from fault

    def found(self, identity: Identity) -> None:
        with _faults(self.path):
            for folder in (
                *reversed(self.path.parents),
                self.path,
            ):  # mkdir's parents=True gives them no mode
                if not folder.exists():
                    folder.mkdir(mode=0o700, exist_ok=True)
            ours = (PACKS, _UNFINISHED, "lost+found")
            strange = [one.name for one in self.path.iterdir() if one.name not in ours]
            if strange or (self._packs_path.exists() and any(self._packs_path.iterdir())):
                raise DiskForeign(f"{self.path} is not empty")
            self._packs_path.mkdir(mode=0o700, exist_ok=True)
            temporary = self.path / _UNFINISHED
            temporary.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(identity)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path / IDENTITY_FILE)
            _sync_folder(self.path)
            _sync_folder(self.path.parent)

    def open(self, identity: Identity) -> None:
        self.close()
        there = self.identity()
        if there is None:
            raise DiskMissing(f"{self.path}: there is no {IDENTITY_FILE}")
        if there != identity:
            raise DiskForeign(f"{self.path}: another disk lies there ({there.disk} of {there.server})")
        self._disk = identity.disk.encode()[:8]
        with _faults(self.path):
            self._seen = self._stamp()
            sizes = self._sizes()
            self._closed = sizes
            last = max(sizes, default=0)
            self._last = max(self._last, last)
            if last:
                self._resume(last)

    def append(self, records: Sequence[bytes], shadows: Sequence[bytes] = ()) -> list[Place]:
        with _faults(self.path):
            if self._stamp() != self._seen:
                raise DiskForeign(f"{self.path}: it is no longer the disk that was opened")
            size = sum(map(len, records))
            if size and self.room().free < size:
                raise DiskFull(f"{self.path} is full")
            if self._file < 0 or (self._tail > _HEAD.size and self._tail + size > self._pack_bytes):
                self._begin()
            places = []
            at = self._tail
            for record in records:
                places.append(Place(self._number, at, len(record)))
                at += len(record)
            try:
                self._write([*records, *(piece for one in shadows for piece in framing.shadow_of(one))])
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._file, self._tail)
                raise
            try:
                os.fdatasync(self._file)
            except OSError:
                self.close_pack()
                raise
            self._tail = at
            return places

    def forget_shadows(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.ftruncate(self._file, self._tail)

    def read(self, pack: int, offset: int, length: int) -> bytes:
        with _faults(self.path):
            file = os.open(self._pack_path(pack), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                found = os.pread(file, length, offset)
            finally:
                os.close(file)
        if len(found) != length:
            raise DiskMissing(f"{self.path}: pack {pack} ends before {offset + length}")
        return found

    def packs(self) -> dict[int, int]:
        found = dict(self._closed)
        if self._number:
            found[self._number] = self._tail
        return found

    def open_pack(self) -> int:
        return self._number

    def close_pack(self) -> None:
        """Stale bytes behind the last record are cut off."""
        if self._file < 0:
            return
        with suppress(OSError):
            os.ftruncate(self._file, self._tail)
        with suppress(OSError):
            os.close(self._file)
        self._closed[self._number] = self._tail
        self._file, self._number, self._tail = -1, 0, 0

    def drop(self, pack: int) -> None:
        if pack == self._number:
            return
        with _faults(self.path):
            if self._stamp() != self._seen:
                raise DiskForeign(f"{self.path}: it is no longer the disk that was opened")
            self._pack_path(pack).unlink(missing_ok=True)
            self._closed.pop(pack, None)

    def room(self) -> Room:
        with _faults(self.path):
            found = os.statvfs(self._packs_path)
        free = found.f_bavail * found.f_frsize - self._reserve
        return Room(max(0, free), found.f_blocks * found.f_frsize)

    def probe(self, write: bool) -> None:
        with _faults(self.path):
            if self._stamp() != self._seen:
                raise DiskForeign(f"{self.path}: it is no longer the disk that was opened")
            if write:
                trial = self.path / "probe"
                file = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                try:
                    os.write(file, b"tgserve\n")
                    os.fsync(file)
                finally:
                    os.close(file)
                    trial.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
        self._file, self._number, self._tail = -1, 0, 0

    # Inside.

    def _stamp(self) -> tuple[int, int]:
        found = (self.path / IDENTITY_FILE).stat()
        return found.st_dev, found.st_ino

    def _pack_path(self, number: int) -> Path:
        return self._packs_path / f"{number:010}.pack"

    def _sizes(self) -> dict[int, int]:
        found = {}
        for entry in os.scandir(self._packs_path):
            name, dot, kind = entry.name.partition(".")
            if dot and kind == "pack" and name.isdigit():
                found[int(name)] = entry.stat().st_size
        return found

    def _resume(self, number: int) -> None:
        """Go on behind the last whole record of the newest pack; a pack without a good head is left alone."""
        size = self._closed[number]
        if size >= self._pack_bytes:
            return
        file = os.open(self._pack_path(number), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        if os.pread(file, _HEAD.size, 0) != self._head(number):
            os.close(file)
            return
        tail = _HEAD.size
        for offset, header in framing.walk(lambda at, count: os.pread(file, count, at), tail, size):
            tail = offset + framing.HEADER_BYTES + header.length
        self._file, self._number, self._tail = file, number, tail
        del self._closed[number]

    def _begin(self) -> None:
        self.close_pack()
        number = self._last = self._last + 1
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._pack_path(number), flags, 0o600)
        self._closed[number] = 0  # its number is taken, even if the next lines fail
        try:
            os.pwrite(file, self._head(number), 0)
            os.fdatasync(file)
            _sync_folder(self._packs_path)
        except OSError:
            os.close(file)
            raise
        del self._closed[number]
        self._file, self._number, self._tail = file, number, _HEAD.size

    def _head(self, number: int) -> bytes:
        head = _HEAD.pack(_MAGIC, number, self._disk, bytes(8), 0)[:-4]
        return head + struct.pack(">I", zlib.crc32(head))

    def _write(self, pieces: list[bytes | memoryview]) -> None:
        at = self._tail
        for first in range(0, len(pieces), _VECTOR):
            views = [memoryview(piece) for piece in pieces[first : first + _VECTOR]]
            while views:
                done = os.pwritev(self._file, views, at)
                at += done
                while views and done >= len(views[0]):
                    done -= len(views.pop(0))
                if done:
                    views[0] = views[0][done:]


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """What the system says, in the contract's words."""
    try:
        yield
    except OSError as fault:
        reason = f"{path}: {os.strerror(fault.errno or errno.EIO)}"
        if fault.errno in _FULL:
            raise DiskFull(reason) from fault
        if fault.errno in _GONE:
            raise DiskMissing(reason) from fault
        raise DiskFault(reason) from fault
