"""A small messenger on the store, for its tests: the shape of services/messaging.py, and the check of what it left."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import BACKREFS, BODIES, BOXES, EVENTS, ROWS, SENT
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

T = TypeVar("T")
NOW = 1_790_000_000


async def waited(commit: Awaitable[T]) -> T:
    """A commit as a coroutine, for asyncio.gather."""
    return await commit


def send(store: Store, me: int, peer: int, random_id: int, text: bytes = b"text") -> Commit[int]:
    """Resolves to the sender's message id; the same again for a repeated random_id."""

    def work(txn: Txn) -> int:
        before = txn.get(SENT, me, random_id)
        if before is not None:
            return int.from_bytes(before, "big")
        msg_id = eventlog.next_msg_id(txn, me)
        body = r.Body(me, NOW, text, holders=2, peer=peer)
        txn.put(BODIES, me, msg_id, value=body)
        txn.put(ROWS, me, msg_id, value=r.Row(peer, me, msg_id, r.ROW_OUT))
        txn.put(SENT, me, random_id, value=msg_id.to_bytes(4, "big"))
        eventlog.append(txn, me, ev.NewMessage(msg_id), now=NOW)
        txn.outbox(slot_of(peer), pl.Deliver(peer, me, me, msg_id, NOW), body)
        return msg_id

    return store.transact(slot_of(me), work)


def deliver(txn: Txn, message: pl.Deliver, body: Any) -> None:
    user = message.user
    assert txn.get(BACKREFS, user, message.author, message.author_msg_id) is None, "delivered twice"
    msg_id = eventlog.next_msg_id(txn, user)
    txn.put(ROWS, user, msg_id, value=r.Row(message.peer, message.author, message.author_msg_id))
    txn.put(BACKREFS, user, message.author, message.author_msg_id, value=msg_id.to_bytes(4, "big"))
    eventlog.append(txn, user, ev.NewMessage(msg_id), now=message.date)


def open_store(path: Path, **options: Any) -> Store:
    store = Store(path, **options)
    store.on_outbox(pl.Deliver, deliver)
    return store


def messages(store: Store, users: list[int]) -> dict[int, list[r.Row]]:
    """Every box's rows in order of message id."""
    boxes: dict[int, list[r.Row]] = {}
    for user in users:
        with store.read(slot_of(user)) as reader:
            boxes[user] = [row for _, row in reader.range(ROWS, user)]
    return boxes


def faults(
    store: Store, users: list[int], acknowledged: set[tuple[int, int, int]] = frozenset()
) -> list[str]:  # type: ignore[assignment]
    """What is wrong once the store has settled: lost, doubled or reordered messages, gaps in pts.

    `acknowledged`: (sender, receiver, sender's msg_id) that were answered."""
    found: list[str] = []
    boxes = messages(store, users)
    for me, rows in boxes.items():
        for peer in users:
            sent = [row.author_msg_id for row in rows if row.author == me and row.peer == peer]
            got = [row.author_msg_id for row in boxes[peer] if row.author == me and row.peer == me]
            if me != peer and sent != got:
                found.append(f"{me} -> {peer}: sent {sent}, got {got}")
    for me, peer, msg_id in acknowledged:
        with store.read(slot_of(me)) as reader:
            row = reader.get(ROWS, me, msg_id)
            if row is None or row.peer != peer:
                found.append(f"{me}'s message {msg_id} was acknowledged and is not there")
    for user in users:
        with store.read(slot_of(user)) as reader:
            head = reader.get(BOXES, user) or r.BoxHead()
            pts = [key[1] for key, event in reader.range(EVENTS, user) if event.pts_count]
            if pts != list(range(2, head.pts + 1)):
                found.append(f"{user}: pts {pts} up to {head.pts}")
            if head.msg_id != len(boxes[user]):
                found.append(f"{user}: {len(boxes[user])} rows, last id {head.msg_id}")
    return found
