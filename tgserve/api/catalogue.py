"""Every method of the schema with how much it is needed and what becomes of a call: source of docs/methods.md.

`need` (methods.csv): core, expected, nice, or irrelevant for a self-hosted server (payments, ads, wallets ...).
A method that is neither served nor declared is `missing`: it is answered 400 METHOD_INVALID by the dispatcher.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from tgserve.rpc.registry import METHODS
from tgserve.rpc.wrappers import WRAPPERS
from tgserve.tl.definitions import schema
from tgserve.tl.layers import CURRENT, FLOOR

MISSING = "missing"


@dataclass(slots=True, frozen=True)
class Row:
    """`layers`: (first, last) known layers from the floor on that have the method; `status` as registry.Status, or
    missing; `where` file:line under tgserve/, empty when missing."""

    name: str
    layers: tuple[int, int]
    area: str
    need: str
    who: str
    status: str
    where: str


class Need(NamedTuple):
    """A line of methods.csv; `answer` is what api/empty.py makes of it."""

    method: str
    area: str
    need: str
    answer: str


@cache
def needs() -> dict[str, Need]:
    """By method."""
    text = (files("tgserve.api") / "methods.csv").read_text(encoding="utf-8")
    _, *rows = csv.reader(text.splitlines())
    return {row[0]: Need(*row) for row in rows}


def rows() -> list[Row]:
    """By name; api.load() must have run."""
    known = schema()
    spans: dict[str, tuple[int, int]] = {}
    for layer in known.layers:
        if layer < FLOOR:
            continue
        for function, name in known.names(layer):
            if function:
                spans[name] = (spans.get(name, (layer, layer))[0], layer)
    found: list[Row] = []
    for id in known.ids(CURRENT):
        definition = known[id]
        if not definition.function:
            continue
        name = definition.name
        wanted = needs()[name]
        method = METHODS.get(id)
        if method is not None:
            who, status, where = method.who.value, method.status.value, method.where
        elif id in WRAPPERS:
            who, status, where = "unbound", "REAL", "rpc/wrappers.py:1"
        else:
            who, status, where = "", MISSING, ""
        found.append(Row(name, spans[name], wanted.area, wanted.need, who, status, where))
    return sorted(found, key=lambda row: row.name)
