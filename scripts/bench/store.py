"""What does a durable message cost the store? CPU and rate at 1, 10, 100, 1000 messages in flight.

  python scripts/bench/store.py [--quick] [--dir DIR] [--shards 3] [--users 2000] [--seconds 3]

A message is what services/messaging.py writes: at the sender body, row, chat row, dedup mark, event, head, dialog and
an outbox item; at the receiver row, chat row, back reference, event, head, dialog. Closed loop: each message that is
done starts the next; both sides count. The yardstick is bare LMDB in the same run: the same rows (no outbox), encoded
beforehand, by one putmulti and one synchronous commit for as many messages as the store had in a group.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb

from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import BACKREFS, BODIES, BOXES, DIALOGS, EVENTS, PEER_ROWS, ROWS, SENT
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

NOW = 1_790_000_000
TEXT = b"a message of a hundred bytes, as people write them when they have something to say to each other ..."


def send(txn: Txn, me: int, peer: int, random_id: int) -> int:
    """The sender's side."""
    if txn.get(SENT, me, random_id) is not None:
        return 0
    dialog = txn.get(DIALOGS, me, peer) or r.Dialog()
    head = eventlog.box_head(txn, me)
    msg_id = head.msg_id + 1
    body = r.Body(me, NOW, TEXT, 232, 232, holders=2, peer=peer)
    txn.put(BODIES, me, msg_id, value=body)
    txn.put(ROWS, me, msg_id, value=r.Row(peer, me, msg_id, r.ROW_OUT))
    txn.put(PEER_ROWS, me, peer, msg_id, value=b"12345")
    txn.put(SENT, me, random_id, value=b"123456789012")
    txn.put(DIALOGS, me, peer, value=r.Dialog(msg_id, NOW, dialog.read_inbox_max, count=dialog.count + 1))
    eventlog.append(txn, me, ev.NewMessage(msg_id), now=NOW, head=head)
    txn.outbox(slot_of(peer), pl.Deliver(peer, me, me, msg_id, NOW), body)
    return msg_id


def deliver(txn: Txn, message: pl.Deliver, body: Any) -> None:
    """The receiver's side."""
    user, peer, author_msg_id = message.user, message.peer, message.author_msg_id
    dialog = txn.get(DIALOGS, user, peer) or r.Dialog()
    head = eventlog.box_head(txn, user)
    msg_id = head.msg_id + 1
    txn.put(ROWS, user, msg_id, value=r.Row(peer, message.author, author_msg_id))
    txn.put(PEER_ROWS, user, peer, msg_id, value=b"123456789")
    txn.put(BACKREFS, user, message.author, author_msg_id, value=b"1234")
    unread = dialog.unread_count + 1
    txn.put(DIALOGS, user, peer, value=r.Dialog(msg_id, NOW, unread_count=unread, count=dialog.count + 1))
    eventlog.append(txn, user, ev.NewMessage(msg_id), now=NOW, head=head)


