"""Server salts: a MAC per (key, half-hour), so nothing is stored and every process start has its own.

Rules: a salt is new every 30 minutes and the old one is good for 30 more (SECURITY 3.5); the first salt of a fresh key,
new_nonce[0:8] xor server_nonce[0:8], is accepted at once (1.14; Telegram Desktop hangs 45 s otherwise, CLIENTS A.5.3).
`secret` must be drawn anew at each start: then no packet recorded before a restart carries a salt that is ever valid
again, so none can be replayed (3.7), whatever the clocks say. The price is one bad_server_salt per session and start,
which every client answers by sending again.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import Final

from tgserve.limits import SALT_SECONDS

PERIOD_SECONDS: Final = SALT_SECONDS
EARLY_SECONDS: Final = 300
"""The next salt is accepted this long before its time: clients switch by their own clock."""
FIRST_SALTS: Final = 65_536
"""Fresh keys whose first salt is remembered; more than this in an hour and the oldest get bad_server_salt."""
FUTURE_SALTS_MAX: Final = 64

_INPUT = Struct("<Qq").pack


class Salts:
    """Salts of all keys. `secret`: 16..64 random bytes, fresh for every process."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._first: dict[int, tuple[int, float]] = {}

    def of_period(self, key_id: int, period: int) -> int:
        """The salt (unsigned 64-bit) of a key in the half-hour number `period` since 1970."""
        digest = hashlib.blake2b(_INPUT(key_id, period), key=self._secret, digest_size=8).digest()
        return int.from_bytes(digest, "little")

    def current(self, key_id: int, now: float) -> int:
        return self.of_period(key_id, int(now // PERIOD_SECONDS))

    def valid(self, key_id: int, salt: int, now: float) -> bool:
        return self.valid_until(key_id, salt, now) > now

    def valid_until(self, key_id: int, salt: int, now: float) -> float:
        """Unix time up to which `salt` may be used by this key, 0.0 when it may not be used now."""
        period = int(now // PERIOD_SECONDS)
        if salt == self.of_period(key_id, period):
            return float((period + 2) * PERIOD_SECONDS)
        if salt == self.of_period(key_id, period - 1):
            return float((period + 1) * PERIOD_SECONDS)
        first = self._first.get(key_id)
        if first is not None and first[0] == salt and now < first[1]:
            return first[1]
        early = (period + 1) * PERIOD_SECONDS - now <= EARLY_SECONDS
        if early and salt == self.of_period(key_id, period + 1):
            return float((period + 3) * PERIOD_SECONDS)
        return 0.0

    def future(self, key_id: int, count: int, now: float) -> list[tuple[int, int, int]]:
        """(valid_since, valid_until, salt) of the present period and those after it; `count` is cut to 1..64."""
        period = int(now // PERIOD_SECONDS)
        return [
            (p * PERIOD_SECONDS, (p + 2) * PERIOD_SECONDS, self.of_period(key_id, p))
            for p in range(period, period + min(max(count, 1), FUTURE_SALTS_MAX))
        ]

    def remember_first(self, key_id: int, salt: int, now: float) -> None:
        """A key was just made: its first salt is good for the two periods a salt lives."""
        first = self._first
        if len(first) >= FIRST_SALTS:
            kept = {k: v for k, v in first.items() if v[1] > now}
            while len(kept) >= FIRST_SALTS:
                del kept[next(iter(kept))]
            self._first = first = kept
        first[key_id] = (salt, now + 2 * PERIOD_SECONDS)
