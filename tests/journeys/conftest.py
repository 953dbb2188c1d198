"""Journeys: real clients, black box, wire only. One server for all of them, each story with phone numbers of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.daemon import Daemon

_numbers = itertools.count(1)


SETTINGS = """
[limits]
codes_per_address_per_hour = 100000
handshakes_per_address_per_minute = 100000
handshakes_per_minute = 100000
connections_per_address = 10000
[sms]
per_minute = 100000
"""
"""All journeys come from one address."""


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    server = Daemon(tmp_path_factory.mktemp("journeys") / "data", config=SETTINGS).start()
    yield server
    faults = server.faults()
    server.end()
    assert not faults, "the server logged faults:\n" + "\n".join(faults[:20])


@pytest.fixture(scope="session")
def pem(daemon: Daemon) -> str:
    return daemon.pem


@pytest.fixture(scope="session")
def new_phone(worker_id: str) -> Callable[[], str]:
    """Numbers nobody else uses: +999 66 <worker> <count>."""
    worker = int(worker_id[2:]) if worker_id.startswith("gw") else 0
    return lambda: f"+99966{worker:02d}{next(_numbers):05d}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
