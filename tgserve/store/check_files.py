"""The part of the check that looks at files: what messages name is there, what is there is counted, chunks are held
once for each photo or document they are part of, uploads are the sum of their parts (DISK.md I27-I30, C5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tgserve.store import chunk_records as c
from tgserve.store import keyspaces as k
from tgserve.store import media_records as m
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.node_records import Homes
from tgserve.store.transaction import Reader

Say = Callable[[str, str, str], None]
Walk = Callable[[Reader, tuple[Any, ...], Any], None]


class Files:
    """`reader_of` gives the snapshot of an owner's slot; `homes` knows which files lie at other nodes."""

    def __init__(self, say: Say, reader_of: Callable[[Any], Reader], homes: Homes) -> None:
        self._say = say
        self._homes = homes
        self._reader = reader_of
        self._moving: set[bytes] = set()
        """Chunks that something waiting in an outbox is about."""
        self._held: Counter[bytes] = Counter()
        self._refs: dict[bytes, int] = {}
        self.walks: dict[int, Walk] = {
            k.MEDIA.tag: self._media,
            k.MEDIA_USES.tag: self._use,
            k.MEDIA_IDLE.tag: self._idle,
            k.MEDIA_PIECES.tag: self._pieces,
            k.UPLOADS.tag: self._upload,
            k.UPLOAD_PARTS.tag: self._part,
            k.CHUNKS.tag: self._chunk,
        }

    def moving(self, payload: pl.AnyOutbox) -> None:
        """A payload on its way."""
        if isinstance(payload, pl.HoldChunks | pl.DropChunks):
            self._moving.update(payload.ids)

    def body(self, box: int, msg_id: int, body: r.Body) -> None:
        """Called for every body: I27."""
        for media_id, _, _ in body.files:
            if (
                not self._homes.far_media(media_id)
                and self._reader(media_id).get(k.MEDIA_USES, media_id) is None
            ):
                self._say("I27", f"box {box} body {msg_id}", f"file {media_id} is not there")

    def _media(self, reader: Reader, parts: tuple[Any, ...], media: m.Media) -> None:
        (media_id,) = parts
        if reader.get(k.MEDIA_USES, media_id) is None:
            self._say("I28", f"file {media_id}", "nobody counts who names it")
        pages = [page for _, page in reader.range(k.MEDIA_PIECES, media_id)]
        chunks: dict[bytes, None] = {}
        for blob in (media.blob, *(one.blob for one in (*media.sizes, *media.films))):
            whole = blob.pieces + (b"".join(pages) if blob is media.blob else b"")
            wanted = -(-blob.size // m.PIECE_BYTES)
            if len(whole) != wanted * m.ID_BYTES:
                found = len(whole) / m.ID_BYTES
                self._say("I29", f"file {media_id}", f"{found} chunks for {blob.size} bytes")
            chunks.update(dict.fromkeys(whole[at : at + 32] for at in range(0, len(whole), m.ID_BYTES)))
        self._held.update(chunks.keys())

    def _use(self, reader: Reader, parts: tuple[Any, ...], use: m.MediaUse) -> None:
        (media_id,) = parts
        if reader.get(k.MEDIA, media_id) is None:
            self._say("I28", f"file {media_id}", "it is counted and not there")
        idle = reader.get(k.MEDIA_IDLE, use.since, media_id) is not None
        if use.count < 0 or idle is not (use.count == 0):
            self._say("I28", f"file {media_id}", f"named by {use.count}, idle: {idle}")

    def _idle(self, reader: Reader, parts: tuple[Any, ...], _: bytes) -> None:
        since, media_id = parts
        use = reader.get(k.MEDIA_USES, media_id)
        if use is None or use.count or use.since != since:
            self._say("I28", f"file {media_id}", f"idle since {since}, yet {use}")

    def _pieces(self, reader: Reader, parts: tuple[Any, ...], _: bytes) -> None:
        if reader.get(k.MEDIA, parts[0]) is None:
            self._say("I29", f"file {parts[0]}", "a page of chunks of no file")

    def _upload(self, reader: Reader, parts: tuple[Any, ...], upload: m.Upload) -> None:
        me, file_id = parts
        sizes = [
            int.from_bytes(row[m.ID_BYTES :], "big") for _, row in reader.range(k.UPLOAD_PARTS, me, file_id)
        ]
        if (upload.parts, upload.stored) != (len(sizes), sum(sizes)):
            self._say("I30", f"upload {me}/{file_id}", f"{upload} has {len(sizes)} parts, {sum(sizes)} bytes")

    def _part(self, reader: Reader, parts: tuple[Any, ...], row: bytes) -> None:
        me, file_id, number = parts
        if reader.get(k.UPLOADS, me, file_id) is None:
            self._say("I30", f"upload {me}/{file_id}", f"part {number} of no upload")

    def _chunk(self, reader: Reader, parts: tuple[Any, ...], chunk: c.Chunk) -> None:
        self._refs[parts[0]] = chunk.refs

    def done(self) -> None:
        """After the walk: C5."""
        for chunk_id in {*self._held, *(one for one, refs in self._refs.items() if refs)} - self._moving:
            refs = self._refs.get(chunk_id)
            if refs != self._held[chunk_id]:
                self._say(
                    "C5", f"chunk {chunk_id.hex()[:16]}", f"refs {refs}, held by {self._held[chunk_id]}"
                )
