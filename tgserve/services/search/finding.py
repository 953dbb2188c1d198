"""What search answers: pages of one chat's matches, of all chats', their counts and days.

The index says which bodies fit; whether the asker has them, and under which number, is read from his own box's rows
(SECURITY 6.4): a body that he has no row of does not exist for him, whatever the index says. Queries run in threads of
their own, rows are read on the loop. While the index is not there (first start, rebuild, fault) one chat is searched
by looking through its newest messages, and all chats not at all.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TypeVar

from tgserve import log, metrics
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.boxes import SERVICE_USER, View
from tgserve.services.bus import Bus
from tgserve.services.channels import rights
from tgserve.services.channels.reading import ChannelReading
from tgserve.services.channels.register import Register, is_channel
from tgserve.services.history import SCAN_ROWS, TOP_ID, History, Named, Page, Window
from tgserve.services.search.feed import Feed, State
from tgserve.services.search.index import (
    NEWEST,
    POST_TAG,
    Hit,
    IndexFault,
    IndexReader,
    Matching,
    author_tag,
    chat_tag,
    first_of,
    kind_tag,
    owner_tag,
)
from tgserve.services.search.words import ANYTHING, Wanted
from tgserve.store import records as r
from tgserve.store.keyspaces import BACKREFS, DIALOGS, PEER_ROWS, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader

HITS = 2_000
"""Matches that one question takes into account with certainty; their rows take the loop 4 ms. Of more than these the
page asked for is found all the same, and counts become lower bounds or estimates."""
COUNTED = 50_000
"""Matches counted when they are more than HITS."""
GLOBAL_HITS = 500
"""Matches of all chats looked at in one step."""
GLOBAL_STEPS = 4
LATE_SECONDS = 60
"""How much later than it was written a message may have come into a box and still be paged past in the right order."""
WRITTEN_SECONDS = 1.5
"""How long counters wait for the index at most."""
THREADS = 2
DAY = 86_400

_log = log.get("search")
_seconds = metrics.histogram("tgserve_search_seconds", "time of a question to the search index")

T = TypeVar("T")


class Chats(Enum):
    """Which chats are searched."""

    ALL = "all"
    USERS = "users"
    GROUPS = "groups"
    """Basic ones and supergroups."""
    BROADCASTS = "broadcasts"


@dataclass(slots=True, frozen=True)
class Asked:
    """What is looked for. `kinds`: any one of them (empty: no matter which); `author` 0: anybody's; dates are
    since <= date < until, 0 = open."""

    words: Wanted = ANYTHING
    kinds: tuple[str, ...] = ()
    author: int = 0
    since: int = 0
    until: int = 0


@dataclass(slots=True, frozen=True)
class Found:
    """`page.count` is a lower bound or an estimate when `inexact`. `newer`: how many matches are newer than the page's
    first (offset_id_offset)."""

    page: Page
    inexact: bool = False
    newer: int = 0


@dataclass(slots=True, frozen=True)
class Match:
    msg_id: int
    date: int


@dataclass(slots=True, frozen=True)
class Matches:
    """Matches of a chat, newest first, without their messages."""

    items: list[Match]
    inexact: bool


@dataclass(slots=True, frozen=True)
class Status:
    """How the index is. `documents` -1: not to be had now. `waiting`: committed things that are not in it yet;
    `done` of `total` boxes are caught up."""

    state: State
    documents: int
    bytes: int
    waiting: int
    lag_seconds: float
    done: int
    total: int
    fault: str


EMPTY = Found(Page([], 0, True))


class Search:
    """Made with the services, started by the application. Without a start nothing is indexed, and chats are scanned."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        bus: Bus,
        history: History,
        folder: Path,
        register: Register,
        channels: ChannelReading,
    ) -> None:
        self.feed = Feed(store, clock, folder)
        self._register = register
        self._channels = channels
        self._store = store
        self._clock = clock
        self._bus = bus
        self._history = history
        self._pool: ThreadPoolExecutor | None = None
        self._of_thread = threading.local()
        self._readers: list[IndexReader] = []

    def start(self, *, threaded: bool = True) -> None:
        """Follow the store, which must be open. `threaded=False`: whoever wants the index current calls feed.step()."""
        self._bus.subscribe(self.feed.after_commit)
        self._pool = ThreadPoolExecutor(THREADS, "search-ask")
        metrics.gauge(
            "tgserve_search_lag_seconds",
            "age of the oldest committed thing that the search index lacks",
            lambda: self.feed.lag_seconds,
        )
        if threaded:
            self.feed.start()
        else:
            self.feed.open()

    async def stop(self) -> None:
        """Write what is queued; before the store closes."""
        await asyncio.get_running_loop().run_in_executor(None, self.feed.stop)
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        for reader in self._readers:
            reader.close()
        self._readers.clear()

    async def status(self) -> Status:
        feed = self.feed
        documents = await self._ask(lambda reader: reader.documents())
        return Status(
            feed.state,
            -1 if documents is None else documents,
            sum(path.stat().st_size for path in feed.index.path.parent.glob("index.sqlite*")),
            feed.waiting,
            feed.lag_seconds,
            feed.progress.done,
            feed.progress.total,
            feed.fault,
        )

    @property
    def ready(self) -> bool:
        return self.feed.state is State.READY and self._pool is not None

    # One chat.

    async def in_chat(self, me: int, peer: int, asked: Asked, window: Window) -> Found:
        """Matches of a chat by growing age, addressed as getHistory addresses messages."""
        what = self._in_chat(me, peer, asked)
        if what is None or asked.words.hopeless:
            return EMPTY
        hits = await self._hits(what, HITS + 1)
        if hits is None:
            return self._scanned(me, peer, asked, window)
        if len(hits) <= HITS:
            with self._store.read(slot_of(me)) as reader:
                named = self._rows(reader, me, peer, hits)
                return self._page(reader, me, asked, named, window, len(named))
        return await self._far(me, peer, asked, what, hits[:HITS], window)

    async def matches(self, me: int, peer: int, asked: Asked) -> Matches:
        """The newest HITS matches of a chat; every match when not inexact."""
        what = self._in_chat(me, peer, asked)
        if what is None or asked.words.hopeless:
            return Matches([], False)
        hits = await self._hits(what, HITS + 1)
        if hits is None:
            found = self._scanned(me, peer, asked, Window(limit=SCAN_ROWS))
            items = [Match(view.msg_id, view.body.date) for view in found.page.views]
            return Matches(items, found.inexact)
        with self._store.read(slot_of(me)) as reader:
            dates = {(hit.author, hit.msg_id): hit.date for hit in hits[:HITS]}
            named = self._rows(reader, me, peer, hits[:HITS])
        items = [Match(msg_id, dates[row.author, row.author_msg_id]) for msg_id, row in named]
        return Matches(items, len(hits) > HITS)

    async def written(self) -> None:
        """Wait, for a moment at most, until what was committed before now is in the index: clients keep the counters
        of a chat that they are told, and count on from there."""
        began = self._clock.monotonic()
        while self.ready:
            waited = self._clock.monotonic() - began
            if self.feed.lag_seconds <= waited or waited > WRITTEN_SECONDS:
                return
            await asyncio.sleep(WRITTEN_SECONDS / 40)

    async def count(self, me: int, peer: int, asked: Asked) -> tuple[int, bool]:
        """(matches of a chat, is that an estimate)."""
        found = await self.matches(me, peer, asked)
        if not found.inexact or not self.ready:
            return len(found.items), found.inexact
        what = self._in_chat(me, peer, asked)
        return (max(len(found.items), await self._count(what)), True) if what is not None else (0, False)

    def _in_chat(self, me: int, peer: int, asked: Asked) -> Matching | None:
        """None: nothing can fit."""
        author = 0
        if peer < 0:
            scope = [chat_tag(peer)]
            if asked.author:
                scope.append(author_tag(asked.author))
        else:
            scope = [owner_tag(me), chat_tag(me) if peer == me else owner_tag(peer)]
            if asked.author not in (0, me, peer):
                return None
            author = asked.author
            if author == SERVICE_USER:
                author = 0  # its messages lie in their receivers' boxes
            elif peer == SERVICE_USER and author:
                return None
        return _matching(scope, asked, author)

    def _page(
        self, reader: Reader, me: int, asked: Asked, named: list[Named], window: Window, count: int
    ) -> Found:
        """Cut a page out of all matches."""
        low, high = window.min_id, window.max_id or TOP_ID
        kept = [item for item in named if low < item[0] < high]
        at = 0
        if window.offset_id > 0:
            at = sum(1 for msg_id, _ in kept if msg_id >= window.offset_id)
        start = at + window.add_offset
        part = kept[max(start, 0) : max(start + window.limit, 0)]
        views = self._views(reader, me, asked, part)
        newer = sum(1 for msg_id, _ in named if msg_id > part[0][0]) if part else 0
        # A query that ends in a letter or two looked into the newest texts only.
        return Found(Page(views, count, len(views) == count), inexact=asked.words.short, newer=newer)

    async def _far(
        self, me: int, peer: int, asked: Asked, what: Matching, newest: list[Hit], window: Window
    ) -> Found:
        """A page of more than HITS matches: the matches around its place, by date; the count is an estimate."""
        count = max(await self._count(what), len(newest))
        at = max(min(window.offset_id or TOP_ID, window.max_id or TOP_ID), window.min_id + 1)
        hits = newest
        if at < TOP_ID:
            with self._store.read(slot_of(me)) as reader:
                rows = reader.range(PEER_ROWS, me, peer, lo=at, limit=1)
                date = next((boxes.packed_date(value) for _, value in rows), 0)
            if date:
                older = await self._hits(replace(what, before=first_of(date + LATE_SECONDS + 1)), HITS)
                newer: list[Hit] | None = []
                if window.add_offset < 0:
                    since = max(what.since, date - LATE_SECONDS)
                    newer = await self._hits(replace(what, since=since), HITS, oldest=True)
                hits = list(dict.fromkeys([*(newer or ()), *(older or ())]))
        with self._store.read(slot_of(me)) as reader:
            named = self._rows(reader, me, peer, hits)
            found = self._page(reader, me, asked, named, window, count)
        return Found(replace(found.page, whole=False), inexact=True)

    def _scanned(self, me: int, peer: int, asked: Asked, window: Window) -> Found:
        page = self._history.scan(me, peer, window, self.test(asked), since=asked.since, until=asked.until)
        return Found(page, inexact=not page.whole)

    # All chats.

    async def everywhere(
        self,
        me: int,
        asked: Asked,
        *,
        limit: int,
        chats: Chats = Chats.ALL,
        folder: int | None = None,
        before: tuple[int, int] | None = None,
    ) -> Found:
        """The newest matches of all chats behind `before` (date, msg_id), by date and then by number."""
        if asked.words.hopeless or limit <= 0:
            return EMPTY
        what = self._anywhere(me, asked, chats)
        if what is None:
            return EMPTY
        at = what if before is None else replace(what, before=first_of(before[0] + 1))
        found: list[tuple[int, int, r.Row]] = []
        exhausted = False
        for _ in range(GLOBAL_STEPS):
            hits = await self._hits(at, GLOBAL_HITS)
            if hits is None:
                return Found(Page([], 0, True), inexact=True)
            with self._store.read(slot_of(me)) as reader:
                found += _behind(self._in_box(reader, me, hits, chats, folder), before)
            exhausted = len(hits) < GLOBAL_HITS
            if exhausted or len(found) > limit:
                break
            at = replace(at, before=hits[-1].rowid)
        found.sort(key=lambda item: item[:2], reverse=True)
        exact = exhausted and before is None
        count = len(found) if exact else max(len(found), await self._count(what))
        with self._store.read(slot_of(me)) as reader:
            views = self._views(reader, me, asked, [(msg_id, row) for _, msg_id, row in found[:limit]])
        whole = before is None and exhausted and len(found) <= limit
        return Found(Page(views, len(views) if whole else count, whole), inexact=not exact)

    async def posts(
        self, me: int, asked: Asked, hashtag: str, *, limit: int, before: tuple[int, int] | None = None
    ) -> Found:
        """The newest posts of public channels that fit, those of channels that `me` is not in too, behind `before` as
        in `everywhere`; those with `hashtag` when there is one (the words that it consists of are in `asked`). Counts
        are lower bounds: what a channel hides or was private for is known when its posts are looked at."""
        if asked.words.hopeless or limit <= 0:
            return EMPTY
        at = _matching([POST_TAG], asked, 0)
        if before is not None:
            at = replace(at, before=first_of(before[0] + 1))
        tagged = re.compile(rf"(?<!\w)#{re.escape(hashtag)}(?!\w)", re.IGNORECASE) if hashtag else None
        found: list[tuple[int, int, View]] = []
        floors: dict[int, int] = {}
        exhausted = False
        for _ in range(GLOBAL_STEPS):
            hits = await self._hits(at, GLOBAL_HITS)
            if hits is None:
                return Found(Page([], 0, True), inexact=True)
            for hit in hits:
                if len(found) > limit and hit.date < found[-1][0]:
                    break
                if before is not None and (hit.date, hit.msg_id) >= before:
                    continue
                view = self._public(me, hit, floors)
                if view is None:
                    continue
                if tagged is None or tagged.search(view.body.text.decode("utf-8", "replace")):
                    found.append((hit.date, hit.msg_id, view))
            exhausted = len(hits) < GLOBAL_HITS
            if exhausted or len(found) > limit:
                break
            at = replace(at, before=hits[-1].rowid)
        whole = exhausted and len(found) <= limit
        views = [view for _, _, view in sorted(found, key=lambda item: item[:2], reverse=True)[:limit]]
        return Found(Page(views, len(found), whole and before is None), inexact=not whole)

    def _public(self, me: int, hit: Hit, floors: dict[int, int]) -> View | None:
        """The post, when its channel is public now and `me` was not removed from it (SECURITY 6.2, 6.4)."""
        channel = hit.author
        if channel not in floors:
            floors[channel] = TOP_ID
            record = self._register.get_or_none(channel)
            if record is not None and rights.is_public(record) and not (record.deleted or record.megagroup):
                if rights.may_see(record, self._register.participant(channel, me)):
                    floors[channel] = self._channels.floor(me, channel)
        if hit.msg_id <= floors[channel]:
            return None
        return self._channels.message_or_none(me, channel, hit.msg_id)

    def _anywhere(self, me: int, asked: Asked, chats: Chats) -> Matching | None:
        scope: list[str] = []
        if chats in (Chats.ALL, Chats.USERS):
            scope.append(owner_tag(me))
        if chats in (Chats.ALL, Chats.GROUPS):
            with self._store.read(slot_of(me)) as reader:
                scope += [
                    chat_tag(key[1]) for key, _ in reader.range(DIALOGS, me, lo=1 - r.CHANNEL_BASE, hi=0)
                ]
        if chats is not Chats.USERS and not asked.author:
            scope += [chat_tag(one) for one in self._register.of_user(me) if self._of_sort(one, chats)]
        if not scope:
            return None
        what = _matching([], asked, asked.author)
        return replace(what, any_of=(tuple(scope), *what.any_of))

    def _of_sort(self, channel: int, chats: Chats) -> bool:
        record = self._register.get_or_none(channel)
        if record is None or record.deleted:
            return False
        return chats is Chats.ALL or record.megagroup is (chats is Chats.GROUPS)

    def _in_channel(self, me: int, hit: Hit, floors: dict[int, int]) -> r.Row | None:
        """The row of a channel's message, if `me` is a member now and it is for him (SECURITY 6.2, 6.4)."""
        channel = hit.author
        if channel not in floors:
            here = rights.is_member(self._register.participant(channel, me))
            floors[channel] = self._channels.floor(me, channel) if here else TOP_ID
        if hit.msg_id <= floors[channel]:
            return None
        with self._store.read(slot_of(channel)) as reader:
            found: r.Row | None = reader.get(ROWS, channel, hit.msg_id)
        return found

    def _in_box(
        self, reader: Reader, me: int, hits: Iterable[Hit], chats: Chats, folder: int | None
    ) -> list[tuple[int, int, r.Row]]:
        """(date, own number, row) of those hits that the box has, in the chats wanted."""
        folders: dict[int, int] = {}
        floors: dict[int, int] = {}
        kept = []
        for hit in hits:
            if is_channel(hit.author):
                msg_id, row = hit.msg_id, self._in_channel(me, hit, floors)
            else:
                msg_id = boxes.own_id(reader, me, hit.author, hit.msg_id)
                row = reader.get(ROWS, me, msg_id) if msg_id else None
            if (
                row is None
                or (chats is Chats.USERS and row.peer < 0)
                or (chats is Chats.GROUPS and row.peer > 0)
            ):
                continue
            if folder is not None:
                if row.peer not in folders:
                    dialog = reader.get(DIALOGS, me, row.peer)
                    folders[row.peer] = dialog.folder if dialog is not None else 0
                if folders[row.peer] != folder:
                    continue
            kept.append((hit.date, msg_id, row))
        return kept

    # Shared.

    def _rows(self, reader: Reader, me: int, peer: int, hits: Sequence[Hit]) -> list[Named]:
        """The asker's own rows of these bodies in the chat, newest first; bodies without one are not his."""
        found: list[Named] = []
        for hit in hits:
            author, author_msg_id = hit.author, hit.msg_id
            if author == me:
                row = reader.get(ROWS, me, author_msg_id)
                if row is not None and row.peer == peer:
                    found.append((author_msg_id, row))
                continue
            mine = reader.get(BACKREFS, me, author, author_msg_id)
            if mine is not None:
                found.append((int.from_bytes(mine, "big"), r.Row(peer, author, author_msg_id)))
        found.sort(key=lambda item: item[0], reverse=True)
        return found

    def _views(self, reader: Reader, me: int, asked: Asked, named: Sequence[Named]) -> list[View]:
        """Messages of a page. One that was edited in the last seconds is tested again: the index may not know yet."""
        own = [msg_id for msg_id, row in named if not is_channel(row.peer) or row.peer == me]
        rows = [(msg_id, reader.get(ROWS, me, msg_id)) for msg_id in own]
        mine = self._history.views_of(reader, me, [(msg_id, row) for msg_id, row in rows if row is not None])
        found: dict[tuple[int, int], View] = {(me, view.msg_id): view for view in mine}
        places: list[tuple[int, int]] = []
        for msg_id, row in named:
            owner = row.peer if is_channel(row.peer) else me
            places.append((owner, msg_id))
            if owner != me and (view := self._channels.message_or_none(me, owner, msg_id)) is not None:
                found[owner, msg_id] = view
        views = [found[place] for place in places if place in found]
        fresh = self._clock.now() - LATE_SECONDS
        fits = self.test(asked)
        return [view for view in views if view.body.edit_date < fresh or fits(view)]

    def test(self, asked: Asked) -> Callable[[View], bool]:
        """Does a message fit? The same as the index's answer, from the message itself; dates aside."""
        describe = self.feed.described

        def fits(view: View) -> bool:
            body = view.body
            if asked.author and body.author != asked.author:
                return False
            kinds, more = describe(body)
            if asked.kinds and not any(kind in kinds for kind in asked.kinds):
                return False
            return not asked.words or asked.words.match(f"{body.text.decode('utf-8', 'replace')} {more}")

        return fits

    async def _hits(self, what: Matching, limit: int, *, oldest: bool = False) -> list[Hit] | None:
        """None: the index is not there."""
        return await self._ask(lambda reader: reader.hits(what, limit, oldest=oldest))

    async def _count(self, what: Matching) -> int:
        return await self._ask(lambda reader: reader.count(what, COUNTED)) or 0

    async def _ask(self, question: Callable[[IndexReader], T]) -> T | None:
        if not self.ready:
            return None
        began = self._clock.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)
        except IndexFault as fault:
            _log.error("search.ask", exc=fault)
            return None
        finally:
            _seconds.observe(self._clock.monotonic() - began)

    def _answer(self, question: Callable[[IndexReader], T]) -> T:
        """In a thread of the pool: each has a connection of its own, to the file that is current."""
        mine = self._of_thread
        generation = self.feed.index.generation
        if getattr(mine, "generation", -1) != generation:
            mine.reader = IndexReader(self.feed.index.path)
            mine.generation = generation
            self._readers.append(mine.reader)
        reader: IndexReader = mine.reader
        return question(reader)


def _matching(scope: list[str], asked: Asked, author: int) -> Matching:
    kinds = tuple(kind_tag(kind) for kind in asked.kinds)
    return Matching(
        tuple(scope),
        asked.words,
        any_of=(kinds,) if kinds else (),
        author=author,
        since=asked.since,
        until=asked.until,
        before=NEWEST,
    )


def _behind(
    found: list[tuple[int, int, r.Row]], before: tuple[int, int] | None
) -> list[tuple[int, int, r.Row]]:
    return found if before is None else [item for item in found if item[:2] < before]
