"""Who reacted to a message, inside a transaction of its body's slot: rows of reactors and the body's summary of them.

A reaction gets a number among all the message ever got; lists, pages and what the author has not seen run by it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from tgserve.services.boxes import NO_DIALOG, View
from tgserve.services.messaging import Origin
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import reaction_records as rr
from tgserve.store import records as r
from tgserve.store.keyspaces import (
    BODIES,
    BOXES,
    DIALOGS,
    EVENTS,
    REACTED,
    REACTORS,
    ROWS,
    UNREAD_REACTIONS,
)
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

RECENT_USERS = 3
"""Of the latest ones the body itself keeps what they gave: clients show their pictures."""
SLICE = 500
"""Rows that one transaction takes of a message that is gone."""
NOTHING = r.Reactions()


class Given(Struct, frozen=True, gc=False):
    """One reaction of one user."""

    number: int
    user: int
    kind: str


def change(
    txn: Txn,
    box: int,
    msg_id: int,
    body: r.Body,
    user: int,
    kinds: tuple[str, ...],
    now: int,
    big: bool,
    faces: bool = True,
) -> r.Body | None:
    """Make `kinds` all that `user` gives the message; the changed body, stored, or None when it was so already.
    Without `faces` the summary names nobody (posts of channels)."""
    was = txn.get(REACTORS, box, msg_id, user)
    old = was.kinds if was is not None else ()
    if old == kinds:
        return None
    before = body.reactions or NOTHING
    counts = dict(before.counts)
    if was is not None:
        for kind in old:
            counts[kind] -= 1
            txn.delete(REACTED, box, msg_id, kind, was.number)
    number = before.number
    users = before.users + bool(kinds) - bool(old)
    if kinds:
        number += 1
        for kind in kinds:
            counts[kind] = counts.get(kind, 0) + 1
            txn.put(REACTED, box, msg_id, kind, number, value=user.to_bytes(8, "big", signed=True))
        txn.put(REACTORS, box, msg_id, user, value=rr.Reactor(kinds, now, number, big))
    else:
        txn.delete(REACTORS, box, msg_id, user)
    left = sorted(((kind, count) for kind, count in counts.items() if count), key=lambda one: -one[1])
    after = replace(before, counts=tuple(left), users=users, number=number)
    recent = _recent(txn, box, msg_id, after, user, kinds, now, big) if faces else ()
    body = replace(body, reactions=replace(after, recent=recent) if users else None)
    txn.put(BODIES, box, msg_id, value=body)
    return body


def _recent(
    txn: Txn,
    box: int,
    msg_id: int,
    now_given: r.Reactions,
    user: int,
    kinds: tuple[str, ...],
    now: int,
    big: bool,
) -> tuple[r.Reacted, ...]:
    """The latest users' reactions, newest first, after `user` has changed his."""
    found = [r.Reacted(user, kind, now, now_given.number, big) for kind in kinds]
    found += [one for one in now_given.recent if one.user != user]
    seen = list(dict.fromkeys(one.user for one in found))[:RECENT_USERS]
    found = [one for one in found if one.user in seen]
    if len(seen) == min(RECENT_USERS, now_given.users):
        return tuple(found)
    latest = []  # one of the latest took his back: somebody older moves up
    for given in listed(txn, box, msg_id, now_given):
        if given.user not in latest:
            latest.append(given.user)
            if len(latest) == RECENT_USERS:
                break
    found = []
    for one in latest:
        reactor = txn.get(REACTORS, box, msg_id, one)
        if reactor is not None:
            found += [
                r.Reacted(one, kind, reactor.date, reactor.number, reactor.big) for kind in reactor.kinds
            ]
    return tuple(found)


def listed(
    reader: Reader, box: int, msg_id: int, reactions: r.Reactions, kind: str = "", below: int | None = None
) -> Iterator[Given]:
    """The reactions to a message, newest first: of one kind or all, those with a number below one."""
    kinds = (kind,) if kind else tuple(one for one, _ in reactions.counts)
    rows = [_of_kind(reader, box, msg_id, one, below) for one in kinds]
    return heapq.merge(*rows, key=lambda given: -given.number)


def _of_kind(reader: Reader, box: int, msg_id: int, kind: str, below: int | None) -> Iterator[Given]:
    for key, value in reader.range(REACTED, box, msg_id, kind, hi=below, reverse=True):
        yield Given(key[3], int.from_bytes(value, "big", signed=True), kind)


def unseen(reader: Reader, box: int, msg_id: int, body: r.Body) -> bool:
    """Has somebody else reacted whom the author has not seen?"""
    if body.reactions is None:
        return False
    for given in listed(reader, box, msg_id, body.reactions):
        if given.number <= body.reactions.seen:
            return False
        if given.user != body.author:
            return True
    return False


def mark(txn: Txn, author: int, row: r.Row, msg_id: int, waiting: bool) -> None:
    """Note in the author's box whether a message of his has reactions that he has not seen."""
    peer = row.peer
    if (txn.get(UNREAD_REACTIONS, author, peer, msg_id) is not None) == waiting:
        return
    if waiting:
        txn.put(UNREAD_REACTIONS, author, peer, msg_id, value=b"")
    else:
        txn.delete(UNREAD_REACTIONS, author, peer, msg_id)
    dialog = txn.get(DIALOGS, author, peer) or NO_DIALOG
    left = dialog.unread_reactions + (1 if waiting else -1)
    txn.put(DIALOGS, author, peer, value=replace(dialog, unread_reactions=left))


def see(txn: Txn, author: int, msg_id: int) -> tuple[r.Row, r.Body] | None:
    """The author has seen the reactions to a message of his; what is drawn anew, None when there were none to see."""
    row, body = txn.get(ROWS, author, msg_id), txn.get(BODIES, author, msg_id)
    if row is None or body is None or body.reactions is None:
        return None
    if txn.get(UNREAD_REACTIONS, author, row.peer, msg_id) is None:
        return None
    mark(txn, author, row, msg_id, False)
    body = replace(body, reactions=replace(body.reactions, seen=body.reactions.number))
    txn.put(BODIES, author, msg_id, value=body)
    return row, body


def log(txn: Txn, user: int, view: View | None, event: ev.ReactionsChanged, now: int, origin: Origin) -> None:
    """Tell a box that the reactions to a message have changed. When that was the last thing it was told, the log's
    row stays one: it says no more than to look again, and somebody may change his mind all day."""
    head = txn.get(BOXES, user)
    if head is not None and head.sub:
        last = txn.get(EVENTS, user, head.pts, head.sub)
        if last is not None and last.event == event:
            txn.put(EVENTS, user, head.pts, head.sub, value=ev.LoggedEvent(event, now, 0))
            txn.publish(eventlog.Published(user, head.pts, 0, event, now, view, origin))
            return
    eventlog.append(txn, user, event, now=now, raises=0, head=head, memo=view, origin=origin)


def drop(txn: Txn, gone: pl.DropReactors, memo: object) -> None:
    """Outbox: the message is gone for all, and who had reacted to it need not remember it."""
    box, msg_id = gone.author, gone.author_msg_id
    rows = list(txn.range(REACTORS, box, msg_id, limit=SLICE))
    for (*_, user), reactor in rows:
        txn.delete(REACTORS, box, msg_id, user)
        for kind in reactor.kinds:
            txn.delete(REACTED, box, msg_id, kind, reactor.number)
        txn.outbox(slot_of(user), pl.ForgetGiven(user, box, msg_id))
    if len(rows) == SLICE:
        txn.outbox(txn.slot, gone)
