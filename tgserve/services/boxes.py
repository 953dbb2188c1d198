"""A user's box inside one transaction: rows of messages, the heads of its chats, and the bodies they share.

A message has a ROWS entry by its id, a PEER_ROWS entry by chat (packed: enough to list a chat without ROWS), and, when
another's, a BACKREFS entry that finds it by its author's numbering. Dialog.count, top_message, unread_count always say
what PEER_ROWS holds; every function here keeps that so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any

from msgspec import Struct as Record
from msgspec.msgpack import Encoder
from msgspec.structs import replace

from tgserve.services.files import holding
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import (
    BACKREFS,
    BODIES,
    DIALOGS,
    PEER_ROWS,
    PINS,
    READ_DATES,
    ROWS,
    UNREAD_REACTIONS,
)
from tgserve.store.slots import slot_of
from tgserve.store.transaction import SMALL_BYTES, Reader, Txn

_OWN = Struct(">BI")  # flags, date: the body is the owner's and has the row's own number
_PEERS = Struct(">BII")  # + author_msg_id: the body is the peer's
_OTHERS = Struct(">BIIq")  # + author: anybody's
AUTHOR = Struct(">q")
"""In a PEER_ROWS value of 17 bytes, behind the first 9."""
MSG_ID = Struct(">I")
NO_DIALOG = r.Dialog()
NO_BOX = r.BoxHead()
_encode = Encoder().encode
_pack_own, _pack_peers, _pack_id = _OWN.pack, _PEERS.pack, MSG_ID.pack
_row_key, _peer_key, _back_key, _dialog_key = ROWS.pack, PEER_ROWS.pack, BACKREFS.pack, DIALOGS.pack
_ROW, _PEER, _BACK, _DIALOG = ROWS.tag, PEER_ROWS.tag, BACKREFS.tag, DIALOGS.tag

UNREAD_MENTION = r.ROW_MENTIONED | r.ROW_MEDIA_UNREAD
"""A row that counts in its dialog's unread_mentions has both."""
SERVICE_USER = 777000
"""Notices of the server come from this built-in user."""


class View(Record, gc=False):
    """A message as `owner` sees it: all that drawing it needs. `reply_id` is its target's number in the owner's box,
    0 when the message is no reply or the target is gone."""

    owner: int
    msg_id: int
    row: r.Row
    body: r.Body
    reply_id: int = 0
    viewer: int = 0
    """Who looks, when the box is a channel's; 0 = whoever is told."""
    repliers: tuple[int, ...] = ()
    """Under a channel's post: who commented last."""
    letter: Letter | None = None
    """Shared by the views of all who got the message with it."""


class Letter:
    """A message on its way to the members of a group, with what is the same for all whose rows have the same flags.
    Memo of their pl.Deliver; in memory only. `drawn` is what render/updates.py keeps of it."""

    __slots__ = ("body", "drawn", "packed", "row", "row_data")

    def __init__(self, row: r.Row, date: int, body: r.Body) -> None:
        self.body = body
        self.row = row
        self.row_data = ROWS.encode(row)
        self.packed = _OTHERS.pack(row.flags, date, row.author_msg_id, row.author)
        self.drawn: Any = None


class BodyGone(Record, gc=False):
    """Published when the last box has let go of a body, or it was deleted for all."""

    author: int
    msg_id: int


def drop_body(txn: Txn, author: int, msg_id: int) -> None:
    """Delete a body; what was made of it (the search index) hears of it after the commit."""
    body = txn.get(BODIES, author, msg_id)
    if body is not None and body.reactions is not None:
        txn.outbox(txn.slot, pl.DropReactors(author, msg_id))
    if body is not None and body.poll:
        txn.outbox(slot_of(body.poll), pl.PollUnplaced(body.poll, author, msg_id))
    if body is not None and body.files:
        holding.drop_body(txn, body)
    txn.delete(BODIES, author, msg_id)
    txn.publish(BodyGone(author, msg_id))


def pack_row(owner: int, msg_id: int, row: r.Row, date: int) -> bytes:
    """The PEER_ROWS value: 5, 9 or 17 bytes."""
    if row.author == owner and row.author_msg_id == msg_id:
        return _OWN.pack(row.flags, date)
    if row.author == row.peer:
        return _PEERS.pack(row.flags, date, row.author_msg_id)
    return _OTHERS.pack(row.flags, date, row.author_msg_id, row.author)


def unpack_row(owner: int, peer: int, msg_id: int, value: bytes) -> r.Row:
    """The row that pack_row packed; its date is packed_date(value)."""
    size = len(value)
    if size == 5:
        return r.Row(peer, owner, msg_id, value[0])
    if size == 9:
        flags, _date, author_msg_id = _PEERS.unpack(value)
        return r.Row(peer, peer, author_msg_id, flags)
    flags, _date, author_msg_id, author = _OTHERS.unpack(value)
    return r.Row(peer, author, author_msg_id, flags)


