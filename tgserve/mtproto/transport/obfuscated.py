"""Obfuscated2: any of three framings under AES-256-CTR, so that no byte of a connection has a fixed value.

header (64, from the client) = random (56) tag (4) dc_id (2, signed) random (2), of which the last 8 are sent encrypted
client -> server: key header[8:40], iv header[40:56]; server -> client: the same of header[8:56] read backwards.
This hides, it does not protect: the keys stand in the header. The contexts live as long as the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tgserve.errors import ProtocolError
from tgserve.mtproto.transport import abridged, intermediate
from tgserve.mtproto.transport.abridged import Abridged
from tgserve.mtproto.transport.frames import Frame, Framing
from tgserve.mtproto.transport.intermediate import Intermediate, PaddedIntermediate

HEADER_BYTES = 64


class Opened(NamedTuple):
    framing: Obfuscated
    kind: str
    dc_id: int | None


def ctr(key: bytes, iv: bytes) -> Callable[[bytes], bytes]:
    """A function that en- or decrypts a stream piece by piece."""
    return Cipher(AES256(key), CTR(iv)).encryptor().update


class Obfuscated:
    __slots__ = ("_decrypt", "_encrypt", "_inner")

    def __init__(
        self, inner: Framing, decrypt: Callable[[bytes], bytes], encrypt: Callable[[bytes], bytes]
    ) -> None:
        self._inner = inner
        self._decrypt = decrypt
        self._encrypt = encrypt

    def receive(self, data: bytes, frames: list[Frame]) -> None:
        self._inner.receive(self._decrypt(data), frames)

    def wrap(self, payload: bytes) -> bytes:
        return self._encrypt(self._inner.wrap(payload))

    def quick_ack(self, token: int) -> bytes:
        return self._encrypt(self._inner.quick_ack(token))

    def error(self, code: int) -> bytes:
        return self._encrypt(self._inner.error(code))


def open_obfuscated(header: bytes, padding: Callable[[int], bytes]) -> Opened:
    """The framing that a client's 64 bytes ask for. Raises ProtocolError when they ask for none."""
    backwards = header[55:7:-1]
    decrypt = ctr(header[8:40], header[40:56])
    end = decrypt(header)[56:]
    tag = end[:4]
    inner: Framing
    if tag == intermediate.TAG:
        kind, inner = "intermediate", Intermediate()
    elif tag == abridged.TAG * 4:
        kind, inner = "abridged", Abridged()
    elif tag == intermediate.PADDED_TAG:
        kind, inner = "padded", PaddedIntermediate(padding)
    else:
        raise ProtocolError("no transport known by these first bytes")
    framing = Obfuscated(inner, decrypt, ctr(backwards[:32], backwards[32:]))
    return Opened(framing, kind, plain_dc(int.from_bytes(end[4:6], "little", signed=True)))


def plain_dc(dc_id: int) -> int | None:
    """The DC meant by a number as clients write it: negative for media, from 10000 up for test servers, 0 for none."""
    return abs(dc_id) % 10_000 or None
