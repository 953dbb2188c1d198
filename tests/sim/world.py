"""One simulated world: clock, network, disk, the server's process (which may die and start again), and what was seen.

Everything random comes from `World.rng`, everything timed from the virtual loop: the same seed gives the same world.
"""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.sim import keys
from tests.sim.disk import Dead, Plate, Power, SimMover, SimStore, clean
from tgserve.adapters.contract import Sms
from tgserve.app import App
from tgserve.chunks.settings import Settings
from tgserve.chunks.store import Chunks
from tgserve.config import Config, LimitsConfig
from tgserve.errors import StoreError, StoreFull
from tgserve.ids import Ids
from tgserve.mtproto.transport.detect import Channel
from tgserve.server.connection import Connection
from tgserve.services.alarms import TURN_SECONDS
from tgserve.services.channels.counters import FLUSH_SECONDS
from tgserve.store.engines.memory import Disks
from tgserve.store.slots import SLOTS, slot_of
from tgserve.testing.clock import FakeClock
from tgserve.testing.virtual import Inline, Network, Stalled, VirtualLoop

LONGEST_TURNS = 2_000_000
"""Of the loop: several times what the longest story takes."""
FIXED_CODE = "12345"
MEMORY = Path("/dev/shm")


class Wrong(AssertionError):
    """The simulation has caught the server at something it may never do."""


class Desk:
    """Codes go nowhere: the fixed one is good."""

    def post(self, sms: Sms) -> bool:
        return True


