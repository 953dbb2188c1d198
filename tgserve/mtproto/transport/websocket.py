"""WebSocket (RFC 6455) as web clients use it: a byte stream in binary frames that carries the obfuscated transport.

Frames are not packets: one may hold half of one or several. Pings are answered, closes echoed; extensions and text are
refused. The upgrade itself is in http.py. Everything the layer itself has to say goes to `output`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1

from tgserve.errors import ProtocolError
from tgserve.limits import FRAME_BYTES, KIB
from tgserve.mtproto.transport.frames import Frame, Held
from tgserve.mtproto.transport.obfuscated import HEADER_BYTES, Opened, open_obfuscated

WS_FRAME_BYTES = FRAME_BYTES + 4 * KIB
"""One frame may hold a largest packet and the start of the stream, masked or in pieces."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
_CONTINUATION, _BINARY, _CLOSE, _PING, _PONG = 0, 2, 8, 9, 10
_NORMAL, _PROTOCOL_ERROR, _UNSUPPORTED, _TOO_BIG = 1000, 1002, 1003, 1009


def accept_token(key: bytes) -> bytes:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    return b64encode(sha1(key + _GUID).digest())


def unmask(data: bytes, mask: bytes) -> bytes:
    """data xor the repeated mask, as one big number: 30 times as fast as byte by byte."""
    size = len(data)
    stream = (mask * ((size >> 2) + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


def frame(opcode: int, data: bytes) -> bytes:
    """One whole frame of ours: never masked."""
    size = len(data)
    if size < 126:
        return bytes((0x80 | opcode, size)) + data
    if size < 65536:
        return bytes((0x80 | opcode, 126, size >> 8, size & 255)) + data
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + data


class WebSocket(Held):
    """The stream after the upgrade. `opened` tells the channel what came to light in the first 64 bytes."""

    __slots__ = ("_fragmented", "_header", "_inner", "_opened", "_padding", "closed", "output")

    def __init__(self, padding: Callable[[int], bytes], opened: Callable[[Opened], None]) -> None:
        super().__init__()
        self._padding = padding
        self._opened = opened
        self._header = b""
        self._inner: Opened | None = None
        self._fragmented = False
        self.output = b""
        self.closed = False

    def receive(self, data: bytes, frames: list[Frame]) -> None:
        if self._held is not None:
            data = self._join(data)
        end = len(data)
        at = 0
        while end - at >= 2 and not self.closed:
            size = data[at + 1] & 0x7F
            start = at + (6 if size < 126 else 8 if size == 126 else 14)
            self._check(data[at], data[at + 1])
            if start > end:
                return self._hold(data, at, start - at)
            if size >= 126:
                size = int.from_bytes(data[at + 2 : start - 4], "big")
                if size > WS_FRAME_BYTES:
                    raise self._fail(_TOO_BIG, "frame too long")
            stop = start + size
            if stop > end:
                return self._hold(data, at, stop - at)
            self._frame(data[at], unmask(data[start:stop], data[start - 4 : start]), frames)
            at = stop
        if at < end and not self.closed:
            self._hold(data, at, 2)

    def _check(self, first: int, second: int) -> None:
        """Refuse what RFC 6455 forbids, from the two fixed bytes of a frame."""
        opcode = first & 15
        if first & 0x70 or not second & 0x80:
            raise self._fail(_PROTOCOL_ERROR, "extension bits, or no mask")
        if opcode >= _CLOSE:
            if opcode > _PONG or not first & 0x80 or second & 0x7F > 125:
                raise self._fail(_PROTOCOL_ERROR, "control frame malformed")
        elif opcode not in (_CONTINUATION, _BINARY):
            raise self._fail(_UNSUPPORTED, "only binary frames")
        elif (opcode == _CONTINUATION) is not self._fragmented:
            raise self._fail(_PROTOCOL_ERROR, "fragments out of order")

    def _frame(self, first: int, data: bytes, frames: list[Frame]) -> None:
        opcode = first & 15
        if opcode < _CLOSE:
            self._fragmented = not first & 0x80
            self._stream(data, frames)
        elif opcode == _PING:
            self.output += frame(_PONG, data)
        elif opcode == _CLOSE:
            self.output += frame(_CLOSE, data[:2] if len(data) >= 2 else _NORMAL.to_bytes(2, "big"))
            self.closed = True

    def _stream(self, data: bytes, frames: list[Frame]) -> None:
        if self._inner is None:
            data = self._header + data
            if len(data) < HEADER_BYTES:
                self._header = data
                return
            self._inner = open_obfuscated(data[:HEADER_BYTES], self._padding)
            self._opened(self._inner)
            self._header = b""
            data = data[HEADER_BYTES:]
        if data:
            self._inner.framing.receive(data, frames)

    def _fail(self, status: int, reason: str) -> ProtocolError:
        self.output += frame(_CLOSE, status.to_bytes(2, "big"))
        self.closed = True
        return ProtocolError(f"websocket: {reason}")

    def _said(self) -> bytes:
        """What waits to be said; it must go out before anything new."""
        said, self.output = self.output, b""
        return said

    def wrap(self, payload: bytes) -> bytes:
        assert self._inner is not None, "nothing to answer before a packet has come"
        return self._said() + frame(_BINARY, self._inner.framing.wrap(payload))

    def quick_ack(self, token: int) -> bytes:
        assert self._inner is not None, "nothing to answer before a packet has come"
        return self._said() + frame(_BINARY, self._inner.framing.quick_ack(token))

    def error(self, code: int) -> bytes:
        if self._inner is None or self.closed:
            return self._said()
        return self._said() + frame(_BINARY, self._inner.framing.error(code))
