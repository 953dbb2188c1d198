"""From slot to slot exactly once and in order: with crashes at every commit, with handlers that fail, when killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.store.chat import deliver, faults, messages, open_store, send, waited
from tests.waiting import until
from tgserve.errors import StoreError
from tgserve.store import payloads as pl
from tgserve.store import writer
from tgserve.store.engines.memory import Disks
from tgserve.store.keyspaces import BODIES, OUTBOX, PARKED, ROWS
from tgserve.store.packing import META_SLOT
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

USERS = [101, 102, 103, 104, 105]
ROOT = Path(__file__).parents[2]


def _other_shard(store: Store, user: int, same: bool = False) -> int:
    """A user whose slot lives in another shard than `user`'s (or in the same, another slot)."""
    home = store.table[slot_of(user)]
    return next(
        other
        for other in range(user + 100, user + 999)
        if slot_of(other) != slot_of(user) and (store.table[slot_of(other)] == home) is same
    )


async def _talk(store: Store, rounds: int, acknowledged: set[tuple[int, int, int]]) -> None:
    for number in range(rounds):
        pairs = [(me, USERS[(n + 1 + number) % 5]) for n, me in enumerate(USERS)]
        pairs = [(me, peer) for me, peer in pairs if me != peer]
        done = await asyncio.gather(
            *(waited(send(store, me, peer, number * 100 + n + 1)) for n, (me, peer) in enumerate(pairs)),
            return_exceptions=True,
        )
        for (me, peer), msg_id in zip(pairs, done, strict=True):
            if isinstance(msg_id, int):
                acknowledged.add((me, peer, msg_id))


@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_crash_at_any_commit_neither_loses_nor_doubles(tmp_path: Path, stage: str) -> None:
    """The n-th commit of any shard is the last the disk sees, kept or not: for every n the restart puts all right."""
    crashes = 0
    for last in range(200):
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
            acknowledged: set[tuple[int, int, int]] = set()
            store = open_store(tmp_path / f"{stage}{last}", engine=disks.open, threaded=False)  # noqa: B023
            await store.start()
            disks.fail = fail  # noqa: B023
            await _talk(store, 3, acknowledged)
            crashed = dead  # noqa: B023
            await store.settled(0.0)
            abandon(store)
            disks.fail = lambda stage: None  # noqa: B023
            store = open_store(tmp_path / f"{stage}{last}", engine=disks.open, threaded=False)  # noqa: B023
            await store.start()
            assert await store.settled()
            assert faults(store, USERS, acknowledged) == []
            await store.close()
            return crashed

        if not asyncio.run(story()):
            break
        crashes += 1
    assert 8 <= crashes < 200


def abandon(store: Store) -> None:
    """As a killed process leaves it: nothing more is written, the lock is free."""
    store._running = False
    assert store._lock is not None
    os.close(store._lock)


def test_messages_cross_shards_and_stay_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        store = open_store(tmp_path)
        await store.start()
        acknowledged: set[tuple[int, int, int]] = set()
        await asyncio.gather(*(_talk(store, 30, acknowledged) for _ in range(1)))
        assert await store.settled()
        assert faults(store, USERS, acknowledged) == []
        assert len(acknowledged) >= 100
        await store.close()

    asyncio.run(story())


def test_whoever_hears_of_a_message_finds_its_body(tmp_path: Path) -> None:
    """The loop's views of all shards stand at one moment: what came through the outbox is there together with what it
    was made from, in another shard, whichever group the loop has heard of."""
    missing: list[object] = []
    seen = 0

    async def story() -> None:
        store = open_store(tmp_path)

        def look(items: list[Any]) -> None:
            nonlocal seen
            for user in {item.user_id for item in items}:
                with store.read(slot_of(user)) as reader:
                    newest = reader.last(ROWS, user)
                assert newest is not None
                row = newest[1]
                with store.read(slot_of(row.author)) as reader:
                    seen += 1
                    if reader.get(BODIES, row.author, row.author_msg_id) is None:
                        missing.append((user, row))

        store.subscribe(look)
        await store.start()
        await asyncio.gather(*(_talk(store, 25, set()) for _ in range(4)))
        await store.settled()
        await store.close()

    asyncio.run(story())
    assert missing == []
    assert seen > 50


