"""An internet of a few pages, and people with previews switched on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.stickers.makers import makers, webp
from tests.waiting import until
from tgserve.services.previews import Web

HEAD = """<html><head><title>Plain &amp; simple</title>
<meta property="og:title" content="The &quot;title&quot;"><meta name=description content='What it is'>
<meta property="og:site_name" content="Site"/><meta property="og:image" content="/p.png"></head><body>"""


class No(Exception):
    pass


@dataclass
class Outside:
    """The internet: pages by address."""

    pages: dict[str, bytes]
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self, url: str, kinds: Any, most: int, *, cut: bool = False) -> Any:
        self.asked.append(url)
        await self.gate.wait()
        if url not in self.pages:
            raise No(url)

        @dataclass
        class Found:
            url: str
            data: bytes
            charset: str = ""

        return Found(url, self.pages[url])


@asynccontextmanager
async def outside(**pages: bytes) -> AsyncIterator[tuple[Any, list[Any], Outside]]:
    async with makers(3) as (c, people):
        world = Outside(
            {"http://example.com/": HEAD.encode(), "http://example.com/p.png": webp(300, 200, kind="PNG")}
        )
        tasks: list[asyncio.Task[Any]] = []
        c.services.previews.web = Web(world.fetch, No, lambda work: tasks.append(asyncio.create_task(work)))
        yield c, people, world
        world.gate.set()
        await asyncio.gather(*tasks)


async def settled(c: Any) -> None:
    await asyncio.sleep(0.01)
    await until(lambda: not c.services.previews._running)
    await asyncio.sleep(0.02)
    await c.settle()
