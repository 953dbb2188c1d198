"""Deleting messages and chats, for oneself or for both sides.

Rules: the author's revoke takes the body at once, every other box only its row; who deletes for himself lets go of the
body, and the last one to do so takes it along. In a private chat either side may delete any message for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.groups import rights
from tgserve.services.groups.roster import Rosters, load
from tgserve.services.messaging import Origin
from tgserve.services.notices import write_own
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import BOXES, DIALOGS, PEER_ROWS, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

SLICE = 200
"""Messages that one deleteHistory call takes; clients repeat it while `left` is not 0."""


Groups = dict[int, bool]
"""Group that `me` is in -> may he delete others' messages there?"""


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
    def __init__(self, store: Store, clock: Clock, rosters: Rosters) -> None:
        self._store = store
        self._clock = clock
        self._rosters = rosters
        store.on_outbox(pl.DeliverDelete, deliver_delete)
        store.on_outbox(pl.SpreadDelete, spread_delete)
        store.on_outbox(pl.ReleaseBodies, _release)

    def delete(
        self, me: int, msg_ids: Sequence[int], *, revoke: bool = False, origin: Origin = None
    ) -> Commit[Affected]:
        """Delete by id; ids that the box does not have are passed over. MESSAGE_DELETE_FORBIDDEN for others' messages
        in a group of which one is no admin."""
        now = int(self._clock.now())
        groups = self._groups_of(me, msg_ids) if revoke else {}
        return self._store.transact(
            slot_of(me), lambda txn: _delete(txn, me, msg_ids, revoke, now, origin, groups)
        )

    def _groups_of(self, me: int, msg_ids: Sequence[int]) -> Groups:
        """The groups these messages are in, as far as `me` is in them."""
        with self._store.read(slot_of(me)) as reader:
            rows = [reader.get(ROWS, me, msg_id) for msg_id in set(msg_ids)]
        return self._groups(me, {row.peer for row in rows if row is not None and row.peer < 0})

    def _groups(self, me: int, chats: Iterable[int]) -> Groups:
        found: Groups = {}
        for chat in chats:
            roster = self._rosters.get_or_none(chat)
            if roster is not None and roster.has(me):
                found[chat] = rights.is_admin(roster, me)
        return found

    def delete_of_author(self, me: int, chat: int, author: int, *, origin: Origin = None) -> Commit[Affected]:
        """An admin takes a member's messages out of a group, for everybody; at most SLICE in one call."""
        now = int(self._clock.now())
        groups = self._groups(me, (chat,))

        def work(txn: Txn) -> Affected:
            msg_ids = []
            for key, value in txn.range(PEER_ROWS, me, chat, reverse=True):
                if boxes.unpack_row(me, chat, key[2], value).author == author:
                    msg_ids.append(key[2])
                    if len(msg_ids) > SLICE:
                        break
            done = _delete(txn, me, msg_ids[:SLICE], True, now, origin, groups)
            return Affected(done.pts, done.count, max(len(msg_ids) - SLICE, 0))

        return self._store.transact(slot_of(me), work)

    def delete_history(
        self, me: int, peer: int, what: Clearing, *, origin: Origin = None
    ) -> Commit[Affected]:
        """Delete a chat's messages, at most SLICE in one call. With `revoke` for everybody what `me` may delete for
        them: in a private chat all, in a group one's own, as its admin all; the rest for oneself."""
        now = int(self._clock.now())
        groups = self._groups(me, (peer,)) if what.revoke and peer < 0 else {}

        def work(txn: Txn) -> Affected:
            lo = boxes.first_since(txn, me, peer, what.min_date) if what.min_date else None
            hi = what.max_id + 1 if what.max_id > 0 else None
            if what.max_date:
                hi = min(hi or 2**31, boxes.first_since(txn, me, peer, what.max_date + 1))
            rows = txn.range(PEER_ROWS, me, peer, lo=lo, hi=hi, limit=SLICE + 1)
            msg_ids = [key[2] for key, _ in rows]
            done = _delete(txn, me, msg_ids[:SLICE], what.revoke, now, origin, groups, as_may=True)
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
    if dialog.unread_mark:
        eventlog.append(txn, me, ev.DialogUnreadMark(peer, False), now=now, raises=0, origin=origin)
    if dialog.pinned:
        eventlog.append(txn, me, ev.DialogPinned(peer, False), now=now, raises=0, origin=origin)


