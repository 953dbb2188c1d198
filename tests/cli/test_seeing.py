"""top and log tail: rates of two reports, plots, and both against a real daemon."""

import dataclasses
import json
from collections import deque

import pytest

from cli.commands import top
from tests.cli.test_daemon import Server, command, data, server, tgserve  # noqa: F401
from tgserve.admin.schema.seeing import TopReport, TopShard

NOW = TopReport(
    at=100.0,
    uptime_seconds=60.0,
    cpu_seconds=10.0,
    rss_bytes=1 << 20,
    connections=3,
    sessions=4,
    users_online=2,
    calls=1000,
    messages=100,
    updates=50,
    bytes_in=1000,
    bytes_out=2000,
    faults=0,
    errors={"400": 5, "420": 1},
    latency_bounds=[0.001, 0.01, 0.1],
    latency_counts=[900, 90, 10, 0],
    shards=[TopShard(0, 0, 10, 20, 0.1, 0.01, 0, 4096)],
)


def test_rates_lie_between_two_reports():
    later = dataclasses.replace(
        NOW,
        at=102.0,
        cpu_seconds=11.0,
        calls=1100,
        messages=120,
        errors={"400": 7, "420": 5},
        latency_counts=[900, 188, 12, 0],
    )
    found = top.rates(NOW, later)
    assert (found.calls, found.messages, found.cpu_percent) == (50, 10, 50)
    assert (found.errors, found.floods) == (1, 2)
    assert (found.p50_seconds, found.p99_seconds) == (0.01, 0.1)


def test_a_restart_in_between_is_no_negative_rate():
    later = dataclasses.replace(NOW, at=5.0, uptime_seconds=2.0, calls=10, messages=4, cpu_seconds=1.0)
    found = top.rates(NOW, later)
    assert (found.calls, found.messages, found.cpu_percent) == (5, 2, 50)


@pytest.mark.parametrize(
    ("counts", "expected"), [([0, 0, 0, 0], 0.0), ([1, 0, 0, 0], 0.001), ([0, 0, 0, 5], 0.1)]
)
def test_quantiles_at_the_edges(counts, expected):
    assert top.quantile([0.001, 0.01, 0.1], counts, 0.99) == expected


def test_plots():
    assert (
        top.spark(deque([0, 4, 8])) == " ▄█" and top.spark(deque([0, 0])) == "  " and top.spark(deque()) == ""
    )


def test_top_and_log_of_a_daemon(tgserve):  # noqa: F811
    told = json.loads(tgserve("top", "--json", "--interval", "0.3").stdout)
    assert told["rates"]["seconds"] >= 0.3 and len(told["shards"]) == 3 and told["faults"] == 0
    assert told["disks"][0]["health"] == "ok" and told["rss_bytes"] > 10e6
    shown = tgserve("top", "--once", "--interval", "0.2").stdout
    assert "shard 2" in shown and "most called" in shown
    lines = tgserve("log", "tail").stdout
    assert "event=app.ready" in lines
    assert json.loads(tgserve("log", "tail", "-n", "1", "--contains", "app.ready", "--json").stdout)["lines"]
    assert "app.ready" not in tgserve("log", "tail", "--level", "error").stdout
    assert (
        "do not go together"
        in json.loads(tgserve("log", "tail", "-f", "--json", code=1).stdout)["error"]["text"]
    )
