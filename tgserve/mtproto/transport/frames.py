"""What every transport gives and takes: frames, and the shape of a framing.

A framing is a small stateful object of one connection: bytes in -> payloads, payloads -> bytes. It knows nothing of
what a payload means, except where the format makes it necessary (padding, errors). Faults are ProtocolError and final.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Protocol

from tgserve.errors import ProtocolError
from tgserve.limits import FRAME_BYTES

U32 = Struct("<I")
I32 = Struct("<i")
SHORTEST_PAYLOAD = 8
"""Room for a key id; anything shorter is refused with -404 (SECURITY 2.4)."""


class Frame(NamedTuple):
    payload: bytes
    quick_ack: bool = False
    """The client wants to know at once that the packet has come (SECURITY 2.7)."""


class Framing(Protocol):
    """One connection's packets within a byte stream."""

    def receive(self, data: bytes, frames: list[Frame]) -> None:
        """Append the packets that are complete by now. Raises ProtocolError; frames found before it stay."""

    def wrap(self, payload: bytes) -> bytes:
        """One packet."""

    def quick_ack(self, token: int) -> bytes:
        """The answer to a packet that asked for one; b"" where the transport has none."""

    def error(self, code: int) -> bytes:
        """A transport error, such as -404."""


class Held:
    """The unfinished end of a stream. Whole packets never come here; a large one is copied once, not once a read."""

    __slots__ = ("_held", "_need")

    def __init__(self) -> None:
        self._held: bytearray | None = None
        self._need = 0

    def _join(self, data: bytes) -> bytes:
        """Held bytes and `data` together, or b"" while the packet begun is not there yet."""
        held = self._held
        if held is None:
            return data
        held += data
        if len(held) < self._need:
            return b""
        self._held = None
        return bytes(held)

    def _hold(self, data: bytes, start: int, need: int) -> None:
        """Keep data[start:] until there are `need` bytes of it."""
        self._held = bytearray(memoryview(data)[start:])
        self._need = need


def refuse_size(size: int) -> ProtocolError:
    """The fault of a length that is not served: short ones are told, long ones are cut off (SECURITY 2.2, 2.4)."""
    if size < SHORTEST_PAYLOAD:
        return ProtocolError("short packet", -404)
    return ProtocolError(f"packet over {FRAME_BYTES} bytes")
