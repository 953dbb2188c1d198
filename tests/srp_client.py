"""The client's half of SRP, as core.telegram.org/api/srp describes it, written apart from the server's."""

from __future__ import annotations

import hashlib
from typing import Any

from tgserve.tl import types as t


def _h(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _sh(data: bytes, salt: bytes) -> bytes:
    return _h(salt, data, salt)


def x_of(password: str, salt1: bytes, salt2: bytes) -> int:
    first = _sh(_sh(password.encode(), salt1), salt2)
    slow = hashlib.pbkdf2_hmac("sha512", first, salt1, 100_000)
    return int.from_bytes(_sh(slow, salt2), "big")


def verifier_of(password: str, algo: Any) -> bytes:
    p = int.from_bytes(algo.p, "big")
    return pow(algo.g, x_of(password, algo.salt1, algo.salt2), p).to_bytes(256, "big")


def proof_of(password: str, asked: t.AccountPassword, a: int = 0x5EED << 2000) -> t.InputCheckPasswordSRP:
    """inputCheckPasswordSRP for account.password."""
    algo: Any = asked.current_algo
    assert asked.srp_B is not None and asked.srp_id is not None
    p, g = int.from_bytes(algo.p, "big"), algo.g
    g_bytes = g.to_bytes(256, "big")
    a_public = pow(g, a, p)
    a_bytes, b_bytes = a_public.to_bytes(256, "big"), asked.srp_B.rjust(256, b"\0")
    u = int.from_bytes(_h(a_bytes, b_bytes), "big")
    x = x_of(password, algo.salt1, algo.salt2)
    k = int.from_bytes(_h(algo.p, g_bytes), "big")
    base = (int.from_bytes(b_bytes, "big") - k * pow(g, x, p)) % p
    key = _h(pow(base, a + u * x, p).to_bytes(256, "big"))
    group = bytes(one ^ other for one, other in zip(_h(algo.p), _h(g_bytes), strict=True))
    m1 = _h(group, _h(algo.salt1), _h(algo.salt2), a_bytes, b_bytes, key)
    return t.InputCheckPasswordSRP(srp_id=asked.srp_id, A=a_bytes, M1=m1)
