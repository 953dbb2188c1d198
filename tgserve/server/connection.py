"""The thin skin between a socket and the gateway: bytes in, frames on; one write per loop turn; deadlines on the wheel.

Bounds (SECURITY 2.9): what is received is held by the channel, at most one frame; what a slow client does not take is
limited by the transport's high-water mark, above which the socket is cut (its session lives on); a socket that has
shown no valid packet, or has been silent too long, is closed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, Protocol

from tgserve import limits, log, metrics
from tgserve.clock import Clock
from tgserve.errors import ProtocolError
from tgserve.mtproto.transport.detect import Channel, Frame
from tgserve.server import proxies
from tgserve.server.live import LiveSession
from tgserve.server.proxies import Proxies
from tgserve.server.timers import Wheel

_log = log.get("conn")
_closed = metrics.counter(
    "tgserve_connections_closed_total", "connections ended by us, by reason", ("reason",)
)
_idle = _closed.of("idle")
_unproven = _closed.of("unproven")
_slow = _closed.of("slow_reader")
_refused = _closed.of("refused")
_broken = _closed.of("protocol")
_bytes_in = metrics.counter("tgserve_bytes_received_total", "bytes read from clients")
_bytes_out = metrics.counter("tgserve_bytes_sent_total", "bytes written to clients")

LINGER_SECONDS = 5.0
"""A socket that is being closed may take the last bytes for so long."""


class Gate(Protocol):
    """The gateway, as a connection sees it."""

    clock: Clock
    wheel: Wheel

    proxies: Proxies

    def met(self, connection: Connection, address: str) -> bool:
        """A socket was accepted; False: it is to be dropped at once."""

    def named(self, connection: Connection, address: str) -> bool:
        """It came through a trusted proxy, from this address; False: it is to be dropped at once."""

    def packet(self, connection: Connection, frame: Frame) -> None:
        """One frame has come."""

    def spoken(self, connection: Connection) -> None:
        """The connection has bytes to write: call its flush() at the end of the turn."""

    def lost(self, connection: Connection) -> None:
        """The socket is gone."""

    def leaves(self, connection: Connection, transport: Any, data: bytes) -> None:
        """It is for another door than MTProto's (channel.kind): the transport is given away with what has come."""

    def overdue(self, connection: Connection) -> None:
        """HTTP requests have waited long enough for something to be said."""


