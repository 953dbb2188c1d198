"""Reading threads: their pages, what a reader has read of them, and the topics of a forum as he sees them.

What was read is a mark in the reader's own slot; the mark of the whole chat counts for every thread in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services.boxes import NO_DIALOG
from tgserve.services.channels import threads
from tgserve.services.channels.reading import ChannelReading
from tgserve.services.channels.register import Register
from tgserve.services.channels.threads import NO_HEAD, NONE, ThreadKnown, Threads
from tgserve.services.history import TOP_ID, History, Page, Window
from tgserve.services.messaging import Origin
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import thread_records as th
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import (
    BODIES,
    CHANNEL_MENTIONS,
    DIALOGS,
    JOINED,
    ROWS,
    THREAD_ROWS,
    THREADS,
    TOPIC_HEADS,
    TOPICS,
    UNREAD_REACTIONS,
)
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.thread_records import GENERAL
from tgserve.store.transaction import Txn

SCAN_ROWS = 500
"""Rows of a thread looked at for whose messages were read."""
ON_ITS_WAY_SECONDS = 60
"""How old a post may be that is still waited for."""
WAIT_SECONDS = 2.0
"""For its copy in the discussion group."""


@dataclass(slots=True, frozen=True)
class Seen:
    """A topic as one reader has it. `top`: its newest message that he may see."""

    topic_id: int
    topic: th.Topic
    top: int
    read_inbox: int
    read_outbox: int
    unread: int
    mentions: int
    reactions: int
    head: th.TopicHead


@dataclass(slots=True, frozen=True)
class State:
    """A thread as one reader has it."""

    max_id: int
    read_inbox: int
    read_outbox: int
    unread: int


class ThreadReading:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        register: Register,
        known: Threads,
        reading: ChannelReading,
        history: History,
    ) -> None:
        self._store = store
        self._clock = clock
        self._register = register
        self._threads = known
        self._reading = reading
        self._history = history
        store.on_outbox(pl.ThreadReadBy, _read_by)
        store.on_outbox(pl.ThreadAuthorRead, _author_read)

    def top_of(self, me: int, channel: int, msg_id: int) -> tuple[int, int]:
        """(channel, first message) of the thread that belongs to a message: itself in a supergroup, a topic of a
        forum, the comments on a post. CHANNEL_PRIVATE, MSG_ID_INVALID, TOPIC_ID_INVALID."""
        record, _ = self._register.view(me, channel)
        if not 0 < msg_id <= TOP_ID:
            raise errors.MSG_ID_INVALID()
        with self._store.read(slot_of(channel)) as reader:
            if record.forum and (msg_id == GENERAL or reader.get(TOPICS, channel, msg_id) is not None):
                return channel, msg_id
            here = reader.get(ROWS, channel, msg_id) is not None
        thread = self._threads.of(channel, msg_id)
        if record.megagroup:
            if not here and thread is None:
                raise errors.TOPIC_ID_INVALID() if record.forum else errors.MSG_ID_INVALID()
            return channel, msg_id
        if not here or thread is None or not thread.channel or thread.channel != record.linked:
            raise errors.MSG_ID_INVALID()
        self._register.view(me, thread.channel)
        return thread.channel, thread.post

    async def arrived(self, me: int, channel: int, msg_id: int) -> None:
        """A post comes into the discussion group a moment after it was written: who wants to comment at once waits for
        it, for a moment at most, and only for a post that is on its way. CHANNEL_PRIVATE."""
        record, _ = self._register.view(me, channel)
        on_its_way = not record.megagroup and record.linked and 0 < record.linked_from <= msg_id <= TOP_ID
        if not on_its_way or self._threads.of(channel, msg_id) is not None:
            return
        with self._store.read(slot_of(channel)) as reader:
            body = reader.get(BODIES, channel, msg_id)
        if body is not None and not body.action and self._clock.now() - body.date < ON_ITS_WAY_SECONDS:
            await self._threads.awaited(channel, msg_id, WAIT_SECONDS)

    def page(self, me: int, channel: int, top: int, window: Window) -> Page:
        """A page of a thread of a channel that `me` may see. OFFSET_INVALID."""
        window = self._reading.fitting(me, channel, window)
        thread = self._threads.of(channel, top) or NONE
        with self._store.read(slot_of(channel)) as reader:
            rows = threads.select(reader, channel, top, window)
            views = self._history.views_of(reader, channel, rows)
            first = reader.get(THREAD_ROWS, channel, top, top) is not None
        return Page(self._reading.personal(me, channel, views), thread.replies + first, False)

    def read_max(self, me: int, channel: int, top: int) -> int:
        """Up to where `me` has read a thread."""
        with self._store.read(slot_of(me)) as reader:
            head = reader.get(TOPIC_HEADS, me, channel, top) or NO_HEAD
            dialog = reader.get(DIALOGS, me, channel) or NO_DIALOG
            joined = reader.get(JOINED, me, channel) is not None
        return max(head.read_inbox_max, dialog.read_inbox_max if joined else 0)

    def state(self, me: int, channel: int, top: int) -> State:
        thread = self._threads.of(channel, top) or NONE
        read = self.read_max(me, channel, top)
        head = self._threads.head(me, channel, top)
        with self._store.read(slot_of(channel)) as reader:
            unread = threads.unread(reader, channel, top, me, max(read, top))
        return State(thread.max_id, read, head.read_outbox_max, unread)

    # -- the topics of a forum -----------------------------------------------------------

    def forum(self, me: int, channel: int) -> c.Channel:
        """CHANNEL_PRIVATE, CHANNEL_FORUM_MISSING."""
        record, _ = self._register.view(me, channel)
        if not record.forum:
            raise errors.CHANNEL_FORUM_MISSING()
        return record

    def topics(
        self, me: int, channel: int, words: Sequence[str], after_topic: int, below: int, limit: int
    ) -> tuple[list[Seen], int]:
        """A page of them, and how many there are: the pinned ones, then the others, those with the newest messages
        first; those with all `words` in their titles, if there are some. It begins behind topic `after_topic`, else
        with messages below `below` (0 = at the top)."""
        record = self.forum(me, channel)
        found: dict[int, th.Topic] = {}
        with self._store.read(slot_of(channel)) as reader:
            start: int | None = below if below > 0 else None
            if after_topic and threads.topic_of(reader, record, channel, after_topic) is not None:
                start = threads.place(reader, channel, after_topic)
            count = 0
            if not words:
                count = reader.count(TOPICS, channel) + (reader.get(TOPICS, channel, GENERAL) is None)
            for place, topic_id in threads.ordered(reader, channel, None if words else start):
                if not words and len(found) >= limit:
                    break
                topic = threads.topic_of(reader, record, channel, topic_id)
                if topic is None or not all(word in topic.title.casefold() for word in words):
                    continue
                count += bool(words)
                if len(found) < limit and (start is None or place < start):
                    found[topic_id] = topic
        return self._seen(me, channel, found), count

    def pinned(self, me: int, channel: int) -> list[int]:
        """The pinned topics, the first one first."""
        self.forum(me, channel)
        with self._store.read(slot_of(channel)) as reader:
            places = takewhile(lambda one: one[0] >= th.PINNED_FROM, threads.ordered(reader, channel))
            return [topic_id for _, topic_id in places]

    def some(self, me: int, channel: int, topics: list[int]) -> list[Seen | None]:
        """These topics, None for what there is not."""
        record = self.forum(me, channel)
        with self._store.read(slot_of(channel)) as reader:
            found = {one: threads.topic_of(reader, record, channel, one) for one in topics}
        here = {one: topic for one, topic in found.items() if topic is not None}
        seen = {one.topic_id: one for one in self._seen(me, channel, here)}
        return [seen.get(one) for one in topics]

    def _seen(self, me: int, channel: int, topics: dict[int, th.Topic]) -> list[Seen]:
        heads = self._threads.heads_of(me, channel, topics)
        floor = self._reading.floor(me, channel)
        with self._store.read(slot_of(me)) as reader:
            dialog = reader.get(DIALOGS, me, channel) or NO_DIALOG
            joined = reader.get(JOINED, me, channel) is not None
            mentions = [key[2] for key, _ in reader.range(CHANNEL_MENTIONS, me, channel, limit=SCAN_ROWS)]
            reacted = [key[2] for key, _ in reader.range(UNREAD_REACTIONS, me, channel, limit=SCAN_ROWS)]
        base = max(dialog.read_inbox_max if joined else 0, floor)
        found: list[Seen] = []
        with self._store.read(slot_of(channel)) as reader:
            for topic_id, topic in topics.items():
                thread = reader.get(THREADS, channel, topic_id) or NONE
                head = heads.get(topic_id, NO_HEAD)
                read = max(head.read_inbox_max, base)
                unread = 0
                if joined and thread.max_id > read:
                    unread = threads.unread(reader, channel, topic_id, me, read)
                top = thread.max_id if thread.max_id > floor else 0
                named = len(self._threads.within(channel, topic_id, mentions)) if mentions else 0
                liked = len(self._threads.within(channel, topic_id, reacted)) if reacted else 0
                outbox = max(head.read_outbox_max, dialog.read_outbox_max)
                found.append(Seen(topic_id, topic, top, read, outbox, unread, named, liked, head))
        return found

    # -- marks -----------------------------------------------------------

    def read(
        self,
        me: int,
        channel: int,
        top: int,
        max_id: int,
        *,
        of: tuple[int, int] = (0, 0),
        origin: Origin = None,
    ) -> Commit[bool]:
        """A thread is read up to max_id (0 = all); False when it was. `of`: the channel and post that it is the
        comments on."""
        thread = self._threads.of(channel, top) or NONE
        upto = min(max_id, thread.max_id) if max_id > 0 else thread.max_id
        told = upto > thread.read_max
        now = int(self._clock.now())

        def work(txn: Txn) -> bool:
            head = txn.get(TOPIC_HEADS, me, channel, top) or NO_HEAD
            if upto <= head.read_inbox_max:
                return False
            txn.put(TOPIC_HEADS, me, channel, top, value=replace(head, read_inbox_max=upto))
            event = ev.ThreadRead(channel, top, upto, *of)
            eventlog.append(txn, me, event, now=now, raises=0, origin=origin)
            if told:
                txn.outbox(slot_of(channel), pl.ThreadReadBy(channel, top, me, upto, now))
            return True

        return self._store.transact(slot_of(me), work)

    def show_as_messages(
        self, me: int, channel: int, enabled: bool, *, origin: Origin = None
    ) -> Commit[None]:
        """A forum as one chat, for `me`."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            head = txn.get(TOPIC_HEADS, me, channel, 0) or NO_HEAD
            if head.as_messages != enabled:
                txn.put(TOPIC_HEADS, me, channel, 0, value=replace(head, as_messages=enabled))
                event = ev.ForumShownChanged(channel, enabled)
                eventlog.append(txn, me, event, now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    def save_draft(
        self, me: int, channel: int, top: int, draft: bytes, layer: int, *, origin: Origin = None
    ) -> Commit[None]:
        """Keep what is being written in a topic (TL draftMessage); empty bytes take it away."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            head = txn.get(TOPIC_HEADS, me, channel, top) or NO_HEAD
            if head.draft == draft:
                return
            made = replace(head, draft=draft, draft_layer=layer if draft else 0, draft_date=now)
            txn.put(TOPIC_HEADS, me, channel, top, value=made)
            event = ev.TopicDraftChanged(channel, top)
            eventlog.append(txn, me, event, now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    def set_notify(
        self, me: int, channel: int, top: int, settings: bytes, layer: int, *, origin: Origin = None
    ) -> Commit[None]:
        """How loud a topic is for `me` (TL peerNotifySettings)."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            head = txn.get(TOPIC_HEADS, me, channel, top) or NO_HEAD
            txn.put(TOPIC_HEADS, me, channel, top, value=replace(head, notify=settings, notify_layer=layer))
            event = ev.TopicNotifyChanged(channel, top)
            eventlog.append(txn, me, event, now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)


def _read_by(txn: Txn, mark: pl.ThreadReadBy, memo: Any) -> None:
    """Outbox, the channel's slot: the first to read a stretch of a thread; its authors hear of it."""
    thread = txn.get(THREADS, mark.channel, mark.topic)
    if thread is None or mark.max_id <= thread.read_max:
        return
    authors = threads.writers(txn, mark.channel, mark.topic, thread.read_max, mark.max_id, SCAN_ROWS)
    authors.pop(mark.reader, None)
    if not authors:
        return  # its only author has read himself: the mark waits for somebody else
    made = replace(thread, read_max=mark.max_id)
    txn.put(THREADS, mark.channel, mark.topic, value=made)
    txn.publish(ThreadKnown(mark.channel, mark.topic, made))
    for author, msg_id in authors.items():
        word = pl.ThreadAuthorRead(author, mark.channel, mark.topic, msg_id, mark.date)
        txn.outbox(slot_of(author), word)


def _author_read(txn: Txn, mark: pl.ThreadAuthorRead, memo: Any) -> None:
    user, channel, top = mark.user, mark.channel, mark.topic
    head = txn.get(TOPIC_HEADS, user, channel, top) or NO_HEAD
    if head.read_outbox_max >= mark.max_id:
        return
    txn.put(TOPIC_HEADS, user, channel, top, value=replace(head, read_outbox_max=mark.max_id))
    event = ev.ThreadReadOutbox(channel, top, mark.max_id)
    eventlog.append(txn, user, event, now=mark.date, raises=0)
