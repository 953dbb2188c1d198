"""The admin socket: DIR/admin.sock, mode 0600, only for the daemon's own user and root; JSON lines, one at a time.

Commands run on the daemon's loop. Streams are fine here: this is the control plane, a few commands a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

from tgserve import __version__, limits, log
from tgserve.admin import commands
from tgserve.admin.registry import HANDLERS, Daemon, Refusal
from tgserve.admin.schema import COMMANDS, VERSION, Hello, Malformed, from_plain, to_plain
from tgserve.errors import RpcError, StoreError

LOG = log.get("admin")
_UCRED = struct.Struct("3i")  # pid, uid, gid

commands.load()


class AdminServer:
    def __init__(self, path: Path, daemon: Daemon) -> None:
        self._path = path
        self._daemon = daemon
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen. The store's lock is held by now, so a socket file that is there is a dead one's."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        # The mode counts from the moment of binding: nobody else may connect in between.
        before = os.umask(0o177)
        try:
            listener.bind(_short(self._path))
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=limits.ADMIN_LINE_BYTES
        )

    async def stop(self) -> None:
        """Refuse new connections and end those that are there; the file goes."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._open):
            writer.close()
        self._server = None
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not _welcome(writer):
            writer.close()
            return
        self._open.add(writer)
        try:
            _write(writer, to_plain(Hello(__version__, VERSION, os.getpid())))
            while line := await reader.readline():
                _write(writer, await self._answer(line))
                await writer.drain()
        except (ConnectionError, ValueError):  # ValueError: a line above the limit
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        """One request line -> the answer. Whatever goes wrong is an answer too."""
        name = "?"
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or not isinstance(request.get("command"), str):
                raise Malformed("an object with `command` is needed")
            name = request["command"]
            if name not in HANDLERS:
                raise Malformed(f"there is no command `{name}` in version {__version__}")
            params = from_plain(COMMANDS[name], request.get("params", {}))
            result = await HANDLERS[name](self._daemon, params)
            LOG.info("admin.done", command=name)
            return {"result": to_plain(result)}
        except Refusal as error:
            return _error("refused", str(error))
        except RpcError as error:
            return _error("refused", error.name)
        except StoreError as error:
            return _error("refused", f"the store: {error}")
        except ValueError as error:  # Malformed and broken JSON
            return _error("malformed", str(error))


def _welcome(writer: asyncio.StreamWriter) -> bool:
    """Is the peer root or who we are? The mode of the file says the same; this holds when somebody changed it."""
    peer: socket.socket = writer.get_extra_info("socket")
    _, uid, _ = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    if uid in (0, os.geteuid()):
        return True
    LOG.warning("admin.stranger", uid=uid)
    return False


def _short(path: Path) -> str:
    """Unix socket paths end at 107 bytes: a deep directory is reached through its open descriptor's short name."""
    if len(os.fsencode(path)) < 100:
        return str(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{folder}/{path.name}"


def _write(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")


def _error(kind: str, text: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "text": text}}
