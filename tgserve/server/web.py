"""Pages on the port of MTProto: an aiohttp application of the modules in server/pages. Loaded by doors.py when needed.

A visit is one connection. It is counted for its address as any other, and goes back to MTProto's side when, between
two requests, one for /api* or /apiws* begins. Every answer carries the headers that keep browsers from guessing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from tgserve import log
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.mtproto.rsa import RsaPublic
from tgserve.mtproto.transport.http import ours
from tgserve.server import pages
from tgserve.server.connection import Connection
from tgserve.server.pages.site import ADDRESS, SITE, Site
from tgserve.server.proxies import Proxies
from tgserve.services import Services

_log = log.get("web")
KEEP_SECONDS = 30.0
"""A connection without a request ends after that."""
BODY_BYTES = 50 << 20
_HEADERS = {
    "Server": "tgserve",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Lent(asyncio.Transport):
    """The transport as aiohttp has it: closing it means nothing once it has been given back."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self._inner = inner
        self._over = False

    def end(self) -> None:
        self._over = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._over or bool(self._inner.is_closing())

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._over:
            self._inner.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        if not self._over:
            self._inner.writelines(list_of_data)

    def close(self) -> None:
        if not self._over:
            self._inner.close()

    def abort(self) -> None:
        if not self._over:
            self._inner.abort()

    def pause_reading(self) -> None:
        if not self._over:
            self._inner.pause_reading()

    def resume_reading(self) -> None:
        if not self._over:
            self._inner.resume_reading()

    def get_write_buffer_size(self) -> int:
        return int(self._inner.get_write_buffer_size())


class Visit(asyncio.Protocol):
    """Stands between the socket and aiohttp's protocol: knows when a request is under way."""

    def __init__(self, side: Web, connection: Connection, transport: Any, inner: Any) -> None:
        self._side = side
        self._connection = connection
        self._transport = transport
        self._inner = inner
        self._lent = Lent(transport)
        inner.connection_made(self._lent)
        self.busy = False
        self.address = connection.address

    def data_received(self, data: bytes) -> None:
        if not self.busy:
            path = data[:256].partition(b"\r\n")[0].split(b" ")
            if len(path) > 1 and ours(path[1].decode("latin-1").partition("?")[0]):
                self._give_back(data)
                return
            self.busy = True
        self._inner.data_received(data)

    def _give_back(self, data: bytes) -> None:
        transport, side = self._transport, self._side
        side.ended(self, None)
        connection = side.connect()
        connection.inherit(self._connection)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        connection.data_received(data)

    def eof_received(self) -> bool | None:
        result: bool | None = self._inner.eof_received()
        return result

    def connection_lost(self, exc: Exception | None) -> None:
        self._side.ended(self, exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def lose(self, exc: Exception | None) -> Connection:
        self._lent.end()
        self._inner.connection_lost(exc)
        return self._connection


class Web:
    def __init__(
        self, site: Site, connect: Callable[[], Connection], lost: Callable[[Connection], None]
    ) -> None:
        self.connect = connect
        self._lost = lost
        self._visits: dict[Any, Visit] = {}
        self._site = site
        self._runner: web.AppRunner

    @property
    def count(self) -> int:
        return len(self._visits)

    async def open(self) -> None:
        application = web.Application(middlewares=[self._around], client_max_size=BODY_BYTES)
        application[SITE] = self._site
        application.on_response_prepare.append(_dress)
        for routes in pages.load(self._site):
            application.add_routes(routes)
        self._runner = web.AppRunner(
            application,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=KEEP_SECONDS,
            shutdown_timeout=1.0,
        )
        await self._runner.setup()

    def visit(self, connection: Connection, transport: Any, data: bytes) -> None:
        server = self._runner.server
        if server is None:
            transport.abort()
            self._lost(connection)
            return
        inner = server()
        visit = Visit(self, connection, transport, inner)
        self._visits[inner] = visit
        transport.set_write_buffer_limits()
        transport.set_protocol(visit)
        visit.data_received(data)

    def ended(self, visit: Visit, exc: Exception | None) -> None:
        """The connection is gone, or no longer ours."""
        for inner, one in list(self._visits.items()):
            if one is visit:
                del self._visits[inner]
                self._lost(visit.lose(exc))

    async def close(self) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _around(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The answer is written here and not by aiohttp, so that it is known when the request has ended."""
        visit = self._visits.get(request.protocol)
        if visit is not None:
            request[ADDRESS] = self._site.origin(visit.address, request.headers.get("X-Forwarded-For", ""))
        try:
            response = await handler(request)
        except web.HTTPException as raised:
            response = web.Response(status=raised.status, body=raised.body, headers=raised.headers)
        await response.prepare(request)
        await response.write_eof()
        if visit is not None:
            visit.busy = False
        return response


async def _dress(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = _HEADERS["Server"]


async def start(
    connect: Callable[[], Connection],
    lost: Callable[[Connection], None],
    config: Config,
    clock: Clock,
    services: Services,
    proxies: Proxies,
    key: RsaPublic,
) -> Web:
    side = Web(Site(config, clock, services, proxies, key), connect, lost)
    await side.open()
    return side