def _delete(
    txn: Txn,
    me: int,
    msg_ids: Sequence[int],
    revoke: bool,
    now: int,
    origin: Origin,
    groups: Groups,
    as_may: bool = False,
) -> Affected:
    """`as_may`: messages that `me` may not delete for everybody go for himself; else they are refused."""
    gone = boxes.remove(txn, me, msg_ids)
    if not gone:
        head = txn.get(BOXES, me) or r.BoxHead()
        return Affected(head.pts, 0)
    for_all = {
        msg_id
        for msg_id, row in gone
        if revoke and not _mine_alone(me, row, groups) and not (as_may and _beyond(me, row, groups))
    }
    boxes.release_all(txn, me, [item for item in gone if item[0] not in for_all])
    if for_all:
        shared: dict[tuple[int, int], list[int]] = {}
        for msg_id, row in gone:
            if msg_id in for_all:
                shared.setdefault((row.peer, row.author), []).append(row.author_msg_id)
        for (peer, author), ids in shared.items():
            if author != me and not groups.get(peer, True):
                raise errors.MESSAGE_DELETE_FORBIDDEN()
            if author == me:
                for author_msg_id in ids:
                    boxes.drop_body(txn, me, author_msg_id)
            if peer > 0:
                txn.outbox(slot_of(peer), pl.DeliverDelete(peer, author, tuple(ids), now))
            elif author == me:
                spread(txn, peer, author, ids, now, me)
            else:
                word = pl.DeliverDelete(author, author, tuple(ids), now, peer, me)
                txn.outbox(slot_of(author), word)
    published = eventlog.append(txn, me, boxes.deletion(gone), now=now, raises=len(gone), origin=origin)
    return Affected(published.pts, len(gone))


def _mine_alone(me: int, row: r.Row, groups: Groups) -> bool:
    """No other box has it: Saved Messages, notices, the mark of a cleared chat. Or `me` has left the group."""
    return row.peer in (me, SERVICE_USER) or (row.peer < 0 and row.peer not in groups)


def _beyond(me: int, row: r.Row, groups: Groups) -> bool:
    """Somebody else's message in a group of which `me` is no admin."""
    return row.author != me and not groups.get(row.peer, True)


def deliver_delete(txn: Txn, deletion: pl.DeliverDelete, memo: object) -> None:
    """Outbox: the other side deleted messages for both."""
    user, author = deletion.user, deletion.author
    msg_ids = []
    for author_msg_id in deletion.author_msg_ids:
        msg_ids.append(boxes.own_id(txn, user, author, author_msg_id))
        if author == user:
            boxes.drop_body(txn, user, author_msg_id)
    gone = boxes.remove(txn, user, [msg_id for msg_id in msg_ids if msg_id])
    if gone:
        eventlog.append(txn, user, boxes.deletion(gone), now=deletion.date, raises=len(gone))
    if author == user and deletion.chat:
        spread(txn, deletion.chat, author, deletion.author_msg_ids, deletion.date, deletion.by)


def spread(txn: Txn, chat: int, author: int, author_msg_ids: Iterable[int], now: int, by: int) -> None:
    """Have everybody in a group lose these messages; their bodies are gone already. The group's slot says who that is:
    whoever it lets in later is given nothing of them, and who was given them before is told."""
    word = pl.SpreadDelete(chat, author, tuple(author_msg_ids), now, by)
    txn.outbox(slot_of(chat), word)


def spread_delete(txn: Txn, word: pl.SpreadDelete, memo: object) -> None:
    """Outbox: the group's slot passes it on."""
    roster = load(txn, word.chat)
    for user in roster.members if roster is not None else ():
        if user not in (word.author, word.by):
            deletion = pl.DeliverDelete(user, word.author, word.author_msg_ids, word.date)
            txn.outbox(slot_of(user), deletion)


def _release(txn: Txn, release: pl.ReleaseBodies, memo: object) -> None:
    boxes.release(txn, release.author, release.author_msg_ids)
