"""kill -9 at random moments under load, and everything that was acknowledged is there (SECURITY 10.5).

TGSERVE_KILL_ROUNDS=1000 for the long run, TGSERVE_KILL_SEED=n for other moments.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.people import UNLIMITED, arrived, company, compare
from tests.journeys.daemon import ROOT, Daemon

ROUNDS = int(os.environ.get("TGSERVE_KILL_ROUNDS", "50"))
SEED = int(os.environ.get("TGSERVE_KILL_SEED", "1"))
PAIRS = 3
CHECK_EVERY = 10


@pytest.mark.slow
@pytest.mark.timeout(60 + 15 * ROUNDS)
def test_10_5_nothing_acknowledged_is_lost_by_kill_9(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SECURITY 6.12, 10.5: both sides have each acknowledged message once; keys stay signed in."""
    daemon = Daemon(tmp_path / "data", config=UNLIMITED)
    daemon.start()
    try:
        told = asyncio.run(_rounds(daemon))
    finally:
        daemon.end()
    with capsys.disabled():
        print(f"\n{told}")


async def _rounds(daemon: Daemon) -> str:
    rng = random.Random(SEED)
    people = await company(daemon, PAIRS, SEED)
    restarts: list[float] = []
    for number in range(ROUNDS):
        load = [
            asyncio.ensure_future(person.chatter(f"r{number}", rng.choice((1, 2, 6)))) for person in people
        ]
        await asyncio.sleep(rng.uniform(0.02, 0.25))
        daemon.kill()
        await asyncio.gather(*load)
        if rng.random() < 0.2:
            await asyncio.to_thread(_die_young, daemon, rng.uniform(0.2, 0.7))
        if number % CHECK_EVERY == CHECK_EVERY - 1:
            await asyncio.to_thread(daemon.run, "check")
        began = time.monotonic()
        await asyncio.to_thread(daemon.start)
        restarts.append(time.monotonic() - began)
        await asyncio.gather(*(person.connect(new_session=rng.random() < 0.5) for person in people))
        await asyncio.gather(*(person.repeat() for person in people))
        wrong = [text for person in people for text in person.trouble]
        assert not wrong, f"round {number} of seed {SEED}: {wrong[:5]}"
    await arrived(people)
    wrong = await compare(people)
    for person in people:
        await person.client.disconnect()
    daemon.stop()
    daemon.run("check")
    assert not wrong, f"seed {SEED}: " + "\n".join(wrong[:20])
    refused = {name for person in people for name in person.refused}
    assert not refused
    sent = [message for person in people for message in person.sent]
    acknowledged = sum(1 for message in sent if message.msg_id)
    assert acknowledged > ROUNDS * PAIRS
    return (
        f"kill -9: {ROUNDS} rounds, {acknowledged} messages acknowledged, {len(sent) - acknowledged} given up, "
        f"restart median {statistics.median(restarts):.2f} s, longest {max(restarts):.2f} s"
    )


def _die_young(daemon: Daemon, seconds: float) -> None:
    """Start, and kill before or just after it is ready: in the middle of its recovery."""
    command = daemon.command("start", "--listen", f"{daemon.host}:{daemon.port}")
    with daemon.log.open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    time.sleep(seconds)
    process.kill()
    process.wait(100)