def named_rows(owner: int, peer: int, rows: Iterable[tuple[bytes, bytes]]) -> list[tuple[int, r.Row]]:
    """(msg_id, row) of PEER_ROWS as they are stored."""
    found: list[tuple[int, r.Row]] = []
    make, number = r.Row, MSG_ID.unpack_from
    others, peers = _OTHERS.unpack, _PEERS.unpack
    for key, value in rows:
        msg_id: int = number(key, len(key) - 4)[0]
        size = len(value)
        if size == 5:
            row = make(peer, owner, msg_id, value[0])
        elif size == 9:
            flags, _, author_msg_id = peers(value)
            row = make(peer, peer, author_msg_id, flags)
        else:
            flags, _, author_msg_id, author = others(value)
            row = make(peer, author, author_msg_id, flags)
        found.append((msg_id, row))
    return found


def packed_date(value: bytes) -> int:
    return int.from_bytes(value[1:5], "big")


def insert(txn: Txn, owner: int, msg_id: int, row: r.Row, dialog: r.Dialog, date: int) -> r.Dialog:
    """Write the rows of a message that is new in the box; returns the chat's head as it must be stored after it."""
    journal, slot = txn.journal, txn.slot
    peer, author, number, flags = row.peer, row.author, row.author_msg_id, row.flags
    journal[_row_key(slot, _ROW, owner, msg_id)] = _encode(row)
    if author != owner:
        packed = _pack_peers(flags, date, number) if author == peer else pack_row(owner, msg_id, row, date)
        journal[_back_key(slot, _BACK, owner, author, number)] = _pack_id(msg_id)
    else:
        packed = _pack_own(flags, date) if number == msg_id else pack_row(owner, msg_id, row, date)
    journal[_peer_key(slot, _PEER, owner, peer, msg_id)] = packed
    if flags & r.ROW_FROM_SELF:
        return replace(
            dialog,
            top_message=msg_id,
            top_date=date,
            read_inbox_max=msg_id,
            read_outbox_max=msg_id,
            hidden=False,
            count=dialog.count + 1,
        )
    if flags & r.ROW_OUT:
        return replace(dialog, top_message=msg_id, top_date=date, hidden=False, count=dialog.count + 1)
    return _longer(dialog, msg_id, flags, date)


def take(txn: Txn, owner: int, msg_id: int, letter: Letter, dialog: r.Dialog, date: int) -> r.Dialog:
    """The same for another's message that comes as a letter."""
    journal, slot, row = txn.journal, txn.slot, letter.row
    journal[_row_key(slot, _ROW, owner, msg_id)] = letter.row_data
    journal[_peer_key(slot, _PEER, owner, row.peer, msg_id)] = letter.packed
    journal[_back_key(slot, _BACK, owner, row.author, row.author_msg_id)] = MSG_ID.pack(msg_id)
    return _longer(dialog, msg_id, row.flags, date)


def put_dialog(txn: Txn, owner: int, peer: int, dialog: r.Dialog) -> None:
    """Store a chat's head."""
    data = _encode(dialog)
    if len(data) <= SMALL_BYTES:
        txn.journal[_dialog_key(txn.slot, _DIALOG, owner, peer)] = data
    else:
        txn.put(DIALOGS, owner, peer, value=dialog)


def _longer(dialog: r.Dialog, msg_id: int, flags: int, date: int) -> r.Dialog:
    """A chat's head with one more message of another's."""
    return replace(
        dialog,
        top_message=msg_id,
        top_date=date,
        unread_count=dialog.unread_count + 1,
        unread_mentions=dialog.unread_mentions + (1 if flags & UNREAD_MENTION == UNREAD_MENTION else 0),
        hidden=False,
        count=dialog.count + 1,
    )


def unread(dialog: r.Dialog, msg_id: int, flags: int) -> bool:
    """Does this row count in the chat's unread_count?"""
    return msg_id > dialog.read_inbox_max and not flags & (r.ROW_OUT | r.ROW_FROM_SELF)


def remove(txn: Txn, owner: int, msg_ids: Iterable[int]) -> list[tuple[int, r.Row]]:
    """Take messages out of the box; returns those that were there, by growing id. Bodies are the caller's matter."""
    gone: list[tuple[int, r.Row]] = []
    by_peer: dict[int, list[tuple[int, r.Row]]] = {}
    for msg_id in sorted(set(msg_ids)):
        row = txn.get(ROWS, owner, msg_id)
        if row is None:
            continue
        txn.delete(ROWS, owner, msg_id)
        txn.delete(PEER_ROWS, owner, row.peer, msg_id)
        if row.flags & r.ROW_PINNED:
            txn.delete(PINS, owner, row.peer, msg_id)
        if row.author != owner:
            txn.delete(BACKREFS, owner, row.author, row.author_msg_id)
        gone.append((msg_id, row))
        by_peer.setdefault(row.peer, []).append((msg_id, row))
    for peer, rows in by_peer.items():
        dialog = txn.get(DIALOGS, owner, peer)
        if dialog is not None:
            txn.put(DIALOGS, owner, peer, value=_without(txn, owner, peer, dialog, rows))
    return gone


