"""Which disks a chunk belongs on: weighted rendezvous hashing. Adding or removing a disk moves only its own share.

A disk's score for a chunk is -weight / ln(u), u a uniform number made of the chunk's id and the disk's; the highest
scores win. Ids are uniform by themselves, so mixing in the disk takes one multiplication.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol, TypeVar

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = 0xBF58476D1CE4E5B9


class Weighted(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def weight(self) -> int: ...


W = TypeVar("W", bound=Weighted)


def order(chunk_id: bytes, disks: Iterable[W]) -> list[W]:
    """The disks, best first."""
    seed = int.from_bytes(chunk_id[:8], "big")
    return sorted(disks, key=lambda disk: _score(seed, disk.number, disk.weight), reverse=True)


def _score(seed: int, number: int, weight: int) -> float:
    mixed = (seed ^ number * _GOLDEN) & _MASK
    mixed = (mixed ^ mixed >> 30) * _MIX & _MASK
    mixed ^= mixed >> 31
    return -weight / math.log((mixed + 1) / (_MASK + 2))
