"""What does a post cost in a supergroup of 1,000 online, and in one of 100,000 members of whom 100 are online?

    python -m scripts.bench.channels [--quick] [--online 1000] [--members 100000] [--rate 20] [--seconds 6]

CPU for each delivery at `rate` posts a second and at saturation, in turns with the yardstick (`ratio`: over what a
delivery costs there; the medians of `rounds`), how late the last member hears of a post, the cost of a post that one
member online hears of beside a 1:1 message of the same server (`ratio_to_pair`), a page of the members over the wire,
joining by a link. What a member online holds is weighed in a process of its own, which nobody has used before, over
`idle` members who come in steps: memory that the server has freed and keeps would else be what the next ones move into.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from scripts.bench.load import RPC_ERROR, Connection, connect, send_message
from scripts.bench.measure import Meter, own_bytes, percentile, show
from scripts.bench.messages import peers_of, saturate, void
from scripts.bench.servers import (
    Running,
    data_of,
    make_accounts,
    opened,
    scratch,
    start_tgserve,
    start_yardstick,
)
from tgserve.server.lifecycle import raise_nofile
from tgserve.services import Services
from tgserve.services.channels.register import save
from tgserve.services.channels.seats import put_seat
from tgserve.services.groups.life import Action
from tgserve.store import channel_records as c
from tgserve.store.keyspaces import CHANNELS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn
from tgserve.tl import functions as f
from tgserve.tl import layers
from tgserve.tl import types as t

INPUT_PEER_CHANNEL = t.InputPeerChannel.ID
BATCH = 500
PAIRS = 10
FIRST_NOBODY = 5_000_000_000
"""Members beyond the accounts are rows alone: numbers that nobody signs in with."""


async def make_channel(
    services: Services, creator: int, users: list[int], join: int = 0
) -> tuple[int, dict[str, float]]:
    """A supergroup of `users`, the last `join` of whom come in by its link; what these took, in microseconds each."""
    data, layer = layers.encode_part(t.MessageActionChannelCreate(title="Bench"))
    action = Action(data, layers.CURRENT, layer)
    done = await services.channels.life.create(creator, "Bench", "", action, megagroup=True)
    channel = done.channel
    seated = users[: len(users) - join]
    for start in range(0, len(seated), BATCH):
        part = seated[start : start + BATCH]

        def work(txn: Txn, part: list[int] = part) -> None:
            record = txn.get(CHANNELS, channel)
            assert record is not None
            for user in part:
                record = put_seat(txn, channel, record, user, c.Participant(1, creator), 1)
            save(txn, channel, record)

        await services.store.transact(slot_of(channel), work)
    link = services.channels.doors.primary_or_none(creator, channel)
    assert link is not None
    took: dict[str, float] = {}
    came, _ = layers.encode_part(t.MessageActionChatJoinedByLink(inviter_id=creator))
    arriving = users[len(users) - join :]
    half = len(arriving) // 2
    for name, part in (("first_half_us", arriving[:half]), ("second_half_us", arriving[half:])):
        began = time.process_time()
        for start in range(0, len(part), 100):
            await asyncio.gather(
                *(
                    services.channels.doors.use(user, link.hash, Action(came, layers.CURRENT, layer))
                    for user in part[start : start + 100]
                )
            )
        took[name] = round((time.process_time() - began) / max(len(part), 1) * 1e6, 1)
    return channel, took


def peer(services: Services, user: int, channel: int) -> bytes:
    number = -channel - CHANNEL_BASE
    access_hash = services.views.channel_hash(user, number)
    return struct.pack("<Iqq", INPUT_PEER_CHANNEL, number, access_hash)


async def post(
    running: Running,
    sender: Connection,
    readers: list[Connection],
    to: bytes,
    seconds: float,
    *,
    rate: float = 0.0,
    window: int = 4,
) -> dict[str, Any]:
    """Posts at a rate, or with a window in flight; deliveries are counted at the readers."""
    lateness: list[float] = []
    counted = {"deliveries": 0, "posts": 0, "errors": 0, "running": 1}

    def heard(sent: float) -> None:
        counted["deliveries"] += 1
        lateness.append(time.perf_counter() - sent)

    for reader in readers:
        reader.on_text = heard

    def one() -> None:
        def answered(answer: bytes) -> None:
            counted["posts"] += 1
            counted["errors"] += answer[:4] == struct.pack("<I", RPC_ERROR)
            if not rate and counted["running"]:
                one()

        sender.send(send_message(to), answered)

    if rate:
        one()
    else:
        for _ in range(window):
            one()
    await asyncio.sleep(1.0 if seconds > 1 else 0.3)
    counted["deliveries"] = counted["posts"] = 0
    lateness.clear()
    meter = Meter(running.pid)
    void(meter.__enter__())
    began = time.perf_counter()
    if rate:
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
            one()
    await asyncio.sleep(max(began + seconds - time.perf_counter(), 0))
    meter.__exit__()
    counted["running"] = 0
    await asyncio.sleep(0.5)
    if counted["errors"]:
        raise RuntimeError(f"{counted['errors']} posts were refused")
    return {
        "posts": counted["posts"],
        "deliveries": counted["deliveries"],
        "cpu_us_a_delivery": round(meter.cpu / max(counted["deliveries"], 1) * 1e6, 2),
        "cpu_us_a_post": round(meter.cpu / max(counted["posts"], 1) * 1e6, 1),
        "deliveries_per_second": round(counted["deliveries"] / meter.seconds),
        "p50_ms": round(percentile(lateness, 0.5) * 1e3, 1),
        "last_ms": round(max(lateness, default=0.0) * 1e3, 1),
    }


async def in_turns(
    sides: dict[str, tuple[Running, Connection, list[Connection], bytes]],
    seconds: float,
    rounds: int,
    rate: float,
) -> dict[str, Any]:
    """Both servers under the same load, one after the other, `rounds` times: the medians of each, and their ratio."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, (running, sender, readers, to) in sides.items():
            runs[name].append(await post(running, sender, readers, to, seconds, rate=rate))
    medians = {
        name: {field: median(run[field] for run in found) for field in found[0]}
        for name, found in runs.items()
    }
    ratio = medians["tgserve"]["cpu_us_a_delivery"] / medians["yardstick"]["cpu_us_a_delivery"]
    return {**medians, "ratio": round(ratio, 2)}


