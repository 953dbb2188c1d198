"""The process dies at every step of the write order and the delete order (docs/DISK.md 11): what it was promised is
there, what is left over is no fault, and the next run goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chunks.victim import STEPS, content
from tests.chunks.yard import run, yard
from tgserve import limits
from tgserve.testing.clock import FakeClock

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(900)  # a slow disk


def lines_of(told: str) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """(what was held, what was put) when the process died: id -> number. What was about to be dropped is neither."""
    put: dict[bytes, int] = {}
    held: dict[bytes, int] = {}
    for line in told.splitlines():
        what, *rest = line.split(" ")
        if what == "ready" or len(rest) != 2 or not rest[1]:
            continue
        chunk_id, number = bytes.fromhex(rest[0]), int(rest[1])
        if what == "put":
            put[chunk_id] = number
        elif what == "hold":
            held[chunk_id] = number
        else:
            held.pop(chunk_id, None)
            put.pop(chunk_id, None)
    return held, put


async def looked_over(folder: Path, held: dict[bytes, int], fresh: dict[bytes, int]) -> None:
    """Everything promised is there, everything else is in order, and life goes on."""
    clock = FakeClock()
    clock.advance(10 * 365 * limits.DAY)  # the process's clock was ahead
    async with yard(folder, 2, pack_bytes=30_000, clock=clock) as here:
        report = await here.check(holders=False)
        assert [str(problem) for problem in report.problems] == []
        for chunk_id, number in {**held, **fresh}.items():
            assert await here.read(chunk_id) == content(number)
            assert len(await here.places(chunk_id)) == 2
        for number in range(40):
            chunk_id = await here.chunks.put(content(number))
            assert await here.read(chunk_id) == content(number)
        await here.store.settled()
        await here.later(limits.CHUNK_GRACE_SECONDS + 1)
        await here.keeper.tidy()
        await here.job("scrub")
        for chunk_id, number in held.items():
            assert await here.read(chunk_id) == content(number)
        report = await here.check(holders=False)
        assert [str(problem) for problem in report.problems] == []


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_each_step(tmp_path: Path, step: str, number: int) -> None:
    """SIGKILL of oneself: nothing runs after the step."""
    if step == "disk founded, not in the table" and number == 3:
        number = 2
    done = subprocess.run(
        [sys.executable, "-m", "tests.chunks.victim", str(tmp_path), step, str(number)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == -9, done.stderr
    held, put = lines_of(done.stdout)
    last = {chunk_id: one for chunk_id, one in list(put.items())[-8:]}
    run(looked_over(tmp_path, held, last))


@pytest.mark.parametrize("seconds", [0.15, 0.4, 0.9, 1.7])
def test_a_kill_at_any_moment(tmp_path: Path, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chunks.victim", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    told = process.stdout.readline()  # one at least, on the slowest disk too
    time.sleep(seconds)
    process.kill()
    told += process.stdout.read()
    process.wait()
    held, put = lines_of(told)
    assert put
    run(looked_over(tmp_path, held, dict(list(put.items())[-8:])))
