"""Channels in memory, and who may see them: asked at every call, changed by commits of the channel's slot.

SECURITY 6.1, 6.2: an access hash opens nothing by itself. Whoever is no member sees a channel only while it has an
active username, or belongs as discussion group to a channel that he may see, and he has not been removed from it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services.channels import rights
from tgserve.store import channel_records as c
from tgserve.store import records as r
from tgserve.store.eventlog import Published, box_head
from tgserve.store.events import DeleteMessages, NewMessage
from tgserve.store.keyspaces import BODIES, BY_ROLE, CHANNELS, DIALOGS, JOINED, PARTICIPANTS, PEER_ROWS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

CHANNELS_CACHED = 20_000
NOBODY: frozenset[int] = frozenset()
TAIL = 1_000
"""Newest messages of a channel whose authors are kept in memory for counting what is unread."""
TAILS_CACHED = 2_000
TAIL_IDS = 400_000
"""Ids in all of them together: at most about 40 MB."""


@dataclass(slots=True)
class Known:
    """A channel as of a commit; never changed, a commit brings a new one. Published by `save`."""

    channel: int
    record: c.Channel
    drawn: dict[Any, Any] = field(default_factory=dict)
    """What drawing wants to keep of this state of the channel."""
    anonymous: frozenset[int] | None = None
    """Register.anonymous, once somebody has asked."""


@dataclass(slots=True, frozen=True)
class Seat:
    """Published when somebody's place in a channel has changed. `here`: is a member now."""

    channel: int
    user: int
    here: bool


@dataclass(slots=True, frozen=True)
class Listed:
    """Published behind Seat, when his own list of channels says so too."""

    channel: int
    user: int


@dataclass(slots=True)
class _Tail:
    """The newest message ids, growing, and those of each author; `floor`: all ids above it are here."""

    floor: int
    ids: list[int]
    by_author: dict[int, list[int]]


@dataclass(slots=True, frozen=True)
class Top:
    """The newest message of a channel's box, and its counters."""

    msg_id: int
    date: int
    pts: int
    count: int


def _hides(seat: c.Participant | None) -> bool:
    return seat is not None and bool(seat.admin & rights.ANONYMOUS)


def is_channel(peer: int) -> bool:
    return peer <= -CHANNEL_BASE


def load(reader: Reader, channel: int) -> c.Channel | None:
    """The channel as a reader or transaction of its slot has it."""
    return reader.get(CHANNELS, channel)


def opened(txn: Txn, channel: int) -> c.Channel:
    """The channel for a change. CHANNEL_INVALID, CHANNEL_PRIVATE."""
    record = txn.get(CHANNELS, channel)
    if record is None:
        raise errors.CHANNEL_INVALID()
    if record.deleted:
        raise errors.CHANNEL_PRIVATE()
    return record


def save(txn: Txn, channel: int, record: c.Channel) -> c.Channel:
    """Store a changed channel under the next version and publish it."""
    made = replace(record, version=record.version + 1)
    txn.put(CHANNELS, channel, value=made)
    txn.publish(Known(channel, made))
    return made


