"""A post of a public channel as a piece of HTML for other people's pages: the text itself as a quotation that names its
place. It needs no script and no other host, so it stays what it was when it was copied.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from tgserve.render.message import entities_of
from tgserve.store import records as r
from tgserve.tl import types as t

_TAGS: Final[dict[type[Any], str]] = {
    t.MessageEntityBold: "strong",
    t.MessageEntityItalic: "em",
    t.MessageEntityUnderline: "u",
    t.MessageEntityStrike: "s",
    t.MessageEntityCode: "code",
    t.MessageEntityPre: "pre",
    t.MessageEntityBlockquote: "blockquote",
}
_SCHEMES: Final = ("http", "https", "mailto", "tg")
"""Of links: a page that takes the piece in must not be made to run anything."""


def quotation(link: str, title: str, body: r.Body, *, text: bool = True) -> str:
    """The post behind `link` in the channel `title`; without its words where they may not be taken out of it."""
    place = html.escape(link)
    words = _marked(body.text.decode(), entities_of(body.entities)) if text and body.text else ""
    date = datetime.fromtimestamp(body.date, UTC)
    return (
        f'<blockquote class="telegram-post" cite="{place}">'
        + (f"<p>{words}</p>" if words else "")
        + f'<footer><a href="{place}">{html.escape(title)}</a>, '
        f'<time datetime="{date:%Y-%m-%dT%H:%M:%SZ}">{date:%Y-%m-%d %H:%M} UTC</time></footer></blockquote>'
    )


def _marked(text: str, entities: Sequence[Any]) -> str:
    """Entities that lie in each other nest; of two that cross the second ends with the first."""
    units = text.encode("utf-16-le")
    size, at = len(units) // 2, 0
    made: list[str] = []
    open_ones: list[tuple[int, str]] = []

    def write(upto: int) -> None:
        nonlocal at
        piece = units[2 * at : 2 * upto].decode("utf-16-le", errors="replace")
        made.append(html.escape(piece).replace("\n", "<br>"))
        at = max(at, upto)

    def close(upto: int) -> None:
        while open_ones and open_ones[-1][0] <= upto:
            end, tag = open_ones.pop()
            write(end)
            made.append(f"</{tag}>")

    for one in sorted(entities, key=lambda entity: (entity.offset, -entity.length)):
        start, end = max(one.offset, 0), min(one.offset + one.length, size)
        close(start)
        if open_ones:
            end = min(end, open_ones[-1][0])
        if end <= start or start < at:
            continue
        tag, more = _tag(one, units[2 * start : 2 * end].decode("utf-16-le", errors="replace"))
        if tag:
            write(start)
            made.append(f"<{tag}{more}>")
            open_ones.append((end, tag))
    close(size)
    write(size)
    return "".join(made)


def _tag(entity: Any, text: str) -> tuple[str, str]:
    """(name, attributes) of the element for an entity; "" for what is plain text elsewhere."""
    kind = type(entity)
    if kind in _TAGS:
        return _TAGS[kind], ""
    address = ""
    if kind is t.MessageEntityTextUrl:
        address = entity.url
    elif kind is t.MessageEntityUrl:
        address = text if "://" in text else f"http://{text}"
    elif kind is t.MessageEntityEmail:
        address = f"mailto:{text}"
    elif kind is t.MessageEntityMention:
        address = f"https://t.me/{text.removeprefix('@')}"
    try:
        known = urlsplit(address).scheme.lower() in _SCHEMES
    except ValueError:
        known = False
    return ("a", f' href="{html.escape(address)}"') if known else ("", "")
