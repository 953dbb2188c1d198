"""One connection's transport, told from its first bytes, all on one port (SECURITY 2.1).

| first bytes                         | transport                                   |
|-------------------------------------|---------------------------------------------|
| ef                                  | abridged                                    |
| ee ee ee ee                         | intermediate                                |
| dd dd dd dd                         | padded intermediate                         |
| "POST" "GET " "OPTI" "HEAD"         | HTTP, and by its upgrade WebSocket; pages   |
| 16 03 0x .. .. 01                   | TLS, with any of the others inside          |
| any 4, then 00 00 00 00             | full (its sequence number 0)                |
| else                                | obfuscated2, known after 64 bytes           |

Pages and TLS are not served here: with a door for them the channel ends with `leaves`, without it they are refused.
An obfuscated client never starts with one of the others: its protocol forbids it.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from tgserve.errors import ProtocolError
from tgserve.mtproto.transport import abridged, intermediate
from tgserve.mtproto.transport.abridged import Abridged
from tgserve.mtproto.transport.frames import Frame, Framing
from tgserve.mtproto.transport.full import Full
from tgserve.mtproto.transport.http import Http
from tgserve.mtproto.transport.intermediate import Intermediate, PaddedIntermediate
from tgserve.mtproto.transport.obfuscated import HEADER_BYTES, Opened, open_obfuscated
from tgserve.mtproto.transport.websocket import WebSocket

__all__ = ["Channel", "Frame"]

_HEADS: dict[type, Callable[[int], bytes]] = {Abridged: abridged.head, Intermediate: intermediate.head}
_METHODS = (b"POST", b"GET ", b"OPTI", b"HEAD")


class Channel:
    """One per socket, sans-IO. `padding(count)` gives random bytes (Ids.padding).

    After a ProtocolError, or once `closed`, nothing more is received; write what `output` and `error` give and close.
    """

    __slots__ = (
        "_doors",
        "_ended",
        "_first",
        "_forwarded",
        "_framing",
        "_out",
        "_padding",
        "_talker",
        "dc_id",
        "kind",
        "leaves",
    )

    def __init__(self, padding: Callable[[int], bytes], doors: Container[str] = ()) -> None:
        self.kind = ""
        """"" until detected; then abridged, intermediate, padded, full, obf-… or ws-… of the first three, http."""
        self.dc_id: int | None = None
        """The DC that the client believes it talks to; only obfuscated transports say so."""
        self.leaves = b""
        """Bytes that are not for here: from now on the connection is for door `kind`, "tls" or "web"."""
        self._doors = doors
        self._padding = padding
        self._framing: Framing | None = None
        self._talker: Http | WebSocket | None = None
        self._first = b""
        self._forwarded = ""
        self._out = b""
        self._ended = False

    @property
    def duplex(self) -> bool:
        """False for HTTP: it can only answer, one packet for each received (see `waiting`)."""
        return self.kind != "http"

    @property
    def waiting(self) -> int:
        """HTTP requests that have no answer yet; 0 on duplex transports."""
        return self._talker.waiting if isinstance(self._talker, Http) else 0

    @property
    def forwarded_for(self) -> str:
        """X-Forwarded-For as the last HTTP request gave it, "" without."""
        return self._talker.forwarded_for if isinstance(self._talker, Http) else self._forwarded

    @property
    def closed(self) -> bool:
        return self._ended or (self._talker is not None and self._talker.closed)

    def receive(self, data: bytes) -> list[Frame]:
        """The packets that are complete by now.

        Raises ProtocolError, unless there is something to be done first: packets in front of the fault are returned,
        refusals of HTTP and WebSocket stand in `output`; `closed` is set then, and a transport error is in `output`.
        """
        frames: list[Frame] = []
        if self._ended:
            return frames
        try:
            if self._framing is not None:
                self._framing.receive(data, frames)
            else:
                self._detect(self._first + data, frames)
        except ProtocolError as fault:
            self._ended = True
            if not frames and (self._talker is None or not self._talker.output):
                raise
            if fault.code is not None:
                self._out += self.error(fault.code)
        return frames

    def _detect(self, data: bytes, frames: list[Frame]) -> None:
        self._first = b""
        if data[:1] == abridged.TAG:
            return self._start("abridged", Abridged(), data[1:], frames)
        if len(data) < 4:
            self._first = data
            return
        start = data[:4]
        if start == intermediate.TAG:
            return self._start("intermediate", Intermediate(), data[4:], frames)
        if start == intermediate.PADDED_TAG:
            return self._start("padded", PaddedIntermediate(self._padding), data[4:], frames)
        if start in _METHODS:
            self._talker = Http(self._upgrade, self._to_web if "web" in self._doors else None)
            return self._start("http", self._talker, data, frames)
        if len(data) >= 8 and data[4:8] == bytes(4):
            return self._start("full", Full(), data, frames)
        if start[:2] == b"\x16\x03" and data[5:6] == b"\x01" and start[2] <= 4:
            if "tls" not in self._doors:
                raise ProtocolError("TLS on a port without it")
            return self._leave("tls", data)
        if len(data) < HEADER_BYTES:
            self._first = data
            return
        opened = open_obfuscated(data[:HEADER_BYTES], self._padding)
        self.dc_id = opened.dc_id
        self._start(f"obf-{opened.kind}", opened.framing, data[HEADER_BYTES:], frames)

    def _start(self, kind: str, framing: Framing, rest: bytes, frames: list[Frame]) -> None:
        self.kind = kind
        self._framing = framing
        if rest:
            framing.receive(rest, frames)

    def _leave(self, door: str, data: bytes) -> None:
        self.kind, self.leaves, self._ended = door, data, True

    def _to_web(self, data: bytes) -> None:
        self._forwarded = self.forwarded_for
        self._leave("web", data)

    def _upgrade(self, rest: bytes, frames: list[Frame]) -> None:
        """HTTP turns into WebSocket: the answer to the upgrade is still to be said."""
        assert isinstance(self._talker, Http)
        self._out += self._talker.output
        self._forwarded = self._talker.forwarded_for
        self._talker = WebSocket(self._padding, self._websocket_opened)
        self._start("ws", self._talker, rest, frames)

    def _websocket_opened(self, opened: Opened) -> None:
        self.kind = f"ws-{opened.kind}"
        self.dc_id = opened.dc_id

    def _said(self) -> bytes:
        said, self._out = self._out, b""
        return said

    def wrap(self, payload: bytes) -> bytes:
        """One packet in this framing; on HTTP a whole answer, which needs a request that waits."""
        assert self._framing is not None, "nothing to answer before a packet has come"
        packet = self._framing.wrap(payload)
        return self._said() + packet if self._out else packet

    @property
    def head(self) -> Callable[[int], bytes] | None:
        """What stands in front of a packet of so many bytes, where `wrap` does nothing but put it there: whoever writes
        packets of one size to thousands asks once. None elsewhere."""
        return _HEADS.get(type(self._framing))

    def quick_ack(self, token: int) -> bytes:
        """The quick ack for a packet that asked for one; b"" where the transport has none."""
        assert self._framing is not None, "nothing to answer before a packet has come"
        packet = self._framing.quick_ack(token)
        return self._said() + packet if self._out else packet

    def error(self, code: int) -> bytes:
        """A transport error (-404 …) as this transport tells it; b"" while the transport is unknown."""
        return self._said() + self._framing.error(code) if self._framing is not None else b""

    def output(self) -> bytes:
        """What the transport itself has to say: upgrade, pong, CORS, refusals. Write it before anything else."""
        said = self._said()
        talker = self._talker
        if talker is not None and talker.output:
            said += talker.output
            talker.output = b""
        return said
