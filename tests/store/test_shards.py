"""Transactions as their callers see them: groups, failures, order, views, limits, the lock, a full disk."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.chat import faults, open_store, send, waited
from tgserve.errors import StoreError, StoreFull
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.engines.memory import Disks
from tgserve.store.keyspaces import BOXES, CONTACTS, META, NAMES, TALLIES, USER_SETTINGS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

Story = Callable[[Store], Any]


@pytest.fixture(params=["lmdb", "lmdb-plain", "memory", "memory, no threads"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Story], None]]:
    """Run a story on a fresh open store of each kind."""

    def run(story: Story) -> None:
        async def whole() -> None:
            engine, _, rest = request.param.partition(", ")
            store = open_store(tmp_path / "store", engine=engine, threaded=not rest)
            await store.start()
            try:
                await story(store)
            finally:
                await store.close()

        asyncio.run(whole())

    yield run


def put(name: str, value: bytes) -> Callable[[Txn], None]:
    return lambda txn: txn.put(USER_SETTINGS, 7, name, value=value)


def test_a_commit_returns_what_the_function_did_and_is_readable(play: Callable[[Story], None]) -> None:
    async def story(store: Store) -> None:
        def work(txn: Txn) -> str:
            txn.put(BOXES, 7, value=r.BoxHead(5, 4))
            found = txn.get(BOXES, 7)
            assert found is not None
            return f"{txn.slot} {found.pts}"

        assert await store.transact(3, work) == "3 5"
        with store.read(3) as reader:
            assert reader.get(BOXES, 7) == r.BoxHead(5, 4)
        with store.read(4) as reader:
            assert reader.get(BOXES, 7) is None

    play(story)


def test_a_failing_job_leaves_its_neighbours_alone(play: Callable[[Story], None]) -> None:
    async def story(store: Store) -> None:
        def spoiled(txn: Txn) -> None:
            txn.put(USER_SETTINGS, 7, "good 1", value=b"spoiled")
            txn.put(USER_SETTINGS, 7, "bad", value=b"1")
            txn.publish("never")
            raise KeyError("mine")

        heard: list[Any] = []
        store.subscribe(heard.extend)
        jobs = [put("good 1", b"1"), spoiled, put("good 2", b"2")]
        results = await asyncio.gather(
            *(waited(store.transact(3, job)) for job in jobs), return_exceptions=True
        )
        assert [type(result) for result in results] == [type(None), KeyError, type(None)]
        with store.read(3) as reader:
            kept = {key[1]: value for key, value in reader.range(USER_SETTINGS, 7)}
        assert kept == {"good 1": b"1", "good 2": b"2"}
        assert heard == []

    play(story)


def test_later_jobs_of_a_group_see_earlier_ones(play: Callable[[Story], None]) -> None:
    """Gets and ranges, both ways, over what is stored, what the group did and what the job itself did."""

    async def story(store: Store) -> None:
        for number in (1, 3, 5, 7, 9):
            await store.transact(
                3, lambda txn, n=number: txn.put(CONTACTS, 7, n, value=r.Contact(f"old {n}"))
            )

        def first(txn: Txn) -> None:
            txn.put(CONTACTS, 7, 4, value=r.Contact("group"))
            txn.delete(CONTACTS, 7, 5)
            txn.put(CONTACTS, 7, 9, value=r.Contact("group"))
            txn.put(CONTACTS, 8, 1, value=r.Contact("of another"))

        def second(txn: Txn) -> list[Any]:
            txn.put(CONTACTS, 7, 5, value=r.Contact("mine"))
            txn.delete(CONTACTS, 7, 1)
            txn.put(CONTACTS, 7, 12, value=r.Contact("mine"))
            forward = [(key[1], contact.first_name) for key, contact in txn.range(CONTACTS, 7)]
            backward = [key[1] for key, _ in txn.range(CONTACTS, 7, reverse=True)]
            middle = [key[1] for key, _ in txn.range(CONTACTS, 7, lo=4, hi=9)]
            three = [key[1] for key, _ in txn.range(CONTACTS, 7, hi=9, limit=3, reverse=True)]
            owners = sorted({key[0] for key, _ in txn.range(CONTACTS)})
            ends = (txn.first(CONTACTS, 7, lo=4), txn.last(CONTACTS, 7, hi=12))
            return [
                forward,
                backward,
                middle,
                three,
                owners,
                [end and end[0][1] for end in ends],
                txn.count(CONTACTS, 7),
            ]

        _, found = await asyncio.gather(waited(store.transact(3, first)), waited(store.transact(3, second)))
        names = [(3, "old 3"), (4, "group"), (5, "mine"), (7, "old 7"), (9, "group"), (12, "mine")]
        assert found == [names, [12, 9, 7, 5, 4, 3], [4, 5, 7], [7, 5, 4], [7, 8], [4, 9], 6]
        with store.read(3) as reader:
            assert [(key[1], contact.first_name) for key, contact in reader.range(CONTACTS, 7)] == names

    play(story)


def test_subscribers_hear_before_jobs_resolve_in_job_order(play: Callable[[Story], None]) -> None:
    async def story(store: Store) -> None:
        heard: list[Any] = []
        store.subscribe(heard.extend)
        store.subscribe(lambda items: heard.append(("loop", threading.get_ident() == here)))
        here = threading.get_ident()
        for number in range(5):
            commit = store.transact(3, lambda txn, n=number: txn.publish(n))
            commit.on_done(lambda done, n=number: heard.append(f"done {n}"))
            assert not commit.done
        await store.settled()
        told = [item for item in heard if isinstance(item, int)]
        done = [item for item in heard if isinstance(item, str)]
        assert told == [0, 1, 2, 3, 4]
        assert done == [f"done {n}" for n in range(5)]
        assert all(heard.index(n) < heard.index(f"done {n}") for n in range(5))
        assert ("loop", True) in heard and ("loop", False) not in heard

    play(story)


def test_a_failing_subscriber_or_callback_stops_nobody(play: Callable[[Story], None]) -> None:
    async def story(store: Store) -> None:
        faults_told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: faults_told.append(what))
        heard: list[Any] = []

        def broken(items: object) -> None:
            raise ValueError("broken")

        store.subscribe(broken)
        store.subscribe(heard.extend)
        first = store.transact(3, lambda txn: txn.publish(1))
        first.on_done(broken)
        second = store.transact(3, lambda txn: txn.publish(2))
        await second
        assert heard == [1, 2]
        assert len(faults_told) >= 2

    play(story)


def test_a_commit_can_be_awaited_driven_and_asked(play: Callable[[Story], None]) -> None:
    """In a task, by a plain trampoline that steps the coroutine from on_done, and after it is done."""

    async def story(store: Store) -> None:
        steps: list[Any] = []

        async def handler() -> int:
            one = await store.transact(3, lambda txn: 20)
            two = await store.transact(4, lambda txn: 22)
            with pytest.raises(KeyError):
                await store.transact(4, lambda txn: {}["absent"])
            return one + two

        coroutine = handler()

        def step(done: object = None) -> None:
            try:
                coroutine.send(None).on_done(step)
            except StopIteration as stop:
                steps.append(stop.value)

        step()
        commit = store.transact(3, lambda txn: "x")
        with pytest.raises(asyncio.InvalidStateError):
            commit.result()
        assert await asyncio.wait_for(waited(commit), 60) == "x"
        assert await commit == "x" and commit.done
        await store.settled()
        assert steps == [42]

    play(story)


def test_a_cancelled_waiter_does_not_undo_the_work(play: Callable[[Story], None]) -> None:
    async def story(store: Store) -> None:
        task = asyncio.ensure_future(waited(store.transact(3, put("kept", b"1"))))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.settled()
        with store.read(3) as reader:
            assert reader.get(USER_SETTINGS, 7, "kept") == b"1"

    play(story)


def test_values_and_transactions_have_their_limits(play: Callable[[Story], None]) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(StoreError):
            await store.transact(3, put("large", b"x" * 100_001))

        def much(txn: Txn) -> None:
            for number in range(120):
                txn.put(USER_SETTINGS, 7, str(number), value=b"x" * 99_000)

        with pytest.raises(StoreError):
            await store.transact(3, much)
        with pytest.raises(StoreError):
            await store.transact(3, put("n" * 600, b""))
        with pytest.raises(StoreError):
            await store.transact(3, lambda txn: txn.outbox(4, pl.ConfirmName("x" * 100_001, 1)))
        await store.transact(3, put("fits", b"x" * 100_000))
        with store.read(3) as reader:
            assert [key[1] for key, _ in reader.range(USER_SETTINGS, 7)] == ["fits"]

    play(story)


def test_keys_that_cannot_be_are_absent(play: Callable[[Story], None]) -> None:
    """A client's negative or huge message id, or a name of a thousand letters, finds nothing and breaks nothing."""

    async def story(store: Store) -> None:
        await store.transact(3, lambda txn: txn.put(TALLIES, "a", value=r.Tally(1, 2)))
        with store.read(3) as reader:
            assert reader.get(BOXES, 2**70) is None
            assert reader.get(NAMES, "x" * 1000) is None
            assert reader.get(NAMES, "\ud800") is None
            assert list(reader.range(CONTACTS, 2**70)) == []
            assert list(reader.range(CONTACTS, 7, lo=2**70)) == []
            with pytest.raises(TypeError):
                reader.get(BOXES, "seven")
            with pytest.raises(TypeError):
                reader.get(BOXES, None)

    play(story)


