"""Whom somebody writes to most, and whose words he passes on: worked out when asked, from his newest own messages.

Nothing is counted while sending. A message weighs e^(-age / DECAY_SECONDS), as clients weigh those they send
themselves (config.rating_e_decay). Somebody may be taken out of a list, until he is written to again, and the whole of
it may be switched off.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp
from typing import Final

from tgserve.clock import Clock
from tgserve.store.keyspaces import BODIES, USER_SETTINGS
from tgserve.store.records import Body
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

DECAY_SECONDS: Final = 2_419_200
LOOKED_AT: Final = 2000
"""Newest own messages."""
CORRESPONDENTS, GROUPS, FORWARD_USERS, FORWARD_CHATS = (
    "correspondents",
    "groups",
    "forward_users",
    "forward_chats",
)
OFF: Final = "top_peers_off"
_RESET: Final = "top_peers:"


class TopPeers:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def enabled(self, me: int) -> bool:
        with self._store.read(slot_of(me)) as reader:
            return reader.get(USER_SETTINGS, me, OFF) is None

    async def enable(self, me: int, enabled: bool) -> None:
        """Off: nothing is told to anybody's devices, and clients forget what they have."""

        await self._store.transact(
            slot_of(me),
            lambda txn: (
                txn.delete(USER_SETTINGS, me, OFF) if enabled else txn.put(USER_SETTINGS, me, OFF, value=b"1")
            ),
        )

    async def forget(self, me: int, category: str, peer: int) -> None:
        """What was sent until now does not count for this peer in this list."""
        name, value = f"{_RESET}{category}:{peer}", b"%d" % int(self._clock.now())
        await self._store.transact(slot_of(me), lambda txn: txn.put(USER_SETTINGS, me, name, value=value))

    def rated(self, me: int) -> dict[str, list[tuple[int, float]]]:
        """Category -> (peer, rating), the highest first."""
        now = self._clock.now()
        since: dict[tuple[str, int], int] = {}
        sums: dict[str, dict[int, float]] = {}
        with self._store.read(slot_of(me)) as reader:
            for (*_, name), value in reader.range(USER_SETTINGS, me):
                if name.startswith(_RESET):
                    category, _, peer = name.removeprefix(_RESET).partition(":")
                    since[category, int(peer)] = int(value)
            for _, body in reader.range(BODIES, me, reverse=True, limit=LOOKED_AT):
                if body.author != me or body.action or body.peer == me:
                    continue
                for category in _categories(body):
                    if body.date > since.get((category, body.peer), 0):
                        of = sums.setdefault(category, {})
                        of[body.peer] = of.get(body.peer, 0.0) + exp((body.date - now) / DECAY_SECONDS)
        return {
            category: sorted(of.items(), key=lambda item: (-item[1], item[0]))
            for category, of in sums.items()
        }


def _categories(body: Body) -> Iterable[str]:
    yield CORRESPONDENTS if body.peer > 0 else GROUPS
    if body.fwd:
        yield FORWARD_USERS if body.peer > 0 else FORWARD_CHATS
