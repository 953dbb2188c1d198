"""Pieces for those who put TL together by hand: whole bytes of shapes too hot to build as objects."""

from __future__ import annotations

import struct

from tgserve.tl.codec import string
from tgserve.tl.definitions import FALSE_ID, TRUE_ID, VECTOR_ID

__all__ = ["FALSE", "TRUE", "string", "vector_header"]

TRUE, FALSE = TRUE_ID.to_bytes(4, "little"), FALSE_ID.to_bytes(4, "little")
_HEADER = struct.Struct("<II").pack


def vector_header(count: int) -> bytes:
    """What stands before the elements of a boxed vector."""
    return _HEADER(VECTOR_ID, count)
