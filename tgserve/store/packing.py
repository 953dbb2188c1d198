"""Keys and values as bytes: typed keyspaces, order-preserving key packing, one msgpack codec per record type.

A key is slot (2 bytes) + tag (1 byte) + parts, big-endian (docs/DISK.md 2). Fixed parts are packed with the slot and
tag by ONE precompiled struct call. A key part that cannot be represented (an id below 0 in a U32, a name longer than a
key) raises struct.error from `pack`; readers take that as "not there", writers as a StoreError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

V = TypeVar("V")

META_SLOT = 0xFFFF
"""The pseudo slot of rows that belong to an environment."""
KEY_BYTES = 511
"""LMDB's limit of a key."""
SLOT_BYTES = 2
HEAD_BYTES = 3
"""Slot and tag."""


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of key part: struct code for fixed ones, empty for text and bytes."""

    name: str
    code: str
    low: int = 0
    high: int = 0


I64 = Part("I64", "q", -(2**63), 2**63 - 1)
U32 = Part("U32", "I", 0, 2**32 - 1)
U64 = Part("U64", "Q", 0, 2**64 - 1)
STR = Part("STR", "")
BYTES = Part("BYTES", "")

_LENGTH = struct.Struct(">H")
_HEAD = struct.Struct(">HB")
_ENCODE = msgspec.msgpack.Encoder().encode


class Keyspace(Generic[V]):
    """A table of the store. `pack(slot, tag, *parts)`, `encode(value)` and `decode(bytes)` are the hot path."""

    __slots__ = ("_fixed", "_heads", "decode", "encode", "name", "pack", "parts", "tag", "unpack", "value")

    def __init__(self, name: str, tag: int, parts: tuple[Part, ...], value: type[V]) -> None:
        self.name = name
        self.tag = tag
        self.parts = parts
        self.value = value
        self._fixed = all(part.code for part in parts)
        self.pack: Callable[..., bytes]
        self.unpack: Callable[[bytes], tuple[Any, ...]]
        """The parts of a key, without slot and tag."""
        codes = "".join(part.code for part in parts)
        if self._fixed:
            self.pack = struct.Struct(">HB" + codes).pack
            self.unpack = struct.Struct(">3x" + codes).unpack
        else:
            self.pack = self._pack_varying
            self.unpack = self._unpack_varying
        self._heads = [
            struct.Struct(">HB" + "".join(p.code for p in parts[:n])) for n in range(len(parts) + 1)
        ]
        self.encode: Callable[[V], bytes]
        self.decode: Callable[[Any], V]
        if value is bytes:
            self.encode = self.decode = bytes  # type: ignore[assignment]
        else:
            self.encode = _ENCODE
            self.decode = msgspec.msgpack.Decoder(value).decode

    def __repr__(self) -> str:
        return f"Keyspace({self.name})"

    def key(self, slot: int, *parts: Any) -> bytes:
        return self.pack(slot, self.tag, *parts)

    def prefix(self, slot: int, *parts: Any) -> bytes:
        """What all keys with these first parts begin with."""
        if self._fixed:
            return self._heads[len(parts)].pack(slot, self.tag, *parts)
        return _HEAD.pack(slot, self.tag) + self._pack_parts(parts)

    def _unpack_varying(self, key: bytes) -> tuple[Any, ...]:
        at = HEAD_BYTES
        found: list[Any] = []
        last = len(self.parts) - 1
        for index, part in enumerate(self.parts):
            if part.code:
                size = struct.calcsize(part.code)
                found.append(struct.unpack_from(">" + part.code, key, at)[0])
                at += size
                continue
            if index == last:
                raw = key[at:]
                at = len(key)
            else:
                size = _LENGTH.unpack_from(key, at)[0]
                raw = key[at + 2 : at + 2 + size]
                at += 2 + size
            found.append(raw.decode() if part is STR else raw)
        if at != len(key):
            raise struct.error(f"{self.name}: {len(key)} bytes are no key of it")
        return tuple(found)

    def bounds(self, slot: int, parts: tuple[Any, ...], lo: Any, hi: Any) -> tuple[bytes, bytes] | None:
        """First key and end key (exclusive) of `parts` + [lo, hi); numbers outside a part's range are cut to it.

        None: nothing can lie there.
        """
        start = self.prefix(slot, *parts)
        end = after(start)
        part = self.parts[len(parts)] if lo is not None or hi is not None else None
        if part is None:
            return start, end
        if part is I64:
            # Two's complement: negative numbers stand after positive ones, so a range stays on one side of zero.
            negative = lo < 0 if lo is not None else hi <= 0
            if not negative and hi is not None and hi <= 0:
                return None
            if negative and hi is not None and hi > 0:
                raise ValueError(f"{self.name}: a range from {lo} to {hi} crosses zero")
            low, high = (part.low, -1) if negative else (0, part.high)
        else:
            low, high = part.low, part.high
        if part.code:
            if (lo is not None and lo > high) or (hi is not None and hi <= low):
                return None
            first = self.prefix(slot, *parts, low if lo is None or lo < low else lo)
            last = after(self.prefix(slot, *parts, high if hi is None or hi > high else hi - 1))
        else:
            first = start if lo is None else start + _raw(lo)
            last = end if hi is None else start + _raw(hi)
        return (first, last) if first < last else None

    def _pack_varying(self, slot: int, tag: int, *parts: Any) -> bytes:
        if len(parts) != len(self.parts):
            raise struct.error(f"{self.name} takes {len(self.parts)} key parts")
        key = _HEAD.pack(slot, tag) + self._pack_parts(parts)
        if len(key) > KEY_BYTES:
            raise struct.error(f"{self.name}: key longer than {KEY_BYTES} bytes")
        return key

    def _pack_parts(self, values: tuple[Any, ...]) -> bytes:
        pieces: list[bytes] = []
        last = len(self.parts) - 1
        for index, (part, value) in enumerate(zip(self.parts, values, strict=False)):
            if part.code:
                pieces.append(struct.pack(">" + part.code, value))
                continue
            raw = _raw(value)
            pieces.append(raw if index == last else _LENGTH.pack(len(raw)) + raw)
        return b"".join(pieces)


def _raw(value: str | bytes) -> bytes:
    try:
        return value.encode() if isinstance(value, str) else bytes(value)
    except UnicodeEncodeError as fault:  # lone surrogates: no such name can have been stored
        raise struct.error("text that is not UTF-8") from fault


def after(prefix: bytes) -> bytes:
    """The smallest key behind all keys that begin with `prefix`."""
    cut = prefix.rstrip(b"\xff")
    if not cut:
        return b"\xff" * (KEY_BYTES + 1)
    return cut[:-1] + bytes((cut[-1] + 1,))
