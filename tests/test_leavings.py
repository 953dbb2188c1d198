"""The watch of tests/leavings.py sees what it says, and the files of tests can be run in any order."""

from __future__ import annotations

import logging
import os
import signal
import sys

import pytest

from tests.conftest import arranged
from tests.leavings import difference, state
from tgserve import log


def test_nothing_changed_is_no_difference() -> None:
    assert difference(state(), state()) == []


@pytest.mark.parametrize(
    "change, named",
    [
        (
            lambda patch: patch.setenv("TGSERVE_DATA", "/elsewhere"),
            "$TGSERVE_DATA was None and is '/elsewhere'",
        ),
        (lambda patch: patch.delenv("PATH"), "$PATH was"),
        (lambda patch: patch.chdir("/"), "the current directory was"),
        (lambda patch: patch.syspath_prepend("/elsewhere"), "sys.path was"),
        (lambda patch: patch.setattr(sys, "excepthook", print), "hooks was"),
    ],
)
def test_a_change_is_named(monkeypatch, change, named) -> None:
    before = state()
    change(monkeypatch)
    (found,) = difference(before, state())
    assert found.startswith(named)


def test_a_signal_handler_is_named() -> None:
    before = state()
    kept = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        (found,) = difference(before, state())
    finally:
        signal.signal(signal.SIGUSR1, kept)
    assert found.startswith("signal handlers")


def test_1_logging_is_set_up_by_one_test() -> None:
    log.setup(level="warning")
    assert log.KEPT in logging.getLogger().handlers


def test_2_and_is_as_before_for_the_next() -> None:
    assert log.KEPT not in logging.getLogger().handlers
    assert logging.getLogger("tgserve").level == logging.NOTSET


def test_an_order_keeps_the_tests_of_a_file_together() -> None:
    tests = [(file, number) for file in "abcdefgh" for number in range(3)]
    backwards = arranged(tests, lambda test: test[0], "reversed")
    assert backwards == [(file, number) for file in "hgfedcba" for number in range(3)]
    first, second = (arranged(tests, lambda test: test[0], seed) for seed in ("1", "2"))
    assert sorted(first) == sorted(second) == tests and first != second
    assert first == arranged(tests, lambda test: test[0], "1")
    for order in (first, second):
        assert [number for _, number in order] == [0, 1, 2] * 8


def test_a_guard_stands_over_every_test(request: pytest.FixtureRequest) -> None:
    assert "as_it_was" in request.fixturenames and os.environ["PYTEST_CURRENT_TEST"]
