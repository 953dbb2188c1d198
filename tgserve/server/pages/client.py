"""The operator's build of Web K or Web A at `/`, pointed here while it is served (config [web]).

What is changed is kept in memory by path, time and size, compressed once. The policy lets the page talk to this host
and to nobody else: both clients look at outside hosts on every start (CLIENTS.md C).
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import web

from tgserve.server.pages.site import Site
from tgserve.webroot.build import MOST_BYTES, PAGES, SCRIPTS, path_or_none
from tgserve.webroot.retarget import PROLOGUE_PATH, Retarget, prologue

KEPT_BYTES = 48 << 20
PIECE_BYTES = 256 << 10
POLICY = (
    "default-src 'self'; connect-src 'self' blob: data: {socket}; img-src 'self' data: blob:; "
    "media-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'wasm-unsafe-eval' blob:; "
    "worker-src 'self' blob:; font-src 'self' data:; object-src 'none'; frame-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_COMPRESSED = (*SCRIPTS, *PAGES, ".css", ".json", ".svg", ".wasm", ".txt", ".strings")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ready:
    """A file as it is sent: `packed` is gzip, empty where that does not pay."""

    stamp: Stamp
    plain: bytes
    packed: bytes
    tag: str


class Build:
    """One folder, as it is served."""

    def __init__(self, root: Path, retarget: Retarget) -> None:
        self.root = root
        self._retarget = retarget
        self._ready: OrderedDict[Path, Ready] = OrderedDict()
        self._held = 0

    def find(self, asked: str) -> tuple[Path, Stamp] | None:
        """The file and its time and size; not for the loop."""
        path = path_or_none(self.root, asked)
        if path is None:
            return None
        status = path.stat()
        return path, (status.st_mtime_ns, status.st_size)

    async def ready(self, path: Path, stamp: Stamp) -> Ready:
        found = self._ready.get(path)
        if found is not None and found.stamp == stamp:
            self._ready.move_to_end(path)
            return found
        made = await asyncio.to_thread(self._make, path, stamp)
        old = self._ready.pop(path, None)
        self._held += _size(made) - (_size(old) if old else 0)
        self._ready[path] = made
        while self._held > KEPT_BYTES and len(self._ready) > 1:
            self._held -= _size(self._ready.popitem(last=False)[1])
        return made

    def _make(self, path: Path, stamp: Stamp) -> Ready:
        data = path.read_bytes()
        if path.suffix in SCRIPTS:
            data = self._retarget.script(data).data
        elif path.suffix in PAGES:
            data = self._retarget.page(data)
        packer = zlib.compressobj(6, wbits=31)
        packed = packer.compress(data) + packer.flush()
        small = packed if len(packed) < len(data) * 9 // 10 else b""
        return Ready(stamp, data, small, hashlib.sha256(data).hexdigest()[:32])


def _size(ready: Ready) -> int:
    return len(ready.plain) + len(ready.packed)


def routes(site: Site) -> list[web.RouteDef]:
    settings = site.config.web
    if not settings.root:
        return []
    retarget = Retarget(site.key.n, site.key.fingerprint, site.config.name, settings.source_url)
    serve = partial(client, Build(site.config.data / settings.root, retarget))
    return [web.get(PROLOGUE_PATH, first_script), web.get("/{path:.*}", serve)]


async def first_script(request: web.Request) -> web.Response:
    return web.Response(
        body=prologue(), content_type="text/javascript", headers={"Cache-Control": "no-cache"}
    )


async def client(build: Build, request: web.Request) -> web.StreamResponse:
    found = await asyncio.to_thread(build.find, request.match_info["path"])
    if found is None:
        raise web.HTTPNotFound
    path, stamp = found
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY.format(socket=_socket(request))}
    if path.suffix in _COMPRESSED and stamp[1] <= MOST_BYTES:
        ready = await build.ready(path, stamp)
        headers["ETag"] = f'"{ready.tag}"'
        headers["Vary"] = "Accept-Encoding"
        if request.headers.get("If-None-Match", "").removeprefix("W/") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        body = ready.plain
        if ready.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = ready.packed
        return web.Response(body=body, content_type=kind, headers=headers)
    return await _stream(request, path, stamp, kind, headers)


async def _stream(
    request: web.Request, path: Path, stamp: Stamp, kind: str, headers: dict[str, str]
) -> web.StreamResponse:
    """Pictures, sounds, animations: as they are, a piece at a time."""
    headers["ETag"] = f'"{stamp[0]:x}-{stamp[1]:x}"'
    if request.headers.get("If-None-Match", "").removeprefix("W/") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_type = kind
    response.content_length = stamp[1]
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    with await asyncio.to_thread(path.open, "rb") as file:
        left = stamp[1]
        while left and (piece := await asyncio.to_thread(file.read, min(left, PIECE_BYTES))):
            await response.write(piece)
            left -= len(piece)
    return response


def _socket(request: web.Request) -> str:
    """Older browsers do not count sockets of the own host as 'self'. Only what can stand in a host may be quoted."""
    host = request.host
    if not host or not all(char.isalnum() or char in "-.:[]" for char in host):
        return ""
    return f"ws://{host} wss://{host}"
