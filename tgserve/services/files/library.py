"""Photos and documents: made once, never changed, held by whoever names them, gone a day after nobody does.

Rows live in the slot of the id. Order (docs/DISK.md 11): chunks durable, then the Media with its hold of them, then the
message that names it, whose transaction says so by outbox (`hold`, `drop`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.chunks import refs
from tgserve.clock import Clock
from tgserve.errors import StoreError
from tgserve.ids import Ids
from tgserve.services.files.content import pieces_of
from tgserve.store import payloads as pl
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import MEDIA, MEDIA_IDLE, MEDIA_PIECES, MEDIA_USES
from tgserve.store.media_records import ID_BYTES, INLINE_PIECES, PAGE_PIECES, Blob, Media, MediaUse
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

CACHED_BYTES = 32 << 20
"""Media kept in memory, by the length of their chunk lists and thumbnails: some 50,000 of them."""
_RECORD_BYTES = 600
_INLINE = INLINE_PIECES * ID_BYTES
_PAGE = PAGE_PIECES * ID_BYTES


class MediaGone(Struct, frozen=True, gc=False):
    """Published when a photo or document was dropped."""

    id: int


class Library:
    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._cache: OrderedDict[int, tuple[Media, int]] = OrderedDict()
        self._cached = 0
        store.on_outbox(pl.MediaHeld, self._held)

    def create(self, media: Media) -> Commit[Media]:
        """Keep a new photo or document; its id is given here. Nobody holds it yet."""
        mark = self._ids.media_mark
        media = replace(media, id=self._ids.u64() >> 5 | mark if mark else self._ids.u64() >> 2 | 1 << 60)
        now = int(self._clock.now())

        def work(txn: Txn) -> Media:
            if txn.get(MEDIA, media.id) is not None:
                raise StoreError("a random number of 61 bits came twice")
            pieces = media.blob.pieces
            inline = replace(media, blob=Blob(media.blob.size, pieces[:_INLINE]))
            txn.put(MEDIA, media.id, value=inline)
            for page, at in enumerate(range(_INLINE, len(pieces), _PAGE)):
                txn.put(MEDIA_PIECES, media.id, page, value=pieces[at : at + _PAGE])
            txn.put(MEDIA_USES, media.id, value=MediaUse(0, now))
            txn.put(MEDIA_IDLE, now, media.id, value=b"")
            refs.hold(txn, _chunks(media))
            return media

        return self._store.transact(slot_of(media.id), work)

    def get_or_none(self, media_id: int) -> Media | None:
        known = self._cache.get(media_id)
        if known is not None:
            self._cache.move_to_end(media_id)
            return known[0]
        with self._store.read(slot_of(media_id)) as reader:
            media = _whole(reader, media_id)
        if media is not None:
            self._keep(media)
        return media

    def _keep(self, media: Media) -> None:
        size = _RECORD_BYTES + len(media.blob.pieces) + len(media.attributes) + len(media.stripped)
        self._cache[media.id] = (media, size)
        self._cached += size
        while self._cached > CACHED_BYTES:
            _, (_, freed) = self._cache.popitem(last=False)
            self._cached -= freed

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber."""
        for item in batch:
            if type(item) is MediaGone:
                known = self._cache.pop(item.id, None)
                if known is not None:
                    self._cached -= known[1]

    async def keep(self, media_id: int) -> Media:
        """The Media, which will not go before somebody can name it again. LOCATION_INVALID when it is gone."""
        slot = slot_of(media_id)
        with self._store.read(slot) as reader:
            use = reader.get(MEDIA_USES, media_id)
        now = int(self._clock.now())
        if use is not None and not use.count and now - use.since > limits.MEDIA_IDLE_SECONDS // 2:
            await self._store.transact(slot, lambda txn: _touch(txn, media_id, now))
        media = self.get_or_none(media_id)
        if use is None or media is None:
            raise errors.LOCATION_INVALID()
        return media

    def _held(self, txn: Txn, told: pl.MediaHeld, memo: object) -> None:
        """Outbox: holders have come or gone."""
        use = txn.get(MEDIA_USES, told.media)
        if use is None:
            return
        count, since = max(use.count + told.count, 0), use.since
        if use.count and not count:
            since = int(self._clock.now())
            txn.put(MEDIA_IDLE, since, told.media, value=b"")
        elif count and not use.count:
            txn.delete(MEDIA_IDLE, since, told.media)
        txn.put(MEDIA_USES, told.media, value=MediaUse(count, since))

    async def sweep(self, slot: int) -> int:
        """Drop what nobody in a slot has named for a day; how many those were."""
        before = int(self._clock.now()) - limits.MEDIA_IDLE_SECONDS
        with self._store.read(slot) as reader:
            idle = [key for key, _ in reader.range(MEDIA_IDLE, hi=max(before, 0), limit=1000)]
        for since, media_id in idle:
            await self._store.transact(slot, partial(_remove, since=since, media_id=media_id))
        return len(idle)


def _whole(reader: Reader, media_id: int) -> Media | None:
    media = reader.get(MEDIA, media_id)
    if media is None or len(media.blob.pieces) < _INLINE:
        return media
    pages = [media.blob.pieces, *(page for _, page in reader.range(MEDIA_PIECES, media_id))]
    return replace(media, blob=Blob(media.blob.size, b"".join(pages)))


def _chunks(media: Media) -> Iterable[bytes]:
    """Chunks of all that belongs to it, each once."""
    blobs = (media.blob, *(one.blob for one in (*media.sizes, *media.films)))
    return dict.fromkeys(piece for blob in blobs for piece in pieces_of(blob))


def _touch(txn: Txn, media_id: int, now: int) -> None:
    use = txn.get(MEDIA_USES, media_id)
    if use is None:
        raise errors.LOCATION_INVALID()
    if not use.count:
        txn.delete(MEDIA_IDLE, use.since, media_id)
        txn.put(MEDIA_IDLE, now, media_id, value=b"")
        txn.put(MEDIA_USES, media_id, value=MediaUse(0, now))


def _remove(txn: Txn, since: int, media_id: int) -> None:
    txn.delete(MEDIA_IDLE, since, media_id)
    use = txn.get(MEDIA_USES, media_id)
    media = _whole(txn, media_id)
    if use is None or media is None or use.count or use.since != since:
        return
    for key, _ in list(txn.range(MEDIA_PIECES, media_id)):
        txn.delete(MEDIA_PIECES, *key)
    txn.delete(MEDIA, media_id)
    txn.delete(MEDIA_USES, media_id)
    refs.drop(txn, _chunks(media))
    txn.publish(MediaGone(media_id))
