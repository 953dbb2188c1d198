"""What the one port offers beside MTProto: TLS in front of everything, and pages (docs/PROTOCOL.md).

A connection that turns out to be TLS begins anew inside it; one that asks for a page is given to the web side, which
is loaded at the first such request, since most servers of most communities are asked for none. The web side gives a
connection back when its next request is MTProto's: reverse proxies send both over one connection.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
from asyncio import sslproto
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from tgserve import limits, log, metrics
from tgserve.clock import Clock
from tgserve.server.connection import Connection

_log = log.get("doors")
_handed = metrics.counter(
    "tgserve_pages_connections_total", "connections that asked for something else than MTProto"
)
_full = metrics.counter(
    "tgserve_pages_refused_total", "connections for pages that found too many others there"
)

LOOK_SECONDS = 60.0
"""How often the certificate's file is looked at: whoever renews it need not tell."""
WAITING = 100
"""Connections that may wait for the web side to be loaded."""


class WebSide(Protocol):
    """server/web.py, as it is seen from here."""

    count: int

    def visit(self, connection: Connection, transport: Any, data: bytes) -> None:
        """Serve the connection from here on, beginning with `data`."""

    async def close(self) -> None:
        """End all visits."""


WebMaker = Callable[[], Coroutine[Any, Any, WebSide]]


class Certificate:
    """PEM files of the operator, read again when they change. OSError, ssl.SSLError: they cannot be used."""

    def __init__(self, certificate: Path, key: Path, clock: Clock) -> None:
        self._files = (certificate, key)
        self._clock = clock
        self._looked = clock.monotonic()
        self._seen = self._stamp()
        self.context = self._load()

    def current(self) -> ssl.SSLContext:
        now = self._clock.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            try:
                stamp = self._stamp()
                if stamp != self._seen:
                    self.context = self._load()
                    self._seen = stamp
                    _log.info("tls.renewed", file=str(self._files[0]))
            except (OSError, ssl.SSLError) as fault:  # half written: the old one serves until the next look
                _log.warning("tls.unread", exc=fault)
        return self.context

    def _stamp(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns for path in self._files)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(*self._files)
        return context


class Secured(sslproto.SSLProtocol):
    """Counts for its address from the first byte, not from the end of its handshake."""

    ended: Callable[[], None]

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.ended()


class Doors:
    """`connect()` makes a Connection for what is inside TLS; `web()` loads and starts the web side."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        lost: Callable[[Connection], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        certificate: Certificate | None = None,
        web: WebMaker | None = None,
    ) -> None:
        self.certificate = certificate
        self.names = frozenset(("tls",) * (certificate is not None) + ("web",) * (web is not None))
        """Of Channel's `doors`."""
        self._connect = connect
        self._lost = lost
        self._spawn = spawn
        self._open = web
        self._web: WebSide | None = None
        self._opening = False
        self._waiting: list[tuple[Connection, Any, bytes]] = []

    def leaves(self, connection: Connection, transport: Any, data: bytes) -> None:
        """Of Gate."""
        if connection.channel.kind == "tls":
            self._secure(connection, transport, data)
        elif self._web is not None:
            self._visit(self._web, connection, transport, data)
        elif len(self._waiting) < WAITING:
            transport.pause_reading()
            self._waiting.append((connection, transport, data))
            if not self._opening:
                self._opening = True
                self._spawn(self._load(), "web")
        else:
            self._refuse(connection, transport)

    async def close(self) -> None:
        if self._web is not None:
            await self._web.close()

    def _visit(self, web: WebSide, connection: Connection, transport: Any, data: bytes) -> None:
        if web.count >= limits.WEB_CONNECTIONS:
            self._refuse(connection, transport)
            return
        _handed.inc()
        web.visit(connection, transport, data)

    def _refuse(self, connection: Connection, transport: Any) -> None:
        _full.inc()
        transport.abort()
        self._lost(connection)

    async def _load(self) -> None:
        assert self._open is not None
        try:
            web = await self._open()
        finally:
            self._opening = False
            waiting, self._waiting = self._waiting, []
        self._web = web
        for connection, transport, data in waiting:
            if not transport.is_closing():
                transport.resume_reading()
                self._visit(web, connection, transport, data)

    def _secure(self, connection: Connection, transport: Any, data: bytes) -> None:
        """From here on the bytes are TLS's, and what is in them is a connection of its own."""
        assert self.certificate is not None
        inner = self._connect()
        inner.inherit(connection)
        layer = Secured(
            asyncio.get_running_loop(),
            inner,
            self.certificate.current(),
            cast(Any, None),  # nobody waits for it to be secure
            server_side=True,
            ssl_handshake_timeout=limits.FIRST_PACKET_SECONDS,
            ssl_shutdown_timeout=limits.FIRST_PACKET_SECONDS,
        )
        layer.ended = partial(self._lost, connection)
        transport.set_write_buffer_limits()
        transport.set_protocol(layer)
        layer.connection_made(transport)
        at = 0
        while at < len(data):
            room = layer.get_buffer(len(data) - at)
            size = min(len(room), len(data) - at)
            room[:size] = data[at : at + size]
            layer.buffer_updated(size)
            at += size


def web_maker(*arguments: Any) -> WebMaker:
    """What loads server/web.py, off the loop, and starts it with these arguments of its `start`."""

    async def make() -> WebSide:
        module = await asyncio.to_thread(importlib.import_module, "tgserve.server.web")
        web: WebSide = await module.start(*arguments)
        return web

    return make
