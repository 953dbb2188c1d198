"""The watch of tests/leavings.py sees what it says, and the files of tests can be run in any order."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.conftest import arranged
from tests.leavings import difference, state
from tests.sources import ROOT
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


def test_examples_of_properties_may_be_slow() -> None:
    assert (
        settings.default.deadline is None and HealthCheck.too_slow in settings.default.suppress_health_check
    )


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
    assert {"as_it_was", "no_garbage"} <= set(request.fixturenames) and os.environ["PYTEST_CURRENT_TEST"]


def test_what_is_left_unclosed_is_the_fault_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.leavings import no_garbage\n")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error::pytest.PytestUnraisableExceptionWarning\n"
    )
    leave = """
class Cycle:
    def __init__(self): self.me = self
    def __del__(self): raise ValueError("left over")
def test_leave(): Cycle()
"""
    (tmp_path / "test_a.py").write_text(leave)
    (tmp_path / "test_b.py").write_text("import gc\ndef test_collect(): gc.collect()\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rfE",
        "-p",
        "no:cacheprovider",
        "-c",
        "pytest.ini",
        ".",
    ]
    plain = {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "PY_COLORS": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | plain, capture_output=True, text=True)
    assert "ERROR test_a.py::test_leave" in done.stdout and "2 passed, 1 error" in done.stdout, done.stdout
