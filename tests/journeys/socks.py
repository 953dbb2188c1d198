"""A SOCKS5 proxy on loopback that leads every destination to one server: clients with built-in addresses go through
it, so nothing they want to reach outside is ever contacted."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Socks:
    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.also: dict[int, tuple[str, int]] = {}
        """Further servers, by the port they are asked for."""
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self.listener.getsockname()[1])
        self.open = True
        self._left: int | None = None
        self._free = threading.Event()
        self._free.set()
        self.pairs: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self.open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, IndexError, ConnectionError):
            server = socket.create_connection(self.also.get(self._greet(client), self.target))
            self.pairs |= {client, server}
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server, up=True)
            back.join()
        client.close()

    @staticmethod
    def _exactly(sock: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = sock.recv(count - len(data))
            if not part:
                raise ConnectionError("closed")
            data += part
        return data

    def _greet(self, client: socket.socket) -> int:
        """The port that is asked for."""
        methods = self._exactly(client, 2)[1]
        self._exactly(client, methods)
        client.sendall(b"\x05\x00")
        kind = self._exactly(client, 4)[3]
        size = {1: 4, 4: 16}.get(kind) or self._exactly(client, 1)[0]
        place = self._exactly(client, size + 2)
        client.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        return int.from_bytes(place[-2:], "big")

    def hold(self, count: int) -> None:
        """About so many bytes more may go to the server, then none until `let_go`."""
        self._free.clear()
        self._left = count

    def let_go(self) -> None:
        self._left = None
        self._free.set()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if up and self._left is not None:
                    self._left -= len(data)
                    if self._left < 0:
                        self._free.wait()
                sink.sendall(data)
        for sock in (source, sink):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            self.pairs.discard(sock)

    def cut(self) -> None:
        """Drop every connection: a network change, as clients see it."""
        for sock in list(self.pairs):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.open = False
        self.listener.close()
        self.let_go()
        self.cut()
