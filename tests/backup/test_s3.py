"""A whole life of backups in a real S3 store: made, verified, damaged, pruned, restored."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.backup.attic import back_up, bring_back, fill, opened, rows_in, verdict
from tests.chunks.yard import run, yard
from tests.seaweed import weed
from tgserve.adapters.objects.loading import open_objects
from tgserve.backup.creating import Steps
from tgserve.backup.faults import Damaged
from tgserve.backup.pruning import prune
from tgserve.clock import SystemClock


@pytest.mark.timeout(400)
def test_a_life_in_s3(tmp_path: Path) -> None:
    with weed(tmp_path / "weed") as store:
        place = open_objects("s3://backups/of/mine", store.options, SystemClock())

        async def story() -> None:
            async with yard(tmp_path / "data") as here:
                await fill(here, 5000)
                one = await here.kept(os.urandom(300_000))
                first = await back_up(here, place)
                pack = next(entry.name for entry in place.entries("packs"))
                again = await back_up(here, place)
                assert (again.new_blocks, again.new_bytes) == (0, 0)
                await fill(here, 100, seed=2)
                await here.drop(one)
                await here.store.settled()
                await here.later(10**7)
                two = await here.kept(os.urandom(300_000))
                last = await back_up(here, place)
                assert 0 < last.new_bytes < first.new_bytes
            assert verdict(place).problems == []
            whole = place.get(pack)
            place.put(pack, whole[:100] + bytes((whole[100] ^ 1,)) + whole[101:])
            assert any(pack in text for text in verdict(place).problems)
            place.delete(pack)
            assert any(f"{pack} is missing" in text for text in verdict(place).problems)
            with pytest.raises(Damaged, match=pack):
                bring_back(place, tmp_path / "again", first.name)
            place.put(pack, whole)
            done = prune(opened(place), 1, Steps(), threading.Event())
            assert (done.dropped, done.kept) == (2, 1)
            assert verdict(place).problems == []
            assert bring_back(place, tmp_path / "again").chunks == 1
            assert rows_in(tmp_path / "again") == rows_in(tmp_path / "data")
            async with yard(tmp_path / "again") as here:
                assert len(await here.read(two)) == 300_000

        run(story())
