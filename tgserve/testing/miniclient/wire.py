"""Client side of every transport, sans-IO, written apart from the server's so that the two check each other.

    wire = Wire("obf-intermediate", ids, dc_id=2)
    socket.write(wire.hello()); socket.write(wire.wrap(payload)); wire.receive(socket.read())

Kinds: abridged, intermediate, padded, full, obf-… and ws-… of the first three, http.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from struct import pack, unpack_from

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tgserve.ids import Ids

KINDS = (
    "abridged",
    "intermediate",
    "padded",
    "full",
    "obf-abridged",
    "obf-intermediate",
    "obf-padded",
    "ws-abridged",
    "ws-intermediate",
    "ws-padded",
    "http",
)
_TAGS = {"abridged": b"\xef" * 4, "intermediate": b"\xee" * 4, "padded": b"\xdd" * 4}
_TAKEN = (b"HEAD", b"POST", b"GET ", b"OPTI", b"\xdd" * 4, b"\xee" * 4, b"\x16\x03\x01\x02")


@dataclass(frozen=True, slots=True)
class Packet:
    payload: bytes


@dataclass(frozen=True, slots=True)
class QuickAck:
    token: int


@dataclass(frozen=True, slots=True)
class TransportError:
    code: int


@dataclass(frozen=True, slots=True)
class Control:
    """What a transport says for itself: pong and close of WebSocket, pages of HTTP that carry no packet."""

    name: str
    data: bytes


Received = Packet | QuickAck | TransportError | Control


def _packet(payload: bytes) -> Received:
    return TransportError(unpack_from("<i", payload)[0]) if len(payload) < 8 else Packet(payload)


class _Inner:
    """The three framings without tag, and full. `take` cuts whole packets off the front of the buffer."""

    def __init__(self, kind: str, ids: Ids) -> None:
        self.kind = kind
        self._ids = ids
        self.sent = 0
        self.seen = 0

    def wrap(self, payload: bytes, quick_ack: bool) -> bytes:
        if self.kind == "abridged":
            words = len(payload) // 4
            flag = 0x80 if quick_ack else 0
            head = (
                bytes((words | flag,)) if words < 127 else bytes((127 | flag,)) + words.to_bytes(3, "little")
            )
            return head + payload
        if self.kind == "full":
            packet = pack("<II", len(payload) + 12, self.sent) + payload
            self.sent += 1
            return packet + pack("<I", zlib.crc32(packet))
        if self.kind == "padded":
            payload += self._ids.random_bytes(self._ids.below(16))
        return pack("<I", len(payload) | (0x80000000 if quick_ack else 0)) + payload

    def take(self, buffer: bytearray) -> list[Received]:
        found: list[Received] = []
        while len(buffer) >= 4:
            one, size = self._one(bytes(buffer))
            if one is None:
                break
            found.append(one)
            del buffer[:size]
        return found

    def _one(self, data: bytes) -> tuple[Received | None, int]:
        if self.kind == "abridged":
            if data[0] & 0x80:
                return QuickAck(int.from_bytes(data[:4], "big")), 4
            start = 1 if data[0] < 127 else 4
            end = start + 4 * (data[0] if start == 1 else int.from_bytes(data[1:4], "little"))
            return (_packet(data[start:end]), end) if end <= len(data) else (None, 0)
        (size,) = unpack_from("<I", data)
        if self.kind == "full":
            if size > len(data):
                return None, 0
            (seq,) = unpack_from("<I", data, 4)
            (check,) = unpack_from("<I", data, size - 4)
            if seq != self.seen or check != zlib.crc32(data[: size - 4]):
                raise ValueError("full transport: sequence or checksum")
            self.seen += 1
            return _packet(data[8 : size - 4]), size
        if size & 0x80000000:
            return QuickAck(size), 4
        if size + 4 > len(data):
            return None, 0
        payload = data[4 : 4 + size]
        if self.kind == "padded":
            if size < 24:
                payload = payload[:4]
            elif payload[:8] != bytes(8):
                payload = payload[: size - (size - 24) % 16]
        return _packet(payload), size + 4


class Wire:
    """One connection as a client sees it. `closed` once the other side said so."""

    def __init__(
        self,
        kind: str,
        ids: Ids,
        *,
        dc_id: int = 2,
        host: str = "localhost",
        path: str = "",
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"no transport {kind}")
        self.kind = kind
        self._ids = ids
        self._dc_id = dc_id
        self._host = host
        self._path = path or ("/apiws" if kind.startswith("ws-") else "/api")
        self._inner = _Inner(kind.removeprefix("obf-").removeprefix("ws-"), ids)
        self._buffer = bytearray()
        self._stream = bytearray()
        self._decrypt: Callable[[bytes], bytes] = bytes
        self._encrypt: Callable[[bytes], bytes] = bytes
        self.ready = not kind.startswith("ws-")
        """False until the WebSocket upgrade is answered: nothing may be wrapped before."""
        self.closed = False
        self._started = False

    def hello(self) -> bytes:
        """What a new connection begins with."""
        if self.kind.startswith("obf-"):
            return self._header()
        if self.kind.startswith("ws-"):
            key = b64encode(self._ids.random_bytes(16)).decode()
            return (
                f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: binary\r\n\r\n"
            ).encode()
        return {"abridged": b"\xef", "intermediate": b"\xee" * 4, "padded": b"\xdd" * 4}.get(self.kind, b"")

    def _header(self) -> bytes:
        """Obfuscated2's 64 bytes; from here on both directions are encrypted."""
        while True:
            start = self._ids.random_bytes(56)
            if start[:1] != b"\xef" and start[:4] not in _TAKEN and start[4:8] != bytes(4):
                break
        tag = _TAGS[self._inner.kind]
        header = start + tag + pack("<h", self._dc_id) + self._ids.random_bytes(2)
        back = header[8:56][::-1]
        encrypt = Cipher(AES256(header[8:40]), CTR(header[40:56])).encryptor().update
        self._decrypt = Cipher(AES256(back[:32]), CTR(back[32:])).decryptor().update
        self._encrypt = encrypt
        return header[:56] + encrypt(header)[56:]

    def wrap(self, payload: bytes, quick_ack: bool = False) -> bytes:
        if self.kind == "http":
            head = (
                f"POST {self._path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/octet-stream\r\n"
                f"Connection: keep-alive\r\nContent-Length: {len(payload)}\r\n\r\n"
            )
            return head.encode() + payload
        if not self.kind.startswith("ws-"):
            return self._encrypt(self._inner.wrap(payload, quick_ack))
        start = b"" if self._started else self._header()
        self._started = True
        return self.websocket_frame(2, start + self._encrypt(self._inner.wrap(payload, quick_ack)))

    def websocket_frame(self, opcode: int, data: bytes, *, final: bool = True, masked: bool = True) -> bytes:
        """One WebSocket frame, with what is needed to misbehave."""
        size = len(data)
        head = bytes(((0x80 if final else 0) | opcode,))
        bit = 0x80 if masked else 0
        if size < 126:
            head += bytes((bit | size,))
        elif size < 65536:
            head += bytes((bit | 126,)) + size.to_bytes(2, "big")
        else:
            head += bytes((bit | 127,)) + size.to_bytes(8, "big")
        if not masked:
            return head + data
        mask = self._ids.random_bytes(4)
        return head + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(data))

    def receive(self, data: bytes) -> list[Received]:
        """What is complete by now. Raises ValueError when the server breaks its transport."""
        self._buffer += data
        if self.kind == "http":
            return self._http()
        if self.kind.startswith("ws-"):
            return self._websocket()
        self._stream += self._decrypt(bytes(self._buffer))
        self._buffer.clear()
        return self._inner.take(self._stream)

    def _head(self) -> tuple[int, dict[str, str], int] | None:
        """(status, headers, where the body starts) of an HTTP answer."""
        stop = self._buffer.find(b"\r\n\r\n")
        if stop < 0:
            return None
        lines = self._buffer[:stop].decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        return int(lines[0].split(" ")[1]), headers, stop + 4

    def _http(self) -> list[Received]:
        found: list[Received] = []
        while (head := self._head()) is not None:
            status, headers, start = head
            if list(headers)[-1] != "content-length":
                raise ValueError("Content-Length is not the last header")
            end = start + int(headers["content-length"])
            if end > len(self._buffer):
                break
            body = bytes(self._buffer[start:end])
            del self._buffer[:end]
            self.closed = self.closed or headers.get("connection") == "close"
            if status == 200:
                found.append(_packet(body))
            elif len(body) == 4:
                if unpack_from("<i", body)[0] != -status:
                    raise ValueError("status and error code differ")
                found.append(TransportError(-status))
            else:
                found.append(Control(str(status), body))
        return found

    def _websocket(self) -> list[Received]:
        found: list[Received] = []
        if not self.ready:
            head = self._head()
            if head is None:
                return found
            status, headers, start = head
            if status != 101:
                self.closed = True
                return [Control(str(status), bytes(self._buffer[start:]))]
            if headers.get("sec-websocket-protocol") != "binary":
                raise ValueError("subprotocol not echoed")
            del self._buffer[:start]
            self.ready = True
        while len(self._buffer) >= 2:
            opcode, size, start = self._buffer[0] & 15, self._buffer[1], 2
            if size & 0x80:
                raise ValueError("a masked frame from the server")
            if size >= 126:
                start = 4 if size == 126 else 10
                size = int.from_bytes(self._buffer[2:start], "big")
            if len(self._buffer) < start + size:
                break
            data = bytes(self._buffer[start : start + size])
            del self._buffer[: start + size]
            if opcode == 2:
                self._stream += self._decrypt(data)
                found += self._inner.take(self._stream)
            else:
                self.closed = self.closed or opcode == 8
                found.append(Control({8: "close", 9: "ping", 10: "pong"}[opcode], data))
        return found
