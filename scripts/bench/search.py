"""How fast are messages found, how far behind is the index, how large is it? Against reading every message.

    python -m scripts.bench.search [--quick] [--messages 1000000] [--keep FOLDER]

Texts in five writings with word frequencies as in language; 1,000 people, 5,000 chats of very different sizes. Load,
build the index as a first start does, ask, then send 200 messages a second and see when they are found. `naive_ms` is
the same question answered by reading each message of the chat (of the box, for all chats) in the same run; `ratio` is
p95 over its median. `p95_cpu_ms` is CPU of all threads, which a busy machine does not change.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from scripts.bench.measure import percentile, resident_bytes, show
from tgserve import log
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.render import kinds
from tgserve.services import Services, build
from tgserve.services.history import Window
from tgserve.services.messaging import Draft
from tgserve.services.search.feed import State
from tgserve.services.search.finding import Asked
from tgserve.services.search.words import wanted, words
from tgserve.store.keyspaces import PEER_ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

PEOPLE = 1_000
FIRST = 1_000_001
BATCH = 50
WORDS = {"latin": 60_000, "cyrillic": 40_000, "accents": 40_000, "arabic": 20_000}
LETTERS = {
    "latin": "eeeeetttaaaooiinnsshhrrddllucmfwypvbgk",
    "cyrillic": "ооооееееаааииннттсслрвкмдпуяыьгзбчйхжшю",
    "accents": "eeettaaooinnshrdlucmfwpvbgkéèüößñçã",
    "arabic": "اللللينييممورتبدسعهفقكح",
}


class Moving:
    """A clock whose date can be set back, to load messages of years."""

    def __init__(self) -> None:
        self.date = 1_600_000_000.0

    def now(self) -> float:
        return self.date

    def monotonic(self) -> float:
        return time.perf_counter()


class Texts:
    """Messages as people write them, the same every time."""

    def __init__(self, seed: int) -> None:
        self.random = rng = random.Random(seed)
        self.vocabularies = [
            [
                "".join(rng.choice(LETTERS[name]) for _ in range(min(11, max(2, int(rng.gauss(6, 2.5))))))
                for _ in range(n)
            ]
            for name, n in WORDS.items()
        ]
        self.chats = [tuple(rng.sample(range(FIRST, FIRST + PEOPLE), 2)) for _ in range(5 * PEOPLE)]

    def chat(self) -> tuple[int, int]:
        one, other = self.chats[int(len(self.chats) ** self.random.random()) - 1]
        return (one, other) if self.random.random() < 0.5 else (other, one)

    def text(self) -> str:
        rng = self.random
        kind = rng.random()
        count = max(1, int(rng.expovariate(1 / 9)))
        if kind < 0.1:
            return "".join(chr(0x4E00 + int(3000 ** rng.random())) for _ in range(count * 2))
        words_ = self.vocabularies[0 if kind < 0.5 else 1 if kind < 0.75 else 2 if kind < 0.92 else 3]
        return " ".join(words_[int(len(words_) ** rng.random()) - 1] for _ in range(count))


async def load(services: Services, clock: Moving, texts: Texts, count: int) -> list[tuple[int, int, str]]:
    """Send `count` messages; some of them: (one, other, text)."""
    sample: list[tuple[int, int, str]] = []
    commits = []
    step = 150_000_000 / count * BATCH
    for start in range(0, count, BATCH):
        clock.date += step
        one, other = texts.chat()
        written = [texts.text() for _ in range(BATCH)]
        drafts = [(start + number + 1, Draft(text.encode(), layer=0)) for number, text in enumerate(written)]
        commits.append(services.messaging.send_many(one, other, drafts))
        if texts.random.random() < 0.2:
            sample.append((one, other, written[0]))
        if len(commits) == 40:
            for commit in commits:
                await commit
            commits.clear()
            while any(shard.in_flight > 2_000 for shard in services.store.shards):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    for commit in commits:
        await commit
    await services.store.settled(600)
    return sample


def naive(services: Services, me: int, peer: int | None, asked: Asked) -> int:
    """Read and test every message of a chat or of the whole box; how many fit."""
    fits = services.search.test(asked)
    history = services.history
    with services.store.read(slot_of(me)) as reader:
        prefix = (me,) if peer is None else (me, peer)
        ids = [key[2] for key, _ in reader.range(PEER_ROWS, *prefix)]
    found = 0
    for at in range(0, len(ids), 1000):
        found += sum(
            1 for view in history.messages(me, ids[at : at + 1000]) if view is not None and fits(view)
        )
    return found


async def ask(
    name: str,
    services: Services,
    sample: list[tuple[int, int, str]],
    query: Callable[[str], str],
    rng: random.Random,
    times: int,
    *,
    everywhere: bool,
) -> dict[str, Any]:
    taken, read, spent, hits = [], [], [], 0
    for number in range(times):
        me, peer, text = rng.choice(sample)
        asked = Asked(wanted(query(text)))
        begin, cpu = time.perf_counter(), time.process_time()
        answer: Awaitable[Any]
        if everywhere:
            answer = services.search.everywhere(me, asked, limit=20)
        else:
            answer = services.search.in_chat(me, peer, asked, Window(limit=20))
        found = await answer
        taken.append(time.perf_counter() - begin)
        spent.append(time.process_time() - cpu)
        hits += len(found.page.views)
        if number < 5:
            begin = time.perf_counter()
            naive(services, me, None if everywhere else peer, asked)
            read.append(time.perf_counter() - begin)
    figures = {
        "p50_ms": round(percentile(taken, 0.5) * 1e3, 2),
        "p95_ms": round(percentile(taken, 0.95) * 1e3, 2),
        "p95_cpu_ms": round(percentile(spent, 0.95) * 1e3, 2),
        "naive_ms": round(percentile(read, 0.5) * 1e3, 2),
        "ratio": round(percentile(taken, 0.95) / percentile(read, 0.5), 4),
        "found": round(hits / times, 1),
    }
    show(f"search.{'all' if everywhere else 'chat'}.{name}", figures)
    return {"name": name, "taken": taken, "spent": spent}


async def lag_at(services: Services, clock: Moving, rate: int, seconds: float) -> dict[str, Any]:
    """Send at a rate; how old does what is missing in the index grow, and when is a message found?"""
    feed, worst, waits = services.search.feed, 0.0, []
    begun = time.perf_counter()
    number = 0
    pending: list[tuple[float, str]] = []
    while time.perf_counter() - begun < seconds or pending:
        clock.date = 1_750_000_000 + number // rate
        if time.perf_counter() - begun < seconds:
            while number < (time.perf_counter() - begun) * rate:
                text = f"unique{number} and more words here"
                me = FIRST + number % PEOPLE
                services.messaging.send(me, me, Draft(text.encode()), 10**10 + number)
                if number % 37 == 0:
                    pending.append((time.perf_counter(), f"unique{number} ", me))  # type: ignore[arg-type]
                number += 1
        for item in list(pending):
            sent, word, me = item  # type: ignore[misc]
            found = await services.search.in_chat(me, me, Asked(wanted(word)), Window(limit=1))
            if found.page.views:
                waits.append(time.perf_counter() - sent)
                pending.remove(item)
        worst = max(worst, feed.lag_seconds)
        await asyncio.sleep(0.005)
    if feed.state is not State.READY:
        raise RuntimeError(f"the index has failed: {feed.fault}")
    return {
        "per_second": rate,
        "found_after_p50_s": round(percentile(waits, 0.5), 3),
        "found_after_max_s": round(max(waits), 3),
        "index_lag_max_s": round(worst, 3),
    }


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


async def bench(folder: Path, count: int, times: int, seconds: float) -> None:
    clock, ids = Moving(), Ids(1)
    secret = bytes(32)
    store = Store(folder / "store", clock=clock, ids=ids, secret=secret, map_bytes=16 << 30)
    desk: Any = None
    services = build(store, clock, ids, Config(data=folder), desk, secret=secret)
    services.search.feed.describe = kinds.describe
    await store.start()
    texts = Texts(1)
    begun = time.perf_counter()
    sample = await load(services, clock, texts, count)
    show("search.load", {"messages": count, "seconds": round(time.perf_counter() - begun, 1)})
    before = resident_bytes(os.getpid())
    begun, cpu = time.perf_counter(), time.process_time()
    services.search.start()
    while services.search.feed.state is not State.READY:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    took = time.perf_counter() - begun
    status = await services.search.status()
    show(
        "search.build",
        {
            "documents": status.documents,
            "seconds": round(took, 1),
            "per_second": round(count / took),
            "cpu_us_per_message": round((time.process_time() - cpu) / count * 1e6, 1),
            "index_bytes_per_message": round(bytes_of(folder / "search") / count, 1),
            "store_bytes_per_message": round(bytes_of(folder / "store") / count, 1),
            "rss_before_mb": round(before / 1e6, 1),
            "rss_after_mb": round(resident_bytes(os.getpid()) / 1e6, 1),
        },
    )
    rng = random.Random(2)
    pick: dict[str, Callable[[str], str]] = {
        "word": lambda text: rng.choice(words(text)) + " ",
        "start of 4 letters": lambda text: rng.choice(words(text))[:4],
        "start of 2 letters": lambda text: rng.choice(words(text))[:2],
        "one letter": lambda text: rng.choice(words(text))[:1],
        "two words": lambda text: " ".join(rng.sample(words(text), min(2, len(words(text))))),
    }
    every: list[float] = []
    spent: list[float] = []
    for everywhere in (False, True):
        for name, query in pick.items():
            asked = await ask(name, services, sample, query, rng, times, everywhere=everywhere)
            every += asked["taken"]
            spent += asked["spent"]
    figures = {"p95_ms": percentile(every, 0.95) * 1e3, "p95_cpu_ms": percentile(spent, 0.95) * 1e3}
    show(
        "search.questions",
        {"count": len(every), **{name: round(value, 2) for name, value in figures.items()}},
    )
    show("search.lag", await lag_at(services, clock, 200, seconds))
    show("search.end", {"rss_mb": round(resident_bytes(os.getpid()) / 1e6, 1)})
    await services.search.stop()
    await store.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20,000 messages")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="work here and leave the files")
    options = parser.parse_args()
    log.setup("logfmt", "error")
    folder = options.keep or Path(tempfile.mkdtemp(prefix="tgserve-search-"))
    count = 20_000 if options.quick else options.messages
    try:
        asyncio.run(bench(folder, count, 20 if options.quick else 200, 2.0 if options.quick else 5.0))
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
