"""Moving slots on the real engine: what is refused, cancelled, stopped or runs out of disk leaves everything as it was;
readers, cuts and parked streams go along."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_disk_full import Ballast, small_disk
from tests.store.chat import deliver, faults, messages, open_store, send, waited
from tests.waiting import until
from tgserve.errors import StoreError, StoreFull
from tgserve.store import moving, writer
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.check import Report, check_folder, check_store
from tgserve.store.keyspaces import BODIES
from tgserve.store.moving import Mover, Progress, spread
from tgserve.store.places import PROBE, prepare
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.transaction import Reader
from tgserve.store.verify import Verdict, walk

USERS = list(range(101, 121))
OWNERS = range(5000, 5400)
RULES = ("I0", "I1", "I5", "I7", "I8")


def wrong(report: Report) -> list[str]:
    return [str(problem) for problem in report.problems if problem.rule in RULES]


async def fill(store: Store, rows: int) -> None:
    """Bodies of people who never write: something to copy."""
    value = BODIES.encode(r.Body(1, 1, b"x" * 300))
    for shard in store.shards:
        own = [owner for owner in OWNERS if store.table[slot_of(owner)] == shard.number]
        some = {BODIES.key(slot_of(owner), owner, n): value for owner in own for n in range(1, rows + 1)}
        await shard.aside(partial(shard.engine.commit, some))


class Writing:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.acknowledged: set[tuple[int, int, int]] = set()
        self.stopped = False
        self.tasks = [asyncio.ensure_future(self._write(number)) for number in range(4)]

    async def _write(self, number: int) -> None:
        count = 0
        while not self.stopped:
            count += 1
            me, peer = USERS[(count + number) % 20], USERS[(count * 7 + number * 3 + 1) % 20]
            if me != peer:
                msg_id = await waited(send(self.store, me, peer, number * 10**6 + count))
                self.acknowledged.add((me, peer, msg_id))
            await asyncio.sleep(0.001)

    async def end(self) -> None:
        self.stopped = True
        await asyncio.gather(*self.tasks)
        assert await self.store.settled()


@asynccontextmanager
async def served(path: Path, rows: int = 50) -> Any:
    store = open_store(path, shards=2)
    await store.start()
    await fill(store, rows)
    writing = Writing(store)
    yield store, Mover(store), writing
    if not writing.stopped:
        await writing.end()
    assert faults(store, USERS, writing.acknowledged) == []
    assert wrong(await asyncio.to_thread(check_store, store)) == []
    await store.close()
    assert wrong(check_folder(path)) == []


def test_few_slots_move_and_all_shards_have_equally_many() -> None:
    table = [0, 1] * 512
    moves = spread(table, [0, 1, 2])
    assert len(moves) == 341 and set(moves.values()) == {2}
    for slot, number in moves.items():
        table[slot] = number
    assert sorted(table.count(number) for number in range(3)) == [341, 341, 342]
    assert spread(table, [0, 1, 2]) == {}
    away = spread(table, [0, 1, 2], leave=1)
    assert set(away) == {slot for slot, number in enumerate(table) if number == 1} and set(away.values()) == {
        0,
        2,
    }
    assert spread([0] * SLOTS, [0, 7]) == dict.fromkeys(range(512), 7)


def test_readers_and_cuts_see_one_store(tmp_path: Path) -> None:
    """While everything moves to and fro: what a thread reads of a slot is whole, every cut passes the check, and the
    loop's reads find what was acknowledged."""

    async def story() -> None:
        async with served(tmp_path / "store") as (store, mover, writing):
            shard = await mover.add(tmp_path / "place")
            looks = 0
            stop = False

            async def look() -> None:
                nonlocal looks
                while not stop:
                    for owner in list(OWNERS)[looks % 20 :: 20]:
                        assert await asyncio.to_thread(count, owner) == 50
                        with store.read(slot_of(owner)) as reader:
                            assert reader.count(BODIES, owner) == 50
                    assert wrong(await asyncio.to_thread(check_store, store)) == []
                    looks += 1

            def count(owner: int) -> int:
                view = store.snapshot_of(slot_of(owner))
                try:
                    return Reader(slot_of(owner), view).count(BODIES, owner)
                finally:
                    view.close()

            looking = asyncio.ensure_future(look())
            for _ in range(2):
                await mover.move(spread(store.table, [0, 1, shard.number]))
                await mover.move(spread(store.table, [0, 1, shard.number], leave=shard.number))
            stop = True
            await looking
            assert looks >= 2
            await mover.remove(shard.number)
            assert not any((tmp_path / "place").iterdir())

    asyncio.run(story())


def test_one_job_at_a_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path / "store") as (store, mover, writing):
            shard = await mover.add(tmp_path / "place")
            first = asyncio.ensure_future(mover.move(spread(store.table, [0, 1, shard.number])))
            await asyncio.sleep(0)
            for another in (
                mover.move({0: shard.number}),
                mover.add(tmp_path / "other"),
                mover.remove(shard.number),
            ):
                with pytest.raises(StoreError, match="already"):
                    await another
            assert (await first).slots == 341
            assert not (tmp_path / "other").exists()
            with pytest.raises(StoreError, match="there is no shard 9"):
                await mover.move({0: 9})
            with pytest.raises(StoreError, match="still has slots"):
                await mover.remove(shard.number)
            with pytest.raises(StoreError, match="already"):
                await mover.add(tmp_path / "place")

    asyncio.run(story())


