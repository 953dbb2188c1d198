"""Every method of the current schema with its status: what `tgserve methods` and docs/methods.md show."""

from __future__ import annotations

from dataclasses import dataclass

from tgserve import api
from tgserve.rpc.registry import METHODS
from tgserve.rpc.wrappers import WRAPPERS
from tgserve.tl.definitions import schema
from tgserve.tl.layers import CURRENT

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class MethodRow:
    """`status` REAL, EMPTY, REFUSED or missing; `where` is file:line of the handler, empty when missing."""

    name: str
    status: str
    who: str = ""
    flood: str = ""
    answer: str = ""
    where: str = ""

    @property
    def namespace(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def file(self) -> str:
        return self.where.rpartition(":")[0]


def rows() -> list[MethodRow]:
    """By name. Methods of older layers that a handler of today answers are not listed apart."""
    api.load()
    known = schema()
    found: list[MethodRow] = []
    for id in known.ids(CURRENT):
        definition = known[id]
        if not definition.function:
            continue
        method = METHODS.get(id)
        if method is not None:
            flood = f"{method.flood.count} in {method.flood.seconds} s" if method.flood else ""
            found.append(
                MethodRow(
                    definition.name,
                    method.status.value,
                    method.who.value,
                    flood,
                    definition.result,
                    f"tgserve/{method.where}",
                )
            )
        elif id in WRAPPERS:
            found.append(MethodRow(definition.name, "REAL", "unbound", "", "X", "tgserve/rpc/wrappers.py:1"))
        else:
            found.append(MethodRow(definition.name, MISSING, answer=definition.result))
    return sorted(found, key=lambda row: row.name)
