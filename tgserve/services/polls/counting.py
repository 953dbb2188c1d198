"""Votes inside a transaction of their poll's slot: rows of voters, and the poll's counts of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from tgserve.store import payloads as pl
from tgserve.store import reaction_records as rr
from tgserve.store.keyspaces import POLL_PLACES, POLLS, VOTED, VOTES
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

RECENT = 3
"""Voters of a public poll whose pictures clients show."""
SLICE = 500
"""Rows that one transaction takes of a poll that is gone."""


class Voter(Struct, frozen=True, gc=False):
    """One vote for one answer."""

    number: int
    user: int
    place: int


def put(txn: Txn, poll_id: int, poll: rr.Poll) -> rr.Poll:
    """Store a changed poll."""
    poll = replace(poll, version=poll.version + 1)
    txn.put(POLLS, poll_id, value=poll)
    return poll


def change(txn: Txn, poll_id: int, poll: rr.Poll, user: int, places: tuple[int, ...], now: int) -> rr.Poll:
    """Make `places` (none: take back) what `user` has voted for; the poll as it is stored then."""
    was = txn.get(VOTES, poll_id, user)
    counts = list(poll.counts)
    for place in was.places if was is not None else ():
        counts[place] -= 1
        txn.delete(VOTED, poll_id, place, was.number if was is not None else 0)
    number = poll.number
    if places:
        number += 1
        for place in places:
            counts[place] += 1
            txn.put(VOTED, poll_id, place, number, value=user.to_bytes(8, "big", signed=True))
        txn.put(VOTES, poll_id, user, value=rr.Vote(places, now, number))
    else:
        txn.delete(VOTES, poll_id, user)
    voters = poll.voters + bool(places) - (was is not None)
    poll = replace(poll, counts=tuple(counts), voters=voters, number=number)
    if poll.public:
        recent = {one.number: one.user for one in _latest(txn, poll_id, poll)}
        poll = replace(poll, recent=tuple(recent.items()))
    return put(txn, poll_id, poll)


def _latest(txn: Txn, poll_id: int, poll: rr.Poll) -> list[Voter]:
    found: dict[int, Voter] = {}
    for one in listed(txn, poll_id, range(len(poll.answers))):
        found.setdefault(one.number, one)
        if len(found) == RECENT:
            break
    return list(found.values())


def listed(
    reader: Reader, poll_id: int, places: Iterator[int] | range | tuple[int, ...], below: int | None = None
) -> Iterator[Voter]:
    """Votes for these answers, newest first, those with a number below one."""
    rows = [_of_place(reader, poll_id, place, below) for place in places]
    return heapq.merge(*rows, key=lambda one: -one.number)


def _of_place(reader: Reader, poll_id: int, place: int, below: int | None) -> Iterator[Voter]:
    for key, value in reader.range(VOTED, poll_id, place, hi=below, reverse=True):
        yield Voter(key[2], int.from_bytes(value, "big", signed=True), place)


def unplaced(txn: Txn, gone: pl.PollUnplaced, memo: object) -> None:
    """Outbox: a message with the poll is gone; with the last one the poll goes."""
    txn.delete(POLL_PLACES, gone.poll, gone.author, gone.author_msg_id)
    if txn.first(POLL_PLACES, gone.poll) is None and txn.get(POLLS, gone.poll) is not None:
        txn.delete(POLLS, gone.poll)
        drop(txn, pl.DropVotes(gone.poll), None)


def drop(txn: Txn, gone: pl.DropVotes, memo: object) -> None:
    """Outbox: the votes of a poll that is gone."""
    poll_id = gone.poll
    rows = list(txn.range(VOTES, poll_id, limit=SLICE))
    for (_, user), vote in rows:
        txn.delete(VOTES, poll_id, user)
        for place in vote.places:
            txn.delete(VOTED, poll_id, place, vote.number)
        txn.outbox(slot_of(user), pl.ForgetGiven(user, poll_id, 0))
    if len(rows) == SLICE:
        txn.outbox(txn.slot, gone)
