"""Members of a channel: who they are, page by page; admins and their rights; restrictions, removals, ranks.

SECURITY 6.3: nobody gives a right he does not have, nobody touches who is above him (rights.outranks).
"""

from __future__ import annotations

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, overload

from msgspec import Struct
from msgspec.msgpack import Decoder
from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services import alarms
from tgserve.services.channels import journal, rights
from tgserve.services.channels.life import Done, admitted, announce, come_in
from tgserve.services.channels.posting import put_action
from tgserve.services.channels.register import NOBODY, Register, Seat, load, save
from tgserve.services.channels.seats import drop_request, gone, put_seat, seat_of
from tgserve.services.groups.life import Action
from tgserve.services.messaging import Origin
from tgserve.store import channel_records as c
from tgserve.store.keyspaces import BY_ROLE, PARTICIPANTS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

LISTS_CACHED = 16
"""Big channels whose member lists are kept in memory: 200,000 members are 1.6 MB."""
SLICE = 1000
"""Members that are read at once, a millisecond's work: between two slices the loop serves others."""
LOOKED_AT = 200
"""Names of members that are compared at once: their rows may have to be read."""
_DATE_SHIFT = 64
_USER = (1 << _DATE_SHIFT) - 1


class _Came(Struct, array_like=True, gc=False):
    """The first fields of a Participant: a list of members asks for no more."""

    date: int
    inviter: int = 0
    state: int = c.MEMBER


_came = Decoder(_Came).decode


class Newest(Sequence[int]):
    """Numbers in the order they came, read from the last one back; a page costs the page."""

    __slots__ = ("_gone", "_left_out", "came")

    def __init__(self, came: Iterable[int]) -> None:
        self.came = came if isinstance(came, array) else array("q", came)
        self._gone: set[int] = set()
        self._left_out: tuple[frozenset[int], list[int]] | None = None
        """Whom somebody wanted left out, and where they stand in `came`: finding them costs the list."""

    def __len__(self) -> int:
        return len(self.came) - len(self._gone)

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> list[int]: ...

    def __getitem__(self, at: int | slice) -> int | list[int]:
        self._settle()
        if not isinstance(at, slice):
            return self.came[-1 - at]
        start, stop, step = at.indices(len(self.came))
        end = len(self.came)
        return list(self.came[end - stop : end - start])[::-1][::step] if start < stop else []

    def __iter__(self) -> Iterator[int]:
        self._settle()
        return reversed(self.came)

    def add(self, one: int) -> None:
        if one in self._gone:
            self._settle()
        if self._left_out is not None and one in self._left_out[0]:
            self._left_out = None
        self.came.append(one)

    def drop(self, one: int) -> None:
        """Taken out when somebody looks: many may go meanwhile."""
        self._gone.add(one)

    def without(self, some: Collection[int]) -> Sequence[int]:
        """The same but for these, who are few."""
        self._settle()
        wanted = frozenset(some)
        if self._left_out is None or self._left_out[0] != wanted:
            places: list[int] = []
            for one in wanted:
                with suppress(ValueError):  # who is not in it
                    places.append(self.came.index(one))
            self._left_out = (wanted, sorted(places))
        last = len(self.came) - 1
        return _Without(self, [last - at for at in reversed(self._left_out[1])])

    def _settle(self) -> None:
        if self._gone:
            gone, self._gone, self._left_out = self._gone, set(), None
            self.came = array("q", [one for one in self.came if one not in gone])


class _Without(Sequence[int]):
    """A list with some places left out (growing numbers): a page costs the page."""

    __slots__ = ("_of", "_places")

    def __init__(self, of: Newest, places: Sequence[int]) -> None:
        self._of = of
        self._places = places

    def __len__(self) -> int:
        return len(self._of) - len(self._places)

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> list[int]: ...

    def __getitem__(self, at: int | slice) -> int | list[int]:
        if not isinstance(at, slice):
            return self._of[self._behind(at)]
        start, stop, step = at.indices(len(self))
        if start >= stop:
            return []
        first, last = self._behind(start), self._behind(stop - 1) + 1
        out = {place - first for place in self._places if first <= place < last}
        return [one for number, one in enumerate(self._of[first:last]) if number not in out][::step]

    def __iter__(self) -> Iterator[int]:
        return iter(self[:])

    def _behind(self, at: int) -> int:
        """Where the entry `at` stands in the whole list."""
        for place in self._places:
            if place > at:
                break
            at += 1
        return at


