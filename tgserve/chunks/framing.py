"""Records of a pack: a header of 52 bytes and the stored bytes. And how a pack is walked from header to header.

Header, big-endian: magic "CHNK", flags (1 zstd, 2 sealed), 3 bytes 0, id (32), size of the content (4), length of the
stored bytes (4), CRC-32 of the 48 bytes before it. The stored bytes need no sum of their own: the id proves them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tgserve import limits

_HEADER = struct.Struct(">4sB3x32sII")
_SUM = struct.Struct(">I")
HEADER_BYTES = _HEADER.size + _SUM.size
MAGIC = b"CHNK"
SHADOW = b"SHDW"
ZSTD = 1
SEALED = 2
STORED_BYTES = limits.CHUNK_BYTES + 64
"""The most that is stored of one chunk: nothing is compressed into more, sealing adds 28."""
WINDOW_BYTES = 1 << 18
"""What a walk reads at once."""


@dataclass(frozen=True, slots=True)
class Header:
    id: bytes
    flags: int
    size: int
    length: int
    """Of the stored bytes; a record is HEADER_BYTES longer."""


def pack_record(chunk_id: bytes, flags: int, size: int, stored: bytes) -> bytes:
    head = _HEADER.pack(MAGIC, flags, chunk_id, size, len(stored))
    return b"".join((head, _SUM.pack(zlib.crc32(head)), stored))


def shadow_of(record: bytes) -> tuple[bytes, memoryview]:
    """In pieces, as nothing is copied for a record either: the same number of bytes, which no walk takes for one."""
    return SHADOW, memoryview(record)[len(SHADOW) :]


def header_of(record: bytes, at: int = 0) -> Header | None:
    """None: no header stands there."""
    if len(record) < at + HEADER_BYTES:
        return None
    magic, flags, chunk_id, size, length = _HEADER.unpack_from(record, at)
    if magic != MAGIC or length > STORED_BYTES or not 1 <= size <= limits.CHUNK_BYTES:
        return None
    if _SUM.unpack_from(record, at + _HEADER.size)[0] != zlib.crc32(record[at : at + _HEADER.size]):
        return None
    return Header(chunk_id, flags, size, length)


def walk(
    read: Callable[[int, int], bytes], offset: int, end: int, window: int = WINDOW_BYTES
) -> Iterator[tuple[int, Header]]:
    """(offset, header) of the records from `offset`, as long as whole ones follow each other below `end`.

    `read(offset, length)` may return less at the end of the file."""
    held, start = b"", offset
    while offset + HEADER_BYTES <= end:
        at = offset - start
        if not 0 <= at <= len(held) - HEADER_BYTES:
            held, start, at = read(offset, min(window, end - offset)), offset, 0
        header = header_of(held, at)
        if header is None or offset + HEADER_BYTES + header.length > end:
            return
        yield offset, header
        offset += HEADER_BYTES + header.length