async def run_store(path: Path, shards: int, users: int, in_flight: int, seconds: float) -> dict[str, float]:
    store = Store(path, shards=shards)
    store.on_outbox(pl.Deliver, deliver)
    published = 0

    def count(items: list[Any]) -> None:
        nonlocal published
        published += len(items)

    store.subscribe(count)
    await store.start()
    ids = [1_000_000 + n * 7919 for n in range(users)]
    started = done = 0
    lasting: list[float] = []
    stop = time.perf_counter() + seconds
    ended = asyncio.get_running_loop().create_future()

    def start() -> None:
        nonlocal started
        me, peer, random_id = ids[started % users], ids[(started * 31 + 1) % users], started + 1
        started += 1
        began = time.perf_counter()
        store.transact(slot_of(me), lambda txn: send(txn, me, peer, random_id)).on_done(finish(began))

    def finish(began: float) -> Callable[[Commit[int]], None]:
        def finished(commit: Commit[int]) -> None:
            nonlocal done
            commit.result()
            done += 1
            now = time.perf_counter()
            lasting.append(now - began)
            if now < stop:
                start()
            elif done == started:
                ended.set_result(None)

        return finished

    cpu, loop_cpu, wall = time.process_time(), time.thread_time(), time.perf_counter()
    for _ in range(in_flight):
        start()
    await ended
    await store.settled()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    loop_cpu = time.thread_time() - loop_cpu
    stats = store.stats()
    await store.close()
    if published != 2 * done:
        raise SystemExit(f"{published} events for {done} messages")
    lasting.sort()
    commits = sum(shard.commits for shard in stats)
    return {
        "in_flight": in_flight,
        "messages_s": done / wall,
        "cpu_us": cpu / done * 1e6,
        "loop_cpu_us": loop_cpu / done * 1e6,
        "p50_ms": lasting[len(lasting) // 2] * 1e3,
        "p99_ms": lasting[len(lasting) * 99 // 100] * 1e3,
        "group": sum(shard.jobs + shard.items for shard in stats) / 2 / commits,
        "rows": sum(shard.rows for shard in stats) / done,
        "disk_bytes": sum(shard.bytes for shard in stats) / done,
    }


def run_bare(path: Path, users: int, group: int, seconds: float) -> float:
    """CPU us a message of bare LMDB: rows made outside the measured time."""
    env = lmdb.open(str(path), map_size=64 << 30, readahead=False)
    ids = [1_000_000 + n * 7919 for n in range(users)]
    number = 0
    spent, messages = 0.0, 0
    body = BODIES.encode(r.Body(1, NOW, TEXT, 232, 232, holders=2, peer=10**7))
    row, dialog = ROWS.encode(r.Row(10**7, 10**7, 1000)), DIALOGS.encode(r.Dialog(1000, NOW, count=9))
    head, event = BOXES.encode(r.BoxHead(1000, 1000)), EVENTS.encode(ev.LoggedEvent(ev.NewMessage(1000), NOW))
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop:
        rows: dict[bytes, bytes] = {}
        for _ in range(group):
            me, peer = ids[number % users], ids[(number * 31 + 1) % users]
            number += 1
            msg_id = number // users + 1
            for user, other in ((me, peer), (peer, me)):
                slot = slot_of(user)
                rows[ROWS.key(slot, user, number)] = row
                rows[PEER_ROWS.key(slot, user, other, number)] = b"12345"
                rows[EVENTS.key(slot, user, number, 0)] = event
                rows[BOXES.key(slot, user)] = head
                rows[DIALOGS.key(slot, user, other)] = dialog
            slot = slot_of(me)
            rows[BODIES.key(slot, me, msg_id)] = body
            rows[SENT.key(slot, me, number)] = b"123456789012"
            rows[BACKREFS.key(slot_of(peer), peer, me, number)] = b"1234"
        items = list(rows.items())
        began = time.thread_time()
        with env.begin(write=True) as txn:
            txn.cursor().putmulti(items)
        spent += time.thread_time() - began
        messages += group
    env.close()
    return spent / messages * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--in-flight", default="1,10,100,1000")
    given = parser.parse_args()
    seconds = 0.3 if given.quick else given.seconds
    gc.freeze()  # as the daemon does when it starts to serve
    home = Path(tempfile.mkdtemp(prefix="bench-store-", dir=given.dir))
    try:
        for number in map(int, given.in_flight.split(",")):
            result = asyncio.run(
                run_store(home / f"store-{number}", given.shards, given.users, number, seconds)
            )
            group = max(1, round(result["group"]))
            result["bare_cpu_us"] = run_bare(home / f"bare-{number}", given.users, group, seconds / 2)
            result["ratio"] = result["cpu_us"] / result["bare_cpu_us"]
            sys.stdout.write(json.dumps({name: round(value, 2) for name, value in result.items()}) + "\n")
            sys.stdout.flush()
            shutil.rmtree(home / f"store-{number}")
            shutil.rmtree(home / f"bare-{number}")
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
