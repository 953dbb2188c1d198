"""What does a backup cost? MB/s of the first and of the next one, of verify and of restore, and what messages feel.

  python -m scripts.bench.backup [--quick] [--dir DIR] [--rows-mib 256] [--files-mib 1024] [--target DIR]

One process, store and chunks as the server has them. MB/s are bytes of rows and of files' content a second. `ratio` is
to the yardstick of the same run: the same number of random bytes written to files of 16 MiB beside the target, each
flushed. While a backup runs messages (the store's share of them) are committed at a steady pace; their p99 is compared
with that before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from scripts.bench.chunks import Content
from scripts.bench.measure import percentile
from scripts.bench.store import deliver, send
from tgserve.adapters.objects.folder import FolderObjects
from tgserve.backup.catalogue import catalogue, existing_header
from tgserve.backup.creating import Steps, create
from tgserve.backup.live import live_source
from tgserve.backup.manifest import Manifest
from tgserve.backup.packs import PACK_BYTES
from tgserve.backup.repository import Repository, open_repository, prepare
from tgserve.backup.restoring import restore
from tgserve.backup.verifying import verify
from tgserve.chunks import refs
from tgserve.chunks.settings import Settings
from tgserve.chunks.store import Chunks
from tgserve.clock import SystemClock
from tgserve.ids import Ids
from tgserve.server.lifecycle import new_loop, settle
from tgserve.store import payloads as pl
from tgserve.store.keyspaces import USER_SETTINGS
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS, slot_of

SECRET = bytes(32)
KEY = bytes(range(32))
ROW = 150
"""Bytes of a row, key and all: about what messages' rows have on average."""
MESSAGES_A_SECOND = 200
RANDOM = Ids().random_bytes
WORDS = b"the quick brown fox jumps over a lazy dog and comes home late again with nothing to say about it at all "


def say(**figures: Any) -> None:
    shown = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    sys.stdout.write(json.dumps(shown) + "\n")
    sys.stdout.flush()


async def fill_rows(store: Store, mib: int) -> None:
    """Rows half text, half noise, over all slots."""
    left = (mib << 20) // ROW
    number = 0
    while left > 0:
        commits = []
        for slot in range(0, SLOTS, 4):
            count = min(200, left)
            noise = os.urandom(60 * count)

            def put(txn: Any, number: int = number, count: int = count, noise: bytes = noise) -> None:
                for at in range(count):
                    name = f"{number + at:012}"
                    value = noise[at * 60 : at * 60 + 60] + WORDS[at % 40 : at % 40 + 60]
                    txn.put(USER_SETTINGS, number % 997, name, value=value)

            commits.append(store.transact(slot, put))
            number += count
            left -= count
            if left <= 0:
                break
        for commit in commits:
            await commit
    await store.settled(60)