def test_applied_parcels_leave_no_rows(tmp_path: Path) -> None:
    """After a clean stop the outboxes are empty, and numbers go on where they were."""

    async def story() -> int:
        store = open_store(tmp_path)
        await store.start()
        peer = _other_shard(store, 101)
        await send(store, 101, peer, random_id=len(messages(store, [101])[101]) + 1)
        await store.close()
        store = open_store(tmp_path, engine="lmdb")
        await store.start()
        view = store.snapshot(store.table[slot_of(101)])
        left = list(Reader(META_SLOT, view).range(OUTBOX))
        view.close()
        assert left == []
        number = len(messages(store, [peer])[peer])
        await store.close()
        return number

    assert [asyncio.run(story()) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("same", [True, False], ids=["same shard", "other shard"])
def test_a_failing_handler_parks_its_stream_alone(
    tmp_path: Path, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows waits behind it in order, other streams go on, a restart keeps it, and in the end all is there."""
    for pause in ("RETRY_SECONDS", "RETRY_MOST_SECONDS", "COMMIT_RETRY_SECONDS"):
        monkeypatch.setattr(writer, pause, 0.02)
    broken = True

    def fragile(txn: Txn, message: pl.Deliver, body: object) -> None:
        if broken and message.author == 101:
            raise RuntimeError("a bug")
        deliver(txn, message, body)

    def opened() -> Store:
        store = Store(tmp_path)
        store.on_outbox(pl.Deliver, fragile)
        return store

    async def story() -> None:
        nonlocal broken
        store = opened()
        await store.start()
        peer = _other_shard(store, 101, same)
        for number in range(3):
            await send(store, 101, peer, number + 1)
        await send(store, 102, peer, 1)
        await store.settled()
        assert [row.author for row in messages(store, [peer])[peer]] == [102]
        assert sum(shard.parked_streams for shard in store.stats()) == 1
        assert sum(shard.failed_items for shard in store.stats()) >= 1
        await store.close()

        store = opened()
        await store.start()
        await send(store, 101, peer, 4)
        await store.settled()
        with store.read(slot_of(peer)) as reader:
            parked = [row.payload.author_msg_id for _, row in reader.range(PARKED)]  # type: ignore[union-attr]
        assert parked == [1, 2, 3, 4]
        broken = False
        await until(lambda: not sum(shard.parked_streams for shard in store.stats()))
        await send(store, 101, peer, 5)
        await store.settled()
        got = [(row.author, row.author_msg_id) for row in messages(store, [peer])[peer]]
        assert got == [(102, 1), *((101, number) for number in range(1, 6))]
        await store.close()

    asyncio.run(story())


def test_what_a_handler_sends_is_delivered_too(tmp_path: Path) -> None:
    """A chain over five boxes: each delivery sends on, through this shard and others."""
    chain = [101, 102, 103, 104, 105, 106, 107]

    def onward(txn: Txn, message: pl.Deliver, body: object) -> None:
        deliver(txn, message, body)
        if message.user != chain[-1]:
            after = chain[chain.index(message.user) + 1]
            txn.outbox(
                slot_of(after),
                pl.Deliver(after, message.user, message.user, message.author_msg_id, message.date),
            )

    async def story() -> None:
        store = Store(tmp_path)
        store.on_outbox(pl.Deliver, onward)
        await store.start()
        await send(store, chain[0], chain[1], 1)
        await store.settled()
        assert [len(rows) for rows in messages(store, chain).values()] == [1] * len(chain)
        await store.close()

    asyncio.run(story())


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.store.chat import open_store, send, waited
from tgserve.store.engines import logged
logged.BATCH_ROWS = 300
USERS = [101, 102, 103, 104, 105]

async def main():
    store = open_store(Path(sys.argv[1]))
    await store.start()
    start = int(sys.argv[2])
    async def talk(n):
        number = start
        while True:
            number += 1
            me, peer = USERS[n % 5], USERS[(n + number) % 5]
            if me != peer:
                msg_id = await waited(send(store, me, peer, number * 1000 + n))
                sys.stdout.write(f"{me} {peer} {msg_id}\\n")
                sys.stdout.flush()
    await asyncio.gather(*(talk(n) for n in range(40)))

asyncio.run(main())
"""


def test_killed_again_and_again_no_acknowledged_message_is_lost(tmp_path: Path) -> None:
    """SECURITY 10.5, the store's part: kill -9 under load, restart, compare both sides of every acknowledged message."""
    acknowledged: set[tuple[int, int, int]] = set()
    for turn in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "store"), str(turn * 1_000_000)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.13 * turn + 0.05)
        process.send_signal(signal.SIGKILL)
        lines = [first, *process.stdout.read().splitlines(keepends=True)]
        process.wait()
        for line in lines:
            if line.endswith(b"\n"):
                me, peer, msg_id = map(int, line.split())
                acknowledged.add((me, peer, msg_id))

    async def audit() -> None:
        store = open_store(tmp_path / "store")
        await store.start()
        assert await store.settled()
        assert faults(store, USERS, acknowledged) == []
        await store.close()

    asyncio.run(audit())
    assert len(acknowledged) > 200
