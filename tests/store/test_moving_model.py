"""Slots move at random while transactions and outboxes run, on the memory engine and on the loop alone: whatever the
order of events, nothing is lost, doubled or reordered, and each slot has one owner. Crashes at any commit of it."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.chat import faults, open_store, send, waited
from tests.store.test_outbox import abandon
from tgserve.errors import StoreError, StoreFull
from tgserve.store import moving
from tgserve.store.check import check_store
from tgserve.store.engines.memory import Disks
from tgserve.store.moving import Mover, Progress
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.writer import Shard

USERS = [101, 102, 103, 104, 105, 106]
HOMES = sorted({slot_of(user) for user in USERS})
ROUNDS = int(os.environ.get("TGSERVE_MOVES", "30"))

Sent = set[tuple[int, int, int]]


class Slow(Store):
    """Shards take their turns after a random while, and so overtake each other."""

    rng = random.Random(0)

    def schedule(self, shard: Shard, seconds: float) -> None:
        self._loop.call_later(seconds or self.rng.choice((0, 0.0002, 0.004)), self._pump, shard, seconds > 0)


class Mortal(Mover):
    """Where the living tries until it succeeds, the dead does nothing more."""

    async def _keep(self, source: Shard, batch: list[int], fault: BaseException) -> None:
        raise fault


def opened(path: Path, disks: Disks) -> Store:
    made = open_store(path, engine=disks.open, shards=3, threaded=False)
    made.__class__ = Slow
    return made


async def talk(store: Store, rng: random.Random, count: int, acknowledged: Sent, first: int) -> None:
    async def one(number: int) -> None:
        me, peer = rng.sample(USERS, 2)
        try:
            acknowledged.add((me, peer, await waited(send(store, me, peer, number))))
        except StoreError:
            return

    for at in range(0, count, 4):
        await asyncio.gather(*(one(first + at + n) for n in range(4)))
        if rng.random() < 0.3:
            await asyncio.sleep(rng.choice((0, 0.0003, 0.002)))


def sound(store: Store, acknowledged: Sent) -> list[str]:
    report = check_store(store)
    wrong = [str(problem) for problem in report.problems if problem.rule in ("I0", "I1", "I5", "I7", "I8")]
    if report.copies:
        wrong.append(f"{report.copies} rows are left over")
    return wrong + faults(store, USERS, acknowledged)


@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(
        st.tuples(st.dictionaries(st.sampled_from(HOMES), st.integers(0, 2), min_size=1), st.integers(1, 40)),
        min_size=1,
        max_size=5,
    ),
)
@settings(max_examples=ROUNDS, deadline=None)
def test_slots_move_at_random(seed: int, steps: list[Any]) -> None:
    async def story() -> None:
        rng = random.Random(seed)
        Slow.rng = random.Random(seed + 1)
        disks = Disks()
        acknowledged: Sent = set()
        with tempfile.TemporaryDirectory(prefix="moving-") as home:
            store = opened(Path(home), disks)
            await store.start()
            mover = Mover(store)
            first = 1
            for moves, count in steps:
                speaking = talk(store, rng, count, acknowledged, first)
                first += count + 4
                await asyncio.gather(speaking, mover.move(dict(moves)))
                assert all(store.table[slot] == number for slot, number in moves.items())
            assert await store.settled()
            assert sound(store, acknowledged) == []
            table, epochs = list(store.table), list(store.epochs)
            await store.close()
            store = opened(Path(home), disks)
            await store.start()
            assert (store.table, store.epochs) == (table, epochs)
            assert sound(store, acknowledged) == []
            await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("stage", ["before", "after"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_crash_at_any_commit_of_a_move(tmp_path: Path, stage: str, seed: int) -> None:
    """The n-th commit of any shard is the last that any disk keeps, or not even that one: for every n, the next start
    has each slot once and every acknowledged message, in order, and nothing is left over."""
    crashes = 0
    for last in range(400):
        Slow.rng = random.Random(seed)
        disks = Disks()
        commits = 0
        dead = False

        def fail(now: str) -> StoreError | None:
            nonlocal commits, dead
            if dead:
                return StoreError("the machine is off")
            if now == stage:
                commits += 1
                dead = commits > last  # noqa: B023 - called within this round
            return StoreError("crash") if dead else None

        async def story() -> bool:
            rng = random.Random(seed)
            acknowledged: Sent = set()
            path = tmp_path / f"{stage}{last}"  # noqa: B023
            store = opened(path, disks)  # noqa: B023
            await store.start()
            await talk(store, rng, 12, acknowledged, 1)
            mover = Mortal(store)
            disks.fail = fail  # noqa: B023
            moves = {slot: (store.table[slot] + 1) % 3 for slot in HOMES}
            done = asyncio.gather(
                talk(store, rng, 24, acknowledged, 100), mover.move(moves), return_exceptions=True
            )
            while not done.done() and not dead:  # noqa: B023
                await asyncio.sleep(0)
            mover._stopping = crashed = dead  # noqa: B023
            await done
            abandon(store)
            store._running = False
            disks.fail = lambda stage: None  # noqa: B023
            store = opened(path, disks)  # noqa: B023
            await store.start()
            assert await store.settled()
            assert sound(store, acknowledged) == []
            await store.close()
            return crashed

        if not asyncio.run(story()):
            break
        crashes += 1
    assert 20 <= crashes < 400


def test_a_commit_that_fails_leaves_the_slots_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever commit of the job finds the disk full: the job says so, the slots that were not claimed stay, nothing is
    left over, and writers never hear of it."""
    monkeypatch.setattr(moving, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(moving, "COPY_ROWS", 3)
    monkeypatch.setattr(moving, "READ_ROWS", 2)
    monkeypatch.setattr(moving, "BATCH_BYTES", 500)
    monkeypatch.setattr(moving, "BATCH_SLOTS", 2)
    full = 0
    for number in range(1, 200, 2):
        disks = Disks()
        count = 0

        def fail(now: str) -> StoreError | None:
            nonlocal count
            if now == "before":
                count += 1
                if count == number:  # noqa: B023
                    return StoreFull("full")
            return None

        async def story() -> bool:
            rng = random.Random(number)  # noqa: B023
            acknowledged: Sent = set()
            store = opened(tmp_path / str(number), disks)  # noqa: B023
            await store.start()
            await talk(store, rng, 16, acknowledged, 1)
            assert await store.settled()
            mover = Mover(store)
            moves = {slot: (store.table[slot] + 1) % 3 for slot in HOMES}
            before = list(store.table)
            disks.fail = fail  # noqa: B023
            failed = False
            progress = Progress()
            try:
                await mover.move(moves, progress)
            except StoreFull:
                failed = True
            disks.fail = lambda now: None  # noqa: B023
            moved = [slot for slot in HOMES if store.table[slot] == moves[slot]]
            assert len(moved) == progress.slots
            assert all(store.table[slot] in (before[slot], moves[slot]) for slot in HOMES)
            await talk(store, rng, 8, acknowledged, 1000)
            assert await store.settled()
            await mover.move(moves)
            await talk(store, rng, 8, acknowledged, 2000)
            assert await store.settled()
            assert sound(store, acknowledged) == []
            await store.close()
            store = opened(tmp_path / str(number), disks)  # noqa: B023
            await store.start()
            assert sound(store, acknowledged) == []
            await store.close()
            return failed

        if not asyncio.run(story()) and count < number:
            break
        full += 1
    assert 10 < full < 99
