"""The only reader of time. Everything else receives a Clock, so that tests and the simulation own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

STEP_SECONDS = 30
"""The wall clock may be set back so far: message ids stay inside the window that clients and server keep."""
SLEW = 0.5
"""How fast time goes until the wall clock has caught up, when it was set back further."""


class Clock(Protocol):
    def now(self) -> float:
        """Unix time in seconds."""

    def monotonic(self) -> float:
        """Seconds that never jump; expiries and timers use these."""


class SystemClock:
    """The machine's clock, but never set back: clients know the time by us, so after a step back of more than
    STEP_SECONDS their message ids, and ours, would lie in the future. Then time goes on at half its pace until the
    wall clock has caught up. Steps forward are followed at once."""

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.monotonic = monotonic
        self._wall = wall
        self._last = wall()
        self._slewing_since = 0.0

    def now(self) -> float:
        wall = self._wall()
        if wall >= self._last:
            self._last = wall
            self._slewing_since = 0.0
            return wall
        return self._behind(wall)

    def _behind(self, wall: float) -> float:
        """The wall clock shows less than we have said."""
        running = self.monotonic()
        if not self._slewing_since:
            if self._last - wall <= STEP_SECONDS:
                self._last = wall
                return wall
            self._slewing_since = running
        self._last = max(wall, self._last + SLEW * (running - self._slewing_since))
        self._slewing_since = running
        return self._last
