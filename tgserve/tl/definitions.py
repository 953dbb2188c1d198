"""The schema's text as tables: every definition of every known layer, found by id, parsed on first use.

schema/api.tl is the current layer, schema/legacy.tl every older definition it no longer has (after each: the
known layers in force), schema/layers.json which ids are in force in which layer, as steps down from the current.
"""

from __future__ import annotations

import json
import keyword
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from sys import intern
from typing import Any

SCHEMA = Path(__file__).parent / "schema"
VECTOR_ID = 0x1CB5C415
TRUE_ID = 0x997275B5
FALSE_ID = 0xBC799737
_NOT_GENERATED = frozenset({"Bool", "Vector t"})
_HEAD = re.compile(r"([\w.]+)#([0-9a-f]{1,8}) ")
_RUN = re.compile(r"// (.+) (replaced|removed)$")


@dataclass(slots=True, frozen=True)
class Param:
    """One field: `flag` is (flag word's name, bit) when optional; `type` is what stands after `?`."""

    name: str
    type: str
    flag: tuple[str, int] | None = None

    @property
    def attribute(self) -> str:
        """The name in Python: keywords and `self` get an underscore."""
        return self.name + "_" if keyword.iskeyword(self.name) or self.name == "self" else self.name


@dataclass(slots=True, frozen=True)
class Definition:
    """A line of the schema. `params` includes the flag words (type `#`)."""

    id: int
    name: str
    params: tuple[Param, ...]
    result: str
    function: bool
    text: str

    @property
    def fields(self) -> tuple[Param, ...]:
        return tuple(p for p in self.params if p.type != "#")

    @property
    def key(self) -> tuple[bool, str]:
        """What is unique within a layer: (is a function, name)."""
        return self.function, self.name

    def crc(self) -> int:
        """CRC32 of the canonical text; equals `id` for every definition of the API."""
        text = self.text.split("#", 1)
        text[1] = text[1].partition(" ")[2]
        line = " ".join(text)
        line = re.sub(r" \w+:flags\d*\.\d+\?true(?= )", "", line)
        line = re.sub(r"([:?])bytes(?= )", r"\1string", line)
        line = line.replace("<", " ").replace(">", "").replace("{", "").replace("}", "")
        return zlib.crc32(re.sub(r" +", " ", line).strip().encode())


def parse(line: str, function: bool) -> Definition:
    """A definition from its line (without comment); ValueError when it is none."""
    text = line.split(" //")[0].strip().rstrip(";")
    head = _HEAD.match(text)
    if head is None:
        raise ValueError(f"not a definition: {line!r}")
    body, equals, result = text[head.end() - 1 :].rpartition("= ")
    if not equals:
        raise ValueError(f"not a definition: {line!r}")
    params = []
    for token in body.split():
        name, colon, type_ = token.partition(":")
        if not colon or token.startswith("{"):
            continue  # {X:Type}, and vector's own "# [ t ]"
        flag = None
        if "?" in type_:
            where, _, type_ = type_.partition("?")
            word, _, bit = where.partition(".")
            flag = (intern(word), int(bit))
        params.append(Param(intern(name), intern(type_), flag))
    return Definition(int(head[2], 16), head[1], tuple(params), intern(result.strip()), function, text)


def read_lines(text: str) -> list[tuple[str, bool]]:
    """(line, is a function) of every definition in a .tl text."""
    found, function = [], False
    for line in text.splitlines():
        if line.startswith("---"):
            function = "functions" in line
        elif line and not line.startswith("//"):
            found.append((line, function))
    return found


def _index(lines: list[tuple[str, bool]]) -> dict[int, tuple[str, bool]]:
    return {int(line[line.index("#") + 1 : line.index(" ")], 16): (line, is_fn) for line, is_fn in lines}


def camel(name: str) -> str:
    """`auth.sentCode` -> `AuthSentCode`; `true` -> `True_`, as the word is Python's."""
    joined = "".join(part[:1].upper() + part[1:] for part in re.split(r"[._]", name))
    return joined + "_" if keyword.iskeyword(joined) else joined


