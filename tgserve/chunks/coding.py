"""Content <-> record: keyed id, zstd where it pays, sealing. Everything here runs in worker threads and shares nothing.

The id is BLAKE3 keyed with a key derived from the deployment's secret: without it nobody can tell from an id or from a
pack's header, whether some known file is stored. Sealing is AES-256-GCM under a key of the chunk's own, derived from
the secret and the id, with a random nonce (the same content may be stored compressed by another version of zstd).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tgserve import limits
from tgserve.chunks.framing import HEADER_BYTES, SEALED, ZSTD, header_of, pack_record
from tgserve.errors import StoreError

ID_BYTES = 32
LEVEL = 3
_NONCE_BYTES = 12
_SAMPLE_BYTES = 4096
_PAYS = 0.9
"""A sample or a chunk that does not shrink to this is kept as it is: media never do, and reading them stays free."""
_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF8",
    b"OggS",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf",
)
"""Beginnings of what is compressed already: JPEG, PNG, GIF, Ogg, zip (docx, apk), gzip (tgs), zstd, 7z."""


class Rotten(StoreError):
    """A record is not what its id says."""


class Coder:
    """`secret`: the bytes of keys/secret.key. `random(count)` gives nonces and must be safe to call from any thread."""

    def __init__(self, secret: bytes, seal: bool, random: Callable[[int], bytes]) -> None:
        self._id_key = blake3(secret, derive_key_context="tgserve chunk id 1").digest()
        self._seal_key = blake3(secret, derive_key_context="tgserve chunk seal 1").digest()
        self.seal = seal
        self._random = random
        self._local = threading.local()

    def id_of(self, content: bytes) -> bytes:
        return blake3(content, key=self._id_key).digest()

    def encode(self, content: bytes) -> tuple[bytes, bytes]:
        """(id, record)."""
        chunk_id = self.id_of(content)
        flags, stored = 0, content
        if self._may_pay(content):
            packed = self._compressor().compress(content)
            if len(packed) <= len(content) * _PAYS:
                flags, stored = ZSTD, packed
        if self.seal:
            flags |= SEALED
            nonce = self._random(_NONCE_BYTES)
            stored = nonce + AESGCM(self._key_of(chunk_id)).encrypt(nonce, stored, chunk_id)
        return chunk_id, pack_record(chunk_id, flags, len(content), stored)

    def decode(self, chunk_id: bytes, record: bytes) -> bytes:
        """The content of a whole record; Rotten when it is not that of `chunk_id`."""
        header = header_of(record)
        if header is None or header.id != chunk_id or len(record) != HEADER_BYTES + header.length:
            raise Rotten("no record of this chunk stands there")
        content = record[HEADER_BYTES:]
        try:
            if header.flags & SEALED:
                content = AESGCM(self._key_of(chunk_id)).decrypt(
                    content[:_NONCE_BYTES], content[_NONCE_BYTES:], chunk_id
                )
            if header.flags & ZSTD:
                content = self._decompressor().decompress(content, max_output_size=limits.CHUNK_BYTES)
        except (InvalidTag, ValueError, zstandard.ZstdError) as fault:
            raise Rotten(f"the record does not open: {fault}") from fault
        if len(content) != header.size or self.id_of(content) != chunk_id:
            raise Rotten("the content is not that of the id")
        return content

    def _key_of(self, chunk_id: bytes) -> bytes:
        return blake3(chunk_id, key=self._seal_key).digest()

    def _may_pay(self, content: bytes) -> bool:
        """Compress samples of the beginning, middle and end: 20 us instead of milliseconds in vain."""
        size = len(content)
        if size < 64 or content.startswith(_MAGIC) or content[4:8] == b"ftyp" or content[8:12] == b"WEBP":
            return False
        if size <= _SAMPLE_BYTES:
            return True
        part = _SAMPLE_BYTES // 4
        middle = size // 2
        sample = content[: part * 2] + content[middle : middle + part] + content[-part:]
        return len(self._compressor(1).compress(sample)) <= len(sample) * _PAYS

    def _compressor(self, level: int = LEVEL) -> zstandard.ZstdCompressor:
        """One for each thread: they are not safe to share."""
        name = f"compressor_{level}"
        found: zstandard.ZstdCompressor | None = getattr(self._local, name, None)
        if found is None:
            found = zstandard.ZstdCompressor(level=level, write_content_size=True)
            setattr(self._local, name, found)
        return found

    def _decompressor(self) -> zstandard.ZstdDecompressor:
        found: zstandard.ZstdDecompressor | None = getattr(self._local, "decompressor", None)
        if found is None:
            found = self._local.decompressor = zstandard.ZstdDecompressor()
        return found
