"""Per-method budgets: at most n calls in a window of so many seconds for each caller (SECURITY 6.15).

A caller is the signed-in user, or the auth key while nobody is signed in. Counts live in memory only: budgets that must
survive a restart (login codes) are the auth service's and live in the store.
"""

from __future__ import annotations

from math import ceil

from tgserve.rpc.registry import Flood


class Floods:
    """Fixed windows, two numbers each; the table is halved by age when it holds more than `most` of them."""

    __slots__ = ("_most", "_windows", "refused")

    def __init__(self, most: int = 100_000) -> None:
        self._windows: dict[
            tuple[int, int], list[float]
        ] = {}  # (caller, method id) -> [end of window, calls left, calls in all]
        self._most = most
        self.refused = 0

    def wait(self, caller: int, method: int, flood: Flood, now: float) -> int:
        """0 when the call may run (and is counted), else the seconds to wait, at least 1. `now` is monotonic."""
        window = self._windows.get((caller, method))
        if window is None or window[0] <= now:
            if len(self._windows) >= self._most:
                self._forget(now)
            self._windows[caller, method] = [now + flood.seconds, flood.count - 1, flood.count]
            return 0
        if window[1] > 0:
            window[1] -= 1
            return 0
        self.refused += 1
        return max(1, ceil(window[0] - now))

    def of(self, caller: int, now: float) -> list[tuple[int, int, int, int]]:
        """(method id, calls left, calls in all, seconds left) of the caller's windows; the operator looks at them."""
        return [
            (method, int(window[1]), int(window[2]), max(1, ceil(window[0] - now)))
            for (one, method), window in self._windows.items()
            if one == caller and window[0] > now
        ]

    def lift(self, caller: int) -> None:
        """Nothing is counted of this caller any more."""
        for key in [key for key in self._windows if key[0] == caller]:
            del self._windows[key]

    def _forget(self, now: float) -> None:
        """Drop ended windows, then the oldest half when that is not enough: a flood may not grow our memory."""
        ended = [key for key, window in self._windows.items() if window[0] <= now]
        for key in ended:
            del self._windows[key]
        if len(self._windows) >= self._most:
            for key in list(self._windows)[: self._most // 2]:
                del self._windows[key]
