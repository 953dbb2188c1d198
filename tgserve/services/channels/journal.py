"""The admin log: what admins and members have done, written in the transaction that did it, kept for some time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.channels import rights
from tgserve.services.channels.register import Register
from tgserve.store import channel_records as c
from tgserve.store.keyspaces import ADMIN_LOG
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

TRIM_ROWS = 16
TRIM_EVERY = 16
"""Posts behind which it is looked for old lines."""
LINES_OF_PTS = 1 << 20
"""Lines that fit between two posts; their numbers fit into a double, as clients written in JavaScript need it."""
SCAN_ROWS = 500
"""Lines that are looked at between two breaths of the loop."""

JOIN: Final = "join"
JOIN_BY_INVITE: Final = "join_by_invite"
"""With `after`: by a shared folder that named the chat."""
JOIN_BY_REQUEST: Final = "join_by_request"
LEAVE: Final = "leave"
INVITE: Final = "invite"
BAN: Final = "ban"
PROMOTE: Final = "promote"
TITLE: Final = "title"
ABOUT: Final = "about"
USERNAME: Final = "username"
USERNAMES: Final = "usernames"
"""The texts are the active ones, with a space between."""
PHOTO: Final = "photo"
RIGHTS: Final = "rights"
SLOW_MODE: Final = "slow_mode"
LINKED: Final = "linked"
TTL: Final = "ttl"
REACTIONS: Final = "reactions"
STICKERS: Final = "stickers"
EMOJI_STICKERS: Final = "emoji_stickers"
RANK: Final = "rank"
COLOR: Final = "color"
PROFILE_COLOR: Final = "profile_color"
TOGGLES: Final = frozenset(
    {"signatures", "profiles", "invites", "prehistory", "noforwards", "antispam", "forum"}
)
PINNED: Final = "pinned"
EDIT: Final = "edit"
DELETE: Final = "delete"
STOP_POLL: Final = "stop_poll"
SEND: Final = "send"
"""A post, or what an admin has written anonymously: nothing else says who wrote it."""
INVITE_EDIT: Final = "invite_edit"
INVITE_REVOKE: Final = "invite_revoke"
INVITE_DELETE: Final = "invite_delete"
TOPIC_CREATE: Final = "topic_create"
TOPIC_EDIT: Final = "topic_edit"
TOPIC_DELETE: Final = "topic_delete"
TOPIC_PIN: Final = "topic_pin"


def note(txn: Txn, channel: int, entry: c.LogEntry) -> None:
    """Add a line; the oldest go when their time is over."""
    last = txn.last(ADMIN_LOG, channel)
    number = (last[0][1] if last is not None else 0) + 1
    txn.put(ADMIN_LOG, channel, number, value=entry)
    _trim(txn, channel, entry.date, TRIM_ROWS)


def note_sent(txn: Txn, channel: int, entry: c.LogEntry, pts: int) -> None:
    """Add the line of a message that was written just now and raised pts to this: its number is made of that and stands
    above all there are, so nothing is looked for, which would cost a third of the post."""
    txn.put(ADMIN_LOG, channel, pts * LINES_OF_PTS, value=entry)
    if not pts % TRIM_EVERY:
        _trim(txn, channel, entry.date, TRIM_EVERY * 2)


def _trim(txn: Txn, channel: int, now: int, limit: int) -> None:
    oldest = now - limits.ADMIN_LOG_SECONDS
    rows = txn.range(ADMIN_LOG, channel, limit=limit)
    old = [key[1] for key, _ in takewhile(lambda row: row[1].date < oldest, rows)]
    for one in old:
        txn.delete(ADMIN_LOG, channel, one)


@dataclass(slots=True, frozen=True)
class Line:
    number: int
    entry: c.LogEntry


class Journal:
    """Reading it: admins only, and what is not too old."""

    def __init__(self, store: Store, clock: Clock, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._register = register

    async def lines(
        self,
        me: int,
        channel: int,
        *,
        max_id: int = 0,
        min_id: int = 0,
        limit: int = 100,
        admins: Collection[int] = (),
        wanted: Callable[[c.LogEntry], bool] = lambda entry: True,
    ) -> list[Line]:
        """The newest lines first, with numbers in (min_id, max_id), of these admins (all with none) that are `wanted`:
        fewer than `limit` only where there are no more. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED."""
        record, seat = self._register.seat(me, channel)
        if not rights.is_admin(record, me, seat):
            raise errors.CHAT_ADMIN_REQUIRED()
        found: list[Line] = []
        hi = max_id if max_id > 0 else None
        since = int(self._clock.now()) - limits.ADMIN_LOG_SECONDS
        while True:
            with self._store.read(slot_of(channel)) as reader:
                rows = list(
                    reader.range(ADMIN_LOG, channel, lo=min_id + 1, hi=hi, limit=SCAN_ROWS, reverse=True)
                )
            for key, entry in rows:
                if entry.date < since:  # in a quiet channel nothing has come to push it out
                    return found
                if (not admins or entry.actor in admins) and wanted(entry):
                    found.append(Line(key[1], entry))
                    if len(found) >= limit:
                        return found
            if len(rows) < SCAN_ROWS:
                return found
            hi = rows[-1][0][1]
            await asyncio.sleep(0)