class Connection(asyncio.Protocol):
    """One socket. `proven`: a packet under a known key, or a step of a key exchange, has come over it."""

    __slots__ = (
        "_before",
        "_closing",
        "_gate",
        "_heard",
        "_hold_until",
        "_out",
        "_patience",
        "_preface",
        "_proxy",
        "_transport",
        "address",
        "channel",
        "counted",
        "crowded",
        "head",
        "host",
        "live",
        "others",
        "proven",
        "tick",
        "working",
    )

    def __init__(self, gate: Gate, channel: Channel) -> None:
        self.tick = 0
        self._gate = gate
        self.channel = channel
        self._transport: Any = None
        self._out: list[bytes] = []
        self._closing = False
        self._heard = 0.0
        self._patience: float = limits.IDLE_SECONDS
        self._hold_until = 0.0
        self._proxy = ""
        self._preface: bytes | None = None
        self._before: Connection | None = None
        self.address = ""
        self.counted = ""
        """The address that it counts for; empty while only the trusted proxy is known that it came through."""
        self.host = ""
        self.live: LiveSession | None = None
        self.head: Callable[[int], bytes] | None = None
        """channel.head, once there is a session."""
        self.others: list[LiveSession] | None = None
        self.proven = False
        self.crowded = False
        """Its address has too many sockets: -429 as soon as its transport is known (SECURITY 2.8)."""
        self.working = 0
        """Steps of key exchanges that are being worked on for this connection."""

    # -- asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=limits.UNSENT_BYTES)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if own:
            self.host = sys.intern(own[0])
        address = sys.intern(peer[0]) if peer else ""
        before, self._before = self._before, None
        if before is not None:
            self._gate.lost(before)
        if self._gate.proxies.trusts(address):
            self._proxy, self._preface = address, None if before is not None else b""
        if not self._gate.met(self, address):
            self.abort()
            return
        if before is not None and before.counted:
            self._named(before.counted)
            if self._closing:
                return
        self._heard = now = self._gate.clock.monotonic()
        self._gate.wheel.arm(self, now + limits.FIRST_PACKET_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        _bytes_in.value += len(data)
        channel = self.channel
        try:
            if self._preface is not None:
                data = self._introduced(data)
                if not data:
                    return
            frames = channel.receive(data)
        except ProtocolError as fault:
            _broken.inc()
            self.refuse(fault.code)
            return
        if self._proxy and channel.forwarded_for:
            self._named(self._gate.proxies.origin(self._proxy, channel.forwarded_for))
            if self.closing:
                return
        if channel.leaves:
            self._leave()
            return
        if frames:
            if self.crowded:
                self.refuse(-429)
                return
            packet = self._gate.packet
            for frame in frames:
                packet(self, frame)
                if self.closing:
                    return
        if self.proven:  # else the time since it connected counts: bytes one by one keep no socket open
            self._heard = self._gate.clock.monotonic()
        said = channel.output()
        if said:
            self.say(said)
        if channel.closed:
            self.finish()

    def inherit(self, other: Connection) -> None:
        """It will go on where another one has been, on the same socket: who that was is known."""
        self._before = other

    def _leave(self) -> None:
        if self.crowded:
            self.abort()
            return
        said = self.channel.output()
        if said:
            self._out.append(said)
        self.flush()
        transport, self._transport = self._transport, None
        data, self.channel.leaves = self.channel.leaves, b""
        self._gate.leaves(self, transport, data)

    def _introduced(self, data: bytes) -> bytes:
        """The bytes after the PROXY header of a trusted proxy; b"" while it is not all there. Raises ProtocolError."""
        data = (self._preface or b"") + data
        found = proxies.header(data)
        if found is None:
            self._preface = data
            return b""
        self._preface = None
        address, size = found
        if address:
            self._named(address)
        return b"" if self._closing else data[size:]

    def _named(self, address: str) -> None:
        """The proxy has said who this is."""
        if address != self.counted and not self._gate.named(self, sys.intern(address)):
            self.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._out.clear()
        self._gate.lost(self)
        self._transport = None

    def pause_writing(self) -> None:
        """More than limits.UNSENT_BYTES wait in the kernel's stead: the client does not read (SECURITY 2.9)."""
        _slow.inc()
        self.abort()

    # -- towards the client -----------------------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        out = self._out
        if not out:
            self._gate.spoken(self)
        out.append(data)

    def send(self, data: bytes) -> None:
        """At the end of the loop's turn: write it now, unless something was said that must go before it."""
        transport = self._transport
        if self._out or self._closing or transport is None:
            self.say(data)
            return
        _bytes_out.value += len(data)
        transport.write(data)

    def flush(self) -> None:
        """Write what was said, as one piece."""
        out = self._out
        transport = self._transport
        if out and transport is not None:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            _bytes_out.value += len(data)
            transport.write(data)
        if self._closing and transport is not None:
            transport.close()

    def refuse(self, code: int | None) -> None:
        if self._closing:
            return
        self._end()
        _refused.inc()
        said = self.channel.output()
        if code is not None:
            said += self.channel.error(code)
        if said:
            self.say(said)
        else:
            self.flush()

    def finish(self) -> None:
        if self._closing:
            return
        self._end()
        if not self._out:
            self._gate.spoken(self)

    def _end(self) -> None:
        """Nothing more is read; what is said now goes out, if the client takes it soon."""
        self._closing = True
        self._gate.wheel.arm(self, self._gate.clock.monotonic() + LINGER_SECONDS)

    def abort(self) -> None:
        self._closing = True
        self._out.clear()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    @property
    def closing(self) -> bool:
        return self._closing

    # -- time -------------------------------------------------------------------------------------------------------

    def disconnect_after(self, seconds: float) -> None:
        self._patience = seconds
        self._gate.wheel.arm(self, self._heard + seconds)

    def hold(self, seconds: float) -> None:
        if not seconds:
            self._hold_until = 0.0
            return
        until = self._gate.clock.monotonic() + seconds
        if not self._hold_until or until < self._hold_until:
            self._hold_until = until
        self._gate.wheel.arm(self, until)

    def due(self, now: float) -> float | None:
        if self._transport is None:
            return None
        if self._closing:
            self.abort()  # bytes are left that nobody takes
            return None
        if self._hold_until and self._hold_until <= now:
            self._hold_until = 0.0
            if self.channel.waiting:
                self._gate.overdue(self)
        end = self._heard + (self._patience if self.proven else limits.FIRST_PACKET_SECONDS)
        if end <= now:
            (_idle if self.proven else _unproven).inc()
            self.finish()
            return now + LINGER_SECONDS
        return min(end, self._hold_until) if self._hold_until else end
