"""Reading a box: pages of a chat in every addressing, messages by id, a bounded scan for search.

Reads are snapshots taken on the calling thread. Rows are the owner's, bodies lie in their authors' slots: a page reads
each slot it touches once. A body that is gone (its author deleted it for all, our row follows in a moment) is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tgserve import errors
from tgserve.services import boxes
from tgserve.services.boxes import View
from tgserve.store import records as r
from tgserve.store.keyspaces import BODIES, DIALOGS, PEER_ROWS, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader

TOP_ID = 2**31 - 1
SKIP_ROWS = 100_000
"""add_offset beyond this is refused: rows skipped are rows walked."""
SCAN_ROWS = 2_000
"""Rows that one search in a chat looks at."""

Named = tuple[int, r.Row]


@dataclass(slots=True, frozen=True)
class Window:
    """Which part of a chat is asked for: the fields of messages.getHistory, limit already clamped."""

    offset_id: int = 0
    offset_date: int = 0
    add_offset: int = 0
    limit: int = 100
    max_id: int = 0
    min_id: int = 0


@dataclass(slots=True, frozen=True)
class Page:
    """`views` newest first; `count` messages in the whole list; `whole` when views are all of it."""

    views: list[View]
    count: int
    whole: bool


Line = tuple[int, bytes, r.Body]
"""A message of a chat as it is stored: msg_id, PEER_ROWS value, body."""


@dataclass(slots=True, frozen=True)
class Sheet:
    """A page before anything is made of it: what drawing needs for a message that is nothing but text. `lines` newest
    first; count and whole as in Page."""

    lines: list[Line]
    count: int
    whole: bool


class History:
    """Everything that reads messages."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, me: int, peer: int, window: Window) -> Page:
        """A page of a chat. Raises OFFSET_INVALID."""
        with self._store.read(slot_of(me)) as reader:
            dialog = reader.get(DIALOGS, me, peer)
            if dialog is None or not dialog.count:
                return Page([], 0, True)
            rows = select(reader, me, peer, window)
            views = self.views_of(reader, me, rows)
        return Page(views, dialog.count, len(rows) == dialog.count)

    def sheet(self, me: int, peer: int, window: Window) -> Sheet:
        """A page of a chat with a user or basic group. Raises OFFSET_INVALID."""
        with self._store.read(slot_of(me)) as reader:
            dialog = reader.get(DIALOGS, me, peer)
            if dialog is None or not dialog.count:
                return Sheet([], 0, True)
            rows = _select(reader, me, peer, window)
        doors: dict[int, tuple[bytes, Callable[[bytes], bytes | None]]] = {me: self._bodies_of(me)}
        own, own_body = doors[me]
        lines: list[Line] = []
        decode, number, author_of = BODIES.decode, boxes.MSG_ID.unpack_from, boxes.AUTHOR.unpack_from
        for key, value in rows:
            # A body's key is its author's prefix and the author's number, which is in the row, or the row's own.
            if len(value) == 5:
                data = own_body(own + key[-4:])
            else:
                author = peer if len(value) == 9 else author_of(value, 9)[0]
                door = doors.get(author)
                if door is None:
                    door = doors[author] = self._bodies_of(author)
                data = door[1](door[0] + value[5:9])
            if data is not None:
                lines.append((number(key, len(key) - 4)[0], value, decode(data)))
        return Sheet(lines, dialog.count, len(rows) == dialog.count)

    def _bodies_of(self, author: int) -> tuple[bytes, Callable[[bytes], bytes | None]]:
        """What the keys of his bodies begin with, and what finds one."""
        slot = slot_of(author)
        return BODIES.prefix(slot, author), self._store.read(slot).found

    def view(self, me: int, peer: int, line: Line) -> View | None:
        """The view of a line; None when it is not to be shown."""
        msg_id, value, body = line
        row = boxes.unpack_row(me, peer, msg_id, value)
        with self._store.read(slot_of(me)) as reader:
            if body.edit_date and peer < 0 and _edited_later(reader, me, peer, body):
                return None
            return View(me, msg_id, row, body, boxes.reply_id(reader, me, body))

    def messages(self, me: int, msg_ids: Sequence[int]) -> list[View | None]:
        """Messages by id in the order asked; None where the box has no such message (SECURITY 6.4)."""
        with self._store.read(slot_of(me)) as reader:
            rows: list[Named] = []
            for msg_id in dict.fromkeys(msg_ids):
                row = reader.get(ROWS, me, msg_id) if 0 < msg_id <= TOP_ID else None
                if row is not None:
                    rows.append((msg_id, row))
            found = {view.msg_id: view for view in self.views_of(reader, me, rows)}
        return [found.get(msg_id) for msg_id in msg_ids]

    def message_or_none(self, me: int, msg_id: int) -> View | None:
        return self.messages(me, (msg_id,))[0]

    def views_of(self, reader: Reader, me: int, rows: Iterable[Named]) -> list[View]:
        """Rows of `me` with their bodies; `reader` is of my slot, the other slots are opened here, each once."""
        named = list(rows)
        by_author: dict[int, list[int]] = {}
        for _, row in named:
            by_author.setdefault(row.author, []).append(row.author_msg_id)
        found: dict[int, Iterator[Any]] = {}
        for author, msg_ids in by_author.items():
            if author == me:
                found[author] = iter(reader.many(BODIES, author, msg_ids))
            else:
                with self._store.read(slot_of(author)) as other:
                    found[author] = iter(other.many(BODIES, author, msg_ids))
        bodies: list[r.Body | None] = [next(found[row.author]) for _, row in named]
        return [
            View(me, msg_id, row, body, 0 if body.reply is None else boxes.reply_id(reader, me, body))
            for (msg_id, row), body in zip(named, bodies, strict=True)
            if body is not None
            and not (body.edit_date and row.peer < 0 and _edited_later(reader, me, row.peer, body))
        ]

    def unread_mentions(self, me: int, peer: int, window: Window) -> Page:
        """Mentions of `me` in a chat that wait to be seen, newest first."""
        wanted = boxes.UNREAD_MENTION
        with self._store.read(slot_of(me)) as reader:
            dialog = reader.get(DIALOGS, me, peer)
            waiting = dialog.unread_mentions if dialog is not None else 0
            if not waiting:
                return Page([], 0, True)
            found: list[Named] = []
            for key, value in reader.range(PEER_ROWS, me, peer, reverse=True):
                if value[0] & wanted == wanted:
                    found.append((key[2], boxes.unpack_row(me, peer, key[2], value)))
                    if len(found) == waiting:
                        break
            low, high = window.min_id, window.max_id or TOP_ID
            fits = [one for one in found if low < one[0] < high]
            at = sum(1 for one in fits if window.offset_id and one[0] >= window.offset_id)
            start = max(at + window.add_offset, 0)
            return Page(self.views_of(reader, me, fits[start : start + window.limit]), waiting, False)

    def scan(
        self,
        me: int,
        peer: int,
        window: Window,
        wanted: Callable[[View], bool],
        since: int = 0,
        until: int = 0,
    ) -> Page:
        """The newest messages of a chat that are `wanted`, looking at SCAN_ROWS rows below offset_id; since <= date
        < until where given. `count` is a lower bound. add_offset > 0 skips matches."""
        high = min(window.offset_id or TOP_ID, window.max_id or TOP_ID)
        found: list[View] = []
        need = max(window.add_offset, 0) + window.limit
        looked = 0
        with self._store.read(slot_of(me)) as reader:
            if until > 0:
                high = min(high, boxes.first_since(reader, me, peer, until))
            walk = reader.range(PEER_ROWS, me, peer, lo=window.min_id + 1, hi=high, reverse=True)
            while looked < SCAN_ROWS and len(found) < need:
                part = list(islice(walk, 100))
                looked += len(part)
                dated = [item for item in part if boxes.packed_date(item[1]) >= since]
                rows = [(key[2], boxes.unpack_row(me, peer, key[2], value)) for key, value in dated]
                found += [view for view in self.views_of(reader, me, rows) if wanted(view)]
                if len(dated) < 100:
                    break
        kept = found[max(window.add_offset, 0) : need]
        return Page(kept, len(found), len(kept) == len(found))


