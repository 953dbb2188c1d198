"""SRP as core.telegram.org/api/srp has it: the arithmetic of proving a password without showing it. Pure.

All numbers are 2048 bits, big-endian, padded; H is SHA-256. The server keeps v = g^x alone, x being made by the client
from password and salts (SHA256, PBKDF2-HMAC-SHA512 of 100,000 rounds). Powers cost 2.5 ms each: run these functions in
an executor, never on the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from gmpy2 import context, powmod

SIZE = 256
G = 3
PRIME = int(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DB"
    "FA336F6E0AC925139543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F64"
    "2477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B41"
    "0DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4"
    "E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F0D8115F635B105EE2E4E15D04B2454BF"
    "6F4FADF034B10403119CD8E3B92FCC5B",
    16,
)
"""The group of the key exchange too (mtproto/dh.py; a test says they are the same): clients know it by heart and refuse
others. Written twice because the two towers do not know each other."""
PRIME_BYTES = PRIME.to_bytes(SIZE, "big")


def _hash(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def _power(base: int, exponent: int) -> int:
    """base ** exponent mod PRIME, without the interpreter's lock: the loop goes on meanwhile."""
    with context(allow_release_gil=True):
        return int(powmod(base, exponent, PRIME))


def pad(number: int) -> bytes:
    return number.to_bytes(SIZE, "big")


_G_BYTES = pad(G)
K = int.from_bytes(_hash(PRIME_BYTES, _G_BYTES), "big")
_GROUP = bytes(a ^ b for a, b in zip(_hash(PRIME_BYTES), _hash(_G_BYTES), strict=True))


@dataclass(slots=True, frozen=True)
class Challenge:
    """The server's half of one proof: secret b, public B = k*v + g^b. Used once."""

    b: int
    public: bytes


def challenge(verifier: bytes, secret: bytes) -> Challenge | None:
    """B for this verifier; None for a secret (256 random bytes) with which clients would refuse B: draw another."""
    b = int.from_bytes(secret, "big")
    public = (K * int.from_bytes(verifier, "big") + _power(G, b)) % PRIME
    # Clients want B within 2^1984 .. p - 2^1984, as in the key exchange.
    if not 1 << 1984 <= public <= PRIME - (1 << 1984):
        return None
    return Challenge(b, pad(public))


def number_or_none(data: bytes) -> int | None:
    """A public value as a client may send it: 0 < n < p, and n mod p none of 0, 1, p-1 (SECURITY 4, SRP zero key)."""
    if len(data) > SIZE:
        return None
    number = int.from_bytes(data, "big")
    return number if 1 < number < PRIME - 1 else None


def proves(verifier: bytes, salt1: bytes, salt2: bytes, made: Challenge, a_public: int, shown: bytes) -> bool:
    """Whether M1 = `shown` proves the password behind `verifier`. `a_public` has passed number_or_none."""
    a_bytes = pad(a_public)
    u = int.from_bytes(_hash(a_bytes, made.public), "big")
    if u == 0:
        return False
    v = int.from_bytes(verifier, "big")
    secret = _power(a_public * _power(v, u) % PRIME, made.b)
    key = _hash(pad(secret))
    right = _hash(_GROUP, _hash(salt1), _hash(salt2), a_bytes, made.public, key)
    return compare_digest(right, shown)
