"""The only source of randomness, and the MAC that makes access hashes.

Rules: secrets come from the operating system unless a seed is given (simulation, golden tests); an access hash is
MAC(secret, viewer, kind, id), so it is never stored and never the same for two viewers (SECURITY 6.1).
"""

from __future__ import annotations

import hashlib
import os
import random
from base64 import urlsafe_b64encode
from collections.abc import Callable
from struct import Struct
from typing import Literal

_ACCESS = Struct(">qcq").pack
POOL_BYTES = 1 << 16

AccessKind = Literal[b"u", b"c", b"f", b"p", b"a", b"s", b"e", b"v"]
"""u user, c channel, f file, p photo, a authorisation, s sticker set, e secret chat, v poll (its id)."""


class Ids:
    """Random numbers for the whole daemon; `seed` makes them repeatable."""

    def __init__(self, seed: int | None = None) -> None:
        self.random_bytes: Callable[[int], bytes] = (
            os.urandom if seed is None else random.Random(seed).randbytes
        )
        self._pool = b""
        self._at = 0
        self.base = 0
        """Where this node's range of user, group and channel ids begins (services/nodes/charter.py)."""
        self.media_mark = 0
        """What ids of this node's photos and documents carry; 0 = nothing, the first node's."""

    def padding(self, count: int) -> bytes:
        """`count` random bytes from a pool: a slice costs a quarter of a system call (PERFORMANCE 9.6)."""
        at = self._at
        if at + count > len(self._pool):
            self._pool = self.random_bytes(max(POOL_BYTES, count))
            at = 0
        self._at = at + count
        return self._pool[at : at + count]

    def u64(self) -> int:
        return int.from_bytes(self.random_bytes(8), "big")

    def i64(self) -> int:
        return int.from_bytes(self.random_bytes(8), "big", signed=True)

    def below(self, limit: int) -> int:
        """A uniform number in 0..limit-1 (rejection sampling, no modulo bias)."""
        size = (limit.bit_length() + 7) // 8 or 1
        top = (256**size // limit) * limit
        while True:
            value = int.from_bytes(self.random_bytes(size), "big")
            if value < top:
                return value % limit

    def token(self, count: int) -> str:
        """`count` random bytes as base64 url without padding: for tokens that people pass on."""
        return urlsafe_b64encode(self.random_bytes(count)).decode().rstrip("=")

    def digits(self, count: int) -> str:
        return str(self.below(10**count)).zfill(count)


class AccessHashes:
    """MAC(secret, viewer, kind, id) as a signed 64-bit number, never 0 (clients read 0 as `no hash`)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.shared_key: Callable[[int, AccessKind, int], bytes | None] | None = None
        """With several nodes: the key for what two of them must work out alike, None for what is this one's own."""

    def of(self, viewer: int, kind: AccessKind, object_id: int) -> int:
        key = self._secret
        if self.shared_key is not None:
            key = self.shared_key(viewer, kind, object_id) or key
        digest = hashlib.blake2b(_ACCESS(viewer, kind, object_id), key=key, digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True) or 1
