"""The trampoline: order, parking on commits and futures, faults, cancellation."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tgserve.rpc.driver import Driver
from tgserve.store.commit import Commit


class Outcome:
    def __init__(self) -> None:
        self.all: list[tuple[Any, BaseException | None]] = []

    def __call__(self, value: Any, fault: BaseException | None) -> None:
        self.all.append((value, fault))


def a_commit() -> Commit[int]:
    return Commit(0, lambda txn: 0, asyncio.get_running_loop())


def resolve(commit: Commit[int], value: int = 0, error: BaseException | None = None) -> None:
    commit.value, commit.error = value, error
    commit.resolve()


def test_a_handler_that_waits_for_nothing_ends_before_start_returns() -> None:
    async def handler() -> int:
        return 7

    ended = Outcome()
    Driver().start(handler(), ended)
    assert ended.all == [(7, None)]


def test_a_fault_is_handed_on() -> None:
    fault = ValueError("x")

    async def handler() -> int:
        raise fault

    ended = Outcome()
    Driver().start(handler(), ended)
    assert ended.all == [(None, fault)]


def test_a_commit_resumes_the_handler_within_its_resolve() -> None:
    async def main() -> None:
        first, second = a_commit(), a_commit()

        async def handler() -> int:
            return await first + await second

        driver, ended = Driver(), Outcome()
        driver.start(handler(), ended)
        assert driver.waiting == 1
        resolve(first, 1)
        assert ended.all == []
        resolve(second, 2)
        assert ended.all == [(3, None)]
        assert driver.waiting == 0

    asyncio.run(main())


def test_handlers_resume_in_the_order_of_their_commits() -> None:
    async def main() -> None:
        commits = [a_commit() for _ in range(5)]
        order: list[int] = []

        async def handler(number: int) -> None:
            await commits[number]
            order.append(number)

        driver = Driver()
        for number in range(5):
            driver.start(handler(number), Outcome())
        for commit in commits:
            resolve(commit)
        assert order == [0, 1, 2, 3, 4]

    asyncio.run(main())


def test_a_failed_commit_raises_in_the_handler() -> None:
    async def main() -> None:
        commit = a_commit()

        async def handler() -> str:
            try:
                await commit
            except OSError:
                return "seen"
            return "not seen"

        ended = Outcome()
        Driver().start(handler(), ended)
        resolve(commit, error=OSError())
        assert ended.all == [("seen", None)]

    asyncio.run(main())


def test_futures_executors_and_sleep_work_without_a_task() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        async def handler() -> int:
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            return await loop.run_in_executor(None, lambda: 5)

        def ended(value: Any, fault: BaseException | None) -> None:
            done.set_result((value, fault))

        Driver().start(handler(), ended)
        assert await asyncio.wait_for(done, 60) == (5, None)

    asyncio.run(main())


def test_awaiting_something_foreign_is_the_handlers_fault() -> None:
    class Odd:
        def __await__(self) -> Any:
            yield "what is this"

    async def handler() -> None:
        await Odd()

    ended = Outcome()
    driver = Driver()
    driver.start(handler(), ended)
    assert isinstance(ended.all[0][1], RuntimeError)
    assert driver.waiting == 0


def test_cancel_all_ends_what_is_parked_and_late_commits_change_nothing() -> None:
    async def main() -> None:
        commit = a_commit()
        cleaned: list[bool] = []

        async def handler() -> None:
            try:
                await commit
            finally:
                cleaned.append(True)

        async def stubborn() -> None:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await a_commit()

        driver, ended = Driver(), Outcome()
        driver.start(handler(), ended)
        driver.start(stubborn(), ended)
        assert driver.cancel_all() == 2
        assert cleaned == [True]
        assert [type(fault) for _, fault in ended.all] == [asyncio.CancelledError] * 2
        resolve(commit)
        assert len(ended.all) == 2 and driver.waiting == 0

    asyncio.run(main())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_not_swallowed(kind: type[BaseException]) -> None:
    async def handler() -> None:
        raise kind

    with pytest.raises(kind):
        Driver().start(handler(), Outcome())
