"""What all tests share: compiled modules are kept, files that take long begin first, and nothing that was collected is
looked at for garbage."""

from __future__ import annotations

import gc
import os
import sys

import pytest

# Some machines forbid it. Hundreds of servers and commands are started here, each compiles 600 modules without it: half
# of a whole run's CPU time, and every time limit twice as near.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

FIRST = (
    # Servers killed again and again: they write and flush, so no journey of real clients runs beside them.
    "tests/faults/test_kill.py",
    "tests/faults/",
    # What computes.
    "tests/test_install.py",
    "tests/sim/",
    "tests/bench/",
    "tests/store/test_moving",
    "tests/chunks/test_crash.py",
    "tests/chunks/test_model.py",
    "tests/cli/",
    "tests/backup/",
    "tests/upgrade/",
    # What waits: servers and real clients.
    "tests/journeys/test_tour.py",
    "tests/journeys/test_nodes",
    "tests/journeys/test_desktop.py",
    "tests/journeys/test_push.py",
    "tests/journeys/test_exports.py",
    "tests/journeys/test_messages.py",
    "tests/journeys/",
    "tests/fuzz/",
)
"""The files of the others take seconds, those with more tests longer. With `--no-loadscope-reorder` workers take the
files in this order, so that they end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    size: dict[str, int] = {}
    for item in items:
        size[item.location[0]] = size.get(item.location[0], 0) + 1

    def place(item: pytest.Item) -> tuple[int, int]:
        file = item.location[0]
        rank = next((at for at, name in enumerate(FIRST) if file.startswith(name)), len(FIRST))
        return (rank, 0 if rank < len(FIRST) else -size[file])

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """All modules and 4,000 tests stay until the end: a sixth of the CPU time was the search for garbage among them."""
    gc.collect()
    gc.freeze()
