"""SECURITY 6.10: the server connects to the public internet and nowhere else, however the address is written."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tgserve import limits
from tgserve.adapters.web import fetcher as web
from tgserve.adapters.web.fetcher import HTML, Fetcher, Refused
from tgserve.adapters.web.guard import is_public

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
PRIVATE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fec0::1", "100::1", "", "localhost", "not an address", "1.2.3", "0x7f000001",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_6_10_addresses_that_are_not_connected_to(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_6_10_addresses_of_the_public_internet(address: str) -> None:
    assert is_public(address)


class Trap:
    """A listener on loopback that counts who comes, and answers with what `answer` makes of the request."""

    def __init__(self, answer: Callable[[str], bytes]) -> None:
        self.came = 0
        self.asked: list[str] = []
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(request)
            writer.write(self._answer(request))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def page(
    body: bytes = b"<title>Here</title>", kind: str = "text/html", *more: str, length: int = -1
) -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", *more]
    if length != -2:
        head.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join([*head, "", ""]).encode() + body


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def trap(answer: Callable[[str], bytes]) -> AsyncIterator[tuple[Trap, int]]:
    made = Trap(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield made, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def refused(
    fetcher: Fetcher, url: str, kinds: tuple[str, ...] = HTML, most: int = 10_000, **more: bool
) -> str:
    with pytest.raises(Refused) as raised:
        await fetcher.fetch(url, kinds, most, **more)
    return str(raised.value)


SPELLINGS = [
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "0",
    "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "LOCALHOST",
    "\u2460\u2461\u2466.0.0.1", "127。0。0。1", "ip6-localhost",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
def test_6_10_no_spelling_of_loopback_is_connected_to(host: str) -> None:
    async def story() -> None:
        async with trap(lambda request: page()) as (caught, port):
            fetcher = Fetcher(ports=None)
            try:
                await refused(fetcher, f"http://{host}:{port}/")
            finally:
                await fetcher.close()
            assert caught.came == 0

    asyncio.run(story())


def test_6_10_a_name_that_leads_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when only one of its addresses does; and the connection goes to the address that was looked at."""

    async def story() -> None:
        async with trap(lambda request: page()) as (caught, port):
            answers = [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"]]
            for addresses in answers:

                async def lookup(
                    host: str, *_: object, addresses: list[str] = addresses, **__: object
                ) -> object:
                    return [
                        (
                            socket.AF_INET6 if ":" in one else socket.AF_INET,
                            socket.SOCK_STREAM,
                            6,
                            "",
                            (one, port),
                        )
                        for one in addresses
                    ]

                monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup, raising=False)
                fetcher = Fetcher(ports=None)
                try:
                    await refused(fetcher, f"http://trap.example:{port}/")
                finally:
                    await fetcher.close()
            assert caught.came == 0

    asyncio.run(story())


