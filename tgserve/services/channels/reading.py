"""Reading a channel: pages of its box as one viewer may see them, read marks, and what was missed.

What a member reads is a mark in his own list of chats; nothing is counted in the channel but the first reader of a
supergroup's message, whom its author hears of.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.boxes import NO_DIALOG, View
from tgserve.services.channels import rights, threads
from tgserve.services.channels.posting import MentionSent, personal
from tgserve.services.channels.register import Known, Register
from tgserve.services.channels.threads import Threads
from tgserve.services.history import TOP_ID, History, Page, Window, select
from tgserve.services.messaging import Origin
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import (
    BODIES,
    CHANNEL_MENTIONS,
    CHANNELS,
    DIALOGS,
    EVENTS,
    GROUP_READS,
    JOINED,
    PARTICIPANTS,
    PEER_ROWS,
    PINS,
    ROWS,
)
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

SLACK_SECONDS = 60
READ_DATE_SECONDS = 7 * 86_400
BESIDE = 100
"""Events without pts of their own that are told again, the newest."""
AUTHORS_TOLD = 50
"""Authors of a stretch of messages who hear that it was read."""
ON_THEIR_WAY = 50_000
"""Mentions whose marks have still to come: of more the oldest look seen."""


@dataclass(slots=True, frozen=True)
class MentionArrived:
    """Published when it is noted with somebody that a message names him, or that it is no matter of his any more."""

    user: int
    channel: int
    msg_id: int


@dataclass(slots=True, frozen=True)
class Missed:
    """What happened in a channel after a pts. `too_long`: more than is kept or asked for; `final`: nothing is left;
    `begins`: he is to take no notice of what was before."""

    pts: int
    events: list[tuple[int, ev.LoggedEvent]]
    final: bool
    too_long: bool = False
    begins: bool = False


class ChannelReading:
    def __init__(
        self, store: Store, clock: Clock, register: Register, history: History, known: Threads
    ) -> None:
        self._threads = known
        self._store = store
        self._clock = clock
        self._register = register
        self._history = history
        self._on_their_way: OrderedDict[tuple[int, int, int], None] = OrderedDict()
        """(user, channel, message) of mentions whose marks have still to come from the channel's slot to his."""
        store.on_outbox(pl.ChannelReadBy, _read_by)
        store.on_outbox(pl.ChannelAuthorRead, _author_read)
        store.on_outbox(pl.ChannelMentioned, _mentioned)

    # -- messages -----------------------------------------------------------

    def floor(self, me: int, channel: int) -> int:
        """Messages up to this id are not for `me`: cleared, or written before he came where that is hidden."""
        record = self._register.get_or_none(channel)
        if record is None:
            return TOP_ID
        seat = self._register.participant(channel, me)
        if seat is None:
            return record.available_min
        return max(record.available_min, seat.cleared, rights.hidden_below(record, me, seat))

    def page(self, me: int, channel: int, window: Window) -> Page:
        """A page of a channel that `me` may see (the caller has asked peers). OFFSET_INVALID."""
        window = self.fitting(me, channel, window)
        with self._store.read(slot_of(channel)) as reader:
            dialog = reader.get(DIALOGS, channel, channel) or NO_DIALOG
            rows = select(reader, channel, channel, window) if dialog.count else []
            views = self._history.views_of(reader, channel, rows)
        return Page(self.personal(me, channel, views), dialog.count, len(rows) == dialog.count)

    def pinned(self, me: int, channel: int, window: Window) -> Page:
        """Its pinned messages, newest first."""
        window = self.fitting(me, channel, window)
        with self._store.read(slot_of(channel)) as reader:
            high = window.max_id if window.max_id > 0 else TOP_ID
            listed = [key[2] for key, _ in reader.range(PINS, channel, channel, reverse=True)]
            ids = [one for one in listed if window.min_id < one < high]
            offset = window.offset_id if window.offset_id > 0 else TOP_ID
            at = sum(1 for one in ids if one >= offset) + window.add_offset
            taken = ids[max(at, 0) : max(at + window.limit, 0)]
            rows = [(one, row) for one in taken if (row := reader.get(ROWS, channel, one)) is not None]
            views = self._history.views_of(reader, channel, rows)
        return Page(self.personal(me, channel, views), len(ids), len(views) == len(ids))

    def newest_pinned(self, me: int, channel: int) -> int:
        """The id of the newest pinned message that `me` may see, 0 when there is none."""
        with self._store.read(slot_of(channel)) as reader:
            last = reader.last(PINS, channel, channel)
        return last[0][2] if last is not None and last[0][2] > self.floor(me, channel) else 0

    def fitting(self, me: int, channel: int, window: Window) -> Window:
        """The window without what is not for `me`."""
        floor = self.floor(me, channel)
        if floor <= window.min_id:
            return window
        return Window(
            window.offset_id, window.offset_date, window.add_offset, window.limit, window.max_id, floor
        )

    def messages(self, me: int, channel: int, msg_ids: Sequence[int]) -> list[View | None]:
        """Messages by id in the order asked; None where there is none for `me` (SECURITY 6.4)."""
        floor = self.floor(me, channel)
        with self._store.read(slot_of(channel)) as reader:
            rows: list[tuple[int, r.Row]] = []
            for msg_id in dict.fromkeys(msg_ids):
                row = reader.get(ROWS, channel, msg_id) if floor < msg_id <= TOP_ID else None
                if row is not None:
                    rows.append((msg_id, row))
            views = self._history.views_of(reader, channel, rows)
        found = {view.msg_id: view for view in self.personal(me, channel, views)}
        return [found.get(msg_id) for msg_id in msg_ids]

    def message_or_none(self, me: int, channel: int, msg_id: int) -> View | None:
        return self.messages(me, channel, (msg_id,))[0]

    def personal(self, me: int, channel: int, views: Sequence[View]) -> list[View]:
        """Views of a channel's box as `me` sees them."""
        record = self._register.get_or_none(channel)
        if record is not None and record.linked and not record.megagroup:
            views = [self._commented(record.linked, view) for view in views]
        named = [view.msg_id for view in views if me in view.body.mentions]
        waiting: set[int] = set()
        if named:
            with self._store.read(slot_of(me)) as reader:
                waiting = {one for one in named if reader.get(CHANNEL_MENTIONS, me, channel, one) is not None}
            if len(waiting) < len(named):
                # No mark means that it was seen only when there was one.
                waiting.update(one for one in named if (me, channel, one) in self._on_their_way)
        return [personal(view, me, view.msg_id in waiting) for view in views]

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber, before whoever draws."""
        for item in batch:
            if type(item) is MentionSent:
                self._on_their_way[item.user, item.channel, item.msg_id] = None
                if len(self._on_their_way) > ON_THEIR_WAY:
                    self._on_their_way.popitem(last=False)
            elif type(item) is MentionArrived:
                self._on_their_way.pop((item.user, item.channel, item.msg_id), None)

    def _commented(self, linked: int, view: View) -> View:
        thread = self._threads.of(view.owner, view.msg_id)
        if thread is None or thread.channel != linked or not thread.recent:
            return view
        return View(view.owner, view.msg_id, view.row, view.body, view.reply_id, view.viewer, thread.recent)

    def unread_mentions(self, me: int, channel: int, window: Window, top: int = 0) -> Page:
        """Mentions of `me` that wait to be seen (in one thread), newest first."""
        with self._store.read(slot_of(me)) as reader:
            ids = [key[2] for key, _ in reader.range(CHANNEL_MENTIONS, me, channel, reverse=True)]
        if top:
            ids = self._threads.within(channel, top, ids)
        low, high = window.min_id, window.max_id or TOP_ID
        fits = [one for one in ids if low < one < high]
        at = sum(1 for one in fits if window.offset_id and one >= window.offset_id)
        start = max(at + window.add_offset, 0)
        taken = fits[start : start + window.limit]
        views = [view for view in self.messages(me, channel, taken) if view is not None]
        return Page(views, len(ids), False)

    # -- the chat in somebody's list -----------------------------------------------------------

    def dialog(self, me: int, channel: int, kept: r.Dialog) -> r.Dialog:
        """The chat's head as `me` has it: what is his own, and what the channel's box says."""
        top = self._register.top(channel)
        floor = self.floor(me, channel)
        read = max(kept.read_inbox_max, floor)
        record = self._register.get_or_none(channel)
        forum = record is not None and record.forum
        return replace(
            kept,
            top_message=top.msg_id if top.msg_id > floor else 0,
            top_date=top.date,
            unread_count=self._unread(me, channel, read)
            if forum
            else self._register.unread(channel, me, read),
            count=top.count,
            ttl_period=record.ttl_period if record is not None else 0,
        )

    def as_messages(self, me: int, channel: int) -> bool:
        """Does `me` want to see the forum as one chat?"""
        record = self._register.get_or_none(channel)
        return record is not None and record.forum and self._threads.head(me, channel, 0).as_messages

    def _unread(self, me: int, channel: int, read: int) -> int:
        """Unread messages of a forum: each topic has a mark of its own."""
        heads = self._threads.heads(me, channel)
        waiting = 0
        with self._store.read(slot_of(channel)) as reader:
            for place, topic in threads.ordered(reader, channel):
                if place <= read:
                    break  # nothing new in this one, nor in those behind it
                mark = max(read, heads[topic].read_inbox_max if topic in heads else 0)
                thread = self._threads.of(channel, topic)
                if thread is not None and thread.max_id > mark:
                    waiting += threads.unread(reader, channel, topic, me, mark)
        return waiting

    def read_history(self, me: int, channel: int, max_id: int, *, origin: Origin = None) -> Commit[bool]:
        """Everything up to max_id (0 = all) is read; False when it was. CHANNEL_PRIVATE."""
        record, _ = self._register.seat(me, channel)
        now = int(self._clock.now())
        top = self._register.top(channel).msg_id
        upto = min(max_id, top) if max_id > 0 else top
        small = record.members <= limits.READERS_SHOWN
        megagroup = record.megagroup and (upto > record.read_max or small)

        def work(txn: Txn) -> bool:
            dialog = txn.get(DIALOGS, me, channel) or NO_DIALOG
            changed = upto > dialog.read_inbox_max
            if not changed and not dialog.unread_mark:
                return False
            if dialog.unread_mark:
                event = ev.DialogUnreadMark(channel, False)
                eventlog.append(txn, me, event, now=now, raises=0, origin=origin)
            made = replace(dialog, read_inbox_max=max(upto, dialog.read_inbox_max), unread_mark=False)
            txn.put(DIALOGS, me, channel, value=made)
            if changed:
                eventlog.append(txn, me, ev.ChannelRead(channel, upto), now=now, raises=0, origin=origin)
                if megagroup:
                    txn.outbox(slot_of(channel), pl.ChannelReadBy(channel, me, upto, now))
            return changed

        return self._store.transact(slot_of(me), work)

    def read_contents(
        self, me: int, channel: int, msg_ids: Sequence[int], *, origin: Origin = None
    ) -> Commit[bool]:
        """These mentions are seen. CHANNEL_PRIVATE."""
        self._register.seat(me, channel)
        if len(msg_ids) > limits.MESSAGES_PER_CALL:
            raise errors.LIMIT_INVALID()
        now = int(self._clock.now())

        def work(txn: Txn) -> bool:
            seen = [
                one
                for one in dict.fromkeys(msg_ids)
                if 0 < one <= TOP_ID and txn.get(CHANNEL_MENTIONS, me, channel, one) is not None
            ]
            return _see(txn, me, channel, seen, now, origin)

        return self._store.transact(slot_of(me), work)

    def read_mentions(self, me: int, channel: int, *, top: int = 0, origin: Origin = None) -> Commit[bool]:
        """All mentions (in one thread) are seen."""
        self._register.seat(me, channel)
        now = int(self._clock.now())
        named: list[int] = []
        if top:
            with self._store.read(slot_of(me)) as reader:
                named = [key[2] for key, _ in reader.range(CHANNEL_MENTIONS, me, channel)]
            named = self._threads.within(channel, top, named)[: limits.MESSAGES_PER_CALL]

        def work(txn: Txn) -> bool:
            if top:
                waiting = [one for one in named if txn.get(CHANNEL_MENTIONS, me, channel, one) is not None]
                return _see(txn, me, channel, waiting, now, origin)
            rows = txn.range(CHANNEL_MENTIONS, me, channel, limit=limits.MESSAGES_PER_CALL)
            return _see(txn, me, channel, [key[2] for key, _ in rows], now, origin)

        return self._store.transact(slot_of(me), work)

    def anonymous(self, channel: int) -> frozenset[int]:
        """As Register.anonymous."""
        return self._register.anonymous(channel)

    def readers_of(self, me: int, channel: int, msg_id: int) -> list[tuple[int, int]]:
        """(user, when) of the members of a small supergroup who have read a message of `me`. CHANNEL_PRIVATE,
        CHAT_TOO_BIG, MESSAGE_ID_INVALID, MESSAGE_TOO_OLD, CHAT_ADMIN_REQUIRED where the members are hidden from him."""
        record, own = self._register.seat(me, channel)
        admin = rights.is_admin(record, me, own)
        if record.members_hidden and not admin:
            raise errors.CHAT_ADMIN_REQUIRED()
        passed = {me} if admin else {me, *self._register.anonymous(channel)}
        if not record.megagroup or record.members > limits.READERS_SHOWN:
            raise errors.CHAT_TOO_BIG()
        view = self.message_or_none(me, channel, msg_id)
        if view is None or not view.row.flags & r.ROW_OUT:
            raise errors.MESSAGE_ID_INVALID()
        if self._clock.now() - view.body.date > READ_DATE_SECONDS:
            raise errors.MESSAGE_TOO_OLD()
        found: list[tuple[int, int]] = []
        with self._store.read(slot_of(channel)) as reader:
            for key, seat in reader.range(PARTICIPANTS, channel):
                if seat.state != c.MEMBER or key[1] in passed:
                    continue
                for _, date in reader.range(GROUP_READS, channel, channel, key[1], lo=msg_id, limit=1):
                    found.append((key[1], int.from_bytes(date, "big")))
        return found

    # -- what was missed -----------------------------------------------------------

    def changed_since(self, me: int, date: int) -> list[int]:
        """The channels of `me` in which something happened at `date` (Unix seconds) or later: what a device that was
        away must look at. All of them with 0."""
        found: list[int] = []
        for channel in self._register.of_user(me):
            with self._store.read(slot_of(channel)) as reader:
                if eventlog.box_head(reader, channel).date >= date - SLACK_SECONDS:
                    found.append(channel)
        return found

    def difference(self, me: int, channel: int, pts: int, limit: int) -> Missed:
        """Events of the channel's box after `pts`, at most `limit`. Who wants one, from the first on, knows nothing of
        the channel, as TDLib of one that it opens: a member is told how it stands, whoever only looks begins with what
        comes now. All that ever happened would cost him hundreds of calls, and the messages that he has just loaded.
        CHANNEL_PRIVATE, PERSISTENT_TIMESTAMP_EMPTY, PERSISTENT_TIMESTAMP_INVALID."""
        _, seat = self._register.view(me, channel)
        if pts < 0:
            raise errors.PERSISTENT_TIMESTAMP_INVALID()
        if not pts:
            raise errors.PERSISTENT_TIMESTAMP_EMPTY()
        with self._store.read(slot_of(channel)) as reader:
            head = eventlog.box_head(reader, channel)
            if pts == head.pts:
                return Missed(
                    pts, [], True
                )  # an answer that leads nowhere takes messages from TDLib: it counts on
            behind = head.pts - pts
            lost = behind < 0 or pts < head.oldest_pts or behind > limits.CHANNEL_BEHIND
            if pts == limit == 1 < behind and not rights.is_member(seat):
                return Missed(head.pts, [], True, begins=True)
            if lost or pts == limit == 1 < behind:
                return Missed(head.pts, [], True, too_long=True)
            beside = _beside(reader, channel, pts)
            found = eventlog.read(reader, channel, pts, limit=limit + 1)
        kept = found[:limit]
        if len(found) > limit:
            return Missed(kept[-1][0], beside + kept, False)
        return Missed(head.pts, beside + kept, True)


def _beside(reader: Reader, channel: int, pts: int) -> list[tuple[int, ev.LoggedEvent]]:
    """What happened at this pts and has none of its own (reactions, a change of the channel): who is there may have
    missed it, and is told again with what is behind it."""
    rows = list(reader.range(EVENTS, channel, pts, lo=1, limit=BESIDE, reverse=True))
    return [(pts, logged) for _, logged in reversed(rows)]


def _see(txn: Txn, me: int, channel: int, seen: list[int], now: int, origin: Origin) -> bool:
    if not seen:
        return False
    for one in seen:
        txn.delete(CHANNEL_MENTIONS, me, channel, one)
    dialog = txn.get(DIALOGS, me, channel) or NO_DIALOG
    left = max(dialog.unread_mentions - len(seen), 0)
    txn.put(DIALOGS, me, channel, value=replace(dialog, unread_mentions=left))
    event = ev.ChannelContentsRead(channel, tuple(seen))
    eventlog.append(txn, me, event, now=now, raises=0, origin=origin)
    return True


def _read_by(txn: Txn, mark: pl.ChannelReadBy, memo: Any) -> None:
    """Outbox, the channel's slot: the first to read a stretch; its authors hear of it. What the reader has written
    himself waits for somebody else, and so does the mark."""
    record = txn.get(CHANNELS, mark.channel)
    if record is None or record.deleted:
        return
    if record.members <= limits.READERS_SHOWN:
        _note_reader(txn, mark)
    if mark.max_id <= record.read_max:
        return
    authors: dict[int, int] = {}
    upto = mark.max_id
    lo, hi = record.read_max + 1, mark.max_id + 1
    for key, _ in txn.range(PEER_ROWS, mark.channel, mark.channel, lo=lo, hi=hi, limit=500, reverse=True):
        body = txn.get(BODIES, mark.channel, key[2])
        wrote = 0 if body is None else body.signer or body.author
        if wrote == mark.reader:
            upto = key[2] - 1
        elif wrote > 0:
            authors.setdefault(wrote, key[2])
            if len(authors) == AUTHORS_TOLD:
                break
    if authors and upto > record.read_max:
        made = replace(record, read_max=upto)
        txn.put(CHANNELS, mark.channel, value=made)
        txn.publish(Known(mark.channel, made))
    for author, msg_id in authors.items():
        word = pl.ChannelAuthorRead(author, mark.channel, msg_id, mark.date)
        txn.outbox(slot_of(author), word)


def _note_reader(txn: Txn, mark: pl.ChannelReadBy) -> None:
    """In a small supergroup it is kept who has read what, and when, as long as it may be asked."""
    channel, reader = mark.channel, mark.reader
    old = [
        key[3]
        for key, date in txn.range(GROUP_READS, channel, channel, reader, limit=16)
        if int.from_bytes(date, "big") < mark.date - READ_DATE_SECONDS
    ]
    for max_id in old:
        txn.delete(GROUP_READS, channel, channel, reader, max_id)
    txn.put(GROUP_READS, channel, channel, reader, mark.max_id, value=mark.date.to_bytes(4, "big"))


def _author_read(txn: Txn, mark: pl.ChannelAuthorRead, memo: Any) -> None:
    user, channel = mark.user, mark.channel
    dialog = txn.get(DIALOGS, user, channel)
    if txn.get(JOINED, user, channel) is None:
        return  # who is out of it hears nothing more of it
    if dialog is None or dialog.read_outbox_max >= mark.max_id:
        return
    txn.put(DIALOGS, user, channel, value=replace(dialog, read_outbox_max=mark.max_id))
    event = ev.ChannelReadOutbox(channel, mark.max_id)
    eventlog.append(txn, user, event, now=mark.date, raises=0)


def _mentioned(txn: Txn, word: pl.ChannelMentioned, memo: Any) -> None:
    user, channel, msg_id = word.user, word.channel, word.msg_id
    txn.publish(MentionArrived(user, channel, msg_id))
    waits = txn.get(CHANNEL_MENTIONS, user, channel, msg_id) is not None
    if waits != word.gone or txn.get(JOINED, user, channel) is None:
        return
    dialog = txn.get(DIALOGS, user, channel) or NO_DIALOG
    if word.gone:
        txn.delete(CHANNEL_MENTIONS, user, channel, msg_id)
    else:
        txn.put(CHANNEL_MENTIONS, user, channel, msg_id, value=b"")
    count = max(dialog.unread_mentions + (-1 if word.gone else 1), 0)
    txn.put(DIALOGS, user, channel, value=replace(dialog, unread_mentions=count))
