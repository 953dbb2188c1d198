"""Numbered steps from one disk format to the next. tests/upgrade opens data of every format.

A step is a function `step(engine) -> None` in a module `to_N.py`, listed below under the FORMAT it makes. It is run for
every environment before the store serves, must be re-runnable (a crash repeats it), works in transactions of bounded
size, and has a test that opens data written by the release before it. format.json is raised after each step.
"""

from __future__ import annotations

from collections.abc import Callable

from tgserve.errors import StoreError
from tgserve.store.engine import Engine
from tgserve.store.migrations import to_2

Step = Callable[[Engine], None]

STEPS: dict[int, Step] = {2: to_2.step}
"""FORMAT made by the step -> step."""


def migrate(engines: list[Engine], found: int, wanted: int, done: Callable[[int], object]) -> None:
    """Bring all environments from format `found` to `wanted`; `done(n)` records each format reached."""
    for number in range(found + 1, wanted + 1):
        step = STEPS.get(number)
        if step is None:
            raise StoreError(f"no migration leads to format {number}")
        for engine in engines:
            step(engine)
        done(number)
