"""Two or three whole servers on loopback in one process, each a data centre of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from tgserve import metrics
from tgserve.config import NodeConfig, StoreConfig
from tgserve.services.nodes.tokens import Token
from tgserve.testing.server import TestServer
from tgserve.tl import layers

MakeNode = Callable[..., TestServer]


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    """make_node(4): a server with dc_id 4 that listens for other nodes; not started yet."""

    def make(dc: int = 2, **changes: Any) -> TestServer:
        node = changes.pop("node", NodeConfig(link="127.0.0.1:0"))
        return TestServer(
            tmp_path / f"dc{dc}",
            dc_id=dc,
            node=node,
            store=StoreConfig(engine="memory", map_gib=1),
            **changes,
        )

    before = [_count(name) for name in FAULTS]
    yield make
    layers.keep_dcs(())
    assert [_count(name) for name in FAULTS] == before


FAULTS = (
    "tgserve_loop_faults_total",
    "tgserve_task_faults_total",
    "tgserve_rpc_faults_total",
    "tgserve_fanout_faults_total",
)


def _count(name: str) -> float:
    metric = metrics.METRICS.get(name)
    return metric.total() if isinstance(metric, metrics.Counter) else 0.0


async def token_of(server: TestServer, seconds: int = 600) -> Token:
    return await server.app.services.nodes.invite(seconds)


async def join(first: TestServer, second: TestServer) -> None:
    """`second` becomes a node of `first`'s server, and their line is there."""
    await second.app.services.nodes.join(await token_of(first))
    await lined(first, second)


async def lined(*servers: TestServer) -> None:
    numbers = {server.config.dc_id for server in servers}
    for server in servers:
        await until(lambda s=server: set(s.app.services.nodes.lines) >= numbers - {s.config.dc_id})
