"""A server on loopback for each test; the RSA key, which takes a tenth of a second, is made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tgserve import metrics
from tgserve.admin import datadir
from tgserve.config import StoreConfig
from tgserve.ids import Ids
from tgserve.testing.server import TestServer

MakeServer = Callable[..., TestServer]
FAULTS = ("tgserve_loop_faults_total", "tgserve_rpc_faults_total", "tgserve_fanout_faults_total")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys folder of a data directory."""
    data = tmp_path_factory.mktemp("keys") / "data"
    datadir.create(data, Ids())
    return data / "keys"


@pytest.fixture
def make_server(tmp_path: Path, keys: Path) -> Iterator[MakeServer]:
    """TestServer(**changes of the config), to be used as async context manager; the store is in memory by default.

    SECURITY 7.4: whatever the test's clients do, no fault reaches the loop and no call ends in a 500.
    """

    def make(**changes: Any) -> TestServer:
        data = tmp_path / "data"
        data.mkdir(mode=0o700)
        shutil.copytree(keys, data / "keys")
        (data / "keys").chmod(0o700)
        return TestServer(data, **({"store": StoreConfig(engine="memory", shards=1)} | changes))

    before = [_count(name) for name in FAULTS]
    yield make
    assert [_count(name) for name in FAULTS] == before


def _count(name: str) -> float:
    metric = metrics.METRICS.get(name)
    return metric.total() if isinstance(metric, metrics.Counter) else 0.0
