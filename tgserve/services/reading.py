"""Read marks, both ways: what I have read, what of mine was read and when."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services import boxes, looks
from tgserve.services.deleting import Affected
from tgserve.services.messaging import Origin
from tgserve.services.reactions.reacting import see
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import BODIES, BOXES, DIALOGS, GROUP_READS, PEER_ROWS, READ_DATES, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

READ_DATE_SECONDS = 7 * limits.DAY
"""The author can ask for this long when a message was read (as Telegram's pm_read_date_expire_period)."""


class Reading:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        store.on_outbox(pl.DeliverRead, deliver_read)
        store.on_outbox(pl.DeliverContentsRead, deliver_contents_read)

    def read_history(self, me: int, peer: int, max_id: int, *, origin: Origin = None) -> Commit[Affected]:
        """Mark a chat as read up to max_id (0 or less: all of it)."""
        now = int(self._clock.now())
        return self._store.transact(slot_of(me), lambda txn: _read(txn, me, peer, max_id, now, origin))

    def read_contents(self, me: int, msg_ids: Sequence[int], *, origin: Origin = None) -> Commit[Affected]:
        """Mark voice notes and the like as listened to, and reactions to my messages as seen."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Affected:
            read: list[int] = []
            mine: list[int] = []
            authors: dict[int, list[int]] = {}
            for msg_id in dict.fromkeys(msg_ids):
                row = txn.get(ROWS, me, msg_id)
                if row is not None and row.flags & r.ROW_OUT:
                    mine.append(msg_id)
                    continue
                if row is None or not _clear_unread(txn, me, msg_id, row):
                    continue
                read.append(msg_id)
                if row.author != me:
                    authors.setdefault(row.author, []).append(row.author_msg_id)
            seen = see(txn, me, mine, now, origin)
            done = _contents_read(txn, me, read, authors, now, origin)
            return Affected(done.pts, done.count + seen.count)

        return self._store.transact(slot_of(me), work)

    def read_mentions(self, me: int, peer: int, *, origin: Origin = None) -> Commit[Affected]:
        """Mark all mentions of a chat as seen."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Affected:
            dialog = txn.get(DIALOGS, me, peer)
            left = dialog.unread_mentions if dialog is not None else 0
            found: list[int] = []
            if left:
                for key, value in txn.range(PEER_ROWS, me, peer, reverse=True):
                    if value[0] & boxes.UNREAD_MENTION == boxes.UNREAD_MENTION:
                        found.append(key[2])
                        if len(found) == left:
                            break
            for msg_id in found:
                row = txn.get(ROWS, me, msg_id)
                if row is not None:
                    _clear_unread(txn, me, msg_id, row)
            return _contents_read(txn, me, found, {}, now, origin)

        return self._store.transact(slot_of(me), work)

    def readers_of(self, me: int, chat: int, msg_id: int, members: Sequence[int]) -> list[tuple[int, int]]:
        """(user, when) of the members who have read my message in a group. MESSAGE_ID_INVALID, MESSAGE_TOO_OLD."""
        with self._store.read(slot_of(me)) as reader:
            row = reader.get(ROWS, me, msg_id)
            body = reader.get(BODIES, me, msg_id)
            if row is None or body is None or row.peer != chat or not row.flags & r.ROW_OUT:
                raise errors.MESSAGE_ID_INVALID()
            if self._clock.now() - body.date > READ_DATE_SECONDS:
                raise errors.MESSAGE_TOO_OLD()
            found: list[tuple[int, int]] = []
            for user in members:
                for _, date in reader.range(GROUP_READS, me, chat, user, lo=msg_id, limit=1):
                    found.append((user, int.from_bytes(date, "big")))
        return found

    def outbox_read_date(self, me: int, peer: int, msg_id: int) -> int:
        """When `peer` read my message, Unix seconds. Raises MESSAGE_ID_INVALID, MESSAGE_NOT_READ_YET,
        MESSAGE_TOO_OLD."""
        with self._store.read(slot_of(me)) as reader:
            row = reader.get(ROWS, me, msg_id)
            if row is None or row.peer != peer or not row.flags & r.ROW_OUT:
                raise errors.MESSAGE_ID_INVALID()
            dialog = reader.get(DIALOGS, me, peer)
            if dialog is None or dialog.read_outbox_max < msg_id:
                raise errors.MESSAGE_NOT_READ_YET()
            for _, value in reader.range(READ_DATES, me, peer, lo=msg_id, limit=1):
                date = int.from_bytes(value, "big")
                if self._clock.now() - date <= READ_DATE_SECONDS:
                    return date
        raise errors.MESSAGE_TOO_OLD()


def _read(txn: Txn, me: int, peer: int, max_id: int, now: int, origin: Origin) -> Affected:
    dialog = txn.get(DIALOGS, me, peer)
    if dialog is None:
        head = txn.get(BOXES, me) or r.BoxHead()
        return Affected(head.pts, 0)
    upto = min(max_id, dialog.top_message) if max_id > 0 else dialog.top_message
    was = dialog.read_inbox_max
    if dialog.unread_mark:
        dialog = replace(dialog, unread_mark=False)
        txn.put(DIALOGS, me, peer, value=dialog)
        eventlog.append(txn, me, ev.DialogUnreadMark(peer, False), now=now, raises=0, origin=origin)
    if upto <= was:
        head = txn.get(BOXES, me) or r.BoxHead()
        return Affected(head.pts, 0)
    read = last = 0
    authors: dict[int, int] = {}
    # each row is walked once in its life here: the cost of reading is the cost of having been sent
    for key, value in txn.range(PEER_ROWS, me, peer, lo=was + 1, hi=upto + 1):
        if not value[0] & (r.ROW_OUT | r.ROW_FROM_SELF):
            read += 1
            row = boxes.unpack_row(me, peer, key[2], value)
            if peer < 0:
                authors[row.author] = row.author_msg_id
            elif row.author == peer:
                last = row.author_msg_id
    left = dialog.unread_count - read
    txn.put(
        DIALOGS,
        me,
        peer,
        value=replace(dialog, read_inbox_max=upto, unread_count=left),
    )
    if not read:
        head = txn.get(BOXES, me) or r.BoxHead()
        return Affected(head.pts, 0)
    published = eventlog.append(txn, me, ev.ReadInbox(peer, upto, left), now=now, origin=origin)
    if last and peer > 0 and peer != me:
        txn.outbox(slot_of(peer), pl.DeliverRead(peer, me, last, now))
    if not dialog.left_date:
        for author, msg_id in authors.items():
            txn.outbox(slot_of(author), pl.DeliverRead(author, me, msg_id, now, peer))
    return Affected(published.pts, 1)


def deliver_read(txn: Txn, mark: pl.DeliverRead, memo: object) -> None:
    """Outbox: `reader` has read our messages."""
    user, reader = mark.user, mark.reader
    if mark.peer:
        deliver_group_read(txn, mark)
        return
    dialog = txn.get(DIALOGS, user, reader)
    if dialog is None or dialog.read_outbox_max >= mark.author_msg_id:
        return
    txn.put(DIALOGS, user, reader, value=replace(dialog, read_outbox_max=mark.author_msg_id))
    boxes.forget_read_dates(txn, user, reader, mark.date - READ_DATE_SECONDS)
    txn.put(READ_DATES, user, reader, mark.author_msg_id, value=mark.date.to_bytes(4, "big"))
    eventlog.append(txn, user, ev.ReadOutbox(reader, mark.author_msg_id), now=mark.date)


def deliver_group_read(txn: Txn, mark: pl.DeliverRead) -> None:
    """In a group a message counts as read when one has read it; who has is kept as long as it may be asked."""
    user, chat, reader, now = mark.user, mark.peer, mark.reader, mark.date
    old = [
        key[3]
        for key, date in txn.range(GROUP_READS, user, chat, reader, limit=16)
        if int.from_bytes(date, "big") < now - READ_DATE_SECONDS
    ]
    for max_id in old:
        txn.delete(GROUP_READS, user, chat, reader, max_id)
    txn.put(GROUP_READS, user, chat, reader, mark.author_msg_id, value=now.to_bytes(4, "big"))
    dialog = txn.get(DIALOGS, user, chat)
    if dialog is None or dialog.left_date or dialog.read_outbox_max >= mark.author_msg_id:
        return  # who has left the group hears no more of it
    txn.put(DIALOGS, user, chat, value=replace(dialog, read_outbox_max=mark.author_msg_id))
    eventlog.append(txn, user, ev.ReadOutbox(chat, mark.author_msg_id), now=now)


def _clear_unread(txn: Txn, owner: int, msg_id: int, row: r.Row) -> bool:
    """Take ROW_MEDIA_UNREAD off a row; False when it had none."""
    if not row.flags & r.ROW_MEDIA_UNREAD:
        return False
    row = replace(row, flags=row.flags & ~r.ROW_MEDIA_UNREAD)
    packed = txn.get(PEER_ROWS, owner, row.peer, msg_id)
    txn.put(ROWS, owner, msg_id, value=row)
    if packed is not None:
        value = boxes.pack_row(owner, msg_id, row, boxes.packed_date(packed))
        txn.put(PEER_ROWS, owner, row.peer, msg_id, value=value)
    dialog = txn.get(DIALOGS, owner, row.peer) if row.flags & r.ROW_MENTIONED else None
    if dialog is not None:
        left = dialog.unread_mentions - 1
        txn.put(DIALOGS, owner, row.peer, value=replace(dialog, unread_mentions=left))
    return True


def _contents_read(
    txn: Txn, me: int, read: list[int], authors: dict[int, list[int]], now: int, origin: Origin
) -> Affected:
    if not read:
        head = txn.get(BOXES, me) or r.BoxHead()
        return Affected(head.pts, 0)
    published = eventlog.append(txn, me, ev.ReadContents(tuple(read), now), now=now, origin=origin)
    for author, ids in authors.items():
        txn.outbox(slot_of(author), pl.DeliverContentsRead(author, tuple(ids), now))
    return Affected(published.pts, 1)


def deliver_contents_read(txn: Txn, mark: pl.DeliverContentsRead, memo: object) -> None:
    """Outbox: the receiver listened to our voice notes."""
    read = []
    for msg_id in mark.author_msg_ids:
        looks.opened(txn, mark.user, msg_id, mark.date)
        row = txn.get(ROWS, mark.user, msg_id)
        if row is not None and _clear_unread(txn, mark.user, msg_id, row):
            read.append(msg_id)
    if read:
        eventlog.append(txn, mark.user, ev.ReadContents(tuple(read), mark.date), now=mark.date)
