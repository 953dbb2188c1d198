"""kill -9 of a server that moves slots between its shards, again and again, under real clients: everything that was
acknowledged is there, the check of the dead store finds nothing, and in the end all shards can be emptied into one.

TGSERVE_KILL_ROUNDS=100 for the long run, TGSERVE_KILL_SEED=n for other moments.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults.people import UNLIMITED, arrived, company, compare
from tests.journeys.daemon import ROOT, Daemon

ROUNDS = int(os.environ.get("TGSERVE_KILL_ROUNDS", "6"))
SEED = int(os.environ.get("TGSERVE_KILL_SEED", "1"))
PAIRS = 2


def told(daemon: Daemon, *arguments: str) -> Any:
    command = daemon.command(*arguments, "--json")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def _begin(daemon: Daemon, rng: random.Random) -> None:
    """A job that is under way, most likely, when the server dies."""
    numbers = [row["number"] for row in told(daemon, "shard", "list")["shards"]]
    first = rng.randrange(700)
    command = daemon.command(
        "shard", "move", f"{first}-{first + 320}", "--to", str(rng.choice(numbers)), "--no-wait"
    )
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0 or "is under way" in done.stderr or "has them already" in done.stderr, (
        done.stderr
    )


@pytest.mark.slow
@pytest.mark.timeout(600 + 30 * ROUNDS)
def test_10_5_nothing_acknowledged_is_lost_while_slots_move(tmp_path: Path) -> None:
    """SECURITY 10.5."""
    daemon = Daemon(tmp_path / "data", config=UNLIMITED)
    daemon.start()
    try:
        asyncio.run(_rounds(daemon, tmp_path))
    finally:
        daemon.end()


async def _rounds(daemon: Daemon, folder: Path) -> None:
    rng = random.Random(SEED)
    people = await company(daemon, PAIRS, SEED)
    added = await asyncio.to_thread(
        told, daemon, "shard", "add", str(folder / "more"), "--rebalance", "--no-wait"
    )
    for number in range(ROUNDS):
        load = [
            asyncio.ensure_future(person.chatter(f"r{number}", rng.choice((1, 2, 6)))) for person in people
        ]
        await asyncio.sleep(0.02)
        await asyncio.to_thread(_begin, daemon, rng)
        await asyncio.sleep(rng.uniform(0.0, 0.4))
        daemon.kill()
        await asyncio.gather(*load)
        await asyncio.to_thread(daemon.run, "check")
        await asyncio.to_thread(daemon.start)
        await asyncio.gather(*(person.connect(new_session=rng.random() < 0.5) for person in people))
        await asyncio.gather(*(person.repeat() for person in people))
        wrong = [text for person in people for text in person.trouble]
        assert not wrong, f"round {number} of seed {SEED}: {wrong[:5]}"
    load = [asyncio.ensure_future(person.chatter("last", 2)) for person in people]
    for row in (await asyncio.to_thread(told, daemon, "shard", "list"))["shards"]:
        if row["number"] != added["shard"]["number"]:
            await asyncio.to_thread(told, daemon, "shard", "drain", str(row["number"]), "--remove", "--yes")
    (left,) = (await asyncio.to_thread(told, daemon, "shard", "list"))["shards"]
    assert left["slots"] == 1024
    await asyncio.to_thread(told, daemon, "shard", "verify")
    daemon.kill()
    await asyncio.gather(*load)
    await asyncio.to_thread(daemon.start)
    await asyncio.gather(*(person.connect(new_session=False) for person in people))
    await asyncio.gather(*(person.repeat() for person in people))
    await arrived(people)
    wrong = await compare(people)
    for person in people:
        await person.client.disconnect()
    daemon.stop()
    daemon.run("check")
    assert not wrong, f"seed {SEED}: " + "\n".join(wrong[:20])
    assert sum(1 for person in people for message in person.sent if message.msg_id) > ROUNDS
