"""Previews of web pages: fetched once, kept for a while, off unless the operator says otherwise.

Whoever sends a link makes the server fetch it: so the fetcher is guarded (adapters/web), users have a budget (the
methods' own), an address is fetched once at a time, and what was found, even if nothing, is kept for PREVIEW_SECONDS.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from typing import Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

from tgserve import limits, log
from tgserve.clock import Clock
from tgserve.errors import RpcError, StoreError
from tgserve.services.files.files import Files
from tgserve.services.files.holding import drop, hold
from tgserve.store.keyspaces import PREVIEWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.sticker_records import Preview
from tgserve.store.transaction import Txn

HTML: Final = ("text/html", "application/xhtml+xml")
PICTURES: Final = ("image/jpeg", "image/png", "image/webp")
PAGE_BYTES: Final = 128 * limits.KIB
"""What is said of a page stands in its head; the rest is not even fetched."""
PICTURE_BYTES: Final = 4 * limits.MIB
TITLE_CHARS: Final = 256
TEXT_CHARS: Final = 600
_log = log.get("previews")


class FetchedPage(Protocol):
    """As adapters/web gives it."""

    @property
    def url(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def charset(self) -> str: ...


Fetch = Callable[..., Awaitable[FetchedPage]]
"""(url, kinds, most, cut=) -> page; raises what `refusal` is."""


@dataclass(frozen=True, slots=True)
class Web:
    """The outside: how to fetch, what it raises, how to go on in the background."""

    fetch: Fetch
    refusal: type[Exception]
    spawn: Callable[[Coroutine[Any, Any, Any]], Any]


class Previews:
    """`web` None: there are none, and nothing is ever fetched."""

    def __init__(self, store: Store, clock: Clock, files: Files) -> None:
        self._store = store
        self._clock = clock
        self._files = files
        self.web: Web | None = None
        self._running: dict[str, asyncio.Future[Preview]] = {}

    def known_or_none(self, url: str) -> Preview | None:
        """What is known of an address, while it is fresh; its title and text may be empty: nothing was found."""
        if self.web is None or len(url) > limits.URL_CHARS:
            return None
        key = _key(url)
        with self._store.read(slot_of(key)) as reader:
            found = reader.get(PREVIEWS, key)
        if found is None or found.url != url:
            return None
        return found if self._clock.now() - found.found < limits.PREVIEW_SECONDS else None

    def look(self, url: str) -> asyncio.Future[Preview] | None:
        """A future of what is at an address, fetched in the background; None when nothing is fetched here, or too
        much is under way."""
        web = self.web
        if web is None or len(url) > limits.URL_CHARS:
            return None
        running = self._running.get(url)
        if running is not None:
            return running
        if len(self._running) >= limits.FETCHES_AT_ONCE:
            return None
        future: asyncio.Future[Preview] = asyncio.get_running_loop().create_future()
        self._running[url] = future
        web.spawn(self._find(web, url, future))
        return future

    async def _find(self, web: Web, url: str, future: asyncio.Future[Preview]) -> None:
        found = Preview(url, int(self._clock.now()))
        try:
            try:
                page = await web.fetch(url, HTML, PAGE_BYTES, cut=True)
                told = await asyncio.get_running_loop().run_in_executor(
                    None, read_head, page.data, page.charset
                )
                found = await self._made(web, found, page.url, told)
            except web.refusal as refused:
                _log.info("previews.refused", reason=str(refused))
            await self._keep(found)
        except StoreError as fault:
            _log.warning("previews.lost", reason=str(fault))
        finally:
            self._running.pop(url, None)
            if not future.done():
                future.set_result(found)

    async def _made(self, web: Web, found: Preview, place: str, told: dict[str, str]) -> Preview:
        title = told.get("og:title") or told.get("twitter:title") or told.get("title") or ""
        text = told.get("og:description") or told.get("twitter:description") or told.get("description") or ""
        if not title and not text:
            return found
        photo = 0
        picture = told.get("og:image") or told.get("twitter:image") or ""
        if picture and self._files.imaging is not None:
            photo = await self._photo(web, urljoin(place, picture))
        site = told.get("og:site_name") or (urlsplit(place).hostname or "").removeprefix("www.")
        return Preview(
            found.url,
            found.found,
            site=_line(site, 64),
            title=_line(title, TITLE_CHARS),
            text=_line(text, TEXT_CHARS),
            author=_line(told.get("author", ""), 64),
            photo=photo,
            kind="article",
        )

    async def _photo(self, web: Web, url: str) -> int:
        """The page's picture as a photo of ours, 0 when it cannot be had."""
        try:
            page = await web.fetch(url, PICTURES, PICTURE_BYTES)
            made = await self._files.create_photo(0, await self._files.imaging.photo(page.data))
        except (web.refusal, RpcError) as refused:
            _log.info("previews.no_picture", reason=str(refused))
            return 0
        return made.id

    async def sweep(self, slot: int) -> None:
        """Upkeep: forget what is believed no more."""
        before = int(self._clock.now()) - limits.PREVIEW_SECONDS
        with self._store.read(slot) as reader:
            old = [(key, found) for (key,), found in reader.range(PREVIEWS) if found.found < before]
        for key, found in old:
            await self._store.transact(slot, partial(_remove, key=key, found=found))

    async def _keep(self, found: Preview) -> None:
        key = _key(found.url)

        def work(txn: Txn) -> None:
            was = txn.get(PREVIEWS, key)
            txn.put(PREVIEWS, key, value=found)
            hold(txn, (found.photo,) if found.photo else ())
            drop(txn, (was.photo,) if was is not None and was.photo else ())

        await self._store.transact(slot_of(key), work)


def _remove(txn: Txn, key: str, found: Preview) -> None:
    txn.delete(PREVIEWS, key)
    drop(txn, (found.photo,) if found.photo else ())


def _key(url: str) -> str:
    """Addresses are longer than keys may be."""
    return hashlib.blake2b(url.encode(), digest_size=16).hexdigest()


def _line(text: str, most: int) -> str:
    """Words with single blanks between them, no control characters."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:most]


class _Head(HTMLParser):
    """Collects the title and the meta properties of a page, the first of each."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, str] = {}
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = "title" not in self.found
        elif tag == "meta":
            named = {key: value or "" for key, value in attrs}
            name = (named.get("property") or named.get("name") or "").strip().lower()
            value = named.get("content", "").strip()
            if name and value and len(self.found) < 100:
                self.found.setdefault(name[:64], value[: TEXT_CHARS * 4])

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.found["title"] = (self.found.get("title", "") + data)[: TITLE_CHARS * 4]


def read_head(data: bytes, charset: str = "") -> dict[str, str]:
    """Title and meta properties (`og:title` ...) of an HTML page. The parser is fed once and never closed: what stands
    unfinished at the end of the piece we have is left alone, so that it costs one look over the bytes."""
    try:
        text = data.decode(charset or "utf-8", "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    head = _Head()
    try:
        head.feed(text)
    except (AssertionError, ValueError):  # the parser gives up on some broken declarations
        return head.found
    return head.found
