"""A message that goes into all boxes of a group at once leaves there what it would have left one by one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.community import Community, community, run
from tgserve.services.groups.life import Action
from tgserve.services.messaging import Draft, ReplyTo
from tgserve.store import eventlog
from tgserve.store import payloads as pl
from tgserve.store.check import check_store
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import BACKREFS, BODIES, BOXES, DIALOGS, EVENTS, PEER_ROWS, ROWS
from tgserve.store.packing import Keyspace
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn
from tgserve.store.writer import Shard

PEOPLE = tuple(range(1_000_001, 1_000_010))
ACTION = Action(b"\x95\xdb\xa0\x9f", 232, 0)
KEPT: tuple[Keyspace[Any], ...] = (BACKREFS, BODIES, BOXES, DIALOGS, EVENTS, PEER_ROWS, ROWS)
ARCHIVED, DRAFTED, GONE, BACK = PEOPLE[3:7]


def contents(c: Community) -> dict[tuple[Any, ...], Any]:
    """Everything in the boxes, decoded."""
    found: dict[tuple[Any, ...], Any] = {}
    for user in PEOPLE:
        with c.store.read(slot_of(user)) as reader:
            for keyspace in KEPT:
                for key, value in reader.range(keyspace, user):
                    found[keyspace.name, *key] = value
    return found


async def story(c: Community) -> dict[tuple[Any, ...], Any]:
    groups, messaging = c.services.groups, c.services.messaging
    chat = (await groups.create(PEOPLE[0], "Us", PEOPLE[1:], ACTION)).roster.chat
    await c.settle()

    def change(user: int, **fields: Any) -> Any:
        def work(txn: Txn) -> None:
            dialog = txn.get(DIALOGS, user, chat)
            assert dialog is not None
            txn.put(DIALOGS, user, chat, value=replace(dialog, **fields))

        return c.store.transact(slot_of(user), work)

    await change(ARCHIVED, folder=1)
    await change(DRAFTED, draft=b"d" * 400, hidden=True)
    for number in range(1, eventlog.TRIM_EVERY + 9):
        c.clock.advance(1)
        reply = ReplyTo(number) if number % 5 == 2 else None
        mentions = PEOPLE[number % 9 :] if number % 4 == 0 else ()
        draft = Draft(b"%d" % number, reply=reply, mentions=mentions, media_unread=number % 3 == 0)
        me = PEOPLE[0] if reply else PEOPLE[number % 3]
        await messaging.send(me, chat, draft, number)
        if number == 10:
            await groups.remove(PEOPLE[0], chat, GONE, ACTION)
            await groups.remove(PEOPLE[0], chat, BACK, ACTION)
        if number == 20:
            await groups.add(PEOPLE[0], chat, BACK, 3, ACTION)
        await c.settle()
    assert check_store(c.store).problems == []
    return contents(c)


def test_at_once_is_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, heads, events and what is published are the same; among them are members who are gone, came back, have the
    group in their archive or a long draft in it."""
    left: list[dict[tuple[Any, ...], Any]] = []
    told: list[list[tuple[Any, ...]]] = []
    calls: list[int] = []

    async def play() -> None:
        async with community() as c:
            handler = c.store.handlers[pl.DeliverAll]

            def counted(txn: Txn, word: pl.DeliverAll, memo: Any) -> None:
                calls.append(len(word.users))
                handler(txn, word, memo)

            c.store.handlers[pl.DeliverAll] = counted
            left.append(await story(c))
            events = [one for one in c.heard if type(one) is Published]
            told.append(sorted((one.user_id, one.pts, repr(one.event), one.date) for one in events))

    run(play())
    assert sum(calls) > 300, "the members are reached by DeliverAll"
    alone = Shard._apply_all

    def one_by_one(self: Any, source: int, payload: pl.DeliverAll, memo: Any, group: Any) -> None:
        for user in payload.users:
            one = payload.to(user)
            self._deliver(((source, slot_of(user), b"", one, memo),), group)

    monkeypatch.setattr(Shard, "_apply_all", one_by_one)
    calls.clear()
    run(play())
    assert not calls and alone is not one_by_one
    assert left[0] == left[1]
    assert told[0] == told[1]


def test_after_a_restart_there_is_no_letter() -> None:
    """What is applied from the disk alone leaves the same rows."""

    async def play() -> None:
        async with community() as c:
            handler = c.store.handlers[pl.DeliverAll]
            c.store.handlers[pl.DeliverAll] = lambda txn, word, memo: handler(txn, word, None)
            left.append(await story(c))

    async def plain() -> None:
        async with community() as c:
            left.append(await story(c))

    left: list[dict[tuple[Any, ...], Any]] = []
    run(play())
    run(plain())
    assert left[0] == left[1]
