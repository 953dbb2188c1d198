"""What does a chunk cost? Put and get in MB/s and CPU seconds a GB, known content and whether it can be told from new
content, small files, a drain under messages.

  python -m scripts.bench.chunks [--quick] [--dir DIR] [--mib 1024] [--streams 8] [--small 100000] [--drain-mib 10240]

Everything runs in one process, store and chunks as the server has them, on the file system of DIR. `ratio` is to the
yardstick of the same run: the same bytes appended to a file with one fdatasync for as many chunks as there are streams.
The drain moves a whole disk to another at full speed (move_rate 0) and at the default rate, while messages are
committed (the store's share of them: see store.py) at a steady pace; their p99 is compared with that before the drain.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from scripts.bench.measure import percentile
from scripts.bench.store import deliver, send
from tgserve.chunks import refs
from tgserve.chunks.keeper import Keeper
from tgserve.chunks.settings import Settings
from tgserve.chunks.store import Chunks
from tgserve.clock import SystemClock
from tgserve.ids import Ids
from tgserve.server.lifecycle import new_loop, settle
from tgserve.store import chunk_records as c
from tgserve.store import payloads as pl
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

CHUNK = 512 * 1024
SECRET = bytes(32)
MESSAGES_A_SECOND = 200


def say(**figures: Any) -> None:
    shown = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    sys.stdout.write(json.dumps(shown) + "\n")
    sys.stdout.flush()


class Content:
    """Chunks that no two are equal, made without measurable work: one random block, its beginning numbered."""

    def __init__(self, size: int = CHUNK) -> None:
        self._block = os.urandom(size)
        self._number = 0

    def next(self) -> bytes:
        self._number += 1
        return self._number.to_bytes(16, "big") + self._block[16:]


async def streams(
    count: int, total: int, work: Callable[[int], Awaitable[object]]
) -> tuple[float, float, float]:
    """(seconds, CPU seconds, longest the loop was held) of `work(n)` for n below `total`, `count` at once."""
    numbers = iter(range(total))
    longest = 0.0
    ended = False

    async def stream() -> None:
        for number in numbers:
            await work(number)

    async def watch() -> None:
        nonlocal longest
        while not ended:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began - 0.001)

    watching = asyncio.ensure_future(watch())
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(stream() for _ in range(count)))
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    ended = True
    await watching
    return seconds, spent, longest


def rate(name: str, done: tuple[float, float, float], size: int, yardstick: float, **more: Any) -> None:
    seconds, cpu, longest = done
    say(
        bench=name,
        mb_per_second=size / 1e6 / seconds,
        cpu_seconds_per_gb=cpu / (size / 1e9),
        loop_held_ms=longest * 1000,
        ratio=yardstick / (seconds / size),
        **more,
    )


def bare(folder: Path, total: int, group: int) -> float:
    """Seconds a byte of appending and flushing alone."""
    made = Content()
    began = time.perf_counter()
    with (folder / "bare").open("wb", buffering=0) as file:
        for number in range(total):
            file.write(made.next())
            if number % group == group - 1:
                os.fdatasync(file.fileno())
    seconds = time.perf_counter() - began
    (folder / "bare").unlink()
    return seconds / (total * CHUNK)


async def opened(folder: Path, disks: int, **settings: Any) -> tuple[Store, Chunks]:
    chosen: dict[str, Any] = {"root": folder, "cache_bytes": 0, "move_rate": 0, "scrub_rate": 0} | settings
    store = Store(folder / "store", secret=SECRET)
    store.on_outbox(pl.Deliver, deliver)
    chunks = Chunks(store, SystemClock(), Ids(), SECRET, Settings(**chosen))
    await store.start()
    await chunks.start()
    for number in range(2, disks + 1):
        await chunks.attach(await chunks.enter_disk(f"chunks/disk-{number}"))
    return store, chunks


async def large(folder: Path, total: int, count: int) -> None:
    """New content, known content, reads; plain, sealed, two copies, text."""
    yardstick = bare(folder, total, count)
    say(bench="bare append", mb_per_second=1 / yardstick / 1e6)
    for name, disks, settings in (
        ("one copy", 1, {}),
        ("sealed", 1, {"seal": True}),
        ("two copies", 2, {}),
    ):
        here = folder / name.replace(" ", "-")
        here.mkdir()
        store, chunks = await opened(here, disks, **settings)
        made = Content()
        ids: dict[int, bytes] = {}

        async def put(
            number: int, chunks: Chunks = chunks, made: Content = made, ids: dict[int, bytes] = ids
        ) -> None:
            ids[number] = await chunks.put(made.next())

        rate(f"put new, {name}", await streams(count, total, put), total * CHUNK, yardstick, streams=count)
        if name == "one copy":
            known = Content()
            known._block = made._block

            async def again(_: int, chunks: Chunks = chunks, known: Content = known) -> None:
                await chunks.put(known.next())

            rate("put known", await streams(count, total, again), total * CHUNK, yardstick, streams=count)

        async def get(number: int, chunks: Chunks = chunks, ids: dict[int, bytes] = ids) -> None:
            await chunks.get(ids[number])

        rate(f"get, {name}", await streams(count, total, get), total * CHUNK, yardstick, streams=count)
        await chunks.close()
        await store.close()
        shutil.rmtree(here)
    text = b"".join(
        hashlib.sha256(b"%d" % n).hexdigest()[:24].encode() + b" said: a line of text\n"
        for n in range(20_000)
    )
    (folder / "text").mkdir()
    store, chunks = await opened(folder / "text", 1)

    async def put_text(number: int) -> None:
        await chunks.put(number.to_bytes(16, "big") + text[: CHUNK - 16])

    few = max(1, total // 4)
    done = await streams(count, few, put_text)
    stored = sum(chunks.disks[1].backend.packs().values())
    rate("put text", done, few * CHUNK, yardstick, stored_share=stored / (few * CHUNK))
    await chunks.close()
    await store.close()
    shutil.rmtree(folder / "text")


async def alike(folder: Path, total: int) -> None:
    """SECURITY 6.6: one put at a time, of new and of known content, and the put that follows one of either."""
    (folder / "alike").mkdir()
    store, chunks = await opened(folder / "alike", 1)
    made = Content()
    there = [made.next() for _ in range(16)]
    for one in there:
        await store.transact(slot_of(1), partial(refs.hold, ids=[await chunks.put(one)]))
    took: dict[tuple[bool, bool], list[float]] = {}
    before = False
    for number in range(total):
        known = number % 4 in (1, 2)  # each kind behind each kind
        data = there[number % 16] if known else made.next()
        began = time.perf_counter()
        await chunks.put(data)
        took.setdefault((before, known), []).append(time.perf_counter() - began)
        before = known
    middle = {pair: percentile(times, 0.5) for pair, times in took.items()}
    say(
        bench="known and new, one at a time",
        new_ms=middle[False, False] * 1000,
        known_ratio=middle[False, True] / middle[False, False],
        new_after_known_ratio=middle[True, False] / middle[False, False],
    )
    await chunks.close()
    await store.close()


async def shared(folder: Path) -> None:
    """The same 100 MB sent by 20 users."""
    (folder / "shared").mkdir()
    store, chunks = await opened(folder / "shared", 1)
    parts = 200
    made = Content()
    content = [made.next() for _ in range(parts)]
    for user in range(20):
        ids = list(await asyncio.gather(*(chunks.put(part) for part in content)))
        await store.transact(slot_of(user), partial(refs.hold, ids=ids))
    await store.settled()
    stored = sum(chunks.disks[1].backend.packs().values())
    say(
        bench="20 users, one file",
        file_bytes=parts * CHUNK,
        stored_bytes=stored,
        ratio=stored / (parts * CHUNK),
    )
    await chunks.close()
    await store.close()
    shutil.rmtree(folder / "shared")


def _below(folder: Path) -> tuple[int, int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_blocks * 512 for path in files)


async def small(folder: Path, total: int, count: int) -> None:
    """Many small files of 0.5 to 8 KB: files on disk, bytes beyond the content, the index."""
    (folder / "small").mkdir()
    store, chunks = await opened(folder / "small", 1)
    block = os.urandom(8192)
    size = 0

    async def put(number: int) -> None:
        nonlocal size
        data = number.to_bytes(16, "big") + block[: 500 + number * 7919 % 7500]
        size += len(data)
        chunk_id = await chunks.put(data)
        await store.transact(slot_of(number), partial(refs.hold, ids=(chunk_id,)))

    seconds, cpu, longest = await streams(count * 16, total, put)
    await store.settled()
    await chunks.close()
    await store.close()
    files, stored = _below(folder / "small" / "chunks")
    _, index = _below(folder / "small" / "store")
    say(
        bench="small files",
        files=total,
        content_bytes=size,
        files_on_disk=files,
        stored_bytes=stored,
        overhead_bytes_per_file=(stored - size) / total,
        index_bytes_per_file=index / total,
        files_per_second=total / seconds,
        cpu_us_per_file=cpu / total * 1e6,
        loop_held_ms=longest * 1000,
        ratio=stored / size,
    )
    shutil.rmtree(folder / "small")


async def messages(store: Store, seconds: float | None, until: asyncio.Future[Any] | None) -> list[float]:
    """Latencies of messages committed at a steady pace, for so long or until something is done."""
    found: list[float] = []
    pending: set[Any] = set()
    began = time.perf_counter()
    number = int(began * 1e6)

    def done(sent: float, commit: Any) -> None:
        found.append(time.perf_counter() - sent)
        pending.discard(commit)

    while (seconds is None or time.perf_counter() - began < seconds) and (until is None or not until.done()):
        number += 1
        me, peer = 1 + number % 500, 1001 + number % 397
        sent = time.perf_counter()
        commit = store.transact(slot_of(me), partial(send, me=me, peer=peer, random_id=number))
        pending.add(commit)
        commit.on_done(partial(done, sent))
        due = began + (len(found) + len(pending)) / MESSAGES_A_SECOND
        await asyncio.sleep(max(0, due - time.perf_counter()))
    await store.settled()
    await asyncio.sleep(0.01)
    return found


async def drain(folder: Path, mib: int, move_rate: int, name: str) -> None:
    """A disk of so many MiB is moved to another while messages are committed."""
    here = folder / "drain"
    here.mkdir()
    store, chunks = await opened(here, 1, move_rate=move_rate, copies=1)
    made = Content()
    total = mib * 2

    async def put(_: int) -> None:
        chunk_id = await chunks.put(made.next())
        await store.transact(1, partial(refs.hold, ids=(chunk_id,)))

    await streams(8, total, put)
    await chunks.attach(await chunks.enter_disk("chunks/disk-2"))
    keeper = Keeper(chunks)
    await messages(store, 1, None)
    before = await messages(store, 5 if mib > 200 else 1, None)
    await chunks.change_disk(1, state=c.DISK_DRAINING)
    job = keeper.ask("drain", 1)
    began = time.perf_counter()
    working = asyncio.ensure_future(keeper._run(job))
    during = await messages(store, None, working)
    await working
    seconds = time.perf_counter() - began
    say(
        bench=f"drain, {name}",
        mib=mib,
        mib_per_second=mib / seconds,
        stuck=job.tally.stuck,
        lost=job.tally.lost,
        messages_during=len(during),
        p50_before_ms=percentile(before, 0.5) * 1000,
        p50_during_ms=percentile(during, 0.5) * 1000,
        p99_before_ms=percentile(before, 0.99) * 1000,
        p99_during_ms=percentile(during, 0.99) * 1000,
        ratio=percentile(during, 0.99) / percentile(before, 0.99),
    )
    await chunks.close()
    await store.close()
    shutil.rmtree(here)


async def main(options: argparse.Namespace, folder: Path) -> None:
    settle()
    parts = options.only.split(",") if options.only else ["large", "alike", "shared", "small", "drain"]
    if "large" in parts:
        await large(folder, options.mib * 2, options.streams)
    if "alike" in parts:
        await alike(folder, options.mib)
    if "shared" in parts:
        await shared(folder)
    if "small" in parts:
        await small(folder, options.small, options.streams)
    if "drain" in parts:
        await drain(folder, options.drain_mib, Settings().move_rate, "default rate")
        if not options.quick:
            await drain(folder, options.drain_mib // 4, 0, "full speed")


if __name__ == "__main__":
    reader = argparse.ArgumentParser()
    reader.add_argument("--quick", action="store_true")
    reader.add_argument("--dir", type=Path)
    reader.add_argument("--mib", type=int, default=1024)
    reader.add_argument("--streams", type=int, default=8)
    reader.add_argument("--small", type=int, default=100_000)
    reader.add_argument("--drain-mib", type=int, default=10_240)
    reader.add_argument("--only", default="")
    chosen = reader.parse_args()
    if chosen.quick:
        chosen.mib, chosen.small, chosen.drain_mib = 16, 500, 64
    place = Path(tempfile.mkdtemp(dir=chosen.dir))
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main(chosen, place))
    finally:
        shutil.rmtree(place)
