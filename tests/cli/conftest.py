"""A running server that the commands of a module's tests are given to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.journeys.conftest import SETTINGS
from tests.journeys.daemon import ROOT, Daemon


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    server = Daemon(tmp_path_factory.mktemp("operated") / "data", config=SETTINGS).start()
    yield server
    faults = server.faults()
    server.end()
    assert not faults, "\n".join(faults[:20])


@pytest.fixture
def told(operated: Daemon) -> Callable[..., Any]:
    """Run a command with --json: its result, or the sentence of its refusal when `code` is not 0."""

    def run(*arguments: str, code: int = 0) -> Any:
        done = subprocess.run(
            operated.command(*arguments, "--json"), cwd=ROOT, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == code, done.stdout + done.stderr
        answer = json.loads(done.stdout)
        return answer if code == 0 else answer["error"]["text"]

    return run
