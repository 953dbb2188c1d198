"""The part of the check that looks at reactions and polls: counts are those of the rows, lists and rows agree (DISK.md
I24, I25)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tgserve.store import keyspaces as k
from tgserve.store import payloads as pl
from tgserve.store import reaction_records as rr
from tgserve.store import records as r
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.transaction import Reader

Say = Callable[[str, str, str], None]
Walk = Callable[[Reader, tuple[Any, ...], Any], None]


class Opinions:
    """`reader_of` gives the snapshot of an owner's slot."""

    def __init__(self, say: Say, reader_of: Callable[[int], Reader]) -> None:
        self._say = say
        self._reader = reader_of
        self._given: set[tuple[int, int, int]] = set()
        """(user, box or poll, number) that something waiting in an outbox is about."""
        self._dropped: set[tuple[int, int]] = set()
        self._polls: set[int] = set()
        self._waiting: set[tuple[int, int, int]] = set()
        """(author, supergroup, message) whose mark of reactions not seen is on its way."""
        self.walks: dict[int, Walk] = {
            k.REACTORS.tag: self._reactor,
            k.REACTED.tag: self._reacted,
            k.UNREAD_REACTIONS.tag: self._unread,
            k.GIVEN.tag: self._gave,
            k.POLLS.tag: self._poll,
            k.VOTES.tag: self._vote,
            k.VOTED.tag: self._voted,
            k.POLL_PLACES.tag: self._place,
        }

    def moving(self, payload: pl.AnyOutbox) -> None:
        """A payload on its way: what it is about is compared within its slot only."""
        match payload:
            case pl.Reacted() | pl.TakeBack():
                self._given.add((payload.user, payload.author, payload.author_msg_id))
            case pl.ForgetGiven():
                self._given.add((payload.user, payload.owner, payload.number))
            case pl.Voted() | pl.TakeVoteBack():
                self._given.add((payload.user, payload.poll, 0))
            case pl.ChannelReacted():
                self._waiting.add((payload.user, payload.channel, payload.msg_id))
            case pl.DropReactors():
                self._dropped.add((payload.author, payload.author_msg_id))
            case pl.PollPlaced() | pl.PollUnplaced() | pl.DropVotes():
                self._polls.add(payload.poll)

    def body(self, reader: Reader, box: int, msg_id: int, body: r.Body) -> None:
        """Called for every body."""
        where = f"box {box} body {msg_id}"
        if body.poll and body.poll not in self._polls:
            polls = self._reader(body.poll)
            if polls.get(k.POLL_PLACES, body.poll, box, msg_id) is None:
                self._say("I25", where, f"shows poll {body.poll}, which does not know it")
        told = body.reactions
        if told is None:
            return
        counts: Counter[str] = Counter()
        last: dict[int, rr.Reactor] = {}
        for (*_, user), reactor in reader.range(k.REACTORS, box, msg_id):
            counts.update(reactor.kinds)
            last[user] = reactor
        if dict(told.counts) != dict(counts) or told.users != len(last):
            self._say("I24", where, f"says {told.users} reacted: {dict(told.counts)}, counted {dict(counts)}")
        newest = sorted(last.items(), key=lambda one: -one[1].number)[: len({g.user for g in told.recent})]
        if {(user, kind) for user, one in newest for kind in one.kinds} != {
            (given.user, given.kind) for given in told.recent
        }:
            self._say("I24", where, "its latest reactions are others than it says")

    def _reactor(self, reader: Reader, parts: tuple[Any, ...], reactor: rr.Reactor) -> None:
        box, msg_id, user = parts
        where = f"box {box} message {msg_id}"
        if (box, msg_id) in self._dropped:
            return
        body = reader.get(k.BODIES, box, msg_id)
        if body is None or body.reactions is None:
            self._say("I24", where, f"{user} has reacted to what is not there")
        for kind in reactor.kinds:
            if reader.get(k.REACTED, box, msg_id, kind, reactor.number) is None:
                self._say("I24", where, f"the reaction of {user} is not listed")
        if (user, box, msg_id) not in self._given:
            if self._reader(user).get(k.GIVEN, user, box, msg_id) is None:
                self._say("I24", where, f"{user} has reacted and does not know it")

    def _reacted(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        box, msg_id, kind, number = parts
        user = int.from_bytes(value, "big", signed=True)
        reactor = reader.get(k.REACTORS, box, msg_id, user)
        if reactor is None or reactor.number != number or kind not in reactor.kinds:
            self._say("I24", f"box {box} message {msg_id}", f"lists a reaction of {user} that is not there")

    def _unread(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        user, peer, msg_id = parts
        if peer <= -CHANNEL_BASE:
            if parts in self._waiting:
                return
            there = self._reader(peer)
            row, body = there.get(k.ROWS, peer, msg_id), there.get(k.BODIES, peer, msg_id)
        else:
            row, body = reader.get(k.ROWS, user, msg_id), reader.get(k.BODIES, user, msg_id)
        if row is None or row.peer != peer or body is None or body.reactions is None:
            self._say("I24", f"user {user} message {msg_id}", "waits with reactions that are not there")
        elif body.reactions.number <= body.reactions.seen:
            self._say("I24", f"user {user} message {msg_id}", "waits with reactions that were seen")

    def _gave(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        user, owner, number = parts
        if parts in self._given or (owner, number) in self._dropped or owner in self._polls:
            return
        there = self._reader(owner)
        found: Any = there.get(k.REACTORS, owner, number, user) if number else there.get(k.VOTES, owner, user)
        if found is None:
            self._say("I24" if number else "I25", f"user {user}", f"gave {owner}/{number} what is not there")

    def _poll(self, reader: Reader, parts: tuple[Any, ...], poll: rr.Poll) -> None:
        (poll_id,) = parts
        where = f"poll {poll_id}"
        counts = [0] * len(poll.answers)
        voters = 0
        for _, vote in reader.range(k.VOTES, poll_id):
            voters += 1
            for place in vote.places:
                counts[place] += 1
        if (list(poll.counts), poll.voters) != (counts, voters):
            self._say("I25", where, f"{poll.voters} voters {list(poll.counts)}, counted {voters} {counts}")
        waits = poll.close_date and not poll.closed and reader.first(k.POLL_PLACES, poll_id) is not None
        if waits and reader.first(k.DUE, poll_id, poll.close_date) is None:
            self._say("I25", where, "closes by itself and has no alarm")

    def _vote(self, reader: Reader, parts: tuple[Any, ...], vote: rr.Vote) -> None:
        poll_id, user = parts
        where = f"poll {poll_id}"
        if poll_id in self._polls:
            return
        if reader.get(k.POLLS, poll_id) is None:
            self._say("I25", where, f"{user} has voted in what is not there")
        for place in vote.places:
            if reader.get(k.VOTED, poll_id, place, vote.number) is None:
                self._say("I25", where, f"the vote of {user} is not listed")
        if (user, poll_id, 0) not in self._given:
            if self._reader(user).get(k.GIVEN, user, poll_id, 0) is None:
                self._say("I25", where, f"{user} has voted and does not know it")

    def _voted(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        poll_id, place, number = parts
        user = int.from_bytes(value, "big", signed=True)
        vote = reader.get(k.VOTES, poll_id, user)
        if vote is None or vote.number != number or place not in vote.places:
            self._say("I25", f"poll {poll_id}", f"lists a vote of {user} that is not there")

    def _place(self, reader: Reader, parts: tuple[Any, ...], value: bytes) -> None:
        poll_id, box, msg_id = parts
        if poll_id in self._polls:
            return
        body = self._reader(box).get(k.BODIES, box, msg_id)
        if body is None or body.poll != poll_id:
            self._say("I25", f"poll {poll_id}", f"is thought to be shown by body {msg_id} of box {box}")
