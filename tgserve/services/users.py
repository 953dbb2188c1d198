"""People: their records, cached; profile changes and who is told of them.

Rules: records are immutable and only ever written through put_user, which raises `version` and publishes the new
record, so caches are right the moment the commit is durable. Who knows a person (has them as contact, or a chat with
them) is told by the outbox, one row each.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import DIALOGS, KNOWN_BY, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

SERVICE_ID = 777000
SERVICE_USER = r.User(
    id=SERVICE_ID,
    phone="42777",
    first_name="Service notifications",
    support=True,
    verified=True,
)
"""Writes login notices; is in no store, has no box and cannot be written to."""
RESERVED_IDS = 1_000_000
"""Ids up to here are never given to people."""
USERS_CACHED = 200_000
TOLD_AT_MOST = 5000
"""Who is told live of a changed profile; everybody else sees it at the next look."""


@dataclass(slots=True, frozen=True)
class UserStored:
    """Published with every commit that wrote a user's record."""

    user: r.User


def put_user(txn: Txn, user: r.User) -> r.User:
    """Store the record with the next version and publish it."""
    stored = replace(user, version=user.version + 1)
    txn.put(USERS, stored.id, value=stored)
    txn.publish(UserStored(stored))
    return stored


def tell_of_change(txn: Txn, user_id: int, what: str, now: int) -> None:
    """Log the change for the user's own devices and send it to everybody who knows them. `what`: name phone photo."""
    eventlog.append(txn, user_id, ev.UserChanged(user_id=user_id, what=what), now=now, raises=0)
    known: dict[int, None] = {}
    for (*_, other), _ in txn.range(KNOWN_BY, user_id, limit=TOLD_AT_MOST):
        known[other] = None
    for (*_, peer), _ in txn.range(DIALOGS, user_id, lo=SERVICE_ID + 1, limit=TOLD_AT_MOST):
        if peer > 0:
            known[peer] = None
    known.pop(user_id, None)
    for other in known:
        txn.outbox(slot_of(other), pl.TellUserChanged(user_id=other, changed=user_id, what=what))


class Users:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._cache: OrderedDict[int, r.User] = OrderedDict()
        store.on_outbox(pl.TellUserChanged, self._told)

    def get_or_none(self, user_id: int) -> r.User | None:
        """The record of a user, also of a deleted one; None when there never was one."""
        cached = self._cache.get(user_id)
        if cached is not None:
            return cached
        if user_id == SERVICE_ID:
            return SERVICE_USER
        if user_id <= 0:
            return None
        with self._store.read(slot_of(user_id)) as reader:
            user = reader.get(USERS, user_id)
        if user is not None:
            self._remember(user)
        return user

    def get(self, user_id: int) -> r.User:
        """The record; USER_ID_INVALID when there never was one."""
        user = self.get_or_none(user_id)
        if user is None:
            raise errors.USER_ID_INVALID()
        return user

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber. Commits of one slot come in order; `version` guards against a read that was faster."""
        for item in batch:
            if type(item) is UserStored:
                cached = self._cache.get(item.user.id)
                if cached is None or cached.version <= item.user.version:
                    self._remember(item.user)

    def _remember(self, user: r.User) -> None:
        self._cache[user.id] = user
        if len(self._cache) > USERS_CACHED:
            self._cache.popitem(last=False)

    async def update_profile(
        self, me: int, first_name: str | None, last_name: str | None, about: str | None
    ) -> r.User:
        """Change what is given (None = leave). FIRSTNAME_INVALID, LASTNAME_INVALID, ABOUT_TOO_LONG."""
        changes: dict[str, str] = {}
        if first_name is not None:
            changes["first_name"] = first_name_of(first_name)
        if last_name is not None:
            changes["last_name"] = last_name_of(last_name)
        if about is not None:
            self.check_about(about)
            changes["about"] = " ".join(about.split("\n")).strip()
        now = int(self._clock.now())

        def work(txn: Txn) -> r.User:
            user = txn.get(USERS, me)
            if user is None:
                raise errors.USER_ID_INVALID()
            changed = replace(user, **changes)
            if changed == user:
                return user
            stored = put_user(txn, changed)
            if (user.first_name, user.last_name) != (stored.first_name, stored.last_name):
                tell_of_change(txn, me, "name", now)
            else:
                eventlog.append(txn, me, ev.UserChanged(user_id=me, what="about"), now=now, raises=0)
            return stored

        return await self._store.transact(slot_of(me), work)

    @staticmethod
    def check_about(about: str | None) -> None:
        """ABOUT_TOO_LONG."""
        if about is not None and len(about) > limits.ABOUT_CHARS:
            raise errors.ABOUT_TOO_LONG()

    async def set_birthday(self, me: int, day: int, month: int, year: int) -> None:
        """All 0 to remove it; `year` 0 when it is nobody's business. DATA_INVALID for a day that does not exist."""
        if day or month or year:
            check_day(day, month, year)

        def work(txn: Txn) -> None:
            user = txn.get(USERS, me)
            if user is None:
                raise errors.USER_ID_INVALID()
            put_user(txn, replace(user, birthday=(day, month, year)))

        await self._store.transact(slot_of(me), work)

    async def set_color(self, me: int, color: int, emoji: int, *, profile: bool) -> None:
        """The accent colour of the name, or of the profile; -1 for none."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            user = txn.get(USERS, me)
            if user is None:
                raise errors.USER_ID_INVALID()
            if profile:
                changed = replace(user, profile_color=color, profile_emoji=emoji)
            else:
                changed = replace(user, color=color, color_emoji=emoji)
            if changed != user:
                put_user(txn, changed)
                tell_of_change(txn, me, "color", now)

        await self._store.transact(slot_of(me), work)

    async def set_personal_channel(self, me: int, channel: int) -> None:
        """The channel named in the profile, 0 for none; the caller has checked that it is the user's."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            user = txn.get(USERS, me)
            if user is None:
                raise errors.USER_ID_INVALID()
            if user.personal_channel != channel:
                put_user(txn, replace(user, personal_channel=channel))
                tell_of_change(txn, me, "personal_channel", now)

        await self._store.transact(slot_of(me), work)

    def _told(self, txn: Txn, told: pl.TellUserChanged, memo: Any) -> None:
        now = int(self._clock.now())
        eventlog.append(
            txn, told.user_id, ev.UserChanged(user_id=told.changed, what=told.what), now=now, raises=0
        )


_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def first_name_of(text: str) -> str:
    """A first name as it is stored: trimmed, one line, not empty. FIRSTNAME_INVALID."""
    name = _one_line(text)
    if not name or len(name) > limits.NAME_CHARS:
        raise errors.FIRSTNAME_INVALID()
    return name


def last_name_of(text: str) -> str:
    """A last name as it is stored; may be empty. LASTNAME_INVALID."""
    name = _one_line(text)
    if len(name) > limits.NAME_CHARS:
        raise errors.LASTNAME_INVALID()
    return name


def _one_line(text: str) -> str:
    """Without control characters, and with single spaces."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "" for c in text).split())


def check_day(day: int, month: int, year: int) -> None:
    """Is this a day to be born on? `year` 0 for none. BIRTHDAY_INVALID."""
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] and year >= 0):
        raise errors.BIRTHDAY_INVALID()
