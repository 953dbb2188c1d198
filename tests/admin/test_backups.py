"""Backups by the running server: by the clock, one at a time, the last result kept; a stop ends one that runs."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.backup.attic import fill, furnish, target
from tests.chunks.yard import Yard, run, yard
from tgserve.admin.backups import AGAIN_SECONDS, Backups
from tgserve.admin.jobs import Job, Jobs
from tgserve.admin.refusal import Refusal
from tgserve.backup import creating
from tgserve.backup.catalogue import catalogue, existing_header
from tgserve.backup.creating import Steps
from tgserve.backup.keys import load_key, spell
from tgserve.backup.repository import open_repository
from tgserve.backup.verifying import verify
from tgserve.config import BackupConfig, Config
from tgserve.ids import Ids
from tgserve.store.backup_records import BackupMark


@dataclass
class Desk:
    here: Yard
    backups: Backups
    jobs: Jobs
    place: Path

    async def ended(self) -> Job:
        while self.jobs.running:
            await asyncio.sleep(0.01)
        return self.jobs.ended[0]

    def names(self) -> list[str]:
        objects = target(self.place)
        return [one.name for one in catalogue(objects, existing_header(objects)).found]

    def mark(self) -> BackupMark:
        found = self.backups.last()
        assert found is not None
        return found


@asynccontextmanager
async def desk(tmp_path: Path, **settings: Any) -> AsyncIterator[Desk]:
    async with yard(tmp_path / "data") as here:
        furnish(here.path)
        (here.path / "keys" / "backup.key").unlink(missing_ok=True)
        await fill(here, 500)
        tasks: set[asyncio.Task[None]] = set()

        def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
            task = asyncio.get_running_loop().create_task(work, name=name)
            tasks.add(task)
            return task

        jobs = Jobs(here.clock, spawn)
        chosen = BackupConfig(
            **({"target": str(tmp_path / "target"), "every_hours": 24, "keep": 2} | settings)
        )
        config = Config(data=here.path, backup=chosen)
        backups = Backups(config, here.clock, Ids(), here.chunks, jobs)
        try:
            yield Desk(here, backups, jobs, tmp_path / "target")
        finally:
            await backups.close()
            await asyncio.gather(*tasks, return_exceptions=True)


def test_they_are_made_by_the_clock_and_old_ones_go(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d:
            assert d.backups.last() is None
            names: list[str] = []
            for number in range(4):
                await d.backups.turn()
                job = await d.ended()
                assert job.state == "done", job.fault
                names.append(d.mark().name)
                assert d.names() == names[-2:]
                assert d.mark().fault == "" and d.mark().good == d.mark().began
                assert names[-1] in job.note and ("1 older" in job.note) == (number >= 2)
                d.here.clock.advance(23 * 3600)
                before = len(d.jobs.ended)
                await d.backups.turn()
                assert not d.jobs.running and len(d.jobs.ended) == before
                d.here.clock.advance(3601)
                await fill(d.here, 50, seed=number + 2)
            assert verdict_of(d) == []

    run(story())


def verdict_of(d: Desk) -> list[str]:
    objects = target(d.place)
    key = load_key(d.here.path / "keys" / "backup.key")
    repository = open_repository(objects, existing_header(objects), os.urandom, key=key, passphrase="")
    return verify(repository, Steps(), threading.Event()).problems


def test_without_a_target_nothing_is_made(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path, target="") as d:
            await d.backups.turn()
            assert not d.jobs.running and d.backups.last() is None
            with pytest.raises(Refusal, match=r"which target\?"):
                d.backups.begin()
            with pytest.raises(Refusal, match=r"lies inside of"):
                d.backups.begin(str(d.here.path / "backups"))
            assert not (d.here.path / "keys" / "backup.key").exists()

    run(story())


def test_one_that_fails_is_told_and_tried_again_sooner(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "target").write_text("no folder")
        async with desk(tmp_path) as d:
            await d.backups.turn()
            job = await d.ended()
            assert job.state == "failed" and "target" in job.fault
            assert d.mark().fault == job.fault and d.mark().good == 0
            await d.backups.turn()
            assert not d.jobs.running
            (tmp_path / "target").unlink()
            d.here.clock.advance(AGAIN_SECONDS + 1)
            await d.backups.turn()
            assert (await d.ended()).state == "done"
            assert d.mark().fault == "" and d.mark().good > 0
            good = d.mark()
            (tmp_path / "target").rename(tmp_path / "away")
            (tmp_path / "target").write_text("no folder")
            d.here.clock.advance(25 * 3600)
            await d.backups.turn()
            await d.ended()
            assert d.mark().fault and (d.mark().good, d.mark().name) == (good.good, good.name)

    run(story())


def test_a_target_whose_disk_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    """An empty mount point looks like a folder: the clock does not fill the disk below it; an operator may."""

    async def story() -> None:
        async with desk(tmp_path) as d:
            await d.backups.turn()
            assert (await d.ended()).state == "done"
            d.place.rename(tmp_path / "unmounted")
            d.place.mkdir()
            d.here.clock.advance(25 * 3600)
            await d.backups.turn()
            assert "is its disk mounted?" in (await d.ended()).fault
            assert list(d.place.iterdir()) == [] and "mounted" in d.mark().fault
            d.backups.begin()
            assert (await d.ended()).state == "done"
            d.here.clock.advance(25 * 3600)
            await d.backups.turn()
            assert (await d.ended()).state == "done" and len(d.names()) == 2

    run(story())


def test_a_backup_elsewhere_puts_off_no_planned_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d:
            d.backups.begin(str(tmp_path / "usb"))
            assert (await d.ended()).state == "done"
            first = d.mark().name
            await d.backups.turn()
            assert (await d.ended()).state == "done" and d.mark().name != first
            d.here.clock.advance(23 * 3600)
            d.backups.begin(str(tmp_path / "usb"))
            await d.ended()
            d.here.clock.advance(3601)
            await d.backups.turn()
            assert (await d.ended()).state == "done" and len(d.names()) == 2

    run(story())


def test_the_key_is_made_once_and_shown_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as d:
            _, shown = d.backups.begin(str(tmp_path / "one"))
            await d.ended()
            path = d.here.path / "keys" / "backup.key"
            assert path.stat().st_mode & 0o077 == 0
            key = load_key(path)
            assert key is not None and spell(key) == shown
            _, again = d.backups.begin(str(tmp_path / "two"))
            await d.ended()
            assert again == "" and load_key(path) == key

    run(story())


def test_one_at_a_time_and_a_stop_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is not closed under a backup: who closes waits until its thread is out."""
    inside, go_on = threading.Event(), threading.Event()
    real = creating.owned

    def slow(*arguments: Any) -> Any:
        inside.set()
        go_on.wait(100)
        return real(*arguments)

    monkeypatch.setattr(creating, "owned", slow)

    async def story() -> None:
        async with desk(tmp_path) as d:
            job, _ = d.backups.begin()
            await asyncio.to_thread(inside.wait, 100)
            with pytest.raises(Refusal, match="a backup is under way"):
                d.backups.begin()
            await d.backups.turn()
            asyncio.get_running_loop().call_later(0.2, go_on.set)
            await d.backups.close()
            assert job.state == "cancelled"
            assert d.names() == [] and d.here.chunks.keeping == 0
            assert [one for one in (tmp_path / "target").rglob("*") if "packs/" in str(one)] == []

    run(story())