@pytest.mark.parametrize("after", [0.005, 0.03, 0.08, 0.2])
def test_a_cancelled_job_takes_back_what_is_half_done(tmp_path: Path, after: float) -> None:
    async def story() -> None:
        async with served(tmp_path / "store", rows=200) as (store, mover, writing):
            shard = await mover.add(tmp_path / "place")
            progress = Progress()
            job = asyncio.ensure_future(mover.move(spread(store.table, [0, 1, shard.number]), progress))
            await asyncio.sleep(after)
            job.cancel()
            with suppress(
                asyncio.CancelledError
            ):  # a quick machine may have moved all of it by the last of these
                await job
            assert store.table.count(shard.number) == progress.slots
            report = await asyncio.to_thread(check_store, store)
            assert report.copies == 0
            again = await mover.move(spread(store.table, [0, 1, shard.number]))
            assert progress.slots + again.slots == 341
            assert (await asyncio.to_thread(check_store, store)).copies == 0

    asyncio.run(story())


def test_a_stop_in_the_middle(tmp_path: Path) -> None:
    """The store closes at once; the next start deletes the copies, and the same move goes on with the rest."""

    async def story() -> None:
        store = open_store(tmp_path / "store", shards=2)
        await store.start()
        await fill(store, 200)
        writing, mover = Writing(store), Mover(store)
        shard = await mover.add(tmp_path / "place")
        job = asyncio.ensure_future(mover.move(spread(store.table, [0, 1, shard.number])))
        while mover.progress is None or mover.progress.slots < 32:
            await asyncio.sleep(0.002)
        writing.stopped = True
        await asyncio.wait_for(store.close(), 60)
        with pytest.raises(StoreError, match="the server stops"):
            await job
        moved = store.table.count(shard.number)
        assert 32 <= moved < 341
        store = open_store(tmp_path / "store")
        await store.start()
        assert store.table.count(shard.number) == moved
        assert (await asyncio.to_thread(check_store, store)).copies == 0
        await Mover(store).move(spread(store.table, [0, 1, shard.number]))
        assert store.table.count(shard.number) == 341
        assert faults(store, USERS, writing.acknowledged) == []
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("leave", [0, 600_000])
def test_a_disk_that_runs_full_ends_the_job_and_nothing_else(tmp_path: Path, leave: int) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:

        async def story() -> None:
            async with served(tmp_path / "store", rows=100) as (store, mover, writing):
                shard = await mover.add(disk)
                ballast = Ballast(disk)
                ballast.fill(leave)
                before = list(store.table)
                with pytest.raises(StoreFull, match="has no room for the slots"):
                    await mover.move(spread(store.table, [0, 1, shard.number]))
                assert store.table == before
                ballast.free()
                progress = await mover.move(spread(store.table, [0, 1, shard.number]))
                assert progress.slots == 341
                assert (await asyncio.to_thread(check_store, store)).copies == 0
                await mover.move(spread(store.table, [0, 1, shard.number], leave=shard.number))
                await mover.remove(shard.number)

        asyncio.run(story())