class Register:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._cache: OrderedDict[int, Known] = OrderedDict()
        self._tails: OrderedDict[int, _Tail] = OrderedDict()
        self._tail_ids = 0

    # -- the channel -----------------------------------------------------------

    def known_or_none(self, channel: int) -> Known | None:
        """A channel whoever asks: callers check what they make of it. None when there never was one."""
        found = self._cache.get(channel)
        if found is not None or channel > -CHANNEL_BASE:
            return found
        with self._store.read(slot_of(channel)) as reader:
            record = load(reader, channel)
        return None if record is None else self._remember(Known(channel, record))

    def get_or_none(self, channel: int) -> c.Channel | None:
        known = self.known_or_none(channel)
        return None if known is None else known.record

    def participant(self, channel: int, user: int) -> c.Participant | None:
        """The row of a user, with what has run out taken off it."""
        with self._store.read(slot_of(channel)) as reader:
            found = reader.get(PARTICIPANTS, channel, user)
        return None if found is None else rights.current(found, int(self._clock.now()))

    def participants(self, channel: int, users: Sequence[int]) -> list[c.Participant | None]:
        """The rows of several, read at once."""
        now = int(self._clock.now())
        with self._store.read(slot_of(channel)) as reader:
            rows = reader.many(PARTICIPANTS, channel, users)
        return [None if row is None else rights.current(row, now) for row in rows]

    def anonymous(self, channel: int) -> frozenset[int]:
        """Admins of a supergroup who act under its name: no plain member is told who they are."""
        known = self.known_or_none(channel)
        if known is None or not known.record.megagroup:
            return NOBODY
        if known.anonymous is None:
            with self._store.read(slot_of(channel)) as reader:
                users = [key[2] for key, _ in reader.range(BY_ROLE, channel, rights.ROLE_ADMIN)]
                seats = ((user, reader.get(PARTICIPANTS, channel, user)) for user in users)
                found = [user for user, seat in seats if rights.is_member(seat) and _hides(seat)]
            known.anonymous = frozenset(found)
        return known.anonymous

    def seat(self, me: int, channel: int) -> tuple[c.Channel, c.Participant]:
        """The channel for a member. CHANNEL_INVALID, CHANNEL_PRIVATE."""
        record = self.get_or_none(channel)
        if record is None:
            raise errors.CHANNEL_INVALID()
        participant = self.participant(channel, me)
        if record.deleted or participant is None or participant.state != c.MEMBER:
            raise errors.CHANNEL_PRIVATE()
        return record, participant

    def view(self, me: int, channel: int) -> tuple[c.Channel, c.Participant | None]:
        """The channel for one who may look at it: a member, or anybody when it is public. CHANNEL_INVALID,
        CHANNEL_PRIVATE."""
        record = self.get_or_none(channel)
        if record is None:
            raise errors.CHANNEL_INVALID()
        participant = self.participant(channel, me)
        if record.deleted or not self.may_see(me, channel, record, participant):
            raise errors.CHANNEL_PRIVATE()
        return record, participant

    def may_see(self, me: int, channel: int, record: c.Channel, seat: c.Participant | None) -> bool:
        """A member may, and its owner when he has gone, so that he can come back; others while it is public, or is the
        discussion group of a channel that they may see."""
        if rights.may_see(record, seat) or me == record.creator:
            return True
        return self.is_guest(me, channel, record, seat)

    def is_guest(self, me: int, channel: int, record: c.Channel, seat: c.Participant | None) -> bool:
        """May `me`, who is no member of this discussion group and was not removed from it, see the channel that it
        belongs to? Both must say that they belong together."""
        if not record.megagroup or not record.linked or record.deleted:
            return False
        if seat is not None and seat.state != c.LEFT:
            return False
        of = self.get_or_none(record.linked)
        if of is None or of.deleted or of.megagroup or of.linked != channel:
            return False
        return rights.may_see(of, self.participant(record.linked, me))

    def writing_guest(self, me: int, channel: int) -> bool:
        """May `me` write in this discussion group, or change what he has written, without being in it? Its own slot
        checks again (rights.guest_or_member)."""
        record = self.get_or_none(channel)
        if record is None or not record.megagroup or not record.linked or record.join_to_send:
            return False
        seat = self.participant(channel, me)
        return not rights.is_member(seat) and self.may_see(me, channel, record, seat)

    def writer(self, me: int, channel: int) -> tuple[c.Channel, c.Participant | None]:
        """The channel for a member, or for who may write in it as a guest. CHANNEL_INVALID, CHANNEL_PRIVATE."""
        record, seat = self.view(me, channel)
        if not rights.guest_or_member(record, seat, self.writing_guest(me, channel)):
            raise errors.CHANNEL_PRIVATE()
        return record, seat

    def of_user(self, user: int) -> list[int]:
        """The channels a user is in."""
        with self._store.read(slot_of(user)) as reader:
            return [key[1] for key, _ in reader.range(JOINED, user)]

    # -- its box -----------------------------------------------------------

    def top(self, channel: int) -> Top:
        with self._store.read(slot_of(channel)) as reader:
            dialog = reader.get(DIALOGS, channel, channel)
            pts = box_head(reader, channel).pts
        if dialog is None:
            return Top(0, 0, pts, 0)
        return Top(dialog.top_message, dialog.top_date, pts, dialog.count)

    def unread(self, channel: int, viewer: int, read_max: int) -> int:
        """Messages above a read mark that are not the viewer's own."""
        tail = self._tails.get(channel)
        if tail is None:
            tail = self._load_tail(channel)
        ids = tail.ids
        waiting = len(ids) - bisect_right(ids, read_max)
        own = tail.by_author.get(viewer)
        if own is not None:
            waiting -= len(own) - bisect_right(own, read_max)
        if read_max < tail.floor:
            with self._store.read(slot_of(channel)) as reader:
                waiting += reader.count(PEER_ROWS, channel, channel, lo=read_max + 1, hi=tail.floor + 1)
        return waiting

    def _load_tail(self, channel: int) -> _Tail:
        with self._store.read(slot_of(channel)) as reader:
            rows = reader.range(PEER_ROWS, channel, channel, limit=TAIL + 1, reverse=True)
            ids = [key[2] for key, _ in rows]
            floor = ids.pop() if len(ids) > TAIL else 0
            ids.reverse()
            tail = _Tail(floor, ids, {})
            for msg_id in ids:
                body = reader.get(BODIES, channel, msg_id)
                if body is not None:
                    tail.by_author.setdefault(body.signer or body.author, []).append(msg_id)
        self._tails[channel] = tail
        self._tail_ids += len(tail.ids)
        while len(self._tails) > TAILS_CACHED or (self._tail_ids > TAIL_IDS and len(self._tails) > 1):
            self._forget_tail(next(iter(self._tails)))
        return tail

    def _forget_tail(self, channel: int) -> None:
        self._tail_ids -= len(self._tails.pop(channel).ids)

    # -- the bus -----------------------------------------------------------

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber; must hear of a commit before anything is drawn because of it."""
        for item in batch:
            kind = type(item)
            if kind is Known:
                cached = self._cache.get(item.channel)
                if cached is None or cached.record.version <= item.record.version:
                    self._remember(item)
            elif kind is Published and item.user_id < 0:
                self._follow(item)

    def _follow(self, published: Published) -> None:
        event = published.event
        tail = self._tails.get(published.user_id)
        if tail is None:
            return
        if type(event) is NewMessage:
            view = published.memo
            if view is None or len(tail.ids) > 2 * TAIL:
                self._forget_tail(published.user_id)
                return
            if not tail.ids or tail.ids[-1] < event.msg_id:
                body: r.Body = view.body
                tail.ids.append(event.msg_id)
                self._tail_ids += 1
                tail.by_author.setdefault(body.signer or body.author, []).append(event.msg_id)
        elif type(event) is DeleteMessages:
            self._forget_tail(published.user_id)

    def _remember(self, known: Known) -> Known:
        self._cache[known.channel] = known
        if len(self._cache) > CHANNELS_CACHED:
            self._cache.popitem(last=False)
        return known
