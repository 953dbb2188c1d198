"""How long does a server with many messages take to start, and how much memory has it then?

  python -m scripts.bench.restart [--quick] [--messages 1000000] [--users 1000] [--dir DIR]

Fills a data directory through the services (the real rows, 1:1 messages of 100 bytes), then starts `tgserve start` on
it: after a clean stop, and after kill -9 in the middle of more sends, which leaves logs and outboxes to finish. Times
are from the process's start to its `ready` line and to its first answer over the wire, `cpu_s` is its CPU till then (a
busy machine does not show in it). One JSON line each; `empty` is the same server without messages, in the same run;
`cpu_ratio` is over it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.bench.measure import cpu_seconds, resident_bytes
from scripts.bench.servers import ROOT, free_port, opened
from tgserve.services.messaging import Draft
from tgserve.testing.miniclient import MiniClient
from tgserve.tl import functions

TEXT = b"a message of a hundred bytes, as people write them when they have something to say to each other ..."
FIRST_USER = 5_000_000
IN_FLIGHT = 2000


async def fill(folder: Path, messages: int, users: int, first_id: int = 1) -> float:
    """Write `messages` among `users`; seconds it took."""
    store, services = opened(folder)
    await store.start()
    began = time.perf_counter()
    draft = Draft(TEXT, layer=232, min_layer=1)
    room = asyncio.Semaphore(IN_FLIGHT)
    for number in range(messages):
        await room.acquire()
        me = FIRST_USER + number % users
        peer = FIRST_USER + (number * 7 + number // users) % users
        commit = services.messaging.send(me, peer if peer != me else me + 1, draft, first_id + number)
        commit.on_done(lambda _: room.release())
    await store.settled(600)
    took = time.perf_counter() - began
    await store.close()
    return took


def keep_sending(folder: Path, users: int) -> None:
    """Send until killed."""
    asyncio.run(fill(folder, 1 << 40, users, 1 << 50))


def killed_in_flight(folder: Path, users: int, seconds: float) -> None:
    """A process writes to the data directory and dies by kill -9."""
    process = multiprocessing.get_context("spawn").Process(target=keep_sending, args=(folder, users))
    before = written(folder)
    process.start()
    assert process.pid is not None
    while written(folder) == before:
        time.sleep(0.01)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def written(folder: Path) -> float:
    """When anything in the store was last written."""
    return max((path.stat().st_mtime for path in (folder / "store").rglob("*.mdb")), default=0.0)


def anonymous_bytes(pid: int) -> int:
    """Memory that is the process's own, without pages of the store that the kernel keeps for it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def start(folder: Path, kind: str, messages: int) -> dict[str, Any]:
    """Start the daemon, wait for its first answer, stop it."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "tgserve",
        "start",
        "--data",
        str(folder),
        "--listen",
        f"127.0.0.1:{port}",
    ]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "ready" in line and "127.0.0.1" in line:
                break
        else:
            raise RuntimeError("the server did not start: " + "".join(said[-20:]))
        ready = time.perf_counter() - began
        asyncio.run(ask(folder, port))
        answered = time.perf_counter() - began
        cpu = cpu_seconds(process.pid)
        rss, own = resident_bytes(process.pid), anonymous_bytes(process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    size = sum(path.stat().st_blocks * 512 for path in (folder / "store").rglob("*") if path.is_file())
    return {
        "bench": "restart",
        "after": kind,
        "messages": messages,
        "ready_s": round(ready, 3),
        "first_answer_s": round(answered, 3),
        "cpu_s": round(cpu, 3),
        "memory_mib": round(rss / (1 << 20), 1),
        "own_memory_mib": round(own / (1 << 20), 1),
        "store_mib": round(size / (1 << 20), 1),
    }


async def ask(folder: Path, port: int) -> None:
    """A key exchange and help.getConfig."""
    pem = (folder / "keys" / "public.pem").read_text(encoding="ascii")
    client = MiniClient(rsa_public=pem)
    await client.connect("127.0.0.1", port)
    await client.call(functions.help.GetConfig())
    await client.disconnect()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20,000 messages")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--dir", type=Path, help="where the data goes (default: a temporary folder)")
    chosen = parser.parse_args()
    messages = 20_000 if chosen.quick else chosen.messages
    empty = 0.0
    with tempfile.TemporaryDirectory(dir=chosen.dir) as name:
        for kind, count in (("empty", 0), ("clean stop", messages), ("kill -9", messages)):
            folder = Path(name) / ("empty" if kind == "empty" else "full")
            told: dict[str, Any] = {}
            if kind == "kill -9":
                killed_in_flight(folder, chosen.users, 3.0)
            else:
                told = {"fill_s": round(asyncio.run(fill(folder, count, chosen.users)), 1)}
            figures = start(folder, kind, count) | told
            empty = empty or figures["cpu_s"]
            print(json.dumps(figures | {"cpu_ratio": round(figures["cpu_s"] / empty, 2)}), flush=True)


if __name__ == "__main__":
    main()
