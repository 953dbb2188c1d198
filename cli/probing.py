"""One question to an MTProto address: who is there? The first step of a key exchange, over plain TCP, in 5 seconds.

req_pq_multi is answered by resPQ with the fingerprints of the keys that the server has, so that a wrong key is known
before any client is built for it. The nonce is the only thing sent; nothing is stored there.
"""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass

from tgserve.ids import Ids

SECONDS = 5.0
REQ_PQ_MULTI, RES_PQ, VECTOR = 0xBE7E8EF1, 0x05162463, 0x1CB5C415


@dataclass(frozen=True, slots=True)
class Answer:
    """`fault` says in words why nobody answered as a server of this kind does; it is empty when one did."""

    fault: str = ""
    fingerprints: tuple[int, ...] = ()
    """Unsigned."""
    seconds: float = 0.0
    clock_seconds: float = 0.0
    """How far its clock is ahead of ours."""


def ask(host: str, port: int, seconds: float = SECONDS) -> Answer:
    """Never raises: what goes wrong is an answer."""
    began = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=seconds) as sock:
            sock.settimeout(seconds)
            nonce = Ids().random_bytes(16)
            body = struct.pack("<I", REQ_PQ_MULTI) + nonce
            packet = struct.pack("<qqi", 0, int(time.time()) << 32, len(body)) + body
            sock.sendall(b"\xef" + bytes((len(packet) // 4,)) + packet)
            size = _exactly(sock, 1)[0]
            if size == 0x7F:
                size = int.from_bytes(_exactly(sock, 3), "little")
            answer = _exactly(sock, min(size * 4, 4096))
    except socket.gaierror:
        return Answer(f"{host} is a name that nobody knows")
    except TimeoutError:
        return Answer("no answer: a firewall drops the packets, or the address is not this machine's")
    except ConnectionRefusedError:
        return Answer("the port is closed: nobody listens there")
    except (ConnectionError, EOFError):
        return Answer(
            "somebody listens, but speaks no MTProto: another program has the port, or a proxy expects TLS"
        )
    except OSError as error:
        return Answer(f"cannot be reached: {error.strerror or error}")
    return _read(answer, nonce, time.monotonic() - began)


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _read(answer: bytes, nonce: bytes, seconds: float) -> Answer:
    try:
        zero, msg_id, size, constructor = struct.unpack_from("<qqiI", answer)
        body = answer[20 : 20 + size]
        if zero or constructor != RES_PQ or body[4:20] != nonce:
            raise ValueError
        at = 36
        at += (body[at] + 1 + 3) // 4 * 4
        vector, count = struct.unpack_from("<Ii", body, at)
        if vector != VECTOR or not 0 < count < 16:
            raise ValueError
        fingerprints = struct.unpack_from(f"<{count}Q", body, at + 8)
    except (struct.error, ValueError, IndexError):
        return Answer("somebody answers, but not as a server of this kind")
    return Answer("", fingerprints, seconds, (msg_id >> 32) - time.time())