async def prepare(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Accounts and channels, written through the services before the server starts: PAIRS that write to each other, one
    who posts, and his readers."""
    accounts = await make_accounts(folder, 2 * PAIRS + 1 + options.online + options.idle)
    users = [account["id"] for account in accounts]
    first_idle = len(accounts) - options.idle
    creator, readers = users[2 * PAIRS], users[2 * PAIRS + 1 : first_idle]
    store, services = opened(data_of(folder))
    await store.start()
    crowd, _ = await make_channel(services, creator, readers)
    quiet, _ = await make_channel(services, creator, users[first_idle:])
    rest = options.members - 100
    nobody = list(range(FIRST_NOBODY, FIRST_NOBODY + rest))
    big, took = await make_channel(services, creator, readers[:100] + nobody, join=options.join)
    await store.settled(120)
    prepared = {
        "accounts": accounts[:first_idle],
        "idle": accounts[first_idle:],
        "to_quiet": peer(services, creator, quiet),
        "to_crowd": peer(services, creator, crowd),
        "to_big": peer(services, creator, big),
        "hashes": [services.views.user_hash(users[n], users[n + 1]) for n in range(0, 2 * PAIRS, 2)],
        "took": took,
    }
    await store.close()
    return prepared


async def pages(pid: int, reader: Connection, to: bytes, members: int) -> dict[str, float]:
    """Pages of 200 from all over the list: how long a member waits for one. The first one reads the list."""
    took: list[float] = []
    meter = Meter(pid)
    for offset in (0, *range(0, members, max(members // 50, 1))):
        asked = f.channels.GetParticipants(
            channel=t.InputChannel(
                channel_id=struct.unpack_from("<q", to, 4)[0], access_hash=struct.unpack_from("<q", to, 12)[0]
            ),
            filter=t.ChannelParticipantsRecent(),
            offset=offset,
            limit=200,
            hash=0,
        )
        began = time.perf_counter()
        await reader.call(layers.encode(asked))
        took.append(time.perf_counter() - began)
        if len(took) == 1:
            void(meter.__enter__())
    meter.__exit__()
    return {
        "page_cpu_ms": round(meter.cpu / (len(took) - 1) * 1e3, 2),
        "first_page_ms": round(took[0] * 1e3, 2),
        "page_p50_ms": round(percentile(took[1:], 0.5) * 1e3, 2),
        "page_p95_ms": round(percentile(took[1:], 0.95) * 1e3, 2),
    }


async def weigh(folder: Path, prepared: dict[str, Any], settle: float) -> dict[str, Any]:
    """KiB that a member online holds who is silent, and a while after a post he has heard and acknowledged. The first
    fifth of them also make what the server keeps once, and are not counted; `by_step`: each fifth of the others."""
    accounts, running = prepared["idle"], start_tgserve(folder)
    held: list[Connection] = []
    sizes: list[int] = []
    step = len(accounts) // 5
    try:
        sender = (await connect(running.port, prepared["accounts"][2 * PAIRS : 2 * PAIRS + 1]))[0]
        for start in range(0, 5 * step, step):
            held += await connect(running.port, accounts[start : start + step])
            await asyncio.sleep(settle)
            sizes.append(own_bytes(running.pid))
        told = await post(running, sender, held, prepared["to_quiet"], 0.2, rate=5)
        await asyncio.sleep(settle)
        sizes.append(own_bytes(running.pid))
        if told["deliveries"] < len(held) or any(one.transport.is_closing() for one in held):
            raise RuntimeError("not all of them were online")
    finally:
        running.stop()
    by_step = [round((after - before) / step / 1024, 2) for before, after in pairwise(sizes[:5])]
    return {
        "members": 5 * step,
        "kib": round((sizes[4] - sizes[0]) / step / 4 / 1024, 2),
        "by_step": by_step,
        "kib_after_posts": round((sizes[5] - sizes[0]) / step / 4 / 1024, 2),
    }


async def main(options: argparse.Namespace) -> None:
    raise_nofile()
    with scratch() as folder:
        prepared = await prepare(folder, options)
        yardstick, tgserve = start_yardstick(folder, 1 + options.online), start_tgserve(folder)
        try:
            accounts = prepared["accounts"]
            sender = (await connect(tgserve.port, accounts[2 * PAIRS : 2 * PAIRS + 1]))[0]
            readers: list[Connection] = []
            for start in range(2 * PAIRS + 1, len(accounts), 250):
                readers += await connect(tgserve.port, accounts[start : start + 250])
            tgserve.accounts = accounts[: 2 * PAIRS]
            warm = 0.3 if options.quick else 1.0
            seconds, rate = options.seconds, options.rate
            measure = await connect(yardstick.port, yardstick.accounts)
            sides = {
                "yardstick": (
                    yardstick,
                    measure[0],
                    measure[1:],
                    struct.pack("<Iqq", INPUT_PEER_CHANNEL, 1, 1),
                ),
                "tgserve": (tgserve, sender, readers, prepared["to_crowd"]),
            }
            crowd = {
                load: await in_turns(sides, seconds, options.rounds, each)
                for load, each in ((f"at_{rate:g}_posts", rate), ("saturated", 0.0))
            }
            for reader in (*measure, *readers[100:]):
                reader.transport.abort()
            await asyncio.sleep(0.5)
            hundred = await post(tgserve, sender, readers[:100], prepared["to_big"], seconds)
            page = await pages(tgserve.pid, sender, prepared["to_big"], options.members)
            for reader in readers:
                reader.transport.abort()
            tgserve.stop()  # a session outlives its socket, and is told: nobody is online behind a new start
            tgserve = start_tgserve(folder)
            tgserve.accounts = accounts[: 2 * PAIRS]
            lone = await connect(tgserve.port, accounts[2 * PAIRS : 2 * PAIRS + 2])
            pair = await saturate(tgserve, peers_of(tgserve, prepared["hashes"]), 4, seconds, warm)
            alone = {
                name: await post(tgserve, lone[0], lone[1:], prepared[to], seconds, window=4 * PAIRS)
                for name, to in (("small", "to_crowd"), ("big", "to_big"))
            }
        finally:
            yardstick.stop()
            tgserve.stop()
        idle = await weigh(folder, prepared, 0.5 if options.quick else 3.0)
    show(
        f"supergroup, {options.online} online",
        {
            **crowd,
            "idle_member": idle,
        },
    )
    show(
        f"supergroup of {options.members}",
        {
            "100_online": hundred,
            "pair_us": pair["server_cpu_us"],
            "one_online_us": alone["big"]["cpu_us_a_post"],
            f"one_online_of_{options.online}_us": alone["small"]["cpu_us_a_post"],
            "ratio_to_pair": round(alone["big"]["cpu_us_a_post"] / pair["server_cpu_us"], 2),
            **prepared["took"],
            **page,
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="120 members for a moment: does it still run?")
    parser.add_argument("--online", type=int, default=1000)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--join", type=int, default=10_000, help="of these, come in by a link")
    parser.add_argument(
        "--idle", type=int, default=5000, help="members who are online and silent, to be weighed"
    )
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.online, chosen.members, chosen.join, chosen.seconds, chosen.rounds = 120, 400, 40, 0.5, 1
        chosen.idle = 100
    uvloop.run(main(chosen))
