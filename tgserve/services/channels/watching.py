"""Who has posts before him: memory only. While he does he is told how their counters grow, as often as they are
written.

A post is also seen where it was forwarded to; who looks at a copy in a channel is told of the copy. Nothing is
promised: who is one too many sees the counters when he asks again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services.bus import Bus, PostsCounted
from tgserve.services.channels.counters import Counters
from tgserve.services.channels.days import Post, Tallies
from tgserve.services.channels.reading import ChannelReading
from tgserve.services.channels.register import Register

WATCHED_SECONDS: Final = 300
"""How long after he has asked for its counters somebody is told of a post."""
WATCHERS: Final = 5_000
"""Posts before people, of all channels."""
WATCHERS_OF_POST: Final = 100
TOLD_AT_ONCE: Final = 50
"""People told between two breaths of the loop."""

Place = tuple[int, int, int]
"""(user, channel, message): where somebody sees a post."""


class Watching:
    def __init__(
        self,
        clock: Clock,
        bus: Bus,
        counters: Counters,
        tallies: Tallies,
        register: Register,
        reading: ChannelReading,
    ) -> None:
        self._clock = clock
        self._bus = bus
        self._counters = counters
        self._tallies = tallies
        self._register = register
        self._reading = reading
        self._places: OrderedDict[Place, tuple[Post, float]] = OrderedDict()
        """place -> the post whose counters are seen there, until when (monotonic seconds); the oldest first."""
        self._watchers: dict[Post, dict[Place, None]] = {}

    def looked(self, user: int, channel: int, msg_id: int, post: Post) -> None:
        """`user` has been told the counters of `post`, which he sees as this message of a channel."""
        now = self._clock.monotonic()
        place = (user, channel, msg_id)
        self._forget(place)
        while self._places:
            oldest = next(iter(self._places))
            if len(self._places) < WATCHERS and self._places[oldest][1] > now:
                break
            self._forget(oldest)
        if len(self._watchers.get(post, ())) < WATCHERS_OF_POST:
            self._watchers.setdefault(post, {})[place] = None
            self._places[place] = post, now + WATCHED_SECONDS

    async def turn(self) -> None:
        """What was counted is written, and told to those who look."""
        changed = self._counters.waiting()
        await self.flush()
        seen: dict[tuple[int, int], list[tuple[int, Post]]] = {}
        for post in changed:
            for user, channel, msg_id in self._watchers.get(post, ()):
                seen.setdefault((user, channel), []).append((msg_id, post))
        for number, ((user, channel), posts) in enumerate(seen.items(), 1):
            self._tell(user, channel, posts)
            if not number % TOLD_AT_ONCE:
                await asyncio.sleep(0)

    async def flush(self) -> None:
        """What was counted is written."""
        await self._counters.flush()
        await self._tallies.flush()

    def _tell(self, user: int, channel: int, posts: Iterable[tuple[int, Post]]) -> None:
        try:
            self._register.view(user, channel)
        except errors.RpcError:
            for msg_id, _ in posts:
                self._forget((user, channel, msg_id))
            return
        floor = self._reading.floor(user, channel)
        counts = []
        for msg_id, post in posts:
            if msg_id > floor:
                counted = self._counters.of(*post)
                counts.append((msg_id, self._counters.views(*post), counted.forwards))
        if counts:
            self._bus.tell((user,), PostsCounted(channel, tuple(counts)))

    def _forget(self, place: Place) -> None:
        known = self._places.pop(place, None)
        if known is None:
            return
        watchers = self._watchers[known[0]]
        del watchers[place]
        if not watchers:
            del self._watchers[known[0]]
