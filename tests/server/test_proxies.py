"""Who is believed to say where a connection comes from (SECURITY 2.8, 5.3)."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from struct import pack
from typing import Any

import pytest

from tests.server.conftest import MakeServer
from tests.server.people import sign_up
from tests.waiting import until
from tgserve.config import LimitsConfig, parse
from tgserve.errors import ProtocolError
from tgserve.server.proxies import Proxies, header
from tgserve.testing.miniclient import MiniClient
from tgserve.tl.functions import account

V2 = b"\r\n\r\n\x00\r\nQUIT\n"
ELSEWHERE = "203.0.113.7"


def v2(address: str, command: int = 1) -> bytes:
    raw = ip_address(address).packed
    body = raw + bytes(len(raw)) + pack(">HH", 5, 443)
    family = 0x11 if len(raw) == 4 else 0x21
    return V2 + bytes((0x20 | command, family)) + pack(">H", len(body)) + body


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 5 443\r\nrest", (ELSEWHERE, 39)),
        (b"PROXY TCP6 2001:db8::1 ::1 5 443\r\n", ("2001:db8::1", 34)),
        (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 5 443\r\n", (ELSEWHERE, 41)),
        (b"PROXY UNKNOWN\r\n", ("", 15)),
        (v2(ELSEWHERE) + b"rest", (ELSEWHERE, 28)),
        (v2("2001:db8::1"), ("2001:db8::1", 52)),
        (v2(ELSEWHERE, command=0), ("", 28)),
        (b"\xefrest", ("", 0)),
        (b"POST /api", ("", 0)),
        (b"\r\n\r\n\x01", ("", 0)),
    ],
)
def test_the_proxy_protocol(data: bytes, found: tuple[str, int]) -> None:
    assert header(data) == found
    if found[1]:
        for cut in range(1, found[1]):
            assert header(data[:cut]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 nonsense 10.0.0.1 5 443\r\n",
        b"PROXY TCP4 203.0.113.7\r\n",
        b"PROXY \r\n",
        b"PROXY " + b"x" * 200,
        V2 + b"\x31\x11\x00\x0c" + bytes(12),
        V2 + b"\x21\x11\xff\xff" + bytes(12),
    ],
)
def test_malformed_headers_end_the_connection(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        header(data)


@pytest.mark.parametrize(
    ("forwarded", "origin"),
    [
        (ELSEWHERE, ELSEWHERE),
        (f"1.1.1.1, {ELSEWHERE}", ELSEWHERE),
        (f"1.1.1.1, {ELSEWHERE}, 10.0.0.9", ELSEWHERE),
        (f"{ELSEWHERE}, unknown", "127.0.0.1"),
        (f"unknown, {ELSEWHERE}:4711", ELSEWHERE),
        ("[2001:db8::1]:5", "2001:db8::1"),
        ("::ffff:203.0.113.7", ELSEWHERE),
        ("", "127.0.0.1"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
    ],
)
def test_the_last_address_that_no_trusted_proxy_wrote_counts(forwarded: str, origin: str) -> None:
    assert Proxies(["127.0.0.1", "10.0.0.0/8"]).origin("127.0.0.1", forwarded) == origin


def test_the_settings_name_networks() -> None:
    assert parse('trusted_proxies = ["10.0.0.0/8", "::1"]').trusted_proxies == ("10.0.0.0/8", "::1")
    for wrong in ('["localhost"]', '"10.0.0.1"', "[1]"):
        with pytest.raises(Exception, match="trusted_proxies"):
            parse(f"trusted_proxies = {wrong}")
    assert not Proxies().trusts("127.0.0.1")
    assert Proxies(["127.0.0.0/8"]).trusts("::ffff:127.0.0.1")


class Relay:
    """A reverse proxy: says `preface`, then passes bytes on both ways."""

    def __init__(self, server: Any, preface: bytes) -> None:
        self._server, self._preface = server, preface
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> int:
        self._listening = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        port: int = self._listening.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *fault: object) -> None:
        self._listening.close()
        for task in self._tasks:
            task.cancel()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._server.host, self._server.port)
        far_writer.write(self._preface)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                target.write(data)
            target.close()

        self._tasks += [
            asyncio.ensure_future(pump(reader, far_writer)),
            asyncio.ensure_future(pump(far_reader, writer)),
        ]


async def shown(client: MiniClient) -> str:
    """Where the session list says that the client is."""
    return str((await client.call(account.GetAuthorizations())).authorizations[0].ip)


@pytest.mark.parametrize("preface", [b"PROXY TCP4 203.0.113.7 127.0.0.1 5 443\r\n", v2(ELSEWHERE)])
def test_a_trusted_proxy_names_its_clients(make_server: MakeServer, preface: bytes) -> None:
    async def story() -> None:
        async with make_server(trusted_proxies=("127.0.0.1",)) as server:
            async with Relay(server, preface) as port:
                client = MiniClient("intermediate", rsa_public=server.pem)
                await client.connect("127.0.0.1", port)
                await sign_up(client, "+9996621001")
                assert await shown(client) == ELSEWHERE
                await client.disconnect()
            plain = await server.client()
            await sign_up(plain, "+9996621002")
            assert await shown(plain) == "127.0.0.1"

    asyncio.run(asyncio.wait_for(story(), 240))


def test_2_8_of_nobody_else_it_is_believed(make_server: MakeServer) -> None:
    """The header of an untrusted peer is no transport, X-Forwarded-For is not read: its own address counts."""

    async def story() -> None:
        async with make_server(trusted_proxies=("192.0.2.1",)) as server:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(b"PROXY TCP4 203.0.113.7 127.0.0.1 5 443\r\n" + b"\xee" * 4 + bytes(60))
            await asyncio.wait_for(reader.read(), 60)
            writer.close()
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(b"OPTIONS /api HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
            assert (await reader.readuntil(b"\r\n")).endswith(b"204 No Content\r\n")
            assert {one.address for one in server.app.gateway.connections} == {"127.0.0.1"}
            writer.close()

    asyncio.run(asyncio.wait_for(story(), 240))


def test_2_8_limits_count_the_address_that_the_proxy_names(make_server: MakeServer) -> None:
    async def story() -> None:
        limits = LimitsConfig(connections_per_address=2)
        async with make_server(trusted_proxies=("127.0.0.1",), limits=limits) as server:
            writers = []
            for number in range(6):
                reader, writer = await asyncio.open_connection(server.host, server.port)
                ask = f"OPTIONS /api HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.{number // 2}\r\n\r\n"
                writer.write(ask.encode())
                assert (await reader.readuntil(b"\r\n")).endswith(b"204 No Content\r\n")
                writers.append(writer)
            gateway = server.app.gateway
            assert not any(one.crowded for one in gateway.connections)
            for crowd in range(3):
                reader, writer = await asyncio.open_connection(server.host, server.port)
                writer.write(
                    b"PROXY TCP4 198.51.100.0 127.0.0.1 5 443\r\n\xee\xee\xee\xee\x18\0\0\0" + bytes(24)
                )
                said = await asyncio.wait_for(reader.read(8), 60)
                assert said == b"\x04\0\0\0" + pack("<i", -429) or (crowd == 2 and not said)
                writers.append(writer)
            for writer in writers:
                writer.close()
            await until(lambda: not gateway.connections)
            assert not gateway.sockets._open and gateway.sockets.total == 0

    asyncio.run(asyncio.wait_for(story(), 240))
