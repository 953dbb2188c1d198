"""The schema's text: ids, layers, parsing."""

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tgserve.tl import layers
from tgserve.tl.definitions import SCHEMA as FOLDER
from tgserve.tl.definitions import Param, camel, parse, read_lines, schema

SCHEMA = schema()
ROOT = Path(__file__).parents[2]


def test_every_id_is_the_crc_of_its_text():
    assert [SCHEMA[id].name for id in SCHEMA.all_ids() if SCHEMA[id].crc() != id] == []
    assert SCHEMA[0x59511722].crc() == zlib.crc32(b"peerUser user_id:long = Peer")


def test_core_ids_too_but_for_the_four_official_exceptions():
    found = [parse(line, function) for line, function in read_lines((FOLDER / "mtproto.tl").read_text())]
    odd = {definition.name for definition in found if definition.crc() != definition.id}
    assert odd == {"ipPortSecret", "accessPointRule", "help.configSimple"}


def test_layers_are_consistent():
    assert SCHEMA.current == SCHEMA.layers[-1] == layers.CURRENT >= 232
    assert SCHEMA.ids(SCHEMA.current) == set(SCHEMA.current_lines)
    for layer in SCHEMA.layers:
        names = SCHEMA.names(layer)
        assert len(names) == len(SCHEMA.ids(layer)), "a name is unique in its layer"
        types = {SCHEMA[id].result for id in SCHEMA.ids(layer)}
        for id in SCHEMA.ids(layer):
            for param in SCHEMA[id].fields:
                inner = param.type.removeprefix("Vector<").rstrip(">")
                assert inner in types or not layers.codec.is_boxed(inner), (
                    f"{SCHEMA[id].name}.{param.name} in {layer}"
                )


def test_a_line_is_taken_apart():
    made = parse(
        "auth.x#0000000a flags:# a:flags.3?true from:flags2.0?Vector<int> q:!X = X; // 1 removed", True
    )
    assert made.id == 10 and made.key == (True, "auth.x") and made.result == "X"
    assert made.params == (
        Param("flags", "#"),
        Param("a", "true", ("flags", 3)),
        Param("from", "Vector<int>", ("flags2", 0)),
        Param("q", "!X"),
    )
    assert [p.attribute for p in made.fields] == ["a", "from_", "q"]
    for wrong in ("nothing", "peer user_id:long = Peer", "peer#1 user_id:long"):
        with pytest.raises(ValueError, match="not a definition"):
            parse(wrong, False)


def test_names_in_python():
    assert camel("auth.sentCode") == "AuthSentCode"
    assert camel("true") == "True_"
    assert Param("self", "true").attribute == "self_"


def test_since_is_the_lowest_layer_without_a_break():
    standing = SCHEMA.ids(SCHEMA.current)
    expected = dict.fromkeys(standing, SCHEMA.current)
    for layer in reversed(SCHEMA.layers):
        standing &= SCHEMA.ids(layer)
        expected.update(dict.fromkeys(standing, layer))
    assert SCHEMA.since() == expected
    assert set(expected.values()) >= {SCHEMA.layers[0], SCHEMA.current}


def test_what_is_loaded_keeps_no_table_of_every_layer():
    """Tables of all layers, and all definitions taken apart, are 10 MiB of a server that nobody has come to."""
    code = (
        "import tgserve.app\n"
        "from tgserve import api\n"
        "from tgserve.tl.definitions import Schema, schema\n"
        "api.load()\n"
        "found = schema()\n"
        "print(len(found._parsed) * 4 < len(found.all_ids()))\n"
        "print(Schema.ids.cache_info().currsize, Schema.names.cache_info().currsize)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "0", "1"]
