"""HTTP/1.1 as far as MTProto needs it: POST to /api*, the WebSocket upgrade of /apiws*, CORS; everything else is for
`elsewhere`, without it 404.

One POST carries one packet and gets one answer: Content-Length is its last header, since Telethon takes what follows
it for the body. A transport error is the status (404 for -404) with the code as body. Requests may be pipelined, their
answers are counted. No chunked bodies: no client sends them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tgserve.errors import ProtocolError
from tgserve.limits import FRAME_BYTES, HTTP_HEADER_BYTES
from tgserve.mtproto.transport.frames import I32, SHORTEST_PAYLOAD, Frame, Held
from tgserve.mtproto.transport.websocket import accept_token

API_PATH = re.compile(r"/api(w\d{0,2})?(_test)?(_premium)?\d{0,2}")
"""/api, /apiw, /apiw1, /apiw1_test, /apiw_test1 … as clients of all kinds write it."""
WEBSOCKET_PATH = re.compile(r"/apiws(_test)?(_premium)?")
PIPELINED = 16
"""POSTs of one connection that may wait for their answers at once."""
_STATUS = {
    400: "Bad Request",
    404: "Not Found",
    411: "Length Required",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    444: "Wrong DC",
}
_CORS = (
    "Access-Control-Allow-Origin: *\r\n"
    "Access-Control-Allow-Methods: POST, OPTIONS\r\n"
    "Access-Control-Allow-Headers: origin, content-type\r\n"
    "Access-Control-Max-Age: 1728000\r\n"
)
_ANSWER = (
    "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: application/octet-stream\r\n"
    f"{_CORS}Content-Length: %d\r\n\r\n"
).encode()
_OPTIONS = f"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n{_CORS}Content-Length: 0\r\n\r\n".encode()
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case; of a repeated header the values joined by a comma."""
    keep_alive: bool

    def has(self, header: str, token: str) -> bool:
        return token in (part.strip().lower() for part in self.headers.get(header, "").split(","))


class Refused(ProtocolError):
    """A request that is answered with `status` and the end of the connection."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"http: {reason}")
        self.status = status


def parse_head(head: str) -> Request:
    """A request line and headers, without the empty line. Raises Refused."""
    lines = head.split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise Refused(400, "no request line")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise Refused(400, "malformed header")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    request = Request(parts[0], parts[1].partition("?")[0], headers, False)
    closes = request.has("connection", "close")
    return request._replace(
        keep_alive=not closes if parts[2] == "HTTP/1.1" else request.has("connection", "keep-alive")
    )


def ours(path: str) -> bool:
    """Is this where MTProto is spoken?"""
    return API_PATH.fullmatch(path) is not None or WEBSOCKET_PATH.fullmatch(path) is not None


class Http(Held):
    """`upgrade` is called with what follows the header when the connection becomes a WebSocket; `elsewhere`, if
    there is one, with all bytes from a request on that is not MTProto's, when no answer is waited for."""

    __slots__ = ("_elsewhere", "_last", "_upgrade", "closed", "forwarded_for", "output", "waiting")

    def __init__(
        self,
        upgrade: Callable[[bytes, list[Frame]], None],
        elsewhere: Callable[[bytes], None] | None = None,
    ) -> None:
        super().__init__()
        self._upgrade = upgrade
        self._elsewhere = elsewhere
        self._last = False
        self.output = b""
        self.closed = False
        self.waiting = 0
        """Requests not answered yet."""
        self.forwarded_for = ""
        """X-Forwarded-For of the last request: to be believed of trusted proxies only."""

    def receive(self, data: bytes, frames: list[Frame]) -> None:
        if self._held is not None:
            data = self._join(data)
        at = 0
        while at < len(data) and not self.closed and not self._last:
            stop = data.find(b"\r\n\r\n", at, at + HTTP_HEADER_BYTES)
            if stop < 0:
                if len(data) - at >= HTTP_HEADER_BYTES:
                    raise self._refuse(Refused(431, "header too long"))
                return self._hold(data, at, len(data) - at + 1)
            start = stop + 4
            try:
                request = parse_head(data[at:stop].decode("latin-1"))
                self.forwarded_for = request.headers.get("x-forwarded-for", "")
                if request.method == "GET" and WEBSOCKET_PATH.fullmatch(request.path):
                    self._switch(request)
                    return self._upgrade(data[start:], frames)
                if self._elsewhere is not None and not self.waiting and not ours(request.path):
                    return self._elsewhere(data[at:])
                size = self._body_size(request)
            except Refused as refused:
                raise self._refuse(refused) from None
            if start + size > len(data):
                return self._hold(data, at, start + size - at)
            self._last = not request.keep_alive
            if request.method == "OPTIONS":
                self.output += _OPTIONS
                self.closed = self._last
            else:
                self.waiting += 1
                frames.append(Frame(data[start : start + size]))
            at = start + size

    def _body_size(self, request: Request) -> int:
        """Bytes behind the header of a request that is served. Raises Refused for the others."""
        if request.method not in ("POST", "OPTIONS") or not API_PATH.fullmatch(request.path):
            raise Refused(404, "nothing here")
        length = request.headers.get("content-length", "0" if request.method == "OPTIONS" else "")
        if "transfer-encoding" in request.headers or not length:
            raise Refused(411, "a body without length")
        if not length.isascii() or not length.isdecimal():
            raise Refused(400, "malformed length")
        if len(length) > 9 or int(length) > FRAME_BYTES:
            raise Refused(413, "body too long")
        if request.method == "POST" and int(length) < SHORTEST_PAYLOAD:
            raise Refused(404, "short packet")
        if self.waiting and (request.method != "POST" or self.waiting >= PIPELINED):
            raise Refused(429, "too much at once")
        return int(length)

    def _switch(self, request: Request) -> None:
        headers = request.headers
        key = headers.get("sec-websocket-key", "")
        fits = request.has("upgrade", "websocket") and request.has("connection", "upgrade")
        if (
            self.waiting
            or not fits
            or headers.get("sec-websocket-version") != "13"
            or not _KEY.fullmatch(key)
        ):
            raise Refused(400, "not an upgrade this server knows")
        protocol = (
            "Sec-WebSocket-Protocol: binary\r\n" if request.has("sec-websocket-protocol", "binary") else ""
        )
        self.output += (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"{protocol}Sec-WebSocket-Accept: {accept_token(key.encode()).decode()}\r\n\r\n"
        ).encode()

    def _refuse(self, refused: Refused) -> Refused:
        self.closed = True
        self.output += self._page(refused.status, b"")
        return refused

    def _page(self, status: int, body: bytes) -> bytes:
        head = f"HTTP/1.1 {status} {_STATUS.get(status, 'Error')}\r\nConnection: close\r\n{_CORS}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _said(self) -> bytes:
        """What waits to be said; it must go out before anything new."""
        said, self.output = self.output, b""
        return said

    def wrap(self, payload: bytes) -> bytes:
        if not self.waiting:
            raise RuntimeError("an HTTP answer without a request")
        self.waiting -= 1
        self.closed = self._last and not self.waiting
        return self._said() + _ANSWER % len(payload) + payload

    def quick_ack(self, token: int) -> bytes:
        return b""

    def error(self, code: int) -> bytes:
        """Ends the connection, also when a refusal has said so already."""
        if not self.closed:
            self.closed = True
            self.output += self._page(abs(code), I32.pack(code))
        return self._said()
