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
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from tgserve import log
from tgserve.clock import Clock, SystemClock
from tgserve.errors import StoreError, StoreFull
from tgserve.ids import Ids
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.engine import Engine, OpenEngine, Snapshot
from tgserve.store.engines.lmdb import open_lmdb
from tgserve.store.engines.logged import open_logged
from tgserve.store.engines.memory import open_memory
from tgserve.store.format import FORMAT, OLDEST_CODE, Format, fingerprint, read_format, write_format
from tgserve.store.keyspaces import HOME
from tgserve.store.migrations import migrate
from tgserve.store.outbox import Handler, Handover, read_parcels
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
        self._by_slot: list[Shard] = []
        self._views: list[Snapshot] = []
        """The loop's snapshot of each shard: renewed by the first read after a commit, let go by the next commit."""
        self._stale = False
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
        self._recover()
        for shard in self.shards:
            shard.start()
            shard.wake()
        await self.settled(5.0)
        _log.info("store.open", shards=len(self.shards), engine=self._engine_name)

    async def close(self) -> None:
        """Commit what is queued, apply what is on its way, let go. The store cannot be started again."""
        if not self._running:
            return
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
        """`with store.read(slot) as r:` a consistent view, not older than the last commit the loop has heard of; all
        slots are seen at one moment. On the loop, and only until the next await; other threads use `snapshot`."""
        if self._stale:
            self._renew()
        return self._readers[slot]

    def snapshot(self, number: int) -> Snapshot:
        """A new snapshot of shard `number` for the calling thread, which must close it."""
        return self.shards[number].engine.snapshot()

    def cut(self, seconds: float = 30.0) -> list[Snapshot]:
        """Snapshots of all shards at one moment, between two groups of each, for a thread that is not the loop's:
        slots differ by nothing but what stands in the outbox. The caller closes them."""
        if not self._threaded:
            return [shard.engine.snapshot() for shard in self.shards]
        resting = threading.Event()
        self._loop.call_soon_threadsafe(self._hold, resting)
        try:
            if not resting.wait(seconds):
                raise StoreError("the shards did not come to rest")
            return [shard.engine.snapshot() for shard in self.shards]
        finally:
            self._loop.call_soon_threadsafe(self._let_go, resting)

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

    # The shards' host.

    def hand_to(self, handover: Handover) -> None:
        self.shards[handover.target].give(handover)

    def applied(self, handovers: list[Handover]) -> None:
        for handover in handovers:
            self.shards[handover.source].give(handover.key)

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
        if self._resting and not any(shard.flying for shard in self.shards):
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

    def _renew(self) -> None:
        """All views to one moment. What one shard was told by another must find there what it was made from (a row its
        body): every group was run on what the loop had heard of, and that is in all views."""
        for view in self._views:
            view.renew()
        self._stale = False

    def _finished(self, shard: Shard, jobs: list[Commit[Any]], published: list[Any]) -> None:
        shard.in_flight -= len(jobs)
        self._views[shard.number].reset()
        self._stale = True
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
        number = next(shard.number for shard in self.shards if shard.engine is engine)
        self._views[number].reset()
        self._stale = True
        try:
            engine.grow()
        except StoreError as fault:
            if faults is None:
                raise
            faults.append(fault)

    def _open_shards(self) -> None:
        found = read_format(self.path)
        if found is not None and found.engine != self._engine_name:
            raise StoreError(f"{self.path} was made by engine {found.engine!r}, not {self._engine_name!r}")
        count = found.shards if found is not None else self._wanted
        engines: list[Engine] = []
        try:
            for number in range(count):
                engines.append(self._open(self.path / f"shard-{number}", map_bytes=self._map_bytes))
            if found is None:
                found = self._create(engines)
            elif found.format < FORMAT:
                before = found
                migrate(engines, found.format, FORMAT, lambda number: self._record(number, engines, before))
            self.table = slot_table(engines, found.store)
        except BaseException:
            for engine in engines:
                engine.close()
            raise
        if found.fingerprint != fingerprint():
            self._record(found.format, engines, found)
        owned: list[list[int]] = [[] for _ in engines]
        for slot, number in enumerate(self.table):
            owned[number].append(slot)
        self.shards = [Shard(n, engine, owned[n], self, self._threaded) for n, engine in enumerate(engines)]
        self._by_slot = [self.shards[number] for number in self.table]
        self._views = [engine.snapshot() for engine in engines]
        self._readers = [SlotReader(slot, self._views[number]) for slot, number in enumerate(self.table)]

    def _create(self, engines: list[Engine]) -> Format:
        """Spread the slots evenly; format.json comes last, so a creation cut short is simply done again."""
        store = self._ids.random_bytes(8).hex()
        for number, engine in enumerate(engines):
            epochs = [1 if slot % len(engines) == number else 0 for slot in range(SLOTS)]
            home = r.ShardHome(number, store, struct.pack(f">{SLOTS}I", *epochs))
            engine.commit({HOME.key(META_SLOT): HOME.encode(home)})
        return self._record(FORMAT, engines, None, store)

    def _record(self, number: int, engines: list[Engine], found: Format | None, store: str = "") -> Format:
        made = Format(
            format=number,
            oldest_code=OLDEST_CODE,
            engine=self._engine_name,
            shards=len(engines),
            store=found.store if found is not None else store,
            fingerprint=fingerprint(),
        )
        write_format(self.path, made)
        return made

    def _recover(self) -> None:
        """Hand out again what the last run left in the outboxes, in order; APPLIED tells what was done (I6)."""
        left = 0
        for shard in self.shards:
            snapshot = shard.engine.snapshot()
            for handover in read_parcels(Reader(META_SLOT, snapshot), shard.number):
                self.shards[handover.target].give(handover)
                shard.sent_before += 1
                left += 1
            snapshot.close()
        if left:
            _log.info("store.outbox_left", parcels=left)

    def _release(self) -> None:
        for view in self._views:
            view.close()
        for shard in self.shards:
            shard.close()
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


def slot_table(engines: list[Engine], store: str) -> list[int]:
    """Slot -> environment, from what each says of itself: the highest epoch owns a slot (DISK.md 3)."""
    best: list[tuple[int, int]] = [(0, -1)] * SLOTS
    for number, engine in enumerate(engines):
        snapshot = engine.snapshot()
        home = Reader(META_SLOT, snapshot).get(HOME)
        snapshot.close()
        if home is None or home.number != number or home.store != store:
            raise StoreError(f"shard {number} does not belong to this store")
        epochs = struct.unpack(f">{SLOTS}I", home.epochs)
        for slot, epoch in enumerate(epochs):
            if epoch and epoch == best[slot][0]:
                raise StoreError(f"slot {slot} is claimed by shards {best[slot][1]} and {number}")
            best[slot] = max(best[slot], (epoch, number))
    for slot, (epoch, _) in enumerate(best):
        if not epoch:
            raise StoreError(f"no shard owns slot {slot}")
    return [number for _, number in best]
