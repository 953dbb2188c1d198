"""Containers and gzip_packed: many messages in one, and one made smaller. Bytes in, offsets out; nothing is decoded.

Rules: at most 1024 messages, no container in a container, every length a multiple of 4 and inside (SECURITY 3.9);
inflating stops at 4 MiB for everything one packet holds, one level deep (3.11). TDLib and mtcute put a zlib stream
where the description says gzip, so both are read (CLIENTS A.5.5, B.4).
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from tgserve.limits import CONTAINER_MESSAGES, GUNZIP_BYTES
from tgserve.mtproto.constructors import (
    GZIP_PACKED,
    MESSAGE_BYTES,
    MSG_CONTAINER,
    container_head,
    message_head,
    read_message,
    read_u32,
    tl_bytes,
    u32,
)

isal_zlib: Any
try:
    from isal import isal_zlib
except ImportError:
    isal_zlib = None

PACK_MESSAGES: Final = 1020
"""What we put into one container: TDLib's own number, below everybody's 1024."""
PACK_BYTES: Final = 512 << 10
"""A container of ours stays below this (a single larger message goes alone)."""
DEFLATE_FROM: Final = 1024
"""Results below this many bytes are sent as they are."""
SAMPLE_BYTES: Final = 2048
DEFLATE_TO: Final = 256 << 10
"""Longer answers are pieces of files: the loop is not held up for them."""
_GZIP_WBITS: Final = 31
_GZIP_OR_ZLIB_WBITS: Final = 47

Part = tuple[int, int, int, int]
"""msg_id, seq_no, start and end of the body in the packet."""
Packet = tuple[int, int, bytes]
"""msg_id, seq_no, body: ready to be sealed."""


class Malformed(Exception):
    """The bytes are not what their constructor says."""


def split(data: bytes, at: int, end: int) -> list[Part]:
    """The messages of the container whose constructor stands before `at`. Raises Malformed (code 64)."""
    if end - at < 4:
        raise Malformed
    (count,) = read_u32(data, at)
    if count > CONTAINER_MESSAGES or count * MESSAGE_BYTES > end - at - 4:
        raise Malformed
    at += 4
    parts: list[Part] = []
    for _ in range(count):
        if end - at < MESSAGE_BYTES + 4:
            raise Malformed
        msg_id, seq_no, size = read_message(data, at)
        at += MESSAGE_BYTES
        if size & 3 or size < 4 or size > end - at or read_u32(data, at)[0] == MSG_CONTAINER:
            raise Malformed
        parts.append((msg_id, seq_no, at, at + size))
        at += size
    if at != end:
        raise Malformed
    return parts


def join(messages: list[Packet]) -> bytes:
    """The body of a container with these messages."""
    pieces = [container_head(MSG_CONTAINER, len(messages))]
    for msg_id, seq_no, body in messages:
        pieces += (message_head(msg_id, seq_no, len(body)), body)
    return b"".join(pieces)


def inflate(data: bytes, at: int = 4, end: int | None = None, limit: int = GUNZIP_BYTES) -> bytes:
    """What gzip_packed holds; its constructor stands before `at`. Raises Malformed, also for a second level and for
    more than `limit` bytes. The dispatcher uses it for a call packed inside invokeWithLayer (TDLib packs there)."""
    if end is None:
        end = len(data)
    if end - at < 4:
        raise Malformed
    size, start = data[at], at + 1
    if size == 254:
        size, start = int.from_bytes(data[at + 1 : at + 4], "little"), at + 4
    if size == 255 or size > end - start:
        raise Malformed
    stream = zlib.decompressobj(_GZIP_OR_ZLIB_WBITS)
    try:
        plain = stream.decompress(data[start : start + size], limit + 1)
    except zlib.error as fault:
        raise Malformed from fault
    if not stream.eof or len(plain) > limit or len(plain) < 4 or read_u32(plain, 0)[0] == GZIP_PACKED:
        raise Malformed
    return plain


def _pack(body: bytes) -> bytes:
    """A gzip stream: small is worth less than quick. Intel's library makes one of a page of history in 8 us instead of
    70, for a twelfth more bytes; zlib stands in where there is no wheel of it."""
    if isal_zlib is not None:
        packed: bytes = isal_zlib.compress(body, 0, _GZIP_WBITS)
        return packed
    stream = zlib.compressobj(1, zlib.DEFLATED, _GZIP_WBITS)
    return stream.compress(body) + stream.flush()


def deflate(body: bytes) -> bytes:
    """`body` as gzip_packed when that pays, else as it is. A sample decides first: media would cost 10 ms in vain."""
    size = len(body)
    if not DEFLATE_FROM <= size <= DEFLATE_TO:
        return body
    if size > 2 * SAMPLE_BYTES:
        middle = size // 2
        sample = body[middle : middle + SAMPLE_BYTES]
        if len(_pack(sample)) > SAMPLE_BYTES * 7 // 8:
            return body
    packed = _pack(body)
    if len(packed) > size * 9 // 10:
        return body
    return u32(GZIP_PACKED) + tl_bytes(packed)
