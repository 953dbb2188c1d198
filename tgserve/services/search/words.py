"""Text to words, the same for messages and for what is asked: case and diacritics folded, CJK cut into pairs.

A word is what stands between white space, punctuation and symbols; an emoji is a word; Chinese, Japanese and Korean
runs become overlapping pairs of characters and the last one alone, so that any part of a run is found. A query's words
must all occur, its last one may be the beginning of a word: people search while they type.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

WORD_CHARS = 32
"""Longer words are cut, in messages and queries alike."""
SHORT_CHARS = 2
QUERY_WORDS = 16
"""More are ignored: a message that has these is what was looked for."""
OWN = "\u0080"
"""Begins every tag of the index. It is a control character: no word has it, so no text can pose as a tag."""

_CJK = (
    "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_CJK}]+")
_ASCII = bytes(ord(chr(code).lower()) if code < 0x80 and chr(code).isalnum() else 0x20 for code in range(256))
"""Of a text in ASCII: letters and digits in lower case, a space for everything else."""
_HAS_CJK = re.compile(f"[{_CJK}]").search
_ODD = {
    **dict.fromkeys(map(ord, "Йй"), "й"),  # a letter of its own, not и with a sign
    **dict.fromkeys(map(ord, "ıİ"), "i"),
    **dict.fromkeys(map(ord, "łŁ"), "l"),
    **dict.fromkeys(map(ord, "øØ"), "o"),
    **dict.fromkeys(map(ord, "đĐ"), "d"),
    **dict.fromkeys(map(ord, "æÆ"), "ae"),
    **dict.fromkeys(map(ord, "œŒ"), "oe"),
}


class _Folds(dict[int, str]):
    """str.translate's table, filled as characters turn up: separators to a space, the rest to its folded form."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Cf", "Sk") or "\ufe00" <= char <= "\ufe0f":
        return ""  # joiners, direction marks, skin tones, variation selectors
    if category in ("So", "Sm") and ord(char) > 0x7F:
        return f" {char} "
    if category[0] in "CPSZ":
        return " "
    if _HAS_CJK(char):
        return unicodedata.normalize("NFC", char)
    spread = unicodedata.normalize("NFKD", char.casefold())
    folded = "".join(one for one in spread if not unicodedata.combining(one))
    return unicodedata.normalize("NFKC", folded).replace("\u0080", " ")


_FOLDS = _Folds(_ODD)


def _pairs(run: re.Match[str]) -> str:
    text = run.group()
    return " " + " ".join(text[at : at + 2] for at in range(len(text))) + " "


def words(text: str) -> list[str]:
    """The words of a text in order, each once."""
    if text.isascii():
        return list(ascii_words(text.encode()))
    folded = unicodedata.normalize("NFC", text).translate(_FOLDS)
    if _HAS_CJK(folded):
        folded = _RUN.sub(_pairs, folded)
    return list(dict.fromkeys([word[:WORD_CHARS] for word in folded.split()]))


def ascii_words(text: bytes) -> dict[str, None]:
    """The same of a text in ASCII."""
    found = text.translate(_ASCII).decode().split()
    if len(text) > WORD_CHARS and max(map(len, found), default=0) > WORD_CHARS:
        found = [word[:WORD_CHARS] for word in found]
    return dict.fromkeys(found)


@dataclass(slots=True, frozen=True)
class Wanted:
    """What a query asks of a text: `whole` words, and words that begin with `start` (empty: no such demand)."""

    whole: tuple[str, ...] = ()
    start: str = ""
    hopeless: bool = False
    """Something was asked and no word is in it (punctuation alone): nothing is found."""

    def __bool__(self) -> bool:
        return bool(self.whole or self.start or self.hopeless)

    @property
    def short(self) -> bool:
        """The last word is one or two letters: a good part of all messages has a word that begins with them."""
        return 0 < len(self.start) <= SHORT_CHARS and not _HAS_CJK(self.start)

    def match(self, text: str) -> bool:
        """The same test that the index makes."""
        if self.hopeless:
            return False
        found = words(text)
        return all(one in found for one in self.whole) and (
            not self.start or any(one.startswith(self.start) for one in found)
        )


ANYTHING = Wanted()


def wanted(query: str) -> Wanted:
    """What `query` asks for."""
    found = _in_query(query)
    if not found:
        return Wanted(hopeless=bool(query.strip()))
    if query[-1:].isspace():
        return Wanted(tuple(found))
    return Wanted(tuple(found[:-1]), found[-1])


def _in_query(query: str) -> list[str]:
    folded = unicodedata.normalize("NFC", query).translate(_FOLDS)

    def pairs(run: re.Match[str]) -> str:
        # The last character alone would demand that the run ends here: the pair before it says enough.
        text = run.group()
        return " " + " ".join(text[at : at + 2] for at in range(max(1, len(text) - 1))) + " "

    return list(dict.fromkeys(word[:WORD_CHARS] for word in _RUN.sub(pairs, folded).split()))[:QUERY_WORDS]