class World:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = FakeClock()
        self.loop = VirtualLoop(self.clock, LONGEST_TURNS)
        self.loop.set_exception_handler(self._escaped)
        self.network = Network(self.loop, self._network_delay)
        self.disks = Disks()
        self.disks.fail = self._commit
        self.folder = Path(tempfile.mkdtemp(prefix="tgserve-sim-", dir=MEMORY if MEMORY.is_dir() else None))
        self.test = "test_sim.py"
        """Runs one seed again."""
        self.faults: list[str] = []
        """What went wrong, in words; nothing is raised inside the server's own callbacks."""
        self.trace: list[str] = []
        self.app: App | None = None
        self.power: Power | None = None
        self.up = False
        self.crashes = 0
        self.die_at_commit = 0
        """The server dies at the n-th commit from now, 0 = at none."""
        self.die_durable = False
        """... after it was made durable, else before."""
        self.crash_chance = 0.0
        """Of a crash during the recovery from one."""
        self.full_until = 0.0
        """The disk takes nothing until then (monotonic)."""
        self.slow_commits = self.slow_hearing = 0.003
        """Seconds, at most, until a shard's writer gets its turn, and until the loop hears of a durable group."""
        self.slow_moves = 0.5
        """Until a piece of the slots that move is read and written."""
        self.slow_network = 0.02
        self.owners: Callable[[], list[int]] = list
        """Users and chats of this world."""
        self.died: Callable[[], None] = lambda: None
        """Called when the server has."""
        self.orderly = False
        """Nothing is lost from the middle of a line, as TCP has it: what is sent in a row arrives in a row."""
        self.moved = 0
        """Slots that have gone to another shard."""
        self.plates: dict[int, Plate] = {}
        """What the disks for files hold."""
        self._starting: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._moving: asyncio.Task[None] | None = None
        self._buried: list[asyncio.Task[None]] = []
        """Tasks of dead processes: some wait for ever for commits that died with them."""
        self._config = Config(
            data=self.folder,
            listen="127.0.0.1:0",
            dev=True,
            fixed_code=FIXED_CODE,
            limits=LimitsConfig(
                calls_per_minute=0,
                handshakes_per_address_per_minute=0,
                handshakes_per_minute=0,
                codes_per_phone_per_hour=100_000,
                codes_per_address_per_hour=100_000,
            ),
        )

    # -- the server's process ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start a process on what the disks hold. Cancelled when it dies in its recovery."""
        ids = Ids(self.rng.getrandbits(64))
        self.power = power = Power()
        store = SimStore(
            self.folder / "store",
            self.disks,
            power,
            lambda: self.rng.random() * self.slow_commits,
            lambda: self.rng.random() * self.slow_hearing,
            clock=self.clock,
            ids=ids,
            secret=keys.SECRET,
        )
        self.app = app = App(self._config, self.clock, ids)
        chunks = Chunks(
            store,
            self.clock,
            ids,
            keys.SECRET,
            Settings(root=self.folder),
            backends=lambda row: self.plates.setdefault(row.number, Plate()).under(power),
            threaded=False,
        )
        app.assemble(store, Desk(), keys.rsa(), keys.SECRET, chunks=chunks)  # type: ignore[arg-type]
        app.exchange._executor = Inline()
        app.mover = SimMover(store, lambda: self.rng.random() * self.slow_moves)
        await store.start()
        if power.on:
            await chunks.start()
        if not power.on:
            return
        app.gateway.start()
        self._ticking = self.loop.create_task(self._alarms(app, power))
        padding = ids.padding
        self.network.listen(lambda: Connection(app.gateway, Channel(padding)))
        self.up = True
        self.note("server up")

    async def _alarms(self, app: App, power: Power) -> None:
        """What the app's own tasks do every second, and every few."""
        flush = self.loop.time() + FLUSH_SECONDS
        while power.on:
            await asyncio.sleep(TURN_SECONDS)
            if power.on:
                await app.services.alarms.turn()
            if power.on and self.loop.time() >= flush:
                flush = self.loop.time() + FLUSH_SECONDS
                with suppress(StoreError):
                    await app.services.channels.counters.flush()

    @property
    def moving(self) -> bool:
        return self._moving is not None and not self._moving.done()

    def move_slots(self) -> None:
        """Some slots go to another shard, while everything goes on; the slots of whoever is here among them."""
        app, power = self.app, self.power
        if app is None or power is None or not self.up or self.moving:
            return
        target = self.rng.randrange(len(app.store.shards))
        some = self.rng.sample(range(SLOTS), self.rng.choice((3, 40, 300)))
        named = [slot_of(owner) for owner in self.owners() if self.rng.random() < 0.7]
        moves = dict.fromkeys([*some, *named], target)
        self.note(f"{len(moves)} slots go to shard {target}")

        async def move() -> None:
            before = list(app.store.table)
            with suppress(StoreError):  # a gate that could not be shut, a full disk: they stay where they are
                await app.mover.move(moves)
            if power.on:
                now = app.store.table
                self.moved += sum(before[slot] != now[slot] for slot in range(SLOTS))
                self.note("slots have moved")

        self._moving = self.loop.create_task(move())

    def crash(self, deliver: bool | None = None) -> None:
        """kill -9, now. `deliver`: what was on the wire still arrives."""
        if self.power is not None and self.power.on:
            self.power.on = False
            self._died(deliver)

    def _died(self, deliver: bool | None = None) -> None:
        """May be called from within a commit: whatever the process does behind it is not seen by anybody."""
        self.crashes += 1
        self.up = False
        self.die_at_commit = 0
        self.note("server died")
        self.died()
        self.network.server_died(self.rng.random() < 0.5 if deliver is None else deliver)
        assert self.app is not None
        self.loop.call_soon(self._bury, self.app)

    def _bury(self, app: App) -> None:
        store = app.store
        assert isinstance(store, SimStore)
        store.die()
        for task in (self._ticking, self._moving):
            if task is not None:
                task.cancel()
                self._buried.append(task)
        self._moving = None
        if hasattr(app.gateway.wheel, "_timer"):
            app.gateway.wheel.stop()
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
        self._starting = None
        self.loop.call_later(self.rng.uniform(0.05, 4.0), self.restart)

    def restart(self) -> None:
        if self.rng.random() < self.crash_chance:
            self.die_at_commit, self.die_durable = 1, self.rng.random() < 0.5
        self._starting = self.loop.create_task(self._started())

    async def _started(self) -> None:
        with suppress(asyncio.CancelledError, StoreError):
            await self.start()
            return
        if self.power is not None and self.power.on:
            self.wrong("the server did not start again")

    def _commit(self, stage: str) -> StoreError | None:
        """Asked `before` and `after` every commit is kept: may this process go on, does the disk take it?"""
        assert self.power is not None
        if self.power.on and self.die_at_commit:
            if stage == "after":
                self.die_at_commit -= 1
                if self.die_durable and not self.die_at_commit:
                    self.crash()
            elif not self.die_durable and self.die_at_commit == 1:
                self.crash()
        if not self.power.on:
            return Dead("crashed")
        full = stage == "before" and self.loop.time() < self.full_until
        return StoreFull("simulated: no space left") if full else None

    def _network_delay(self) -> float:
        return 0.001 + self.rng.random() * self.slow_network

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self, story: Callable[[], Any]) -> None:
        """Run `story()` to its end. Raises Wrong with everything that was wrong."""
        logging.disable(logging.CRITICAL)
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(story())
        except Stalled:
            self.wrong("the story does not end: somebody waits for ever")
        except Wrong as fault:
            if str(fault) not in self.faults:
                self.faults.append(str(fault))
        finally:
            logging.disable(logging.NOTSET)
            self._close()
        if self.faults:
            tail = "\n  ".join(self.trace[-40:])
            raise Wrong(
                f"seed {self.seed}: " + "; ".join(self.faults[:5]) + f"\nlast events:\n  {tail}\n"
                f"again with: TGSERVE_SIM_SEED={self.seed} python -m pytest tests/sim/{self.test}"
            )

    def discard(self) -> None:
        """It is not run."""
        self._close()

    def _close(self) -> None:
        if self.power is not None:
            self.power.on = False
        if self.app is not None:
            store = self.app.store
            assert isinstance(store, SimStore)
            store.die()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        self.loop.close()
        asyncio.set_event_loop(None)
        clean(self.folder)

    def trouble(self) -> bool:
        """The disk is or was in a state that excuses refusals (they may be told late, as all answers)."""
        return self.full_until > 0.0

    def note(self, text: str) -> None:
        self.trace.append(f"{self.loop.time():.6f} {text}")

    def wrong(self, text: str) -> None:
        self.note("WRONG " + text)
        self.faults.append(text)

    def _escaped(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        if self.power is not None and not self.power.on:
            return  # what a dead process does
        what = f"{context.get('message')} {context.get('task', '')}"
        self.wrong(f"a fault reached the loop: {what}: {fault!r}")
