"""Text and formatting as clients send them -> as they are stored: clean, trimmed, in bounds, nested properly, with the
links, mentions, hashtags and commands that the server finds by itself.

Offsets and lengths count UTF-16 units. A text without anything to clean or to find costs a few C-level looks.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from tgserve import errors, limits
from tgserve.api.messages.links import find_links
from tgserve.render.message import entities_bytes
from tgserve.render.stickers import is_custom_emoji
from tgserve.rpc.context import Call
from tgserve.rpc.peers import resolve_user_or_none
from tgserve.tl import layers
from tgserve.tl import types as t

_SPECIAL = re.compile(r"[@#$/]|\.[^\W\d_]{2}")
"""Without one of these there is nothing for find_links: a name ends in a dot and at least two letters."""
# Other control characters stay: they are data of somebody (bots and load generators mark texts with them).
_UNCLEAN = re.compile(r"[\x00\t\x0b-\r\u2028-\u202e]")
_ODD = b"@#$/\x00\t\x0b\x0c\r"
_DOTTED = re.compile(r"\.[A-Za-z]{2}")
"""A text in ASCII without any of these is neither special nor unclean, as most are."""
_REMOVED = frozenset("\r\u2028\u2029\u202a\u202b\u202c\u202d\u202e")
_INVISIBLE = re.compile(
    r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff]*"
)
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SCHEMES = ("http://", "https://", "tg://", "ton://", "mailto:", "tel:")

_STYLES = (
    t.MessageEntityBold,
    t.MessageEntityItalic,
    t.MessageEntityUnderline,
    t.MessageEntityStrike,
    t.MessageEntitySpoiler,
    t.MessageEntityBlockquote,
    t.MessageEntityCode,
    t.MessageEntityPre,
    t.MessageEntityTextUrl,
    t.MessageEntityMentionName,
    t.MessageEntityFormattedDate,
)
_SOLID = (t.MessageEntityCode, t.MessageEntityPre)
"""Nothing nests inside these."""
_NO_LINKS_INSIDE = (*_SOLID, t.MessageEntityTextUrl, t.MessageEntityMentionName)


class Text(Struct, frozen=True, gc=False):
    """What is stored: UTF-8 text, Vector<MessageEntity> bytes (empty for none), users named, lowest layer."""

    text: bytes
    entities: bytes = b""
    users: tuple[int, ...] = ()
    min_layer: int = 0


def compose(
    call: Call,
    message: str,
    entities: list[t.AnyMessageEntity] | None,
    *,
    limit: int = limits.TEXT_CHARS,
    links: bool = True,
) -> Text:
    """Make a text fit to be stored; may come out empty. Raises MESSAGE_TOO_LONG, ENTITY_BOUNDS_INVALID,
    ENTITIES_TOO_LONG."""
    if not entities and message.isascii() and len(message) <= limit:
        data = message.encode()
        if len(data.translate(None, _ODD)) == len(data) and (
            "." not in message or not _DOTTED.search(message)
        ):
            stripped = message.strip()
            return Text(data if stripped is message else stripped.encode())
    if (
        not entities
        and len(message) <= (limit if message.isascii() else limit // 2)
        and _UNCLEAN.search(message) is None
        and not (links and _SPECIAL.search(message))
    ):
        stripped = message.strip()
        return Text(b"" if is_empty(stripped) else stripped.encode())
    units = Units(message)
    if units.total > 4 * limits.TEXT_CHARS:
        raise errors.MESSAGE_TOO_LONG()
    marks = [_mark(call, one, units) for one in entities or ()]
    if len(marks) > limits.ENTITIES:
        raise errors.ENTITIES_TOO_LONG()
    message, kept = _clean(message, [mark for mark in marks if mark is not None])
    if Units(message).total > limit:
        raise errors.MESSAGE_TOO_LONG()
    kept = _nested(kept)
    if links and _SPECIAL.search(message) is not None:
        busy = [(m.start, m.end) for m in kept if isinstance(m.entity, _NO_LINKS_INSIDE)]
        found = [
            Mark(start, end, make) for start, end, make in find_links(message) if _free(start, end, busy)
        ]
        kept = sorted(kept + found, key=lambda mark: (mark.start, -mark.end))[: limits.ENTITIES]
    if not kept:
        return Text(message.encode())
    units = Units(message)
    final = [mark.placed(units) for mark in kept]
    users = tuple(dict.fromkeys(e.user_id for e in final if isinstance(e, t.MessageEntityMentionName)))
    return Text(message.encode(), entities_bytes(final), users, max(map(layers.min_layer, final)))


def is_empty(text: str) -> bool:
    """Nothing that could be seen."""
    return _INVISIBLE.fullmatch(text) is not None


class Units:
    """Positions in a text counted in UTF-16 units and in characters."""

    __slots__ = ("_astral", "_astral_units", "total")

    def __init__(self, text: str) -> None:
        self._astral = [] if text.isascii() else [match.start() for match in _ASTRAL.finditer(text)]
        self._astral_units = [at + index for index, at in enumerate(self._astral)]
        self.total = len(text) + len(self._astral)

    def to_char(self, unit: int) -> int:
        """The character a unit offset stands at. ENTITY_BOUNDS_INVALID inside a surrogate pair or the text's ends."""
        if not 0 <= unit <= self.total:
            raise errors.ENTITY_BOUNDS_INVALID()
        before = bisect_left(self._astral_units, unit)
        if before and self._astral_units[before - 1] == unit - 1:
            raise errors.ENTITY_BOUNDS_INVALID()
        return unit - before

    def to_unit(self, char: int) -> int:
        return char + bisect_left(self._astral, char)


