from __future__ import annotations

import pytest

from tests.waiting import least_cpu
from tgserve.api.messages.links import find_links


def found(text: str) -> list[tuple[str, str]]:
    return [(text[a:b], type(e).__name__.removeprefix("MessageEntity")) for a, b, e in find_links(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.b/c?d=(e).", [("https://a.b/c?d=(e)", "Url")]),
        ("(http://q.de/)", [("http://q.de/", "Url")]),
        ("go to example.com, now", [("example.com", "Url")]),
        ("www.тест.рф/путь!", [("www.тест.рф/путь", "Url")]),
        ("http://localhost:80/x", [("http://localhost:80/x", "Url")]),
        ("https://10.0.0.1:8080/", [("https://10.0.0.1:8080/", "Url")]),
        ("tg://resolve?domain=x", [("tg://resolve?domain=x", "Url")]),
        ("version 1.2.3 and e.g. this", []),
        ("file.txt no.such", []),
        ("end.Of sentence", []),
        (
            "me@x.org or ME.too+tag@Mail.Example.com",
            [("me@x.org", "Email"), ("ME.too+tag@Mail.Example.com", "Email")],
        ),
        ("a@b", []),
        ("@durov @ab x@durov", [("@durov", "Mention")]),
        ("#tag #123 #a1 a#b ##c", [("#tag", "Hashtag"), ("#a1", "Hashtag")]),
        ("#привет_мир", [("#привет_мир", "Hashtag")]),
        ("$USD $usd $TOOLONGNAME", [("$USD", "Cashtag")]),
        ("/start /start@bot_name a/b 1/2 //x", [("/start", "BotCommand"), ("/start@bot_name", "BotCommand")]),
        ("-bad.com", []),
        ("", []),
    ],
)
def test_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "worst",
    [
        "a" * 4096,
        "a." * 2048,
        "@" * 4096,
        "a.b@" * 1024,
        "/" * 4096,
        "a-" * 2048,
        "x@" + "a." * 2047,
        "http://" * 585,
    ]
    + [
        "a" * 60 + "." * 4000,
        "_" * 4096,
        "a.a.a.a.a.a.a.a.a.a.a.a-" * 170,
        "#a" * 2048,
        "a.cd/" + "(" * 4090,
    ],
)
def test_6_14_no_text_takes_long(worst: str) -> None:
    """SECURITY 6.14: the finder's time is bounded for hostile texts."""
    assert least_cpu(lambda: found(worst)) < 0.25  # 400 times what it takes
