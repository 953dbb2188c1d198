"""Store: the slot table, the shards behind it, and the ways in: transact, read, on_outbox, subscribe.

Rules (docs/DISK.md): a transaction lives in one slot and runs on the loop; nothing is published or answered before it
is durable; the loop never waits for a disk. Construct, register outbox handlers, `await start()`; all calls on the
loop's thread.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.metadata
import os
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from tgserve import log
from tgserve.clock import Clock, SystemClock
from tgserve.errors import StoreError, StoreFull
from tgserve.ids import Ids
from tgserve.store.commit import Commit
from tgserve.store.cut import Cut
from tgserve.store.engine import Engine, NeedsRoom, OpenEngine, Snapshot
from tgserve.store.engines.lmdb import open_lmdb
from tgserve.store.engines.logged import open_logged
from tgserve.store.engines.memory import open_memory
from tgserve.store.format import FORMAT, OLDEST_CODE, Format, fingerprint, read_format, write_format
from tgserve.store.keyspaces import OUTBOX
from tgserve.store.migrations import migrate
from tgserve.store.outbox import Handler, Handover, read_parcels
from tgserve.store.ownership import Owners, clean, home_rows
from tgserve.store.packing import META_SLOT
from tgserve.store.retention import Retention
from tgserve.store.slots import SLOTS
from tgserve.store.transaction import Reader, Txn
from tgserve.store.vault import Vault
from tgserve.store.writer import Shard, ShardStats

T = TypeVar("T")

QUEUE_JOBS = 20_000
"""Transactions queued and not yet committed, per shard; beyond it `transact` refuses."""
MAP_BYTES = 64 << 30

_log = log.get("store")


def engine_named(name: str) -> OpenEngine:
    """`lmdb` (with a log in front), `lmdb-plain`, `memory`, or an entry point of the group tgserve.engines."""
    built_in: dict[str, OpenEngine] = {"lmdb": open_logged, "lmdb-plain": open_lmdb, "memory": open_memory}
    if name in built_in:
        return built_in[name]
    for entry in importlib.metadata.entry_points(group="tgserve.engines", name=name):
        found: OpenEngine = entry.load()
        return found
    raise StoreError(f"no storage engine is called {name!r}")


class SlotReader(Reader):
    """What `store.read(slot)` gives: a Reader to be used in a with statement."""

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Store:
    """`path` is the folder `store`; `engine` a name or an OpenEngine. `threaded=False` commits on the loop too,
    for deterministic simulations. `secret` is that of keys/secret.key; without it `vault`
    cannot be used (a check or a count needs none)."""

    def __init__(
        self,
        path: Path,
        *,
        engine: str | OpenEngine = "lmdb",
        shards: int = 3,
        map_bytes: int = MAP_BYTES,
        clock: Clock | None = None,
        ids: Ids | None = None,
        secret: bytes = b"",
        threaded: bool = True,
        queue: int = QUEUE_JOBS,
        retention: Retention | None = None,
    ) -> None:
        self.path = path
        self.retention = retention or Retention()
        self.clock: Clock = clock or SystemClock()
        self.handlers: dict[type, Handler] = {}
        self.subscribers: list[Callable[[list[Any]], None]] = []
        self.shards: list[Shard] = []
        """In order of their numbers, which may have gaps; `shard(number)` finds one."""
        self.before_close: list[Callable[[], Awaitable[None]]] = []
        """Who has the store's own work under way ends it here."""
        self._engine_name = engine if isinstance(engine, str) else "custom"
        self._open = engine_named(engine) if isinstance(engine, str) else engine
        self._wanted = shards
        self._map_bytes = map_bytes
        self._ids = ids or Ids()
        self._vault = Vault(secret, self._ids) if secret else None
        self._threaded = threaded
        self._queue = queue
        self._lock: int | None = None
        self.table: list[int] = []
        """Slot -> number of the shard that owns it."""
        self.epochs: list[int] = []
        """Slot -> epoch at which that shard took it."""
        self.calm = 0
        """While above 0 no engine keeps house: a gate is about to be shut."""
        self.draining = False
        """The gate is being shut: no transactions begin, but parcels are taken."""
        self.format: Format
        self._numbered: dict[int, Shard] = {}
        self._retired: list[Shard] = []
        """Removed while serving; somebody may still read a snapshot of theirs."""
        self._gate = False
        self._landing: asyncio.Future[None] | None = None
        self._by_slot: list[Shard] = []
        self._views: dict[int, Snapshot] = {}
        """The loop's snapshot of each shard, renewed when the loop hears of a commit of it."""
        self.held = 0
        """Cuts under way: no group may begin."""
        self._resting: list[threading.Event] = []
        """Who waits for no group to be in flight."""
        self._readers: list[SlotReader] = []
        self._running = False
        self._loop_thread = 0

    # Before start.

    @property
    def vault(self) -> Vault:
        """Seals what must not be read from the disk."""
        if self._vault is None:
            raise StoreError("the store was opened without its secret (keys/secret.key)")
        return self._vault

    def on_outbox(self, payload_type: type, handler: Handler) -> None:
        """`handler(txn, payload, memo)` runs in the target slot's transaction, once for each payload, in the order of
        the source slot's commits. It must not fail: what it raises stops that source's payloads for that target."""
        if payload_type in self.handlers:
            raise ValueError(f"{payload_type.__name__} has a handler already")
        self.handlers[payload_type] = handler

    def subscribe(self, fn: Callable[[list[Any]], None]) -> None:
        """`fn` gets everything published in a group, after its commit, in commit order per shard, on the loop."""
        self.subscribers.append(fn)

    async def start(self) -> None:
        """Open, finish what the last run left in the outbox, serve (DISK.md 8)."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = take_lock(self.path)
        try:
            self._open_shards()
        except BaseException:
            self._release()
            raise
        self._running = True
        try:
            self._recover()
        except BaseException:
            self._running = False
            self._release()
            raise
        for shard in self.shards:
            shard.start()
            shard.wake()
        await self.settled(5.0)
        _log.info("store.open", shards=len(self.shards), engine=self._engine_name)

    async def close(self) -> None:
        """Commit what is queued, apply what is on its way, let go. The store cannot be started again."""
        if not self._running:
            return
        for end in self.before_close:
            await end()
        await self.settled(10.0)
        self._running = False
        for shard in self.shards:
            shard.hand_over()
        for tidy in (False, True):
            while any([shard.advance(tidy) for shard in self.shards]):  # noqa: ASYNC110
                await asyncio.sleep(0.001 if self._threaded else 0)
        for shard in self.shards:
            await asyncio.to_thread(shard.stop)
        await asyncio.sleep(0)  # what the threads have told the loop at last
        self._release()

    # Serving.

    def transact(self, slot: int, fn: Callable[[Txn], T]) -> Commit[T]:
        """Run fn(txn) in `slot`, on the loop but not at once. The Commit resolves once it is durable; if fn raises,
        nothing is kept and the Commit raises it. fn must only touch txn and its arguments, and runs once."""
        if not self._running:
            raise StoreError("the store is not open")
        shard = self._by_slot[slot]
        if shard.in_flight >= self._queue:
            raise StoreError(f"shard {shard.number} has {shard.in_flight} transactions queued")
        commit: Commit[T] = Commit(slot, fn, self._loop)
        shard.in_flight += 1
        pending = shard.pending
        if not pending:
            self._loop.call_soon(shard.hand_over)
        pending.append(commit)
        return commit

    def read(self, slot: int) -> SlotReader:
        """`with store.read(slot) as r:` a consistent view of what the loop has heard of, no more and no less. On the
        loop, and only until the next await; other threads use `snapshot`."""
        return self._readers[slot]

    def snapshot(self, number: int) -> Snapshot:
        """A new snapshot of shard `number` for the calling thread, which must close it. For a slot: `snapshot_of`."""
        return self.shard(number).engine.snapshot()

    def snapshot_of(self, slot: int) -> Snapshot:
        """A new snapshot of the shard that owns `slot`, as `snapshot`: also while slots are moved."""
        while True:
            number = self.table[slot]
            view = self.shard(number).engine.snapshot()
            if self.table[slot] == number:
                return view
            view.close()

    def cut(self, seconds: float = 30.0) -> Cut:
        """Snapshots of all shards at one moment, between two groups of each, for a thread that is not the loop's:
        slots differ by nothing but what stands in the outbox. The caller closes it."""
        if not self._threaded:
            return self._cut()
        resting = threading.Event()
        self._loop.call_soon_threadsafe(self._hold, resting)
        try:
            if not resting.wait(seconds):
                raise StoreError("the shards did not come to rest")
            cut = self._cut()
        finally:
            self._loop.call_soon_threadsafe(self._let_go, resting)
        for view in cut.views.values():
            view.stay()
        return cut

    def shard(self, number: int) -> Shard:
        """StoreError when there is none."""
        found = self._numbered.get(number)
        if found is None:
            raise StoreError(f"there is no shard {number}")
        return found

    def shard_number(self, slot: int) -> int:
        return self.table[slot]

    @property
    def busy(self) -> bool:
        """A queue is half full: time to refuse work that can wait."""
        return any(shard.in_flight * 2 > self._queue for shard in self.shards)

    def stats(self) -> list[ShardStats]:
        """Figures per shard, for status and metrics."""
        for shard in self.shards:
            shard.stats.bytes = shard.engine.size()
            shard.stats.queue = shard.in_flight
        return [shard.stats for shard in self.shards]

    async def settled(self, seconds: float = 60.0) -> bool:
        """Wait until nothing is queued and every outbox item is applied or parked; False when time (the loop's) ran
        out."""
        began = self._loop.time()
        seen: list[int] | None = None
        while True:
            groups = [shard.stats.groups for shard in self.shards]
            if all(shard.idle and not shard.in_flight for shard in self.shards):
                if groups == seen:
                    return (
                        True  # two looks with nothing between them: whoever was told may have had more to do
                    )
                seen = groups
            elif self._loop.time() - began > seconds:
                return False
            else:
                seen = None
            await asyncio.sleep(0.001 if self._threaded else 0)

    # Moving slots (moving.py): the gate, the table, and the set of shards.

    def under_way(self, slots: Collection[int]) -> bool:
        """Is a parcel waiting that has something from or for one of these slots?"""
        return any(shard.concerned(slots) for shard in self.shards)

    async def shut_gate(self, slots: Collection[int], seconds: float) -> bool:
        """Shut the gate: no group begins in any shard, none is in flight, and no parcel is under way from or for
        `slots`. False: that would take longer than `seconds`, and the gate is open again."""
        while self.held:  # noqa: ASYNC110 - a cut is being taken
            await asyncio.sleep(0.001)
        self.held += 1
        self._gate = self.draining = True
        until = self._loop.time() + seconds
        for shard in self.shards:
            shard.wake()
        while any(shard.flying for shard in self.shards) or self.under_way(slots):
            left = until - self._loop.time()
            if left <= 0:
                self.open_gate()
                return False
            self._landing = self._loop.create_future()
            timer = self._loop.call_later(left, self._landed)
            try:
                await self._landing
            except BaseException:
                self.open_gate()
                raise
            finally:
                timer.cancel()
                self._landing = None
        self.draining = False
        return True

    def open_gate(self) -> None:
        """The gate: everything goes on."""
        self._gate = self.draining = False
        self.held -= 1
        self.landed()
        if not self.held:
            for shard in self.shards:
                shard.wake()

    def give_slots(self, slots: Collection[int], source: Shard, target: Shard) -> None:
        """The gate is shut, the target's ownership is durable: from here on it has the slots, and what waited."""
        for slot in slots:
            self.table[slot] = target.number
            self.epochs[slot] += 1
            self._by_slot[slot] = target
        target.adopt(*source.release(set(slots)))
        self._views[target.number].close()
        view = self._views[target.number] = target.engine.snapshot()
        for slot, number in enumerate(self.table):
            if number == target.number:
                self._readers[slot] = SlotReader(slot, view)

    async def add_shard(self, folder: Path, place: str) -> Shard:
        """A new shard without slots, in an empty folder; `place`: how format.json shall name it."""
        number = self.format.next_number
        self.format = replace(self.format, numbered=number + 1)
        engine = await self._aside(lambda: self._found(number, folder))
        try:
            await self._write_places({**self._places(), str(number): place})
        except BaseException:
            engine.close()
            raise
        shard = Shard(number, engine, self, self._threaded)
        self._numbered[number] = shard
        self.shards.append(shard)
        self._views[number] = engine.snapshot()
        shard.start()
        _log.info("store.shard_added", shard=number)
        return shard

    async def remove_shard(self, number: int) -> Shard:
        """Forget a shard that has no slots and nothing under way. Its folder is left to the caller."""
        shard = self.shard(number)
        if number in self.table:
            raise StoreError(f"shard {number} still has slots")
        for _ in range(2000):
            for one in self.shards:
                one.advance(tidy=True)
            if shard.idle and not shard.in_flight and not self._under_way_to(number):
                break
            await asyncio.sleep(0.001)
        else:
            raise StoreError(f"shard {number} does not come to rest: try again")
        await self._write_places({name: at for name, at in self._places().items() if name != str(number)})
        self.shards.remove(shard)
        del self._numbered[number]
        self._views.pop(number).close()
        await self._aside(shard.stop)
        shard.close()
        self._retired.append(shard)
        _log.info("store.shard_removed", shard=number)
        return shard

    def _under_way_to(self, number: int) -> bool:
        """Does a shard keep rows of parcels for this one, or this one rows of its own?"""
        for shard in self.shards:
            view = shard.engine.snapshot()
            try:
                reader = Reader(META_SLOT, view)
                if reader.first(OUTBOX, *(() if shard.number == number else (number,))) is not None:
                    return True
            finally:
                view.close()
        return False

    def _places(self) -> dict[str, str]:
        return self.format.places or {str(one): f"shard-{one}" for one in self._numbered}

    async def _write_places(self, places: dict[str, str]) -> None:
        made = replace(self.format, shards=len(places), places=places, numbered=self.format.next_number)
        try:
            await self._aside(lambda: write_format(self.path, made))
        except OSError as fault:
            with suppress(OSError):  # what may stand there already must not come true at the next start
                await self._aside(lambda: write_format(self.path, self.format))
            raise StoreError(f"{self.path}: {fault}") from fault
        self.format = made

    def folder(self, number: int) -> Path:
        """Of a shard."""
        return self.format.folders(self.path)[number]

    @property
    def threaded(self) -> bool:
        return self._threaded

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work) if self._threaded else work()

    def _found(self, number: int, folder: Path) -> Engine:
        engine = self._open(folder, map_bytes=self._map_bytes)
        try:
            engine.commit(home_rows(number, self.format.store, [0] * SLOTS))
            engine.tidy(True)
        except BaseException:
            engine.close()
            raise
        return engine

    # The shards' host.

    def hand_to(self, handover: Handover) -> None:
        self._numbered[handover.target].give(handover)

    def applied(self, handovers: list[Handover]) -> None:
        for handover in handovers:
            self._numbered[handover.source].give(handover.key)

    def finish(self, shard: Shard, jobs: list[Commit[Any]], published: list[Any]) -> None:
        """A group is durable (or failed). Publish, then resolve in job order (I2)."""
        self._finished(shard, jobs, published)

    def tell(self, fn: Callable[..., None], *arguments: Any) -> None:
        if self._threaded:
            with suppress(RuntimeError):  # the loop was closed before the store: nobody is left to be told
                self._loop.call_soon_threadsafe(fn, *arguments)
        else:
            fn(*arguments)

    def landed(self) -> None:
        if self._landing is not None:
            self._landed()
        if self._resting and not self._gate and not any(shard.flying for shard in self.shards):
            for resting in self._resting:
                resting.set()

    def make_room(self, engine: Engine) -> None:
        """The map moves while nobody reads: on the loop, between two of its callbacks."""
        if not self._threaded:
            self._grow(engine, None)
            return
        faults: list[StoreError] = []
        done = threading.Event()

        def grow() -> None:
            self._grow(engine, faults)
            done.set()

        self._loop.call_soon_threadsafe(grow)
        if not done.wait(30):
            raise StoreFull("the loop did not make room in time")
        if faults:
            raise StoreFull(str(faults[0])) from faults[0]

    def schedule(self, shard: Shard, seconds: float) -> None:
        """The shard's turn, soon or in `seconds`."""
        if seconds:
            self._loop.call_later(seconds, self._pump, shard, True)
        else:
            self._loop.call_soon(self._pump, shard, False)

    # Inside.

    def _landed(self) -> None:
        if self._landing is not None and not self._landing.done():
            self._landing.set_result(None)

    def _cut(self) -> Cut:
        return Cut({shard.number: shard.engine.snapshot() for shard in self.shards}, list(self.table))

    def _hold(self, resting: threading.Event) -> None:
        self.held += 1
        self._resting.append(resting)
        self.landed()

    def _let_go(self, resting: threading.Event) -> None:
        if resting in self._resting:
            self._resting.remove(resting)
            self.held -= 1
        if not self.held:
            for shard in self.shards:
                shard.wake()

    def _pump(self, shard: Shard, late: bool) -> None:
        if self._running:
            shard.pump(late)

    def _finished(self, shard: Shard, jobs: list[Commit[Any]], published: list[Any]) -> None:
        shard.in_flight -= len(jobs)
        # The shard has committed nothing since, and of another only what the loop has heard of is in its view: what is
        # read is never ahead of what memory was told. What one shard was told by another finds there what it was made
        # from (a row its body), for it was handed on behind this.
        view = self._views.get(shard.number)
        if view is not None:
            view.renew()
        if published:
            for fn in self.subscribers:
                try:
                    fn(published)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as raised:  # others must hear of the commit all the same
                    self._report("a subscriber failed", raised)
        for job in jobs:
            try:
                job.resolve()
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as raised:  # the group's other jobs must resolve all the same
                self._report("a callback of a commit failed", raised)

    def _report(self, message: str, raised: BaseException) -> None:
        self._loop.call_exception_handler({"message": f"store: {message}", "exception": raised})

    def _grow(self, engine: Engine, faults: list[StoreError] | None) -> None:
        views = [self._views[shard.number] for shard in self.shards if shard.engine is engine]
        for view in views:
            view.reset()
        try:
            engine.grow()
        except StoreError as fault:
            if faults is None:
                raise
            faults.append(fault)
        finally:
            for view in views:
                view.renew()

    def _open_shards(self) -> None:
        found = read_format(self.path)
        if found is not None and found.engine != self._engine_name:
            raise StoreError(f"{self.path} was made by engine {found.engine!r}, not {self._engine_name!r}")
        folders = found.folders(self.path) if found is not None else _folders(self.path, self._wanted)
        engines: dict[int, Engine] = {}
        try:
            for number, folder in folders.items():
                engines[number] = self._opened(number, folder, found is not None)
            if found is None:
                found = self._create(engines)
            elif found.format < FORMAT:
                before = found
                migrate(
                    list(engines.values()), found.format, FORMAT, lambda number: self._record(number, before)
                )
                found = replace(found, format=FORMAT)
            owners = read_owners(engines, found.store)
            self.table, self.epochs = owners.table, owners.epochs
        except BaseException:
            for engine in engines.values():
                engine.close()
            raise
        self.format = found
        if found.fingerprint != fingerprint():
            self.format = self._record(found.format, found)
        for number, engine in engines.items():
            self._clean(number, engine)
        self.shards = [Shard(number, engine, self, self._threaded) for number, engine in engines.items()]
        self._numbered = {shard.number: shard for shard in self.shards}
        self._by_slot = [self._numbered[number] for number in self.table]
        self._views = {number: engine.snapshot() for number, engine in engines.items()}
        self._readers = [SlotReader(slot, self._views[number]) for slot, number in enumerate(self.table)]

    def _opened(self, number: int, folder: Path, known: bool) -> Engine:
        if known and not folder.is_dir() and self._engine_name in ("lmdb", "lmdb-plain"):
            raise StoreError(f"shard {number}: {folder} is not there; is its disk mounted?")
        return self._open(folder, map_bytes=self._map_bytes)

    def _clean(self, number: int, engine: Engine) -> None:
        """Of what moves of slots that were cut short have left. A disk that takes no deletions prevents no start."""
        while True:
            try:
                slots, rows = clean(number, engine, self.table, self.format.store)
            except NeedsRoom:
                engine.grow()
                continue
            except StoreError as fault:
                _log.error("store.not_cleaned", fault, shard=number, reason=str(fault))
                return
            if slots:
                _log.info("store.cleaned", shard=number, slots=slots, rows=rows)
            return

    def _create(self, engines: dict[int, Engine]) -> Format:
        """Spread the slots evenly; format.json comes last, so a creation cut short is simply done again."""
        store = self._ids.random_bytes(8).hex()
        for number, engine in engines.items():
            epochs = [1 if slot % len(engines) == number else 0 for slot in range(SLOTS)]
            engine.commit(home_rows(number, store, epochs))
        return self._record(FORMAT, None, len(engines), store)

    def _record(self, number: int, found: Format | None, shards: int = 0, store: str = "") -> Format:
        if found is not None:
            made = replace(found, format=number, oldest_code=OLDEST_CODE, fingerprint=fingerprint())
        else:
            made = Format(
                format=number,
                oldest_code=OLDEST_CODE,
                engine=self._engine_name,
                shards=shards,
                store=store,
                fingerprint=fingerprint(),
            )
        write_format(self.path, made)
        return made

    def _recover(self) -> None:
        """Hand out again what the last run left in the outboxes, in order; APPLIED tells what was done (I6)."""
        left = 0
        for shard in self.shards:
            snapshot = shard.engine.snapshot()
            try:
                for handover in read_parcels(Reader(META_SLOT, snapshot), shard.number):
                    self.shard(handover.target).give(handover)
                    shard.sent_before += 1
                    left += 1
            finally:
                snapshot.close()
        if left:
            _log.info("store.outbox_left", parcels=left)

    def _release(self) -> None:
        for view in self._views.values():
            view.close()
        for shard in self.shards:
            shard.close()
        for shard in (*self.shards, *self._retired):
            shard.engine.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def take_lock(path: Path) -> int:
    """The lock of a store's folder, as a descriptor to close. StoreError names who has it."""
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 32).decode(errors="replace").strip() or "?"
        os.close(lock)
        raise StoreError(f"{path} is in use by process {holder}") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a store that is not to be served."""
    lock = take_lock(path)
    try:
        yield
    finally:
        os.close(lock)


def read_owners(engines: dict[int, Engine], store: str) -> Owners:
    """Slot -> environment, from what each says of itself: the highest epoch owns a slot (DISK.md 3)."""
    views = {number: engine.snapshot() for number, engine in engines.items()}
    try:
        return Owners(views, store)
    finally:
        for view in views.values():
            view.close()


def _folders(store: Path, count: int) -> dict[int, Path]:
    return {number: store / f"shard-{number}" for number in range(count)}
