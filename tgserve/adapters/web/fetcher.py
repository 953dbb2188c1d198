"""Fetch a page or a picture from the internet, guarded (SECURITY 6.10).

Names are resolved once, by us, and the connection goes to that very address, so that nobody can answer differently the
second time; and whatever way an address came, it is looked at once more when its socket is made. Every hop of a
redirect is looked at like the first. No cookies, no credentials, no proxies, no compression (a bomb stays as large as
it came); bytes, time and hops have ends.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tgserve import limits
from tgserve.adapters.web.guard import PORTS, is_public

AGENT: Final = "Mozilla/5.0 (compatible; tgserve link preview)"
HTML: Final = ("text/html", "application/xhtml+xml")
PICTURES: Final = ("image/jpeg", "image/png", "image/webp")
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Page:
    """`url`: where it was found in the end; `kind`: its content type; `data` may be cut at the limit when that was
    asked for."""

    url: str
    kind: str
    data: bytes
    charset: str = ""


class Refused(Exception):
    """Not fetched; the text says why, for the log of the operator."""


class Resolver(AbstractResolver):
    """Names to addresses that may be connected to; the first is used. OSError when there is none."""

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [(kind, where[0]) for kind, _, _, _, where in found]
        # one address that is not public spoils the name: it would be tried when the others fail
        if not addresses or not all(self._allowed(str(address)) for _, address in addresses):
            raise OSError(f"{host} is not on the public internet")
        kind, address = addresses[0]
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Fetcher:
    """Open from the first fetch on. `allowed` and `ports` are for tests."""

    def __init__(
        self, allowed: Callable[[str], bool] = is_public, ports: frozenset[int] | None = PORTS
    ) -> None:
        self._allowed = allowed
        self._ports = ports
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(self, url: str, kinds: Sequence[str], most: int, *, cut: bool = False) -> Page:
        """What is at `url`, if it is one of `kinds` and no longer than `most` bytes (`cut`: the first so many). Raises
        Refused for everything that goes wrong."""
        try:
            async with asyncio.timeout(limits.FETCH_SECONDS):
                for _ in range(limits.FETCH_HOPS + 1):
                    answer = await self._hop(url, kinds, most, cut)
                    if isinstance(answer, Page):
                        return answer
                    url = answer
        except TimeoutError:
            raise Refused("it takes too long") from None
        except (aiohttp.ClientError, OSError, ValueError, UnicodeError) as fault:
            raise Refused(f"{type(fault).__name__}: {fault}") from None
        raise Refused("too many redirects")

    def _check(self, text: str) -> URL:
        """The address as the client will read it: scheme, port, no credentials; an address in place of a name is looked
        at here, as nobody resolves it."""
        url = URL(text)
        if url.scheme not in ("http", "https"):
            raise Refused(f"scheme {url.scheme!r}")
        if url.user is not None or url.password is not None:
            raise Refused("credentials in the address")
        host = url.raw_host
        if not host:
            raise Refused("no host")
        if self._ports is not None and url.port not in self._ports:
            raise Refused(f"port {url.port}")
        if (":" in host or _numeric(host)) and not self._allowed(host):
            raise Refused(f"{host} is not on the public internet")
        return url

    def _socket(self, where: Any) -> socket.socket:
        """The socket of a connection that is about to be made to an address of getaddrinfo's form."""
        family, kind, proto, _, address = where
        if not self._allowed(str(address[0])):
            raise OSError(f"{address[0]} is not on the public internet")
        made = socket.socket(family, kind, proto)
        made.setblocking(False)
        return made

    async def _hop(self, url: str, kinds: Sequence[str], most: int, cut: bool) -> Page | str:
        """The page, or where it is now."""
        where = self._check(url)
        async with self._open().get(where, allow_redirects=False) as answer:
            if answer.status in _MOVED:
                target = answer.headers.get("Location", "")
                if not target:
                    raise Refused("a redirect to nowhere")
                return urljoin(str(where), target)
            if answer.status != 200:
                raise Refused(f"status {answer.status}")
            kind = answer.content_type.lower()
            if kind not in kinds:
                raise Refused(f"content type {kind}")
            if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
                raise Refused("compressed though we asked for plain")
            if not cut and (answer.content_length or 0) > most:
                raise Refused("too long")
            data = bytearray()
            async for piece in answer.content.iter_chunked(16 * 1024):
                data += piece
                if len(data) > most:
                    if not cut:
                        raise Refused("too long")
                    break
            return Page(url, kind, bytes(data[:most]), (answer.charset or "")[:40])

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            options: dict[str, Any] = {
                "use_dns_cache": False,
                "limit": limits.FETCHES_AT_ONCE,
                "force_close": True,
            }
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=Resolver(self._allowed), socket_factory=self._socket, **options
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
                max_line_size=8190,
                max_field_size=8190,
            )
        return self._session


def _numeric(host: str) -> bool:
    """Looks like an IPv4 address in one of its spellings."""
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdigit() or last.lower().startswith("0x")
