"""Changing what stands in a channel: editing, deleting, pinning. One transaction of the channel's slot each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.boxes import View
from tgserve.services.channels import days, journal, rights, threads
from tgserve.services.channels.life import admitted
from tgserve.services.channels.posting import check_rights, personal, put_action
from tgserve.services.channels.register import Register
from tgserve.services.deleting import Affected
from tgserve.services.editing import Change, Edited, changed, needed
from tgserve.services.groups import rights as kinds
from tgserve.services.groups.life import Action
from tgserve.services.history import TOP_ID
from tgserve.services.messaging import Origin, Sent
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import (
    BODIES,
    CHANNELS,
    PARTICIPANTS,
    PEER_ROWS,
    PINS,
    POST_STATS,
    ROWS,
    THREAD_ROWS,
    THREADS,
    TOPICS,
)
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

LOGGED = 100
"""Deleted or unpinned messages of one call that the log keeps."""
SLICE = 200
"""Messages that one call takes of a history; clients repeat it while `left` is not 0."""


class Changing:
    def __init__(self, store: Store, clock: Clock, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._register = register
        self.right_for: Callable[[bytes], int] = lambda media: kinds.MEDIA
        """As in Messaging."""

    def edit(
        self, me: int, channel: int, msg_id: int, change: Change, *, origin: Origin = None
    ) -> Commit[Edited]:
        """One's own message for a while, or as admin with that right any post of a channel. CHANNEL_PRIVATE,
        MESSAGE_ID_INVALID, MESSAGE_AUTHOR_REQUIRED, MESSAGE_EDIT_TIME_EXPIRED, MESSAGE_NOT_MODIFIED, MESSAGE_EMPTY; in
        a supergroup, what keeps one from sending it so: CHAT_WRITE_FORBIDDEN, CHAT_SEND_..._FORBIDDEN,
        USER_BANNED_IN_CHANNEL."""
        now = int(self._clock.now())
        guest = self._register.writing_guest(me, channel)

        def work(txn: Txn) -> Edited:
            record, seat = admitted(txn, channel, me, now, guest)
            row, body = editable(txn, record, channel, me, seat, msg_id, now)
            if record.megagroup and not change.quiet:
                check_rights(record, me, seat, needed(self.right_for, body, change))
            before, body = body, changed(txn, body, change, now)
            txn.put(BODIES, channel, msg_id, value=body)
            line = c.LogEntry(now, me, journal.EDIT, msg_id=msg_id, body_before=before, body_after=body)
            journal.note(txn, channel, line)
            view = View(channel, msg_id, row, body, boxes.reply_id(txn, channel, body))
            event = ev.EditMessage(msg_id)
            published = eventlog.append(txn, channel, event, now=now, memo=view, origin=origin)
            thread = None if record.megagroup else txn.get(THREADS, channel, msg_id)
            if thread is not None:
                word = pl.PostEdited(thread.channel, channel, msg_id, thread.post, body, now)
                txn.outbox(slot_of(thread.channel), word)
            return Edited(personal(view, me), published.pts, now)

        return self._store.transact(slot_of(channel), work)

    def check_editable(self, me: int, channel: int, msg_id: int) -> View:
        """The message, if `me` may edit it now; raises as `edit`."""
        record, seat = self._register.writer(me, channel)
        with self._store.read(slot_of(channel)) as reader:
            now = int(self._clock.now())
            row, body = editable(reader, record, channel, me, seat, msg_id, now)
            return personal(View(channel, msg_id, row, body), me)

    def delete(
        self, me: int, channel: int, msg_ids: Sequence[int], *, origin: Origin = None
    ) -> Commit[Affected]:
        """Delete for everybody: one's own messages, or as admin with that right anybody's. Ids that are not there are
        passed over. CHANNEL_PRIVATE, MESSAGE_DELETE_FORBIDDEN."""
        now = int(self._clock.now())
        guest = self._register.writing_guest(me, channel)

        def work(txn: Txn) -> Affected:
            record, seat = admitted(txn, channel, me, now, guest)
            if not rights.has(record, me, seat, rights.DELETE):
                for msg_id in msg_ids:
                    body = txn.get(BODIES, channel, msg_id) if 0 < msg_id < 2**31 else None
                    if body is not None and (me not in (body.author, body.signer) or body.action):
                        raise errors.MESSAGE_DELETE_FORBIDDEN()
            ids = plain(txn, record, channel, msg_ids)
            _log_deleted(txn, channel, me, ids, now)
            return remove(txn, channel, ids, now, origin)

        return self._store.transact(slot_of(channel), work)

    def delete_of_author(
        self, me: int, channel: int, author: int, *, origin: Origin = None
    ) -> Commit[Affected]:
        """All messages of a member, at most SLICE in one call. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Affected:
            record, seat = admitted(txn, channel, me, now)
            if not rights.has(record, me, seat, rights.DELETE):
                raise errors.CHAT_ADMIN_REQUIRED()
            ids: list[int] = []
            for key, _ in txn.range(PEER_ROWS, channel, channel, reverse=True):
                body = txn.get(BODIES, channel, key[2])
                if body is not None and author in (body.author, body.signer):
                    ids += plain(txn, record, channel, (key[2],))
                    if len(ids) > SLICE:
                        break
            _log_deleted(txn, channel, me, ids[:SLICE], now)
            done = remove(txn, channel, ids[:SLICE], now, origin)
            return Affected(done.pts, done.count, max(len(ids) - SLICE, 0))

        return self._store.transact(slot_of(channel), work)

    def stopping_poll(self, me: int, channel: int, msg_id: int) -> Commit[None]:
        """`me` is about to close the poll of a message: its author while he may write there, or as admin with that
        right the one of any post of a channel. CHANNEL_PRIVATE, MESSAGE_ID_INVALID, MESSAGE_AUTHOR_REQUIRED,
        CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())
        guest = self._register.writing_guest(me, channel)

        def work(txn: Txn) -> None:
            record, seat = admitted(txn, channel, me, now, guest)
            body = txn.get(BODIES, channel, msg_id) if 0 < msg_id <= TOP_ID else None
            if body is None or not body.poll:
                raise errors.MESSAGE_ID_INVALID()
            if record.megagroup or not rights.has(record, me, seat, rights.EDIT):
                if me not in (body.author, body.signer):
                    raise errors.MESSAGE_AUTHOR_REQUIRED()
                if not record.megagroup and not rights.has(record, me, seat, rights.POST):
                    raise errors.CHAT_ADMIN_REQUIRED()
            line = c.LogEntry(now, me, journal.STOP_POLL, msg_id=msg_id, body_before=body)
            journal.note(txn, channel, line)

        return self._store.transact(slot_of(channel), work)

    def clear(
        self, me: int, channel: int, max_id: int, everybody: bool, *, origin: Origin = None
    ) -> Commit[tuple[int, Affected]]:
        """Empty the chat up to max_id (0 = all): for oneself, or with `everybody` for all, at most SLICE messages at a
        time (`left`). Returns the id up to which it is empty. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED; CHANNEL_TOO_BIG to
        be emptied for all."""
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[int, Affected]:
            record, seat = admitted(txn, channel, me, now)
            top = eventlog.box_head(txn, channel)
            upto = min(max_id, top.msg_id) if max_id > 0 else top.msg_id
            if not everybody:
                kept = txn.get(PARTICIPANTS, channel, me)  # with a ban that has run out, as it is listed
                if kept is not None and upto > kept.cleared:
                    txn.put(PARTICIPANTS, channel, me, value=replace(kept, cleared=upto))
                return upto, Affected(top.pts, 0)
            if not rights.has(record, me, seat, rights.DELETE):
                raise errors.CHAT_ADMIN_REQUIRED()
            if record.members > limits.EMPTIED_MEMBERS:
                raise errors.CHANNEL_TOO_BIG()
            ids: list[int] = []
            for key, _ in txn.range(PEER_ROWS, channel, channel, hi=upto + 1):
                ids += plain(txn, record, channel, (key[2],))
                if len(ids) > SLICE:
                    break
            _log_deleted(txn, channel, me, ids[:SLICE], now)
            done = remove(txn, channel, ids[:SLICE], now, origin)
            return upto, Affected(done.pts, done.count, max(len(ids) - SLICE, 0))

        return self._store.transact(slot_of(channel), work)

    def pin(
        self,
        me: int,
        channel: int,
        msg_id: int,
        pinned: bool,
        *,
        notice: Action | None = None,
        silent: bool = False,
        origin: Origin = None,
    ) -> Commit[tuple[Affected, Sent | None]]:
        """With a service message of it. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED, MESSAGE_ID_INVALID; nothing happens when
        it is so already."""
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[Affected, Sent | None]:
            record, seat = admitted(txn, channel, me, now)
            require_pin(record, me, seat)
            row = txn.get(ROWS, channel, msg_id)
            body = txn.get(BODIES, channel, msg_id)
            hidden = msg_id <= rights.hidden_below(record, me, seat)
            if row is None or body is None or body.action or hidden:
                raise errors.MESSAGE_ID_INVALID()
            changed = set_pinned(txn, channel, {msg_id: row}, pinned)
            if changed:
                line = c.LogEntry(now, me, journal.PINNED, msg_id=msg_id, body_before=body, after=int(pinned))
                journal.note(txn, channel, line)
            done = _pins_told(txn, channel, changed, pinned, now, origin)
            if notice is None or not changed:
                return done, None
            sent = put_action(
                txn, channel, record, me, notice, now, reply=msg_id, silent=silent, origin=origin
            )
            return done, sent

        return self._store.transact(slot_of(channel), work)

    def unpin_all(self, me: int, channel: int, top: int = 0, *, origin: Origin = None) -> Commit[Affected]:
        """All pinned messages, or those of the thread `top`; at most SLICE in one call (`left`). CHANNEL_PRIVATE,
        CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Affected:
            record, seat = admitted(txn, channel, me, now)
            require_pin(record, me, seat)
            rows: dict[int, r.Row] = {}
            left = 0
            for key, _ in txn.range(PINS, channel, channel):
                row = txn.get(ROWS, channel, key[2])
                if row is None or (top and txn.get(THREAD_ROWS, channel, top, key[2]) is None):
                    continue
                if len(rows) < SLICE:
                    rows[key[2]] = row
                else:
                    left += 1
            changed = set_pinned(txn, channel, rows, False)
            for msg_id in changed[:LOGGED]:
                body = txn.get(BODIES, channel, msg_id)
                line = c.LogEntry(now, me, journal.PINNED, msg_id=msg_id, body_before=body)
                journal.note(txn, channel, line)
            done = _pins_told(txn, channel, changed, False, now, origin)
            return Affected(done.pts, done.count, left)

        return self._store.transact(slot_of(channel), work)


