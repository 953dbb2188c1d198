"""Communities whose search index is on, stepped by hand: what was committed is in the index when `step` returns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.community import Community, community
from tgserve.render import kinds
from tgserve.services.history import SCAN_ROWS, Window
from tgserve.services.messaging import Draft
from tgserve.services.search.finding import Asked, Search
from tgserve.services.search.words import wanted
from tgserve.store import records as r
from tgserve.store.keyspaces import BODIES
from tgserve.store.slots import SLOTS

_random = count(1_000_000)


def search_of(c: Community, folder: Path) -> Search:
    """A search service over the community's store, as after a start of the process."""
    s = c.services
    s.search = Search(c.store, c.clock, s.bus, s.history, folder, s.channels.register, s.channels.reading)
    s.search.feed.describe = kinds.describe
    s.search.start(threaded=False)
    return s.search


@asynccontextmanager
async def indexed(folder: Path, **settings: Any) -> AsyncIterator[Community]:
    async with community(**settings) as c:
        search_of(c, folder)
        try:
            yield c
        finally:
            await c.services.search.stop()
            c.services.search.feed.index.close()


async def say(c: Community, me: int, peer: int, text: str, **more: Any) -> int:
    """Send; the number in the sender's box."""
    sent = await c.services.messaging.send(me, peer, Draft(text.encode(), **more), next(_random))
    await c.settle()
    return sent.msg_id


async def find(
    c: Community, me: int, peer: int, query: str = "", window: Window | None = None, **asked: Any
) -> list[int]:
    c.services.search.feed.step()
    found = await c.services.search.in_chat(me, peer, Asked(wanted(query), **asked), window or Window())
    return [view.msg_id for view in found.page.views]


async def find_all(c: Community, me: int, query: str = "", **more: Any) -> list[int]:
    c.services.search.feed.step()
    asked = Asked(wanted(query), more.pop("kinds", ()), more.pop("author", 0))
    found = await c.services.search.everywhere(me, asked, **{"limit": 100, **more})
    return [view.msg_id for view in found.page.views]


def naive(c: Community, me: int, peer: int, asked: Asked) -> list[int]:
    """What must be found, by looking at every message."""
    fits = c.services.search.test(asked)
    page = c.services.history.scan(
        me, peer, Window(limit=SCAN_ROWS), fits, since=asked.since, until=asked.until
    )
    return [view.msg_id for view in page.views]


def bodies(c: Community) -> dict[tuple[int, int], r.Body]:
    """Every body of the store."""
    found = {}
    for slot in range(SLOTS):
        with c.store.read(slot) as reader:
            found.update({key: body for key, body in reader.range(BODIES)})
    return found
