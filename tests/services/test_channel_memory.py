"""What channels keep in memory: bounded, right behind every commit, and right again behind a new start."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.community import SECRET, Desk, run
from tests.places import place
from tests.talk import talk
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.services import build
from tgserve.services.channels import counters, members, register
from tgserve.services.channels.members import Newest
from tgserve.services.channels.register import save
from tgserve.services.channels.seats import put_seat
from tgserve.services.groups.life import Action
from tgserve.services.messaging import Draft
from tgserve.services.push.devices import DevicesChanged
from tgserve.store import channel_records as ch
from tgserve.store import payloads as pl
from tgserve.store.keyspaces import CHANNELS
from tgserve.store.records import ROW_MEDIA_UNREAD, ROW_MENTIONED
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn
from tgserve.testing.clock import FakeClock
from tgserve.tl import functions as f
from tgserve.tl import layers
from tgserve.tl import types as t


def test_the_audience_is_who_is_in_it_and_there() -> None:
    """SECURITY 6.2: who arrives is looked up, whoever goes or is removed hears nothing more, there or not."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, kim)):
            audience = c.services.channels.audience
            here = await place(c, ann, bob, eve)
            assert not audience.of(here.id)
            for one in (ann, bob, kim):
                audience.arrived(one.id)
                audience.arrived(one.id)
            assert set(audience.of(here.id)) == {ann.id, bob.id}
            await here.ban(ann, bob, view_messages=True)
            assert set(audience.of(here.id)) == {ann.id}
            await here.ban(ann, eve, view_messages=True)
            audience.arrived(eve.id)
            await here.ban(ann, bob)
            assert set(audience.of(here.id)) == {ann.id}
            link = c.services.channels.doors.primary_or_none(ann.id, here.id)
            assert link is not None
            await bob(f.messages.ImportChatInvite(hash=link.hash))
            assert set(audience.of(here.id)) == {ann.id, bob.id}
            assert set(audience.fresh(here.id)) == {bob.id}  # who has just come in is told of all of it, once
            assert not audience.fresh(here.id)
            audience.departed(bob.id)
            audience.departed(bob.id)
            await bob(f.channels.LeaveChannel(channel=here.input(bob)))
            audience.arrived(bob.id)
            for one in (ann, bob, eve, kim):
                audience.departed(one.id)
            assert not audience.of(here.id)
            assert (audience._present, audience._channels) == ({}, {})

    run(story())


