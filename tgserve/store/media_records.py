"""What the store knows of files: parts on their way in, and the media made of them. The bytes lie in chunks.

A Media is a photo or a document as one upload made it: own id, own date, immutable. How many messages, profiles and
sets hold it is counted beside it (MediaUse); its chunks are held once for each Media that they are part of.
"""

from __future__ import annotations

from tgserve.store.records import Record

ID_BYTES = 32
"""Length of a chunk id."""
PIECE_BYTES = 512 * 1024
"""Every chunk of a Blob but the last has this size."""
INLINE_PIECES = 1024
"""Chunk ids of a Blob that stand in its record; the others are in MEDIA_PIECES, PAGE_PIECES to a row."""
PAGE_PIECES = 2048


class Blob(Record, frozen=True):
    """Bytes as they lie in the chunk store: `size`, and the ids of their chunks one behind the other."""

    size: int = 0
    pieces: bytes = b""


class Shown(Record, frozen=True):
    """A size of a photo, a thumbnail or a preview film: `type` as the schema's photoSize or videoSize has it, pixels;
    `progressive`: lengths of prefixes that are a coarser picture each; `start`: seconds into a film its still is at."""

    type: str
    width: int
    height: int
    blob: Blob
    progressive: tuple[int, ...] = ()
    start: float = 0.0


class Media(Record, frozen=True):
    """A photo (mime empty, no main blob) or a document. `attributes`: TL Vector<DocumentAttribute> of `layer`; `sizes`:
    of a photo, or thumbnails; `films`: moving ones. `stripped`: photoStrippedSize's bytes."""

    id: int
    owner: int
    date: int
    mime: str = ""
    blob: Blob = Blob()
    attributes: bytes = b""
    layer: int = 0
    sizes: tuple[Shown, ...] = ()
    films: tuple[Shown, ...] = ()
    stripped: bytes = b""
    has_stickers: bool = False
    markup: bytes = b""
    """Of a profile photo: TL VideoSize that names a moving emoji or sticker, and the colours behind it."""

    @property
    def photo(self) -> bool:
        return not self.mime


class MediaUse(Record, frozen=True):
    """How many hold a Media; `since` (Unix seconds) of its making or of the last that let go."""

    count: int
    since: int


class Upload(Record, frozen=True):
    """A file on its way in. `piece`: size of its parts but the last, 0 = not known yet; `total`: parts in all, 0 = not
    told; `top`: the highest part that came; `stored`: bytes of all parts; `done`: something was made of it."""

    big: bool
    total: int
    piece: int
    top: int
    top_size: int
    parts: int
    stored: int
    touched: int
    done: bool = False


class UploadUse(Record, frozen=True):
    """What a user has on its way in, and how much came on day `day` (Unix days)."""

    open_bytes: int = 0
    day: int = 0
    day_bytes: int = 0
