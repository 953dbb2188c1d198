"""What a channel's admins are told of it: figures that were counted (days.py, counters.py), or that can be counted now.
Nothing is kept of who reads what: neither languages, nor where readers came from, nor how they read a supergroup.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services import archive
from tgserve.services.boxes import NO_DIALOG
from tgserve.services.channels import rights
from tgserve.services.channels.counters import NONE, Counters
from tgserve.services.channels.days import DAY, Post
from tgserve.services.channels.members import Members
from tgserve.services.channels.register import Register
from tgserve.services.history import TOP_ID
from tgserve.store import channel_records as c
from tgserve.store.keyspaces import BODIES, DAYS, DIALOGS, PASSED_ON, PEER_ROWS, POST_STATS, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

PERIOD: Final = 7 * DAY
"""What is compared with as much before it."""
POSTS_LOOKED_AT: Final = 5_000
POSTS_SHOWN: Final = 50
AT_ONCE: Final = 100
"""Rows looked at between two breaths of the loop."""
GRAPH_DAYS: Final = 90


@dataclass(slots=True)
class Average:
    """Of the posts of a time."""

    posts: int = 0
    views: int = 0
    shares: int = 0
    reactions: int = 0

    def of(self, what: int) -> float:
        """`what` a post."""
        return what / self.posts if self.posts else 0.0


@dataclass(slots=True, frozen=True)
class Figure:
    """A post in figures; `views` and `shares` as they are shown."""

    msg_id: int
    views: int
    shares: int
    reactions: int


@dataclass(slots=True)
class Overview:
    """A channel from `since` until `until` (Unix seconds), and the same time before that."""

    since: int
    until: int
    members: int
    members_before: int
    now: Average = field(default_factory=Average)
    before: Average = field(default_factory=Average)
    posts: list[Figure] = field(default_factory=list)
    """Newest first."""
    hearing: int = 0
    """Members whose devices make a sound for it, of `asked` of them."""
    asked: int = 0
    days: list[tuple[int, c.Day]] = field(default_factory=list)
    """(day since 1970, what was counted), growing, without a gap from the first on."""


class Statistics:
    def __init__(
        self, store: Store, clock: Clock, register: Register, counters: Counters, members: Members
    ) -> None:
        self._store = store
        self._clock = clock
        self._register = register
        self._counters = counters
        self._members = members

    def may(self, me: int, record: c.Channel, seat: c.Participant | None) -> bool:
        """Are there statistics that `me` may look at?"""
        large = record.members >= limits.CHANNEL_STATISTICS_MEMBERS
        return not record.megagroup and large and rights.is_admin(record, me, seat)

    def allowed(self, me: int, channel: int) -> c.Channel:
        """CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED: also of a supergroup, and where there are too few members."""
        record, seat = self._register.seat(me, channel)
        if not self.may(me, record, seat):
            raise errors.CHAT_ADMIN_REQUIRED()
        return record

    async def overview(self, me: int, channel: int) -> Overview:
        """CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED, BROADCAST_REQUIRED."""
        record, _ = self._register.seat(me, channel)
        if record.megagroup:
            raise errors.BROADCAST_REQUIRED()
        self.allowed(me, channel)
        now = int(self._clock.now())
        days = self._days(channel, record, now)
        known = [one for one in days if one[0] * DAY <= now - PERIOD]
        since = max(now - PERIOD, record.date, 0 if known else days[0][0] * DAY)
        before = known[-1][1].members if known else _start_of(days[0][1])
        made = Overview(since, now, record.members, before, days=days)
        await self._posts(channel, made)
        await self._ears(channel, made, now)
        return made

    def _days(self, channel: int, record: c.Channel, now: int) -> list[tuple[int, c.Day]]:
        today = now // DAY
        with self._store.read(slot_of(channel)) as reader:
            rows = {key[1]: day for key, day in reader.range(DAYS, channel, lo=max(today - GRAPH_DAYS, 0))}
        first = min(rows, default=today)
        found: list[tuple[int, c.Day]] = []
        members = _start_of(rows[first]) if first in rows else record.members
        for day in range(first, today + 1):
            one = rows.get(day) or c.Day(members)
            members = one.members
            found.append((day, one))
        return found

    async def _posts(self, channel: int, made: Overview) -> None:
        earliest = made.since - (made.until - made.since)
        last, looked = TOP_ID, 0
        while looked < POSTS_LOOKED_AT:
            with self._store.read(slot_of(channel)) as reader:
                rows = [
                    key[2]
                    for key, _ in reader.range(
                        PEER_ROWS, channel, channel, hi=last, limit=AT_ONCE, reverse=True
                    )
                ]
                bodies = [(one, reader.get(BODIES, channel, one)) for one in rows]
            for msg_id, body in bodies:
                if body is None or body.action:
                    continue
                if body.date < earliest and len(made.posts) >= POSTS_SHOWN:
                    return
                reactions = sum(count for _, count in body.reactions.counts) if body.reactions else 0
                figure = Figure(
                    msg_id,
                    self._counters.views(channel, msg_id),
                    self._counters.of(channel, msg_id).forwards,
                    reactions,
                )
                if len(made.posts) < POSTS_SHOWN:
                    made.posts.append(figure)
                if body.date >= earliest:
                    _add(made.now if body.date >= made.since else made.before, figure)
            looked += len(rows)
            if len(rows) < AT_ONCE:
                return
            last = rows[-1]
            await asyncio.sleep(0)

    async def _ears(self, channel: int, made: Overview, now: int) -> None:
        """How many of its members hear of a post, as their settings say."""
        for number, user in enumerate(list(await self._members.members(channel)), 1):
            with self._store.read(slot_of(user)) as reader:
                dialog = reader.get(DIALOGS, user, channel) or NO_DIALOG
                made.hearing += archive.quiet_until(reader, user, "broadcasts", dialog) <= now
            made.asked += 1
            if not number % AT_ONCE:
                await asyncio.sleep(0)

    def of_post(self, me: int, channel: int, msg_id: int) -> list[tuple[int, int]]:
        """(hour since 1970, views counted in it) of a post, as far as it was kept. CHANNEL_PRIVATE,
        CHAT_ADMIN_REQUIRED, MESSAGE_ID_INVALID."""
        self._post(me, channel, msg_id)
        with self._store.read(slot_of(channel)) as reader:
            stats = reader.get(POST_STATS, channel, msg_id) or NONE
        return list(stats.hours)

    def _post(self, me: int, channel: int, msg_id: int) -> None:
        self.allowed(me, channel)
        with self._store.read(slot_of(channel)) as reader:
            body = reader.get(BODIES, channel, msg_id) if 0 < msg_id <= TOP_ID else None
        if body is None or body.action:
            raise errors.MESSAGE_ID_INVALID()

    async def passed_on(
        self, me: int, channel: int, msg_id: int, after: Post, limit: int
    ) -> tuple[int, list[Post], bool]:
        """Where a post was forwarded to in public channels and supergroups: how many such messages there are, at most
        `limit` of those behind `after`, is there more of them. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED,
        MESSAGE_ID_INVALID."""
        self._post(me, channel, msg_id)
        with self._store.read(slot_of(channel)) as reader:
            places = [(key[2], key[3]) for key, _ in reader.range(PASSED_ON, channel, msg_id)]
        count, found, more = 0, list[Post](), False
        for number, place in enumerate(places, 1):
            if self._public(me, place):
                count += 1
                if place > after:
                    more = len(found) >= limit
                    if not more:
                        found.append(place)
            if not number % AT_ONCE:
                await asyncio.sleep(0)
        return count, found, more

    def _public(self, me: int, place: Post) -> bool:
        """Is the message there, where everybody may see it but for those who were removed?"""
        record = self._register.get_or_none(place[0])
        if record is None or record.deleted or not rights.is_public(record):
            return False
        if not self._register.may_see(me, place[0], record, self._register.participant(place[0], me)):
            return False
        with self._store.read(slot_of(place[0])) as reader:
            return reader.get(ROWS, *place) is not None


def _start_of(day: c.Day) -> int:
    """Members when it began."""
    return day.members - day.joined + day.left


def _add(to: Average, figure: Figure) -> None:
    to.posts += 1
    to.views += figure.views
    to.shares += figure.shares
    to.reactions += figure.reactions


def by_hour(days: Iterable[tuple[int, c.Day]]) -> list[int]:
    """Views of these days by hour of the day (UTC)."""
    total = [0] * 24
    for _, day in days:
        for hour, views in enumerate(day.hours):
            total[hour] += views
    return total