def _log_deleted(txn: Txn, channel: int, me: int, msg_ids: Sequence[int], now: int) -> None:
    """Messages that `me` takes away: his own as well, or nobody could say what was there."""
    for msg_id in list(dict.fromkeys(msg_ids))[:LOGGED]:
        body = txn.get(BODIES, channel, msg_id) if 0 < msg_id < 2**31 else None
        if body is not None:
            journal.note(txn, channel, c.LogEntry(now, me, journal.DELETE, msg_id=msg_id, body_before=body))


def plain(txn: Txn, record: c.Channel, channel: int, msg_ids: Sequence[int]) -> list[int]:
    """Without those that topics begin with: they go with their topics."""
    if not record.megagroup:
        return list(msg_ids)
    return [one for one in msg_ids if 0 < one <= TOP_ID and txn.get(TOPICS, channel, one) is None]


def require_pin(record: c.Channel, me: int, seat: c.Participant | None) -> None:
    right = rights.PIN if record.megagroup else rights.EDIT
    if rights.has(record, me, seat, right):
        return
    if record.megagroup and not rights.withheld(record, me, seat) & rights.NO_PIN:
        return
    raise errors.CHAT_ADMIN_REQUIRED()


def editable(
    reader: Reader,
    record: c.Channel,
    channel: int,
    me: int,
    seat: c.Participant | None,
    msg_id: int,
    now: int,
) -> tuple[r.Row, r.Body]:
    """Row and body of a message that `me` may edit now."""
    row = reader.get(ROWS, channel, msg_id) if 0 < msg_id < 2**31 else None
    body = reader.get(BODIES, channel, msg_id) if row is not None else None
    if row is None or body is None or body.action:
        raise errors.MESSAGE_ID_INVALID()
    if body.via_bot or (body.fwd and record.megagroup):
        raise errors.MESSAGE_AUTHOR_REQUIRED()
    if not record.megagroup and rights.has(record, me, seat, rights.EDIT):
        return row, body
    if me not in (body.author, body.signer):
        raise errors.MESSAGE_AUTHOR_REQUIRED()
    if not record.megagroup and not rights.has(record, me, seat, rights.POST):
        raise errors.CHAT_ADMIN_REQUIRED()
    if now - body.date > limits.EDIT_SECONDS and not rights.has(record, me, seat, rights.PIN):
        raise errors.MESSAGE_EDIT_TIME_EXPIRED()
    return row, body


