"""Who owns a slot: what the environments say of themselves, and what a move that was cut short has left in them.

docs/DISK.md 3. An environment's HOME row has an epoch for each slot it took; the highest of all environments owns the
slot. While slots are copied, the META row COPYING of the destination names them. So rows of a slot that is not the
environment's are a half copy (named in COPYING), stale (it had the slot once: its epoch is above 0), or damage.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from time import sleep

from tgserve.errors import StoreError
from tgserve.store import records as r
from tgserve.store.engine import Engine, Row, Rows, Snapshot
from tgserve.store.keyspaces import HOME, META
from tgserve.store.packing import META_SLOT, SLOT_BYTES
from tgserve.store.packing import after as end_of
from tgserve.store.slots import SLOTS
from tgserve.store.transaction import Reader

COPYING = "copying"
"""Name of the META row: the slots whose rows are being copied here, 2 bytes each."""
AWAY_SECONDS = 0.002
WIPE_ROWS = 20_000
"""Rows deleted in one commit while nobody waits."""

_EPOCHS = struct.Struct(f">{SLOTS}I")


class Owners:
    """Slot -> shard number, and slot -> epoch, as the environments say."""

    def __init__(self, views: Mapping[int, Snapshot], store: str) -> None:
        """StoreError: a shard of another store, a slot without owner or with two."""
        best: list[tuple[int, int]] = [(0, -1)] * SLOTS
        for number, view in views.items():
            home = read_home(view)
            if home is None or home.number != number or home.store != store:
                raise StoreError(f"shard {number} does not belong to this store")
            for slot, epoch in enumerate(epochs_of(home)):
                if epoch and epoch == best[slot][0]:
                    raise StoreError(f"slot {slot} is claimed by shards {best[slot][1]} and {number}")
                best[slot] = max(best[slot], (epoch, number))
        for slot, (epoch, _) in enumerate(best):
            if not epoch:
                raise StoreError(f"no shard owns slot {slot}")
        self.table = [number for _, number in best]
        self.epochs = [epoch for epoch, _ in best]


def read_home(view: Snapshot) -> r.ShardHome | None:
    return Reader(META_SLOT, view).get(HOME)


def epochs_of(home: r.ShardHome) -> list[int]:
    return list(_EPOCHS.unpack(home.epochs))


def home_rows(number: int, store: str, epochs: Iterable[int]) -> Rows:
    """The HOME row."""
    return {HOME.key(META_SLOT): HOME.encode(r.ShardHome(number, store, _EPOCHS.pack(*epochs)))}


def copying_rows(slots: Iterable[int]) -> Rows:
    """The COPYING row, or its deletion."""
    packed = b"".join(slot.to_bytes(2, "big") for slot in slots)
    return {META.key(META_SLOT, COPYING): packed or None}


def read_copying(view: Snapshot) -> list[int]:
    packed = Reader(META_SLOT, view).get(META, COPYING) or b""
    return [int.from_bytes(packed[at : at + 2], "big") for at in range(0, len(packed), 2)]


def leftovers(number: int, view: Snapshot, table: list[int]) -> list[int]:
    """Slots of which `view`, that of shard `number`, may hold rows although another shard owns them."""
    home = read_home(view)
    stale = [slot for slot, epoch in enumerate(epochs_of(home)) if epoch] if home is not None else []
    return sorted({slot for slot in (*stale, *read_copying(view)) if table[slot] != number})


def rows_of(view: Snapshot, slot: int, after: bytes = b"") -> Iterator[Row]:
    """All rows of a slot behind the key `after`, in order."""
    prefix = slot.to_bytes(SLOT_BYTES, "big")
    return view.scan(after + b"\0" if after else prefix, end_of(prefix))


def wipe_some(engine: Engine, slots: list[int], count: int) -> int:
    """Delete at most `count` rows of slots that nobody writes to; how many there were. Slots that have no more are
    taken off the list."""
    doomed: Rows = {}
    view = engine.snapshot()
    try:
        while slots and len(doomed) < count:
            wanted = count - len(doomed)
            found: Rows = {key: None for key, _ in islice(rows_of(view, slots[-1]), wanted)}
            doomed.update(found)
            if len(found) < wanted:
                slots.pop()
    finally:
        view.close()
    if doomed:
        engine.bulk(doomed)
    return len(doomed)


def all_away(engine: Engine, before: list[object]) -> bool:
    """Is all written that was `waiting()` before?"""
    now = engine.waiting()
    return not any(one is other for one in before for other in now)


def put_away(engine: Engine) -> None:
    """What waits in memory would come back over what is deleted below it: have it written."""
    before = engine.waiting()
    while not all_away(engine, before):
        engine.tidy(True)
        sleep(AWAY_SECONDS)


def clean(number: int, engine: Engine, table: list[int], store: str) -> tuple[int, int]:
    """At the start, before anybody reads or writes: delete half copies and stale rows. (slots, rows) that went."""
    view = engine.snapshot()
    left = leftovers(number, view, table)
    home = read_home(view)
    view.close()
    if not left or home is None:
        return 0, 0
    put_away(engine)
    rows = 0
    waiting = list(left)
    while waiting:
        rows += wipe_some(engine, waiting, WIPE_ROWS)
    epochs = [epoch if table[slot] == number else 0 for slot, epoch in enumerate(epochs_of(home))]
    engine.commit({**home_rows(number, store, epochs), **copying_rows(())})
    return len(left), rows
