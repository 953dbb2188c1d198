"""Exports as files: texts both ways, names of files, and exports that are broken, each told by place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgserve.admin.exporting import reading, texts
from tgserve.admin.exporting.folder import Folder, Result, checked_target
from tgserve.admin.exporting.media import _safe
from tgserve.admin.refusal import Refusal
from tgserve.tl import types as t

MOST = 1000
GOOD: dict[str, Any] = {
    "id": 1,
    "type": "message",
    "date_unixtime": "1500000000",
    "from": "Ann",
    "text": "hi",
}


def bold(offset: int, length: int) -> t.MessageEntityBold:
    return t.MessageEntityBold(offset=offset, length=length)


def test_parts_follow_each_other_in_utf_16() -> None:
    parts = texts.parts_of("a🙂b", [bold(1, 2)])
    assert parts == [
        {"type": "plain", "text": "a"},
        {"type": "bold", "text": "🙂"},
        {"type": "plain", "text": "b"},
    ]
    assert texts.as_text(parts) == ["a", {"type": "bold", "text": "🙂"}, "b"]
    assert texts.as_text(texts.parts_of("plain", [])) == "plain" and texts.as_text([]) == ""


def test_of_nested_entities_the_outer_one_is_written() -> None:
    italic = t.MessageEntityItalic(offset=2, length=2)
    assert [part["type"] for part in texts.parts_of("abcdef", [italic, bold(0, 6)])] == ["bold"]


@given(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6),
)
def test_no_text_is_lost_on_the_way(text: str, places: list[tuple[int, int]]) -> None:
    halves = [at for at, sign in enumerate(text) if ord(sign) > 0xFFFF]
    entities = [] if halves else [bold(start, length) for start, length in places]
    parts = texts.parts_of(text, entities)
    assert "".join(part["text"] for part in parts) == text
    back, found = texts.read(parts)
    assert back == text and all(
        one.offset + one.length <= len(text.encode("utf-16-le")) // 2 for one in found
    )


@pytest.mark.parametrize("broken", [5, None, [5], [{"type": "bold"}], [{"text": 5}], {"a": 1}])
def test_broken_texts(broken: Any) -> None:
    with pytest.raises(texts.BrokenText):
        texts.read(broken)


def test_6_11_names_are_no_paths() -> None:
    for name in ("../../etc/passwd", "a/b", "a\\b", "c:d", "..", "\u202ename", "x" * 500, "ж" * 300, "a\0b"):
        safe = _safe(name)
        assert not set(safe) & set('/\\:\0<>|?*"') and len(safe.encode()) <= 200 and safe not in (".", "..")
    assert _safe("Отчёт 1.pdf") == "Отчёт 1.pdf"


def test_equal_names_get_numbers(tmp_path: Path) -> None:
    folder = Folder(tmp_path, None)  # type: ignore[arg-type]
    assert folder.named("files", "a.txt") == "files/a.txt"
    folder._taken |= {"files/a.txt", "files/a (1).txt", "files/noend"}
    assert folder.named("files", "A.txt") == "files/A (2).txt"
    assert folder.named("files", "noend") == "files/noend (1)"


def test_the_result_is_json_and_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    result = Result(tmp_path)
    result.open("{")
    result.put({"a": [1, "ü"]}, "one")
    result.open("[", "two")
    assert not (tmp_path / "result.json").exists()
    result.put(1)
    result.open("{")
    result.close()
    result.finish()
    assert json.loads((tmp_path / "result.json").read_text()) == {"one": {"a": [1, "ü"]}, "two": [1, {}]}


def test_a_target_is_made_for_the_server_alone(tmp_path: Path) -> None:
    made = checked_target(str(tmp_path / "new"))
    assert made.stat().st_mode & 0o777 == 0o700 and not list(made.iterdir())
    with pytest.raises(Refusal, match="absolute"):
        checked_target("relative")


def written(folder: Path, data: Any) -> str:
    (folder / "result.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return str(folder)


def one_chat(*messages: Any) -> dict[str, Any]:
    return {"name": "Chat", "type": "personal_chat", "id": 9, "messages": list(messages)}


def test_a_chat_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x")
    service = {"id": 2, "type": "service", "action": "whatever", "date": "x"}
    filed = {**GOOD, "id": 3, "file": "a.bin", "reply_to_message_id": 1, "date": "2020-01-01T00:00:00"}
    del filed["date_unixtime"]
    export = reading.read(written(tmp_path, one_chat(GOOD, service, filed)), "", MOST)
    assert (export.name, export.number, export.services, export.left_out) == ("Chat", 9, 1, 0)
    first, second = export.items
    assert (first.id, first.date, first.sender, first.text) == (1, 1500000000, "Ann", "hi")
    assert (second.file, second.reply_to, second.date) == (tmp_path / "a.bin", 1, 1577836800)


def test_one_of_several_chats(tmp_path: Path) -> None:
    chats = [
        {"name": name, "id": number, "messages": [GOOD]} for name, number in (("A", 1), ("B", 2), ("B", 3))
    ]
    path = written(tmp_path, {"chats": {"list": chats[:2]}, "left_chats": {"list": chats[2:]}})
    assert reading.read(path, "A", MOST).number == 1 and reading.read(path, "3", MOST).number == 3
    for which, text in (("", "--chat names one: A"), ("C", "no chat is called C"), ("B", "2, 3")):
        with pytest.raises(Refusal, match=text):
            reading.read(path, which, MOST)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", "is no JSON"),
        ("[1", "is no JSON"),
        ("\x00", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "an object is expected"),
        ({}, "has no chats"),
        ({"chats": 5}, "has no chats"),
        ({"chats": {"list": [5]}}, "has no chats"),
        ({"messages": 5}, "no list `messages`"),
        (one_chat(5), "entry 1 of `messages`"),
        (one_chat(GOOD, {"type": "message"}), "entry 2 of `messages`"),
        (one_chat({**GOOD, "id": True}), "entry 1"),
        (one_chat(GOOD, GOOD), "message 1 is in the export twice"),
        (one_chat({**GOOD, "type": "x"}), "neither message nor service"),
        (one_chat({**GOOD, "text": 5}), "message 1: `text`"),
        (one_chat({**GOOD, "text": "x" * 5000}), "longer than"),
        (one_chat({**GOOD, "date_unixtime": "soon"}), "no date"),
        (one_chat({**GOOD, "date_unixtime": "9" * 30}), "no date"),
        (one_chat({**GOOD, "date_unixtime": None, "date": "1066-10-14T00:00:00"}), "no date"),
        (one_chat({**GOOD, "file": 5}), "has no name"),
        (one_chat({**GOOD, "file": "not/there"}), "is not in the export's folder"),
        (one_chat({**GOOD, "file": "/etc/passwd"}), "outside of the export"),
        (one_chat({**GOOD, "photo": "../../../etc/passwd"}), "outside of the export"),
        (one_chat({**GOOD, "file": "big"}), "larger than files.most_mib"),
        (one_chat({**GOOD, "file": "."}), "is no file"),
        (one_chat({**GOOD, "file": "link"}), "outside of the export"),
    ],
)
def test_6_11_broken_exports_are_told_by_place(tmp_path: Path, data: Any, text: str) -> None:
    (tmp_path / "big").write_bytes(bytes(MOST + 1))
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(Refusal) as caught:
        reading.read(written(tmp_path, data), "", MOST)
    assert text in str(caught.value)


def test_what_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="absolute"):
        reading.read("here", "", MOST)
    with pytest.raises(Refusal, match="there is no"):
        reading.read(str(tmp_path), "", MOST)
    (tmp_path / "messages.html").touch()
    with pytest.raises(Refusal, match="choose the JSON format"):
        reading.read(str(tmp_path), "", MOST)
    (tmp_path / "result.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(Refusal, match="is no JSON"):
        reading.read(str(tmp_path), "", MOST)
