"""Background tasks are never lost silently."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.waiting import until
from tgserve import metrics
from tgserve.server import lifecycle


def faults(name: str) -> float:
    counter = metrics.METRICS["tgserve_task_faults_total"]
    assert isinstance(counter, metrics.Counter)
    return counter.of(name).value


def test_a_task_that_fails_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def bad() -> None:
        raise ValueError("inner text")

    async def main() -> None:
        tasks = lifecycle.Tasks()
        before = faults("bad one")
        tasks.spawn(bad(), "bad one")
        await until(lambda: faults("bad one") == before + 1)

    asyncio.run(main())
    assert caplog.records[-1].getMessage() == "task.fault"


def test_every_goes_on_after_a_fault() -> None:
    runs: list[int] = []

    async def work() -> None:
        runs.append(1)
        raise ValueError

    async def main() -> None:
        tasks = lifecycle.Tasks()
        tasks.every(0.001, work, "periodic")
        await until(lambda: len(runs) > 1)
        await tasks.close(1)
        count = len(runs)
        await asyncio.sleep(0.01)
        assert len(runs) == count

    asyncio.run(main())
    assert len(runs) > 1


def test_close_does_not_wait_for_the_stubborn() -> None:
    async def main() -> None:
        tasks = lifecycle.Tasks()
        enough = asyncio.Event()

        async def stubborn() -> None:
            while not enough.is_set():
                try:
                    await enough.wait()
                except asyncio.CancelledError:
                    continue

        left = tasks.spawn(stubborn())
        await asyncio.sleep(0)
        await tasks.close(0.02)
        assert not left.done()
        enough.set()
        await left

    asyncio.run(main())


def test_contain_keeps_a_fault_to_itself() -> None:
    def bad(number: int) -> None:
        raise ValueError(number)

    assert lifecycle.contain("x", bad, 1) is False
    assert lifecycle.contain("x", len, "abc") is True


def test_faults_in_callbacks_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        lifecycle.catch_all(loop)

        def bad() -> Any:
            raise ValueError

        loop.call_soon(bad)
        await until(lambda: caplog.records)

    asyncio.run(main())
    assert caplog.records[-1].getMessage() == "loop.fault"


def test_file_descriptors_are_raised_to_the_hard_limit() -> None:
    assert lifecycle.raise_nofile() >= 1024
