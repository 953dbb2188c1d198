"""Polls: kept in a slot of their own, whatever messages show them.

Memory keeps none: an event of a box is read as soon as it is durable, and what it tells must not be drawn from a poll
that has not heard of the same commit yet. Whoever was told an open poll then would keep it.

Who votes is told by the event log of his box, like who is told that a poll was closed; that the counts have moved is
told to the others' devices that are online, and clients ask for it again when they show the poll. The members of a
channel are told the same all, and once a second at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.ids import AccessHashes
from tgserve.services import alarms
from tgserve.services.alarms import Alarms, Due
from tgserve.services.boxes import View
from tgserve.services.bus import Bus, ChannelPollNews, PollNews
from tgserve.services.channels.audience import Audience
from tgserve.services.channels.reading import ChannelReading
from tgserve.services.groups.roster import Rosters
from tgserve.services.history import History
from tgserve.services.messaging import Origin
from tgserve.services.polls import counting
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import reaction_records as rr
from tgserve.store.keyspaces import GIVEN, POLL_PLACES, POLLS, VOTES
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

CLOSE = 8
"""Kind of the alarm that closes a poll; it stands under the poll's id."""
MADE = 1
"""Version of a poll that nothing was done to yet."""
CHANNEL_SECONDS = 1.0
"""How often those online in a channel hear of the votes in one poll."""
PLACES_TOLD = 200
"""Messages with one poll whose readers hear of each vote; the others' ask when they look."""


@dataclass(slots=True, frozen=True)
class Ballot:
    """A poll as one viewer has it; `mine` are the places of his answers."""

    id: int
    poll: rr.Poll
    mine: tuple[int, ...] = ()
    viewer: int = 0

    @property
    def counted(self) -> bool:
        """May the viewer be told what the answers got? Clients show it to him once he has voted."""
        return self.poll.closed or not self.poll.hidden or self.viewer == self.poll.creator

    @property
    def solved(self) -> bool:
        """May he know who voted how, and the right answer of a quiz?"""
        return self.poll.closed or (bool(self.mine) and not self.poll.hidden)


@dataclass(slots=True, frozen=True)
class VotersPage:
    """(user, places, date), newest first; `next` is where the list goes on, "" at its end."""

    count: int
    items: list[tuple[int, tuple[int, ...], int]]
    next: str


