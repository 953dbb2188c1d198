"""The server's RSA key: made, kept, published, and used to open the second step of the key exchange.

Rules: 2048 bits and e = 65537, as clients have room for no other (CLIENTS A.4); the fingerprint is at least 2**60, as
mtcute compares them as unpadded hex (CLIENTS B.5). Opening does the same operations whatever is inside: the private
power is blinded, both paddings are always undone and compared, and one flag comes out (SECURITY 1.5, 1.6, 4A-4).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1, sha256
from hmac import compare_digest
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from gmpy2 import invert, mpz, powmod

from tgserve.mtproto.constructors import tl_bytes
from tgserve.mtproto.ige import decrypt_ige

KEY_BITS = 2048
BLOCK = 256
EXPONENT = 65537
FINGERPRINT_MIN = 1 << 60
_HASHED = 192  # bytes of data and padding under RSA_PAD
_ZERO_IV = bytes(32)


def number_bytes(value: int) -> bytes:
    """Big endian, as many bytes as it takes."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def fingerprint(modulus: int, exponent: int) -> int:
    """Low 64 bits of SHA1(TL bytes n, TL bytes e), unsigned; on the wire little endian."""
    digest = sha1(tl_bytes(number_bytes(modulus)) + tl_bytes(number_bytes(exponent))).digest()
    return int.from_bytes(digest[-8:], "little")


@dataclass(frozen=True)
class RsaPublic:
    """What clients hold."""

    n: int
    e: int

    @cached_property
    def fingerprint(self) -> int:
        return fingerprint(self.n, self.e)

    @classmethod
    def from_pem(cls, pem: str) -> RsaPublic:
        key = serialization.load_pem_public_key(pem.encode())
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("not an RSA key")
        numbers = key.public_numbers()
        return cls(numbers.n, numbers.e)


@dataclass(frozen=True)
class RsaKey:
    """The private key; can be pickled, so that heavy work may be done in another process."""

    n: int
    e: int
    d: int
    p: int
    q: int

    @classmethod
    def generate(cls) -> RsaKey:
        """A new key; one in 16 is thrown away for its fingerprint."""
        while True:
            key = cls._of(rsa.generate_private_key(EXPONENT, KEY_BITS))
            if key.fingerprint >= FINGERPRINT_MIN:
                return key

    @classmethod
    def from_pem(cls, pem: str) -> RsaKey:
        """Raises ValueError for anything but an unencrypted RSA-2048 key with exponent 65537."""
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != KEY_BITS:
            raise ValueError("clients take RSA keys of 2048 bits only")
        if key.public_key().public_numbers().e != EXPONENT:
            raise ValueError("clients take RSA keys with exponent 65537 only")
        return cls._of(key)

    @classmethod
    def _of(cls, key: rsa.RSAPrivateKey) -> RsaKey:
        numbers = key.private_numbers()
        return cls(numbers.public_numbers.n, numbers.public_numbers.e, numbers.d, numbers.p, numbers.q)

    def to_pem(self) -> str:
        """PKCS#1, unencrypted."""
        p, q, d = self.p, self.q, self.d
        public = rsa.RSAPublicNumbers(self.e, self.n)
        numbers = rsa.RSAPrivateNumbers(
            p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
        )
        pem = numbers.private_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        return pem.decode()

    def public_pem(self) -> str:
        """PKCS#1: what every client library takes."""
        public = rsa.RSAPublicNumbers(self.e, self.n).public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()

    @cached_property
    def public(self) -> RsaPublic:
        return RsaPublic(self.n, self.e)

    @cached_property
    def fingerprint(self) -> int:
        return fingerprint(self.n, self.e)

    @cached_property
    def crt(self) -> tuple[int, int, int]:
        return self.d % (self.p - 1), self.d % (self.q - 1), int(invert(self.q, self.p))

    def power(self, value: int, blinding: int) -> int:
        """value ** d mod n. The secret exponents work on value * blinding ** e, so that time says nothing of value."""
        n, p, q = mpz(self.n), mpz(self.p), mpz(self.q)
        dp, dq, q_inverse = self.crt
        blinded = value * powmod(blinding, self.e, n) % n
        below = powmod(blinded, dq, q)
        result = below + q_inverse * (powmod(blinded, dp, p) - below) % p * q
        if powmod(result, self.e, n) != blinded:
            raise ArithmeticError("the private key does not fit itself, or the machine miscounted")
        return int(result * invert(blinding, n) % n)


class Unpadded(NamedTuple):
    """Data out of an RSA block. `fits` only: nothing of `data` may be looked at without it."""

    fits: bool
    data: bytes
    """As long as the padding allows: what was encrypted stands at the front."""
    size: int
    """Length of what was encrypted, 0 when the padding does not tell (RSA_PAD)."""


def unpad(block: bytes, sizes: tuple[int, ...]) -> Unpadded:
    """Undo RSA_PAD and the old padding of a decrypted 256-byte block, by the same operations whatever is in it.

    RSA_PAD: temp_key xor SHA256(sealed) (32), sealed (224) = AES-IGE(reversed data_with_padding (192), SHA256(temp_key,
    data_with_padding)). Old: zero byte, SHA1(data), data, random; the length of data is one of `sizes`.
    """
    sealed = block[32:]
    temp_key = (int.from_bytes(block[:32], "big") ^ int.from_bytes(sha256(sealed).digest(), "big")).to_bytes(
        32, "big"
    )
    opened = decrypt_ige(sealed, temp_key, _ZERO_IV)
    data = opened[_HASHED - 1 :: -1]
    padded = compare_digest(sha256(temp_key + data).digest(), opened[_HASHED:])
    size = 0
    for candidate in sizes:
        size += candidate * compare_digest(sha1(block[21 : 21 + candidate]).digest(), block[1:21])
    old = compare_digest(block[:1], b"\0") & (size in sizes)
    choice = padded | old << 1
    return Unpadded(choice in (1, 2), (block, data, block[21:], block)[choice], (0, 0, size, 0)[choice])
