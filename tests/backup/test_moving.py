"""Backups while slots move between shards: each is whole, and a server restored from it starts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.backup.attic import back_up, bring_back, fill, rows_in, target, verdict
from tests.chunks.yard import run, yard
from tgserve.backup.manifest import Manifest
from tgserve.store.format import read_format
from tgserve.store.moving import Mover


def test_backups_while_slots_move(tmp_path: Path) -> None:
    async def story() -> None:
        place = target(tmp_path / "target")
        made: list[Manifest] = []
        async with yard(tmp_path / "data") as here:
            mover = Mover(here.store)
            await fill(here, 40_000)
            ids = [await here.kept(os.urandom(30_000)) for _ in range(10)]
            await here.store.settled()
            made.append(await back_up(here, place))
            new = await mover.add(tmp_path / "elsewhere")
            moves = {slot: new.number for slot in range(1024) if slot % 3}
            moving = asyncio.get_running_loop().create_task(mover.move(moves))
            while not moving.done():
                made.append(await back_up(here, place))
            await moving
            assert len(made) > 1
            made.append(await back_up(here, place))
            assert made[-1].new_bytes < made[0].new_bytes / 5, "slots that moved are the blocks they were"
        before = rows_in(tmp_path / "data")
        assert verdict(place).problems == []
        for number, manifest in enumerate([made[0], made[len(made) // 2], made[-1]]):
            again = tmp_path / f"again-{number}"
            bring_back(place, again, manifest.name)
            assert rows_in(again) == before
            found = read_format(again / "store")
            assert found is not None and found.shards == len(found.places) == (3 if not number else 4)
            assert all((again / "store" / one).is_dir() for one in found.places.values())
            async with yard(again) as here:
                here.held.update(ids)
                await here.sound()
                assert len(await here.read(ids[0])) == 30_000
                assert (await Mover(here.store).add(tmp_path / f"more-{number}")).number == found.next_number

    run(story())