def _edited_later(reader: Reader, me: int, chat: int, body: r.Body) -> bool:
    """Has it been edited since `me` left the group? What it says now is not for him (SECURITY 6.2)."""
    dialog = reader.get(DIALOGS, me, chat)
    return dialog is not None and 0 < dialog.left_date <= body.edit_date


def select(reader: Reader, me: int, peer: int, window: Window) -> list[Named]:
    """As _select, read."""
    return boxes.named_rows(me, peer, _select(reader, me, peer, window))


def _select(reader: Reader, me: int, peer: int, window: Window) -> list[tuple[bytes, bytes]]:
    """Rows of a chat, newest first: the list of ids in (min_id, max_id), cut at [start, start + limit), where start is
    add_offset places below (above when negative) the first message older than the offset. offset_id, when given, wins
    over offset_date: clients that page by id repeat the last date beside it."""
    if abs(window.add_offset) > SKIP_ROWS:
        raise errors.OFFSET_INVALID()
    low = window.min_id + 1 if window.min_id > 0 else 1
    high = window.max_id if window.max_id > 0 else TOP_ID
    if window.offset_id > 0:
        at = window.offset_id
    elif window.offset_date > 0:
        at = boxes.first_since(reader, me, peer, window.offset_date)
    else:
        at = TOP_ID
    at = min(max(at, low), high) if low < high else low
    if window.limit <= 0 or low >= high:
        return []
    skip = max(window.add_offset, 0)
    newer_asked = max(-window.add_offset, 0)
    items: list[tuple[bytes, bytes]] = []
    if newer_asked and at < high:
        newer = reader.rows(PEER_ROWS, me, peer, lo=at, hi=high, limit=newer_asked)
        items = newer[max(newer_asked - window.limit, 0) :]
        items.reverse()
    older_wanted = window.limit - newer_asked
    if older_wanted > 0 and at > low:
        older = reader.rows(PEER_ROWS, me, peer, lo=low, hi=at, limit=skip + older_wanted, reverse=True)
        items += older[skip:] if skip else older
    return items
