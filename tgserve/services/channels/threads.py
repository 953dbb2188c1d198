"""Threads of a channel's box: which messages belong together, how many they are, and who wrote last.

A thread is a topic of a forum, the answers to a message of a supergroup, or the comments on a post; it is named by its
first message, General by 1. Rows and counters are kept by the transaction that writes or deletes the message. In
memory lie the counters of what is looked at, as of the last commit.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any

from msgspec.structs import replace

from tgserve import errors
from tgserve.services.history import SKIP_ROWS, TOP_ID, Named, Window
from tgserve.store import channel_records as c
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store import thread_records as th
from tgserve.store.keyspaces import (
    BODIES,
    CHANNELS,
    PEER_ROWS,
    ROWS,
    THREAD_ROWS,
    THREADS,
    TOPIC_HEADS,
    TOPIC_ORDER,
    TOPICS,
)
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.thread_records import GENERAL, place_of
from tgserve.store.transaction import Reader, Txn

THREADS_CACHED = 50_000
RECENT = 3
RECENT_ROWS = 50
"""Rows looked at for who wrote last, after a deletion."""
EXACT = 2_000
"""Unread messages up to which one's own are told from the others'."""
FILL_ROWS = 500
_WHO = Struct(">qq")
NONE = th.Thread()
NO_HEAD = th.TopicHead()


@dataclass(slots=True, frozen=True)
class ThreadKnown:
    """Published when a thread's counters have changed; None: there is none any more."""

    channel: int
    top: int
    thread: th.Thread | None


def tops_of(record: c.Channel, msg_id: int, body: r.Body) -> list[int]:
    """The threads a new message of a supergroup belongs to."""
    if body.in_topic:
        return [body.topic or msg_id]
    tops = [body.topic] if body.topic else []
    if record.forum:
        tops.append(GENERAL)
    return tops


def add(txn: Txn, channel: int, top: int, msg_id: int, body: r.Body, pts: int) -> None:
    """Write the row of a message in a thread, and count it."""
    wrote = body.signer or body.author
    txn.put(THREAD_ROWS, channel, top, msg_id, value=_WHO.pack(body.author, wrote))
    known = txn.get(THREADS, channel, top) or NONE
    recent = known.recent
    if not body.action and msg_id > known.max_id:
        recent = (body.author, *(one for one in recent if one != body.author))[:RECENT]
    made = replace(
        known,
        replies=known.replies + (msg_id != top),
        max_id=max(known.max_id, msg_id),
        recent=recent,
        pts=max(pts, known.pts),
    )
    _put(txn, channel, top, made)
    if body.in_topic or top == GENERAL:
        topic = txn.get(TOPICS, channel, top)
        if topic is not None or top == GENERAL:
            pinned = topic.pinned if topic is not None else 0
            move(txn, channel, top, place_of(top, pinned, known.max_id), place_of(top, pinned, made.max_id))


def move(txn: Txn, channel: int, topic_id: int, before: int | None, after: int | None) -> None:
    """A topic's place in the order of its forum changes; None: it has none yet, or none any more."""
    if before == after:
        return
    stood = before is not None and txn.get(TOPIC_ORDER, channel, before) is not None
    if not stood and txn.first(TOPIC_ORDER, channel) is None:
        # the forum is older than the order, or has no topic yet
        for at, known in list(_unordered(txn, channel, None)):
            txn.put(TOPIC_ORDER, channel, at, value=known.to_bytes(4, "big"))
    if before is not None:
        txn.delete(TOPIC_ORDER, channel, before)
    if after is not None:
        txn.put(TOPIC_ORDER, channel, after, value=topic_id.to_bytes(4, "big"))


def ordered(reader: Reader, channel: int, below: int | None = None) -> Iterator[tuple[int, int]]:
    """(place, topic) of a forum's topics from the top on, read as they are asked for; General is always among them."""
    if reader.first(TOPIC_ORDER, channel) is None:
        yield from _unordered(reader, channel, below)
        return
    seen = False
    for key, value in reader.range(TOPIC_ORDER, channel, hi=below, reverse=True):
        topic_id = int.from_bytes(value, "big")
        seen = seen or topic_id == GENERAL
        yield key[1], topic_id
    if not seen and (below is None or below > GENERAL) and reader.get(THREADS, channel, GENERAL) is None:
        yield GENERAL, GENERAL


def _unordered(reader: Reader, channel: int, below: int | None) -> Iterator[tuple[int, int]]:
    """Of a forum without an order."""
    topics = {GENERAL, *(key[1] for key, _ in reader.range(TOPICS, channel))}
    places = sorted(((place(reader, channel, one), one) for one in topics), reverse=True)
    for at, topic_id in places:
        if below is None or at < below:
            yield at, topic_id


