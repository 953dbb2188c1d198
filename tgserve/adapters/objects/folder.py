"""Objects as files of a folder: a local disk, a mounted share."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tgserve.adapters.objects.contract import Entry, InUse, NoRoom, NotThere, ObjectsError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DRAFT = ".new"
LOCK = "lock"


class FolderObjects:
    """Folders are 0700, files 0600. Written under another name, flushed, renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)

    def prepare(self) -> None:
        with _faults(self.path, "is not writable"):
            self._folder(self.path)
            trial = self.path / ("probe" + DRAFT)
            os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            trial.unlink()

    def put(self, name: str, data: bytes) -> None:
        path = self.path / name
        draft = path.with_name(path.name + DRAFT)
        with _faults(self.path, "cannot be written"):
            self._folder(path.parent)
            try:
                file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                try:
                    left = memoryview(data)
                    while left:
                        left = left[os.write(file, left) :]
                    os.fsync(file)
                finally:
                    os.close(file)
                draft.replace(path)
            except OSError:
                with suppress(OSError):
                    draft.unlink()
                raise
            _sync(path.parent)

    def get(self, name: str, offset: int = 0, length: int = -1) -> bytes:
        path = self.path / name
        with _faults(path, "cannot be read"):
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                wanted = os.fstat(file).st_size - offset if length < 0 else length
                pieces: list[bytes] = []
                while wanted > 0 and (piece := os.pread(file, wanted, offset)):
                    pieces.append(piece)
                    offset += len(piece)
                    wanted -= len(piece)
            finally:
                os.close(file)
        if wanted > 0 and length >= 0:
            raise NotThere(f"{path} is too short")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def entries(self, prefix: str) -> list[Entry]:
        found = []
        with _faults(self.path, "cannot be read"):
            for path in (self.path / prefix).rglob("*"):
                if path.is_file() and not path.name.endswith(DRAFT):
                    stat = path.stat()
                    found.append(Entry(path.relative_to(self.path).as_posix(), stat.st_size, stat.st_mtime))
        return sorted(found, key=lambda entry: entry.name)

    def delete(self, name: str) -> None:
        with _faults(self.path, "cannot be written"):
            (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[Callable[[], None]]:
        """flock: the system takes it back when the holder dies."""
        with _faults(self.path, "is not writable"):
            self._folder(self.path)
            file = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.read(file, 100).decode(errors="replace").strip() or "another process"
                raise InUse(f"{self.where} is in use by {holder}: wait for its end") from None
            with suppress(OSError):  # who it is, is only for a sentence
                os.ftruncate(file, 0)
                os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
            yield lambda: None
        finally:
            os.close(file)

    def _folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


def _sync(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _faults(path: Path, what: str) -> Iterator[None]:
    """The system's words as sentences."""
    try:
        yield
    except FileNotFoundError as fault:
        raise NotThere(f"{fault.filename or path} is not there") from fault
    except OSError as fault:
        reason = os.strerror(fault.errno or errno.EIO)
        if fault.errno in _FULL:
            raise NoRoom(f"{path} is full ({reason}): make room, or choose another target") from fault
        raise ObjectsError(f"{path} {what} ({reason})") from fault