async def fill_files(chunks: Chunks, mib: int) -> None:
    content = Content()
    for _ in range(max(1, mib // 8)):
        ids = await asyncio.gather(*(chunks.put(content.next()) for _ in range(16)))
        await chunks.store.transact(1, partial(lambda found, txn: refs.hold(txn, found), ids))


def yardstick(folder: Path, size: int) -> float:
    """MB/s of plain writing."""
    folder.mkdir()
    block = os.urandom(PACK_BYTES)
    began = time.perf_counter()
    for number in range(max(1, size // PACK_BYTES)):
        with (folder / str(number)).open("wb") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    shutil.rmtree(folder)
    return max(1, size // PACK_BYTES) * PACK_BYTES / seconds / 1e6


def message(me: int, number: int, txn: Any) -> int:
    return send(txn, me, me + 100, number)


async def messages(store: Store, seconds: float, until: threading.Event) -> list[float]:
    """Latencies of messages at a steady pace, until the time is over and `until` is set."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began, number = loop.time(), 0
    while loop.time() - began < seconds or not until.is_set():
        number += 1
        start = time.perf_counter()
        me = 5000 + number % 100
        await store.transact(slot_of(me), partial(message, me, number))
        latencies.append(time.perf_counter() - start)
        await asyncio.sleep(max(0.0, began + number / MESSAGES_A_SECOND - loop.time()))
    return latencies


async def run(folder: Path, place: Path, rows_mib: int, files_mib: int) -> None:
    clock = SystemClock()
    data = folder / "data"
    (data / "keys").mkdir(parents=True)
    (data / "keys" / "secret.key").write_bytes(SECRET)
    store = Store(data / "store", secret=SECRET)
    store.on_outbox(pl.Deliver, deliver)
    chunks = Chunks(store, clock, Ids(), SECRET, Settings(root=data))
    await store.start()
    await chunks.start()
    settle()
    loop = asyncio.get_running_loop()
    objects = FolderObjects(place)

    async def back_up() -> tuple[Manifest, float, float]:
        """(manifest, seconds, CPU seconds)"""

        def work() -> Manifest:
            repository = prepare(
                objects, RANDOM, key=KEY, passphrase="", server=store.format.store, now=int(clock.now())
            )
            return create(
                repository,
                lambda: live_source(data, chunks, loop),
                clock.now,
                RANDOM,
                Steps(),
                threading.Event(),
            )

        began, cpu = time.perf_counter(), time.process_time()
        with chunks.keep_packs():
            made = await asyncio.to_thread(work)
        return made, time.perf_counter() - began, time.process_time() - cpu

    def opened() -> Repository:
        return open_repository(objects, existing_header(objects), RANDOM, key=KEY, passphrase="")

    for what in ("rows", "files"):
        await (fill_rows(store, rows_mib) if what == "rows" else fill_files(chunks, files_mib))
        made, seconds, cpu = await back_up()
        size = made.row_bytes if what == "rows" else made.chunk_bytes
        plain = yardstick(folder / "plain", max(made.new_bytes, PACK_BYTES))
        rate = size / seconds / 1e6
        say(
            bench=f"backup.first.{what}",
            mb=size / 1e6,
            mb_per_second=rate,
            cpu_seconds_per_gb=cpu / size * 1e9,
            stored_share=made.new_bytes / size,
            yardstick_mb_per_second=plain,
            ratio=rate / plain,
            wanted=100,
        )
    whole = made.row_bytes + made.chunk_bytes
    again, seconds, cpu = await back_up()
    say(
        bench="backup.again",
        seconds=seconds,
        new_bytes=again.new_bytes,
        mb_per_second=whole / seconds / 1e6,
        ratio=again.new_bytes / max(1, made.new_bytes),
    )

    over = threading.Event()
    over.set()
    quiet = await messages(store, 3.0 if rows_mib > 50 else 0.5, over)
    over.clear()
    shutil.rmtree(place)

    async def whole_backup() -> tuple[Manifest, float, float]:
        try:
            return await back_up()
        finally:
            over.set()

    busy, (made, seconds, _) = await asyncio.gather(messages(store, 0.2, over), whole_backup())
    whole = made.row_bytes + made.chunk_bytes
    say(
        bench="backup.under_messages",
        mb_per_second=whole / seconds / 1e6,
        messages=len(busy),
        p99_ms=percentile(busy, 0.99) * 1e3,
        p99_ms_before=percentile(quiet, 0.99) * 1e3,
        longest_ms=max(busy) * 1e3,
        ratio=percentile(busy, 0.99) / percentile(quiet, 0.99),
    )
    await chunks.close()
    await store.close()

    began = time.perf_counter()
    verdict = verify(opened(), Steps(), threading.Event())
    seconds = time.perf_counter() - began
    assert not verdict.found, verdict.problems
    say(bench="backup.verify", mb_per_second=whole / seconds / 1e6, ratio=whole / seconds / 1e6 / plain)
    repository = opened()
    began = time.perf_counter()
    restore(
        repository,
        catalogue(objects, repository.header).pick(),
        folder / "again",
        RANDOM,
        clock.now(),
        Steps(),
        threading.Event(),
    )
    seconds = time.perf_counter() - began
    say(bench="backup.restore", mb_per_second=whole / seconds / 1e6, ratio=whole / seconds / 1e6 / plain)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--target", type=Path)
    parser.add_argument("--rows-mib", type=int, default=256)
    parser.add_argument("--files-mib", type=int, default=1024)
    chosen = parser.parse_args()
    rows, files = (4, 16) if chosen.quick else (chosen.rows_mib, chosen.files_mib)
    with tempfile.TemporaryDirectory(dir=chosen.dir, prefix="backup-bench-") as folder:
        place = (chosen.target or Path(folder)) / "target"
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(run(Path(folder), place, rows, files))


if __name__ == "__main__":
    main()
