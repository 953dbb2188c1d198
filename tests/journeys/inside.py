"""A server in this process, for what no settings of a daemon bring about in a test: it has the daemon's key, which the
TDLib at hand trusts."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.journeys.daemon import Daemon
from tgserve.config import StoreConfig
from tgserve.testing.server import FIXED_CODE, TestServer


class Inside(TestServer):
    """As the people of people.py want a daemon."""

    __test__ = False

    @staticmethod
    def code(phone: str) -> str:
        return FIXED_CODE


@asynccontextmanager
async def serving(daemon: Daemon, folder: Path) -> AsyncIterator[Inside]:
    data = folder / "inside"
    data.mkdir(mode=0o700)
    shutil.copytree(daemon.data / "keys", data / "keys")
    server = Inside(data, store=StoreConfig(engine="memory", shards=1))
    async with server:
        yield server
