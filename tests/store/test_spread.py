"""Txn.spread: one payload for many boxes. Each gets it once and in order, whatever happens to the others."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.store.chat import NOW, deliver, messages
from tests.waiting import until
from tgserve.store import eventlog, writer
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import PARKED, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

ME, CHAT = 100, -5
OTHERS = tuple(range(101, 113))


def say(store: Store) -> Commit[int]:
    """A message of ME to all the others."""

    def work(txn: Txn) -> int:
        msg_id = eventlog.next_msg_id(txn, ME)
        eventlog.append(txn, ME, ev.NewMessage(msg_id), now=NOW)
        txn.spread(pl.DeliverAll(OTHERS, CHAT, ME, msg_id, NOW), "memo")
        return msg_id

    return store.transact(slot_of(ME), work)


def opened(path: Path, one: Any = deliver, calls: list[tuple[int, object]] | None = None) -> Store:
    """A store whose DeliverAll runs `one` for each; `calls`: how many at once, and with which memo."""

    def all_of_them(txn: Txn, word: pl.DeliverAll, memo: object) -> None:
        if calls is not None:
            calls.append((len(word.users), memo))
        for user in word.users:
            txn.slot = slot_of(user)
            one(txn, word.to(user), memo)

    store = Store(path)
    store.on_outbox(pl.Deliver, one)
    store.on_outbox(pl.DeliverAll, all_of_them)
    return store


def got(store: Store) -> dict[int, list[int]]:
    boxes = messages(store, list(OTHERS))
    assert all(row.peer == CHAT and row.author == ME for rows in boxes.values() for row in rows)
    return {user: [row.author_msg_id for row in rows] for user, rows in boxes.items()}


def test_each_shard_is_told_once(tmp_path: Path) -> None:
    calls: list[tuple[int, object]] = []

    async def story() -> None:
        store = opened(tmp_path, calls=calls)
        await store.start()
        for _ in range(3):
            await say(store)
        await store.settled()
        assert got(store) == {user: [1, 2, 3] for user in OTHERS}
        assert len(calls) == 3 * len(store.shards)
        assert sum(count for count, _ in calls) == 3 * len(OTHERS)
        assert {memo for _, memo in calls} == {"memo"}
        await store.close()

    asyncio.run(story())


def test_one_whose_box_fails_stops_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """His stream is parked as single messages, in order; the others have all of it, and once."""
    for pause in ("RETRY_SECONDS", "RETRY_MOST_SECONDS", "COMMIT_RETRY_SECONDS"):
        monkeypatch.setattr(writer, pause, 0.02)
    broken, victim = True, OTHERS[5]

    def fragile(txn: Txn, message: pl.Deliver, memo: object) -> None:
        if broken and message.user == victim:
            raise RuntimeError("a bug")
        deliver(txn, message, memo)

    async def story() -> None:
        nonlocal broken
        store = opened(tmp_path, fragile)
        await store.start()
        for _ in range(3):
            await say(store)
        await store.settled()
        assert got(store) == {user: [] if user == victim else [1, 2, 3] for user in OTHERS}
        with store.read(slot_of(victim)) as reader:
            parked = [row.payload for _, row in reader.range(PARKED)]
        assert parked == [pl.Deliver(victim, CHAT, ME, number, NOW) for number in (1, 2, 3)]
        broken = False
        await until(lambda: not sum(shard.parked_streams for shard in store.stats()))
        await say(store)
        await store.settled()
        assert got(store) == {user: [1, 2, 3, 4] for user in OTHERS}
        await store.close()

    asyncio.run(story())


def test_what_was_on_its_way_is_delivered_after_a_crash(tmp_path: Path) -> None:
    """Also to one whose slot is another shard's by now: each of them is sought anew."""
    calls: list[tuple[int, object]] = []

    async def before() -> None:
        store = opened(tmp_path / "a")
        await store.start()
        for shard in store.shards:  # they take no parcels, as after a commit that failed
            shard._hold_until = store.clock.monotonic() + 60
        await say(store)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        for shard in store.shards:
            shard._hold_until = 0.0
        await store.close()

    async def after() -> None:
        store = opened(tmp_path / "b", calls=calls)
        await store.start()
        await store.settled()
        assert got(store) == {user: [1] for user in OTHERS}
        assert calls and {memo for _, memo in calls} == {None}
        await store.close()

    asyncio.run(before())
    asyncio.run(after())


def test_a_parcel_for_a_slot_that_has_moved_on_follows_it(tmp_path: Path) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        await store.start()
        home = store.shard_number(slot_of(ME))
        moved = next(user for user in OTHERS if store.shard_number(slot_of(user)) not in (home, 0))
        there = store.shard(store.shard_number(slot_of(moved)))
        there._hold_until = store.clock.monotonic() + 60
        await say(store)
        assert there.concerned({slot_of(moved)}) and not there.concerned({1023 - slot_of(moved)})
        store.table[slot_of(moved)] = 0
        there._hold_until = 0.0
        there.wake()
        await store.settled()
        view = store.shard(0).engine.snapshot()
        try:
            from_there = messages_in(view, moved)
        finally:
            view.close()
        assert from_there == [1]
        await store.close()

    def messages_in(view: Any, user: int) -> list[int]:
        return [row.author_msg_id for _, row in Reader(slot_of(user), view).range(ROWS, user)]

    asyncio.run(story())