def test_who_arrives_while_his_seat_is_on_its_way_is_in_the_audience() -> None:
    """His list of channels is written in another slot, a moment after his seat: who looks it up between the two was
    told nothing of that channel until he came again. The same of whoever registers a device for pushes then."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, kim)):
            audience, listeners = c.services.channels.audience, c.services.push.listeners
            here = await place(c, ann)
            audience.arrived(ann.id)
            held: list[Any] = []
            handler = c.store.handlers[pl.SeatChanged]

            def apply(txn: Txn, word: pl.SeatChanged) -> None:
                handler(txn, word, None)

            async def deliver() -> None:
                for word in held:
                    await c.store.transact(slot_of(word.user), partial(apply, word=word))
                held.clear()
                await c.settle()

            c.store.handlers[pl.SeatChanged] = lambda txn, word, memo: held.append(word)
            action = _action()
            await c.services.channels.life.invite(ann.id, here.id, [bob.id, eve.id, kim.id], action)
            devices = DevicesChanged(bob.id, (0,))  # type: ignore[arg-type]
            listeners.after_commit([devices, DevicesChanged(eve.id, devices.devices)])
            audience.arrived(bob.id)
            audience.arrived(eve.id)
            assert set(audience.of(here.id)) == {ann.id} and not listeners.of(here.id)
            await here.ban(ann, eve, view_messages=True)
            await deliver()
            assert set(audience.of(here.id)) == {ann.id, bob.id} and set(listeners.of(here.id)) == {bob.id}
            assert set(audience.fresh(here.id)) == {bob.id}
            await here.ban(ann, bob, view_messages=True)
            listeners.after_commit([DevicesChanged(bob.id, ()), devices])  # his list has it still
            assert set(audience.of(here.id)) == {ann.id}
            await deliver()
            assert set(audience.of(here.id)) == {ann.id} and not listeners.of(here.id)

    run(story())


def test_the_audience_behind_a_new_start(tmp_path: Path) -> None:
    """Nobody is there until he arrives; then he is looked up in what is stored."""

    async def story() -> None:
        clock, ids = FakeClock(), Ids(5)
        store, services = _opened(tmp_path, clock, ids)
        await store.start()
        action = _action()
        life = services.channels.life
        done = await life.create(7, "Town", "", action, megagroup=True)
        await life.invite(7, done.channel, [8, 9], action)
        assert await store.settled()
        await life.leave(9, done.channel)
        assert await store.settled()
        await store.close()
        store, services = _opened(tmp_path, clock, ids)
        await store.start()
        audience = services.channels.audience
        for user in (8, 9):
            audience.arrived(user)
        assert set(audience.of(done.channel)) == {8}
        assert list(await services.channels.members.members(done.channel)) in ([8, 7], [7, 8])
        await store.close()

    run(story())


def test_a_mention_that_was_seen_stays_so_behind_a_new_start(tmp_path: Path) -> None:
    """Also when the wall clock stands before it: what waited for its mark was known to the run that wrote it."""

    async def story() -> None:
        clock, ids = FakeClock(), Ids(5)
        store, services = _opened(tmp_path, clock, ids)
        await store.start()
        action = _action()
        channels = services.channels
        town = (await channels.life.create(7, "Town", "", action, megagroup=True)).channel
        await channels.life.invite(7, town, [8], action)
        assert await store.settled()
        clock.advance(30)
        sent = await channels.posting.send(7, town, Draft(b"you there", mentions=(8,)), 1, name="Ann")

        def unseen(services: Any) -> bool:
            view = services.channels.reading.message_or_none(8, town, sent.msg_id)
            assert view.row.flags & ROW_MENTIONED
            return bool(view.row.flags & ROW_MEDIA_UNREAD)

        assert unseen(services)
        assert await store.settled()
        assert unseen(services)
        await channels.reading.read_contents(8, town, [sent.msg_id])
        assert not unseen(services)
        await store.close()
        clock.set_wall(clock.now() - 20)
        store, services = _opened(tmp_path, clock, ids)
        await store.start()
        assert not unseen(services)
        await store.close()

    run(story())


def _opened(folder: Path, clock: FakeClock, ids: Ids) -> tuple[Store, Any]:
    store = Store(folder, clock=clock, ids=ids, secret=SECRET, shards=2)
    return store, build(store, clock, ids, Config(), Desk(), secret=SECRET)  # type: ignore[arg-type]


def _action() -> Action:
    data, layer = layers.encode_part(t.MessageActionChannelCreate(title="Town"))
    return Action(data, layers.CURRENT, layer)


def test_the_list_of_members_follows() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, kim)):
            here = await place(c, ann, bob, eve)
            listed = c.services.channels.members.members
            assert set(await listed(here.id)) == {ann.id, bob.id, eve.id}
            await bob(f.channels.LeaveChannel(channel=here.input(bob)))
            assert bob.id not in await listed(here.id) and len(await listed(here.id)) == 2
            link = c.services.channels.doors.primary_or_none(ann.id, here.id)
            assert link is not None
            for one in (kim, bob):
                await one(f.messages.ImportChatInvite(hash=link.hash))
            assert (await listed(here.id))[:2] == [bob.id, kim.id]
            assert set(await listed(here.id)) == {ann.id, bob.id, eve.id, kim.id}

    run(story())


def test_a_list_of_members_is_read_in_slices_while_they_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "SLICE", 7)

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            link = c.services.channels.doors.primary_or_none(ann.id, here.id)
            assert link is not None
            came = {10**9 + user * 31 % 97: 1000 + user * 17 % 13 for user in range(60)}

            def seat(txn: Txn) -> None:
                record = txn.get(CHANNELS, here.id)
                assert record is not None
                for user, date in came.items():
                    record = put_seat(txn, here.id, record, user, ch.Participant(date, ann.id), 1)
                save(txn, here.id, record)

            await c.services.store.transact(slot_of(here.id), seat)
            listed = c.services.channels.members.members
            both = [asyncio.create_task(listed(here.id)) for _ in range(2)]
            await asyncio.gather(
                bob(f.channels.LeaveChannel(channel=here.input(bob))),
                eve(f.messages.ImportChatInvite(hash=link.hash)),
            )
            first, second = await asyncio.gather(*both)
            assert first is second is await listed(here.id)
            expected = sorted(came, key=lambda user: (came[user], user))
            assert list(first) == [eve.id, ann.id, *reversed(expected)] and len(first) == 62

    run(story())


def test_names_of_members_are_looked_through_in_slices() -> None:
    """Others have their turns between two slices."""

    async def story() -> None:
        turns = looked = 0
        gaps: list[int] = []

        async def others() -> None:
            nonlocal turns
            while True:
                gaps.append(looked)
                turns += 1
                await asyncio.sleep(0)

        def wanted(user: int) -> bool:
            nonlocal looked
            looked += 1
            return user % 1000 == 0

        task = asyncio.get_running_loop().create_task(others())
        count, found = await members.page(Newest(range(5_000)), wanted, 1, 3)
        task.cancel()
        assert (count, found) == (5, [3000, 2000, 1000])
        assert turns >= 5_000 // members.LOOKED_AT
        assert max(two - one for one, two in pairwise(gaps)) <= members.LOOKED_AT

    run(story())


def test_newest_is_a_list_read_from_its_end() -> None:
    plain = list(range(20, 40))
    newest = Newest(plain)
    for gone in (20, 39, 27):
        newest.drop(gone)
        plain.remove(gone)
    newest.add(27)
    plain.append(27)
    turned = plain[::-1]
    assert len(newest) == len(turned) and list(newest) == turned
    assert [newest[at] for at in range(-len(turned), len(turned))] == [
        turned[at] for at in range(-len(turned), len(turned))
    ]
    for start in range(0, 22, 3):
        assert newest[start : start + 5] == turned[start : start + 5]
    with pytest.raises(IndexError):
        newest[len(turned)]


def test_what_is_kept_of_channels_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "CHANNELS_CACHED", 2)
    monkeypatch.setattr(register, "TAIL_IDS", 6)
    monkeypatch.setattr(members, "LISTS_CACHED", 2)
    monkeypatch.setattr(counters, "VIEWERS_KEPT", 10)
    monkeypatch.setattr(counters, "POSTS_CACHED", 3)

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            kept = c.services.channels
            for _ in range(4):
                here = await place(c, ann, bob)
                posts = [await here.post(ann, f"post {number}") for number in range(4)]
                assert (await here.line(bob)).unread_count == 1 + len(posts)  # and that he was brought in
                await kept.members.members(here.id)
                for viewer in range(5):
                    kept.counters.view(viewer + 1, here.id, posts)
                assert kept.counters.of(here.id, posts[0]).views == 5
            assert len(kept.register._cache) <= 2 and len(kept.members._lists) <= 2
            ids = sum(len(tail.ids) for tail in kept.register._tails.values())
            assert ids == kept.register._tail_ids and len(kept.register._tails) == 1
            assert len(kept.counters._viewed) <= 10 and len(kept.counters._known) <= 3

    run(story())
