"""Any order of puts, holds, drops, time, collecting, tidying, scrubbing, rotting, pulling, adding and draining disks:
the chunks are what a dictionary says, and every invariant holds. Memory disks, no threads: a failure is repeatable."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.chunks.yard import Yard, yard
from tgserve import limits
from tgserve.chunks.backend import DiskMissing
from tgserve.chunks.disk import OK
from tgserve.chunks.memory import MemoryDisk
from tgserve.errors import ChunkLost, StoreFull
from tgserve.store import chunk_records as c

GRACE = limits.CHUNK_GRACE_SECONDS
CONTENTS = st.integers(0, 11)
DISKS = st.integers(1, 4)


def content(number: int) -> bytes:
    return b"content %d " % number * (1 + number * 7)


class Pullable(MemoryDisk):
    """Can be pulled, filled and rotted."""

    def __init__(self) -> None:
        super().__init__(pack_bytes=600)
        self.pulled = False

    def append(self, records, shadows=()):  # type: ignore[no-untyped-def]
        self.probe(False)
        return super().append(records, shadows)

    def read(self, pack: int, offset: int, length: int) -> bytes:
        self.probe(False)
        return super().read(pack, offset, length)

    def probe(self, write: bool) -> None:
        if self.pulled:
            raise DiskMissing("it was pulled")

    def open(self, identity):  # type: ignore[no-untyped-def]
        self.probe(False)
        super().open(identity)

    def rot(self, copy: c.Copy) -> None:
        self._packs[copy.pack][copy.offset + copy.length - 1] ^= 1


class Store(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.made: dict[int, Pullable] = {}
        self.opened = yard(
            Path(self.folder.name),
            2,
            engine="memory",
            backends=lambda row: self.made.setdefault(row.number, Pullable()),
        )
        self.here: Yard = self.go(self.opened.__aenter__())
        self.held: Counter[int] = Counter()
        self.since: dict[int, float] = {}
        """When it was put or dropped last."""
        self.rotten: set[int] = set()

    def go(self, story: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(story, 100))

    def teardown(self) -> None:
        self.go(self.opened.__aexit__(None, None, None))
        self.loop.close()
        self.folder.cleanup()

    def id_of(self, number: int) -> bytes:
        return self.here.chunks.coder.id_of(content(number))

    @property
    def away(self) -> list[int]:
        return [
            number for number, disk in self.made.items() if disk.pulled and number in self.here.chunks.disks
        ]

    @property
    def writable(self) -> int:
        return sum(disk.writable and not self.made[n].pulled for n, disk in self.here.chunks.disks.items())

    @rule(number=CONTENTS)
    def put(self, number: int) -> None:
        try:
            assert self.go(self.here.chunks.put(content(number))) == self.id_of(number)
        except StoreFull:
            assert self.writable < 2, "with two good disks it must succeed"
        else:
            self.since[number] = self.here.clock.now()

    @rule(number=CONTENTS, times=st.integers(1, 2))
    def hold(self, number: int, times: int) -> None:
        if number in self.since and (self.held[number] or self.here.clock.now() - self.since[number] < GRACE):
            self.go(self.here.hold(*[self.id_of(number)] * times))
            self.held[number] += times

    @rule(number=CONTENTS)
    def drop(self, number: int) -> None:
        if self.held[number]:
            self.go(self.here.drop(self.id_of(number)))
            self.held[number] -= 1
            if not self.held[number]:
                self.since[number] = self.here.clock.now()

    @rule(seconds=st.sampled_from([1, GRACE // 2, GRACE + 1]))
    def time_goes_on(self, seconds: int) -> None:
        self.go(self.here.later(seconds))
        now = self.here.clock.now()
        for number, since in list(self.since.items()):
            if not self.held[number] and now - since > GRACE + 1:
                del self.since[number]
                self.rotten.discard(number)

    @rule()
    def tidy(self) -> None:
        self.go(self.here.keeper.tidy())

    @rule()
    def heal(self) -> None:
        self.go(self.here.keeper._heal())

    @precondition(lambda self: not self.away)
    @rule()
    def scrub(self) -> None:
        job = self.go(self.here.job("scrub"))
        assert job.tally.lost == 0
        if not job.tally.stuck:
            self.rotten.clear()

    @rule()
    def repair(self) -> None:
        self.go(self.here.job("repair"))

    @precondition(lambda self: not self.away and self.writable >= 2)
    @rule(number=CONTENTS, which=st.integers(0, 3))
    def rot(self, number: int, which: int) -> None:
        """One copy of a chunk that has several: more would be the loss nobody can help."""
        row = self.go(self.here.row(self.id_of(number)))
        if row is None or self.rotten:
            return
        there = [copy for copy in row.copies if copy.disk in self.here.chunks.disks]
        if len(there) >= 2:
            copy = there[which % len(there)]
            self.made[copy.disk].rot(copy)
            self.rotten.add(number)

    @precondition(lambda self: not self.rotten and not self.away)
    @rule(number=DISKS)
    def pull(self, number: int) -> None:
        """One disk at a time, when everything has two copies again."""
        if number in self.here.chunks.disks and self.here.chunks.disks[number].row.state == c.DISK_ACTIVE:
            lacking = self.go(self.here.keeper.tidy()).lacking
            if not lacking and self.writable == len(self.here.chunks.disks):
                self.made[number].pulled = True

    @rule()
    def put_back(self) -> None:
        for disk in self.made.values():
            disk.pulled = False
        self.go(self.here.keeper.watch())
        self.here.keeper.jobs.clear()
        assert all(disk.health == OK for disk in self.here.chunks.disks.values())

    @rule()
    def watch(self) -> None:
        self.go(self.here.keeper.watch())
        self.here.keeper.jobs.clear()

    @precondition(lambda self: len(self.here.chunks.disks) < 4)
    @rule()
    def add(self) -> None:
        async def attach() -> None:
            await self.here.chunks.attach(await self.here.chunks.enter_disk("more"))

        self.go(attach())

    @precondition(lambda self: not self.away and not self.rotten and self.writable >= 3)
    @rule(number=DISKS)
    def drain_and_remove(self, number: int) -> None:
        if number in self.here.chunks.disks:
            self.go(self.here.chunks.change_disk(number, state=c.DISK_DRAINING))
            self.go(self.here.job("drain", number))
            census = self.here.keeper.census
            assert census is not None and census.disk_chunks[number] == 0
            self.go(self.here.chunks.detach(number))

    @invariant()
    def what_is_held_is_there(self) -> None:
        for number, count in self.held.items():
            if count:
                assert self.go(self.here.read(self.id_of(number))) == content(number)

    @invariant()
    def what_was_put_a_moment_ago_is_there(self) -> None:
        for number, since in self.since.items():
            if self.here.clock.now() - since < GRACE:
                assert self.go(self.here.read(self.id_of(number))) == content(number)

    @invariant()
    def the_table_is_right(self) -> None:
        report = self.go(self.here.check())
        wrong = [problem for problem in report.problems if not (self.rotten and problem.rule == "C3")]
        if not self.away:
            assert [str(problem) for problem in wrong] == []
        else:
            assert [str(one) for one in wrong if one.rule not in ("C3", "C4")] == []
        assert not any(disk.pins for disk in self.here.chunks.disks.values())

    @invariant()
    def what_nobody_has_is_not_found(self) -> None:
        for number in range(12):
            if number not in self.since and not self.held[number]:
                row = self.go(self.here.row(self.id_of(number)))
                if row is None:
                    try:
                        self.go(self.here.read(self.id_of(number)))
                    except ChunkLost:
                        continue
                    raise AssertionError(f"{number} was collected and is still read")


Store.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestStore = Store.TestCase
