"""TestServer: a real server on loopback with a data directory of its own, inside the caller's event loop.

    async with TestServer(tmp_path) as server:
        client = await server.client()
        code = server.code("+999661001")

It is the daemon itself, without a process of its own: same sockets, same store on disk, same key exchange. Codes are
read as `tgserve user code` reads them. Several may run in one process.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tgserve.app import App
from tgserve.clock import Clock
from tgserve.config import Config, LimitsConfig, StoreConfig
from tgserve.ids import Ids
from tgserve.testing.miniclient import MiniClient

FIXED_CODE = "12345"
UNLIMITED = LimitsConfig(calls_per_minute=0, handshakes_per_address_per_minute=0, handshakes_per_minute=0)
"""For tests and benchmarks that are about something else than limits."""


class TestServer:
    """`changes` are fields of Config. `dev` servers (the default) take FIXED_CODE for every phone."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    def __init__(
        self, data: Path, *, clock: Clock | None = None, ids: Ids | None = None, **changes: Any
    ) -> None:
        config = Config(
            data=data,
            listen="127.0.0.1:0",
            store=StoreConfig(map_gib=1),
            limits=UNLIMITED,
            dev=True,
            fixed_code=FIXED_CODE,
        )
        self.config = replace(config, **changes)
        self._clock = clock
        self._ids = ids
        self._clients: list[MiniClient] = []
        self.app = App(self.config, clock, ids)

    async def start(self) -> TestServer:
        await self.app.start()
        return self

    async def stop(self) -> None:
        for client in self._clients:
            await client.disconnect()
        self._clients.clear()
        await self.app.stop()

    async def restart(self) -> None:
        """Stop and start again on the same data and the same port."""
        listen = f"{self.host}:{self.port}"
        await self.app.stop()
        self.config = replace(self.config, listen=listen)
        self.app = App(self.config, self._clock, self._ids)
        await self.app.start()

    async def __aenter__(self) -> TestServer:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def host(self) -> str:
        return self.app.host

    @property
    def port(self) -> int:
        return self.app.port

    @property
    def pem(self) -> str:
        """The public key, PKCS#1, as clients want it."""
        return (self.config.keys_dir / "public.pem").read_text(encoding="ascii")

    async def client(self, transport: str = "intermediate", **options: Any) -> MiniClient:
        """A connected mini client, with a fresh auth key unless one is given; options are MiniClient's."""
        client = MiniClient(transport, rsa_public=self.pem, **options)
        self._clients.append(client)
        await client.connect(self.host, self.port)
        return client
