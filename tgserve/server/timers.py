"""One clock hand for all connections and sessions: a wheel of coarse ticks instead of a timer each.

An entry is looked at, not obeyed: when its tick comes, the object says itself what is due and when to look again.
Moving a deadline further away therefore costs nothing. Times are the clock's monotonic seconds.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Protocol

from tgserve.clock import Clock

TICK_SECONDS = 0.25


class Timed(Protocol):
    """Something with a deadline."""

    tick: int
    """The wheel's mark of its entry, 0 when it has none."""

    def due(self, now: float) -> float | None:
        """Do what is due at `now` (monotonic); the time to look again, or None for never."""


class Wheel:
    """Ticks on the running loop from start() to stop(). Deadlines are kept within one tick, never early."""

    def __init__(self, clock: Clock, tick: float = TICK_SECONDS) -> None:
        self._clock = clock
        self._tick = tick
        self._slots: dict[int, list[Timed]] = {}
        self._done = int(clock.monotonic() / tick)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._done = int(self._clock.monotonic() / self._tick)
        self._next()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._slots.clear()

    def arm(self, timed: Timed, when: float) -> None:
        """Look at `timed` at `when`; an entry that comes earlier is kept instead."""
        slot = max(int(when / self._tick), self._done) + 1
        if timed.tick and timed.tick <= slot:
            return
        timed.tick = slot
        entries = self._slots.get(slot)
        if entries is None:
            self._slots[slot] = [timed]
        else:
            entries.append(timed)

    def turn(self, now: float) -> None:
        """Look at everything that has come due by `now`."""
        last = int(now / self._tick)
        if last - self._done > len(self._slots):  # the clock jumped, or the machine slept
            passed = sorted(slot for slot in self._slots if slot <= last)
        else:
            passed = list(range(self._done + 1, last + 1))
        self._done = max(self._done, last)
        for slot in passed:
            for timed in self._slots.pop(slot, ()):
                if timed.tick == slot:
                    timed.tick = 0
                    again = timed.due(now)
                    if again is not None and again != inf:
                        self.arm(timed, again)

    def _next(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._tick, self._turn)

    def _turn(self) -> None:
        self._next()
        self.turn(self._clock.monotonic())
