"""Secrets at rest: what the store holds of auth keys and tokens is sealed with the deployment's secret (SECURITY 7.1).

XSalsa20-Poly1305 by PyNaCl's SecretBox under a key derived from keys/secret.key (BLAKE2b, personalised), so that the
same file can serve the access hashes. A sealed value carries a version byte, the nonce, the tag and the ciphertext;
`context` (the kind and id of what is sealed) is bound to it: a row copied to another place does not open.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from tgserve.errors import StoreError
from tgserve.ids import Ids

SECRET_BYTES = 32
_VERSION = b"\x01"
_CONTEXT_BYTES = 16


class Vault:
    """`secret`: the 32 bytes of keys/secret.key. One per process."""

    def __init__(self, secret: bytes, ids: Ids) -> None:
        if len(secret) < SECRET_BYTES:
            raise StoreError(f"the secret must have {SECRET_BYTES} bytes")
        self._box = SecretBox(hashlib.blake2b(secret, digest_size=32, person=b"tgserve.vault").digest())
        self._ids = ids

    def seal(self, plain: bytes, context: bytes = b"") -> bytes:
        """57 bytes longer than `plain`."""
        sealed = self._box.encrypt(_bound(context) + plain, self._ids.random_bytes(SecretBox.NONCE_SIZE))
        return _VERSION + bytes(sealed)

    def open(self, sealed: bytes, context: bytes = b"") -> bytes:
        """StoreError: damaged, sealed under another secret, or for another context."""
        if sealed[:1] != _VERSION:
            raise StoreError("not a sealed value")
        try:
            plain = bytes(self._box.decrypt(sealed[1:]))
        except (CryptoError, ValueError) as fault:
            raise StoreError(
                "a sealed value does not open: damaged, or keys/secret.key is another one"
            ) from fault
        if plain[:_CONTEXT_BYTES] != _bound(context):
            raise StoreError("a sealed value belongs elsewhere")
        return plain[_CONTEXT_BYTES:]


def load_secret(path: Path, ids: Ids) -> bytes:
    """The secret in `path`, made on first use: file 0600 in a folder 0700. StoreError when others may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            raise StoreError(f"{path} can be read by others: chmod 600 it") from None
        secret = path.read_bytes()
        if len(secret) != SECRET_BYTES:
            raise StoreError(f"{path} is damaged: {SECRET_BYTES} bytes are expected") from None
        return secret
    secret = ids.random_bytes(SECRET_BYTES)
    with os.fdopen(handle, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret


def _bound(context: bytes) -> bytes:
    return hashlib.blake2b(context, digest_size=_CONTEXT_BYTES).digest()