def remove(txn: Txn, channel: int, msg_ids: Sequence[int], now: int, origin: Origin) -> Affected:
    """Take messages out of a channel's box, bodies and counters with them."""
    bodies = {msg_id: txn.get(BODIES, channel, msg_id) for msg_id in set(msg_ids) if 0 < msg_id < 2**31}
    gone = boxes.remove(txn, channel, [one for one, body in bodies.items() if body is not None])
    if not gone:
        return Affected(eventlog.box_head(txn, channel).pts, 0)
    for msg_id, _ in gone:
        body = bodies[msg_id]
        boxes.drop_body(txn, channel, msg_id)
        txn.delete(POST_STATS, channel, msg_id)
        for user in body.mentions if body is not None else ():
            txn.outbox(slot_of(user), pl.ChannelMentioned(user, channel, msg_id, gone=True))
        if body is not None and body.reactions is not None and body.author > 0:
            word = pl.ChannelReacted(body.author, channel, msg_id, waits=False)
            txn.outbox(slot_of(body.author), word)
    removed = tuple(msg_id for msg_id, _ in gone)
    event = ev.DeleteMessages(removed)
    published = eventlog.append(txn, channel, event, now=now, raises=len(removed), origin=origin)
    _leave_threads(txn, channel, {msg_id: bodies[msg_id] for msg_id in removed}, published.pts, now)
    return Affected(published.pts, len(removed))