def test_6_10_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that changes between the look and the connection changes nothing: there is one lookup, and its address
    is the one connected to."""

    async def story() -> None:
        async with trap(lambda request: page()) as (_, port):
            asked: list[object] = []
            loop = asyncio.get_running_loop()
            real = loop.getaddrinfo

            async def lookup(host: object, *more: object, **named: object) -> object:
                asked.append(host)
                if host == "rebound.example":
                    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
                return await real(host, *more, **named)  # type: ignore[arg-type]

            monkeypatch.setattr(loop, "getaddrinfo", lookup, raising=False)
            fetcher = Fetcher(lambda address: True, None)
            try:
                await fetcher.fetch(f"http://rebound.example:{port}/", HTML, 1000)
            finally:
                await fetcher.close()
            assert asked.count("rebound.example") == 1

    asyncio.run(story())


def test_6_10_redirects_are_looked_at_like_the_first_address() -> None:
    async def story() -> None:
        async with trap(lambda request: page()) as (inner, inside):
            targets = iter(
                [
                    f"http://127.0.0.1:{inside}/",
                    f"http://[::1]:{inside}/",
                    "file:///etc/passwd",
                    f"//localhost:{inside}/",
                    "ftp://example.org/",
                    "gopher://127.0.0.1/",
                    "http://u:p@example.org/",
                ]
            )
            async with trap(lambda request: moved(next(targets))) as (outer, port):
                seen: list[str] = []

                def first_only(address: str) -> bool:
                    seen.append(address)
                    return len(seen) <= 2  # in the address, and at the socket

                for _ in range(7):
                    seen.clear()
                    fetcher = Fetcher(first_only, None)
                    try:
                        await refused(fetcher, f"http://127.0.0.1:{port}/")
                    finally:
                        await fetcher.close()
                assert outer.came == 7 and inner.came == 0

    asyncio.run(story())


def test_6_10_three_redirects_and_no_more() -> None:
    async def story() -> None:
        hops = [0]

        def answer(request: str) -> bytes:
            hops[0] += 1
            return moved(f"/{hops[0]}")

        async with trap(answer) as (caught, port):
            fetcher = Fetcher(lambda address: True, None)
            try:
                assert "redirects" in await refused(fetcher, f"http://127.0.0.1:{port}/")
            finally:
                await fetcher.close()
            assert caught.came == limits.FETCH_HOPS + 1

    asyncio.run(story())


@pytest.mark.parametrize(
    "url",
    ["ftp://1.1.1.1/", "file:///etc/passwd", "http://u:p@1.1.1.1/", "http://1.1.1.1:22/", "http://1.1.1.1:6379/",
     "http:///x", "javascript:alert(1)", "http://[::1", "http://1.1.1.1:99999/", "", "//1.1.1.1/"],
)  # fmt: skip
def test_6_10_addresses_that_are_not_even_tried(url: str) -> None:
    async def story() -> None:
        fetcher = Fetcher(lambda address: pytest.fail(address))
        try:
            await refused(fetcher, url)
        finally:
            await fetcher.close()

    asyncio.run(story())


def test_6_10_sizes_types_and_time_have_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        answers = {
            "/binary": page(kind="application/octet-stream"),
            "/long": page(b"x" * 20_000),
            "/lies": page(b"x" * 50, length=20_000_000),
            "/endless": page(b"x" * 200_000, length=-2),
            "/zipped": page(b"\x1f\x8b" + bytes(100), "text/html", "Content-Encoding: gzip"),
            "/error": b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            "/nowhere": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
            "/headers": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            "/garbage": b"\x00\x01\x02" * 100,
        }
        async with trap(lambda request: answers[request.split()[1]]) as (caught, port):
            fetcher = Fetcher(lambda address: True, None)
            try:
                for path in answers:
                    await refused(fetcher, f"http://127.0.0.1:{port}{path}")
                cut = await fetcher.fetch(f"http://127.0.0.1:{port}/long", HTML, 10_000, cut=True)
                assert len(cut.data) == 10_000
            finally:
                await fetcher.close()
            assert all(
                "cookie:" not in one.lower() and "authorization:" not in one.lower() for one in caught.asked
            )
            assert all("accept-encoding: identity" in one.lower() for one in caught.asked)

        monkeypatch.setattr(web.limits, "FETCH_SECONDS", 0.3)

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1000):
                pass
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        fetcher = Fetcher(lambda address: True, None)
        try:
            assert "too long" in await refused(fetcher, f"http://127.0.0.1:{port}/")
        finally:
            await fetcher.close()
            server.close()

    asyncio.run(story())


def test_6_10_cookies_are_not_kept() -> None:
    async def story() -> None:
        async with trap(
            lambda request: page(b"<title>x</title>", "text/html", "Set-Cookie: a=b; Path=/")
        ) as (caught, port):
            fetcher = Fetcher(lambda address: True, None)
            try:
                for _ in range(2):
                    await fetcher.fetch(f"http://127.0.0.1:{port}/", HTML, 1000)
            finally:
                await fetcher.close()
            assert len(caught.asked) == 2 and "a=b" not in "".join(caught.asked)

    asyncio.run(story())


def test_6_10_the_socket_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were an address to come past the first look, no connection would be made to it."""

    async def story() -> None:
        async with trap(lambda request: page()) as (caught, port):
            fetcher = Fetcher(ports=None)
            monkeypatch.setattr(web, "_numeric", lambda host: False)
            try:
                await refused(fetcher, f"http://127.0.0.1:{port}/")
            finally:
                await fetcher.close()
            assert caught.came == 0

    asyncio.run(story())
