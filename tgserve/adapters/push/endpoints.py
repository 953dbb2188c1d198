"""Calls to addresses that clients have named as theirs: web push and simple push (SECURITY 6.10).

A name is resolved by us and the connection goes to that very address, and only to the public internet or to networks
that the operator has opened for it ([push] allow_private); plain http only to those. No redirects, no cookies, no
proxies.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from tgserve.adapters.contract import AdapterError, Gone, Later, PushResult, Refused, Sent
from tgserve.adapters.http import BUSY, Answer, Unreachable, retry_after, words
from tgserve.adapters.web.fetcher import Resolver
from tgserve.adapters.web.guard import is_public
from tgserve.clock import Clock

AT_ONCE: Final = 64
SECONDS: Final = 20.0
MOST_BYTES: Final = 4096


def opened(networks: Sequence[str]) -> Callable[[str], bool]:
    """Is an address in one of these networks? AdapterError for what is no network."""
    try:
        known = [ip_network(one.strip(), strict=False) for one in networks if one.strip()]
    except ValueError as fault:
        raise AdapterError(f"push.allow_private: {fault}") from None

    def inside(address: str) -> bool:
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(found.version == network.version and found in network for network in known)

    return inside


class Endpoints:
    """Connections to push services, kept open for a while."""

    def __init__(self, clock: Clock, networks: Sequence[str] = ()) -> None:
        self._clock = clock
        self._own = opened(networks)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def call(
        self, method: str, url: str, data: bytes, headers: Mapping[str, str], *, most: int = MOST_BYTES
    ) -> Answer:
        """Raises Unreachable; its text names no more of the address than the host."""
        where = URL(url)
        host = where.raw_host or ""
        secure = where.scheme == "https"
        allowed = self._anywhere if secure else self._own
        if _is_address(host) and not allowed(host):
            raise Unreachable(_closed(host, secure))
        try:
            async with self._session(secure).request(
                method, where, data=data, headers=dict(headers), allow_redirects=False
            ) as answer:
                return Answer(answer.status, answer.headers, await answer.content.read(most))
        except TimeoutError:
            raise Unreachable(f"{host} did not answer within {SECONDS:g} s") from None
        except aiohttp.ClientConnectorCertificateError:
            raise Unreachable(f"{host}: its certificate is not trusted") from None
        except aiohttp.ClientConnectorError as fault:
            inner = fault.os_error
            raise Unreachable(
                _closed(host, secure) if "not on the public" in str(inner) else f"{host}: {words(inner)}"
            ) from None
        except (aiohttp.ClientError, OSError, ValueError, UnicodeError) as fault:
            raise Unreachable(f"{host}: {type(fault).__name__}") from None

    async def close(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def result(self, answer: Answer, host: str) -> PushResult:
        """What a status says of a push (RFC 8030 and its kin)."""
        if 200 <= answer.status < 300:
            return Sent(answer.headers.get("Location", "")[-100:])
        if answer.status in (404, 410):
            return Gone(f"{host} answers {answer.status}")
        if answer.status in BUSY:
            pause = retry_after(answer.headers.get("Retry-After", ""), self._clock.now())
            return Later(f"{host} answers {answer.status}", pause)
        return Refused(f"{host} answers {answer.status}")

    def _anywhere(self, address: str) -> bool:
        return is_public(address) or self._own(address)

    def _session(self, secure: bool) -> aiohttp.ClientSession:
        found = self._sessions.get(secure)
        if found is None:
            allowed = self._anywhere if secure else self._own

            def make(where: Any) -> socket.socket:
                family, kind, proto, _, address = where
                if not allowed(str(address[0])):
                    raise OSError(f"{address[0]} is not on the public internet")
                made = socket.socket(family, kind, proto)
                made.setblocking(False)
                return made

            found = self._sessions[secure] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=Resolver(allowed), socket_factory=make, use_dns_cache=False, limit=AT_ONCE
                ),
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={"User-Agent": "tgserve"},
                max_line_size=8190,
                max_field_size=8190,
            )
        return found


def host_of(url: str) -> str:
    return urlsplit(url).hostname or "?"


def _is_address(host: str) -> bool:
    """An address in place of a name, in any spelling: nobody resolves it, so it is looked at by itself."""
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdigit() or last.lower().startswith("0x")


def _closed(host: str, secure: bool) -> str:
    if not secure:
        return f"{host} is named without https: only networks of push.allow_private may be"
    return f"{host} is not on the public internet, nor in push.allow_private"
