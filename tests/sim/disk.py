"""The simulated disk under the real store: what was not committed is lost in a crash, and commits take time.

The store is the real one with its writers on the loop. Three of its seams are bent:
- `schedule`: a shard's writer gets its turn after a random while, so that shards overtake each other;
- `tell`: the loop hears of a durable group later, in the order in which groups became durable, as it does where a thread
  commits;
- the engine: the memory engine, whose commits can be the last thing a process does (before or after they are durable)
  or fail as a full disk does.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tgserve.chunks.backend import DiskFault, Place
from tgserve.chunks.memory import MemoryDisk
from tgserve.clock import Clock
from tgserve.errors import StoreError
from tgserve.ids import Ids
from tgserve.store.engines.memory import Disks
from tgserve.store.moving import Mover
from tgserve.store.shards import Store
from tgserve.store.writer import Shard

T = TypeVar("T")
SHARDS = 3


class Dead(StoreError):
    """The process is gone: nothing it does from here on happened."""


class Power:
    """Whether the process lives."""

    def __init__(self) -> None:
        self.on = True


class Plate(MemoryDisk):
    """A disk for files, which outlives the processes."""

    _power: Power

    def under(self, power: Power) -> Plate:
        """For another process."""
        self._power = power
        self.close_pack()
        return self

    def append(self, records: Sequence[bytes], shadows: Sequence[bytes] = ()) -> list[Place]:
        if not self._power.on:
            raise DiskFault("crashed")
        return super().append(records, shadows)


class SimMover(Mover):
    """What threads do for the mover takes its time: much is written meanwhile. Where the living tries until it succeeds,
    the dead does nothing more."""

    def __init__(self, store: Store, delay: Callable[[], float]) -> None:
        super().__init__(store)
        self._delay = delay

    async def _apart(self, work: Callable[[], T]) -> T:
        await asyncio.sleep(self._delay())
        self._alive()
        done = work()
        await asyncio.sleep(self._delay())  # until the loop hears of it
        return done

    async def _keep(self, source: Shard, batch: list[int], fault: BaseException) -> None:
        self._alive()
        await super()._keep(source, batch, fault)

    def _alive(self) -> None:
        """The disks are those of the next process already: what is dead must not write to them by itself."""
        if isinstance(self.store, SimStore) and not self.store.power.on:
            raise Dead("crashed")


class SimStore(Store):
    def __init__(
        self,
        path: Path,
        disks: Disks,
        power: Power,
        delay: Callable[[], float],
        hearing: Callable[[], float],
        *,
        clock: Clock,
        ids: Ids,
        secret: bytes,
    ) -> None:
        super().__init__(
            path, engine=disks.open, shards=SHARDS, clock=clock, ids=ids, secret=secret, threaded=False
        )
        self.power = power
        self._delay = delay
        self._hearing = hearing
        self._heard = 0.0

    def schedule(self, shard: Shard, seconds: float) -> None:
        self._loop.call_later(seconds or self._delay(), self._pump, shard, seconds > 0)

    def _pump(self, shard: Shard, late: bool) -> None:
        if self.power.on:
            super()._pump(shard, late)

    def tell(self, fn: Callable[..., None], *arguments: Any) -> None:
        # Never the same moment twice: timers of one moment run in any order.
        self._heard = max(self._heard + 1e-5, self._loop.time() + self._hearing())
        self._loop.call_at(self._heard, self._hear, fn, arguments)

    def _hear(self, fn: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        if self.power.on:
            fn(*arguments)

    async def settled(self, seconds: float = 60.0) -> bool:
        """As the store's own, but waiting for timers instead of turning on the spot."""
        began = self.clock.monotonic()
        while self.power.on:
            before = [shard.stats.groups for shard in self.shards]
            await asyncio.sleep(0.01)
            if all(shard.idle and not shard.in_flight for shard in self.shards):
                if before == [shard.stats.groups for shard in self.shards]:
                    return True
            elif self.clock.monotonic() - began > seconds:
                return False
        return False

    def die(self) -> None:
        """What the kernel does for a dead process: its lock is free. The disks keep what was durable."""
        self._running = False
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def clean(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
