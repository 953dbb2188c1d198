"""Previews of web pages as messages carry them."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from tgserve.render import media as render_media
from tgserve.services import Services
from tgserve.store.sticker_records import Preview
from tgserve.tl import types as t


def page_id(url: str) -> int:
    """The number of a page: the same for the same address."""
    return int.from_bytes(hashlib.blake2b(url.encode(), digest_size=8).digest(), "big") >> 1 or 1


def pending(url: str, now: int) -> t.WebPagePending:
    """It is being looked at."""
    return t.WebPagePending(id=page_id(url), url=url, date=now)


def nothing(url: str) -> t.WebPageEmpty:
    return t.WebPageEmpty(id=page_id(url), url=url)


def web_page(services: Services, found: Preview) -> Any:
    """A page with a blank photo, as it is kept; empty when nothing was found. Clients let people choose the size of a
    picture only where the page says that it has a large one."""
    if not found.title and not found.text:
        return nothing(found.url)
    picture = services.files.library.get_or_none(found.photo) if found.photo else None
    parts = urlsplit(found.url)
    shown = (parts.netloc.removeprefix("www.") + parts.path).rstrip("/")
    return t.WebPage(
        id=page_id(found.url),
        url=found.url,
        display_url=shown or found.url,
        hash=0,
        type=found.kind or None,
        site_name=found.site or None,
        title=found.title or None,
        description=found.text or None,
        author=found.author or None,
        photo=render_media.blank_photo(services, picture) if picture is not None else None,
        has_large_media=picture is not None,
    )