def deletion(gone: Sequence[tuple[int, r.Row]]) -> ev.DeleteMessages:
    """The event for rows that `remove` took out of a box."""
    chats = dict.fromkeys(row.peer for _, row in gone if row.peer < 0)
    return ev.DeleteMessages(tuple(msg_id for msg_id, _ in gone), tuple(chats))


def _without(txn: Txn, owner: int, peer: int, dialog: r.Dialog, rows: list[tuple[int, r.Row]]) -> r.Dialog:
    top, date = dialog.top_message, dialog.top_date
    if rows[-1][0] >= top:
        top = date = 0
        for key, value in txn.range(PEER_ROWS, owner, peer, limit=1, reverse=True):
            top, date = key[2], packed_date(value)
    counted = [row for msg_id, row in rows if unread(dialog, msg_id, row.flags)]
    return replace(
        dialog,
        top_message=top,
        top_date=date,
        unread_count=dialog.unread_count - len(counted),
        unread_mentions=dialog.unread_mentions
        - sum(1 for _, row in rows if row.flags & UNREAD_MENTION == UNREAD_MENTION),
        count=dialog.count - len(rows),
        unread_reactions=dialog.unread_reactions and _reactions_left(txn, owner, peer, dialog, rows),
    )


def _reactions_left(txn: Txn, owner: int, peer: int, dialog: r.Dialog, rows: list[tuple[int, r.Row]]) -> int:
    """How many messages with unseen reactions are left without these."""
    left = dialog.unread_reactions
    for msg_id, _ in rows:
        if txn.get(UNREAD_REACTIONS, owner, peer, msg_id) is not None:
            txn.delete(UNREAD_REACTIONS, owner, peer, msg_id)
            left -= 1
    return left


def release(txn: Txn, author: int, msg_ids: Iterable[int]) -> None:
    """One box less holds these bodies of `author` (in whose slot `txn` runs); the last one takes them along."""
    for msg_id in msg_ids:
        body = txn.get(BODIES, author, msg_id)
        if body is None:
            continue
        if body.holders <= 1:
            drop_body(txn, author, msg_id)
        else:
            txn.put(BODIES, author, msg_id, value=replace(body, holders=body.holders - 1))


def release_all(txn: Txn, owner: int, gone: list[tuple[int, r.Row]]) -> None:
    """Let go of the bodies of removed rows, here or in their authors' slots."""
    release(txn, owner, [row.author_msg_id for _, row in gone if row.author == owner])
    others: dict[int, list[int]] = {}
    for _, row in gone:
        if row.author != owner:
            others.setdefault(row.author, []).append(row.author_msg_id)
    for author, msg_ids in others.items():
        txn.outbox(slot_of(author), pl.ReleaseBodies(author, tuple(msg_ids)))


def own_id(reader: Reader, owner: int, author: int, author_msg_id: int) -> int:
    """The number in `owner`'s box of a message named by its author's; 0 when it is not (or no longer) there."""
    if author == owner:
        return author_msg_id if reader.get(ROWS, owner, author_msg_id) is not None else 0
    found = reader.get(BACKREFS, owner, author, author_msg_id)
    return int.from_bytes(found, "big") if found is not None else 0


def reply_id(reader: Reader, owner: int, body: r.Body) -> int:
    """The number in `owner`'s box of what `body` answers."""
    reply = body.reply
    return 0 if reply is None else own_id(reader, owner, reply.author, reply.author_msg_id)


def first_since(reader: Reader, owner: int, peer: int, date: int) -> int:
    """The id of the chat's first message of `date` or later, top + 1 when there is none: bisection over the ids."""
    low, high = 1, 1
    for key, _ in reader.range(PEER_ROWS, owner, peer, limit=1, reverse=True):
        high = key[2] + 1
    while low < high:
        middle = (low + high) // 2
        # the first message at or after `middle` tells on which side the border lies
        for key, value in reader.range(PEER_ROWS, owner, peer, lo=middle, limit=1):
            if packed_date(value) < date:
                low = key[2] + 1
            else:
                high = middle
    return low


def forget_read_dates(txn: Txn, owner: int, peer: int, before: int, limit: int = 16) -> None:
    """Drop the oldest read dates of a chat, a few at a time, as new ones come."""
    old: list[int] = []
    for key, value in txn.range(READ_DATES, owner, peer, limit=limit):
        if int.from_bytes(value, "big") >= before:
            break
        old.append(key[2])
    for max_id in old:
        txn.delete(READ_DATES, owner, peer, max_id)
