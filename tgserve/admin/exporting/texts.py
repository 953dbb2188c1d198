"""A text with its entities as the export has it, both ways: a list of parts that follow each other, each of one type.

The export knows no nesting: of entities that lie in each other the outer one is written, as Desktop does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tgserve.tl import layers
from tgserve.tl import types as t

Part = dict[str, Any]

_TYPES: dict[type[Any], str] = {
    t.MessageEntityMention: "mention",
    t.MessageEntityHashtag: "hashtag",
    t.MessageEntityBotCommand: "bot_command",
    t.MessageEntityUrl: "link",
    t.MessageEntityEmail: "email",
    t.MessageEntityBold: "bold",
    t.MessageEntityItalic: "italic",
    t.MessageEntityCode: "code",
    t.MessageEntityPre: "pre",
    t.MessageEntityTextUrl: "text_link",
    t.MessageEntityMentionName: "mention_name",
    t.MessageEntityPhone: "phone",
    t.MessageEntityCashtag: "cashtag",
    t.MessageEntityUnderline: "underline",
    t.MessageEntityStrike: "strikethrough",
    t.MessageEntityBlockquote: "blockquote",
    t.MessageEntityBankCard: "bank_card",
    t.MessageEntitySpoiler: "spoiler",
    t.MessageEntityCustomEmoji: "custom_emoji",
}
_STYLES: dict[str, type[Any]] = {
    "bold": t.MessageEntityBold,
    "italic": t.MessageEntityItalic,
    "code": t.MessageEntityCode,
    "underline": t.MessageEntityUnderline,
    "strikethrough": t.MessageEntityStrike,
    "spoiler": t.MessageEntitySpoiler,
}
"""Kinds that need nothing beside their place; links, mentions and the like are found again when the text comes in."""
_CARRIER = layers.encode(
    t.TextWithEntities(text="", entities=[]),
)[:-8]


def entities_of(data: bytes) -> list[Any]:
    """A stored Vector<MessageEntity>."""
    carrier = layers.decode(_CARRIER + data) if data else None
    return carrier.entities if isinstance(carrier, t.TextWithEntities) else []


def parts_of(text: str, entities: Iterable[Any]) -> list[Part]:
    """The text in pieces; nothing for no text."""
    units = text.encode("utf-16-le")

    def cut(start: int, end: int) -> str:
        return units[2 * start : 2 * end].decode("utf-16-le", errors="replace")

    parts: list[Part] = []
    at, size = 0, len(units) // 2
    for one in sorted(entities, key=lambda entity: (entity.offset, -entity.length)):
        start, end = one.offset, min(one.offset + one.length, size)
        if start < at or end <= start:
            continue
        if start > at:
            parts.append({"type": "plain", "text": cut(at, start)})
        parts.append({"type": _TYPES.get(type(one), "unknown"), "text": cut(start, end), **_more(one)})
        at = end
    if at < size:
        parts.append({"type": "plain", "text": cut(at, size)})
    return parts


def _more(one: Any) -> Part:
    match one:
        case t.MessageEntityPre():
            return {"language": one.language}
        case t.MessageEntityTextUrl():
            return {"href": one.url}
        case t.MessageEntityMentionName():
            return {"user_id": one.user_id}
        case t.MessageEntityBlockquote():
            return {"collapsed": True} if one.collapsed else {}
        case t.MessageEntityCustomEmoji():
            return {"document_id": str(one.document_id)}
    return {}


def as_text(parts: list[Part]) -> str | list[str | Part]:
    """The field `text`: a string where all is plain, else strings and parts."""
    if all(part["type"] == "plain" for part in parts):
        return "".join(part["text"] for part in parts)
    return [part["text"] if part["type"] == "plain" else part for part in parts]


class BrokenText(ValueError):
    """A text of an export that is none; says what is wrong with it."""


def read(value: Any) -> tuple[str, list[Any]]:
    """`text` or `text_entities` of an export -> text and entities (offsets in UTF-16 units)."""
    if isinstance(value, str):
        return value, []
    if not isinstance(value, list):
        raise BrokenText("`text` is neither a string nor a list")
    text, at = [], 0
    entities: list[Any] = []
    for part in value:
        if isinstance(part, str):
            piece, kind, more = part, "plain", {}
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            piece, kind, more = part["text"], str(part.get("type", "plain")), part
        else:
            raise BrokenText("a part of `text` has no text")
        length = len(piece.encode("utf-16-le", errors="replace")) // 2
        made = _entity(kind, at, length, more) if length else None
        if made is not None:
            entities.append(made)
        text.append(piece)
        at += length
    return "".join(text), entities


def _entity(kind: str, offset: int, length: int, more: Part) -> Any:
    if kind in _STYLES:
        return _STYLES[kind](offset=offset, length=length)
    if kind == "pre":
        return t.MessageEntityPre(offset=offset, length=length, language=str(more.get("language", ""))[:64])
    if kind == "text_link":
        return t.MessageEntityTextUrl(offset=offset, length=length, url=str(more.get("href", "")))
    if kind == "blockquote":
        return t.MessageEntityBlockquote(
            offset=offset, length=length, collapsed=bool(more.get("collapsed", False))
        )
    return None
