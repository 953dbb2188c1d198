"""What does a durable 1:1 message cost, and how long does it take? Against the yardstick, in the same run.

    python -m scripts.bench.messages [--quick] [--pairs 100] [--window 10] [--seconds 6] [--rounds 3] [--keep FOLDER]

CPU per message at saturation (pairs with a window in flight) and latency at 100 messages a second, medians of
interleaved rounds. `ratio` is tgserve's figure over the yardstick's.
"""

from __future__ import annotations

import argparse
import asyncio
from statistics import median
from typing import Any

import uvloop

from scripts.bench.load import Pairs, connect, peer_of
from scripts.bench.measure import Meter, show
from scripts.bench.servers import Running, pairs_of_accounts, scratch, start_tgserve, start_yardstick


async def saturate(
    running: Running, peers: list[bytes], window: int, seconds: float, warm: float
) -> dict[str, Any]:
    """Closed loop: every pair keeps `window` messages in flight."""
    connections = await connect(running.port, running.accounts)
    pairs = Pairs(connections[::2], connections[1::2], peers)
    meter = Meter(running.pid)
    await pairs.closed(window, warm, lambda: void(meter.__enter__()), seconds)
    meter.__exit__()
    figures = meter.report(len(pairs.latencies), pairs.latencies)
    pairs.running = False
    await asyncio.sleep(0.5)
    for connection in connections:
        connection.transport.abort()
    if pairs.errors:
        raise RuntimeError(f"{len(pairs.errors)} sends were refused: {pairs.errors[0]!r}")
    return figures


async def at_rate(running: Running, peers: list[bytes], rate: float, seconds: float) -> dict[str, Any]:
    connections = await connect(running.port, running.accounts)
    pairs = Pairs(connections[::2], connections[1::2], peers)
    meter = Meter(running.pid)
    await pairs.at_rate(rate, lambda: void(meter.__enter__()), seconds)
    meter.__exit__()
    for connection in connections:
        connection.transport.abort()
    return meter.report(len(pairs.latencies), pairs.latencies)


def void(_: object) -> None:
    """A callback's answer that nobody needs."""


def peers_of(running: Running, hashes: list[int]) -> list[bytes]:
    return [peer_of(account, access) for account, access in zip(running.accounts[1::2], hashes, strict=True)]


async def main(options: argparse.Namespace) -> None:
    with scratch(options.keep) as folder:
        yardstick, tgserve = start_yardstick(folder, options.pairs * 2), start_tgserve(folder)
        try:
            hashes = await pairs_of_accounts(tgserve, folder, options.pairs * 2)
            peers = {
                "yardstick": peers_of(
                    yardstick, [account["access_hash"] for account in yardstick.accounts[1::2]]
                ),
                "tgserve": peers_of(tgserve, hashes),
            }
            servers = {"yardstick": yardstick, "tgserve": tgserve}
            full: dict[str, list[dict[str, Any]]] = {"yardstick": [], "tgserve": []}
            slow: dict[str, list[dict[str, Any]]] = {"yardstick": [], "tgserve": []}
            for _ in range(options.rounds):
                for kind, running in servers.items():
                    warm = 0.3 if options.quick else 1.5
                    full[kind].append(
                        await saturate(running, peers[kind], options.window, options.seconds, warm)
                    )
                    slow[kind].append(await at_rate(running, peers[kind], options.rate, options.seconds))
        finally:
            yardstick.stop()
            tgserve.stop()
    report(f"messages, {options.pairs} pairs, window {options.window}", full)
    report(f"messages at {options.rate}/s", slow)


def report(name: str, runs: dict[str, list[dict[str, Any]]]) -> None:
    medians = {
        kind: {field: median(run[field] for run in found) for field in found[0]}
        for kind, found in runs.items()
    }
    cost = medians["tgserve"]["server_cpu_us"] / medians["yardstick"]["server_cpu_us"]
    latency = medians["tgserve"]["p50_ms"] / medians["yardstick"]["p50_ms"]
    show(name, {**medians, "cpu_ratio": round(cost, 2), "p50_ratio": round(latency, 2)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 pairs for a moment: does it still run?")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--keep", default="", help="a folder for the data: accounts are there in the next run"
    )
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.pairs, chosen.window, chosen.seconds, chosen.rounds = 2, 2, 0.5, 1
    uvloop.run(main(chosen))
