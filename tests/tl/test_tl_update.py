"""scripts/tl_update.py: the generated files are fresh, and a made-up next layer comes in by one command."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import tl_update
from tgserve.tl.definitions import SCHEMA, Schema, parse

ROOT = Path(__file__).resolve().parents[2]
NEXT = Schema().current + 1
PEER = "peerUser#59511722 user_id:long = Peer;\n"


def with_id(line: str, function: bool = False) -> str:
    """The line with the id its text has by CRC32."""
    name, _, rest = line.partition(" ")
    draft = parse(f"{name}#00000000 {rest}", function)
    return f"{name}#{draft.crc():08x} {rest}"


def changed(text: str, name: str, before: str, after: str) -> str:
    """The schema with one definition given another shape, and its new id."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name}#"))
    assert before in line
    bare = name + line[line.index(" ") :].replace(before, after)
    return text.replace(line, with_id(bare))


@pytest.fixture
def next_layer(tmp_path):
    """A copy of the TL room and of what it imports, and the text of the made-up next layer."""
    shutil.copytree(
        ROOT / "tgserve" / "tl", tmp_path / "tgserve" / "tl", ignore=shutil.ignore_patterns("__pycache__")
    )
    for file in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "tgserve" / file, tmp_path / "tgserve" / file)
    text = (SCHEMA / "api.tl").read_text().replace(f"// LAYER {NEXT - 1}", f"// LAYER {NEXT}")
    text = changed(text, "messageViews", " = MessageViews", " mood:flags.9?string = MessageViews")
    text = changed(text, "updateUserTyping", " = Update", " place:GeoPoint = Update")
    text = changed(text, "account.updateStatus", " = Bool", " = account.Status")
    added = [
        with_id("account.status since:int = account.Status;"),
        with_id("inputMediaMood mood:string = InputMedia;"),
        with_id("messageMediaMood mood:string = MessageMedia;"),
    ]
    text = text.replace("---functions---", "\n".join([*added, "---functions---"]))
    (line,) = (line for line in text.splitlines() if line.startswith("help.getInviteText#"))
    text = text.replace(line + "\n", "")
    text = text.replace(
        "peerSettings#f47741f7 flags:# ", "peerSettings#f47741f7 flags:# moody:flags.30?true "
    )
    (tmp_path / "new.tl").write_text(text)
    return tmp_path


def test_the_generated_classes_are_fresh(capsys):
    assert tl_update.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_class_is_named(next_layer, capsys):
    types = next_layer / "tgserve/tl/types.py"
    types.write_text(types.read_text().replace("class PeerUser(", "class PeerUzer("))
    assert tl_update.main(["--check", "--into", str(next_layer / "tgserve/tl")]) == 1
    assert "stale: tgserve/tl/types.py" in capsys.readouterr().out
    assert tl_update.main(["--into", str(next_layer / "tgserve/tl")]) == 0
    assert tl_update.main(["--check", "--into", str(next_layer / "tgserve/tl")]) == 0


def test_a_new_layer_comes_in(next_layer, capsys):
    tl = next_layer / "tgserve/tl"
    old = Schema()
    assert tl_update.main([str(next_layer / "new.tl"), "--into", str(tl)]) == 0
    said = capsys.readouterr().out
    assert "4 superseded" in said
    assert "read: updateUserTyping#" in said and "['place']" in said
    assert "result: account.updateStatus#" in said
    assert "removed: help.getInviteText#" in said
    assert "new: inputMediaMood = InputMedia" in said
    assert "messageViews" not in said and "messageMediaMood" not in said, "the generic rule does these"
    new = Schema(tl / "schema")
    assert new.current == NEXT and new.layers == [*old.layers, NEXT]
    for layer in old.layers:
        assert new.ids(layer) == old.ids(layer)
    assert set(new.legacy_lines) > set(old.legacy_lines)
    views = old.names(old.current)[False, "messageViews"]
    assert new.span(views).endswith(f"..{old.current}") and new.last_layer(views) == old.current
    assert all(new.span(id) == old.span(id) for id in old.legacy_lines)
    assert new.true_flag_since(0xF47741F7, "moody") == NEXT
    assert f"// LAYER {NEXT}" in (tl / "schema/api.tl").read_text()
    assert json.loads((tl / "schema/layers.json").read_text())["current"] == NEXT
    code = f"""
from tgserve.tl import layers, types as t, functions as f
assert layers.CURRENT == {NEXT}
views = t.MessageViews(views=1, mood="glad")
assert layers.decode(layers.encode(views)) == views
assert layers.decode(layers.encode(views, {NEXT - 1})) == t.MessageViews(views=1)
assert layers.encode(views, {NEXT - 1})[:4] == (0x{views:08x}).to_bytes(4, "little")
assert layers.decode(layers.encode(t.MessageMediaMood(mood="x"), 200)) == t.MessageMediaUnsupported()
assert layers.min_layer(views) == {NEXT}
assert f.legacy.HelpGetInviteText.NAME == "help.getInviteText"
"""
    subprocess.run([sys.executable, "-c", code], cwd=next_layer, check=True)


@pytest.mark.parametrize(
    "spoil, why",
    [
        (lambda text: text.replace(f"// LAYER {NEXT}", f"// LAYER {NEXT - 1}"), "not above"),
        (lambda text: text.replace(f"// LAYER {NEXT}\n", ""), "give --layer"),
        (
            lambda text: text.replace("peerUser#59511722 user_id:long", "peerUser#59511722 user_id:int"),
            "CRC32",
        ),
        (
            lambda text: text.replace("---functions---", PEER + "---functions---"),
            "twice",
        ),
    ],
)
def test_a_schema_that_will_not_do_changes_nothing(next_layer, spoil, why):
    tl = next_layer / "tgserve/tl"
    before = {path: path.read_bytes() for path in (tl / "schema").iterdir()}
    (next_layer / "new.tl").write_text(spoil((next_layer / "new.tl").read_text()))
    with pytest.raises(SystemExit, match=why):
        tl_update.main([str(next_layer / "new.tl"), "--into", str(tl)])
    assert before == {path: path.read_bytes() for path in (tl / "schema").iterdir()}