def test_parked_streams_move_with_their_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits because its handler fails is retried by the new owner, in order, and what follows waits behind it."""
    for pause in ("RETRY_SECONDS", "RETRY_MOST_SECONDS"):
        monkeypatch.setattr(writer, pause, 0.05)
    broken = True

    def fragile(txn: Any, message: pl.Deliver, body: object) -> None:
        if broken:
            raise RuntimeError("a bug")
        deliver(txn, message, body)

    async def story() -> None:
        nonlocal broken
        store = Store(tmp_path / "store", shards=2)
        store.on_outbox(pl.Deliver, fragile)
        await store.start()
        for number in range(3):
            await send(store, 101, 102, number + 1)
        await store.settled()
        mover = Mover(store)
        shard = await mover.add(tmp_path / "place")
        await mover.move({slot_of(102): shard.number})
        await send(store, 101, 102, 4)
        await store.settled()
        assert messages(store, [102])[102] == []
        broken = False
        await until(lambda: len(messages(store, [102])[102]) == 4)
        assert [row.author_msg_id for row in messages(store, [102])[102]] == [1, 2, 3, 4]
        assert faults(store, [101, 102]) == []
        await store.close()

    asyncio.run(story())


def test_the_gate_waits_for_what_is_under_way(tmp_path: Path) -> None:
    """M1: with a parcel of the slot under way that does not come to rest, no slot changes its owner."""

    async def story() -> None:
        store = open_store(tmp_path / "store", shards=2)
        await store.start()
        mover = Mover(store)
        peer = next(user for user in USERS if store.table[slot_of(user)] != store.table[slot_of(101)])
        target = store.shard(store.table[slot_of(peer)])
        target._hold_until = (
            store.clock.monotonic() + 60
        )  # as after a commit that failed: it takes no parcels
        await send(store, 101, peer, 1)
        assert store.under_way({slot_of(101)}) and store.under_way({slot_of(peer)})
        progress = Progress()

        async def release() -> None:
            await until(lambda: progress.gave_up)
            assert store.table[slot_of(101)] != target.number
            target._hold_until = 0.0
            target.wake()

        releasing = asyncio.ensure_future(release())
        await mover.move({slot_of(101): target.number}, progress)
        await releasing
        assert store.table[slot_of(101)] == target.number
        assert await store.settled()
        assert faults(store, [101, peer]) == []
        await store.close()

    asyncio.run(story())


def test_a_walk_over_one_shard_finds_what_does_not_belong(tmp_path: Path) -> None:
    async def story() -> None:
        store = open_store(tmp_path / "store", shards=2)
        await store.start()
        await fill(store, 2)
        slot = store.table.index(0)
        store.shards[1].engine.commit({BODIES.key(slot, 1, 1): b"\xc1"})
        own = store.table.index(1)
        store.shards[1].engine.commit({BODIES.key(own, 1, 1): b"\xc1", own.to_bytes(2, "big") + b"\x6f": b""})
        found = []
        for number in (0, 1):
            verdict = Verdict()
            for _ in walk(store, number, verdict):
                pass
            found.append(sorted(problem.rule for problem in verdict.problems))
        assert found == [[], ["I0", "I1", "I1"]]
        await store.close()

    asyncio.run(story())


def test_a_folder_of_ours_may_be_taken_again(tmp_path: Path) -> None:
    """A shard that was made and never entered, because the process died in between."""

    async def story() -> None:
        store = open_store(tmp_path / "store", shards=1)
        await store.start()
        mover = Mover(store)
        (tmp_path / "place").mkdir()
        folder = prepare(tmp_path / "place", 1, store.format, store.path)
        store._found(1, folder).close()
        assert (await mover.add(tmp_path / "place")).number == 1
        await store.close()
        other = open_store(tmp_path / "other", shards=1)
        await other.start()
        with pytest.raises(StoreError, match="of another server"):
            await Mover(other).add(tmp_path / "place")
        await other.close()

    asyncio.run(story())


def test_a_folder_may_be_taken_whose_trial_was_cut_short(tmp_path: Path) -> None:
    """The process was killed between writing the probe and taking it away."""
    place = tmp_path / "place"
    place.mkdir()
    (place / PROBE).write_bytes(bytes(4096))

    async def story() -> None:
        store = open_store(tmp_path / "store", shards=1)
        await store.start()
        assert (await Mover(store).add(place)).number == 1
        await store.close()

    asyncio.run(story())
    assert not (place / PROBE).exists()


def test_a_shard_whose_disk_is_away_prevents_the_start(tmp_path: Path) -> None:
    """And is not made anew."""

    async def story() -> None:
        store = open_store(tmp_path / "store", shards=1)
        await store.start()
        mover = Mover(store)
        await mover.add(tmp_path / "place")
        await mover.move(spread(store.table, [0, 1]))
        await store.close()
        (tmp_path / "place" / "shard-1").rename(tmp_path / "away")
        store = open_store(tmp_path / "store")
        with pytest.raises(StoreError, match="is its disk mounted"):
            await store.start()
        assert not (tmp_path / "place" / "shard-1").exists()
        (tmp_path / "away").rename(tmp_path / "place" / "shard-1")
        store = open_store(tmp_path / "store")
        await store.start()
        assert store.table.count(1) == 512
        await store.close()

    asyncio.run(story())


def test_slots_move_under_load_on_a_disk_that_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit takes longer than the gate may be shut on a quick one."""
    real = os.fdatasync

    def slow(file: int) -> None:
        time.sleep(5 * moving.GATE_MOST_SECONDS)
        real(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    monkeypatch.setattr(moving, "GATE_TRIES", 40)

    async def story() -> None:
        async with served(tmp_path / "store") as (store, mover, writing):
            await until(lambda: writing.acknowledged)
            here = store.table[slot_of(USERS[0])]
            progress = await mover.move({slot_of(USERS[0]): 1 - here})
            assert progress.slots == 1 and store.table[slot_of(USERS[0])] == 1 - here

    asyncio.run(story())


def test_the_gate_is_given_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that takes no parcels for good: the job says so, and everything stays."""
    monkeypatch.setattr(moving, "GATE_TRIES", 3)

    async def story() -> None:
        store = open_store(tmp_path / "store", shards=2)
        await store.start()
        peer = next(user for user in USERS if store.table[slot_of(user)] != store.table[slot_of(101)])
        target = store.shard(store.table[slot_of(peer)])
        target._hold_until = store.clock.monotonic() + 60
        await send(store, 101, peer, 1)
        before = list(store.table)
        with pytest.raises(StoreError, match="does not come to rest"):
            await Mover(store).move({slot_of(101): target.number})
        assert store.table == before and not store.held and not store.calm
        await send(store, 101, peer, 2)
        target._hold_until = 0.0
        target.wake()
        assert await store.settled()
        assert faults(store, [101, peer]) == []
        await store.close()

    asyncio.run(story())
