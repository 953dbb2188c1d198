"""The simulation can fail: a server with one thing broken is found out within a few seeds, and the same seed gives
the same world."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.sim import story, world
from tgserve.server.fanout import Fanout
from tgserve.services import messaging
from tgserve.store import outbox, writer
from tgserve.store.shards import Store
from tgserve.store.writer import Shard

SEEDS = 80


def complaint() -> str:
    """What the first seed that fails complains of."""
    for seed in range(SEEDS):
        try:
            story.run(seed)
        except AssertionError as fault:
            return str(fault).partition("\n")[0]
    return ""


def test_a_repeated_send_that_is_done_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 6.12."""
    number = itertools.count(1)
    send = messaging._send

    def forgetful(txn: Any, me: int, peer: int, drafts: Any, *rest: Any) -> Any:
        return send(txn, me, peer, tuple((next(number), draft) for _, draft in drafts), *rest)

    monkeypatch.setattr(messaging, "_send", forgetful)
    assert complaint()


def test_answers_before_the_commit_is_durable_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """DISK.md I2: the disk keeps every seventh commit at once, the others with the next that is kept."""
    commit, crash, start = world.World._commit, world.World.crash, world.World.__init__

    def begin(self: Any, seed: int) -> None:
        start(self, seed)
        self.commits, self.synced = 0, {}

    def late(self: Any, stage: str) -> Any:
        fault = commit(self, stage)
        if fault is None and stage == "after":
            self.commits += 1
            if self.commits % 7 == 0 or (not self.crashes and not self.up):
                self.synced = {
                    path: (disk.version, dict(disk.rows), list(disk.keys), disk.bytes)
                    for path, disk in self.disks._disks.items()
                }
        return fault

    def lose(self: Any, *rest: Any) -> None:
        crash(self, *rest)
        for path, kept in self.synced.items():
            disk = self.disks._disks[path]
            disk.version, disk.rows, disk.keys, disk.bytes = kept[0], dict(kept[1]), list(kept[2]), kept[3]

    monkeypatch.setattr(world.World, "__init__", begin)
    monkeypatch.setattr(world.World, "_commit", late)
    monkeypatch.setattr(world.World, "crash", lose)
    assert complaint()


def test_a_payload_missing_from_the_outbox_on_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """DISK.md I5-I8: in memory all is well, only a crash at the wrong moment shows it."""
    pack = outbox.pack_parcels

    def short(items: Any, *rest: Any) -> Any:
        for (handover, _), (_, row) in zip(
            pack(items, *rest), pack(items[:-1] or items, *rest), strict=False
        ):
            yield handover, (row if len(items) > 1 else b"\x91\x90")

    monkeypatch.setattr(writer, "pack_parcels", short)
    assert complaint()


def test_a_payload_applied_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """DISK.md I6: what was applied is not written down."""
    seal = Shard._seal

    def unmarked(self: Any, group: Any) -> None:
        group.marked.clear()
        seal(self, group)

    monkeypatch.setattr(Shard, "_seal", unmarked)
    assert complaint()


def test_a_push_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    count = itertools.count(1)
    publish = Fanout._publish

    def lossy(self: Any, item: Any, sessions: Any) -> None:
        if next(count) % 50:
            publish(self, item, sessions)

    monkeypatch.setattr(Fanout, "_publish", lossy)
    assert complaint()


def test_slots_read_at_different_moments_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row whose body is not seen yet makes getDifference skip a message."""
    finished: Callable[..., None] = Store._finished

    def read(self: Any, slot: int) -> Any:
        number = self.table[slot]
        if number in self.__dict__.setdefault("old", set()):
            self.old.discard(number)
            self._views[number].renew()
        return self._readers[slot]

    def heard(self: Any, shard: Any, *rest: Any) -> None:
        self.__dict__.setdefault("old", set()).add(shard.number)
        finished(self, shard, *rest)

    monkeypatch.setattr(Store, "read", read)
    monkeypatch.setattr(Store, "_finished", heard)
    assert complaint()


def test_the_same_seed_gives_the_same_world() -> None:
    for seed in (3, 17):
        first, second = story.run(seed), story.run(seed)
        assert first == second
        assert first.trace
