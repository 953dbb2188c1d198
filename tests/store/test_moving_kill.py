"""kill -9 at every step of moving slots, adding and removing shards, under writers: what was acknowledged is there once
and in order, the check of the dead store finds nothing wrong, the next start takes back what was half done."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.store.chat import faults, open_store, send, waited
from tests.store.moving_victim import STEPS, USERS
from tgserve.store.check import Report, check_folder, check_store
from tgserve.store.moving import Mover, spread
from tgserve.store.verify import Verdict, walk

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(900)  # a slow disk
RULES = ("I0", "I1", "I5", "I7", "I8")
"""The others are about rows that the small messenger of these tests does not write."""

Sent = set[tuple[int, int, int]]


def wrong(report: Report) -> list[str]:
    return [str(problem) for problem in report.problems if problem.rule in RULES]


def acknowledged_of(told: str) -> Sent:
    found: Sent = set()
    for line in told.splitlines()[:-1]:
        words = line.split(" ")
        if len(words) == 3:
            found.add((int(words[0]), int(words[1]), int(words[2])))
    return found


async def looked_over(folder: Path, acknowledged: Sent) -> None:
    store = open_store(folder / "store")
    await store.start()
    assert await store.settled()
    assert faults(store, USERS, acknowledged) == []
    report = await asyncio.to_thread(check_store, store)
    assert (wrong(report), report.copies) == ([], 0)
    mover = Mover(store)
    for place in sorted(folder.glob("place-*")):  # a shard that was half added, or half removed
        if not any((place / f"shard-{shard.number}").is_dir() for shard in store.shards):
            added = await mover.add(place)
            assert added.number == store.format.next_number - 1
            break
    numbers = [shard.number for shard in store.shards]
    writing = asyncio.gather(
        *(waited(send(store, me, USERS[n - 1], 10**9 + n)) for n, me in enumerate(USERS)),
        mover.move(spread(store.table, numbers)),
    )
    await writing
    shares = sorted(store.table.count(number) for number in numbers)
    assert shares[-1] - shares[0] <= 1
    assert await store.settled()
    assert faults(store, USERS, acknowledged) == []
    for number in numbers:
        verdict = Verdict()
        for _ in walk(store, number, verdict):
            pass
        assert (verdict.problems, verdict.copies) == ([], 0)
    await store.close()
    assert wrong(check_folder(folder / "store")) == []


def audited(folder: Path, told: str) -> None:
    acknowledged = acknowledged_of(told)
    assert wrong(check_folder(folder / "store")) == []
    asyncio.run(looked_over(folder, acknowledged))


@pytest.mark.parametrize("number", [1, 7])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_each_step(tmp_path: Path, step: str, number: int) -> None:
    """SIGKILL of oneself: nothing runs after the step."""
    rare = step.startswith(("shard", "its files"))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.store.moving_victim",
            str(tmp_path),
            step,
            str(min(number, 2) if rare else number),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == -9, done.stderr
    assert done.stdout.startswith("ready\n")
    audited(tmp_path, done.stdout)


@pytest.mark.parametrize("seconds", [0.3, 0.7, 1.1, 1.9])
def test_a_kill_at_any_moment(tmp_path: Path, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.moving_victim", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    told = ""
    while not acknowledged_of(told):  # on the slowest disk too
        told += process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    told += process.stdout.read()
    process.wait()
    audited(tmp_path, told)


def test_a_kill_of_the_clean_up(tmp_path: Path) -> None:
    """The start that takes back a half copy is killed as well, again and again."""
    command = [sys.executable, "-m", "tests.store.moving_victim", str(tmp_path)]
    told = ""
    for number, step in enumerate(("a batch copied", "claimed, nobody told", "a piece purged"), 2):
        done = subprocess.run(
            [*command, step, str(number)], cwd=ROOT, capture_output=True, text=True, timeout=250
        )
        assert done.returncode == -9, done.stderr
        told += done.stdout
        for seconds in (0.15, 0.25):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            time.sleep(seconds)
            process.kill()
            process.wait()
    assert wrong(check_folder(tmp_path / "store")) == []