@dataclass(slots=True)
class _Loading:
    """A list that is being read, and who came (True) or went (False) meanwhile."""

    done: asyncio.Event
    moved: dict[int, bool]


@dataclass(slots=True, frozen=True)
class Changed:
    """Somebody's place before and after a change."""

    done: Done
    user: int
    before: c.Participant | None
    after: c.Participant


class Members:
    def __init__(self, store: Store, clock: Clock, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._register = register
        self._lists: OrderedDict[int, Newest] = OrderedDict()
        """channel -> its members, the last to come first."""
        self._loading: dict[int, _Loading] = {}

    # -- who is in it -----------------------------------------------------------

    def visible(self, me: int, channel: int) -> tuple[c.Channel, bool]:
        """The channel, and whether `me` may see its members; admins of it always may. CHANNEL_PRIVATE."""
        record, seat = self._register.view(me, channel)
        if rights.is_admin(record, me, seat):
            return record, True
        return record, record.megagroup and not record.members_hidden and rights.is_member(seat)

    def hidden(self, me: int, channel: int) -> frozenset[int]:
        """Members whom `me` is not told of: admins who act under the group's name, unless he is an admin himself."""
        found = self._register.anonymous(channel)
        record = self._register.get_or_none(channel) if found else None
        if record is None or rights.is_admin(record, me, self._register.participant(channel, me)):
            return NOBODY
        return found

    def may_ask_of(self, me: int, channel: int, user: int) -> c.Channel:
        """The channel, if `me` may know whether and how `user` is in it: oneself always, in a supergroup its admins,
        and others unless their list is hidden. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED, USER_NOT_PARTICIPANT for one who
        is `hidden`."""
        record, visible = self.visible(me, channel)
        if user in self.hidden(me, channel):
            raise errors.USER_NOT_PARTICIPANT()
        if user == me or visible or (record.megagroup and not record.members_hidden):
            return record
        if not record.megagroup or not rights.is_admin(
            record, user, self._register.participant(channel, user)
        ):
            raise errors.CHAT_ADMIN_REQUIRED()
        return record

    def seat_of(self, channel: int, user: int) -> c.Participant:
        """The row of one who is or was in it, or is kept out of it. USER_NOT_PARTICIPANT."""
        found = self._register.participant(channel, user)
        if found is None or (found.state == c.LEFT and not found.banned):
            raise errors.USER_NOT_PARTICIPANT()
        return found

    async def members(self, channel: int) -> Sequence[int]:
        """All members, the last to come first."""
        while (known := self._lists.get(channel)) is None:
            loading = self._loading.get(channel)
            if loading is not None:
                await loading.done.wait()
                continue
            loading = self._loading[channel] = _Loading(asyncio.Event(), {})
            try:
                came = await self._read(channel)
                moved = loading.moved
                if moved:  # some of them were read before they moved, some behind it
                    came = array("q", [one for one in came if one not in moved])
                    came.extend([user for user, here in moved.items() if here])
                self._lists[channel] = Newest(came)
            finally:
                del self._loading[channel]
                loading.done.set()
            if len(self._lists) > LISTS_CACHED:
                self._lists.popitem(last=False)
        self._lists.move_to_end(channel)
        return known

    async def _read(self, channel: int) -> array[int]:
        """Members by the date they came, read and sorted a slice at a time."""
        runs: list[list[int]] = []
        first: int | None = None
        while True:
            with self._store.read(slot_of(channel)) as reader:
                rows = reader.rows(PARTICIPANTS, channel, lo=first, limit=SLICE)
            run = [
                came.date << _DATE_SHIFT
                | int.from_bytes(key[-8:], "big")  # the last part of the key: the user
                for key, data in rows
                if (came := _came(data)).state == c.MEMBER
            ]
            run.sort()
            runs.append(run)
            if len(rows) < SLICE:
                break
            first = int.from_bytes(rows[-1][0][-8:], "big") + 1
            await asyncio.sleep(0)
        while len(runs) > 1:
            # Sorting two runs behind each other is merging them.
            pairs, runs = runs, []
            for at in range(0, len(pairs), 2):
                run = pairs[at]
                if at + 1 < len(pairs):
                    run += pairs[at + 1]
                    run.sort()
                runs.append(run)
                if len(run) > SLICE:
                    await asyncio.sleep(0)
        came_in = array("q")
        for at in range(0, len(runs[0]), SLICE):
            came_in.extend([one & _USER for one in runs[0][at : at + SLICE]])
            if at:
                await asyncio.sleep(0)
        return came_in

    def by_role(self, channel: int, role: int) -> list[int]:
        """Users with a role: rights.ROLE_ADMIN, ROLE_BOT, ROLE_RESTRICTED, ROLE_KICKED. What has run out is left
        out."""
        with self._store.read(slot_of(channel)) as reader:
            users = [key[2] for key, _ in reader.range(BY_ROLE, channel, role)]
        if role in (rights.ROLE_ADMIN, rights.ROLE_BOT):
            return users
        found: list[int] = []
        for user in users:
            seat = self._register.participant(channel, user)
            if seat is None:
                continue
            if (seat.state == c.KICKED) if role == rights.ROLE_KICKED else bool(seat.banned):
                found.append(user)
        return found

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber: the lists in memory follow."""
        for item in batch:
            if type(item) is Seat:
                known = self._lists.get(item.channel)
                if known is None:
                    if item.channel in self._loading:
                        moved = self._loading[item.channel].moved
                        moved.pop(item.user, None)
                        moved[item.user] = item.here
                    continue
                if item.here:
                    known.add(item.user)
                else:
                    known.drop(item.user)

    def common(self, me: int, user: int) -> list[int]:
        """Supergroups both are in, as far as `me` may know: not those that hide their members from him."""
        theirs = set(self._register.of_user(user))
        found: list[int] = []
        for channel in self._register.of_user(me):
            if channel not in theirs:
                continue
            record = self._register.get_or_none(channel)
            if record is None or record.deleted or not record.megagroup:
                continue
            seat = self._register.participant(channel, me)
            if record.members_hidden and not rights.is_admin(record, me, seat):
                continue
            if user in self.hidden(me, channel):
                continue
            if rights.is_member(seat) and rights.is_member(self._register.participant(channel, user)):
                found.append(channel)
        return found

    # -- what they may -----------------------------------------------------------

    async def set_rank(self, me: int, channel: int, user: int, rank: str, *, origin: Origin = None) -> Done:
        """A word beside a member's name in a supergroup: one's own as long as members may, as admin that of members
        one is above. RANK_INVALID, USER_NOT_PARTICIPANT, CHAT_ADMIN_REQUIRED, MEGAGROUP_REQUIRED; nothing happens when
        it is so already."""
        rank = rank.strip()
        if len(rank) > limits.RANK_CHARS or any(ord(sign) > 0x2BFF and not sign.isalnum() for sign in rank):
            raise errors.RANK_INVALID()
        now = int(self._clock.now())

        def work(txn: Txn) -> Done:
            record, seat = admitted(txn, channel, me, now)
            if not record.megagroup:
                raise errors.MEGAGROUP_REQUIRED()
            was = seat_of(txn, channel, user, now)
            if was is None or not rights.is_member(was):
                raise errors.USER_NOT_PARTICIPANT()
            own = user == me and not rights.denied(record, me, seat) & rights.NO_RANK
            above = rights.is_admin(record, me, seat) and rights.outranks(record, me, seat, user, was)
            if not (own or above or me == record.creator):
                raise errors.CHAT_ADMIN_REQUIRED()
            if was.rank == rank:
                return Done(channel, record)
            made = replace(was, rank=rank)
            stored = save(txn, channel, put_seat(txn, channel, record, user, made, now, origin))
            line = c.LogEntry(now, me, journal.RANK, user, text_before=was.rank, text_after=rank)
            journal.note(txn, channel, line)
            return Done(channel, stored)

        return await self._store.transact(slot_of(channel), work)

    async def hand_over(
        self, me: int, channel: int, user: int, action: Action, *, origin: Origin = None
    ) -> Done:
        """Another member owns the channel from now on; who did stays its admin. CHAT_ADMIN_REQUIRED,
        USER_NOT_PARTICIPANT, CHAT_NOT_MODIFIED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Done:
            record, seat = admitted(txn, channel, me, now)
            if record.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            if user == me:
                raise errors.CHAT_NOT_MODIFIED()
            was = seat_of(txn, channel, user, now)
            if was is None or not rights.is_member(was):
                raise errors.USER_NOT_PARTICIPANT()
            whole = rights.MEGAGROUP_ALL if record.megagroup else rights.BROADCAST_ALL
            made = replace(was, admin=whole, promoted_by=0, banned=0, until=0, banned_by=0)
            record = put_seat(txn, channel, record, user, made, now)
            if seat is not None:
                left = replace(seat, admin=whole | seat.admin & rights.ANONYMOUS, promoted_by=user)
                record = put_seat(txn, channel, record, me, left, now, origin)
            stored = save(txn, channel, replace(record, creator=user))
            line = c.LogEntry(now, me, journal.PROMOTE, user, seat_before=was, seat_after=made)
            journal.note(txn, channel, line)
            if not stored.megagroup:
                return Done(channel, stored)
            return Done(channel, stored, announce(txn, channel, stored, me, action, now, origin))

        return await self._store.transact(slot_of(channel), work)

    async def set_admin(
        self,
        me: int,
        channel: int,
        user: int,
        granted: int,
        rank: str,
        *,
        outside: errors.ErrorKind | None = None,
        origin: Origin = None,
    ) -> Changed:
        """Make `user` an admin with these rights (flag word), or none with 0; who is no member comes in by it unless
        something of his own forbids that (`outside`). CHAT_ADMIN_REQUIRED, RIGHT_FORBIDDEN, USER_CREATOR,
        USER_ADMIN_INVALID, ADMINS_TOO_MUCH, ADMIN_RANK_INVALID, CHAT_ADMIN_INVITE_REQUIRED, USER_KICKED,
        USER_NOT_PARTICIPANT."""
        rank = rank.strip()
        if len(rank) > limits.RANK_CHARS:
            raise errors.ADMIN_RANK_INVALID()
        now = int(self._clock.now())

        def work(txn: Txn) -> Changed:
            record, seat = admitted(txn, channel, me, now)
            was = seat_of(txn, channel, user, now)
            if user == record.creator:
                if me != user:
                    raise errors.USER_CREATOR()
                # all that can be chosen of an owner's rights is whether he is anonymous
                whole = rights.admin_rights(record, me, seat) & ~rights.ANONYMOUS
                made = replace(was or c.Participant(now), rank=rank, admin=whole | granted & rights.ANONYMOUS)
                return self._seated(txn, channel, record, me, user, was, made, now, origin, journal.PROMOTE)
            held = rights.admin_rights(record, me, seat)
            if not held & rights.ADD_ADMINS:
                raise errors.CHAT_ADMIN_REQUIRED()
            if not rights.outranks(record, me, seat, user, was):
                raise errors.USER_ADMIN_INVALID()
            if me != record.creator and granted & ~(held | rights.OTHER):
                raise errors.RIGHT_FORBIDDEN()
            if granted and (was is None or not was.admin) and record.admins >= limits.CHANNEL_ADMINS:
                raise errors.ADMINS_TOO_MUCH()
            if not rights.is_member(was):
                if not granted:
                    raise errors.USER_NOT_PARTICIPANT()
                if was is not None and was.state == c.KICKED and not held & rights.BAN:
                    raise errors.USER_KICKED()
                if not held & rights.INVITE:
                    raise errors.CHAT_ADMIN_INVITE_REQUIRED()
                if outside is not None:
                    raise outside()
                record = come_in(txn, channel, record, user, me, now)
            current = txn.get(PARTICIPANTS, channel, user) or c.Participant(now)
            made = replace(
                current,
                admin=granted,
                rank=rank if granted else "",
                promoted_by=me if granted else 0,
                banned=0 if granted else current.banned,
                until=0 if granted else current.until,
            )
            return self._seated(txn, channel, record, me, user, was, made, now, origin, journal.PROMOTE)

        return await self._store.transact(slot_of(channel), work)

    async def set_banned(
        self,
        me: int,
        channel: int,
        user: int,
        banned: int,
        until: int,
        action: Action,
        *,
        origin: Origin = None,
    ) -> Changed:
        """Deny `user` these rights (flag word) until a second (0 = for ever), remove him with NO_VIEW, or lift it all
        with 0. A channel that somebody writes as in a supergroup is only kept out or let in. CHAT_ADMIN_REQUIRED,
        USER_ADMIN_INVALID, PARTICIPANT_ID_INVALID, BANNED_RIGHTS_INVALID. `action` is the service message
        of a removal in a supergroup."""
        now = int(self._clock.now())
        if until and until <= now + 30:
            until = 0  # as clients are told: nearer than 30 s means for ever

        def work(txn: Txn) -> Changed:
            record, seat = admitted(txn, channel, me, now)
            if not rights.has(record, me, seat, rights.BAN):
                raise errors.CHAT_ADMIN_REQUIRED()
            if user < 0:
                if not record.megagroup or user in (channel, record.linked):
                    raise errors.PARTICIPANT_ID_INVALID()
                if banned and not banned & rights.NO_VIEW:
                    raise errors.BANNED_RIGHTS_INVALID()
            if user == record.creator:
                raise errors.USER_ADMIN_INVALID()
            if user == me:
                raise errors.PARTICIPANT_ID_INVALID()
            was = seat_of(txn, channel, user, now)
            if not rights.outranks(record, me, seat, user, was):
                raise errors.USER_ADMIN_INVALID()
            current = was or c.Participant(now, state=c.LEFT)
            was_here = rights.is_member(was)
            if banned & rights.NO_VIEW:
                made = gone(current, me, until)
                record = drop_request(txn, channel, record, user, now)
            else:
                state = c.LEFT if current.state == c.KICKED else current.state
                made = replace(
                    current,
                    state=state,
                    banned=banned,
                    until=until if banned else 0,
                    banned_by=me if banned else 0,
                    admin=0,
                    rank="" if current.admin else current.rank,
                    promoted_by=0,
                )
            if was is None and not banned:
                return Changed(Done(channel, record), user, was, made)  # nothing was denied to him
            if made.until:
                alarms.set_alarm(txn, channel, made.until, alarms.LIFT, user, user & 0xFFFFFFFF)
            changed = self._seated(txn, channel, record, me, user, was, made, now, origin, journal.BAN)
            if was_here and made.state == c.KICKED and record.megagroup:
                sent = put_action(
                    txn,
                    channel,
                    changed.done.record,
                    me,
                    action,
                    now,
                    origin=origin,
                )
                return replace_done(changed, Done(channel, changed.done.record, sent))
            return changed

        return await self._store.transact(slot_of(channel), work)

    async def lift(self, channel: int, items: list[alarms.Due]) -> None:
        """Alarm handler: what has run out is taken off the rows, the counters and the lists."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            before = record = load(txn, channel)
            for when, user, number in items:
                alarms.drop_alarm(txn, channel, when, alarms.LIFT, number)
                seat = txn.get(PARTICIPANTS, channel, user)
                if record is None or record.deleted or seat is None:
                    continue
                made = rights.current(seat, now)
                if made != seat:
                    record = put_seat(txn, channel, record, user, made, now)
            if record is not None and record != before:
                save(txn, channel, record)

        await self._store.transact(slot_of(channel), work)

    def _seated(
        self,
        txn: Txn,
        channel: int,
        record: c.Channel,
        me: int,
        user: int,
        was: c.Participant | None,
        made: c.Participant,
        now: int,
        origin: Origin,
        kind: str,
    ) -> Changed:
        stored = save(txn, channel, put_seat(txn, channel, record, user, made, now, origin))
        if kind and was != made:
            entry = c.LogEntry(now, me, kind, user, seat_before=was, seat_after=made)
            journal.note(txn, channel, entry)
        return Changed(Done(channel, stored), user, was, made)


def replace_done(changed: Changed, done: Done) -> Changed:
    return Changed(done, changed.user, changed.before, changed.after)


async def page(
    users: Sequence[int], wanted: Callable[[int], bool] | None, offset: int, limit: int
) -> tuple[int, list[int]]:
    """(how many fit, those at offset): without `wanted` a page of any list costs the page; with it everybody is looked
    at, a slice at a time."""
    offset = max(offset, 0)
    if wanted is None:
        return len(users), list(users[offset : offset + limit])
    fits: list[int] = []
    for number, user in enumerate(users, 1):
        if wanted(user):
            fits.append(user)
        if number % LOOKED_AT == 0:
            await asyncio.sleep(0)
    return len(fits), fits[offset : offset + limit]
