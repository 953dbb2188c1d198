"""The one line that `node invite` prints and `node add` takes: where the inviting node is, its key, and a secret.

The key makes sure that the new node gives the secret to nobody else; the secret makes sure that nobody else comes in. A
token is good once and for a limited time; the store keeps its hash alone.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

import msgspec

PREFIX: Final = "tgnode1-"
SECRET_BYTES: Final = 16
_SUM_BYTES = 4


class Token(msgspec.Struct, frozen=True, array_like=True):
    link: str
    key: bytes
    secret: bytes
    dc: int
    expires: int

    def line(self) -> str:
        data = msgspec.msgpack.encode(self)
        return PREFIX + base64.urlsafe_b64encode(data + _sum(data)).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Token:
        """ValueError: what is wrong with it, in a sentence."""
        line = "".join(text.split())
        if not line.startswith(PREFIX):
            raise ValueError(f"this is no node token: one begins with {PREFIX}")
        rest = line.removeprefix(PREFIX)
        try:
            data = base64.b64decode(rest + "=" * (-len(rest) % 4), altchars=b"-_", validate=True)
            body, check = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
            if _sum(body) != check:
                raise ValueError
            token = msgspec.msgpack.decode(body, type=cls)
        except ValueError:
            raise ValueError("the token is damaged or cut: copy the whole line") from None
        if len(token.key) != 32 or len(token.secret) != SECRET_BYTES:
            raise ValueError("the token is damaged or cut: copy the whole line")
        return token


def name_of(secret: bytes) -> bytes:
    """What the store keeps of a secret."""
    return hashlib.blake2b(secret, digest_size=32, person=b"tgserve-invite").digest()


def _sum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SUM_BYTES).digest()
