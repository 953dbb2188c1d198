"""Two short message centres: a real one of another maker (smpp34's server, written in Rust), and one of ours that
looks at passwords, refuses, throttles, stays silent and hangs up. Both run on a thread of their own."""

from __future__ import annotations

import asyncio
import ssl
import struct
import threading
from collections import deque
from typing import Any

import smpp34

from tests.ports import free_port

HEAD = struct.Struct(">IIII")
BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE = 0x09, 0x04, 0x05, 0x06, 0x15
ANSWER = 0x80000000
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}


def decoded(coding: int, data: bytes) -> str:
    """As a phone shows it."""
    if coding == 8:
        return data.decode("utf-16-be")
    if coding == 3:
        return data.decode("latin-1")
    text, escaped = "", False
    for byte in data:
        if byte == 0x1B and not escaped:
            escaped = True
            continue
        text += EXTENDED[byte] if escaped else GSM[byte]
        escaped = False
    return text


class Mailbox:
    """Whole texts from parts with user data headers."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []
        self.submitted: list[smpp34.SubmitSm | smpp34.SubmitSmEvent] = []
        self._parts: dict[tuple[str, int], dict[int, str]] = {}

    def take(self, pdu: Any) -> None:
        self.submitted.append(pdu)
        data = bytes(pdu.short_message)
        if not pdu.esm_class & 0x40:
            self.received.append((pdu.destination_addr, decoded(pdu.data_coding, data)))
            return
        assert data[:3] == b"\x05\x00\x03" and len(data) <= 160
        assert pdu.data_coding == 0 or len(data) <= 140
        reference, count, number = data[3], data[4], data[5]
        parts = self._parts.setdefault((pdu.destination_addr, reference), {})
        parts[number] = decoded(pdu.data_coding, data[6:])
        if len(parts) == count:
            self.received.append((pdu.destination_addr, "".join(parts[n] for n in range(1, count + 1))))
            del self._parts[pdu.destination_addr, reference]


class Thread(Mailbox):
    port: int
    _loop: asyncio.AbstractEventLoop
    _end: asyncio.Event

    def __init__(self) -> None:
        super().__init__()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        raise NotImplementedError

    def start(self) -> Any:
        self.port = free_port()
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)


class RealCentre(Thread):
    """Accepts everything and sends a receipt for each."""

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = smpp34.Server("127.0.0.1", self.port, system_id="centre")
        await server.start()
        self._ready.set()
        work = asyncio.ensure_future(self._work(server))
        await self._end.wait()
        work.cancel()
        await server.stop()

    async def _work(self, server: smpp34.Server) -> None:
        peers: dict[str, Any] = {}
        self.receipts = 0
        number = 0
        while True:
            event = await server.next()
            if isinstance(event, smpp34.Esme):
                peers[event.session_id] = event
            elif isinstance(event, smpp34.SubmitSmEvent):
                number += 1
                event.accept(f"m{number}")
                self.take(event)
                receipt = f"id:m{number} sub:001 dlvrd:001 submit date:2611230000 done date:2611230001 stat:DELIVRD err:000"
                answer = await peers[event.session_id].deliver_sm(
                    event.source_addr, receipt.encode(), source_addr=event.destination_addr, esm_class=0x04
                )
                self.receipts += answer.is_success


class StrictCentre(Thread):
    """`statuses`: what the next submits are answered with, then 0; `bind_statuses` the next binds; `silent`: no answers;
    `hang_up`: the next submit ends the connection."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._tls = tls
        self.statuses: deque[int] = deque()
        self.bind_statuses: deque[int] = deque()
        self.silent = False
        self.hang_up = False
        self.binds = 0
        self.enquiries = 0
        self.unbinds = 0
        self.answered: list[tuple[int, int]] = []
        """(command, status) of what the other side answered to us."""
        self._writers: list[asyncio.StreamWriter] = []

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=self._tls)
        self._ready.set()
        await self._end.wait()
        server.close()

    def say(self, command: int, body: bytes = b"", status: int = 0, sequence: int = 900) -> None:
        """To whoever is connected, from any thread."""
        raw = HEAD.pack(16 + len(body), command, status, sequence) + body
        self.raw(raw)

    def raw(self, data: bytes) -> None:
        self._loop.call_soon_threadsafe(self._write, data)

    def _write(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readexactly(16)
                length, command, status, sequence = HEAD.unpack(head)
                body = await reader.readexactly(length - 16)
                if command & ANSWER:
                    self.answered.append((command, status))
                    continue
                answer = b""
                result = 0
                if command == BIND:
                    self.binds += 1
                    name, password = body.split(b"\0")[:2]
                    result = 0 if (name, password) == (b"us", b"secret") else 0x0E
                    result = self.bind_statuses.popleft() if self.bind_statuses else result
                    answer = b"centre\0"
                elif command == SUBMIT:
                    if self.hang_up:
                        self.hang_up = False
                        return
                    result = self.statuses.popleft() if self.statuses else 0
                    pdu = smpp34.decode(head + body)
                    assert isinstance(pdu, smpp34.SubmitSm)
                    if not result:
                        self.take(pdu)
                        answer = b"m%d\0" % len(self.submitted)
                elif command == ENQUIRE:
                    self.enquiries += 1
                elif command == UNBIND:
                    self.unbinds += 1
                if not self.silent:
                    writer.write(HEAD.pack(16 + len(answer), command | ANSWER, result, sequence) + answer)
                if command == UNBIND:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.remove(writer)
            writer.close()
