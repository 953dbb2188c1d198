"""Deleting messages and chats, for oneself or for both sides.

Rules: the author's revoke takes the body at once, every other box only its row; who deletes for himself lets go of the
body, and the last one to do so takes it along. In a private chat either side may delete any message for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.messaging import Origin
from tgserve.services.notices import write_own
from tgserve.store import eventlog
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import BOXES, DIALOGS, PEER_ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

SLICE = 200
"""Messages that one deleteHistory call takes; clients repeat it while `left` is not 0."""


@dataclass(slots=True, frozen=True)
class Affected:
    """The box after the change: `pts` was raised by `count`. `left` > 0: there is more to do, call again."""

    pts: int
    count: int
    left: int = 0


@dataclass(slots=True, frozen=True)
class Clearing:
    """What of a chat is to go: messages up to max_id (0 = all) dated min_date..max_date (0 = open)."""

    max_id: int = 0
    min_date: int = 0
    max_date: int = 0
    just_clear: bool = False
    revoke: bool = False
    marker: bytes = b""
    """With just_clear: the TL action that stands for the emptied chat in the list."""
    marker_layer: int = 0

    @property
    def everything(self) -> bool:
        return not self.min_date and not self.max_date


class Deleting:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        store.on_outbox(r.DeliverDelete, deliver_delete)
        store.on_outbox(r.ReleaseBodies, _release)

    def delete(
        self, me: int, msg_ids: Sequence[int], *, revoke: bool = False, origin: Origin = None
    ) -> Commit[Affected]:
        """Delete by id; ids that the box does not have are passed over. Raises MESSAGE_DELETE_FORBIDDEN for what only
        a group's rules could allow."""
        now = int(self._clock.now())
        return self._store.transact(slot_of(me), lambda txn: _delete(txn, me, msg_ids, revoke, now, origin))

    def delete_history(
        self, me: int, peer: int, what: Clearing, *, origin: Origin = None
    ) -> Commit[Affected]:
        """Delete a chat's messages, at most SLICE in one call."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Affected:
            lo = boxes.first_since(txn, me, peer, what.min_date) if what.min_date else None
            hi = what.max_id + 1 if what.max_id > 0 else None
            if what.max_date:
                hi = min(hi or 2**31, boxes.first_since(txn, me, peer, what.max_date + 1))
            rows = txn.range(PEER_ROWS, me, peer, lo=lo, hi=hi, limit=SLICE + 1)
            msg_ids = [key[2] for key, _ in rows]
            done = _delete(txn, me, msg_ids[:SLICE], what.revoke, now, origin)
            if len(msg_ids) > SLICE:
                return Affected(done.pts, done.count, len(msg_ids) - SLICE)
            if what.everything:
                _finish_history(txn, me, peer, what, now, origin)
            return done

        return self._store.transact(slot_of(me), work)


def _finish_history(txn: Txn, me: int, peer: int, what: Clearing, now: int, origin: Origin) -> None:
    dialog = txn.get(DIALOGS, me, peer)
    if dialog is None or dialog.count:
        return
    if what.just_clear:
        if what.marker:
            body = r.Body(
                me, now, b"", what.marker_layer, action=what.marker, silent=True, holders=1, peer=peer
            )
            flags = r.ROW_FROM_SELF if peer == me else r.ROW_OUT
            write_own(txn, me, peer, body, flags, now)
        return
    txn.put(DIALOGS, me, peer, value=replace(dialog, hidden=True, pinned=0, unread_mark=False))
    if dialog.pinned:
        eventlog.append(txn, me, r.DialogPinned(peer, False), now=now, raises=0, origin=origin)


def _delete(txn: Txn, me: int, msg_ids: Sequence[int], revoke: bool, now: int, origin: Origin) -> Affected:
    gone = boxes.remove(txn, me, msg_ids)
    if not gone:
        head = txn.get(BOXES, me) or r.BoxHead()
        return Affected(head.pts, 0)
    kept_for_others = [item for item in gone if not revoke or _private_to_me(me, item[1])]
    boxes.release_all(txn, me, kept_for_others)
    if revoke:
        shared: dict[tuple[int, int], list[int]] = {}
        for _, row in gone:
            if _private_to_me(me, row):
                continue
            if row.peer < 0:
                raise errors.MESSAGE_DELETE_FORBIDDEN()
            shared.setdefault((row.peer, row.author), []).append(row.author_msg_id)
        for (peer, author), ids in shared.items():
            if author == me:
                for author_msg_id in ids:
                    boxes.drop_body(txn, me, author_msg_id)
            txn.outbox(slot_of(peer), r.DeliverDelete(peer, author, tuple(ids), now))
    removed = tuple(msg_id for msg_id, _ in gone)
    event = r.DeleteMessages(removed)
    published = eventlog.append(txn, me, event, now=now, raises=len(removed), origin=origin)
    return Affected(published.pts, len(removed))


def _private_to_me(me: int, row: r.Row) -> bool:
    """No other box has it: Saved Messages, notices, the mark of a cleared chat."""
    return row.peer in (me, SERVICE_USER)


def deliver_delete(txn: Txn, deletion: r.DeliverDelete, memo: object) -> None:
    """Outbox: the other side deleted messages for both."""
    user, author = deletion.user, deletion.author
    msg_ids = []
    for author_msg_id in deletion.author_msg_ids:
        msg_ids.append(boxes.own_id(txn, user, author, author_msg_id))
        if author == user:
            boxes.drop_body(txn, user, author_msg_id)
    gone = boxes.remove(txn, user, [msg_id for msg_id in msg_ids if msg_id])
    if gone:
        removed = tuple(msg_id for msg_id, _ in gone)
        eventlog.append(txn, user, r.DeleteMessages(removed), now=deletion.date, raises=len(removed))


def _release(txn: Txn, release: r.ReleaseBodies, memo: object) -> None:
    boxes.release(txn, release.author, release.author_msg_ids)
