"""The event log of a box: what getDifference can tell. Rows and pts are written in the transaction that causes them.

Events with pts cover (pts - pts_count, pts]; events without (drafts, pins, settings) stand at the pts they happened at
with sub 1, 2 ... (docs/DISK.md I9). Kept by count and age; below BoxHead.oldest_pts the answer is differenceTooLong.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

import msgspec

from tgserve.store.events import AnyEvent, LoggedEvent, NewMessage
from tgserve.store.keyspaces import BOXES, EVENTS
from tgserve.store.records import BoxHead
from tgserve.store.transaction import SMALL_BYTES, Reader, Txn

TRIM_EVERY = 64
"""Events between two looks at the log's old end."""
TRIM_ROWS = 256
"""Rows deleted at one look: more than come between two, so that a log that is too long shrinks."""
QUIET_ROWS = 128
"""The newest pts of a box stay whatever their age: who has missed a few things in a long time is told of them. TDLib
logs an ERROR when it is to begin anew for less than the hundred that it asks for."""
LOOK_BACK = 256
"""Events without pts that are looked for below the client's pts."""

_EMPTY = BoxHead()
_encode = msgspec.msgpack.Encoder().encode
_box_key, _event_key = BOXES.pack, EVENTS.pack
_BOX, _EVENT = BOXES.tag, EVENTS.tag


class Published(msgspec.Struct, gc=False):
    """An event after its commit, for the bus. `memo` is whatever the writer of the event wants to save readers a read
    for (rows, bodies); `origin` the session that caused it and needs no update."""

    user_id: int
    pts: int
    pts_count: int
    event: AnyEvent
    date: int
    memo: Any = None
    origin: tuple[int, int] | None = None


def box_head(reader: Reader, user: int) -> BoxHead:
    """The counters of a box; those of a fresh one when there is none yet."""
    return reader.get(BOXES, user) or _EMPTY


def next_msg_id(txn: Txn, user: int) -> int:
    """The id the next message of this box gets. Taken by appending NewMessage with it."""
    return box_head(txn, user).msg_id + 1


def append(
    txn: Txn,
    user: int,
    event: AnyEvent,
    *,
    now: int,
    raises: int = 1,
    head: BoxHead | None = None,
    memo: Any = None,
    origin: tuple[int, int] | None = None,
) -> Published:
    """Log `event` at `now` (Unix seconds), raise pts by `raises` (0: an event without pts), publish it.

    `head` is the caller's changed head (a msg_id taken), not yet put: one read and one row less. A NewMessage raises
    the box's msg_id to its own in any case. The user's slot must be the transaction's.
    """
    box = head or txn.get(BOXES, user) or _EMPTY
    msg_id = box.msg_id
    if raises:
        pts, sub = box.pts + raises, 0
        if type(event) is NewMessage and event.msg_id > msg_id:
            msg_id = event.msg_id
    else:
        pts, sub = box.pts, box.sub + 1
    oldest = box.oldest_pts
    if pts % TRIM_EVERY < raises:
        kept = txn.retention
        oldest = _trim(txn, user, box, kept.events, now - kept.seconds, TRIM_ROWS, QUIET_ROWS, oldest)
    row = _encode(LoggedEvent(event, now, raises))
    if len(row) <= SMALL_BYTES:
        journal, slot = txn.journal, txn.slot
        journal[_box_key(slot, _BOX, user)] = _encode(BoxHead(pts, msg_id, box.qts, now, oldest, sub))
        journal[_event_key(slot, _EVENT, user, pts, sub)] = row
    else:
        txn.put(BOXES, user, value=BoxHead(pts, msg_id, box.qts, now, oldest, sub))
        txn.put(EVENTS, user, pts, sub, value=LoggedEvent(event, now, raises))
    published = Published(user, pts, raises, event, now, memo, origin)
    txn.publish(published)
    return published


