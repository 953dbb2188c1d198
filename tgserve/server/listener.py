"""The one socket all clients come to, whatever their transport."""

from __future__ import annotations

import asyncio

from tgserve import limits
from tgserve.ids import Ids
from tgserve.mtproto.transport.detect import Channel
from tgserve.server.connection import Connection
from tgserve.server.gateway import Gateway


class Listener:
    """Accepts connections for the gateway between start() and stop()."""

    def __init__(self, gateway: Gateway, ids: Ids) -> None:
        self._gateway = gateway
        self._ids = ids
        self._server: asyncio.Server | None = None

    def connect(self) -> Connection:
        """What serves a new socket."""
        return Connection(self._gateway, Channel(self._ids.padding, self._gateway.doors.names))

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address that is listened on (port 0 takes a free one). OSError when it cannot be had."""
        self._server = await asyncio.get_running_loop().create_server(
            self.connect, host, port, backlog=limits.LISTEN_BACKLOG
        )
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    def stop(self) -> None:
        """Refuse new connections; those that are there stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
