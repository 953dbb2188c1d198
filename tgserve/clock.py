"""The only reader of time. Everything else receives a Clock, so that tests and the simulation own time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Unix time in seconds."""

    def monotonic(self) -> float:
        """Seconds that never jump; expiries and timers use these."""


class SystemClock:
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
