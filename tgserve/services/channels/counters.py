"""Views and forwards of posts: counted in memory, written a batch at a time, so that looking at a post costs no commit.

A viewer counts once for a post as long as memory remembers him, and who posted it once from the start. What a crash may
lose is the last few seconds of views, never a message.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from tgserve.clock import Clock
from tgserve.services.channels.days import HOUR, Post, tally
from tgserve.store import channel_records as c
from tgserve.store.eventlog import Published
from tgserve.store.events import DeleteMessages
from tgserve.store.keyspaces import BODIES, POST_STATS, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

POSTS_CACHED = 100_000
VIEWERS_KEPT = 200_000
FLUSH_POSTS = 1_000
FLUSH_SECONDS = 5.0
HOURS_KEPT = 24 * 14
"""Of a post, in which it was looked at."""
NONE = c.PostStats()


class Counters:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[Post, c.PostStats] = OrderedDict()
        self._there: OrderedDict[Post, None] = OrderedDict()
        """Posts that were found to stand where their copies say."""
        self._dirty: dict[int, dict[int, list[int]]] = {}
        """channel -> post -> [views, forwards] not yet written."""
        self._viewed: dict[tuple[int, int, int], None] = {}

    def of(self, channel: int, msg_id: int) -> c.PostStats:
        """The counters of a post as they stand."""
        key = (channel, msg_id)
        known = self._known.get(key)
        if known is None:
            with self._store.read(slot_of(channel)) as reader:
                stored = reader.get(POST_STATS, channel, msg_id) or NONE
            known = c.PostStats(stored.views, stored.forwards)  # by hours it is seldom asked for
            waiting = self._dirty.get(channel, {}).get(msg_id)
            if waiting is not None:
                known = c.PostStats(known.views + waiting[0], known.forwards + waiting[1])
            self._keep(key, known)
        return known

    def views(self, channel: int, msg_id: int) -> int:
        """How many have seen a post. Its author has: a post of which nobody had would not be reported as seen by any
        client (CLIENTS A.18)."""
        return self.of(channel, msg_id).views + 1

    def stands(self, channel: int, msg_id: int) -> bool:
        """Is this post (still) there, so that a copy of it can show its counters? Of a channel that is."""
        if (channel, msg_id) in self._there:
            return True
        with self._store.read(slot_of(channel)) as reader:
            if reader.get(ROWS, channel, msg_id) is None:
                return False
        self._there[channel, msg_id] = None
        if len(self._there) > POSTS_CACHED:
            self._there.popitem(last=False)
        return True

    def view_copy(self, me: int, channel: int, msg_id: int) -> None:
        """`me` has looked at a copy of this post, which stands; whoever wrote it has seen it before."""
        with self._store.read(slot_of(channel)) as reader:
            body = reader.get(BODIES, channel, msg_id)
        if body is not None and me not in (body.author, body.signer):
            self.view(me, channel, (msg_id,))

    def waiting(self) -> list[Post]:
        """Posts whose counters have grown since they were last written."""
        return [(channel, msg_id) for channel, posts in self._dirty.items() for msg_id in posts]

    def view(self, me: int, channel: int, msg_ids: Sequence[int]) -> None:
        """`me` has looked at these posts of others in a channel that he may see."""
        for msg_id in msg_ids:
            seen = (channel, msg_id, me)
            if seen in self._viewed:
                continue
            if len(self._viewed) >= VIEWERS_KEPT:
                for old in list(self._viewed)[: VIEWERS_KEPT // 10]:
                    del self._viewed[old]
            self._viewed[seen] = None
            self._add(channel, msg_id, 1, 0)

    def forwarded(self, channel: int, msg_id: int) -> None:
        self._add(channel, msg_id, 0, 1)

    def _add(self, channel: int, msg_id: int, views: int, forwards: int) -> None:
        known = self.of(channel, msg_id)
        self._keep((channel, msg_id), c.PostStats(known.views + views, known.forwards + forwards))
        waiting = self._dirty.setdefault(channel, {}).setdefault(msg_id, [0, 0])
        waiting[0] += views
        waiting[1] += forwards

    def _keep(self, key: Post, stats: c.PostStats) -> None:
        self._known[key] = stats
        if len(self._known) > POSTS_CACHED:
            self._known.popitem(last=False)

    async def flush(self) -> None:
        """Write what has been counted; one transaction a channel."""
        dirty, self._dirty = self._dirty, {}
        now = int(self._clock.now())
        commits = []
        for channel, posts in dirty.items():
            items = list(posts.items())
            for start in range(0, len(items), FLUSH_POSTS):
                part = items[start : start + FLUSH_POSTS]
                commits.append(self._store.transact(slot_of(channel), _writer(channel, part, now)))
        for commit in commits:
            await commit

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber: deleted posts are forgotten."""
        for item in batch:
            if type(item) is Published and item.user_id < 0 and type(item.event) is DeleteMessages:
                for msg_id in item.event.msg_ids:
                    self._known.pop((item.user_id, msg_id), None)
                    self._there.pop((item.user_id, msg_id), None)
                    self._dirty.get(item.user_id, {}).pop(msg_id, None)


def _writer(channel: int, part: list[tuple[int, list[int]]], now: int) -> Any:
    def work(txn: Txn) -> None:
        seen = shared = 0
        for msg_id, (views, forwards) in part:
            if txn.get(ROWS, channel, msg_id) is None:
                continue
            seen, shared = seen + views, shared + forwards
            stats = txn.get(POST_STATS, channel, msg_id) or NONE
            hours = _counted(stats.hours, now // HOUR, views)
            made = c.PostStats(stats.views + views, stats.forwards + forwards, hours)
            txn.put(POST_STATS, channel, msg_id, value=made)
        tally(txn, channel, now, views=seen, shares=shared)

    return work


def _counted(hours: tuple[tuple[int, int], ...], hour: int, views: int) -> tuple[tuple[int, int], ...]:
    if hours and hours[-1][0] >= hour:
        return (*hours[:-1], (hours[-1][0], hours[-1][1] + views))
    return (*hours, (hour, views)) if views and len(hours) < HOURS_KEPT else hours