def place(reader: Reader, channel: int, topic_id: int) -> int:
    """Where a topic stands in the order."""
    topic, known = reader.get(TOPICS, channel, topic_id), reader.get(THREADS, channel, topic_id)
    pinned, max_id = topic.pinned if topic is not None else 0, known.max_id if known is not None else 0
    return place_of(topic_id, pinned, max_id)


def clear_forum(txn: Txn, channel: int, limit: int) -> int:
    """What is left of the topics of a channel that is over goes, `limit` of them; how many went."""
    rows = [key[1] for key, _ in txn.range(TOPICS, channel, limit=limit)]
    for topic_id in rows:
        txn.delete(TOPICS, channel, topic_id)
    for key, _ in list(txn.range(TOPIC_ORDER, channel, limit=limit)):
        txn.delete(TOPIC_ORDER, channel, key[1])
    return len(rows)


def take(txn: Txn, channel: int, gone: Iterable[tuple[int, r.Body | None]], pts: int) -> None:
    """Messages have left a supergroup: so do their rows and counts."""
    lost: dict[int, int] = {}
    roots: list[int] = []
    for msg_id, body in gone:
        named = {msg_id, GENERAL, *((body.topic,) if body is not None and body.topic else ())}
        for top in named:
            if txn.get(THREAD_ROWS, channel, top, msg_id) is not None:
                txn.delete(THREAD_ROWS, channel, top, msg_id)
                lost[top] = lost.get(top, 0) + (msg_id != top)
        roots.append(msg_id)
    for top, count in lost.items():
        known = txn.get(THREADS, channel, top)
        if known is None:
            continue
        max_id, recent = 0, dict[int, None]()
        rows = txn.range(THREAD_ROWS, channel, top, limit=RECENT_ROWS, reverse=True)
        for key, who in rows:
            max_id = max(max_id, key[2])
            if len(recent) < RECENT and key[2] != top:
                recent[_WHO.unpack(who)[0]] = None
        left = replace(
            known,
            replies=max(known.replies - count, 0),
            max_id=max_id,
            recent=tuple(recent),
            pts=max(pts, known.pts),
        )
        _put(txn, channel, top, left)
        topic = txn.get(TOPICS, channel, top)
        if topic is not None or top == GENERAL:
            pinned = topic.pinned if topic is not None else 0
            move(txn, channel, top, place_of(top, pinned, known.max_id), place_of(top, pinned, max_id))
    for top in {*lost, *roots}:
        known = txn.get(THREADS, channel, top)
        if known is None or known.replies or known.max_id:
            continue
        if txn.get(ROWS, channel, top) is None:
            txn.delete(THREADS, channel, top)
            txn.publish(ThreadKnown(channel, top, None))


def _put(txn: Txn, channel: int, top: int, thread: th.Thread) -> None:
    txn.put(THREADS, channel, top, value=thread)
    txn.publish(ThreadKnown(channel, top, thread))
    if thread.channel:
        tell_post(txn, channel, top, thread)


def tell_post(txn: Txn, group: int, root: int, thread: th.Thread) -> None:
    """The channel of a post hears how many comments it has."""
    word = pl.PostForwarded(
        thread.channel, thread.post, group, root, thread.replies, thread.max_id, thread.recent
    )
    txn.outbox(slot_of(thread.channel), word)


def topic_of(reader: Reader, record: c.Channel, channel: int, topic: int) -> th.Topic | None:
    """A topic of a forum; General is there without a row of its own."""
    found = reader.get(TOPICS, channel, topic) if 0 < topic <= TOP_ID else None
    if found is None and topic == GENERAL:
        return th.Topic("General", 0x6FB9F0, record.creator, record.date, maker=record.creator)
    return found


def fill_general(txn: Txn, word: pl.FillGeneral, memo: Any) -> None:
    """Outbox, the channel's slot: what was written before a supergroup became a forum belongs to General; a slice, and
    the word goes on."""
    channel, last, count = word.channel, 0, 0
    record = txn.get(CHANNELS, channel)
    if record is None or not record.forum:
        return
    rows = list(txn.range(PEER_ROWS, channel, channel, lo=word.after + 1, hi=word.upto + 1, limit=FILL_ROWS))
    for key, _ in rows:
        last, count = key[2], count + 1
        body = txn.get(BODIES, channel, last)
        if body is None or body.in_topic or txn.get(THREAD_ROWS, channel, GENERAL, last) is not None:
            continue
        add(txn, channel, GENERAL, last, body, 1)
    if count == FILL_ROWS:
        txn.outbox(txn.slot, pl.FillGeneral(channel, last, word.upto))


