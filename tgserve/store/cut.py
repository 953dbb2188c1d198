"""Cut: all shards at one moment, with the slot table of that moment."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from tgserve.store.engine import Snapshot
from tgserve.store.transaction import Reader


@dataclass(slots=True)
class Cut:
    """Whoever takes it closes it (it is a context manager). For one thread at a time."""

    views: dict[int, Snapshot]
    """Of each shard, by number."""
    table: list[int]
    """Slot -> shard number."""

    def reader(self, slot: int) -> Reader:
        return Reader(slot, self.views[self.table[slot]])

    def close(self) -> None:
        for view in self.views.values():
            view.close()

    def __enter__(self) -> Cut:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
