from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.community import community, run
from tgserve.api.messages import entities as entities_module
from tgserve.api.messages.entities import Text, compose, is_empty
from tgserve.errors import RpcError
from tgserve.render.message import entities_of
from tgserve.rpc.context import Call
from tgserve.tl import types as t

NOBODY: Any = None
"""No user is resolved in these."""


def made(text: str, *entities: Any, call: Call = NOBODY, **options: Any) -> tuple[str, list[Any]]:
    done = compose(call, text, list(entities), **options)
    return done.text.decode(), entities_of(done.entities)


def bold(offset: int, length: int) -> t.MessageEntityBold:
    return t.MessageEntityBold(offset=offset, length=length)


def italic(offset: int, length: int) -> t.MessageEntityItalic:
    return t.MessageEntityItalic(offset=offset, length=length)


def code(offset: int, length: int) -> t.MessageEntityCode:
    return t.MessageEntityCode(offset=offset, length=length)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("plain", "plain"),
        ("  both ends\n\n", "both ends"),
        ("a\r\nb\tc\x00d", "a\nb c d"),
        ("left\u202eright", "leftright"),
        ("", ""),
        (" \n ", ""),
        ("\u200b\u2060", ""),
        ("👍", "👍"),
        ("naïve", "naïve"),
    ],
)
def test_texts_are_cleaned(sent: str, kept: str) -> None:
    assert made(sent) == (kept, [])


def test_marks_move_with_the_text() -> None:
    assert made("  \r👍 bold  ", bold(6, 6)) == ("👍 bold", [bold(3, 4)])
    assert made("  x", bold(0, 2)) == ("x", [])
    assert made("👍👍", bold(2, 2)) == ("👍👍", [bold(2, 2)])


@pytest.mark.parametrize("bounds", [(-1, 1), (0, -1), (0, 4), (4, 1), (2**31 - 1, 2**31 - 1), (1, 1)])
def test_6_14_bounds(bounds: tuple[int, int]) -> None:
    """SECURITY 6.14: outside the text, or inside a surrogate pair."""
    with pytest.raises(RpcError, match="ENTITY_BOUNDS_INVALID"):
        made("👍a", bold(*bounds))


def test_6_14_too_much() -> None:
    """SECURITY 6.14"""
    with pytest.raises(RpcError, match="MESSAGE_TOO_LONG"):
        made("x" * 4097)
    with pytest.raises(RpcError, match="MESSAGE_TOO_LONG"):
        made("👍" * 2049)
    assert made("👍" * 2048)[0] == "👍" * 2048
    assert made("x" * 4096 + "   ")[0] == "x" * 4096
    with pytest.raises(RpcError, match="MESSAGE_TOO_LONG"):
        made("x" * 1025, limit=1024)
    with pytest.raises(RpcError, match="ENTITIES_TOO_LONG"):
        made("x", *[bold(0, 1)] * 101)


def test_nesting() -> None:
    assert made("abcdef", bold(0, 3), bold(2, 4))[1] == [bold(0, 6)]
    assert made("abcdef", bold(0, 4), italic(2, 4))[1] == [bold(0, 4), italic(2, 2), italic(4, 2)]
    assert made("abcdef", bold(0, 6), italic(2, 2))[1] == [bold(0, 6), italic(2, 2)]
    assert made("abcdef", code(1, 3), bold(0, 6))[1] == [bold(0, 1), code(1, 3), bold(4, 2)]
    assert made("abcdef", code(1, 3), code(2, 4))[1] == [code(1, 3)]
    assert made("abc", bold(1, 0), t.MessageEntityUnknown(offset=0, length=3))[1] == []


def test_links_of_clients() -> None:
    def link(url: str) -> t.MessageEntityTextUrl:
        return t.MessageEntityTextUrl(offset=0, length=1, url=url)

    assert made("x", link("example.com/a"))[1] == [link("http://example.com/a")]
    for good in ("https://a.b", "tg://user?id=1", "mailto:a@b.cd"):
        assert made("x", link(good))[1] == [link(good)]
    for bad in ("javascript://x", "file:///etc/passwd", "", "nodot", "http://a\nb"):
        assert made("x", link(bad))[1] == []


def test_mentions_by_name_need_the_hash() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up("+9996621001")
            other, _ = await c.sign_up("+9996621002")
            call = c.call(me, key)

            def mention(access_hash: int) -> t.InputMessageEntityMentionName:
                user = t.InputUser(user_id=other, access_hash=access_hash)
                return t.InputMessageEntityMentionName(offset=0, length=1, user_id=user)

            good = mention(c.services.views.user_hash(me, other))
            done = compose(call, "x y", [good])
            assert done.users == (other,)
            assert entities_of(done.entities) == [
                t.MessageEntityMentionName(offset=0, length=1, user_id=other)
            ]
            assert compose(call, "x y", [mention(1)]) == Text(b"x y")
            bare = t.MessageEntityMentionName(offset=0, length=1, user_id=other)
            assert compose(call, "x y", [bare]) == Text(b"x y")

    run(story())


def test_found_links_keep_out_of_code_and_links() -> None:
    text = "see example.com and example.org"
    found = made(text, code(4, 11))[1]
    assert found == [code(4, 11), t.MessageEntityUrl(offset=20, length=11)]
    named = t.MessageEntityTextUrl(offset=4, length=11, url="https://b.c/")
    assert made(text, named)[1][0] == named and len(made(text, named)[1]) == 2
    assert made(text, bold(0, 31))[1] == [
        bold(0, 31),
        t.MessageEntityUrl(offset=4, length=11),
        t.MessageEntityUrl(offset=20, length=11),
    ]
    assert made(text, links=False)[1] == []
    assert made("👍 example.com")[1] == [t.MessageEntityUrl(offset=3, length=11)]


kinds = st.sampled_from([bold, italic, code])


@given(
    st.text(alphabet="ab \n👍\r@c.", max_size=30),
    st.lists(st.tuples(kinds, st.integers(0, 30), st.integers(0, 30))),
)
def test_whatever_comes_out_is_in_bounds_and_nested(text: str, asked: list[tuple[Any, int, int]]) -> None:
    try:
        kept, entities = made(text, *[kind(offset, length) for kind, offset, length in asked])
    except RpcError as error:
        assert error.name == "ENTITY_BOUNDS_INVALID"
        return
    units = len(kept.encode("utf-16-le")) // 2
    assert kept == kept.strip()
    spans = [(e.offset, e.offset + e.length) for e in entities]
    assert spans == sorted(spans, key=lambda span: (span[0], -span[1]))
    for start, end in spans:
        assert 0 <= start < end <= units
        kept.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")  # no half characters
        for low, high in spans:
            assert not (low < start < high < end), "entities overlap"
    again, same = made(
        kept, *[e for e in entities if isinstance(e, t.MessageEntityBold | t.MessageEntityCode)]
    )
    assert again == kept and len(same) <= len(entities)


PIECES = [*map(chr, range(128)), ".com", " @ab", "\n", ".c "]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_plain_ascii_goes_a_shorter_way_to_the_same_text(text: str) -> None:
    short = compose(NOBODY, text, None), compose(NOBODY, text, None, links=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entities_module, "_ODD", bytes(range(128)))
        if text:
            assert short == (compose(NOBODY, text, None), compose(NOBODY, text, None, links=False))


def test_is_empty() -> None:
    assert is_empty("\u200b \u2060\ufeff") and not is_empty("\u200bx")
