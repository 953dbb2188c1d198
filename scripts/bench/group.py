"""What does a message cost in a group of 20 online, for each delivery beyond the first? And on disk?

    python -m scripts.bench.group [--quick] [--members 20] [--seconds 5] [--rounds 3] [--window 4]

Every member keeps `window` messages in flight towards the group; a pair of the same server gives the price of one
delivery, the yardstick's pairs the floor. `ratio`: a delivery over the yardstick's message, which has one delivery too.
Bytes on disk: growth of the rows in use for each message, in pairs and in the group.

Boxes are full soon after the start, as those of people who write for a month: an event that is added takes an old one
away. With all the events that a box keeps by itself (20,000) that began somewhere in the third round, sooner on a quick
machine, and the figure said how far the run had come.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import time
from pathlib import Path
from statistics import median
from typing import Any

import lmdb
import uvloop

from scripts.bench.load import RPC_ERROR, Connection, connect, send_message
from scripts.bench.measure import Meter, show
from scripts.bench.messages import peers_of, saturate, void
from scripts.bench.servers import (
    SETTINGS,
    Running,
    data_of,
    pairs_of_accounts,
    scratch,
    start_tgserve,
    start_yardstick,
)
from tgserve.mtproto.cipher import AuthKey
from tgserve.testing.miniclient.client import MiniClient
from tgserve.tl import types as t
from tgserve.tl.functions import contacts, messages

PEER_CHAT = t.InputPeerChat.ID
EVENTS_KEPT = 1_000


async def make_group(running: Running, folder: Path, members: int) -> int:
    """A group of the first accounts; its id."""
    pem = (folder / "tgserve" / "keys" / "public.pem").read_text()
    key = AuthKey(bytes.fromhex(running.accounts[0]["key"]))
    client = MiniClient(rsa_public=pem, layer=229, key=key)
    await client.connect("127.0.0.1", running.port)
    book: list[t.AnyInputContact] = [
        t.InputPhoneContact(client_id=n, phone="+" + account["phone"], first_name=f"M{n}", last_name="")
        for n, account in enumerate(running.accounts[1:members])
    ]
    found = await client.call(contacts.ImportContacts(contacts=book))
    users: list[t.AnyInputUser] = [
        t.InputUser(user_id=one.id, access_hash=one.access_hash) for one in found.users
    ]
    made = await client.call(messages.CreateChat(users=users, title="Bench"))
    await client.disconnect()
    return int(made.updates.chats[0].id)


async def talk(
    running: Running, chat: int, members: int, window: int, seconds: float, warm: float
) -> dict[str, Any]:
    """Closed loop: every member keeps `window` messages in flight."""
    connections = await connect(running.port, running.accounts[:members])
    peer = struct.pack("<Iq", PEER_CHAT, chat)
    latencies: list[float] = []
    counted = {"sent": 0, "errors": 0, "running": 1}

    def one(connection: Connection) -> None:
        def answered(answer: bytes) -> None:
            counted["sent"] += 1
            counted["errors"] += answer[:4] == struct.pack("<I", RPC_ERROR)
            if counted["running"]:
                one(connection)

        connection.send(send_message(peer), answered)

    def heard(sent: float) -> None:
        latencies.append(time.perf_counter() - sent)

    for connection in connections:
        connection.on_text = heard
        for _ in range(window):
            one(connection)
    await asyncio.sleep(warm)
    counted["sent"] = 0
    latencies.clear()
    meter = Meter(running.pid)
    void(meter.__enter__())
    await asyncio.sleep(seconds)
    meter.__exit__()
    figures = meter.report(counted["sent"], latencies)
    figures["deliveries_per_second"] = round(len(latencies) / meter.seconds, 1)
    counted["running"] = 0
    await asyncio.sleep(0.7)
    for connection in connections:
        connection.transport.abort()
    if counted["errors"]:
        raise RuntimeError(f"{counted['errors']} sends were refused")
    return figures


def bytes_used(data: Path) -> int:
    """Bytes of pages in use by rows, over all shards."""
    total = 0
    for shard in sorted((data / "store").glob("shard-*")):
        with (
            lmdb.open(str(shard), readonly=True, lock=False, subdir=True, max_dbs=0) as env,
            env.begin() as txn,
        ):
            stat = txn.stat()
            pages = stat["leaf_pages"] + stat["branch_pages"] + stat["overflow_pages"]
            total += pages * stat["psize"]
    return total


async def fill(
    running: Running, data: Path, accounts: list[dict[str, Any]], peers: list[bytes], count: int
) -> float:
    """Bytes of rows in use that one message leaves behind, of `count` sent in turn by `accounts` to `peers`."""
    connections = await connect(running.port, accounts)
    before = bytes_used(data)
    for start in range(0, count, len(connections)):
        queries = [
            connection.call(send_message(peer)) for connection, peer in zip(connections, peers, strict=True)
        ]
        await asyncio.gather(*queries[: count - start])
    await asyncio.sleep(
        1.5
    )  # the other shards, and the outbox rows that are deleted when nothing else is to be done
    after = bytes_used(data)
    for connection in connections:
        connection.transport.abort()
    return (after - before) / count


async def main(options: argparse.Namespace) -> None:
    members = options.members
    with scratch() as folder:
        full = SETTINGS.replace("[limits]", f"[limits]\nevents_kept = {EVENTS_KEPT}")
        (data_of(folder) / "tgserve.toml").write_text(full)
        yardstick, tgserve = start_yardstick(folder, members), start_tgserve(folder)
        try:
            hashes = await pairs_of_accounts(tgserve, folder, members)
            floor_hashes = [account["access_hash"] for account in yardstick.accounts[1::2]]
            chat = await make_group(tgserve, folder, members)
            to_pairs = peers_of(tgserve, hashes)
            runs: dict[str, list[dict[str, Any]]] = {"yardstick": [], "pair": [], "group": []}
            warm = 0.3 if options.quick else 1.0
            for _ in range(options.rounds):
                for kind, server, peers in (
                    ("yardstick", yardstick, peers_of(yardstick, floor_hashes)),
                    ("pair", tgserve, to_pairs),
                ):
                    runs[kind].append(await saturate(server, peers, options.window, options.seconds, warm))
                runs["group"].append(
                    await talk(tgserve, chat, members, options.window, options.seconds, warm)
                )
            data = folder / "tgserve"
            to_group = [struct.pack("<Iq", PEER_CHAT, chat)] * members
            disk = {
                "pair": round(await fill(tgserve, data, tgserve.accounts[::2], to_pairs, options.messages)),
                "group": round(await fill(tgserve, data, tgserve.accounts, to_group, options.messages)),
            }
        finally:
            yardstick.stop()
            tgserve.stop()
    cpu = {kind: median(run["server_cpu_us"] for run in found) for kind, found in runs.items()}
    delivery = (cpu["group"] - cpu["pair"]) / (members - 2)
    show(
        f"group of {members}, window {options.window}",
        {
            "cpu_us": cpu,
            "delivery_beyond_the_first_us": round(delivery, 2),
            "ratio": round(delivery / cpu["yardstick"], 3),
            "deliveries_per_second": median(run["deliveries_per_second"] for run in runs["group"]),
            "p50_ms": median(run["p50_ms"] for run in runs["group"]),
            "p99_ms": median(run["p99_ms"] for run in runs["group"]),
            "disk_bytes_per_message": disk,
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="6 members for a moment: does it still run?")
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--window", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=4000, help="for the bytes on disk")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.members, chosen.window, chosen.seconds, chosen.rounds, chosen.messages = 6, 2, 0.5, 1, 60
    uvloop.run(main(chosen))
