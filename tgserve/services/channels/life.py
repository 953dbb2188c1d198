"""What is done to a channel as a whole, and how people come and go: made, joined, left, renamed, deleted.

Each is one commit of the channel's slot, which checks who may (SECURITY 6.3) and writes the service message with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services import alarms
from tgserve.services.channels import journal, rights
from tgserve.services.channels.posting import put_action
from tgserve.services.channels.register import Register, opened, save
from tgserve.services.channels.seats import Moving, drop_request, gone, joined, put_seat, seat_of
from tgserve.services.files.holding import drop, hold
from tgserve.services.groups.life import Action, title_of
from tgserve.services.groups.links import make_hash
from tgserve.services.messaging import Origin, Sent
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import group_records as g
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import ADMIN_LOG, BY_ROLE, CHANNELS, DAYS, IMPORTERS, INVITES, PARTICIPANTS
from tgserve.store.packing import Keyspace
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

CHANNEL_ID_RANGE = 2**33
FIRST_CHANNEL_ID = 1_000_001
TRIES = 8
EVERYBODY = 2_000
"""Members whose seats one transaction takes of a deleted channel."""


@dataclass(slots=True, frozen=True)
class Done:
    """The channel after a change, and the service message when there is one."""

    channel: int
    record: c.Channel
    sent: Sent | None = None


class Taken(Exception):
    """The id drawn for a new channel is in use."""


Change = Callable[[Txn, c.Channel, c.Participant | None], c.Channel]
"""(txn, channel, the caller's seat) -> the channel as it shall be; raises what forbids it."""
Enter = Callable[[Txn, c.Channel, c.Participant | None], int]
"""(txn, channel, the caller's seat before) -> who lets him in, 0 for nobody; raises what forbids it."""


class Life:
    def __init__(self, store: Store, clock: Clock, ids: Ids, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._register = register

    async def create(
        self,
        me: int,
        title: str,
        about: str,
        action: Action,
        *,
        megagroup: bool,
        forum: bool = False,
        ttl_period: int = 0,
        origin: Origin = None,
    ) -> Done:
        """A new channel of `me`, with its primary link. CHAT_TITLE_EMPTY, CHAT_ABOUT_TOO_LONG, CHANNELS_TOO_MUCH."""
        title = title_of(title)
        about = about.strip()
        if len(about) > limits.CHANNEL_ABOUT_CHARS:
            raise errors.CHAT_ABOUT_TOO_LONG()
        self._check_count(me)
        now = int(self._clock.now())
        record = c.Channel(title, me, now, megagroup, forum, 0, about, ttl_period=ttl_period)
        for _ in range(TRIES):
            number = self._ids.base + FIRST_CHANNEL_ID + self._ids.below(CHANNEL_ID_RANGE)
            channel = -CHANNEL_BASE - number
            hash_ = make_hash(channel, self._ids)

            moving = _moving(origin)

            def work(txn: Txn, channel: int = channel, hash_: str = hash_, moving: Moving = moving) -> Done:
                if txn.get(CHANNELS, channel) is not None:
                    raise Taken
                seat = c.Participant(now, me, admin=rights.BROADCAST_ALL | rights.MEGAGROUP_ALL)
                made = save(txn, channel, put_seat(txn, channel, record, me, seat, now, moving))
                txn.put(INVITES, channel, hash_, value=g.Invite(me, now, permanent=True))
                sent = announce(txn, channel, made, me, action, now, origin)
                return Done(channel, made, sent)

            try:
                done = await self._store.transact(slot_of(channel), work)
            except Taken:
                continue
            await moving.done
            return done
        raise errors.INTERNAL()

    async def join(self, me: int, channel: int, *, origin: Origin = None) -> Done:
        """Come into a public channel, or the discussion group of one that he may see; an owner who has gone always.
        CHANNEL_PRIVATE, USER_ALREADY_PARTICIPANT, CHANNELS_TOO_MUCH, USERS_TOO_MUCH."""

        known = self._register.get_or_none(channel)
        seat = self._register.participant(channel, me)
        guest = known is not None and self._register.is_guest(me, channel, known, seat)

        def enter(txn: Txn, record: c.Channel, was: c.Participant | None) -> int:
            if rights.is_member(was):
                raise errors.USER_ALREADY_PARTICIPANT()
            kicked = was is not None and was.state == c.KICKED
            open_ = rights.may_see(record, was) or (guest and record.linked) or me == record.creator
            if kicked or not open_:
                raise errors.CHANNEL_PRIVATE()
            now = int(self._clock.now())
            journal.note(txn, channel, c.LogEntry(now, me, journal.JOIN))
            return 0

        return await self.enter(me, channel, enter, None, origin=origin)

    async def enter(
        self, me: int, channel: int, check: Enter, action: Action | None, *, origin: Origin = None
    ) -> Done:
        """Come in, if `check` raises nothing; it returns who let him in. `action` is the service message in a
        supergroup."""
        self._check_count(me)
        now = int(self._clock.now())
        moving = _moving(origin)

        def work(txn: Txn) -> Done:
            # he may have asked, and comes in some other way; `check` may note the way, so this goes first
            record = drop_request(txn, channel, opened(txn, channel), me, now)
            inviter = check(txn, record, seat_of(txn, channel, me, now))
            made = save(txn, channel, come_in(txn, channel, record, me, inviter, now, moving))
            sent = None
            if action is not None and made.megagroup:
                sent = announce(txn, channel, made, me, action, now, origin)
            return Done(channel, made, sent)

        done = await self._store.transact(slot_of(channel), work)
        await moving.done
        return done

    async def invite(
        self, me: int, channel: int, users: Sequence[int], action: Action, *, origin: Origin = None
    ) -> tuple[Done, list[int]]:
        """Bring people in; also returns those who were in it or were removed from it, and stay as they are (see
        `newcomers`). CHAT_ADMIN_REQUIRED, CHAT_WRITE_FORBIDDEN, USERS_TOO_MUCH, CHANNEL_PRIVATE."""
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[Done, list[int]]:
            record, seat = admitted(txn, channel, me, now)
            if not rights.has(record, me, seat, rights.INVITE):
                if not record.megagroup or rights.withheld(record, me, seat) & rights.NO_INVITE:
                    raise errors.CHAT_ADMIN_REQUIRED()
            left: list[int] = []
            came = 0
            for user in users:
                was = seat_of(txn, channel, user, now)
                kicked = was is not None and was.state == c.KICKED
                if rights.is_member(was) or (kicked and not rights.has(record, me, seat, rights.BAN)):
                    left.append(user)
                    continue
                record = come_in(txn, channel, record, user, me, now)
                line = c.LogEntry(now, me, journal.INVITE, user, seat_after=c.Participant(now, me))
                journal.note(txn, channel, line)
                came += 1
            if not came:
                return Done(channel, record), left
            made = save(txn, channel, record)
            sent = announce(txn, channel, made, me, action, now, origin) if made.megagroup else None
            return Done(channel, made, sent), left

        return await self._store.transact(slot_of(channel), work)

    def newcomers(self, me: int, channel: int, users: Sequence[int]) -> tuple[list[int], list[int]]:
        """Of people who shall be brought in: (those who are not in it yet, those who were removed from it and whose ban
        `me` may not lift). CHANNEL_PRIVATE."""
        record, seat = self._register.seat(me, channel)
        lifts = rights.has(record, me, seat, rights.BAN)
        new: list[int] = []
        removed: list[int] = []
        for user, was in zip(users, self._register.participants(channel, users), strict=True):
            if was is not None and was.state == c.KICKED and not lifts:
                removed.append(user)
            elif not rights.is_member(was):
                new.append(user)
        return new, removed

    async def leave(self, me: int, channel: int, *, origin: Origin = None) -> Done:
        """Go. The creator may too: the channel stays. USER_NOT_PARTICIPANT."""
        now = int(self._clock.now())
        moving = _moving(origin)

        def work(txn: Txn) -> Done:
            record = opened(txn, channel)
            was = seat_of(txn, channel, me, now)
            if was is None or was.state != c.MEMBER:
                raise errors.USER_NOT_PARTICIPANT()
            made = save(txn, channel, put_seat(txn, channel, record, me, gone(was), now, moving))
            journal.note(txn, channel, c.LogEntry(now, me, journal.LEAVE))
            return Done(channel, made)

        done = await self._store.transact(slot_of(channel), work)
        await moving.done
        return done

    async def change(
        self, me: int, channel: int, change: Change, action: Action | None = None, *, origin: Origin = None
    ) -> Done:
        """Commit a change of the channel itself, with a service message when there is an action; members online are
        told to draw it again. `change` raises what forbids it."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Done:
            record, seat = admitted(txn, channel, me, now)
            made = save(txn, channel, change(txn, record, seat))
            if action is not None:
                return Done(channel, made, announce(txn, channel, made, me, action, now, origin))
            eventlog.append(txn, channel, ev.ChannelChanged(channel), now=now, raises=0, origin=origin)
            return Done(channel, made)

        return await self._store.transact(slot_of(channel), work)

    async def delete(self, me: int, channel: int, *, origin: Origin = None) -> Done:
        """The creator ends it for everybody. CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[Done, bool]:
            record = txn.get(CHANNELS, channel)
            if record is None:
                raise errors.CHANNEL_INVALID()
            if record.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            more = False
            for count, (key, seat) in enumerate(list(txn.range(PARTICIPANTS, channel, limit=EVERYBODY + 1))):
                if count == EVERYBODY:
                    more = True
                    break
                record = _unseat(txn, channel, record, key[1], seat, now)
            for key, _ in list(txn.range(INVITES, channel, limit=EVERYBODY)):
                txn.delete(INVITES, *key)
            made = save(txn, channel, _ended(txn, channel, record, now))
            return Done(channel, made), more

        while True:
            done, more = await self._store.transact(slot_of(channel), work)
            if not more:
                return done

    def has_room(self, user: int) -> bool:
        """May `user` be in one more channel?"""
        return len(self._register.of_user(user)) < limits.CHANNELS_PER_USER

    def _check_count(self, me: int) -> None:
        if not self.has_room(me):
            raise errors.CHANNELS_TOO_MUCH()


def _unseat(txn: Txn, channel: int, record: c.Channel, user: int, seat: c.Participant, now: int) -> c.Channel:
    if seat.state == c.MEMBER:
        record = put_seat(txn, channel, record, user, gone(seat), now)
    for role in (rights.ROLE_ADMIN, rights.ROLE_RESTRICTED, rights.ROLE_KICKED, rights.ROLE_BOT):
        txn.delete(BY_ROLE, channel, role, user)
    txn.delete(PARTICIPANTS, channel, user)
    return record


def clear_rows(txn: Txn, channel: int, most: int, now: int) -> bool:
    """Take away what a channel that is over had beside its messages, `most` of each: seats (when the server was stopped
    between two slices of them), links, requests, the log with the messages in it. True while there is more."""
    record = txn.get(CHANNELS, channel)
    if record is None or not record.deleted:
        return False
    before = record
    seats = list(txn.range(PARTICIPANTS, channel, limit=most))
    for key, seat in seats:
        record = _unseat(txn, channel, record, key[1], seat, now)
    if record != before:
        save(txn, channel, record)
    more = len(seats) == most
    others: tuple[Keyspace[Any], ...] = (INVITES, IMPORTERS, ADMIN_LOG, DAYS)
    for rows in others:
        keys = [key for key, _ in txn.range(rows, channel, limit=most)]
        for key in keys:
            txn.delete(rows, *key)
        more = more or len(keys) == most
    return more


def _ended(txn: Txn, channel: int, record: c.Channel, now: int) -> c.Channel:
    """The channel when it is over: its names are free, its messages go soon."""
    alarms.set_alarm(txn, channel, now, alarms.CLEAR, channel, 0)
    change_photo(txn, record, None)
    for name, _ in record.usernames:
        txn.outbox(slot_of(name.lower()), pl.ReleaseName(name=name.lower(), peer=channel))
    if record.linked:
        txn.outbox(slot_of(record.linked), pl.UnlinkGroup(record.linked, channel, record.creator, now))
    return replace(
        record, deleted=True, pending=0, photo=None, usernames=(), given=(), linked=0, linked_from=0
    )


def account_gone(txn: Txn, word: pl.AccountGone, memo: object) -> None:
    """Outbox: a deleted account leaves. What it owned stays with its admins, and ends when nobody is left."""
    channel, now = word.channel, word.date
    record = txn.get(CHANNELS, channel)
    seat = seat_of(txn, channel, word.user, now)
    if record is None or record.deleted or seat is None or not rights.is_member(seat):
        return
    record = put_seat(txn, channel, record, word.user, gone(seat), now)
    journal.note(txn, channel, c.LogEntry(now, word.user, journal.LEAVE))
    save(txn, channel, record if record.members else _ended(txn, channel, record, now))


def admitted(
    txn: Txn, channel: int, me: int, now: int, guest: bool = False
) -> tuple[c.Channel, c.Participant | None]:
    """The channel and the seat of a member; with `guest` (Register.writing_guest) of who may write there without being
    one. CHANNEL_INVALID, CHANNEL_PRIVATE."""
    record = opened(txn, channel)
    seat = seat_of(txn, channel, me, now)
    if not rights.guest_or_member(record, seat, guest):
        raise errors.CHANNEL_PRIVATE()
    return record, seat


def _moving(origin: Origin) -> Moving:
    return Moving(origin, asyncio.get_running_loop().create_future())


def come_in(
    txn: Txn,
    channel: int,
    record: c.Channel,
    user: int,
    inviter: int,
    now: int,
    memo: Moving | Origin = None,
) -> c.Channel:
    """`user` comes (back) in, and what he had asked for is over; the record is not put yet. `memo` as in put_seat.
    USERS_TOO_MUCH."""
    if record.members >= limits.CHANNEL_MEMBERS:
        raise errors.USERS_TOO_MUCH()
    record = drop_request(txn, channel, record, user, now)
    was = txn.get(PARTICIPANTS, channel, user)
    top = eventlog.box_head(txn, channel).msg_id
    made = joined(record, was, inviter, now, top)
    if user == record.creator:  # what he may he has not lost by going
        made = replace(made, admin=rights.admin_rights(record, user, made))
    return put_seat(txn, channel, record, user, made, now, memo)


def require(record: c.Channel, me: int, seat: c.Participant | None, right: int, unless: int = 0) -> None:
    """CHAT_ADMIN_REQUIRED unless `me` has this admin right, or is a member of a supergroup who is not denied
    `unless`."""
    if rights.has(record, me, seat, right):
        return
    if unless and record.megagroup and not rights.withheld(record, me, seat) & unless:
        return
    raise errors.CHAT_ADMIN_REQUIRED()


def change_photo(txn: Txn, record: c.Channel, shot: r.Shot | None) -> None:
    """The channel's record holds its photo."""
    if shot is not None:
        hold(txn, (shot.id,))
    if record.photo is not None:
        drop(txn, (record.photo.id,))


def announce(
    txn: Txn, channel: int, record: c.Channel, me: int, action: Action, now: int, origin: Origin
) -> Sent:
    """The service message of `me`."""
    return put_action(
        txn,
        channel,
        record,
        me,
        action,
        now,
        origin=origin,
    )
