"""The disk format: its number, what may open it, and a fingerprint of every keyspace and record.

Rule: FORMAT grows when rows written before would be read wrongly; a field with a default at the end of a record or a
new keyspace does not need it. OLDEST_CODE is the oldest FORMAT whose code may still open what this code writes.
tests/store/test_format.py keeps a description of the current format and refuses changes that are not mere additions.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tgserve.errors import StoreError
from tgserve.store import keyspaces
from tgserve.store.packing import Keyspace

FORMAT = 2
OLDEST_CODE = 2

FILE = "format.json"


@dataclass(frozen=True, slots=True)
class Format:
    """What format.json says of a store."""

    format: int
    oldest_code: int
    engine: str
    shards: int
    """How many there are."""
    store: str
    fingerprint: str
    places: dict[str, str] = field(default_factory=dict)
    """Number of each shard -> its folder, absolute or below the store's; empty: `shard-0`, `shard-1` and so on."""
    numbered: int = 0
    """Numbers given out so far, `shards` at least: none is given twice."""

    def folders(self, store: Path) -> dict[int, Path]:
        """Number of each shard -> its folder, in order of the numbers."""
        if not self.places:
            return {number: store / f"shard-{number}" for number in range(self.shards)}
        return {int(number): store / place for number, place in sorted(self.places.items(), key=_number)}

    @property
    def next_number(self) -> int:
        return max([self.numbered, self.shards, *(int(number) + 1 for number in self.places)])


def _number(place: tuple[str, str]) -> int:
    return int(place[0])


def all_keyspaces() -> list[Keyspace[Any]]:
    """Every keyspace by tag; two with one tag are a bug that no start survives."""
    found = [item for item in vars(keyspaces).values() if isinstance(item, Keyspace)]
    tags = {keyspace.tag for keyspace in found}
    if len(tags) != len(found):
        raise StoreError("two keyspaces have the same tag")
    return sorted(found, key=lambda keyspace: keyspace.tag)


def describe() -> list[str]:
    """One line for each keyspace and each field of each record, in the order they are stored."""
    lines: list[str] = []
    seen: dict[type, None] = {}
    for keyspace in all_keyspaces():
        parts = " ".join(part.name for part in keyspace.parts)
        lines.append(f"keyspace {keyspace.tag:#04x} {keyspace.name} ({parts}) {keyspace.value.__name__}")
        _collect(msgspec.inspect.type_info(keyspace.value), seen)
    for record in sorted(seen, key=lambda cls: cls.__name__):
        info = msgspec.inspect.type_info(record)
        tag = getattr(info, "tag", None)
        lines.append(f"record {record.__name__}" + (f" tag {tag}" if tag is not None else ""))
        for item in getattr(info, "fields", ()):
            optional = "" if item.required else " optional"
            lines.append(f"field {record.__name__}.{item.name} {_spell(item.type)}{optional}")
    return lines


@cache
def fingerprint() -> str:
    """Of the table, which is the same as long as the process lives."""
    return hashlib.blake2b("\n".join(describe()).encode(), digest_size=8).hexdigest()


def read_format(store: Path) -> Format | None:
    """None: no store has been made here (or its making was cut short). StoreError: one we may not open."""
    path = store / FILE
    if not path.exists():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Format)
    except msgspec.DecodeError as fault:
        raise StoreError(f"{path}: {fault}") from fault
    if found.oldest_code > FORMAT:
        raise StoreError(
            f"{store} was written by a newer tgserve (format {found.format}, this one reads up to {FORMAT}): update it"
        )
    return found


def write_format(store: Path, found: Format) -> None:
    """Atomically: temporary file, fsync, rename, fsync of the folder (DISK.md 1)."""
    temporary = store / (FILE + ".new")
    with temporary.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(asdict(found))) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(store / FILE)
    folder = os.open(store, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _collect(info: Any, seen: dict[type, None]) -> None:
    if isinstance(info, msgspec.inspect.StructType):
        if info.cls in seen:
            return
        seen[info.cls] = None
        for item in info.fields:
            _collect(item.type, seen)
    elif isinstance(info, msgspec.inspect.UnionType):
        for option in info.types:
            _collect(option, seen)
    elif isinstance(info, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        _collect(info.item_type, seen)
    elif isinstance(info, msgspec.inspect.TupleType):
        for option in info.item_types:
            _collect(option, seen)


def _spell(info: Any) -> str:
    if isinstance(info, msgspec.inspect.StructType):
        return info.cls.__name__
    if isinstance(info, msgspec.inspect.UnionType):
        names = [_spell(option) for option in info.types]
        return "union" if len(names) > 3 else "|".join(names)
    if isinstance(info, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        return f"[{_spell(info.item_type)}]"
    if isinstance(info, msgspec.inspect.TupleType):
        return "(" + " ".join(_spell(option) for option in info.item_types) + ")"
    return type(info).__name__.removesuffix("Type").lower()
