"""Full transport: what no client can mistake, with a sequence number and a checksum on every packet.

packet = length (4, of everything) seq (4, from 0, each side its own) payload CRC32 (4, over all before it)

There is no tag: the first packet is known by its sequence number 0 (SECURITY 2.3). There are no quick acks.
"""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from tgserve.errors import ProtocolError
from tgserve.limits import FRAME_BYTES
from tgserve.mtproto.transport.frames import I32, SHORTEST_PAYLOAD, U32, Frame, Held, refuse_size

_HEAD = Struct("<II")
_WRAPPING = 12


class Full(Held):
    __slots__ = ("_received", "_sent")

    def __init__(self) -> None:
        super().__init__()
        self._received = 0
        self._sent = 0

    def receive(self, data: bytes, frames: list[Frame]) -> None:
        if self._held is not None:
            data = self._join(data)
        end = len(data)
        at = 0
        while end - at >= 4:
            length: int = U32.unpack_from(data, at)[0]
            size = length - _WRAPPING
            if not SHORTEST_PAYLOAD <= size <= FRAME_BYTES:
                raise refuse_size(size)
            stop = at + length
            if stop > end:
                return self._hold(data, at, length)
            if U32.unpack_from(data, at + 4)[0] != self._received:
                raise ProtocolError("packet out of sequence")
            if U32.unpack_from(data, stop - 4)[0] != crc32(memoryview(data)[at : stop - 4]):
                raise ProtocolError("wrong checksum")
            self._received = (self._received + 1) & 0xFFFFFFFF
            frames.append(Frame(data[at + 8 : stop - 4]))
            at = stop
        if at < end:
            self._hold(data, at, 4)

    def wrap(self, payload: bytes) -> bytes:
        packet = _HEAD.pack(len(payload) + _WRAPPING, self._sent) + payload
        self._sent = (self._sent + 1) & 0xFFFFFFFF
        return packet + U32.pack(crc32(packet))

    def quick_ack(self, token: int) -> bytes:
        return b""

    def error(self, code: int) -> bytes:
        return self.wrap(I32.pack(code))
