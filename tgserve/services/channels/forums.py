"""Topics of forums: made, changed, pinned, ordered, deleted. Who may is checked in the transaction (SECURITY 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.channels import journal, rights, threads
from tgserve.services.channels.changing import SLICE, remove
from tgserve.services.channels.life import admitted, require
from tgserve.services.channels.posting import (
    Posting,
    author_of,
    mark_of,
    packed_mark,
    put_action,
    sent_again,
)
from tgserve.services.channels.threads import ThreadKnown
from tgserve.services.deleting import Affected
from tgserve.services.groups.life import Action
from tgserve.services.messaging import Origin, Sent
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import thread_records as th
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import SENT, THREAD_ROWS, THREADS, TOPICS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.thread_records import GENERAL, PINNED_FROM
from tgserve.store.transaction import Txn

COLORS: Final = (0x6FB9F0, 0xFFD67E, 0xCB86DB, 0x8EEE98, 0xFF93B2, 0xFB6F5F)
"""What an icon without an emoji may be coloured."""


@dataclass(slots=True, frozen=True)
class Wanted:
    """Changes of a topic; None leaves a field as it is."""

    title: str | None = None
    icon_emoji: int | None = None
    closed: bool | None = None
    hidden: bool | None = None


def topic_title(text: str) -> str:
    """A title as it is stored: one line, trimmed, cut where it is too long. TOPIC_TITLE_EMPTY."""
    words = "".join(one if one.isprintable() or one.isspace() else "" for one in text).split()
    title = " ".join(words)[: limits.GROUP_TITLE_CHARS].strip()
    if not title:
        raise errors.TOPIC_TITLE_EMPTY()
    return title


class Forums:
    def __init__(self, store: Store, clock: Clock, posting: Posting) -> None:
        self._posting = posting
        self._store = store
        self._clock = clock

    def switch(
        self, me: int, channel: int, forum: bool, tabs: bool, *, origin: Origin = None
    ) -> Callable[[Txn, c.Channel, c.Participant | None], c.Channel]:
        """The change (for Life.change) that makes a supergroup a forum, or none any more. MEGAGROUP_REQUIRED,
        CHAT_ADMIN_REQUIRED, CHAT_DISCUSSION_UNALLOWED, CHAT_NOT_MODIFIED."""
        now = int(self._clock.now())

        def change(txn: Txn, record: c.Channel, seat: c.Participant | None) -> c.Channel:
            if not record.megagroup:
                raise errors.MEGAGROUP_REQUIRED()
            if record.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            if forum and record.gigagroup:
                raise errors.CHAT_ADMIN_REQUIRED()  # what only admins write in has no topics, and never will
            if forum and record.linked:
                raise errors.CHAT_DISCUSSION_UNALLOWED()
            made = replace(record, forum=forum, forum_tabs=forum and tabs)
            if made == record:
                raise errors.CHAT_NOT_MODIFIED()
            if made.forum != record.forum:
                journal.note(txn, channel, c.LogEntry(now, me, "forum", after=int(forum)))
            if forum and not record.forum:
                top = eventlog.box_head(txn, channel).msg_id
                txn.outbox(txn.slot, pl.FillGeneral(channel, 0, top))
            return made

        return change

    def create(
        self,
        me: int,
        channel: int,
        title: str,
        color: int,
        emoji: int,
        action: Action,
        random_id: int,
        *,
        send_as: int = 0,
        origin: Origin = None,
    ) -> Commit[Sent]:
        """A new topic: it is named by its first message. `send_as` as for messages. RANDOM_ID_EMPTY, TOPIC_TITLE_EMPTY,
        CHANNEL_FORUM_MISSING, CHAT_WRITE_FORBIDDEN, CHANNEL_PRIVATE, SEND_AS_PEER_INVALID."""
        if not random_id:
            raise errors.RANDOM_ID_EMPTY()
        title = topic_title(title)
        now = int(self._clock.now())
        foreign = self._posting.foreign(me, channel, send_as)

        def work(txn: Txn) -> Sent:
            record, seat = _forum(txn, channel, me, now)
            author = author_of(record, channel, me, seat, send_as, "", foreign)
            mark = txn.get(SENT, channel, mark_of(me, random_id))
            if mark is not None:
                return sent_again(txn, channel, me, mark)
            if not rights.has(record, me, seat, rights.TOPICS):
                if rights.denied(record, me, seat) & (rights.NO_TOPICS | rights.NO_SEND):
                    raise errors.CHAT_WRITE_FORBIDDEN()
                if rights.is_admin(record, me, seat) and record.banned & rights.NO_TOPICS:
                    raise errors.CHAT_WRITE_FORBIDDEN()
            sent = put_action(
                txn,
                channel,
                record,
                me,
                action,
                now,
                in_topic=True,
                shown=author.shown,
                origin=origin,
            )
            topic = th.Topic(title, color, author.shown, now, emoji, maker=me)
            txn.put(TOPICS, channel, sent.msg_id, value=topic)
            threads.move(txn, channel, sent.msg_id, None, threads.place(txn, channel, sent.msg_id))
            txn.put(SENT, channel, mark_of(me, random_id), value=packed_mark(sent))
            line = c.LogEntry(now, me, journal.TOPIC_CREATE, msg_id=sent.msg_id, topic_after=topic)
            journal.note(txn, channel, line)
            return sent

        return self._store.transact(slot_of(channel), work)

    def edit(
        self,
        me: int,
        channel: int,
        topic_id: int,
        wanted: Wanted,
        action: Action,
        *,
        origin: Origin = None,
    ) -> Commit[Sent]:
        """Change a topic of one's own, or as admin with that right any. TOPIC_ID_INVALID, TOPIC_TITLE_EMPTY,
        TOPIC_NOT_MODIFIED, TOPIC_CLOSE_SEPARATELY, TOPIC_HIDE_SEPARATELY, GENERAL_MODIFY_ICON_FORBIDDEN,
        CHANNEL_FORUM_MISSING, CHAT_ADMIN_REQUIRED, CHANNEL_PRIVATE."""
        title = None if wanted.title is None else topic_title(wanted.title)
        others = title is not None or wanted.icon_emoji is not None
        if wanted.closed is not None and (others or wanted.hidden is not None):
            raise errors.TOPIC_CLOSE_SEPARATELY()
        if wanted.hidden is not None and others:
            raise errors.TOPIC_HIDE_SEPARATELY()
        now = int(self._clock.now())

        def work(txn: Txn) -> Sent:
            record, seat = _forum(txn, channel, me, now)
            topic = _known(txn, record, channel, topic_id)
            if topic_id == GENERAL and wanted.icon_emoji is not None:
                raise errors.GENERAL_MODIFY_ICON_FORBIDDEN()
            if topic_id != GENERAL and wanted.hidden is not None:
                raise errors.TOPIC_ID_INVALID()
            own = topic.maker == me and topic_id != GENERAL
            if not own:
                require(record, me, seat, rights.TOPICS)
            made = replace(
                topic,
                title=topic.title if title is None else title,
                icon_emoji=topic.icon_emoji if wanted.icon_emoji is None else wanted.icon_emoji,
                closed=topic.closed if wanted.closed is None else wanted.closed,
                hidden=topic.hidden if wanted.hidden is None else wanted.hidden,
            )
            if wanted.hidden is not None:
                made = replace(made, closed=wanted.hidden)
            if made == topic:
                raise errors.TOPIC_NOT_MODIFIED()
            txn.put(TOPICS, channel, topic_id, value=made)
            line = c.LogEntry(
                now, me, journal.TOPIC_EDIT, msg_id=topic_id, topic_before=topic, topic_after=made
            )
            journal.note(txn, channel, line)
            return put_action(
                txn,
                channel,
                record,
                me,
                action,
                now,
                topic=0 if topic_id == GENERAL else topic_id,
                origin=origin,
            )

        return self._store.transact(slot_of(channel), work)

    def pin(
        self, me: int, channel: int, topic_id: int, pinned: bool, *, origin: Origin = None
    ) -> Commit[int]:
        """For all; returns the channel's pts. TOPIC_ID_INVALID, PINNED_TOO_MUCH, PINNED_TOPIC_NOT_MODIFIED,
        CHANNEL_FORUM_MISSING, CHAT_ADMIN_REQUIRED, CHANNEL_PRIVATE."""
        now = int(self._clock.now())

        def work(txn: Txn) -> int:
            record, seat = _forum(txn, channel, me, now)
            require(record, me, seat, rights.TOPICS)
            topic = _known(txn, record, channel, topic_id)
            if bool(topic.pinned) == pinned:
                raise errors.PINNED_TOPIC_NOT_MODIFIED()
            places = _pinned(txn, channel)
            if pinned and len(places) >= limits.TOPICS_PINNED:
                raise errors.PINNED_TOO_MUCH()
            place = max(places.values(), default=0) + 1 if pinned else 0
            made = replace(topic, pinned=place)
            was = threads.place(txn, channel, topic_id)
            txn.put(TOPICS, channel, topic_id, value=made)
            threads.move(txn, channel, topic_id, was, threads.place(txn, channel, topic_id))
            before, after = (None, made) if pinned else (topic, None)
            line = c.LogEntry(
                now, me, journal.TOPIC_PIN, msg_id=topic_id, topic_before=before, topic_after=after
            )
            journal.note(txn, channel, line)
            event = ev.TopicPinned(channel, topic_id, pinned)
            return eventlog.append(txn, channel, event, now=now, raises=0, origin=origin).pts

        return self._store.transact(slot_of(channel), work)

    def reorder(
        self, me: int, channel: int, order: Sequence[int], force: bool, *, origin: Origin = None
    ) -> Commit[int]:
        """The pinned topics in this order; with `force` no others are pinned. TOPIC_ID_INVALID, PINNED_TOO_MUCH,
        CHANNEL_FORUM_MISSING, CHAT_ADMIN_REQUIRED, CHANNEL_PRIVATE."""
        wanted = list(dict.fromkeys(order))
        if len(wanted) > limits.TOPICS_PINNED:
            raise errors.PINNED_TOO_MUCH()
        now = int(self._clock.now())

        def work(txn: Txn) -> int:
            record, seat = _forum(txn, channel, me, now)
            require(record, me, seat, rights.TOPICS)
            for topic_id in wanted:
                _known(txn, record, channel, topic_id)
            places = _pinned(txn, channel)
            rest = sorted((one for one in places if one not in wanted), key=lambda one: -places[one])
            final = wanted + ([] if force else rest)
            if len(final) > limits.TOPICS_PINNED:
                raise errors.PINNED_TOO_MUCH()
            changed: list[int] = []
            for topic_id in {*final, *places}:
                topic = _known(txn, record, channel, topic_id)
                place = len(final) - final.index(topic_id) if topic_id in final else 0
                if topic.pinned != place:
                    changed.append(topic_id)
                    threads.move(txn, channel, topic_id, threads.place(txn, channel, topic_id), None)
                    txn.put(TOPICS, channel, topic_id, value=replace(topic, pinned=place))
            for topic_id in changed:  # when all have left their places: two may have changed them
                threads.move(txn, channel, topic_id, None, threads.place(txn, channel, topic_id))
            event = ev.TopicsOrder(channel, tuple(final))
            return eventlog.append(txn, channel, event, now=now, raises=0, origin=origin).pts

        return self._store.transact(slot_of(channel), work)

    def delete(self, me: int, channel: int, topic_id: int, *, origin: Origin = None) -> Commit[Affected]:
        """A topic with all its messages, at most SLICE in one call (`left`); the topic itself with the last of them.
        Its maker may while nobody else has written in it. TOPIC_ID_INVALID, CHANNEL_FORUM_MISSING,
        CHAT_ADMIN_REQUIRED, CHANNEL_PRIVATE."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Affected:
            record, seat = _forum(txn, channel, me, now)
            topic = _known(txn, record, channel, topic_id)
            if topic_id == GENERAL:
                raise errors.TOPIC_ID_INVALID()
            if not rights.has(record, me, seat, rights.DELETE):
                wrote = threads.writers(txn, channel, topic_id, 0, 2**31 - 1, 0)
                if topic.maker != me or wrote.keys() - {me}:
                    raise errors.CHAT_ADMIN_REQUIRED()
            rows = txn.range(THREAD_ROWS, channel, topic_id, limit=SLICE + 1, reverse=True)
            ids = [key[2] for key, _ in rows]
            done = remove(txn, channel, ids[:SLICE], now, origin)
            if len(ids) > SLICE:
                return Affected(done.pts, done.count, len(ids) - SLICE)
            threads.move(txn, channel, topic_id, threads.place(txn, channel, topic_id), None)
            txn.delete(TOPICS, channel, topic_id)
            txn.delete(THREADS, channel, topic_id)
            txn.publish(ThreadKnown(channel, topic_id, None))
            line = c.LogEntry(now, me, journal.TOPIC_DELETE, msg_id=topic_id, topic_before=topic)
            journal.note(txn, channel, line)
            if topic.pinned:
                eventlog.append(txn, channel, ev.TopicPinned(channel, topic_id, False), now=now, raises=0)
            return Affected(done.pts, done.count, 0)

        return self._store.transact(slot_of(channel), work)


def _forum(txn: Txn, channel: int, me: int, now: int) -> tuple[c.Channel, c.Participant | None]:
    record, seat = admitted(txn, channel, me, now)
    if not record.forum:
        raise errors.CHANNEL_FORUM_MISSING()
    return record, seat


def _known(txn: Txn, record: c.Channel, channel: int, topic_id: int) -> th.Topic:
    topic = threads.topic_of(txn, record, channel, topic_id)
    if topic is None:
        raise errors.TOPIC_ID_INVALID()
    return topic


def _pinned(txn: Txn, channel: int) -> dict[int, int]:
    """topic -> place of those that are pinned."""
    found: dict[int, int] = {}
    for place, topic_id in threads.ordered(txn, channel):
        if place < PINNED_FROM:
            break
        found[topic_id] = place - PINNED_FROM
    return found
