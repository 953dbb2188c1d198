"""How what is done to a group gets into boxes: outbox handlers of the members' slots.

Rules: a service message is written in the box of who acted and delivered from there, like any other message; whoever
has left takes nothing that was sent before he did (Dialog.left_at), and what comes later is not sent to him.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tgserve.services import boxes
from tgserve.services.boxes import NO_BOX, NO_DIALOG, View
from tgserve.services.files import holding
from tgserve.services.messaging import Origin, Sent, deliver
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import BODIES, BOXES, DIALOGS, PEER_ROWS
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

SLICE = 500
"""Rows that one transaction takes of a deleted group."""


@dataclass(slots=True)
class Acting:
    """A call that waits for the service message it causes. Travels as memo, in memory only."""

    origin: Origin
    done: asyncio.Future[Sent]


@dataclass(slots=True, frozen=True)
class Acted:
    """Published with the commit that wrote the service message."""

    acting: Acting
    sent: Sent


def resolve(batch: list[Any]) -> None:
    """Bus subscriber: calls go on when their service message is durable."""
    for item in batch:
        if type(item) is Acted and not item.acting.done.done():
            item.acting.done.set_result(item.sent)


def act(txn: Txn, deed: pl.ChatAct, acting: Acting | None) -> None:
    """Outbox: the service message of who acted."""
    user, chat, now = deed.user, deed.chat, deed.date
    if deed.new and deed.forward:
        _bring(txn, deed)
    head = txn.get(BOXES, user) or NO_BOX
    dialog = txn.get(DIALOGS, user, chat) or NO_DIALOG
    msg_id = head.msg_id + 1
    body = r.Body(
        user,
        now,
        layer=deed.layer,
        min_layer=deed.min_layer,
        action=deed.action,
        holders=1 + len(deed.to),
        peer=chat,
        users=deed.users,
        files=deed.files,
    )
    holding.hold_body(txn, body)
    row = r.Row(chat, user, msg_id, r.ROW_OUT)
    txn.put(BODIES, user, msg_id, value=body)
    dialog = boxes.insert(txn, user, msg_id, row, dialog, now)
    if deed.gone == user:
        dialog = replace(dialog, left_at=deed.version, left_date=now)
    elif dialog.left_date:
        dialog = replace(dialog, left_date=0)
    txn.put(DIALOGS, user, chat, value=dialog)
    view = View(user, msg_id, row, body)
    origin = acting.origin if acting is not None else None
    published = eventlog.append(
        txn, user, ev.NewMessage(msg_id), now=now, head=head, memo=view, origin=origin
    )
    for other in deed.to:
        leaves = deed.leaves if other == deed.gone else 0
        message = pl.Deliver(other, chat, user, msg_id, now, version=deed.version, leaves=leaves)
        txn.outbox(slot_of(other), message, body)
    if acting is not None:
        txn.publish(Acted(acting, Sent(msg_id, published.pts, now, view)))


def _bring(txn: Txn, deed: pl.ChatAct) -> None:
    """Give the newcomers the latest messages of the chat, oldest first, as the actor has them."""
    rows = list(txn.range(PEER_ROWS, deed.user, deed.chat, limit=deed.forward, reverse=True))
    found: list[tuple[int, int, int]] = []
    for key, value in reversed(rows):
        row = boxes.unpack_row(deed.user, deed.chat, key[2], value)
        found.append((row.author, row.author_msg_id, boxes.packed_date(value)))
    if found:
        for other in deed.new:
            news = pl.Bring(other, deed.chat, tuple(found), deed.date, deed.version)
            txn.outbox(slot_of(other), news)


def bring(txn: Txn, news: pl.Bring, memo: object) -> None:
    """Outbox: a newcomer's box takes what it does not have. Their authors count the bodies only then, and say so if
    one was deleted meanwhile: whichever word comes first, no row is left without its body."""
    user = news.user
    dialog = txn.get(DIALOGS, user, news.chat) or NO_DIALOG
    if news.version <= dialog.left_at:
        return
    held: dict[int, list[int]] = {}
    for author, msg_id, date in news.messages:
        # an author who comes back has it, or has deleted it
        if author != user and not boxes.own_id(txn, user, author, msg_id):
            deliver(txn, pl.Deliver(user, news.chat, author, msg_id, date, version=news.version), None)
            held.setdefault(author, []).append(msg_id)
    for author, msg_ids in held.items():
        txn.outbox(slot_of(author), pl.HoldBodies(author, tuple(msg_ids), user, news.date))


def hold(txn: Txn, more: pl.HoldBodies, memo: object) -> None:
    """Outbox: one more box holds bodies of `author`."""
    gone: list[int] = []
    for msg_id in more.author_msg_ids:
        body = txn.get(BODIES, more.author, msg_id)
        if body is not None:
            txn.put(BODIES, more.author, msg_id, value=replace(body, holders=body.holders + 1))
        else:
            gone.append(msg_id)
    if gone and more.user:
        word = pl.DeliverDelete(more.user, more.author, tuple(gone), more.date)
        txn.outbox(slot_of(more.user), word)


def tell(txn: Txn, told: pl.TellChatChanged, origin: Any) -> None:
    """Outbox: a member's devices hear of a change that leaves no message."""
    event = ev.ChatChanged(told.chat, told.what)
    eventlog.append(txn, told.user, event, now=told.date, raises=0, origin=origin)


def forget(txn: Txn, gone: pl.ChatDeleted, origin: Any) -> None:
    """Outbox: the group was deleted for all; a slice at a time."""
    user, chat = gone.user, gone.chat
    dialog = txn.get(DIALOGS, user, chat) or NO_DIALOG
    if dialog.left_at < gone.version:
        dialog = replace(dialog, left_at=gone.version, left_date=gone.date)
    now = gone.date
    if dialog.unread_mark:
        eventlog.append(txn, user, ev.DialogUnreadMark(chat, False), now=now, raises=0)
    if dialog.pinned:
        eventlog.append(txn, user, ev.DialogPinned(chat, False), now=now, raises=0)
    dialog = replace(dialog, hidden=True, pinned=0, unread_mark=False)
    txn.put(DIALOGS, user, chat, value=dialog)
    msg_ids = [key[2] for key, _ in txn.range(PEER_ROWS, user, chat, limit=SLICE)]
    removed = boxes.remove(txn, user, msg_ids)
    boxes.release_all(txn, user, removed)
    if removed:
        ids = tuple(msg_id for msg_id, _ in removed)
        eventlog.append(txn, user, ev.DeleteMessages(ids), now=gone.date, raises=len(ids))
    if len(msg_ids) == SLICE:
        txn.outbox(slot_of(user), gone, origin)
    else:
        event = ev.ChatChanged(chat, "settings")
        eventlog.append(txn, user, event, now=gone.date, raises=0, origin=origin)
