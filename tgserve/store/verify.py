"""One shard, row by row, a piece at a time, while it serves: does each row decode, and does it belong there?

`tgserve check` compares rows with each other in one cut; this looks at each alone, and holds nothing up.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from tgserve.store.check import PSEUDO, Problem, home_of
from tgserve.store.format import all_keyspaces
from tgserve.store.ownership import leftovers, rows_of
from tgserve.store.packing import META_SLOT, Keyspace
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS

PIECE_ROWS = 2000
PROBLEMS_KEPT = 100


@dataclass(slots=True)
class Verdict:
    rows: int = 0
    bytes: int = 0
    copies: int = 0
    """Rows of slots that are on their way between two shards: not looked at."""
    found: int = 0
    problems: list[Problem] = field(default_factory=list)

    def say(self, rule: str, where: str, text: str) -> None:
        self.found += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(Problem(rule, where, text))


def walk(store: Store, number: int, verdict: Verdict) -> Iterator[None]:
    """Each step reads a piece, from a snapshot of its own, and may run in any thread."""
    keyspaces = {keyspace.tag: keyspace for keyspace in all_keyspaces()}
    engine = store.shard(number).engine
    for slot in (*range(SLOTS), META_SLOT):
        after = b""
        while True:
            view = engine.snapshot()
            try:
                foreign = slot != META_SLOT and store.table[slot] != number
                left = foreign and slot in leftovers(number, view, store.table)
                piece = list(islice(rows_of(view, slot, after), PIECE_ROWS))
            finally:
                view.close()
            if not piece:
                break
            after = piece[-1][0]
            if left:
                verdict.copies += len(piece)
            else:
                for key, value in piece:
                    _look(number, slot, foreign, keyspaces, key, value, verdict)
            yield None


def _look(
    number: int,
    slot: int,
    foreign: bool,
    keyspaces: dict[int, Keyspace[Any]],
    key: bytes,
    value: bytes,
    verdict: Verdict,
) -> None:
    verdict.rows += 1
    verdict.bytes += len(key) + len(value)
    keyspace = keyspaces.get(key[2]) if len(key) > 2 else None
    if keyspace is None:
        verdict.say("I1", f"shard {number}", f"a row of no keyspace: {key.hex()}")
        return
    if foreign:
        verdict.say(
            "I1", f"slot {slot}", f"a row of {keyspace.name} in shard {number}, which is not its home"
        )
        return
    try:
        parts = keyspace.unpack(key)
        keyspace.decode(value)
    except (struct.error, ValueError, msgspec.DecodeError) as fault:
        verdict.say("I0", f"shard {number}", f"{keyspace.name} {key.hex()} does not decode: {fault}")
        return
    if (slot == META_SLOT) != (keyspace in PSEUDO):
        verdict.say("I1", f"slot {slot}", f"a row of {keyspace.name} is no row of this slot")
    elif slot != META_SLOT and (home := home_of(keyspace, slot, parts)) != slot:
        verdict.say("I1", f"slot {slot}", f"{keyspace.name} {parts} belongs to slot {home}")