def test_large_batches_are_split_and_all_done(play: Callable[[Story], None]) -> None:
    async def story(store: Store) -> None:
        commits = [store.transact(3, lambda txn, n=n: n) for n in range(9000)]
        heavy = [store.transact(6, put(str(n), b"x" * 90_000)) for n in range(130)]
        assert [await commit for commit in commits] == list(range(9000))
        for commit in heavy:
            await commit
        assert max(shard.largest_group for shard in store.stats()) <= 4000
        with store.read(6) as reader:
            assert reader.count(USER_SETTINGS, 7) == 130

    play(story)


def test_a_full_queue_refuses(tmp_path: Path) -> None:
    async def story() -> None:
        store = Store(tmp_path, engine="memory", queue=10)
        await store.start()
        commits = [store.transact(3, lambda txn: 1) for _ in range(10)]
        assert store.busy
        with pytest.raises(StoreError, match="queued"):
            store.transact(3, lambda txn: 1)
        for commit in commits:
            await commit
        assert await store.transact(3, lambda txn: 2) == 2
        assert not store.busy
        await store.close()
        with pytest.raises(StoreError, match="not open"):
            store.transact(3, lambda txn: 1)

    asyncio.run(story())


def test_a_second_opening_names_the_first(tmp_path: Path) -> None:
    async def story() -> None:
        store = Store(tmp_path)
        await store.start()
        with pytest.raises(StoreError, match=rf"in use by process {os.getpid()}"):
            await Store(tmp_path).start()
        await store.close()
        again = Store(tmp_path)
        await again.start()
        await again.close()

    asyncio.run(story())


