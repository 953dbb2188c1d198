"""Folding, cutting, and what a query asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgserve.services.search.words import OWN, QUERY_WORDS, WORD_CHARS, Wanted, wanted, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, WÖRLD! hello", ["hello", "world"]),
        ("Straße Łódź smørrebrød Işık", ["strasse", "lodz", "smorrebrod", "isik"]),
        ("Ёлка и йод", ["елка", "и", "йод"]),
        ("e\u0301te\u0301 \uff26\uff35\uff2c\uff2c ﬁn", ["ete", "full", "fin"]),
        ("你好世界 abc", ["你好", "好世", "世界", "界", "abc"]),
        ("가나다", ["가나", "나다", "다"]),
        ("ok👍🏽👍", ["ok", "👍"]),
        ("me@x.org https://a.b/c_d", ["me", "x", "org", "https", "a", "b", "c", "d"]),
        ("می\u200cخواهم שָׁלוֹם", ["میخواهم", "שלום"]),
        ("w" * 99, ["w" * WORD_CHARS]),
        ("\u0080u1 \x00\x1f!?", ["u1"]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("query", "text", "fits"),
    [
        ("hel", "Hello there", True),
        ("hello the", "there, hello", True),
        ("hel ", "Hello", False),
        ("ello", "Hello", False),
        ("好世", "你好世界", True),
        ("你好世界", "他说你好世界了", True),
        ("界", "世界", True),
        ("界世", "世界", False),
        ("ELKA", "Ёлка", False),
        ("елк", "Ёлка", True),
        ("👍", "so👍🏿", True),
        ("?!", "what?!", False),
    ],
)
def test_match(query: str, text: str, fits: bool) -> None:
    assert wanted(query).match(text) is fits


@given(st.text(max_size=60))
def test_a_text_is_found_by_itself_and_makes_no_tags(text: str) -> None:
    found = words(text)
    assert not any(OWN in word or " " in word or '"' in word or len(word) > WORD_CHARS for word in found)
    asked = wanted(text)
    assert len(asked.whole) < QUERY_WORDS + 1
    if found and len(found) <= QUERY_WORDS:
        assert asked.match(text), (asked, found)
    if not text.strip():
        assert asked == Wanted() or asked.hopeless
