"""Intermediate transport and its padded form.

packet   = length (4, little endian; bit 31: quick ack wanted) payload
padded   = the same with 0..15 random bytes behind the payload, counted in length
ack      = token (4, little endian), bare: bit 31 tells it from a length
"""

from __future__ import annotations

from collections.abc import Callable

from tgserve.limits import FRAME_BYTES
from tgserve.mtproto.transport.frames import I32, SHORTEST_PAYLOAD, U32, Frame, Held, refuse_size

TAG = b"\xee\xee\xee\xee"
PADDED_TAG = b"\xdd\xdd\xdd\xdd"
_QUICK_ACK = 0x80000000
_unpack = U32.unpack_from
_pack = U32.pack
head = U32.pack
"""In front of a packet of so many bytes."""
_PLAIN = bytes(8)
_made = tuple.__new__
"""What Frame(...) calls, without the call between."""


class Intermediate(Held):
    __slots__ = ()

    def receive(self, data: bytes, frames: list[Frame]) -> None:
        if self._held is not None:
            data = self._join(data)
        end = len(data)
        at = 0
        while end - at >= 4:
            word: int = _unpack(data, at)[0]
            size = word & 0x7FFFFFFF
            if not SHORTEST_PAYLOAD <= size <= FRAME_BYTES:
                raise refuse_size(size)
            start = at + 4
            stop = start + size
            if stop > end:
                return self._hold(data, at, size + 4)
            frames.append(_made(Frame, (data[start:stop], word >= _QUICK_ACK)))
            at = stop
        if at < end:
            self._hold(data, at, 4)

    def wrap(self, payload: bytes) -> bytes:
        return _pack(len(payload)) + payload

    def quick_ack(self, token: int) -> bytes:
        return _pack(token)

    def error(self, code: int) -> bytes:
        return _pack(4) + I32.pack(code)


class PaddedIntermediate(Intermediate):
    """0..15 bytes of padding are taken, 0..3 are sent: Telethon's decoder cuts no more than that."""

    __slots__ = ("_padding",)

    def __init__(self, padding: Callable[[int], bytes]) -> None:
        super().__init__()
        self._padding = padding

    def receive(self, data: bytes, frames: list[Frame]) -> None:
        first = len(frames)
        try:
            super().receive(data, frames)
        finally:
            frames[first:] = [Frame(trim(payload), quick_ack) for payload, quick_ack in frames[first:]]

    def wrap(self, payload: bytes) -> bytes:
        padding = self._padding(self._padding(1)[0] & 3)
        return _pack(len(payload) + len(padding)) + payload + padding


def trim(payload: bytes) -> bytes:
    """The payload without its padding. A plain message carries its own length and is cut by `parse_plain`."""
    if len(payload) < 24 or payload[:8] == _PLAIN:
        return payload
    return payload[: len(payload) - ((len(payload) - 24) & 15)]
