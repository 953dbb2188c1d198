"""What does a push cost for each recipient who is away? Against reading his chat's row, which any answer must.

    python -m scripts.bench.push [--quick] [--members 5000]

A supergroup whose members all have a device and are offline; one in five has settings of his own for it, one in
twenty has muted it. `decision_us` is from the commit of a message to what is to be pushed, for each of them (target:
30); `cold_us` the same
the first time, with no settings in memory; `queued_us` with the row of the push durable, `drawn_us` what its payload
costs when it is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.bench.measure import show
from tgserve import log
from tgserve.clock import SystemClock
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.render import pushes
from tgserve.services import Services, build
from tgserve.services.boxes import View
from tgserve.services.push.devices import Device
from tgserve.store import channel_records as c
from tgserve.store import push_records as pu
from tgserve.store import records as r
from tgserve.store.eventlog import Published
from tgserve.store.events import NewMessage
from tgserve.store.keyspaces import (
    BODIES,
    CHANNELS,
    DIALOGS,
    JOINED,
    PARTICIPANTS,
    PUSH_DEVICES,
    ROWS,
    USERS,
)
from tgserve.store.push_records import PushWaiting
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t

CHANNEL = -r.CHANNEL_BASE - 1
FIRST = 1_000_001
ROUNDS = 5


class NoDesk:
    def post(self, sms: object) -> bool:
        return False


async def fill(store: Store, members: int, now: int) -> None:
    """The group, its members with their settings and devices, and a message."""
    loud = layers.encode(t.PeerNotifySettings(show_previews=True, silent=False, mute_until=0))
    muted = layers.encode(t.PeerNotifySettings(mute_until=now + 86_400))
    commits: list[Any] = []
    body = r.Body(FIRST, now, b"A message of usual length, as people write them.", peer=CHANNEL)

    def group(txn: Any) -> None:
        txn.put(CHANNELS, CHANNEL, value=c.Channel("Bench", FIRST, now, megagroup=True, members=members))
        txn.put(BODIES, CHANNEL, 1, value=body)
        txn.put(ROWS, CHANNEL, 1, value=r.Row(CHANNEL, CHANNEL, 1, r.ROW_OUT))
        for user in range(FIRST, FIRST + members):
            txn.put(PARTICIPANTS, CHANNEL, user, value=c.Participant(now))

    def person(user: int) -> Any:
        own = muted if user % 20 == 0 else loud if user % 5 == 0 else b""

        def work(txn: Any) -> None:
            txn.put(USERS, user, value=r.User(user, str(user), "Somebody", created=now))
            txn.put(DIALOGS, user, CHANNEL, value=r.Dialog(notify=own, top_message=1))
            txn.put(JOINED, user, CHANNEL, value=now.to_bytes(4, "big"))
            txn.put(PUSH_DEVICES, user, user, value=pu.PushDevice(b"x" * 200, 2, user, user, now))

        return work

    commits.append(store.transact(slot_of(CHANNEL), group))
    for user in range(FIRST, FIRST + members):
        commits.append(store.transact(slot_of(user), person(user)))
        if len(commits) > 5000:
            for commit in commits:
                await commit
            commits = []
    for commit in commits:
        await commit


async def measured(members: int, folder: Path) -> dict[str, float]:
    clock = SystemClock()
    store = Store(folder, clock=clock, ids=Ids(), secret=bytes(32), shards=3)
    desk: Any = NoDesk()
    services: Services = build(store, clock, Ids(), Config(data=folder), desk, secret=bytes(32))
    push = services.push
    push.drawing.describe, push.loudness.hear = pushes.describe, pushes.hear
    await store.start()
    now = int(clock.now())
    await fill(store, members, now)
    push.devices.load()
    await push.listeners.load()
    view = View(
        CHANNEL,
        1,
        r.Row(CHANNEL, CHANNEL, 1, r.ROW_OUT),
        services.history.views_of(store.read(slot_of(CHANNEL)), CHANNEL, [(1, r.Row(CHANNEL, CHANNEL, 1))])[
            0
        ].body,
    )
    item = Published(CHANNEL, 2, 1, NewMessage(1), now, view)
    asked: list[tuple[int, PushWaiting]] = []
    real = push.feed._write
    push.feed._write = lambda owner, items, mark: asked.extend(items)  # type: ignore[method-assign]
    best, cold = 1e9, 0.0
    for _ in range(ROUNDS):
        asked.clear()
        begin = time.perf_counter()
        for _step in push.feed._judge(item):
            pass
        best = min(best, time.perf_counter() - begin)
        cold = cold or time.perf_counter() - begin
    assert len(asked) == members - 1, len(asked)
    rows = 1e9
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for user in range(FIRST, FIRST + members):
            with store.read(slot_of(user)) as reader:
                reader.get(DIALOGS, user, CHANNEL)
        rows = min(rows, time.perf_counter() - begin)
    push.feed._write = real  # type: ignore[method-assign]
    begin = time.perf_counter()
    push.feed._take(item)
    while not push.feed.idle:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    queued = time.perf_counter() - begin
    drawn = min(2000, members)
    waiting = PushWaiting("message", CHANNEL, 1, now, flags=1)
    begin = time.perf_counter()
    for user in range(FIRST + 1, FIRST + drawn):
        push.drawing.message(user, waiting).payload(user, 1)  # type: ignore[union-attr]
    drawing = time.perf_counter() - begin
    assert isinstance(push.devices.of(FIRST)[0], Device)
    await store.close()
    return {
        "decision_us": best / members * 1e6,
        "cold_us": cold / members * 1e6,
        "row_us": rows / members * 1e6,
        "queued_us": queued / members * 1e6,
        "drawn_us": drawing / drawn * 1e6,
        "ratio": best / rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--members", type=int, default=5000)
    given = parser.parse_args()
    log.setup(level="error", stream=sys.stderr)
    members = 500 if given.quick else given.members
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(members, Path(folder)))
    show("push", {"members": members, **{name: round(value, 2) for name, value in found.items()}})


if __name__ == "__main__":
    main()
