"""What does a page of 50 messages cost? Against the least that any server must do for it, in the same run.

    python -m scripts.bench.history [--quick] [--clients 10] [--seconds 4] [--rounds 3]

Clients ask for the newest 50 messages of a chat of 100-byte texts, one page in flight each. `ratio`: server CPU for a
page over the raw work: a scan of 50 rows and 50 look-ups in LMDB, one join, packing if it pays, sealing the result.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import lmdb
import uvloop

from scripts.bench.load import (
    GET_HISTORY,
    RPC_ERROR,
    U32,
    Connection,
    RpcFailure,
    connect,
    peer_of,
    send_message,
)
from scripts.bench.measure import Meter, show
from scripts.bench.servers import Running, introduce, make_accounts, scratch, start_tgserve
from tgserve.ids import Ids
from tgserve.mtproto.cipher import AuthKey, seal_frame
from tgserve.mtproto.containers import deflate

SETTLE_SECONDS = 2.5
"""An idle store writes what waits in memory into the environment: most pages are read from there."""
PAGE = 50
MESSAGES = 60
ROW_BYTES, BODY_BYTES = 9, 170
"""What a page is made of per message, about: a row, and the message's TL bytes."""


def get_history(peer: bytes) -> bytes:
    return U32.pack(GET_HISTORY) + peer + struct.pack("<iiiiiiq", 0, 0, 0, PAGE, 0, 0, 0)


async def fill(connection: Connection, peer: bytes) -> None:
    for _ in range(MESSAGES):
        await connection.call(send_message(peer))


async def read(running: Running, connections: list[Connection], peers: list[bytes], seconds: float) -> Any:
    """Every client asks again when its page has come; server CPU for a page."""
    latencies: list[float] = []
    sizes: list[int] = []
    end = time.perf_counter() + seconds

    def ask(connection: Connection, peer: bytes) -> None:
        asked = time.perf_counter()

        def answered(answer: bytes) -> None:
            if U32.unpack_from(answer)[0] == RPC_ERROR:
                raise RpcFailure(answer)
            latencies.append(time.perf_counter() - asked)
            sizes.append(len(answer))
            if time.perf_counter() < end:
                ask(connection, peer)

        connection.send(get_history(peer), answered)

    with Meter(running.pid) as meter:
        for connection, peer in zip(connections, peers, strict=True):
            ask(connection, peer)
        await asyncio.sleep(seconds)
    figures = meter.report(len(latencies), latencies)
    await asyncio.sleep(0.2)
    if min(sizes) < PAGE * 100:
        raise RuntimeError(f"a page of {min(sizes)} bytes is none")
    return {**figures, "page_bytes": round(median(sizes))}


def raw_work(folder: Path) -> Callable[[], None]:
    """The least that has to be done for one page."""
    environment = lmdb.open(str(folder / "raw"), map_size=1 << 24)
    text = b"a message of a hundred bytes, as people write them when they have something to say " * 2
    with environment.begin(write=True) as txn:
        for number in range(MESSAGES):
            txn.put(b"r%04d" % number, os.urandom(ROW_BYTES))
            txn.put(b"b%04d" % number, b"%08d" % number + text[: BODY_BYTES - 8])
    key, padding = AuthKey(os.urandom(256)), Ids().padding

    def once() -> None:
        with environment.begin() as txn:
            cursor = txn.cursor()
            cursor.set_range(b"r0059")
            found = []
            for row_key, _ in cursor.iterprev():
                found.append(txn.get(b"b" + row_key[1:], b""))
                if len(found) == PAGE:
                    break
        seal_frame(key, 1, 2, 3, 4, deflate(b"".join(found)), padding)

    return once


def raw_us(once: Callable[[], None], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        once()
    return (time.process_time() - began) / count * 1e6


async def main(options: argparse.Namespace) -> None:
    with scratch() as folder:
        accounts = await make_accounts(folder, options.clients * 2)
        tgserve = start_tgserve(folder)
        try:
            tgserve.accounts = accounts
            pairs = list(zip(accounts[::2], accounts[1::2], strict=True))
            hashes = [await introduce(tgserve, folder, viewer, other) for viewer, other in pairs]
            peers = [peer_of(other, access) for (_, other), access in zip(pairs, hashes, strict=True)]
            connections = await connect(tgserve.port, accounts[::2])
            await asyncio.gather(*map(fill, connections, peers))
            await asyncio.sleep(SETTLE_SECONDS)
            once = raw_work(folder)
            runs, raws = [], []
            for _ in range(options.rounds):
                raws.append(raw_us(once, 200 if options.quick else 2000))
                runs.append(await read(tgserve, connections, peers, options.seconds))
        finally:
            tgserve.stop()
    figures = {field: median(run[field] for run in runs) for field in runs[0]}
    raw = median(raws)
    ratio = round(figures["server_cpu_us"] / raw, 2)
    show(f"history, pages of {PAGE}", {"tgserve": figures, "raw_us": round(raw, 1), "ratio": ratio})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 clients for a moment: does it still run?")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.clients, chosen.seconds, chosen.rounds = 2, 0.5, 1
    uvloop.run(main(chosen))
