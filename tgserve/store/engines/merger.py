"""A batch written into an environment by a process of its own, from the log that holds it.

Why a process: the binding of LMDB lets the interpreter go for every row it puts, and whoever wants it back waits for
the loop, so that 50,000 rows take a second beside a busy loop and 0.1 s without it (docs/decisions/0006). The log is on
the disk already: the child is told which one, reads it, and writes its rows in one transaction, as the server would.

The child writes nothing for a server that is gone: it takes LMDB's write lock first, then looks whether its parent is
still the one that started it. Who opens an environment takes that lock once before it reads the epoch (logged.py), so
whatever a child of the server before it had begun is done by then, and what it had not begun never is.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import subprocess
import threading
from pathlib import Path
from typing import IO, Any

import lmdb
import msgspec

from tgserve.child import start_child
from tgserve.errors import StoreError, StoreFull
from tgserve.store.engine import NeedsRoom
from tgserve.store.engines.lmdb import LmdbEngine, translated
from tgserve.store.engines.logfile import LogFile

IDLE_SECONDS = 30.0
"""A child that has nothing to do for so long ends; the next batch starts another."""
LOG_EPOCH = b"\xff\xff\xff"
"""Behind all keys of the store (tag 0xff is no keyspace's); scans end before it."""
DONE, ROOM, FULL, FAILED, ORPHAN = "done", "room", "full", "failed", "orphan"

_LENGTH = struct.Struct("<I")


class Batch(msgspec.Struct, array_like=True):
    """Write the records of `epoch` in `file` into the environment at `path`, and raise its epoch."""

    path: str
    map_bytes: int
    file: str
    epoch: int
    records: int


class Outcome(msgspec.Struct, array_like=True):
    """`sound`: the environment stands where it stood, or has the batch."""

    kind: str
    reason: str = ""
    sound: bool = True


_batch = msgspec.msgpack.Decoder(Batch).decode
_outcome = msgspec.msgpack.Decoder(Outcome).decode
_encode = msgspec.msgpack.Encoder().encode


class Lost(Exception):
    """There is no child, or it ended without an answer: nobody knows yet what it has done, but it does no more."""


class Merger:
    """The process's child, started by the first batch. Callers are threads; one batch at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._users = 0

    def use(self) -> None:
        with self._lock:
            self._users += 1

    def release(self) -> None:
        """The last user ends the child."""
        with self._lock:
            self._users -= 1
            if not self._users:
                self._end()

    def merge(self, batch: Batch) -> Outcome:
        """Blocks. Lost: look at the environment's epoch, and write the batch yourself."""
        with self._lock:
            try:
                child = self._alive()
                if child.poll() is not None:  # it had nothing to do for long
                    self._end()
                    child = self._alive()
                assert child.stdin is not None and child.stdout is not None
                _send(child.stdin, _encode(batch))
                return _outcome(_receive(child.stdout))
            except (OSError, EOFError, msgspec.DecodeError) as fault:
                self._end()
                raise Lost(str(fault)) from fault

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._child = start_child("tgserve.store.engines.merger")
        return self._child

    def _end(self) -> None:
        """It finishes what it is doing: when this returns it does no more."""
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(OSError):
            child.stdin.close()
        child.wait()
        child.stdout.close()


MERGER = Merger()


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    head = pipe.read(_LENGTH.size)
    data = pipe.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""
    if not data:
        raise EOFError("the other end has closed")
    return data


# -- the child -----------------------------------------------------------


def main() -> None:
    """Serve the parent at stdin and stdout until it closes them or has nothing to do for long."""
    for number in (signal.SIGINT, signal.SIGTERM):  # what is begun is finished; the parent closes the pipe
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()
    requests, answers = os.fdopen(0, "rb"), os.fdopen(1, "wb")
    while select.select([requests], [], [], IDLE_SECONDS)[0]:
        try:
            batch = _batch(_receive(requests))
            _send(answers, _encode(take_in(batch, parent)))
        except (EOFError, OSError):
            return


def take_in(batch: Batch, parent: int) -> Outcome:
    """Do it, unless the process `parent` has ended."""
    try:
        file = LogFile(Path(batch.path) / batch.file)
        try:
            rows = file.replay(batch.epoch)
        finally:
            file.close()
        if file.records != batch.records:
            return Outcome(FAILED, f"{file.path}: {file.records} records in place of {batch.records}")
        rows[LOG_EPOCH] = struct.pack("<Q", batch.epoch + 1)
        engine = LmdbEngine(Path(batch.path), batch.map_bytes)
    except (StoreError, OSError) as fault:
        return Outcome(FAILED, str(fault))
    try:
        with engine.env.begin(write=True) as txn:
            if os.getppid() != parent:
                txn.abort()
                return Outcome(ORPHAN, "the server has ended")
            stored = txn.get(LOG_EPOCH)
            if (struct.unpack("<Q", stored)[0] if stored is not None else 0) != batch.epoch:
                txn.abort()
                return Outcome(FAILED, f"{batch.path} is of another epoch")
            gone = [key for key, value in rows.items() if value is None]
            for key in gone:
                txn.delete(key)
                del rows[key]
            keys = sorted(
                rows
            )  # rows that are neighbours share pages; pairs would take three times as long to sort
            pairs: Any = zip(keys, map(rows.__getitem__, keys), strict=True)
            txn.cursor().putmulti(pairs)
        return Outcome(DONE)
    except lmdb.MapFullError as fault:
        return Outcome(ROOM, str(fault))
    except lmdb.Error as fault:
        told = translated(Path(batch.path), fault)
        return Outcome(FULL if isinstance(told, StoreFull) else FAILED, str(told), engine.sound())
    finally:
        engine.close()


def checked(outcome: Outcome) -> None:
    """Raise what the child's answer says: NeedsRoom, StoreFull, StoreError; nothing when it is done."""
    if outcome.kind == ROOM:
        raise NeedsRoom(outcome.reason)
    if outcome.kind == FULL:
        raise StoreFull(outcome.reason)
    if outcome.kind != DONE:
        raise StoreError(outcome.reason)


if __name__ == "__main__":
    main()
