"""Pinned messages of a chat: for oneself or for both sides, and the list of them.

A pinned row carries ROW_PINNED and has a PINS entry; whoever deletes the row takes the entry along (boxes.remove).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.groups import rights
from tgserve.services.groups.roster import Rosters
from tgserve.services.history import TOP_ID, History, Page, Window
from tgserve.services.messaging import Origin, Sent
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import PEER_ROWS, PINS, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

SLICE = 200
"""Messages that one unpinAll takes; clients repeat it while something is left."""


class Pinning:
    def __init__(self, store: Store, clock: Clock, history: History, rosters: Rosters) -> None:
        self._store = store
        self._rosters = rosters
        self._clock = clock
        self._history = history
        store.on_outbox(pl.DeliverPins, deliver_pins)

    def audience(self, me: int, peer: int) -> tuple[int, ...]:
        """Who else sees what `me` pins in a chat. CHAT_ADMIN_REQUIRED, CHAT_FORBIDDEN in groups."""
        if peer > 0:
            return () if peer in (me, SERVICE_USER) else (peer,)
        roster = self._rosters.of_member(me, peer)
        if not rights.may(roster, me, rights.PIN):
            raise errors.CHAT_ADMIN_REQUIRED()
        return roster.others(me)

    def pin(
        self,
        me: int,
        peer: int,
        msg_id: int,
        pinned: bool,
        others: Sequence[int],
        *,
        notice: Callable[[Txn], Sent] | None = None,
        origin: Origin = None,
    ) -> Commit[tuple[Published | None, Sent | None]]:
        """Pin or unpin a message for `me` and `others` (who else is in the chat; nobody: for me alone), and send the
        `notice` of it (Messaging.part). Neither when it was so already. The commit raises MESSAGE_ID_INVALID, also for
        service messages."""
        now = int(self._clock.now())
        view = self._history.message_or_none(me, msg_id)
        if view is None or view.row.peer != peer or view.body.action:
            raise errors.MESSAGE_ID_INVALID()

        def work(txn: Txn) -> tuple[Published | None, Sent | None]:
            row = txn.get(ROWS, me, msg_id)
            if row is None:
                raise errors.MESSAGE_ID_INVALID()
            _tell_others(txn, me, peer, others, ((row.author, row.author_msg_id),), pinned, now)
            done = _set(txn, me, peer, (msg_id,), pinned, now, origin)
            return done, notice(txn) if notice is not None and done is not None else None

        return self._store.transact(slot_of(me), work)

    def unpin_all(
        self, me: int, peer: int, others: Sequence[int], *, origin: Origin = None
    ) -> Commit[tuple[Published | None, int]]:
        """Unpin a chat's messages for `me` and `others`, at most SLICE; how many are left."""
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[Published | None, int]:
            found = [key[2] for key, _ in txn.range(PINS, me, peer, limit=SLICE + 1)]
            taken = found[:SLICE]
            rows = [row for msg_id in taken if (row := txn.get(ROWS, me, msg_id)) is not None]
            names = tuple((row.author, row.author_msg_id) for row in rows)
            _tell_others(txn, me, peer, others, names, False, now)
            return _set(txn, me, peer, taken, False, now, origin), len(found) - len(taken)

        return self._store.transact(slot_of(me), work)

    def newest(self, me: int, peer: int) -> int:
        """The id of the newest pinned message, 0 when there is none."""
        with self._store.read(slot_of(me)) as reader:
            last = reader.last(PINS, me, peer)
        return last[0][2] if last is not None else 0

    def page(self, me: int, peer: int, window: Window) -> Page:
        """Pinned messages of a chat, newest first; `window` as in History.page. The count is that of all of them."""
        low, high = max(window.min_id, 0), window.max_id if window.max_id > 0 else TOP_ID
        with self._store.read(slot_of(me)) as reader:
            ids = [key[2] for key, _ in reader.range(PINS, me, peer, reverse=True)]
            listed = [msg_id for msg_id in ids if low < msg_id < high]
            offset = window.offset_id if window.offset_id > 0 else TOP_ID
            at = sum(1 for msg_id in listed if msg_id >= offset) + window.add_offset
            taken = listed[max(at, 0) : max(at + window.limit, 0)]
            rows = [(msg_id, row) for msg_id in taken if (row := reader.get(ROWS, me, msg_id)) is not None]
            views = self._history.views_of(reader, me, rows)
        return Page(views, len(ids), len(taken) == len(ids))


def _tell_others(
    txn: Txn,
    me: int,
    peer: int,
    others: Iterable[int],
    messages: tuple[tuple[int, int], ...],
    pinned: bool,
    now: int,
) -> None:
    for user in others if messages else ():
        txn.outbox(slot_of(user), pl.DeliverPins(user, me if peer > 0 else peer, messages, pinned, now))


def _set(
    txn: Txn, user: int, peer: int, msg_ids: Iterable[int], pinned: bool, now: int, origin: Origin = None
) -> Published | None:
    """Write the mark on those rows that do not have it yet; one event for all of them."""
    changed: list[int] = []
    for msg_id in sorted(set(msg_ids)):
        row = txn.get(ROWS, user, msg_id)
        if row is None or row.peer != peer or bool(row.flags & r.ROW_PINNED) == pinned:
            continue
        row = replace(row, flags=row.flags ^ r.ROW_PINNED)
        packed = txn.get(PEER_ROWS, user, peer, msg_id)
        txn.put(ROWS, user, msg_id, value=row)
        if packed is not None:
            value = boxes.pack_row(user, msg_id, row, boxes.packed_date(packed))
            txn.put(PEER_ROWS, user, peer, msg_id, value=value)
        if pinned:
            txn.put(PINS, user, peer, msg_id, value=b"")
        else:
            txn.delete(PINS, user, peer, msg_id)
        changed.append(msg_id)
    if not changed:
        return None
    event = ev.MessagesPinned(peer, tuple(changed), pinned)
    return eventlog.append(txn, user, event, now=now, raises=len(changed), origin=origin)


def deliver_pins(txn: Txn, news: pl.DeliverPins, memo: object) -> None:
    """Outbox: the other side pinned or unpinned for both."""
    ids = [boxes.own_id(txn, news.user, author, msg_id) for author, msg_id in news.messages]
    _set(txn, news.user, news.peer, [msg_id for msg_id in ids if msg_id], news.pinned, news.date)