def test_slots_stay_where_they_are_whatever_the_settings_say(tmp_path: Path) -> None:
    async def story(shards: int, write: bool) -> None:
        store = Store(tmp_path, shards=shards)
        await store.start()
        assert len(store.shards) == 2
        for slot in range(0, 1024, 50):
            if write:
                await store.transact(slot, lambda txn: txn.put(BOXES, 7, value=r.BoxHead(txn.slot + 1)))
            with store.read(slot) as reader:
                assert reader.get(BOXES, 7) == r.BoxHead(slot + 1)
        await store.close()

    asyncio.run(story(2, True))
    asyncio.run(story(5, False))


def test_shards_of_another_store_are_refused(tmp_path: Path) -> None:
    async def made(path: Path) -> None:
        store = Store(path, shards=2)
        await store.start()
        await store.close()

    asyncio.run(made(tmp_path / "a"))
    asyncio.run(made(tmp_path / "b"))
    (tmp_path / "a" / "shard-1").rename(tmp_path / "old")
    (tmp_path / "b" / "shard-1").rename(tmp_path / "a" / "shard-1")
    with pytest.raises(StoreError, match="does not belong"):
        asyncio.run(made(tmp_path / "a"))


def test_a_failed_commit_fails_the_group_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    """I3: also jobs that only read, and outbox items wait for a better time."""

    async def story() -> None:
        disks = Disks()
        store = open_store(tmp_path, engine=disks.open)
        await store.start()
        heard: list[Any] = []
        store.subscribe(heard.extend)
        await send(store, 101, 102, 1)
        await store.settled()
        heard.clear()
        disks.fail = lambda stage: StoreFull("full") if stage == "before" else None
        commits = [
            send(store, 101, 102, 2),
            store.transact(slot_of(101), lambda txn: txn.get(BOXES, 101)),
            send(store, 101, 103, 3),
        ]
        for commit in commits:
            with pytest.raises(StoreFull):
                await commit
        with store.read(slot_of(101)) as reader:
            head = reader.get(BOXES, 101)
            assert head is not None and head.msg_id == 1
        assert heard == []
        disks.fail = lambda stage: None
        assert await send(store, 101, 102, 2) == 2
        assert await store.settled()
        assert faults(store, [101, 102, 103]) == []
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("engine", ["lmdb", "lmdb-plain"])
def test_a_full_disk_refuses_cleanly_and_recovers(tmp_path: Path, engine: str) -> None:
    """SECURITY 10.6: on a tmpfs of 12 MB sends fail with StoreFull, reads go on; with room again all goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs to fill: {mounted.stderr.decode().strip()}")

    async def story() -> None:
        store = open_store(disk / "store", engine=engine, shards=2)
        await store.start()
        acknowledged = {(101, 102, await send(store, 101, 102, 1))}
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        refused = sent = 0
        for number in range(2, 400):
            try:
                msg_id = await send(store, 101, 102, number, text=bytes(8000))
                acknowledged.add((101, 102, msg_id))
                sent += 1
            except StoreFull:
                refused += 1
            if refused == 3:
                break
        assert refused == 3
        with store.read(slot_of(101)) as reader:
            head = reader.get(BOXES, 101)
            assert head is not None and head.msg_id == 1 + sent
        ballast.unlink()
        for number in range(1000, 1010):
            acknowledged.add((101, 102, await send(store, 101, 102, number)))
        assert await store.settled()
        assert faults(store, [101, 102], acknowledged) == []
        await store.close()
        store = open_store(disk / "store", engine=engine)
        await store.start()
        assert faults(store, [101, 102], acknowledged) == []
        await store.close()

    try:
        asyncio.run(story())
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_map_grows_while_serving(tmp_path: Path) -> None:
    async def story() -> None:
        store = open_store(tmp_path, engine="lmdb-plain", shards=1, map_bytes=1 << 20)
        await store.start()
        for number in range(60):
            await send(store, 101, 102, number + 1, text=bytes(60_000))
            with store.read(slot_of(101)) as reader:
                head = reader.get(BOXES, 101)
                assert head is not None and head.msg_id == number + 1
        assert faults(store, [101, 102]) == []
        await store.close()

    asyncio.run(story())


def test_what_is_durable_is_not_read_before_the_loop_has_heard_of_it(play: Callable[[Story], None]) -> None:
    # Memory is told with the commit: who reads an event of it must not find there what was before.
    async def story(store: Store) -> None:
        if not store.threaded:
            return  # the loop hears of it at once
        slot = slot_of(101)
        other = next(one for one in range(300) if store.shard_number(one) != store.shard_number(slot))
        engine = store.shard(store.shard_number(slot)).engine
        commit, durable, hear = engine.commit, threading.Event(), threading.Event()

        def held(rows: Any) -> None:
            commit(rows)
            durable.set()
            assert hear.wait(20)

        setattr(engine, "commit", held)  # noqa: B010 - a method
        told: list[Any] = []
        store.subscribe(told.extend)

        def work(txn: Txn) -> None:
            txn.put(USER_SETTINGS, 101, "a", value=b"new")
            txn.publish("heard")

        writing = asyncio.ensure_future(store.transact(slot, work))
        await asyncio.to_thread(durable.wait, 20)
        await store.transact(other, lambda txn: txn.put(USER_SETTINGS, 102, "a", value=b"1"))
        with store.read(other) as reader:
            assert reader.get(USER_SETTINGS, 102, "a") == b"1"
        with store.read(slot) as reader:
            assert reader.get(USER_SETTINGS, 101, "a") is None and told == []
        hear.set()
        await writing
        with store.read(slot) as reader:
            assert reader.get(USER_SETTINGS, 101, "a") == b"new" and told == ["heard"]

    play(story)


def test_other_threads_read_by_snapshots_of_their_own(tmp_path: Path) -> None:
    async def story() -> None:
        store = open_store(tmp_path)
        await store.start()
        await send(store, 101, 102, 1)

        def look() -> int:
            snapshot = store.snapshot(store.shard_number(slot_of(101)))
            try:
                return sum(1 for _ in snapshot.scan(b"", b"\xff\xff"))
            finally:
                snapshot.close()

        assert await asyncio.to_thread(look) >= 5
        await store.close()

    asyncio.run(story())


def test_names_of_engines() -> None:
    with pytest.raises(StoreError, match="no storage engine"):
        Store(Path("x"), engine="punched cards")


def test_the_pseudo_slot_is_no_owners(tmp_path: Path) -> None:
    async def story() -> None:
        store = Store(tmp_path, engine="memory")
        await store.start()
        with pytest.raises(IndexError):
            store.transact(0xFFFF, lambda txn: txn.put(META, "x", value=b""))
        await store.close()

    asyncio.run(story())