class Polls:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        bus: Bus,
        access: AccessHashes,
        rosters: Rosters,
        history: History,
        alarms_: Alarms,
        channels: ChannelReading,
        audience: Audience,
    ) -> None:
        self._channels = channels
        self._audience = audience
        self._fresh: dict[int, bool] = {}
        """Polls that channels were told of within CHANNEL_SECONDS; True: there is more to tell then."""
        self._store = store
        self._clock = clock
        self._bus = bus
        self._access = access
        self._rosters = rosters
        self._history = history
        alarms_.on(CLOSE, self._due)
        store.on_outbox(pl.PollPlaced, self._placed)
        store.on_outbox(pl.PollUnplaced, counting.unplaced)
        store.on_outbox(pl.DropVotes, counting.drop)
        store.on_outbox(pl.Voted, _voted)
        store.on_outbox(pl.TellPoll, _told)
        store.on_outbox(pl.TakeVoteBack, _take_back)

    # -- reading ----------------------------------------------------------------------------------------------------

    def get_or_none(self, poll_id: int) -> rr.Poll | None:
        with self._store.read(slot_of(poll_id)) as reader:
            return reader.get(POLLS, poll_id)

    def ballot_or_none(self, viewer: int, poll_id: int) -> Ballot | None:
        """The poll as `viewer` has it; None when it is gone."""
        poll = self.get_or_none(poll_id)
        if poll is None:
            return None
        mine: tuple[int, ...] = ()
        if poll.voters:
            with self._store.read(slot_of(poll_id)) as reader:
                vote = reader.get(VOTES, poll_id, viewer)
            mine = vote.places if vote is not None else ()
        return Ballot(poll_id, self._faced(poll_id, poll), mine, viewer)

    def hidden(self, poll_id: int) -> frozenset[int]:
        """Voters who are nobody's to know: anonymous admins of the groups that the poll is in."""
        with self._store.read(slot_of(poll_id)) as reader:
            boxes = {key[1] for key, _ in reader.range(POLL_PLACES, poll_id, limit=PLACES_TOLD)}
        found = [self._channels.anonymous(box) for box in boxes if box <= -CHANNEL_BASE]
        return frozenset[int]().union(*found)

    def faces(self, poll_id: int) -> tuple[int, ...]:
        """The latest voters who may be named."""
        poll = self.get_or_none(poll_id)
        if poll is None or not poll.recent:
            return ()
        return tuple([user for _, user in self._faced(poll_id, poll).recent])

    def _faced(self, poll_id: int, poll: rr.Poll) -> rr.Poll:
        """A poll with those of its latest voters who may be named."""
        if not poll.recent:
            return poll
        hidden = self.hidden(poll_id)
        if not any(user in hidden for _, user in poll.recent):
            return poll
        return replace(poll, recent=tuple(one for one in poll.recent if one[1] not in hidden))

    def of_message(self, me: int, peer: int, msg_id: int) -> tuple[View, Ballot]:
        """The poll that a message of my box, or of a channel, shows. MESSAGE_ID_INVALID, CHAT_FORBIDDEN,
        CHANNEL_PRIVATE."""
        if -CHANNEL_BASE < peer < 0:
            self._rosters.of_member(me, peer)
        if peer <= -CHANNEL_BASE:
            view = self._channels.message_or_none(me, peer, msg_id)
        else:
            view = self._history.message_or_none(me, msg_id)
        if view is None or view.row.peer != peer or not view.body.poll:
            raise errors.MESSAGE_ID_INVALID()
        ballot = self.ballot_or_none(me, view.body.poll)
        if ballot is None:
            raise errors.MESSAGE_ID_INVALID()
        return view, ballot

    def voters(self, ballot: Ballot, option: bytes | None, offset: str, limit: int) -> VotersPage:
        """Who voted, newest first; for one answer when given. BROADCAST_FORBIDDEN when they are anonymous,
        POLL_VOTE_REQUIRED, OPTION_INVALID, OFFSET_INVALID."""
        poll = ballot.poll
        if not poll.public:
            raise errors.BROADCAST_FORBIDDEN()
        if not ballot.solved:
            raise errors.POLL_VOTE_REQUIRED()
        if offset and not (offset.isascii() and offset.isdecimal() and len(offset) <= 10):
            raise errors.OFFSET_INVALID()
        places = tuple(range(len(poll.answers))) if option is None else (_place(poll, option),)
        limit = max(1, min(limit, limits.OPINIONS_PAGE))
        found: dict[int, tuple[int, tuple[int, ...], int]] = {}
        more = ""
        with self._store.read(slot_of(ballot.id)) as reader:
            walk = counting.listed(reader, ballot.id, places, int(offset) if offset else None)
            last = 0
            for one in islice(walk, limit * len(places) + len(places)):
                if one.number in found:
                    continue
                if len(found) == limit:
                    more = str(last)
                    break
                vote = reader.get(VOTES, ballot.id, one.user)
                last = one.number
                chosen = (one.place,) if option is not None or vote is None else vote.places
                found[one.number] = (one.user, chosen, vote.date if vote is not None else 0)
        count = poll.counts[places[0]] if option is not None else poll.voters
        return VotersPage(count, list(found.values()), more)

    # -- making -----------------------------------------------------------------------------------------------------

    async def make(self, me: int, random_id: int, poll: rr.Poll) -> int:
        """Keep a poll that is about to be sent; its id. The same send repeated finds the same poll."""
        poll_id = self._access.of(me, b"v", random_id) & (2**62 - 1) | 2**62
        poll = replace(poll, counts=(0,) * len(poll.answers))

        def work(txn: Txn) -> None:
            if txn.get(POLLS, poll_id) is None:
                counting.put(txn, poll_id, poll)

        await self._store.transact(slot_of(poll_id), work)
        return poll_id

    async def discard(self, poll_id: int) -> None:
        """It was not sent after all."""

        def work(txn: Txn) -> None:
            if txn.first(POLL_PLACES, poll_id) is None:
                txn.delete(POLLS, poll_id)

        await self._store.transact(slot_of(poll_id), work)

    # -- voting -----------------------------------------------------------------------------------------------------

    async def vote(
        self, me: int, peer: int, msg_id: int, options: Sequence[bytes], *, origin: Origin = None
    ) -> Ballot:
        """Vote for these answers, or take the vote back with none; the poll as it is then. MESSAGE_ID_INVALID,
        MESSAGE_POLL_CLOSED, OPTION_INVALID, OPTIONS_TOO_MUCH, REVOTE_NOT_ALLOWED, CHAT_FORBIDDEN."""
        _, ballot = self.of_message(me, peer, msg_id)
        poll_id = ballot.id
        places = tuple(sorted({_place(ballot.poll, option) for option in options}))
        if len(places) > 1 and not ballot.poll.multiple:
            raise errors.OPTIONS_TOO_MUCH()
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[rr.Poll, bool]:
            poll = txn.get(POLLS, poll_id)
            if poll is None:
                raise errors.MESSAGE_ID_INVALID()
            was = txn.get(VOTES, poll_id, me)
            if (was.places if was is not None else ()) == places:
                return poll, False
            if poll.closed or 0 < poll.close_date <= now:
                raise errors.MESSAGE_POLL_CLOSED()
            if was is not None and (poll.quiz or poll.no_revote):
                raise errors.REVOTE_NOT_ALLOWED()
            changed = counting.change(txn, poll_id, poll, me, places, now)
            txn.outbox(slot_of(me), pl.Voted(me, poll_id, now, bool(places)), origin)
            return changed, True

        poll, moved = await self._store.transact(slot_of(poll_id), work)
        if moved:
            self._bus.tell([user for user in self._readers(poll_id) if user != me], PollNews(poll_id))
            self._tell_channels(poll_id)
        return Ballot(poll_id, self._faced(poll_id, poll), places, me)

    def _readers(self, poll_id: int) -> list[int]:
        """Whose boxes hold a message with the poll."""
        with self._store.read(slot_of(poll_id)) as reader:
            found = [(key[1], value) for key, value in reader.range(POLL_PLACES, poll_id, limit=PLACES_TOLD)]
        users: dict[int, None] = {}
        for box, value in found:
            users.update(dict.fromkeys(self._readers_of(box, int.from_bytes(value, "big", signed=True))))
        return list(users)

    def _readers_of(self, box: int, peer: int) -> list[int]:
        """Who has a message that stands in `box` under `peer`; none for a channel, whose crowd is told at once."""
        users = [one for one in (box, peer) if one > 0]
        if -CHANNEL_BASE < peer < 0:
            roster = self._rosters.get_or_none(peer)
            users += roster.here if roster is not None else ()
        return users

    def _tell_channels(self, poll_id: int) -> None:
        """At once, or when the time since the last telling is up."""
        if poll_id in self._fresh:
            self._fresh[poll_id] = True
            return
        with self._store.read(slot_of(poll_id)) as reader:
            rows = list(reader.range(POLL_PLACES, poll_id, hi=0, limit=PLACES_TOLD))
        crowd: set[int] = set()
        for (_, box, _), _ in rows:
            if box <= -CHANNEL_BASE:
                crowd.update(self._audience.of(box))
        if not crowd:
            return
        self._fresh[poll_id] = False
        asyncio.get_running_loop().call_later(CHANNEL_SECONDS, self._tell_again, poll_id)
        self._bus.tell(crowd, ChannelPollNews(poll_id))

    def _tell_again(self, poll_id: int) -> None:
        if self._fresh.pop(poll_id, False) and self.get_or_none(poll_id) is not None:
            self._tell_channels(poll_id)

    # -- closing ----------------------------------------------------------------------------------------------------

    async def stop(self, me: int, view: View, *, may: bool = False, origin: Origin = None) -> Ballot:
        """Close a poll of mine for good, or one that I `may` close. MESSAGE_AUTHOR_REQUIRED, MESSAGE_ID_INVALID."""
        poll = self.get_or_none(view.body.poll) if view.body.poll else None
        if poll is None:
            raise errors.MESSAGE_ID_INVALID()
        if (poll.creator != me and not may) or view.body.fwd:
            raise errors.MESSAGE_AUTHOR_REQUIRED()
        await self._close(view.body.poll, me, origin)
        ballot = self.ballot_or_none(me, view.body.poll)
        if ballot is None:
            raise errors.MESSAGE_ID_INVALID()
        return ballot

    async def _due(self, poll_id: int, items: list[Due]) -> None:
        """Alarm handler: its time has come."""
        await self._close(poll_id, 0, None)

    async def _close(self, poll_id: int, me: int, origin: Origin) -> None:
        readers = self._readers(poll_id)
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            poll = txn.get(POLLS, poll_id)
            if poll is None:
                return
            if poll.close_date:
                alarms.drop_alarm(txn, poll_id, poll.close_date, CLOSE, 0)
            if poll.closed:
                return
            counting.put(txn, poll_id, replace(poll, closed=True))
            for (_, box, msg_id), _ in txn.range(POLL_PLACES, poll_id):
                if box <= -CHANNEL_BASE:  # its readers hear of it as of an edit
                    txn.outbox(slot_of(box), pl.DeliverEdit(box, box, msg_id, now))
            for user in readers:
                told = pl.TellPoll(user, poll_id, now)
                txn.outbox(slot_of(user), told, origin if user == me else None)

        await self._store.transact(slot_of(poll_id), work)

    def _placed(self, txn: Txn, placed: pl.PollPlaced, memo: object) -> None:
        """Outbox: a message with the poll was written; the first one starts its time."""
        poll_id, box = placed.poll, placed.author
        poll = txn.get(POLLS, poll_id)
        if poll is None:
            return
        first = txn.first(POLL_PLACES, poll_id) is None
        peer = placed.peer.to_bytes(8, "big", signed=True)
        txn.put(POLL_PLACES, poll_id, box, placed.author_msg_id, value=peer)
        if poll.closed and poll.version > MADE:
            # maybe while this word was on its way: whoever was told of the message has an open poll
            if box <= -CHANNEL_BASE:
                txn.outbox(slot_of(box), pl.DeliverEdit(box, box, placed.author_msg_id, placed.date))
            for user in self._readers_of(box, placed.peer):
                txn.outbox(slot_of(user), pl.TellPoll(user, poll_id, placed.date))
        if not first or poll.closed:
            return
        if poll.close_period and not poll.close_date:
            poll = counting.put(txn, poll_id, replace(poll, close_date=placed.date + poll.close_period))
        elif poll.close_date and not poll.close_period:  # TDLib takes note of both or of none
            period = max(poll.close_date - placed.date, 1)
            poll = counting.put(txn, poll_id, replace(poll, close_period=period))
        if poll.close_date:
            alarms.set_alarm(txn, poll_id, poll.close_date, CLOSE, 0, 0)


def _place(poll: rr.Poll, option: bytes) -> int:
    for place, answer in enumerate(poll.answers):
        if answer.option == option:
            return place
    raise errors.OPTION_INVALID()


def _voted(txn: Txn, mine: pl.Voted, origin: Origin) -> None:
    """Outbox: the voter's own box."""
    if mine.given:
        txn.put(GIVEN, mine.user, mine.poll, 0, value=b"")
    else:
        txn.delete(GIVEN, mine.user, mine.poll, 0)
    eventlog.append(txn, mine.user, ev.PollChanged(mine.poll), now=mine.date, raises=0, origin=origin)


def _told(txn: Txn, told: pl.TellPoll, origin: Origin) -> None:
    eventlog.append(txn, told.user, ev.PollChanged(told.poll), now=told.date, raises=0, origin=origin)


def _take_back(txn: Txn, gone: pl.TakeVoteBack, memo: object) -> None:
    """Outbox: a deleted account's vote goes, also from a closed poll."""
    poll = txn.get(POLLS, gone.poll)
    if poll is not None and txn.get(VOTES, gone.poll, gone.user) is not None:
        counting.change(txn, gone.poll, poll, gone.user, (), 0)
