"""Smallest valid requests of any method, for walks over the whole schema."""

from __future__ import annotations

from typing import Any

from tgserve.tl import types as t
from tgserve.tl.codec import vector_element
from tgserve.tl.definitions import camel, schema

PICKED = {
    "InputPeer": t.InputPeerSelf,
    "InputUser": t.InputUserSelf,
    "InputChannel": t.InputChannelEmpty,
    "InputNotifyPeer": t.InputNotifyUsers,
    "InputMedia": t.InputMediaEmpty,
}
PLAIN = {"int": 0, "long": 0, "double": 0.0, "string": "", "bytes": b"", "Bool": False, "#": 0}


def smallest(cls: type[Any], depth: int = 0, plain: dict[str, Any] = PLAIN, optional: bool = False) -> Any:
    """An object with every optional field absent (or present, with `optional`); vectors have one entry where that
    ends. `plain` gives the values of the plain types."""
    fields = schema()[cls.ID].fields
    return cls(
        **{
            p.attribute: True if p.type == "true" else value(p.type, depth, plain, optional and depth < 2)
            for p in fields
            if p.flag is None or (optional and depth < 2)
        }
    )


def value(type_: str, depth: int = 0, plain: dict[str, Any] = PLAIN, optional: bool = False) -> Any:
    element = vector_element(type_)
    if element is not None:
        return [value(element, depth + 1, plain, optional)] if depth < 3 else []
    if type_ == "int128":
        return bytes(16)
    if type_ == "int256":
        return bytes(32)
    if type_ in plain:
        return plain[type_]
    if type_ in ("!X", "X"):
        return b""
    if type_ in PICKED:
        return PICKED[type_]()
    constructors = getattr(t, f"Any{camel(type_)}").__subclasses__()
    return smallest(min(constructors, key=lambda c: len(c.__slots__)), depth + 1, plain, optional)
