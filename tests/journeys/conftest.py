"""Journeys: real clients, black box, wire only. One server for all of them, each story with phone numbers of its own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.daemon import Daemon
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS, Client, Library

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


@pytest.fixture(scope="session")
def libraries(daemon: Daemon, pem, tmp_path_factory):
    """Loaded once: a copy is 50 MB in memory for good, and patching it takes a second and a half."""
    folder = tmp_path_factory.mktemp("tdlib")
    return {version: Library(version, pem, folder) for version in VERSIONS}


@pytest.fixture
def person(daemon, libraries, new_phone, tmp_path):
    proxy = Socks(daemon.host, daemon.port)
    started: list[Client] = []

    def make(version: str, name: str, *, phone: str = "", pfs: bool = False) -> Client:
        client = libraries[version].client(tmp_path / f"{name}{len(started)}", proxy)
        client.start(pfs=pfs)
        started.append(client)
        client.phone = phone or new_phone()
        sign = client.sign_in if phone else client.sign_up
        client.me = sign(client.phone, daemon.code) if phone else sign(client.phone, daemon.code, name)
        client.go_online()
        return client

    yield make
    live = [client for client in started if client.id in client.library.clients]
    threads = [threading.Thread(target=client.close) for client in live]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    proxy.close()


@pytest.fixture
def no_errors(libraries):
    """TDLib's own ERROR lines about our answers: none (printed when there are some). A test may append what TDLib says of
    questions that only it would ask."""
    before = {version: len(library.errors()) for version, library in libraries.items()}
    its_own: list[str] = []
    yield its_own
    lines = [
        f"{version}: {line}"
        for version, library in libraries.items()
        for line in library.errors()[before[version] :]
        if not any(words in line for words in its_own)
    ]
    assert not lines, "\n".join(lines)
