"""One log file: records of one epoch from its start, each flushed before the next is begun.

A record is length, CRC-32 (seeded with the epoch and the number), number, payload. What is behind the last one is void:
of an older epoch, or torn. Payload: msgpack of the rows put (value) and the keys deleted (None).
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path

import msgspec

from tgserve.errors import StoreError, StoreFull
from tgserve.store.engine import Rows
from tgserve.store.engines.lmdb import translated

_HEADER = struct.Struct("<IIQ")
encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[bytes, bytes | None]).decode


def _crc(payload: bytes, epoch: int, number: int) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack("<QQ", epoch, number)))


class LogFile:
    """Use: `replay(epoch)` or `begin(epoch)`, then `append`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        made = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if made:
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        self.epoch = 0
        self.records = 0
        """In the file, of this epoch."""
        self.end = 0
        self.clean = True
        """Behind `end` stands nothing that could be taken for a record: an append that failed may leave one."""

    def begin(self, epoch: int) -> None:
        """Write from the start again: what is there is void."""
        self.epoch, self.records, self.end = epoch, 0, 0

    def append(self, payload: bytes) -> None:
        """Durable on return. StoreFull, StoreError: nothing was kept."""
        number = self.records + 1
        header = _HEADER.pack(len(payload), _crc(payload, self.epoch, number), number)
        try:
            written = os.pwritev(self._file, (header, payload), self.end)
            if written != len(header) + len(payload):
                raise StoreFull(f"{self.path}: the log takes no more")
            os.fdatasync(self._file)
        except (OSError, StoreFull) as fault:
            # What may be there already must not come back at the next start.
            self.clean = False
            with contextlib.suppress(OSError):
                self.clean = os.pwrite(self._file, bytes(_HEADER.size), self.end) == _HEADER.size
            if isinstance(fault, StoreFull):
                raise
            raise translated(self.path.parent, fault) from fault
        self.end += len(header) + len(payload)
        self.records = number
        self.clean = True

    def replay(self, epoch: int) -> Rows:
        """The rows of all valid records of the epoch; the next is appended behind them. StoreError when a record is
        damaged: one before a valid one."""
        with open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            data = file.read()
        self.begin(epoch)
        rows: Rows = {}
        while (payload := _record(data, self.end, epoch, self.records + 1)) is not None:
            rows.update(_decode(payload))
            self.records += 1
            self.end += _HEADER.size + len(payload)
        if self.end + _HEADER.size <= len(data):
            # Torn, void, or damaged? Each record was flushed before the next was begun, so nothing valid may follow.
            size = _HEADER.unpack_from(data, self.end)[0]
            if _record(data, self.end + _HEADER.size + size, epoch, self.records + 2) is not None:
                raise StoreError(
                    f"{self.path} is damaged at byte {self.end}: restore a backup or ask for help"
                )
        return rows

    def size(self) -> int:
        return os.fstat(self._file).st_size

    def close(self) -> None:
        os.close(self._file)


def _record(data: bytes, at: int, epoch: int, number: int) -> bytes | None:
    """The payload of the valid record `number` at `at`."""
    if at + _HEADER.size > len(data):
        return None
    size, crc, found = _HEADER.unpack_from(data, at)
    payload = data[at + _HEADER.size : at + _HEADER.size + size]
    if found != number or len(payload) != size or crc != _crc(payload, epoch, number):
        return None
    return payload
