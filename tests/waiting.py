"""Waiting for what is sure to come, however slow the machine: never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


async def until(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """Wait until `condition` is true and return its value."""
    for _ in range(int(seconds / 0.02)):
        value = condition()
        if value:
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(f"did not happen within {seconds} s")
