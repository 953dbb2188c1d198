"""What does a connection hold that is signed in and silent? Memory for each, against the yardstick's.

    python -m scripts.bench.idle [--quick] [--connections 5000]

Every connection is an account of its own that has announced its layer and asked for its state, as a client in the
background has. The process's own memory before and after (`kib_with_pages`: with pages of the store that the kernel
keeps for it and takes back at will); `ratio` is tgserve's KiB over the yardstick's, which keeps a key and a counter.
`empty_mib`: the whole server before anybody came.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import uvloop

from scripts.bench.load import connect
from scripts.bench.measure import own_bytes, resident_bytes, show
from scripts.bench.servers import Running, make_accounts, scratch, start_tgserve, start_yardstick
from tgserve.server.lifecycle import raise_nofile

WARM_SHARE = 0.2
"""Of the connections, made before the first look: what the first ones bring in (code, buffers, rows on their way to
the disk) the next ones use again."""
SETTLE_SECONDS = 3.0
"""Acknowledgements are sent, batches written, and the collector of the allocator has had its turn."""


async def weigh(running: Running) -> dict[str, Any]:
    """Connect all accounts; KiB that each holds."""
    empty = resident_bytes(running.pid)
    warm = int(len(running.accounts) * WARM_SHARE)
    held = await connect(running.port, running.accounts[:warm])
    await asyncio.sleep(SETTLE_SECONDS)
    before, mapped = own_bytes(running.pid), resident_bytes(running.pid)
    held += await connect(running.port, running.accounts[warm:])
    await asyncio.sleep(SETTLE_SECONDS)
    after, full = own_bytes(running.pid), resident_bytes(running.pid)
    lost = sum(connection.transport.is_closing() for connection in held)
    if lost:
        raise RuntimeError(f"{lost} connections were closed")
    for connection in held:
        connection.transport.abort()
    return {
        "connections": len(held),
        "kib": round((after - before) / 1024 / (len(held) - warm), 2),
        "kib_with_pages": round((full - mapped) / 1024 / (len(held) - warm), 2),
        "empty_mib": round(empty / 2**20, 1),
        "full_mib": round(full / 2**20, 1),
    }


async def main(options: argparse.Namespace) -> None:
    raise_nofile()
    with scratch() as folder:
        count = options.connections
        accounts = await make_accounts(folder, count)
        yardstick, tgserve = start_yardstick(folder, count), start_tgserve(folder)
        tgserve.accounts = accounts
        try:
            figures = {"yardstick": await weigh(yardstick), "tgserve": await weigh(tgserve)}
        finally:
            yardstick.stop()
            tgserve.stop()
    ratio = figures["tgserve"]["kib"] / max(figures["yardstick"]["kib"], 0.1)
    show(f"idle, {options.connections} connections", {**figures, "ratio": round(ratio, 2)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100 connections: does it still run?")
    parser.add_argument("--connections", type=int, default=5000)
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.connections = 100
    uvloop.run(main(chosen))
