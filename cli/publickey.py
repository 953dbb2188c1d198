"""The numbers in a public key file: what client libraries that take no PEM are told. No crypto library is needed."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from .output import Refused


@dataclass(frozen=True, slots=True)
class PublicKey:
    n: int
    e: int

    @property
    def fingerprint(self) -> int:
        """As clients compare it: the low 64 bits of SHA1 over the TL bytes of n and e, signed, little endian."""
        digest = hashlib.sha1(_tl_bytes(self.n) + _tl_bytes(self.e), usedforsecurity=False).digest()
        return int.from_bytes(digest[-8:], "little", signed=True)


def parse(pem: str) -> PublicKey:
    """PKCS#1 PEM -> numbers: a DER sequence of two integers."""
    lines = [line for line in pem.split() if not line.startswith("-") and not line.endswith("-")]
    try:
        der = base64.b64decode(
            "".join(line for line in lines if line not in ("RSA", "PUBLIC")), validate=True
        )
        body, rest = _element(der, 0x30)
        n, body = _element(body, 0x02)
        e, body = _element(body, 0x02)
    except (ValueError, IndexError, binascii.Error):
        raise Refused("the public key file is not a PKCS#1 PEM") from None
    if rest or body:
        raise Refused("the public key file is not a PKCS#1 PEM")
    return PublicKey(int.from_bytes(n, "big"), int.from_bytes(e, "big"))


def _element(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the element at the beginning, and what follows it."""
    if der[0] != tag:
        raise ValueError("another element")
    size, at = der[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(der[2:at], "big")
    if at + size > len(der):
        raise ValueError("cut off")
    return der[at : at + size], der[at + size :]


def _tl_bytes(number: int) -> bytes:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    head = bytes((len(data),)) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + b"\0" * (-(len(head) + len(data)) % 4)
