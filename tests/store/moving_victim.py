"""A process whose users write while slots move between shards, which are added and removed; it is killed at a step.

    python -m tests.store.moving_victim FOLDER STEP NUMBER

STEP names a place in the code (STEPS); at its NUMBER-th passing the process kills itself, as a power cut would but for
the page cache. Without STEP it goes on until somebody kills it. A line `sender receiver msg_id` for each acknowledged
message.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.store.chat import open_store, send, waited
from tgserve.store import moving, shards
from tgserve.store.engines.logged import LoggedEngine
from tgserve.store.moving import Mover
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

USERS = list(range(101, 125))
HOMES = sorted({slot_of(user) for user in USERS})
WRITERS = 6

STEPS = (
    "shard made, not in the table",
    "shard in the table",
    "marked",
    "a piece copied",
    "a batch copied",
    "the tail written over it",
    "the gate shut",
    "claimed, nobody told",
    "the table changed",
    "a piece purged",
    "purged, the epochs still there",
    "purged",
    "shard out of the table, its files there",
    "its files gone",
)


class Fuse:
    def __init__(self, step: str, number: int) -> None:
        self.step = step
        self.left = number

    def pass_by(self, step: str) -> None:
        if step == self.step:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


def lay(fuse: Fuse) -> None:
    """Wrap the steps."""

    def after(owner: Any, name: str, step: str) -> None:
        fn = getattr(owner, name)

        async def later(*arguments: Any, **named: Any) -> Any:
            found = await fn(*arguments, **named)
            fuse.pass_by(step)
            return found

        def run(*arguments: Any, **named: Any) -> Any:
            found = fn(*arguments, **named)
            fuse.pass_by(step)
            return found

        setattr(owner, name, later if asyncio.iscoroutinefunction(fn) else run)

    after(Store, "_found", "shard made, not in the table")
    after(Store, "add_shard", "shard in the table")
    after(Mover, "_mark", "marked")
    after(Mover, "_piece", "a piece copied")
    after(Mover, "_copy", "a batch copied")
    after(Mover, "_replay", "the tail written over it")
    after(Store, "give_slots", "the table changed")
    after(Mover, "_wipe", "a piece purged")
    after(Mover, "_purge", "purged")
    after(Store, "remove_shard", "shard out of the table, its files there")
    after(moving, "forget", "its files gone")
    claim, disown, commit = Mover._claim, Mover._disown, LoggedEngine.commit
    claiming = False

    async def claimed(self: Mover, *arguments: Any) -> None:
        nonlocal claiming
        fuse.pass_by("the gate shut")
        claiming = True
        await claim(self, *arguments)

    def committed(self: LoggedEngine, rows: Any) -> None:
        nonlocal claiming
        commit(self, rows)
        if claiming:
            fuse.pass_by("claimed, nobody told")
            claiming = False

    async def disowned(self: Mover, *arguments: Any) -> None:
        fuse.pass_by("purged, the epochs still there")
        await disown(self, *arguments)

    Mover._claim = claimed  # type: ignore[method-assign]
    Mover._disown = disowned  # type: ignore[method-assign]
    LoggedEngine.commit = committed  # type: ignore[method-assign]
    assert shards.Store is Store


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def write(store: Store, rng: random.Random, number: Callable[[], int]) -> None:
    while True:
        me, peer = rng.sample(USERS, 2)
        tell(me, peer, await waited(send(store, me, peer, number(), b"x" * rng.randrange(400))))
        await asyncio.sleep(0.004)


async def move(store: Store, folder: Path, rng: random.Random) -> None:
    mover = Mover(store)
    while True:
        shard = await mover.add(folder / f"place-{store.format.next_number}")
        for _ in range(2):
            slots = rng.sample(HOMES, 12) + rng.sample(range(1024), 20)
            numbers = [one.number for one in store.shards]
            await mover.move({slot: rng.choice(numbers) for slot in slots})
        numbers.remove(shard.number)
        out = [slot for slot, number in enumerate(store.table) if number == shard.number]
        await mover.move({slot: rng.choice(numbers) for slot in out})
        await mover.remove(shard.number)


async def main(folder: Path, fuse: Fuse) -> None:
    lay(fuse)
    rng = random.Random(fuse.left)
    moving.COPY_ROWS = moving.READ_ROWS = 150
    store = open_store(folder / "store", shards=3)
    await store.start()
    count = 0

    def number() -> int:
        nonlocal count
        count += 1
        return count

    await asyncio.gather(*(waited(send(store, *rng.sample(USERS, 2), number())) for _ in range(300)))
    tell("ready")
    await asyncio.gather(*(write(store, rng, number) for _ in range(WRITERS)), move(store, folder, rng))


if __name__ == "__main__":
    name, passing = (sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 2 else ("", 0)
    asyncio.run(main(Path(sys.argv[1]), Fuse(name, passing)))
