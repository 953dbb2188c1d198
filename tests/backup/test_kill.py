"""kill -9 while backups are made and pruned (docs/DISK.md B3, B4): every backup that was finished and not pruned can be
restored, nothing is damaged, what is left over is removed by the next prune. TGSERVE_KILL_ROUNDS for more."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from tests.backup.attic import bring_back, fill, furnish, opened, rows_in, target, verdict
from tests.chunks.yard import run, yard
from tgserve.backup.catalogue import catalogue
from tgserve.backup.creating import Steps
from tgserve.backup.pruning import prune

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("TGSERVE_KILL_ROUNDS", "50")) // 8


def test_a_killed_backup_costs_no_other(tmp_path: Path) -> None:
    data, place = tmp_path / "data", tmp_path / "target"

    async def story() -> None:
        async with yard(data) as here:
            furnish(data)
            await fill(here, 30_000)
            for _ in range(20):
                await here.kept(os.urandom(400_000))

    run(story())
    before = rows_in(data)
    rng = random.Random(1)
    finished: list[str] = []
    command = [sys.executable, "-m", "tests.backup.victim", str(data), str(place)]
    for number in range(ROUNDS):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if number % 2 or not finished:  # at any moment of the first, or after some were finished
            finished.append(process.stdout.readline().strip())
        try:
            process.wait(rng.uniform(0.05, 1.5))
            raise AssertionError("the victim has ended by itself")
        except subprocess.TimeoutExpired:
            process.kill()
        finished += [line.strip() for line in process.stdout.read().splitlines()]
        process.wait(100)
        process.stdout.close()
        if not (place / "tgserve-backup.json").exists():
            continue
        found = verdict(target(place))
        assert found.problems == [], f"round {number}"
        names = [one.name for one in catalogue(target(place), opened(target(place)).header).found]
        assert finished[-1] in names, "a backup that was finished is gone"
    assert len(finished) > ROUNDS // 2
    bring_back(target(place), tmp_path / "again", finished[-1])
    assert rows_in(tmp_path / "again") == before
    shutil.rmtree(tmp_path / "again")
    prune(opened(target(place)), 1, Steps(), threading.Event())
    assert verdict(target(place)).strangers == 0 and verdict(target(place)).problems == []
    assert bring_back(target(place), tmp_path / "again").chunks == 20
