"""What does moving slots cost who writes meanwhile? Rate of the migration, time of the gate, latency of messages.

  python -m scripts.bench.shards [--quick] [--dir DIR] [--megabytes 400] [--writers 4]

A store of two shards with bodies of 300 bytes in all slots. Writers send a message (bench/store.py), wait until it is
durable, pause for a millisecond, and so on, all the time: first alone (quiet), then while a shard is added and a third
of all slots moves to it, under them. The yardstick is the same run's quiet latency; every acknowledged message is
looked for at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.bench.measure import percentile
from scripts.bench.store import deliver, send
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.engine import Rows
from tgserve.store.keyspaces import BODIES, SENT
from tgserve.store.moving import Mover, spread
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

USERS = 400
OWNERS = 2048
BODY_BYTES = 300
PAUSE_SECONDS = 0.001
QUICK_MEGABYTES = 20
SWITCH_SECONDS = 0.002
"""As the server sets it (server/lifecycle.py)."""


def fill(store: Store, megabytes: int) -> None:
    """Bodies of OWNERS people who never write, straight into the environments."""
    value = BODIES.encode(r.Body(1, 1, bytes(random.Random(1).randbytes(BODY_BYTES))))
    each = megabytes * 1_000_000 // OWNERS // (len(value) + 15) + 1
    for shard in store.shards:
        rows: Rows = {}
        for owner in sorted(range(10**6, 10**6 + OWNERS), key=slot_of):
            if store.table[slot_of(owner)] == shard.number:
                rows.update({BODIES.key(slot_of(owner), owner, n): value for n in range(1, each + 1)})
            if len(rows) > 20_000:
                shard.engine.bulk(rows)
                rows = {}
        shard.engine.bulk(rows)


class Writers:
    def __init__(self, store: Store, count: int) -> None:
        self.store = store
        self.times: list[float] = []
        self.sent: list[tuple[int, int]] = []
        self.stopped = False
        self.tasks = [asyncio.ensure_future(self._write(number)) for number in range(count)]

    async def _write(self, number: int) -> None:
        rng = random.Random(number)
        count = 0
        while not self.stopped:
            me, peer = rng.sample(range(1, USERS + 1), 2)
            count += 1
            random_id = number * 10**9 + count
            began = time.perf_counter()
            await self.store.transact(slot_of(me), lambda txn: send(txn, me, peer, random_id))  # noqa: B023
            self.times.append(time.perf_counter() - began)
            self.sent.append((me, random_id))
            await asyncio.sleep(PAUSE_SECONDS)

    def take(self) -> list[float]:
        times, self.times = self.times, []
        return times

    async def stop(self) -> None:
        self.stopped = True
        await asyncio.gather(*self.tasks)

    def lost(self) -> int:
        lost = 0
        for me, random_id in self.sent:
            with self.store.read(slot_of(me)) as reader:
                lost += reader.get(SENT, me, random_id) is None
        return lost


async def run(folder: Path, megabytes: int, writers: int, seconds: float) -> dict[str, Any]:
    store = Store(folder / "store", shards=2)
    store.on_outbox(pl.Deliver, deliver)
    await store.start()
    await asyncio.to_thread(fill, store, megabytes)
    mover = Mover(store)
    company = Writers(store, writers)
    await asyncio.sleep(min(1.0, seconds))
    company.take()
    await asyncio.sleep(seconds)
    quiet = company.take()
    (folder / "added").mkdir()
    shard = await mover.add(folder / "added")
    moves = spread(store.table, [one.number for one in store.shards])
    company.take()
    began, clock = time.perf_counter(), store.clock.monotonic()
    progress = await mover.move(moves)
    took = time.perf_counter() - began
    until_moved = progress.moved_at - clock
    moving = company.take()
    await company.stop()
    await store.settled()
    lost = company.lost()
    await store.close()
    gates = [gate * 1e3 for gate in progress.gates]
    p99 = [percentile(times, 0.99) * 1e3 for times in (quiet, moving)]
    return {
        "bench": "shards",
        "slots": len(moves),
        "to_shard": shard.number,
        "rows": progress.rows,
        "megabytes": round(progress.done / 1e6, 1),
        "seconds": round(until_moved, 2),
        "with_deletion_seconds": round(took, 2),
        "megabytes_per_second": round(progress.done / 1e6 / until_moved, 1),
        "with_deletion_megabytes_per_second": round(progress.done / 1e6 / took, 1),
        "gates": len(gates),
        "gates_given_up": progress.gave_up,
        "gate_p50_ms": round(percentile(gates, 0.5), 2),
        "gate_max_ms": round(max(gates), 2),
        "messages": [len(quiet), len(moving)],
        "lost": lost,
        "quiet_p50_ms": round(percentile(quiet, 0.5) * 1e3, 2),
        "moving_p50_ms": round(percentile(moving, 0.5) * 1e3, 2),
        "quiet_p99_ms": round(p99[0], 2),
        "moving_p99_ms": round(p99[1], 2),
        "p99_ratio": round(p99[1] / p99[0], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="seconds instead of a minute")
    parser.add_argument("--dir", type=Path, help="where to make the stores (default: a temporary folder)")
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--writers", type=int, default=4)
    given = parser.parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)
    folder = Path(tempfile.mkdtemp(prefix="bench-shards-", dir=given.dir))
    try:
        megabytes = QUICK_MEGABYTES if given.quick else given.megabytes
        figures = asyncio.run(run(folder, megabytes, given.writers, 0.5 if given.quick else 5.0))
        sys.stdout.write(json.dumps(figures) + "\n")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
