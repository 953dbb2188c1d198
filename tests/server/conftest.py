"""A server on loopback for each test; the RSA key, which takes a tenth of a second, is made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tgserve.admin import datadir
from tgserve.config import StoreConfig
from tgserve.ids import Ids
from tgserve.testing.server import TestServer

MakeServer = Callable[..., TestServer]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys folder of a data directory."""
    data = tmp_path_factory.mktemp("keys") / "data"
    datadir.create(data, Ids())
    return data / "keys"


@pytest.fixture
def make_server(tmp_path: Path, keys: Path) -> MakeServer:
    """TestServer(**changes of the config), to be used as async context manager; the store is in memory by default."""

    def make(**changes: Any) -> TestServer:
        data = tmp_path / "data"
        data.mkdir(mode=0o700)
        shutil.copytree(keys, data / "keys")
        (data / "keys").chmod(0o700)
        return TestServer(data, **({"store": StoreConfig(engine="memory", shards=1)} | changes))

    return make
