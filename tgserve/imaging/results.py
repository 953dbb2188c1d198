"""What goes to an imaging child and what comes back, as msgpack: the two processes share this file and nothing else.

Widths and heights are pixels, `data` are encoded bytes.
"""

from __future__ import annotations

import msgspec


class Size(msgspec.Struct, frozen=True):
    """One size of a photo: `type` as the schema's photoSize has it (s m x y w, or a b c d for square crops)."""

    type: str
    width: int
    height: int
    data: bytes
    progressive: tuple[int, ...] = ()
    """Lengths of the prefixes that make a coarser picture each, the last one all of `data`; empty for small ones."""


class Processed(msgspec.Struct, tag=True, frozen=True):
    """A photo made ready: sizes from the smallest to the biggest, `stripped` as photoStrippedSize has it."""

    width: int
    height: int
    sizes: tuple[Size, ...]
    stripped: bytes = b""


class Refused(msgspec.Struct, tag=True, frozen=True):
    """`error` names a line of the catalogue."""

    error: str


class StickerFile(msgspec.Struct, tag=True, frozen=True):
    """A file that can be a sticker, `data` as it is to be kept (a PNG has become webp). `thumb`: None for animations,
    which clients draw themselves."""

    mime: str
    width: int
    height: int
    data: bytes
    thumb: Size | None = None
    seconds: float = 0.0


class Film(msgspec.Struct, tag=True, frozen=True):
    """A video, upright: `codec` as FFmpeg names it, `thumb` its first picture that is not black, 320 at most."""

    width: int
    height: int
    seconds: float
    sound: bool
    codec: str
    thumb: Processed | None = None
    portrait: Processed | None = None
    """With Video.still: that picture, cut square."""


class Need(msgspec.Struct, tag=True, frozen=True):
    """The child's question in the middle of a job: bytes of the file it looks at. Answered with the bytes alone."""

    offset: int
    count: int


# -- what is asked for ------------------------------------------------------------------------------------------------


class Photo(msgspec.Struct, tag=True, frozen=True):
    """An image to be sent as a photo."""

    data: bytes


class Portrait(msgspec.Struct, tag=True, frozen=True):
    """An image to become the photo of a person or chat: cut square."""

    data: bytes


class Thumb(msgspec.Struct, tag=True, frozen=True):
    """A thumbnail no larger than `box` each way."""

    data: bytes
    box: int


class Sticker(msgspec.Struct, tag=True, frozen=True):
    data: bytes
    mime: str
    emoji: bool = False


class Video(msgspec.Struct, tag=True, frozen=True):
    """A video of `size` bytes, which are asked for by Need; `head` are its first 64."""

    size: int
    head: bytes
    still: float = -1.0
    """Seconds into it of a picture to make a portrait of; below 0: none is wanted."""


class Ground(msgspec.Struct, tag=True, frozen=True):
    """A portrait of nothing but colours (RGB numbers): one, two above each other, or one in each corner."""

    colours: tuple[int, ...]


Job = Photo | Portrait | Thumb | Sticker | Video | Ground
Answer = Processed | StickerFile | Film | Need | Refused
