"""The files that take longest begin first: with two workers nobody waits alone for the last of them."""

from __future__ import annotations

import pytest

LONG = ("tests/faults/", "tests/test_install.py", "tests/journeys/", "tests/sim/", "tests/store/test_moving")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
