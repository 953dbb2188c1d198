"""All drawings by emoji, and which of them stand still in a file."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from tgserve.stock.faces import FACES
from tgserve.stock.shapes import Drawing
from tgserve.stock.things import THINGS

DRAWINGS: Final[dict[str, Drawing]] = {**FACES, **THINGS}
STILL: Final = DRAWINGS
STILL_SIZE: Final = 256
"""Pixels: they are shown as small icons."""


def file_name(emoji: str) -> str:
    """`1f44d.webp`."""
    return "-".join(f"{ord(one):x}" for one in emoji) + ".webp"


def still(emoji: str) -> bytes:
    """The WebP picture of an emoji. FileNotFoundError when there is none."""
    return (files("tgserve.stock") / "pictures" / file_name(emoji)).read_bytes()
