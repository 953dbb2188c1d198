"""Talks to the daemon: one connection to DIR/admin.sock, one JSON line each way. No asyncio, no event loop."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, TypeVar

from tgserve.admin.schema import VERSION, Command, Hello, Malformed, from_plain, to_plain

from .output import Refused

R = TypeVar("R")
SECONDS = 600.0
"""`check` of a large store takes minutes; everything else answers at once."""


class NotRunning(Refused):
    """No daemon serves this directory."""


def call(data: Path, command: Command[R]) -> R:
    """Ask the daemon; Refused carries its reason, NotRunning says how to start it."""
    with connect(data) as connection:
        return ask(connection, command)


def connect(data: Path) -> Connection:
    path = data / "admin.sock"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(SECONDS)
    try:
        if len(os.fsencode(path)) < 100:
            sock.connect(str(path))
        else:  # beyond what a socket address holds
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                sock.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        sock.close()
        raise NotRunning(f"no server runs on {data}: start one with `tgserve start --data {data}`") from None
    except PermissionError:
        sock.close()
        raise Refused(f"{path}: only the server's own user may do this") from None
    return Connection(sock)


class Connection:
    """An admin connection after its first line."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lines = sock.makefile("rb")
        try:
            self.hello = from_plain(Hello, self._line())
        except Malformed as error:
            raise Refused(f"what serves the admin socket is no tgserve ({error})") from None
        if self.hello.admin != VERSION:
            raise Refused(f"the running server is version {self.hello.tgserve}: use its own command line")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._sock.close()

    def exchange(self, request: dict[str, Any]) -> Any:
        self._sock.sendall(json.dumps(request).encode() + b"\n")
        return self._line()

    def ended(self) -> bool:
        """Wait until the other side closes."""
        try:
            return self._lines.readline() == b""
        except OSError:
            return True

    def _line(self) -> Any:
        try:
            line = self._lines.readline()
        except TimeoutError:
            raise Refused(f"the server did not answer within {SECONDS:.0f} s") from None
        except OSError as error:
            raise Refused(f"the admin socket: {error}") from None
        if not line:
            raise Refused("the server ended the admin connection: its log says why")
        return json.loads(line)


def ask(connection: Connection, command: Command[R]) -> R:
    answer = connection.exchange({"command": command.NAME, "params": to_plain(command)})
    if "error" in answer:
        raise Refused(answer["error"]["text"])
    result: R = from_plain(command.RESULT, answer["result"])
    return result
