"""Where an owner lives: 1024 slots, fixed for ever. Tests pin golden values; changing them would lose every row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

SLOTS = 1024

_MIX = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def slots_of(owners: Iterable[int]) -> list[int]:
    """The slots of numbers, as slot_of gives them."""
    return [(owner * _MIX & _MASK) >> 54 for owner in owners]


@lru_cache(1 << 15)
def slot_of(owner: int | str | bytes) -> int:
    """The slot, 0..1023, of a user, channel, auth key (numbers) or a phone, name, hash (text, bytes).

    Numbers take the top ten bits of a multiplication by 2**64 / golden ratio: ids in a row spread evenly.
    """
    if isinstance(owner, int):
        return (owner * _MIX & _MASK) >> 54
    raw = owner.encode(errors="surrogatepass") if isinstance(owner, str) else owner
    return int.from_bytes(hashlib.blake2b(raw, digest_size=2).digest(), "big") >> 6