def _leave_threads(txn: Txn, channel: int, gone: dict[int, r.Body | None], pts: int, now: int) -> None:
    record = txn.get(CHANNELS, channel)
    if record is None:
        return
    if record.megagroup:
        threads.take(txn, channel, gone.items(), pts)
        return
    copies: dict[int, list[int]] = {}
    for msg_id in gone:
        days.forget_passed(txn, channel, msg_id)
        thread = txn.get(THREADS, channel, msg_id)
        if thread is not None:
            txn.delete(THREADS, channel, msg_id)
            txn.publish(threads.ThreadKnown(channel, msg_id, None))
            copies.setdefault(thread.channel, []).append(thread.post)
    for group, roots in copies.items():
        txn.outbox(slot_of(group), pl.PostDeleted(group, channel, tuple(roots), now))


def set_pinned(txn: Txn, channel: int, rows: dict[int, r.Row], pinned: bool) -> list[int]:
    changed: list[int] = []
    for msg_id, row in rows.items():
        if bool(row.flags & r.ROW_PINNED) == pinned:
            continue
        made = replace(row, flags=row.flags ^ r.ROW_PINNED)
        packed = txn.get(PEER_ROWS, channel, channel, msg_id)
        txn.put(ROWS, channel, msg_id, value=made)
        if packed is not None:
            value = boxes.pack_row(channel, msg_id, made, boxes.packed_date(packed))
            txn.put(PEER_ROWS, channel, channel, msg_id, value=value)
        if pinned:
            txn.put(PINS, channel, channel, msg_id, value=b"")
        else:
            txn.delete(PINS, channel, channel, msg_id)
        changed.append(msg_id)
    return changed


def _pins_told(
    txn: Txn, channel: int, changed: list[int], pinned: bool, now: int, origin: Origin
) -> Affected:
    if not changed:
        return Affected(eventlog.box_head(txn, channel).pts, 0)
    event = ev.MessagesPinned(channel, tuple(changed), pinned)
    published = eventlog.append(txn, channel, event, now=now, origin=origin)
    return Affected(published.pts, 1)