@dataclass(slots=True)
class Mark:
    """An entity over characters [start, end); offset and length of `entity` are set at the end."""

    start: int
    end: int
    entity: Any

    def placed(self, units: Units) -> Any:
        offset = units.to_unit(self.start)
        values = {name: getattr(self.entity, name) for name in self.entity.__slots__}
        return type(self.entity)(**{**values, "offset": offset, "length": units.to_unit(self.end) - offset})


def _mark(call: Call, entity: Any, units: Units) -> Mark | None:
    """A client's entity as a Mark; None for kinds that the server finds itself or does not take."""
    offset, length = entity.offset, entity.length
    if offset < 0 or length < 0:
        raise errors.ENTITY_BOUNDS_INVALID()
    start, end = units.to_char(offset), units.to_char(offset + length)
    if start == end:
        return None
    if isinstance(entity, t.InputMessageEntityMentionName):
        user_id = resolve_user_or_none(call, entity.user_id)
        if user_id is None:
            return None
        return Mark(start, end, t.MessageEntityMentionName(offset=0, length=0, user_id=user_id))
    if isinstance(entity, t.MessageEntityTextUrl):
        url = entity.url.strip()
        if not url or len(url) > limits.TEXT_CHARS or not url.isprintable():
            return None
        if not url.lower().startswith(_SCHEMES):
            if "://" in url or "." not in url:
                return None
            url = "http://" + url
        return Mark(start, end, t.MessageEntityTextUrl(offset=0, length=0, url=url))
    if isinstance(entity, t.MessageEntityCustomEmoji):
        custom = call.services.files.library.get_or_none(entity.document_id)
        if custom is None or not is_custom_emoji(custom):
            return None
        return Mark(start, end, entity)
    if isinstance(entity, t.MessageEntityMentionName) or not isinstance(entity, _STYLES):
        return None  # a user id without an access hash proves nothing (SECURITY 6.1)
    return Mark(start, end, entity)


def _clean(text: str, marks: list[Mark]) -> tuple[str, list[Mark]]:
    """Tabs, NUL and the like become spaces or go, white space at both ends goes; marks move along."""
    if _UNCLEAN.search(text) is not None:
        gone = [at for at, char in enumerate(text) if char in _REMOVED]
        text = "".join(char for char in text if char not in _REMOVED)
        text = _UNCLEAN.sub(lambda match: match[0] if match[0] == "\n" else " ", text)
        for mark in marks:
            mark.start -= bisect_left(gone, mark.start)
            mark.end -= bisect_left(gone, mark.end)
    left = len(text) - len(text.lstrip())
    text = text.strip()
    if is_empty(text):
        return "", []
    for mark in marks:
        mark.start = max(mark.start - left, 0)
        mark.end = min(mark.end - left, len(text))
    return text, [mark for mark in marks if mark.start < mark.end]


def _nested(marks: list[Mark]) -> list[Mark]:
    """Marks in order in which any two are apart or one lies within the other; equal kinds are joined, code and pre
    hold nothing."""
    solid: list[Mark] = []
    for mark in sorted((m for m in marks if isinstance(m.entity, _SOLID)), key=lambda m: (m.start, -m.end)):
        if not solid or solid[-1].end <= mark.start:
            solid.append(mark)
    waiting: list[Mark] = []
    for mark in _joined([m for m in marks if not isinstance(m.entity, _SOLID)]):
        waiting += _outside(mark, solid)
    borders = sorted({border for mark in waiting for border in (mark.start, mark.end)})
    done: list[Mark] = []
    for mark in sorted(waiting, key=lambda m: (m.start, -m.end)):
        done += _split(mark, done, borders)
    return sorted(solid + done, key=lambda m: (m.start, -m.end))


def _joined(marks: list[Mark]) -> list[Mark]:
    """Overlapping marks of one kind become one; different links or quotes are different kinds."""
    by_kind: dict[Any, list[Mark]] = {}
    for mark in sorted(marks, key=lambda m: m.start):
        entity = mark.entity
        detail = [getattr(entity, name) for name in entity.__slots__ if name not in ("offset", "length")]
        same = by_kind.setdefault((type(entity), *detail), [])
        if same and same[-1].end >= mark.start:
            same[-1].end = max(same[-1].end, mark.end)
        else:
            same.append(mark)
    return [mark for same in by_kind.values() for mark in same]


def _outside(mark: Mark, solid: list[Mark]) -> list[Mark]:
    """What is left of a mark beside code; a quote may hold code."""
    if isinstance(mark.entity, t.MessageEntityBlockquote):
        return [mark]
    parts, start = [], mark.start
    for block in solid:
        if block.end <= start or block.start >= mark.end:
            continue
        if start < block.start:
            parts.append(Mark(start, block.start, mark.entity))
        start = block.end
    if start < mark.end:
        parts.append(Mark(start, mark.end, mark.entity))
    return parts


def _split(mark: Mark, done: list[Mark], borders: list[int]) -> list[Mark]:
    """Cut a mark where an earlier one that it overlaps ends, so that each part lies within or beside it."""
    cuts = {other.end for other in done if other.start <= mark.start < other.end < mark.end}
    parts, start = [], mark.start
    for border in borders[bisect_left(borders, mark.start + 1) : bisect_left(borders, mark.end)]:
        if border in cuts:
            parts.append(Mark(start, border, mark.entity))
            start = border
    return [*parts, Mark(start, mark.end, mark.entity)]


def _free(start: int, end: int, busy: list[tuple[int, int]]) -> bool:
    return all(end <= low or start >= high for low, high in busy)