def select(reader: Reader, channel: int, top: int, window: Window) -> list[Named]:
    """Rows of a thread, newest first, addressed as a chat's are (services/history.py). OFFSET_INVALID."""
    if abs(window.add_offset) > SKIP_ROWS:
        raise errors.OFFSET_INVALID()
    low = window.min_id + 1 if window.min_id > 0 else 1
    high = window.max_id if window.max_id > 0 else TOP_ID
    if window.limit <= 0 or low >= high:
        return []
    at = min(max(window.offset_id or TOP_ID, low), high)
    skip, newer_asked = max(window.add_offset, 0), max(-window.add_offset, 0)
    ids: list[int] = []
    if newer_asked and at < high:
        rows = reader.range(THREAD_ROWS, channel, top, lo=at, hi=high, limit=newer_asked)
        ids = [key[2] for key, _ in rows][max(newer_asked - window.limit, 0) :]
        ids.reverse()
    older = window.limit - newer_asked
    if older > 0 and at > low:
        found = reader.range(THREAD_ROWS, channel, top, lo=low, hi=at, limit=skip + older, reverse=True)
        ids += [key[2] for key, _ in found][skip:]
    named: list[Named] = []
    for msg_id in ids:
        row = reader.get(ROWS, channel, msg_id)
        if row is not None:
            named.append((msg_id, row))
    return named


def unread(reader: Reader, channel: int, top: int, viewer: int, read_max: int) -> int:
    """Messages of a thread above a read mark that are not the viewer's own."""
    own = count = 0
    for _, who in reader.range(THREAD_ROWS, channel, top, lo=read_max + 1, limit=EXACT):
        count += 1
        own += _WHO.unpack(who)[1] == viewer
    if count == EXACT:
        count = reader.count(THREAD_ROWS, channel, top, lo=read_max + 1)
    return count - own


def writers(reader: Reader, channel: int, top: int, after: int, upto: int, limit: int) -> dict[int, int]:
    """user -> his newest message of a stretch of a thread."""
    found: dict[int, int] = {}
    rows = reader.range(THREAD_ROWS, channel, top, lo=after + 1, hi=upto + 1, limit=limit, reverse=True)
    for key, who in rows:
        wrote: int = _WHO.unpack(who)[1]
        if wrote > 0:
            found.setdefault(wrote, key[2])
    return found


class Threads:
    """Counters in memory, and what a reader has of a thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[tuple[int, int], th.Thread | None] = OrderedDict()
        self._awaited: dict[tuple[int, int], list[asyncio.Future[None]]] = {}

    async def awaited(self, channel: int, top: int, seconds: float) -> None:
        """Wait until there is something new of a thread, `seconds` at most."""
        loop = asyncio.get_running_loop()
        news: asyncio.Future[None] = loop.create_future()
        self._awaited.setdefault((channel, top), []).append(news)
        alarm = loop.call_later(seconds, _end, news)
        try:
            await news
        finally:
            alarm.cancel()
            waiting = self._awaited.get((channel, top), [])
            if news in waiting:
                waiting.remove(news)
            if not waiting:
                self._awaited.pop((channel, top), None)

    def of(self, channel: int, top: int) -> th.Thread | None:
        """The counters of a thread, as of the last commit."""
        key = (channel, top)
        if key in self._known:
            return self._known[key]
        with self._store.read(slot_of(channel)) as reader:
            found = reader.get(THREADS, channel, top)
        self._keep(key, found)
        return found

    def head(self, me: int, channel: int, top: int) -> th.TopicHead:
        """What is the reader's own of a thread."""
        with self._store.read(slot_of(me)) as reader:
            return reader.get(TOPIC_HEADS, me, channel, top) or NO_HEAD

    def heads(self, me: int, channel: int) -> dict[int, th.TopicHead]:
        """first message -> what is the reader's own."""
        with self._store.read(slot_of(me)) as reader:
            return {key[2]: head for key, head in reader.range(TOPIC_HEADS, me, channel)}

    def drafts(self, me: int) -> list[tuple[int, int, th.TopicHead]]:
        """(channel, topic, head) of the topics with a draft."""
        with self._store.read(slot_of(me)) as reader:
            return [(key[1], key[2], head) for key, head in reader.range(TOPIC_HEADS, me) if head.draft]

    def heads_of(self, me: int, channel: int, tops: Iterable[int]) -> dict[int, th.TopicHead]:
        """As `heads`, of these threads."""
        with self._store.read(slot_of(me)) as reader:
            found = {top: reader.get(TOPIC_HEADS, me, channel, top) for top in tops}
        return {top: head for top, head in found.items() if head is not None}

    def within(self, channel: int, top: int, msg_ids: Iterable[int]) -> list[int]:
        """Those of the messages that belong to the thread."""
        with self._store.read(slot_of(channel)) as reader:
            return [one for one in msg_ids if reader.get(THREAD_ROWS, channel, top, one) is not None]

    def _keep(self, key: tuple[int, int], thread: th.Thread | None) -> None:
        self._known[key] = thread
        if len(self._known) > THREADS_CACHED:
            self._known.popitem(last=False)

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber, before whoever draws."""
        for item in batch:
            if type(item) is ThreadKnown:
                self._keep((item.channel, item.top), item.thread)
                for news in self._awaited.pop((item.channel, item.top), ()):
                    _end(news)


def _end(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
