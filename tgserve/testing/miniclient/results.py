"""Answers of methods, decoded: bool, lists of numbers or objects, objects of any layer as the current one has them."""

from __future__ import annotations

from struct import unpack_from
from typing import Any

from tgserve.tl import layers
from tgserve.tl.base import Request

_BOOLS = {0x997275B5: True, 0xBC799737: False}
_VECTOR = 0x1CB5C415
_NUMBERS = {"int": "i", "long": "q", "double": "d"}


def decode_result(request: type[Request[Any]], body: bytes, layer: int) -> Any:
    """The answer to `request` in a session of `layer`. Raises TlError."""
    (constructor,) = unpack_from("<I", body)
    if constructor in _BOOLS:
        return _BOOLS[constructor]
    if constructor != _VECTOR:
        return layers.decode(body)
    (count,) = unpack_from("<I", body, 4)
    element = layers.result_type(request, layer).partition("<")[2].rstrip(">")
    if element in _NUMBERS:
        return list(unpack_from(f"<{count}{_NUMBERS[element]}", body, 8))
    found, at = [], 8
    for _ in range(count):
        item, at = layers._read(layers._OBJECTS, body, at)
        found.append(item)
    return found
