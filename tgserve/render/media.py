"""Photos and documents as one viewer is shown them, and the media of messages, kept once and given to each viewer.

A body keeps its media as TL bytes in which access_hash and file_reference of every file are zeros; `kept` finds where
these stand, `for_viewer` writes the viewer's own over them (SECURITY 6.5, 6.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, NamedTuple

from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.services.files import references
from tgserve.services.files.files import EVERYBODY
from tgserve.services.files.references import Origin
from tgserve.store import records as r
from tgserve.store.media_records import Media, Shown
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject

_LONG = Struct("<q").pack
_INT = Struct("<i").pack
BLANK = bytes(references.BYTES)
_MARKED = b"\xff" * references.BYTES


class Kept(NamedTuple):
    """Media as a body keeps it: Body.media, Body.files, and the lowest layer that reads it as it is."""

    data: bytes
    files: tuple[tuple[int, int, int], ...]
    min_layer: int


def kept(media: TLObject) -> Kept:
    """Media with blank files in it, ready for a body."""
    data, min_layer = layers.encode_part(media)
    files: list[tuple[int, int, int]] = []
    for one in files_in(media):
        reference, dc = one.file_reference, one.dc_id
        one.file_reference, one.dc_id = _MARKED, dc ^ 0x40
        marked = layers.encode(media)
        one.file_reference, one.dc_id = reference, dc
        changed = [at for at in range(len(data)) if data[at] != marked[at]]
        files.append((one.id, changed[0] - 9, changed[-1]))
    files.sort(key=lambda file: file[1])
    return Kept(data, tuple(files), min_layer)


def files_in(value: Any) -> Iterator[Any]:
    """Photos and documents anywhere inside an object."""
    if isinstance(value, t.Photo | t.Document):
        yield value
    elif isinstance(value, TLObject):
        for name in value.__slots__:
            inner = getattr(value, name)
            if isinstance(inner, TLObject | list):
                yield from files_in(inner)
    elif isinstance(value, list):
        for item in value:
            yield from files_in(item)


def for_viewer(services: Services, view: View, body: r.Body, data: bytes) -> bytes:
    """A body's media (or its action, where that tells of a photo) with the viewer's access hashes and references. Posts
    of channels are drawn once for all."""
    viewer, origin = view.owner, Origin(references.MESSAGE, 0, view.msg_id)
    if viewer < 0:
        viewer, origin = EVERYBODY, Origin(references.MESSAGE, view.row.peer, view.msg_id)
    return given(services, viewer, origin, data, body.files)


def given(
    services: Services, viewer: int, origin: Origin, data: bytes, files: tuple[tuple[int, int, int], ...]
) -> bytes:
    """Kept bytes for a viewer."""
    own = bytearray(data)
    home, nodes = _INT(services.config.dc_id), services.nodes
    for media_id, at, dc_at in files:
        own[at : at + 8] = _LONG(services.files.access_hash(viewer, media_id))
        own[at + 9 : at + 9 + references.BYTES] = services.files.reference(viewer, media_id, origin)
        own[dc_at : dc_at + 4] = _INT(nodes.home_of_media(media_id)) if nodes.active else home
    return bytes(own)


def photo(services: Services, viewer: int, media: Media, origin: Origin) -> t.Photo:
    """A photo for a viewer who is shown it at `origin`."""
    made = blank_photo(services, media)
    made.access_hash = services.files.access_hash(viewer, media.id)
    made.file_reference = services.files.reference(viewer, media.id, origin)
    return made


def document(services: Services, viewer: int, media: Media, origin: Origin) -> t.Document:
    """A document for a viewer who is shown it at `origin`."""
    made = blank_document(services, media)
    made.access_hash = services.files.access_hash(viewer, media.id)
    made.file_reference = services.files.reference(viewer, media.id, origin)
    return made


def blank_photo(services: Services, media: Media) -> t.Photo:
    """For what is kept: nobody's access hash and reference."""
    return t.Photo(
        id=media.id,
        access_hash=0,
        file_reference=BLANK,
        date=media.date,
        sizes=sizes(media),
        dc_id=services.config.dc_id,
        has_stickers=media.has_stickers,
        video_sizes=films(media) or None,
    )


def blank_document(services: Services, media: Media) -> t.Document:
    return t.Document(
        id=media.id,
        access_hash=0,
        file_reference=BLANK,
        date=media.date,
        mime_type=media.mime,
        size=media.blob.size,
        dc_id=services.config.dc_id,
        attributes=attributes_of(media),
        thumbs=sizes(media) or None,
        video_thumbs=films(media) or None,
    )


def sizes(media: Media) -> list[t.AnyPhotoSize]:
    """Smallest first, with the stripped one before them."""
    shown: list[t.AnyPhotoSize] = []
    if media.stripped:
        shown.append(t.PhotoStrippedSize(type="i", bytes=media.stripped))
    return shown + [_size(one) for one in media.sizes]


def _size(one: Shown) -> t.AnyPhotoSize:
    if one.progressive:
        return t.PhotoSizeProgressive(type=one.type, w=one.width, h=one.height, sizes=list(one.progressive))
    return t.PhotoSize(type=one.type, w=one.width, h=one.height, size=one.blob.size)


def films(media: Media) -> list[t.AnyVideoSize]:
    shown: list[t.AnyVideoSize] = [
        t.VideoSize(
            type=one.type, w=one.width, h=one.height, size=one.blob.size, video_start_ts=one.start or None
        )
        for one in media.films
    ]
    if media.markup:
        markup = layers.decode(media.markup)
        assert isinstance(markup, t.VideoSizeEmojiMarkup | t.VideoSizeStickerMarkup)
        shown.append(markup)
    return shown


def attributes_of(media: Media) -> list[t.AnyDocumentAttribute]:
    """A stored Vector<DocumentAttribute>, of whatever layer; it is read as the field of a document."""
    if not media.attributes:
        return []
    carrier = layers.decode(_CARRIER + media.attributes)
    return carrier.attributes if isinstance(carrier, t.Document) else []


def attributes_bytes(attributes: list[t.AnyDocumentAttribute]) -> bytes:
    """The Vector<DocumentAttribute> that is stored."""
    return layers.encode(_carrier(attributes))[len(_CARRIER) :]


def _carrier(attributes: list[t.AnyDocumentAttribute]) -> t.Document:
    return t.Document(
        id=0,
        access_hash=0,
        file_reference=b"",
        date=0,
        mime_type="",
        size=0,
        dc_id=0,
        attributes=attributes,
    )


_CARRIER = layers.encode(_carrier([]))[:-8]
