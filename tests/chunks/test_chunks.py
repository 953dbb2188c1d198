"""Put, get, references, the collector, packs that are emptied: on one and on several folders."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from msgspec.structs import replace

from tests.chunks.yard import Yard, run, yard
from tgserve import limits
from tgserve.chunks import local
from tgserve.chunks.coding import SEALED, Coder
from tgserve.chunks.framing import header_of
from tgserve.chunks.local import LocalDisk
from tgserve.errors import ChunkLost
from tgserve.store.keyspaces import CHUNKS, CHUNKS_LOOSE
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.transaction import Txn

GRACE = limits.CHUNK_GRACE_SECONDS


@pytest.mark.parametrize("disks", [1, 2, 4])
@pytest.mark.parametrize("seal", [False, True])
def test_what_was_put_is_got(tmp_path: Path, disks: int, seal: bool) -> None:
    async def story() -> None:
        async with yard(tmp_path, disks, seal=seal) as here:
            contents = [os.urandom(size) for size in (1, 100, 70_000, limits.CHUNK_BYTES)] + [b"text" * 5000]
            ids = [await here.kept(data) for data in contents]
            assert len({*ids}) == 5
            for chunk_id, data in zip(ids, contents, strict=True):
                assert await here.read(chunk_id) == data
                places = await here.places(chunk_id)
                assert len(places) == min(disks, 2)
            await here.sound()
        async with yard(tmp_path, disks, seal=not seal) as here:
            here.held.update(ids)
            for chunk_id, data in zip(ids, contents, strict=True):
                assert await here.chunks.get(chunk_id) == data
            await here.sound()

    run(story())


def test_sealed_packs_do_not_hold_the_content(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, seal=True) as here:
            chunk_id = await here.kept(b"\xff\xd8\xff the very picture" + os.urandom(100))
            (place,) = await here.places(chunk_id)
            raw = here.pack_file(place).read_bytes()
            assert b"very picture" not in raw
            assert header_of(raw, place.offset).flags & SEALED

    run(story())


@pytest.mark.parametrize("size", [0, limits.CHUNK_BYTES + 1])
def test_what_is_no_chunk_is_refused(tmp_path: Path, size: int) -> None:
    async def story() -> None:
        async with yard(tmp_path) as here:
            with pytest.raises(ValueError, match="no chunk"):
                await here.chunks.put(bytes(size))
            assert (await here.check()).chunks == 0

    run(story())


def test_equal_content_is_kept_once(tmp_path: Path) -> None:
    """20 users send the same file to 20 chats: one copy and some rows."""

    async def story() -> None:
        async with yard(tmp_path) as here:
            parts = [os.urandom(50_000) for _ in range(20)]
            ids = [await here.chunks.put(part) for part in parts]
            await here.hold(*ids)
            before = sum(here.chunks.disks[1].backend.packs().values())
            for _ in range(19):
                again = await asyncio.gather(*(here.chunks.put(part) for part in parts))
                assert again == ids
                await here.hold(*ids)
            assert sum(here.chunks.disks[1].backend.packs().values()) == before
            assert before < 20 * 50_000 * 1.01
            row = await here.row(ids[0])
            assert row is not None and row.refs == 20
            await here.sound()

    run(story())


def test_puts_of_the_same_new_content_at_one_moment_write_it_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2) as here:
            data = os.urandom(200_000)
            ids = await asyncio.gather(*(here.chunks.put(data) for _ in range(8)))
            assert len({*ids}) == 1
            for disk in here.chunks.disks.values():
                assert sum(disk.backend.packs().values()) < 250_000
                assert not disk.pins
            await here.hold(*ids)
            await here.sound()

    run(story())


def test_a_chunk_nobody_held_goes_after_the_grace_period(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path) as here:
            kept, loose = await here.kept(b"kept" * 100), await here.chunks.put(b"loose" * 100)
            assert await here.later(GRACE - 10) == 0
            assert await here.later(20) == 1
            assert await here.row(loose) is None
            with pytest.raises(ChunkLost):
                await here.read(loose)
            assert await here.read(kept) == b"kept" * 100
            await here.sound()

    run(story())


def test_the_grace_period_begins_with_the_last_drop_and_with_each_put(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path) as here:
            one, two = await here.kept(b"one" * 100), await here.kept(b"two" * 100)
            await here.hold(one)
            here.clock.advance(10 * GRACE)
            await here.drop(one)
            await here.drop(two)
            await here.store.settled()
            assert await here.later(GRACE - 10) == 0
            assert await here.chunks.put(b"two" * 100) == two
            await here.drop(one)
            await here.store.settled()
            assert await here.later(GRACE - 10) == 0
            assert await here.later(20) == 2
            await here.sound()

    run(story())


def test_a_put_of_content_that_is_collected_at_that_moment_is_written_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path) as here:
            data = os.urandom(100_000)
            for _ in range(30):
                await here.chunks.put(data)
                here.clock.advance(GRACE + 10)
                collected, chunk_id = await asyncio.gather(here.later(0), here.chunks.put(data))
                await here.hold(chunk_id)
                assert await here.read(chunk_id) == data
                await here.sound()
                await here.drop(chunk_id)
                await here.store.settled()

    run(story())


def test_a_hold_that_arrives_late_counts(tmp_path: Path) -> None:
    """Held in the very moment it is collected: one of them comes first, and both leave the store sound."""

    async def story() -> None:
        async with yard(tmp_path) as here:
            chunk_id = await here.chunks.put(b"late" * 100)
            here.clock.advance(GRACE - 5)
            await asyncio.gather(here.later(0), here.hold(chunk_id))
            await here.store.settled()
            assert await here.later(10 * GRACE) == 0
            assert await here.read(chunk_id) == b"late" * 100
            await here.sound()

    run(story())


def test_an_id_named_twice_is_held_twice(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path) as here:
            chunk_id = await here.chunks.put(bytes(1000))
            await here.hold(chunk_id, chunk_id)
            await here.drop(chunk_id)
            await here.store.settled()
            assert await here.later(10 * GRACE) == 0
            await here.drop(chunk_id)
            await here.store.settled()
            assert await here.later(10 * GRACE) == 1

    run(story())


def test_packs_without_life_go_and_half_dead_ones_are_emptied(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, pack_bytes=100_000) as here:
            data = [os.urandom(9_000) for _ in range(60)]
            ids = [await here.chunks.put(one) for one in data]
            await here.hold(*ids)
            before = here.chunks.disks[1].backend.packs()
            assert len(before) > 4
            here.clock.advance(100)
            gone = ids[:20] + ids[20::3]
            await here.drop(*gone)
            await here.store.settled()
            assert await here.later(GRACE + 1) == len(gone)
            census = await here.keeper.tidy()
            after = here.chunks.disks[1].backend.packs()
            assert not {1, 2} & after.keys(), "nothing of these was alive"
            assert sum(after.values()) < sum(before.values()) * 0.75
            assert census.chunks == len(ids) - len(gone)
            left = [one for one in ids if one not in gone]
            await here.drop(*left[::2])
            await here.store.settled()
            await here.later(GRACE + 1)
            await here.keeper.tidy()
            await here.keeper.tidy()
            for chunk_id in left[1::2]:
                assert await here.read(chunk_id) == data[ids.index(chunk_id)]
            packs = here.chunks.disks[1].backend.packs()
            alive = len(left[1::2]) * 9_052
            assert sum(packs.values()) < alive * 2 + 100_000
            await here.sound()

    run(story())


def test_readers_and_writers_do_not_notice_that_packs_move(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2, pack_bytes=60_000, cache_bytes=0) as here:
            held: dict[bytes, bytes] = {}
            stop = False

            async def write(number: int) -> None:
                turn = 0
                while not stop:
                    turn += 1
                    data = os.urandom(3_000 + number)
                    chunk_id = await here.kept(data)
                    held[chunk_id] = data
                    if turn % 3:
                        del held[chunk_id]
                        await here.drop(chunk_id)
                    for one, content in list(held.items())[-3:]:
                        assert await here.chunks.get(one) == content

            async def tidy() -> None:
                nonlocal stop
                for _ in range(5):
                    await here.store.settled(1)
                    await here.later(GRACE * 0.6)
                    await here.keeper.tidy()
                stop = True

            await asyncio.gather(*(write(number) for number in range(4)), tidy())
            for chunk_id, content in held.items():
                assert await here.chunks.get(chunk_id) == content
            assert not any(disk.pins for disk in here.chunks.disks.values())
            await here.sound()

    run(story())


def test_the_table_is_made_again_from_the_packs(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2, pack_bytes=60_000) as here:
            data = [os.urandom(5_000) for _ in range(40)]
            ids = [await here.chunks.put(one) for one in data]

            def wipe(txn: Txn) -> None:
                for key, row in list(txn.range(CHUNKS)):
                    txn.delete(CHUNKS, *key)
                    txn.delete(CHUNKS_LOOSE, row.since, *key)

            for slot in range(SLOTS):
                await here.store.transact(slot, wipe)
            assert await here.row(ids[0]) is None
            here.clock.advance(50)
            job = await here.job("rebuild")
            assert job.tally.chunks == 80 and job.tally.bad == 0
            for chunk_id, one in zip(ids, data, strict=True):
                assert await here.read(chunk_id) == one
                assert len(await here.places(chunk_id)) == 2
            await here.sound()
            assert await here.later(GRACE - 10) == 0, "who holds them must have time to say so"

    run(story())


def test_a_store_that_does_not_fit_its_packs_is_put_right(tmp_path: Path) -> None:
    """A backup of the store that is older than the packs: what it names was moved since."""

    async def story() -> None:
        async with yard(tmp_path) as here:
            data = os.urandom(5_000)
            chunk_id = await here.kept(data)
            (place,) = await here.places(chunk_id)

            def misname(txn: Txn) -> None:
                row = txn.get(CHUNKS, chunk_id)
                assert row is not None
                txn.put(
                    CHUNKS, chunk_id, value=replace(row, copies=(replace(place, offset=place.offset + 7),))
                )

            await here.store.transact(slot_of(chunk_id), misname)
            with pytest.raises(ChunkLost):
                await here.read(chunk_id)
            await here.job("rebuild")
            assert await here.places(chunk_id) == (place,)
            assert await here.read(chunk_id) == data
            await here.sound()

    run(story())


def test_6_6_known_and_new_content_take_the_same_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SECURITY 6.6: whoever puts what somebody else has already put must not be able to tell, from the time of that put
    or of the next: the disk is asked for the same in the same order, and finds its pack as a record leaves it."""
    steps: list[tuple[str, int]] = []
    write, flush = os.pwritev, os.fdatasync

    def written(file: int, pieces: Sequence[memoryview], at: int) -> int:
        steps.append(
            ("write", sum(map(len, pieces)) // 1000)
        )  # the store's log of a new row is 51 bytes longer
        return write(file, pieces, at)

    def flushed(file: int) -> None:
        steps.append(("flush", 0))
        flush(file)

    async def story() -> None:
        async with yard(tmp_path, 2, pack_bytes=1 << 26) as here:
            theirs = [os.urandom(256_000) for _ in range(3)]
            for one in theirs:
                await here.kept(one)
            await here.store.settled()
            monkeypatch.setattr(local.os, "pwritev", written)
            monkeypatch.setattr(local.os, "fdatasync", flushed)
            commits = sum(shard.commits for shard in here.store.stats())
            seen = []
            for data in (os.urandom(256_000), theirs[0], theirs[1], os.urandom(256_000), theirs[2]):
                steps.clear()
                await here.chunks.put(data)
                for disk in here.chunks.disks.values():  # behind what the put has left to do
                    await disk.run(lambda: None)
                await here.store.settled()
                now = sum(shard.commits for shard in here.store.stats())
                seen.append((sorted(steps), now - commits))
                commits = now
                assert ends(here) == sizes(here)
            assert seen == [seen[0]] * 5 and seen[0][0] != [] and seen[0][1] == 1

    def sizes(here: Yard) -> dict[int, int]:
        """Of the open packs, as the file system has them."""
        packs = here.path / "chunks"
        return {n: (packs / f"disk-{n}/packs/0000000001.pack").stat().st_size for n in here.chunks.disks}

    def ends(here: Yard) -> dict[int, int]:
        return {n: disk.backend.packs()[1] for n, disk in here.chunks.disks.items()}

    run(story())


def test_the_loop_does_none_of_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes milliseconds for a part of 512 KiB (hash, compress, seal, write, read) runs in other threads."""
    threads: dict[str, set[int]] = {}

    def watch(holder: type, name: str) -> None:
        work = getattr(holder, name)

        def watched(*args: Any, **more: Any) -> Any:
            threads.setdefault(name, set()).add(get_ident())
            return work(*args, **more)

        monkeypatch.setattr(holder, name, watched)

    async def story() -> None:
        async with yard(tmp_path, 2, seal=True) as here:
            for holder, name in (
                (Coder, "encode"),
                (Coder, "decode"),
                (LocalDisk, "append"),
                (LocalDisk, "read"),
            ):
                watch(holder, name)
            text = b"line of a log\n" * 30_000
            for data in (text, os.urandom(limits.CHUNK_BYTES)):
                chunk_id = await here.kept(data)
                await here.kept(data)
                assert await here.read(chunk_id) == data
        assert threads.keys() == {"encode", "decode", "append", "read"}
        assert get_ident() not in set().union(*threads.values())

    run(story())


def test_coders_of_one_secret_agree() -> None:
    assert Coder(bytes(32), True, os.urandom).id_of(b"x") == Coder(bytes(32), False, os.urandom).id_of(b"x")
