"""The sealed line between two nodes: Noise_IK_25519_ChaChaPoly_BLAKE2b, as in the Noise specification (revision 34).

Both sides prove the key they are known by, fresh keys are made for each connection, and every message is counted: a
message that was changed, left out, repeated or sent in another connection does not open. The arithmetic is libsodium's
(PyNaCl); this file only puts its pieces in the order of the specification, and the tests hold it against another
implementation. One object is one side of one connection; bytes in, bytes out, no sockets.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_decrypt,
    crypto_aead_chacha20poly1305_ietf_encrypt,
    crypto_scalarmult,
    crypto_scalarmult_base,
)
from nacl.exceptions import CryptoError

from tgserve.errors import ProtocolError
from tgserve.ids import Ids

PROTOCOL: Final = b"Noise_IK_25519_ChaChaPoly_BLAKE2b"
KEY_BYTES: Final = 32
TAG_BYTES: Final = 16
OPENING_BYTES: Final = KEY_BYTES + KEY_BYTES + TAG_BYTES + TAG_BYTES
"""The first message: a fresh key, the sender's own key sealed, and the seal of an empty payload."""
ANSWER_BYTES: Final = KEY_BYTES + TAG_BYTES
_LAST_NONCE = 2**64 - 2


def public_key(secret: bytes) -> bytes:
    """The public half of 32 random bytes."""
    return crypto_scalarmult_base(secret)


class Direction:
    """One way of a line: a key, and the number of the next message."""

    __slots__ = ("_key", "count")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.count = 0

    def seal(self, plain: bytes, bound: bytes = b"") -> bytes:
        return crypto_aead_chacha20poly1305_ietf_encrypt(plain, bound, self._nonce(), self._key)

    def open(self, sealed: bytes, bound: bytes = b"") -> bytes:
        """ProtocolError: not the next message of this line."""
        if len(sealed) < TAG_BYTES:
            raise ProtocolError("a message shorter than its seal")
        try:
            return crypto_aead_chacha20poly1305_ietf_decrypt(sealed, bound, self._nonce(), self._key)
        except CryptoError:
            raise ProtocolError("a message does not open") from None

    def _nonce(self) -> bytes:
        number = self.count
        if number > _LAST_NONCE:
            raise ProtocolError("this line has sealed all it may")
        self.count = number + 1
        return b"\0\0\0\0" + number.to_bytes(8, "little")


class Handshake:
    """`secret`: our own key. `remote`: the public key of the other side, which only the one who connects knows
    beforehand; the other learns it by `accept`. `prologue`: what both have said in the clear."""

    def __init__(self, ids: Ids, secret: bytes, prologue: bytes, remote: bytes = b"") -> None:
        self._ids = ids
        self._secret = secret
        self._public = public_key(secret)
        self.remote = remote
        self._fresh = b""
        self._hash = PROTOCOL.ljust(64, b"\0")
        self._chain = self._hash
        self._key: Direction | None = None
        self._mix_hash(prologue)
        self._mix_hash(remote or self._public)

    # -- who connects -------------------------------------------------------------------------------------------------

    def opening(self) -> bytes:
        """-> e, es, s, ss"""
        self._fresh = self._ids.random_bytes(KEY_BYTES)
        fresh = public_key(self._fresh)
        self._mix_hash(fresh)
        self._mix_key(self._fresh, self.remote)
        own = self._seal(self._public)
        self._mix_key(self._secret, self.remote)
        return fresh + own + self._seal(b"")

    def finish(self, answer: bytes) -> tuple[Direction, Direction]:
        """(sending, receiving). ProtocolError when the answer is not of who has `remote`."""
        if len(answer) != ANSWER_BYTES:
            raise ProtocolError("an answer of the wrong length")
        fresh = answer[:KEY_BYTES]
        self._mix_hash(fresh)
        self._mix_key(self._fresh, fresh)
        self._mix_key(self._secret, fresh)
        self._open(answer[KEY_BYTES:])
        return self._split()

    # -- who is connected to ------------------------------------------------------------------------------------------

    def accept(self, opening: bytes) -> tuple[bytes, Direction, Direction]:
        """(answer, sending, receiving); `remote` is then who has sealed the opening. ProtocolError when it was not
        meant for us, or is damaged. Whether that key is anybody's is the caller's to ask; and an opening may be an old
        one repeated: nothing is to be believed before the first message opens."""
        if len(opening) != OPENING_BYTES:
            raise ProtocolError("an opening of the wrong length")
        theirs = opening[:KEY_BYTES]
        self._mix_hash(theirs)
        self._mix_key(self._secret, theirs)
        self.remote = self._open(opening[KEY_BYTES : 2 * KEY_BYTES + TAG_BYTES])
        self._mix_key(self._secret, self.remote)
        self._open(opening[2 * KEY_BYTES + TAG_BYTES :])
        self._fresh = self._ids.random_bytes(KEY_BYTES)
        fresh = public_key(self._fresh)
        self._mix_hash(fresh)
        self._mix_key(self._fresh, theirs)
        self._mix_key(self._fresh, self.remote)
        answer = fresh + self._seal(b"")
        receiving, sending = self._split()
        return answer, sending, receiving

    # -- the symmetric state of the specification ---------------------------------------------------------------------

    def _mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.blake2b(self._hash + data).digest()

    def _mix_key(self, secret: bytes, public: bytes) -> None:
        try:
            shared = crypto_scalarmult(secret, public)
        except (CryptoError, RuntimeError):  # a public key of low order
            raise ProtocolError("no public key") from None
        self._chain, key = _derive(self._chain, shared)
        self._key = Direction(key[:KEY_BYTES])

    def _seal(self, plain: bytes) -> bytes:
        assert self._key is not None
        sealed = self._key.seal(plain, self._hash)
        self._mix_hash(sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        assert self._key is not None
        plain = self._key.open(sealed, self._hash)
        self._mix_hash(sealed)
        return plain

    def _split(self) -> tuple[Direction, Direction]:
        first, second = _derive(self._chain, b"")
        return Direction(first[:KEY_BYTES]), Direction(second[:KEY_BYTES])


def _derive(chain: bytes, material: bytes) -> tuple[bytes, bytes]:
    """HKDF with two outputs."""
    key = hmac.digest(chain, material, "blake2b")
    first = hmac.digest(key, b"\x01", "blake2b")
    return first, hmac.digest(key, first + b"\x02", "blake2b")
