"""What all tests share: compiled modules are kept, files that take long begin first, no test leaves the process other
than it was, and nothing that was collected is looked at for garbage."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.leavings import as_it_was, no_garbage

__all__ = ["as_it_was", "no_garbage"]
T = TypeVar("T")

# Some machines forbid it. Hundreds of servers and commands are started here, each compiles 600 modules without it: half
# of a whole run's CPU time, and every time limit twice as near.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A busy machine is no fault of a property: examples have no limit on the wall.
settings.register_profile(
    "tgserve", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tgserve")

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


SLOW = (
    "tests/adapters/test_objects.py",
    "tests/adapters/test_mail.py::test_what_goes_wrong",
    "tests/adapters/test_sms_http.py::TestAndroid",
    "tests/api/account/test_password.py",
    "tests/api/messages/test_invites.py::test_changed_ended_and_deleted",
    "tests/api/test_help.py::test_the_country_data_is_what_phonenumbers_says",
    "tests/backup/",
    "tests/bench/",
    "tests/chunks/",
    "tests/cli/",
    "tests/faults/",
    "tests/fuzz/",
    "tests/imaging/test_pool.py",
    "tests/journeys/",
    "tests/mtproto/test_handshake.py::test_corruption",
    "tests/mtproto/test_session_model.py",
    "tests/nodes/",
    "tests/server/",
    "tests/services/search/",
    "tests/services/test_convergence.py",
    "tests/services/test_groups_converge.py",
    "tests/services/test_operating.py",
    "tests/services/test_opinions_converge.py",
    "tests/sim/",
    "tests/store/test_model.py",
    "tests/store/test_moving",
    "tests/store/test_outbox.py::test_killed_again",
    "tests/store/test_packing.py",
    "tests/test_install.py",
    "tests/testing/test_miniclient.py",
    "tests/tl/test_bench.py",
    "tests/tl/test_foreign.py",
    "tests/tl/test_tl_update.py",
    "tests/upgrade/",
)
"""Left out by scripts/check.py, which is to take less than a minute: servers in processes of their own, sockets, kills,
benches, long properties. 2,800 tests stay."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--order",
        default="",
        metavar="SEED",
        help="run the files in another order: `reversed`, or by this number",
    )


def arranged(tests: Iterable[T], file_of: Callable[[T], str], order: str) -> list[T]:
    """The files `reversed` or shuffled by the number `order`; the tests of a file stay as they stand in it."""
    files: dict[str, list[T]] = {}
    for test in tests:
        files.setdefault(file_of(test), []).append(test)
    names = list(files)
    if order == "reversed":
        names.reverse()
    else:
        random.Random(int(order)).shuffle(names)
    return [test for name in names for test in files[name]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    size: dict[str, int] = {}
    for item in items:
        size[item.location[0]] = size.get(item.location[0], 0) + 1

    def place(item: pytest.Item) -> tuple[int, int]:
        file = item.location[0]
        rank = next((at for at, name in enumerate(FIRST) if file.startswith(name)), len(FIRST))
        return (rank, 0 if rank < len(FIRST) else -size[file])

    items.sort(key=place)
    if config.getoption("--order"):
        items[:] = arranged(items, lambda item: item.location[0], config.getoption("--order"))


def pytest_collection_finish() -> None:
    """All modules and 4,000 tests stay until the end: a sixth of the CPU time was the search for garbage among them."""
    gc.collect()
    gc.freeze()
