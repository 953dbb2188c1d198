"""A block and its sealed bytes. Safe in any thread; the heavy parts run outside the interpreter's lock.

Block id: BLAKE3 of the content, keyed, so that an id tells nothing of it; a chunk of a file keeps the id it has in the
store. Sealed: nonce, kind (1 byte), then ChaCha20-Poly1305 of the content (rows: of its zstd) under a key of the
block's own, derived from the master key and the id, as chunks are sealed; id and kind are bound to it. It is OpenSSL's
cipher, which takes a sixth of the CPU that libsodium's takes. Large bytes are neither joined nor cut: copies cost more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tgserve.backup.faults import BackupError
from tgserve.backup.keys import Keys

ROWS = 0
"""Content of ours, zstd inside."""
CHUNK = 1
"""A chunk's record as it lies in a pack of a disk, compressed there if that paid."""
LEVEL = 1
"""Twice as fast as 3 and a twentieth larger: rows come at the speed of a disk."""
CONTENT_BYTES = 1 << 28
_NONCE_BYTES = 12
_HEAD_BYTES = _NONCE_BYTES + 1

Sealed = tuple[bytes, bytes]
"""Nonce and kind, then the rest: they follow each other in a pack."""
Buffer = bytes | memoryview


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

    def seal(self, block: bytes, kind: int, content: bytes) -> Sealed:
        inner = self._compressor().compress(content) if kind == ROWS else content
        nonce = self._random(_NONCE_BYTES)
        mark = bytes((kind,))
        return nonce + mark, self._box(block).encrypt(nonce, inner, block + mark)

    def open(self, block: bytes, sealed: Buffer) -> tuple[int, bytes]:
        """(kind, content); content of ROWS is proved by its id, a chunk's record by who knows chunks."""
        kind, content = self._open(block, sealed)
        if kind == ROWS and self.id_of(content) != block:
            raise Rotten(f"block {block.hex()[:16]} holds something else")
        return kind, content

    def open_named(self, name: bytes, sealed: Buffer) -> bytes:
        """Content whose file's name proves it."""
        return self._open(name, sealed)[1]

    def _open(self, block: bytes, sealed: Buffer) -> tuple[int, bytes]:
        try:
            view = memoryview(sealed)
            mark = bytes(view[_NONCE_BYTES:_HEAD_BYTES])
            content = self._box(block).decrypt(view[:_NONCE_BYTES], view[_HEAD_BYTES:], block + mark)
            kind = mark[0]
            if kind == ROWS:
                content = self._decompressor().decompress(content, max_output_size=CONTENT_BYTES)
        except (InvalidTag, ValueError, IndexError, zstandard.ZstdError) as fault:
            raise Rotten(f"block {block.hex()[:16]} does not open") from fault
        return kind, content

    def _box(self, block: bytes) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(blake3(block, key=self._seal).digest())

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
