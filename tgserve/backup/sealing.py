"""A block and its sealed bytes. Safe in any thread; the heavy parts run outside the interpreter's lock.

Block id: BLAKE3 of the content, keyed, so that an id tells nothing of it; a chunk of a file keeps the id it has in the
store. Sealed: nonce, then XChaCha20-Poly1305 of (kind, zstd of the content or the content), bound to the id.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import zstandard
from blake3 import blake3
from nacl import bindings
from nacl.exceptions import CryptoError

from tgserve.backup.faults import BackupError
from tgserve.backup.keys import NONCE_BYTES, Keys

ROWS = 0
"""Content of ours, zstd inside."""
CHUNK = 1
"""A chunk's record as it lies in a pack of a disk, compressed there if that paid."""
LEVEL = 1
"""Twice as fast as 3 and a twentieth larger: rows come at the speed of a disk."""
CONTENT_BYTES = 1 << 28
OVERHEAD = NONCE_BYTES + 16 + 1


class Rotten(BackupError):
    """Sealed bytes that do not open, or a content that is not its id's."""


class Sealer:
    def __init__(self, keys: Keys, random: Callable[[int], bytes]) -> None:
        self._seal = keys.seal
        self._id = keys.id
        self._random = random
        self._local = threading.local()

    def id_of(self, content: bytes) -> bytes:
        return bytes(blake3(content, key=self._id).digest())

    def seal(self, block: bytes, kind: int, content: bytes) -> bytes:
        inner = self._compressor().compress(content) if kind == ROWS else content
        nonce = self._random(NONCE_BYTES)
        sealed: bytes = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            bytes((kind,)) + inner, block, nonce, self._seal
        )
        return nonce + sealed

    def open(self, block: bytes, sealed: bytes) -> tuple[int, bytes]:
        """(kind, content); content of ROWS is proved by its id, a chunk's record by who knows chunks."""
        kind, content = self._open(block, sealed)
        if kind == ROWS and self.id_of(content) != block:
            raise Rotten(f"block {block.hex()[:16]} holds something else")
        return kind, content

    def open_named(self, name: bytes, sealed: bytes) -> bytes:
        """Content whose file's name proves it."""
        return self._open(name, sealed)[1]

    def _open(self, block: bytes, sealed: bytes) -> tuple[int, bytes]:
        try:
            plain = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed[NONCE_BYTES:], block, sealed[:NONCE_BYTES], self._seal
            )
            kind, content = plain[0], bytes(plain[1:])
            if kind == ROWS:
                content = self._decompressor().decompress(content, max_output_size=CONTENT_BYTES)
        except (CryptoError, ValueError, TypeError, zstandard.ZstdError) as fault:
            raise Rotten(f"block {block.hex()[:16]} does not open") from fault
        return kind, content

    def _compressor(self) -> zstandard.ZstdCompressor:
        found: zstandard.ZstdCompressor | None = getattr(self._local, "compressor", None)
        if found is None:
            found = self._local.compressor = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True)
        return found

    def _decompressor(self) -> zstandard.ZstdDecompressor:
        found: zstandard.ZstdDecompressor | None = getattr(self._local, "decompressor", None)
        if found is None:
            found = self._local.decompressor = zstandard.ZstdDecompressor()
        return found
