"""What waits to be pushed: rows in the users' slots, and in memory which devices have any and when they are due.

A row is written before anything is sent and deleted when the sender has taken it: a daemon that is killed between the
two sends it again, one that is killed before sends it after its start. Nothing is sent that is not durable.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tgserve.store.keyspaces import PUSH_DEVICES, PUSH_MARKS, PUSH_QUEUE
from tgserve.store.push_records import PushMark, PushWaiting
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.transaction import Txn

MOST: Final = 500
"""Rows of one device; the oldest go when more come: whoever is away for so long looks at the list of chats."""


@dataclass(slots=True, frozen=True)
class Queued:
    """Published with the commit that wrote the row."""

    user: int
    device: int
    number: int
    item: PushWaiting


@dataclass(slots=True)
class Line:
    """What waits for one device."""

    items: dict[int, PushWaiting] = field(default_factory=dict)
    not_before: float = 0.0
    """The sender asked for patience until then (Unix seconds)."""
    tries: int = 0
    busy: bool = False


class Queue:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: dict[tuple[int, int], Line] = {}
        self._users: dict[int, set[int]] = {}
        self._due: list[tuple[float, int, int]] = []

    def __len__(self) -> int:
        """Pushes that wait."""
        return sum(len(line.items) for line in self._lines.values())

    def oldest(self) -> int:
        """When the push that has waited longest was decided, Unix seconds; 0 when none waits."""
        dates = (item.date for line in self._lines.values() for item in line.items.values())
        return min(dates, default=0)

    def load(self) -> None:
        """Once, when the store has started."""
        for slot in range(SLOTS):
            with self._store.read(slot) as reader:
                for (user, device, number), item in reader.range(PUSH_QUEUE):
                    self._add(user, device, number, item)

    def put(
        self, txn: Txn, user: int, items: Iterable[tuple[int, PushWaiting]], mark: PushMark | None
    ) -> None:
        """Inside a transaction of the user's slot: (device number, what). Devices that are gone by now get nothing."""
        for device, item in items:
            if txn.get(PUSH_DEVICES, user, device) is None:
                continue
            last = txn.last(PUSH_QUEUE, user, device)
            number = last[0][2] + 1 if last is not None else 1
            txn.put(PUSH_QUEUE, user, device, number, value=item)
            if number > MOST:
                txn.delete(PUSH_QUEUE, user, device, number - MOST)
            txn.publish(Queued(user, device, number, item))
        if mark is not None:
            txn.put(PUSH_MARKS, user, value=mark)

    async def remove(self, user: int, device: int, numbers: Sequence[int]) -> None:
        """They are sent, or void."""
        line = self._lines.get((user, device))
        if line is not None:
            for number in numbers:
                line.items.pop(number, None)

        def work(txn: Txn) -> None:
            for number in numbers:
                txn.delete(PUSH_QUEUE, user, device, number)

        if numbers:
            await self._store.transact(slot_of(user), work)

    def forget(self, user: int, devices: Iterable[int]) -> None:
        """Devices that are gone; their rows are gone too."""
        for device in list(devices):
            self._drop(user, device)

    def of_user(self, user: int) -> list[int]:
        """Devices of a user for which something waits."""
        return list(self._users.get(user, ()))

    def line(self, user: int, device: int) -> Line | None:
        return self._lines.get((user, device))

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber."""
        for item in batch:
            if type(item) is Queued:
                self._add(item.user, item.device, item.number, item.item)

    def ready(self, now: float) -> list[tuple[int, int]]:
        """Devices for which something is due, that are not being served."""
        found: list[tuple[int, int]] = []
        while self._due and self._due[0][0] <= now:
            _, user, device = heapq.heappop(self._due)
            line = self._lines.get((user, device))
            if line is None or line.busy or (user, device) in found:
                continue
            if line.not_before > now:
                self.again(user, device, line.not_before)
            elif line.items:
                found.append((user, device))
        return found

    def next_due(self) -> float | None:
        """When `ready` is to be asked again, Unix seconds."""
        return self._due[0][0] if self._due else None

    def again(self, user: int, device: int, when: float) -> None:
        """Look at the device then."""
        heapq.heappush(self._due, (when, user, device))

    def tidy(self, user: int, device: int) -> None:
        """A device has been served: nothing is kept of one for which nothing waits."""
        line = self._lines.get((user, device))
        if line is not None and not line.items and not line.busy and not line.tries:
            self._drop(user, device)

    def _add(self, user: int, device: int, number: int, item: PushWaiting) -> None:
        line = self._lines.get((user, device))
        if line is None:
            line = self._lines[user, device] = Line()
            self._users.setdefault(user, set()).add(device)
        line.items[number] = item
        line.items.pop(number - MOST, None)
        if not line.busy:
            self.again(user, device, max(float(item.due), line.not_before))

    def _drop(self, user: int, device: int) -> None:
        self._lines.pop((user, device), None)
        of_user = self._users.get(user)
        if of_user is not None:
            of_user.discard(device)
            if not of_user:
                del self._users[user]
