"""The hash of a list that clients compute themselves, to be told only of what they do not know (api/offsets)."""

from __future__ import annotations

from collections.abc import Iterable


def list_hash(numbers: Iterable[int]) -> int:
    """Of 64-bit numbers, as a signed 64-bit number."""
    value = 0
    for number in numbers:
        value ^= value >> 21
        value ^= (value << 35) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 4
        value = (value + number) & 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value
