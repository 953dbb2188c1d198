"""Abridged transport: the smallest header.

packet = n (1) payload (4n)                 for n < 127
       | 0x7f n (3, little endian) payload  otherwise
         bit 7 of the first byte: quick ack wanted
ack    = token (4, big endian), bare: its first byte has bit 7 set, which no packet of ours has
"""

from __future__ import annotations

from tgserve.limits import FRAME_BYTES
from tgserve.mtproto.transport.frames import I32, SHORTEST_PAYLOAD, Frame, Held, refuse_size

TAG = b"\xef"
_SHORT = [bytes((n,)) for n in range(127)]


def head(size: int) -> bytes:
    """In front of a packet of so many bytes."""
    words = size >> 2
    return _SHORT[words] if words < 127 else b"\x7f" + words.to_bytes(3, "little")


class Abridged(Held):
    __slots__ = ()

    def receive(self, data: bytes, frames: list[Frame]) -> None:
        if self._held is not None:
            data = self._join(data)
        end = len(data)
        at = 0
        while at < end:
            first = data[at]
            words = first & 0x7F
            if words < 127:
                start = at + 1
            else:
                start = at + 4
                if start > end:
                    return self._hold(data, at, 4)
                words = data[at + 1] | data[at + 2] << 8 | data[at + 3] << 16
            size = words << 2
            if not SHORTEST_PAYLOAD <= size <= FRAME_BYTES:
                raise refuse_size(size)
            stop = start + size
            if stop > end:
                return self._hold(data, at, stop - at)
            frames.append(Frame(data[start:stop], first >= 0x80))
            at = stop

    def wrap(self, payload: bytes) -> bytes:
        words = len(payload) >> 2
        if words < 127:
            return _SHORT[words] + payload
        return b"\x7f" + words.to_bytes(3, "little") + payload

    def quick_ack(self, token: int) -> bytes:
        return token.to_bytes(4, "big")

    def error(self, code: int) -> bytes:
        return b"\x01" + I32.pack(code)
