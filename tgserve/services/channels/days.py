"""Figures of a channel by day: who came and went, what was seen and passed on. Counted in memory and written a batch at
a time with the counters of posts, so that no reader costs a commit; a crash may lose the last few seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from tgserve.clock import Clock
from tgserve.services.boxes import View
from tgserve.services.channels import rights
from tgserve.services.channels.register import Register, Seat
from tgserve.store import channel_records as c
from tgserve.store import records as r
from tgserve.store.eventlog import Published
from tgserve.store.events import NewMessage
from tgserve.store.keyspaces import CHANNELS, DAYS, PASSED_ON, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

Post = tuple[int, int]
"""(channel, message)"""
DAY: Final = 86_400
HOUR: Final = 3_600
DAYS_KEPT: Final = 400
PASSED_KEPT: Final = 10_000
"""Public places of one post that are kept."""


def tally(
    txn: Txn, channel: int, now: int, *, joined: int = 0, left: int = 0, views: int = 0, shares: int = 0
) -> None:
    """Add to what was counted today in a channel; supergroups have no figures."""
    record = txn.get(CHANNELS, channel)
    if record is None or record.deleted or record.megagroup:
        return
    today = now // DAY
    day = txn.get(DAYS, channel, today)
    if day is None:
        day = c.Day(record.members)
        for key, _ in list(txn.range(DAYS, channel, hi=max(today - DAYS_KEPT, 0), limit=10)):
            txn.delete(DAYS, *key)
    hours = day.hours
    if views:
        kept = list(hours or (0,) * 24)
        kept[now % DAY // HOUR] += views
        hours = tuple(kept)
    made = c.Day(
        record.members, day.joined + joined, day.left + left, day.views + views, day.shares + shares, hours
    )
    txn.put(DAYS, channel, today, value=made)


def forget_passed(txn: Txn, channel: int, post: int) -> None:
    """The post has gone."""
    for key, _ in list(txn.range(PASSED_ON, channel, post)):
        txn.delete(PASSED_ON, *key)


class Tallies:
    """What comes by the bus until it is written."""

    def __init__(self, store: Store, clock: Clock, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._register = register
        self.original: Callable[[r.Body], Post | None] = lambda body: None
        """The post that a message is a copy of; who knows TL sets it."""
        self._moved: dict[int, list[int]] = {}
        """channel -> [joined, left] not yet written."""
        self._passed: dict[Post, list[Post]] = {}

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber: people who come and go, posts that come into other public channels."""
        for item in batch:
            kind = type(item)
            if kind is Seat:
                record = self._register.get_or_none(item.channel)
                if record is not None and not record.megagroup:
                    self._moved.setdefault(item.channel, [0, 0])[not item.here] += 1
            elif kind is Published and item.user_id < 0 and type(item.event) is NewMessage:
                if type(item.memo) is View and item.memo.body.fwd:
                    self._arrived(item.memo)

    def _arrived(self, view: View) -> None:
        record = self._register.get_or_none(view.owner)
        if record is None or not rights.is_public(record):
            return
        post = self.original(view.body)
        if post is not None and post[0] not in (view.owner, record.linked):
            self._passed.setdefault(post, []).append((view.owner, view.msg_id))

    async def flush(self) -> None:
        """Write what has been counted; one transaction a channel."""
        moved, self._moved = self._moved, {}
        passed, self._passed = self._passed, {}
        now = int(self._clock.now())
        commits = [
            self._store.transact(slot_of(channel), _mover(channel, now, joined, left))
            for channel, (joined, left) in moved.items()
        ]
        commits += [
            self._store.transact(slot_of(post[0]), _passer(post, places)) for post, places in passed.items()
        ]
        for commit in commits:
            await commit


def _mover(channel: int, now: int, joined: int, left: int) -> Callable[[Txn], None]:
    return lambda txn: tally(txn, channel, now, joined=joined, left=left)


def _passer(post: Post, places: Sequence[Post]) -> Callable[[Txn], None]:
    def work(txn: Txn) -> None:
        channel, msg_id = post
        if txn.get(ROWS, channel, msg_id) is None:
            return
        left = PASSED_KEPT - txn.count(PASSED_ON, channel, msg_id)
        for place in places[: max(left, 0)]:
            txn.put(PASSED_ON, channel, msg_id, *place, value=b"")

    return work
