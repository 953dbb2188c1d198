"""What the server finds in a text by itself: links, e-mail addresses, @mentions, #hashtags, $CASHTAGS, /commands.

One regular expression, every repetition bounded: its time is linear in the text for all practical purposes (a test
feeds it the worst). The rules are those of official clients, which draw the same things before the server answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tgserve.tl import types as t

_GENERIC = (
    "com net org info biz edu gov mil int name pro mobi asia jobs tel travel museum post cat coop aero arpa xyz online "
    "site club shop top store space website live news world today link cloud email agency digital media wiki team chat "
    "page one art design blog tech app dev fun run work works zone software systems network social studio games game "
    "video photo photos music academy school university foundation finance money bank health care clinic city town "
    "house land life love group company solutions services support center community events expert guide help host "
    "global international technology tools watch style fashion food kitchen restaurant bar cafe pub rocks ninja guru "
    "icu vip win bid loan men red blue green black pink moscow tatar berlin london paris tokyo nyc istanbul "
    "рф рус укр бел срб мкд бг онлайн сайт орг ком дети москва қаз հայ გე 中国 中國 香港 台灣 한국 新加坡 "
    "ไทย भारत localhost onion ton"
)
"""Beside every two-letter country code. A bare name with another ending is no link; with a scheme any will do."""
TOP_LEVEL = frozenset(_GENERIC.split())

_HOST = r"(?:[\w\-]{1,63}\.){1,10}(?:[^\W\d_]{2,24}|xn--[a-z0-9\-]{2,59})"
_TAIL = r"(?::\d{1,5})?(?:[/?#][^\s\x00-\x20<>«»\"“”‘’…\u2000-\u200a]{0,4096})?"
_FOUND = re.compile(
    rf"(?P<email>(?<![\w.+\-@])[\w.+\-]{{1,64}}@{_HOST}(?![\w\-@]))"
    rf"|(?P<url>(?<![\w@.\-/$])(?:(?P<scheme>https?|ftp|tg|ton|tonsite)://(?:[\w\-]{{1,63}}\.){{0,10}}[\w\-]{{1,63}}|(?P<host>{_HOST}))(?![\w@]){_TAIL})"
    r"|(?P<mention>(?<![\w@/.])@[A-Za-z0-9_]{3,32}(?![\w@]))"
    r"|(?P<command>(?<![\w/<>@])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>@]))"
    r"|(?P<hashtag>(?<![\w#&\u200c])#[\w\u200c\u00b7]{1,256}(?:@[A-Za-z0-9_]{3,32})?(?![\w#\u200c]))"
    r"|(?P<cashtag>(?<![\w$])\$(?:1INCH|[A-Z]{1,8})(?:@[A-Za-z0-9_]{3,32})?(?![\w$]))",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]")
_CLOSING = {")": "(", "]": "[", "}": "{"}
_TRAILING = ".,:;!?'`*_~|-"


def find_links(text: str) -> Iterator[tuple[int, int, Any]]:
    """(start, end, entity) in order, characters; the entity's offset and length are for the caller to set."""
    for match in _FOUND.finditer(text):
        kind = match.lastgroup
        start, end = match.span()
        if match["url"] is not None:
            end = _without_trailing(text, start, end)
            if match["scheme"] is None and not _is_domain(match["host"]):
                continue
            yield start, end, t.MessageEntityUrl(offset=0, length=0)
        elif kind == "email":
            if _is_domain(match["email"].rpartition("@")[2]):
                yield start, end, t.MessageEntityEmail(offset=0, length=0)
        elif kind == "mention":
            yield start, end, t.MessageEntityMention(offset=0, length=0)
        elif kind == "command":
            yield start, end, t.MessageEntityBotCommand(offset=0, length=0)
        elif kind == "hashtag":
            if _LETTER.search(text, start, end) is not None:
                yield start, end, t.MessageEntityHashtag(offset=0, length=0)
        elif match["cashtag"].partition("@")[0].isupper():
            yield start, end, t.MessageEntityCashtag(offset=0, length=0)


def _is_domain(host: str) -> bool:
    written = host.rpartition(".")[2]
    top = written.lower()
    if written != top and written[1:] == top[1:]:
        return False  # a new sentence that lacks its space
    if any(label.startswith("-") or label.endswith("-") for label in host.split(".")):
        return False
    return (len(top) == 2 and top.isascii()) or top in TOP_LEVEL or top.startswith("xn--")


def _without_trailing(text: str, start: int, end: int) -> int:
    """A link's end without the sentence's punctuation; brackets belong to it when they were opened in it."""
    while end > start:
        last = text[end - 1]
        opening = _CLOSING.get(last)
        if opening is not None:
            if text.count(last, start, end) <= text.count(opening, start, end):
                return end
        elif last not in _TRAILING:
            return end
        end -= 1
    return end