def append_message(
    txn: Txn,
    user: int,
    box_key: bytes,
    box: BoxHead,
    now: int,
    memo: Any,
    origin: tuple[int, int] | None = None,
) -> Published:
    """As `append` of NewMessage with the box's next msg_id, for who has read its head (stored under `box_key`): what a
    message to a group costs is this, as often as the group has members."""
    pts, msg_id = box.pts + 1, box.msg_id + 1
    event = NewMessage(msg_id)
    if not pts % TRIM_EVERY:
        return append(txn, user, event, now=now, head=box, memo=memo, origin=origin)
    journal, slot = txn.journal, txn.slot
    journal[box_key] = _encode(BoxHead(pts, msg_id, box.qts, now, box.oldest_pts, 0))
    journal[_event_key(slot, _EVENT, user, pts, 0)] = _logged_message(msg_id, now)
    published = Published(user, pts, 1, event, now, memo, origin)
    if txn.published:
        txn.published.append(published)
    else:
        txn.published = [published]
    return published


def _logger() -> Callable[[int, int], bytes]:
    """(msg_id, date) -> the row of a NewMessage: a mould with room for 32-bit numbers, which msgpack allows of any."""
    number, date = 0xFEDCBA98, 0xFEDCBA99
    mould = _encode(LoggedEvent(NewMessage(number), date, 1))
    before, _, rest = mould.partition(number.to_bytes(4, "big"))
    between, _, after = rest.partition(date.to_bytes(4, "big"))
    pack = Struct(f">{len(before)}sI{len(between)}sI{len(after)}s").pack
    return lambda msg_id, date: pack(before, msg_id, between, date, after)


_logged_message = _logger()


def read(
    reader: Reader, user: int, after_pts: int, *, since_date: int = 0, limit: int = 100
) -> list[tuple[int, LoggedEvent]]:
    """(pts, event) after `after_pts` in order, with the events without pts among them, at most `limit` in all.

    Events without pts that happened at or before after_pts are told again if they are not older than `since_date`
    (the client's date): it may have got its pts from an answer without having seen them. They come first.
    """
    found = _missed(reader, user, after_pts, since_date) if since_date else []
    if len(found) < limit:
        rows = reader.range(EVENTS, user, lo=after_pts + 1, limit=limit - len(found))
        found += [(key[1], logged) for key, logged in rows]
    return found[:limit]


def trim(txn: Txn, user: int, *, keep: int, before: int, rows: int = TRIM_ROWS) -> int:
    """Delete the oldest events: those beyond the newest `keep` pts or older than `before` (Unix seconds), at most
    `rows` of them; returns the new oldest_pts."""
    box = txn.get(BOXES, user)
    if box is None:
        return _EMPTY.oldest_pts
    oldest = _trim(txn, user, box, keep, before, rows)
    if oldest != box.oldest_pts:
        txn.put(BOXES, user, value=BoxHead(box.pts, box.msg_id, box.qts, box.date, oldest, box.sub))
    return oldest


def _trim(
    txn: Txn, user: int, box: BoxHead, keep: int, before: int, rows: int, least: int = 0, lo: int = 0
) -> int:
    """Rows go from the old end, a pts with all its subs; what is left begins above the pts returned. The newest `least`
    go by count alone. `lo`: no row is below this pts. Rows that went are stepped over one by one until the environment
    has heard of it, so who knows where the log begins says so."""
    oldest = box.oldest_pts
    first = txn.get(EVENTS, user, oldest + 1, 0)
    behind = box.pts - oldest - 1
    if first is not None and behind < keep and (first.date >= before or behind < least):
        return oldest  # the usual case, for the price of one read
    above = box.pts - keep + 1
    gone = [key for key, _ in txn.rows(EVENTS, user, lo=lo, hi=above, limit=rows)] if above > lo else []
    if len(gone) < rows:
        aged = txn.range(EVENTS, user, lo=max(lo, above), hi=box.pts - least + 1, limit=rows - len(gone))
        for (_, pts, sub), logged in aged:
            if logged.date >= before:
                break
            gone.append(_event_key(txn.slot, _EVENT, user, pts, sub))
    txn.journal.update(dict.fromkeys(gone))
    return max(oldest, EVENTS.unpack(gone[-1])[1]) if gone else oldest


def _missed(reader: Reader, user: int, pts: int, since_date: int) -> list[tuple[int, LoggedEvent]]:
    """Events without pts at or below `pts` that are not older than since_date, oldest first."""
    found: list[tuple[int, LoggedEvent]] = []
    for (_, at, _), logged in reader.range(EVENTS, user, hi=pts + 1, limit=LOOK_BACK, reverse=True):
        if logged.date < since_date:
            break
        if not logged.pts_count:
            found.append((at, logged))
    found.reverse()
    return found