def generated(definition: Definition) -> bool:
    """False for what Python has itself: Bool and Vector."""
    return definition.function or definition.result not in _NOT_GENERATED


class Schema:
    """All definitions and layers. Reading the files takes some milliseconds, parsing is per definition."""

    def __init__(self, folder: Path = SCHEMA) -> None:
        current = read_lines((folder / "api.tl").read_text())
        legacy = read_lines((folder / "legacy.tl").read_text())
        layers: dict[str, Any] = json.loads((folder / "layers.json").read_text())
        self.current_lines = _index(current)
        self.legacy_lines = _index(legacy)
        self._lines = {**self.legacy_lines, **self.current_lines}
        self._steps = layers
        self._parsed: dict[int, Definition] = {}
        self.layers: list[int] = layers["layers"]
        self.current: int = layers["current"]

    def __contains__(self, id: int) -> bool:
        return id in self._lines

    def __getitem__(self, id: int) -> Definition:
        """The definition with this id, of whatever layer; KeyError when none has it."""
        try:
            return self._parsed[id]
        except KeyError:
            line, function = self._lines[id]
            self._parsed[id] = definition = parse(line, function)
            return definition

    def passing(self, id: int) -> Definition:
        """The same for one who looks at many and keeps none: all of them, kept, are 6 MiB."""
        return self._parsed.get(id) or parse(*self._lines[id])

    def known_layer(self, layer: int) -> int:
        """The highest known layer that is not above `layer`."""
        return max((known for known in self.layers if known <= layer), default=self.layers[0])

    def _in_force(self, layer: int) -> Iterator[tuple[int, set[int]]]:
        """(known layer, ids in force in it) from the current one down to `layer`; always the same set, changed."""
        ids = {int(id, 16) for id in self._steps["ids"]}
        yield self.current, ids
        for known in reversed(self.layers[:-1]):
            if known < layer:
                break
            step = self._steps["steps"][str(known)]
            ids.difference_update(int(id, 16) for id in step["drop"])
            ids.update(int(id, 16) for id in step["add"])
            yield known, ids

    def _at(self, layer: int) -> set[int]:
        *_, (_, ids) = self._in_force(layer)
        return ids

    @cache  # noqa: B019  # a schema lives as long as the process
    def ids(self, layer: int) -> frozenset[int]:
        """The ids in force in a known layer. It is kept, 200 KiB: what asks for all layers asks `since`."""
        return frozenset(self._at(layer))

    @cache  # noqa: B019
    def since(self) -> dict[int, int]:
        """Of every current id the lowest known layer from which on it has been in force without a break."""
        found: dict[int, int] = {}
        standing = set(self.current_lines)
        for layer, ids in self._in_force(0):
            standing &= ids
            found.update(dict.fromkeys(standing, layer))
        return found

    @cache  # noqa: B019
    def names(self, layer: int) -> dict[tuple[bool, str], int]:
        """(is a function, name) -> id in a known layer."""
        keys = self._keys()
        return {keys[id]: id for id in self._at(layer)}

    @cache  # noqa: B019
    def _keys(self) -> dict[int, tuple[bool, str]]:
        """By id, one object for all layers: clients of ten of them come to a server."""
        return {id: (function, line[: line.index("#")]) for id, (line, function) in self._lines.items()}

    def span(self, id: int) -> str:
        """The layers a superseded definition was in force in, as legacy.tl has it: `133..144`."""
        run = _RUN.search(self._lines[id][0])
        return run[1] if run else ""

    def true_flag_since(self, id: int, name: str) -> int:
        """The first known layer that has this optional-true flag; 0 when it is as old as its definition."""
        since: int = self._steps["true_flag_since"].get(f"{id:08x}", {}).get(name, 0)
        return since

    def all_ids(self) -> list[int]:
        return list(self._lines)

    def last_layer(self, id: int) -> int:
        """The last known layer a superseded definition was in force in; 0 for those older than all."""
        run = _RUN.search(self._lines[id][0])
        if run is None:
            return self.current
        last = re.findall(r"\d+", run[1])[-1]
        return 0 if run[1].startswith("before") else int(last)


@cache
def schema() -> Schema:
    return Schema()
