"""A store of any engine is two dicts and a list of what was published: hypothesis looks for a history that differs."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tgserve.errors import StoreFull
from tgserve.store import writer
from tgserve.store.engines.memory import Disks
from tgserve.store.keyspaces import PEER_ROWS
from tgserve.store.shards import Store
from tgserve.store.transaction import Txn

Key = tuple[int, int, int, int]
"""Slot, then the key parts."""

_slots = st.sampled_from([0, 1, 2, 3])
_small = st.integers(0, 3)
_keys = st.tuples(_slots, _small, _small, st.integers(0, 8))
_jobs = st.lists(
    st.tuples(
        _slots,
        st.lists(st.tuples(_small, _small, st.integers(0, 8), st.none() | st.binary(max_size=4)), max_size=6),
        st.booleans(),
    ),
    max_size=5,
)


class StoreModel(RuleBasedStateMachine):
    engine: Any = "lmdb"

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="store-model-"))
        self.loop = asyncio.new_event_loop()
        self.model: dict[Key, bytes] = {}
        self.published: list[int] = []
        self.expected: list[int] = []
        self.number = 0
        self.open()

    def open(self) -> None:
        self.store = Store(self.home, engine=self.engine, shards=2)
        self.store.subscribe(self.published.extend)
        self.loop.run_until_complete(self.store.start())

    @rule(jobs=_jobs)
    def group(self, jobs: list[Any]) -> None:
        """Jobs queued at once; those marked fail after having written."""

        async def run() -> list[Any]:
            commits = []
            for slot, changes, fails in jobs:
                self.number += 1
                commits.append(self.store.transact(slot, self.job(changes, fails, self.number)))
            return [await _outcome(commit) for commit in commits]

        outcomes = self.loop.run_until_complete(run())
        first = self.number - len(jobs) + 1
        by_shard: dict[int, list[int]] = {}
        for number, ((slot, changes, fails), outcome) in enumerate(zip(jobs, outcomes, strict=True), first):
            assert isinstance(outcome, KeyError if fails else dict)
            if fails:
                continue
            for user, peer, msg_id, value in changes:
                self.model.pop((slot, user, peer, msg_id), None)
                if value is not None:
                    self.model[slot, user, peer, msg_id] = value
            by_shard.setdefault(self.store.table[slot], []).append(number)
            assert outcome == {key[1:]: value for key, value in self.model.items() if key[0] == slot}
        heard = self.published[len(self.expected) :]
        assert sorted(heard) == sorted(number for numbers in by_shard.values() for number in numbers)
        for numbers in by_shard.values():
            assert [number for number in heard if number in numbers] == numbers
        self.expected += heard

    def job(self, changes: list[Any], fails: bool, number: int) -> Any:
        def work(txn: Txn) -> dict[Any, bytes]:
            txn.publish(number)
            for user, peer, msg_id, value in changes:
                if value is None:
                    txn.delete(PEER_ROWS, user, peer, msg_id)
                else:
                    txn.put(PEER_ROWS, user, peer, msg_id, value=value)
            if fails:
                raise KeyError("failed on purpose")
            seen = dict(txn.range(PEER_ROWS))
            assert all(txn.get(PEER_ROWS, *key) == value for key, value in seen.items())
            return seen

        return work

    @rule(
        key=_keys,
        reverse=st.booleans(),
        limit=st.integers(0, 4),
        lo=st.none() | _small,
        hi=st.none() | _small,
    )
    def ranges(self, key: Key, reverse: bool, limit: int, lo: int | None, hi: int | None) -> None:
        slot, user, peer, _ = key
        with self.store.read(slot) as reader:
            got = list(reader.range(PEER_ROWS, user, peer, lo=lo, hi=hi, limit=limit, reverse=reverse))
        expected = sorted(
            (parts, value)
            for (at, *rest), value in self.model.items()
            if (parts := tuple(rest))
            and at == slot
            and parts[:2] == (user, peer)
            and (lo is None or parts[2] >= lo)
            and (hi is None or parts[2] < hi)
        )
        expected = expected[::-1] if reverse else expected
        assert got == (expected[:limit] if limit else expected)

    @rule()
    def reopen(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.open()

    @invariant()
    def equals_the_model(self) -> None:
        for slot in range(4):
            with self.store.read(slot) as reader:
                got = dict(reader.range(PEER_ROWS))
            assert got == {key[1:]: value for key, value in self.model.items() if key[0] == slot}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.close()
        shutil.rmtree(self.home)


class FailingModel(StoreModel):
    """The same on a disk that is full now and then."""

    def __init__(self) -> None:
        self.disks = Disks()
        self.pause, writer.COMMIT_RETRY_SECONDS = writer.COMMIT_RETRY_SECONDS, 0.01
        self.engine = self.disks.open
        super().__init__()

    @rule(jobs=_jobs)
    def full_disk(self, jobs: list[Any]) -> None:
        async def run() -> list[Any]:
            return [
                await _outcome(self.store.transact(slot, self.job(changes, False, -1)))
                for slot, changes, _ in jobs
                if changes
            ]

        self.disks.fail = lambda stage: StoreFull("full") if stage == "before" else None
        outcomes = self.loop.run_until_complete(run())
        self.disks.fail = lambda stage: None
        assert all(isinstance(outcome, StoreFull) for outcome in outcomes)

    def teardown(self) -> None:
        super().teardown()
        writer.COMMIT_RETRY_SECONDS = self.pause


async def _outcome(commit: Any) -> Any:
    try:
        return await commit
    except (KeyError, StoreFull) as fault:
        return fault


TestStore = StoreModel.TestCase
TestStore.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
TestFailingStore = FailingModel.TestCase
TestFailingStore.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
