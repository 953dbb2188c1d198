"""Waiting for what is sure to come, however slow the machine: never for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], Any], seconds: float = 60, pause: float = 0.02) -> Any:
    """Wait until `condition` is true (or what it gives is, once awaited) and return its value. A machine that stood still
    for `seconds` is asked again all the same."""
    end = time.monotonic() + seconds
    for number in count():
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if number > 50 and time.monotonic() > end:
            raise AssertionError(f"did not happen within {seconds} s")
        await asyncio.sleep(pause)


def until_now(condition: Callable[[], T], seconds: float = 60, pause: float = 0.02) -> T:
    """As `until`, for tests without a loop."""
    end = time.monotonic() + seconds
    for number in count():
        value = condition()
        if value:
            return value
        if number > 50 and time.monotonic() > end:
            break
        time.sleep(pause)
    raise AssertionError(f"did not happen within {seconds} s")


def least_cpu(work: Callable[[], object], tries: int = 3) -> float:
    """CPU seconds of this thread for `work`, of the quickest of some runs: where a machine that stands still counts as
    one that computes, it does not every time."""
    took = []
    for _ in range(tries):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took)
