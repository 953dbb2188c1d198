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


Job = Photo | Portrait | Thumb
Answer = Processed | Refused
