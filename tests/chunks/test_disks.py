"""Disks that are full, read-only, pulled, swapped, rotten, dead or hanging: nothing acknowledged is lost with two
copies, and whoever puts is told. Real mounts where the system allows them."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.chunks.yard import Yard, run, yard
from tests.waiting import until
from tgserve import limits
from tgserve.chunks import keeper as keeping
from tgserve.chunks.disk import FAILING, FOREIGN, FULL, MISSING, OK
from tgserve.chunks.local import LocalDisk
from tgserve.chunks.memory import MemoryDisk
from tgserve.errors import ChunkLost, StoreFull
from tgserve.store import chunk_records as c

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """mount(options..., folder); everything is unmounted at the end."""
    done: list[Path] = []

    def make(*words: str | Path) -> None:
        folder = Path(words[-1])
        folder.mkdir(parents=True, exist_ok=True)
        result = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)
        if result.returncode:
            pytest.skip(f"mounting is not allowed here: {result.stderr.strip()}")
        done.append(folder)

    yield make
    for folder in reversed(done):
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def tmpfs(mount: Mount, folder: Path, mib: int) -> None:
    mount("-t", "tmpfs", "-o", f"size={mib}m", "chunks", folder)


def umount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def fill(here: Yard, size: int = 100_000, most: int = 200) -> dict[bytes, bytes]:
    """Put until it is refused."""
    kept: dict[bytes, bytes] = {}
    for _ in range(most):
        data = os.urandom(size)
        try:
            kept[await here.kept(data)] = data
        except StoreFull:
            return kept
    raise AssertionError("it was never full")


async def all_there(here: Yard, kept: dict[bytes, bytes]) -> None:
    for chunk_id, data in kept.items():
        assert await here.read(chunk_id) == data


def test_a_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path: Path, mount: Mount) -> None:
    async def story() -> None:
        tmpfs(mount, tmp_path / "chunks/disk-1", 4)
        async with yard(tmp_path, pack_bytes=500_000) as here:
            kept = await fill(here)
            assert len(kept) > 30
            assert here.chunks.disks[1].health == FULL
            await here.keeper.watch()
            assert here.chunks.disks[1].health == FULL
            await all_there(here, kept)
            await here.sound()
            for chunk_id in list(kept)[:30]:
                await here.drop(chunk_id)
                del kept[chunk_id]
            await here.store.settled()
            assert await here.later(limits.CHUNK_GRACE_SECONDS + 1) >= 30
            await here.keeper.tidy()
            keeping.ROOM_AGAIN, before = 1 << 20, keeping.ROOM_AGAIN
            try:
                await here.keeper.watch()
            finally:
                keeping.ROOM_AGAIN = before
            assert here.chunks.disks[1].health == OK
            data = os.urandom(100_000)
            kept[await here.kept(data)] = data
            await all_there(here, kept)
            await here.sound()

    run(story())


def test_when_one_disk_is_full_another_takes_it(tmp_path: Path, mount: Mount) -> None:
    async def story() -> None:
        tmpfs(mount, tmp_path / "chunks/disk-2", 2)
        async with yard(tmp_path, 3) as here:
            kept = {}
            for _ in range(60):
                data = os.urandom(100_000)
                kept[await here.kept(data)] = data
            assert here.chunks.disks[2].health == FULL
            assert all([len(await here.places(chunk_id)) == 2 for chunk_id in kept])
            await all_there(here, kept)
            await here.sound()

    run(story())


def test_with_too_few_disks_nothing_is_acknowledged(tmp_path: Path, mount: Mount) -> None:
    async def story() -> None:
        tmpfs(mount, tmp_path / "chunks/disk-2", 2)
        async with yard(tmp_path, 2) as here:
            kept = await fill(here)
            chunks = (await here.check()).chunks
            for _ in range(5):
                with pytest.raises(StoreFull):
                    await here.chunks.put(os.urandom(100_000))
            assert (await here.check()).chunks == chunks, "nothing of a refused put is in the table"
            await all_there(here, kept)
            await here.sound()
        async with yard(tmp_path, 2, least_copies=1) as other:
            other.held.update(list(kept))
            data = os.urandom(100_000)
            assert len(await other.places(await other.kept(data))) == 1
            await other.sound()

    run(story())


def test_a_disk_made_read_only_under_load(tmp_path: Path, mount: Mount) -> None:
    async def story() -> None:
        tmpfs(mount, tmp_path / "chunks/disk-2", 50)
        async with yard(tmp_path, 3, pack_bytes=300_000) as here:
            kept: dict[bytes, bytes] = {}

            async def load() -> None:
                for number in count():
                    data = os.urandom(50_000)
                    kept[await here.kept(data)] = data
                    if number >= 60 and here.chunks.disks[2].health != OK:
                        break

            loading = asyncio.gather(load(), load())
            await until(lambda: len(kept) >= 5)
            # a lazy remount is refused while a file is open for writing: the disk is swapped for a read-only view
            mount("--bind", tmp_path / "chunks/disk-2", tmp_path / "chunks/disk-2")
            mount("-o", "remount,ro,bind", tmp_path / "chunks/disk-2")
            here.chunks.disks[2].backend.close_pack()
            await loading
            assert here.chunks.disks[2].health in (FAILING, FOREIGN)
            await all_there(here, kept)
            umount(tmp_path / "chunks/disk-2")
            await here.keeper.watch()
            assert here.chunks.disks[2].health == OK
            await here.sound()

    run(story())


def test_a_disk_pulled_under_load_and_put_back(tmp_path: Path, mount: Mount) -> None:
    async def story() -> None:
        mount("--bind", _folder(tmp_path / "device"), tmp_path / "chunks/disk-2")
        async with yard(tmp_path, 2, least_copies=1, pack_bytes=300_000) as here:
            kept: dict[bytes, bytes] = {}

            async def load() -> None:
                for _ in range(60):
                    data = os.urandom(50_000)
                    kept[await here.kept(data)] = data
                    for one, content in list(kept.items())[-4:]:
                        assert await here.read(one) == content

            loading = asyncio.gather(load(), load())
            await until(lambda: len(kept) >= 5)
            umount(tmp_path / "chunks/disk-2")
            await loading
            await here.keeper.watch()
            assert here.chunks.disks[2].health == MISSING
            assert [one.number for one in here.keeper.unwell()] == [2]
            await all_there(here, kept)
            await here.sound()
            assert not any((tmp_path / "chunks/disk-2").iterdir()), (
                "nothing is written into the empty mount point"
            )
            mount("--bind", tmp_path / "device", tmp_path / "chunks/disk-2")
            await here.keeper.watch()
            assert here.chunks.disks[2].health == OK
            assert here.keeper.jobs[0].kind == "repair", "what was written meanwhile gets its second copy"
            await here.job("repair")
            for chunk_id in kept:
                assert len(await here.places(chunk_id)) == 2
            await here.sound()

    run(story())


def test_a_pulled_disk_is_no_reason_not_to_start(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2) as here:
            data = os.urandom(50_000)
            chunk_id = await here.kept(data)
        (tmp_path / "chunks/disk-1").rename(tmp_path / "away")
        async with yard(tmp_path) as here:
            assert here.chunks.disks[1].health == MISSING
            assert await here.read(chunk_id) == data
            with pytest.raises(StoreFull):
                await here.chunks.put(os.urandom(100))
            here.held[chunk_id] = 1
            await here.sound()
        assert not (tmp_path / "chunks/disk-1").exists()

    run(story())


def test_two_disks_swapped_are_neither_read_nor_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2) as here:
            data = os.urandom(50_000)
            chunk_id = await here.kept(data)
            one, two = tmp_path / "chunks/disk-1", tmp_path / "chunks/disk-2"
            one.rename(tmp_path / "x")
            two.rename(one)
            (tmp_path / "x").rename(two)
            with pytest.raises(StoreFull):
                await here.chunks.put(os.urandom(100))
            await here.keeper.watch()
            assert [disk.health for disk in here.chunks.disks.values()] == [FOREIGN, FOREIGN]
            with pytest.raises(ChunkLost):
                await here.read(chunk_id)
            row = await here.row(chunk_id)
            await here.mend(chunk_id)
            assert await here.row(chunk_id) == row, "copies that cannot be seen now are not forgotten"
            one.rename(tmp_path / "x")
            two.rename(one)
            (tmp_path / "x").rename(two)
            await here.keeper.watch()
            assert await here.read(chunk_id) == data
            await here.kept(os.urandom(100))
            await here.sound()

    run(story())


def test_another_folder_in_a_disks_place_takes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path / "other") as other:
            await other.kept(b"theirs" * 100)
        async with yard(tmp_path, 2) as here:
            data = os.urandom(50_000)
            chunk_id = await here.kept(data)
            (tmp_path / "chunks/disk-1").rename(tmp_path / "away")
            shutil.copytree(tmp_path / "other/chunks/disk-1", tmp_path / "chunks/disk-1")
            before = sorted(path.stat().st_size for path in (tmp_path / "chunks/disk-1").rglob("*"))
            with pytest.raises(StoreFull):
                await here.chunks.put(os.urandom(100))
            await here.keeper.watch()
            assert here.chunks.disks[1].health == FOREIGN
            assert await here.read(chunk_id) == data
            after = sorted(path.stat().st_size for path in (tmp_path / "chunks/disk-1").rglob("*"))
            assert before == after

    run(story())


@pytest.mark.parametrize("at", [0, 10, 44, 50, 52, 5000])
def test_a_flipped_bit_is_healed_by_a_read(tmp_path: Path, at: int) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2) as here:
            data = os.urandom(10_000)
            chunk_id = await here.kept(data)
            bad = (await here.places(chunk_id))[0]
            here.flip(bad, at)
            assert await here.read(chunk_id) == data
            assert list(here.chunks.doubtful) == [chunk_id]
            await here.keeper._heal()
            places = await here.places(chunk_id)
            assert bad not in places and len(places) == 2
            assert here.chunks.disks[bad.disk].bad_copies == 1
            await here.sound()

    run(story())


def test_scrub_finds_and_heals_what_nobody_reads(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2, pack_bytes=50_000) as here:
            kept = {}
            for _ in range(60):
                data = os.urandom(5_000)
                kept[await here.kept(data)] = data
            ids = list(kept)
            for number, chunk_id in enumerate(ids[:20]):
                here.flip((await here.places(chunk_id))[number % 2], 60 + number)
            assert len((await here.check()).problems) == 20
            assert (await here.check(deep=False)).problems == []
            job = await here.job("scrub")
            assert (job.tally.bad, job.tally.made, job.tally.lost) == (20, 20, 0)
            assert here.keeper.mark().ended
            await here.sound()
            await all_there(here, kept)

    run(story())


def test_a_chunk_with_no_good_copy_is_told_and_comes_back_with_its_content(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path) as here:
            data = os.urandom(5_000)
            chunk_id = await here.kept(data)
            here.flip((await here.places(chunk_id))[0])
            with pytest.raises(ChunkLost):
                await here.read(chunk_id)
            assert (await here.job("scrub")).tally.lost == 1
            assert [problem.rule for problem in (await here.check()).problems] == ["C3", "C4"]
            assert await here.chunks.put(data) == chunk_id
            await here.keeper._heal()
            assert await here.read(chunk_id) == data
            await here.sound()

    run(story())


def test_a_lost_pack_file_is_made_good(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2, pack_bytes=40_000) as here:
            kept = {}
            for _ in range(30):
                data = os.urandom(5_000)
                kept[await here.kept(data)] = data
            here.pack_file((await here.places(next(iter(kept))))[0]).unlink()
            await all_there(here, kept)
            await here.job("scrub")
            await here.sound()

    run(story())


def test_a_dead_disk_is_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 2) as here:
            kept = {}
            for _ in range(30):
                data = os.urandom(5_000)
                kept[await here.kept(data)] = data
            shutil.rmtree(tmp_path / "chunks/disk-1")
            await here.keeper.watch()
            await here.chunks.attach(await here.chunks.enter_disk("chunks/disk-3"))
            job = await here.job("repair")
            assert job.tally.made == 30 and job.tally.stuck == 0
            await here.chunks.detach(1)
            await here.job("repair")
            for chunk_id in kept:
                assert sorted(place.disk for place in await here.places(chunk_id)) == [2, 3]
            await all_there(here, kept)
            await here.sound()
            assert (await here.chunks.enter_disk("chunks/disk-4")).number == 4, "numbers are not given twice"

    run(story())


def test_a_disk_drains_while_the_server_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 3, pack_bytes=200_000) as here:
            kept: dict[bytes, bytes] = {}

            async def load(count: int) -> None:
                for _ in range(count):
                    data = os.urandom(20_000)
                    kept[await here.kept(data)] = data
                    one, content = next(iter(kept.items()))
                    assert await here.read(one) == content

            await load(60)
            await here.chunks.change_disk(1, state=c.DISK_DRAINING)
            _, job = await asyncio.gather(load(60), here.job("drain", 1))
            assert job.tally.stuck == 0
            assert here.keeper.census is not None and here.keeper.census.disk_chunks[1] == 0
            for chunk_id in kept:
                assert 1 not in [place.disk for place in await here.places(chunk_id)]
            assert len(here.chunks.disks[1].backend.packs()) <= 1, "its packs are gone"
            await here.chunks.detach(1)
            await all_there(here, kept)
            await here.sound()

    run(story())


def test_a_removed_disk_comes_back_as_what_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, 3) as here:
            kept = {}
            for _ in range(20):
                data = os.urandom(5_000)
                kept[await here.kept(data)] = data
            await here.chunks.detach(3)
            await here.job("repair")
            row = await here.chunks.enter_disk("chunks/disk-3")
            assert row.number == 3
            await here.chunks.attach(row)
            await here.job("repair")
            await all_there(here, kept)
            await here.sound()

    run(story())


def test_weights_decide_the_share(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path, copies=1) as here:
            await here.chunks.attach(await here.chunks.enter_disk("chunks/disk-2", weight=300))
            for number in range(400):
                await here.chunks.put(b"%d" % number)
            census = await here.keeper.tidy()
            assert 60 < census.disk_chunks[1] < 145, census.disk_chunks

    run(story())


def test_a_second_disk_gets_second_copies(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path) as here:
            ids = [await here.kept(b"%d" % number * 10) for number in range(50)]
            assert here.chunks.copies == 1
            await here.chunks.attach(await here.chunks.enter_disk("chunks/disk-2"))
            assert here.chunks.copies == 2
            await here.job("repair")
            assert all([len(await here.places(chunk_id)) == 2 for chunk_id in ids])
            await here.sound()

    run(story())


class Hanging(MemoryDisk):
    """Takes an append and does not come back."""

    def __init__(self) -> None:
        super().__init__()
        self.hang = False
        self.go = threading.Event()
        self.begun = self.ended = 0

    def append(self, *arguments):  # type: ignore[no-untyped-def]
        self.begun += 1
        if self.hang:
            self.go.wait(100)
        try:
            return super().append(*arguments)
        finally:
            self.ended += 1


def test_a_disk_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "STUCK_SECONDS", 0.2)

    async def story() -> None:
        made: dict[int, Hanging] = {}

        def backends(row: c.ChunkDisk) -> Hanging:
            return made.setdefault(row.number, Hanging())

        async with yard(tmp_path, 3, backends=backends, copies=1) as here:
            for disk in made.values():
                disk.hang = True
            putting = asyncio.gather(*(here.chunks.put(b"%d" % n) for n in range(10)), return_exceptions=True)
            await until(lambda: all(disk.begun for disk in made.values()))
            await asyncio.sleep(0.3)
            made[2].hang = made[3].hang = False
            made[2].go.set()
            made[3].go.set()
            await until(lambda: all(made[n].begun == made[n].ended for n in (2, 3)))

            async def given_up() -> bool:
                await here.keeper.watch()
                return [here.chunks.disks[n].health for n in (1, 2, 3)] == [FAILING, OK, OK]

            await until(given_up)
            results = await putting
            assert sum(isinstance(one, bytes) for one in results) >= 5
            await here.chunks.put(b"the server lives")
            made[1].go.set()
            made[1].hang = False

            async def well() -> bool:
                await here.keeper.watch()
                return here.chunks.disks[1].health == OK

            await until(well)

    run(story())


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_the_disks_of_a_yard_are_local(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path) as here:
            assert isinstance(here.chunks.disks[1].backend, LocalDisk)

    run(story())
