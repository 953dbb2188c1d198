"""Files: the door to everything of this room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.config import FilesConfig
from tgserve.errors import RpcError
from tgserve.ids import AccessHashes, Ids
from tgserve.imaging.pool import Imaging
from tgserve.imaging.results import Processed
from tgserve.services.channels.register import Register
from tgserve.services.files.content import ChunkStore, Content
from tgserve.services.files.library import Library
from tgserve.services.files.references import Origin, References
from tgserve.services.files.uploads import Uploads
from tgserve.store.commit import Commit
from tgserve.store.media_records import Blob, Media, Shown
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store

EVERYBODY: Final = 0
"""As a viewer."""


class Files:
    """`imaging`: whoever gives it closes it; one of its own begins no process before it is needed."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        access: AccessHashes,
        chunks: ChunkStore,
        secret: bytes,
        config: FilesConfig,
        register: Register,
        *,
        imaging: Imaging | None = None,
    ) -> None:
        self._clock = clock
        self._access = access
        self._register = register
        self.imaging = imaging or Imaging()
        self.content = Content(chunks)
        self.uploads = Uploads(
            store,
            clock,
            self.content,
            most_parts=config.most_mib * limits.MIB // limits.FILE_PART_BYTES,
            open_bytes=config.open_mib_per_user * limits.MIB,
            day_bytes=config.day_mib_per_user * limits.MIB,
        )
        self.library = Library(store, clock, ids)
        self.references = References(secret, clock)
        self.far: Callable[[int], bool] = lambda user_id: False
        """Is this a user of another node, who has come here for a file?"""

    # -- bytes ------------------------------------------------------------------------------------------------------

    async def store_bytes(self, data: bytes) -> Blob:
        """Keep bytes of our own: thumbnails, sizes, stock."""
        return await self.content.store(data)

    async def read(self, blob: Blob, offset: int = 0, limit: int = -1) -> bytes:
        """A range of a file, cut where it ends. Raises StoreError (ChunkLost)."""
        return await self.content.read(blob, offset, limit)

    # -- photos and documents ---------------------------------------------------------------------------------------

    async def create_photo(
        self,
        owner: int,
        processed: Processed,
        *,
        has_stickers: bool = False,
        films: tuple[Shown, ...] = (),
        markup: bytes = b"",
    ) -> Media:
        """A photo of what Imaging made; `films` and `markup` (TL VideoSize) are what moves in a profile photo."""
        sizes = await self.shown(processed)
        now = int(self._clock.now())
        photo = Media(
            0,
            owner,
            now,
            sizes=sizes,
            films=films,
            stripped=processed.stripped,
            has_stickers=has_stickers,
            markup=markup,
        )
        return await self.library.create(photo)

    async def shown(self, processed: Processed) -> tuple[Shown, ...]:
        """The sizes that Imaging made, kept."""
        return tuple(
            [
                Shown(one.type, one.width, one.height, await self.store_bytes(one.data), one.progressive)
                for one in processed.sizes
            ]
        )

    def create_document(
        self,
        owner: int,
        blob: Blob,
        *,
        mime: str,
        attributes: bytes = b"",
        layer: int = 0,
        sizes: tuple[Shown, ...] = (),
        films: tuple[Shown, ...] = (),
        stripped: bytes = b"",
    ) -> Commit[Media]:
        """A document; `attributes` is a TL Vector<DocumentAttribute> of `layer`."""
        now = int(self._clock.now())
        return self.library.create(
            Media(0, owner, now, mime, blob, attributes, layer, sizes, films, stripped)
        )

    # -- what a viewer may have -------------------------------------------------------------------------------------

    def access_hash(self, viewer: int, media_id: int) -> int:
        """`viewer` EVERYBODY: what is drawn once for all who may look (posts of channels, stock)."""
        return self._access.of(viewer, b"f", media_id)

    def reference(self, viewer: int, media_id: int, origin: Origin) -> bytes:
        return self.references.make(viewer, media_id, origin)

    def named(self, viewer: int, media_id: int, access_hash: int, reference: bytes) -> tuple[Media, Origin]:
        """The Media that a viewer names, and where he was shown it. LOCATION_INVALID, FILE_REFERENCE_EMPTY,
        FILE_REFERENCE_INVALID, FILE_REFERENCE_EXPIRED."""
        if self.far(viewer):
            # His own node has given him hash and reference; all nodes make references with the same key.
            origin = self.references.check(viewer, media_id, reference)
        elif access_hash == self.access_hash(viewer, media_id):
            origin = self.references.check(viewer, media_id, reference)
        elif access_hash == self.access_hash(EVERYBODY, media_id):
            origin = self.references.check(EVERYBODY, media_id, reference)
            if origin.peer <= -CHANNEL_BASE:
                self._check_channel(viewer, origin.peer)
        else:
            raise errors.LOCATION_INVALID()
        media = self.library.get_or_none(media_id)
        if media is None:
            raise errors.LOCATION_INVALID()
        return media, origin

    def _check_channel(self, viewer: int, channel: int) -> None:
        """What was shown to all of a channel is for those who may look at it."""
        try:
            self._register.view(viewer, channel)
        except RpcError:
            raise errors.FILE_REFERENCE_INVALID() from None

    async def sweep(self, slot: int) -> None:
        """Upkeep: what nobody came back for."""
        await self.uploads.sweep(slot)
        await self.library.sweep(slot)
