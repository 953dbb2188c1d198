"""Emoji in text: taken apart one by one, and found by the words people use for them.

What an emoji is comes from Python's own Unicode tables: pictographs that are wide by default are emoji, and some older
signs that become one with a variation selector.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

JOINER: Final = "\u200d"
PICTURE: Final = "\ufe0f"
_TONES: Final = "\U0001f3fb-\U0001f3ff"
_FLAG: Final = "[\U0001f1e6-\U0001f1ff]{2}"
_SIGN: Final = (
    "[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299\xa9\xae\U0001f000-\U0001f1e5\U0001f200-\U0001f251\U0001f300-\U0001faff]"
)
_ONE: Final = f"{_SIGN}{PICTURE}?[{_TONES}]?(?:[\U000e0020-\U000e007f]+)?"
_EMOJI: Final = re.compile(f"{_FLAG}|[0-9#*]{PICTURE}?\u20e3|{_ONE}(?:{JOINER}{_ONE})*")
_BLOCKS: Final = ((0x1F300, 0x1F64F), (0x1F680, 0x1F6FC), (0x1F900, 0x1F9FF))
"""Where emoji that every client of today knows are."""
_IDLE_WORDS: Final = frozenset(
    {"and", "with", "of", "the", "face", "symbol", "sign", "in", "on", "at", "for", "to", "up"}
)


def split(text: str) -> tuple[str, ...] | None:
    """The emoji a text is made of, or None when there is anything else in it."""
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _EMOJI.match(text, at)
        if match is None:
            return None
        found.append(match[0])
        at = match.end()
    return tuple(found)


def plain(emoji: str) -> str:
    """Without variation selectors: how emoji are compared."""
    return emoji.replace(PICTURE, "")


@cache
def keywords() -> dict[str, tuple[str, ...]]:
    """English word or name -> emoji, in the order of their numbers."""
    found: dict[str, dict[str, None]] = {}
    for emoji, name in _named():
        words = [word for word in re.split(r"[^a-z0-9]+", name) if len(word) > 1 and word not in _IDLE_WORDS]
        for word in (name, *words):
            found.setdefault(word, {})[emoji] = None
    return {word: tuple(emojis) for word, emojis in sorted(found.items())}


def _named() -> Iterator[tuple[str, str]]:
    for first, last in _BLOCKS:
        for number in range(first, last + 1):
            one = chr(number)
            if unicodedata.east_asian_width(one) != "W" or unicodedata.category(one) != "So":
                continue
            name = unicodedata.name(one, "").lower()
            if name:
                yield one, name
    yield "\u2764\ufe0f", "red heart"
    yield "\u26a1", "high voltage"
    yield "\u2b50", "star"
    yield "\u2705", "check mark"
    yield "\u274c", "cross mark"
    yield "\u2615", "coffee"
    yield "\u26bd", "soccer ball"
