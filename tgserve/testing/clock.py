"""A clock that moves only when told: wall time and monotonic time together."""

from __future__ import annotations


class FakeClock:
    """Begins at a fixed second; `advance` is the only way forward. `set_wall` lets the wall clock jump alone."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds

    def set_wall(self, now: float) -> None:
        self._now = now
