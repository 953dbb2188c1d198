"""Calls to the HTTP interfaces of providers the operator has named: certificates checked, no redirects followed, an end
to time and size. Unlike the fetcher of previews it goes to private addresses too: the operator may run the gateway.

What a provider says back may quote the number or the text; `told` takes both out before it becomes a reason, since
reasons are logged (SECURITY 7.2).
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from tgserve.adapters.contract import AdapterError, Later, Refused, Sms
from tgserve.clock import Clock

MOST_BYTES: Final = 256 * 1024
SECONDS: Final = 20.0
"""Longer than Timed waits for one try: the last word is there."""
REASON_CHARS: Final = 200
BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONG_NUMBER = re.compile(r"\+?\d(?:[ ().-]?\d){6,}")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode(errors="replace")

    def json(self) -> Any:
        """The decoded body; None when it is no JSON."""
        try:
            return json.loads(self.data)
        except ValueError:
            return None


class Unreachable(Exception):
    """No answer; the text says why."""


class Caller:
    """One provider's connections, kept open between calls."""

    def __init__(self, clock: Clock, *, ca: str = "", seconds: float = SECONDS) -> None:
        """`ca`: a file of certificates to trust besides; AdapterError when it cannot be read."""
        self._clock = clock
        self._seconds = seconds
        self._ssl = tls(ca)
        self._session: aiohttp.ClientSession | None = None

    async def call(self, method: str, url: str, **how: Any) -> Answer:
        """`how` as aiohttp takes it: headers, params, data, json. Raises Unreachable."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._seconds),
                headers={"User-Agent": "tgserve"},
                connector=aiohttp.TCPConnector(ssl=self._ssl, limit=16),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        host = urlsplit(url).hostname or url
        try:
            async with self._session.request(method, url, allow_redirects=False, **how) as response:
                data = await response.content.read(MOST_BYTES)
                while len(data) < MOST_BYTES and (
                    more := await response.content.read(MOST_BYTES - len(data))
                ):
                    data += more
                return Answer(response.status, response.headers, data)
        except TimeoutError:
            raise Unreachable(f"{host} did not answer within {self._seconds:g} s") from None
        except aiohttp.ClientConnectorCertificateError as fault:
            raise Unreachable(f"{host}: its certificate is not trusted: {fault.certificate_error}") from None
        except aiohttp.ClientConnectorDNSError:
            raise Unreachable(f"there is no host {host}") from None
        except aiohttp.ClientConnectorError as fault:
            raise Unreachable(f"{host} cannot be reached: {words(fault.os_error)}") from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise Unreachable(f"{host}: {type(fault).__name__}") from None

    def busy(self, answer: Answer, reason: str) -> Later:
        """Later, with the pause that Retry-After names."""
        return Later(reason, retry_after(answer.headers.get("Retry-After", ""), self._clock.now()))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def tls(ca: str = "") -> ssl.SSLContext:
    """Checks certificates and names; AdapterError when the file `ca` cannot be used."""
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(Path(ca).expanduser())
        except (OSError, ssl.SSLError) as fault:
            raise AdapterError(f"{ca} cannot be read as certificates: {fault}") from None
    return context


async def knock(url: str, context: ssl.SSLContext, seconds: float = 10.0) -> Refused | None:
    """Can the host of a URL be connected to, and is its certificate good? None: yes."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(
                host, parts.port or (443 if secure else 80), ssl=context if secure else None
            )
    except TimeoutError:
        return Refused(f"{host} did not answer within {seconds:g} s")
    except ssl.SSLError as fault:
        return Refused(f"{host}: {words(fault)}")
    except OSError as fault:
        return Refused(f"{host} cannot be reached: {words(fault)}")
    writer.close()
    return None


def words(fault: OSError) -> str:
    """The system's words; asyncio puts whole sentences with addresses in their place."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {fault.verify_message}"
    if isinstance(fault, ssl.SSLError):
        return f"no TLS: {fault.reason}"
    if fault.errno and fault.errno > 0:
        return os.strerror(fault.errno)
    return fault.strerror or type(fault).__name__


def basic(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication (RFC 7617)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def retry_after(value: str, now: float) -> float:
    """Seconds of a Retry-After header, which are a number or a date; 0 for none."""
    value = value.strip()
    if value.isdigit():
        return float(min(int(value), 86_400))
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return min(max(0.0, when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now), 86_400.0)


def told(text: object, sms: Sms | None = None) -> str:
    """What a provider said, as a reason: one line, short, without the number and the code."""
    line = " ".join(str(text).split())
    if sms is not None:
        line = (
            line.replace(sms.text, "...")
            .replace("+" + sms.phone, "...")
            .replace(sms.phone, "...")
            .replace(sms.code, "...")
        )
    return _LONG_NUMBER.sub("...", line)[:REASON_CHARS]


def web_url(url: str, place: str) -> str:
    """A URL of http or https without a / at its end; AdapterError."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(char.isspace() for char in url):
        raise AdapterError(f"[{place}] url: `{url}` is not http(s)://HOST[:PORT]/...")
    return url.rstrip("/")
