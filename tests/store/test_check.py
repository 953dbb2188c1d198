"""The check finds nothing in what the services write, running or not, and finds every kind of damage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.community import SECRET, Community, Desk, community
from tests.services.test_convergence import Deeds
from tests.store.chat import open_store, send, waited
from tgserve.config import Config
from tgserve.errors import RpcError, StoreError
from tgserve.ids import Ids
from tgserve.services import build
from tgserve.store import keyspaces as k
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.check import Report, check_folder, check_store
from tgserve.store.media_records import Media, Shown
from tgserve.store.packing import META_SLOT
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn
from tgserve.testing.clock import FakeClock


async def _life(c: Community) -> tuple[int, int]:
    """Two people who do a bit of everything; their ids."""
    ann, _ = await c.sign_up("+999661000001", "Ann")
    bob, _ = await c.sign_up("+999661000002", "Bob")
    await c.sign_in("+999661000001")
    s = c.services
    await s.names.set_username(ann, "ann_smith")
    await s.names.set_username(ann, "ann_jones")
    await s.contacts.add(ann, bob, "Bobby", "", "", b"")
    await s.contacts.add(bob, ann, "Annie", "", "", b"")
    now, blob = int(c.clock.now()), await s.files.store_bytes(b"no picture")
    sizes = tuple(Shown(kind, 160, 160, blob) for kind in "abc")
    photos = [await s.files.library.create(Media(0, ann, now, sizes=sizes)) for _ in range(3)]
    for photo in photos[:2]:
        await s.photos.install(ann, photo)
    await s.photos.set_fallback(ann, photos[0])
    await s.photos.set_for_contact(ann, bob, photos[2])
    deeds = Deeds(c)
    for number in range(14):
        me, peer = ((ann, bob), (bob, ann), (ann, ann))[number % 3]
        for deed in (
            ("send", (me, peer), number),
            ("edit", (me, peer), number),
            ("read", (peer, me), number - 2),
            ("delete", (me, peer), [number // 2], number % 4 == 1),
        ):
            with contextlib.suppress(RpcError):
                await deeds.do(deed)
    await c.settle()
    await deeds.do(("send", (bob, ann), 0))
    await deeds.do(("send", (ann, bob), 0))
    await c.settle()
    return ann, bob


def _rules(report: Report) -> set[str]:
    return {problem.rule for problem in report.problems}


def test_what_the_services_write_holds() -> None:
    async def story() -> None:
        async with community() as c:
            await _life(c)
            report = check_store(c.store)
            assert [str(problem) for problem in report.problems] == []
            assert report.rows > 60 and report.slots > 4
            assert {"users", "auths", "rows", "events", "names", "phones", "known_by"} <= set(
                report.by_keyspace
            )

    asyncio.run(story())


Damage = Callable[[Txn, int, int], Any]


def _first(txn: Txn, keyspace: Any, *prefix: Any) -> tuple[Any, Any]:
    found = txn.last(keyspace, *prefix)
    assert found is not None
    return found


def _without(keyspace: Any) -> Damage:
    def damage(txn: Txn, ann: int, bob: int) -> None:
        key, _ = _first(txn, keyspace, ann)
        txn.delete(keyspace, *key)

    return damage


def _changed(keyspace: Any, **changes: Any) -> Damage:
    def damage(txn: Txn, ann: int, bob: int) -> None:
        key, value = _first(txn, keyspace, ann)
        txn.put(keyspace, *key, value=replace(value, **changes))

    return damage


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a row without its body": ("I11", _without(k.BODIES)),
    "a body that says too many holders": ("I11", _changed(k.BODIES, holders=7)),
    "a row gone from the box": ("I10", _without(k.ROWS)),
    "a row gone from its chat": ("I10", _without(k.PEER_ROWS)),
    "a back reference gone": ("I10", _without(k.BACKREFS)),
    "a wrong newest message": ("I12", _changed(k.DIALOGS, top_message=1000)),
    "a wrong count of messages": ("I12", _changed(k.DIALOGS, count=1000)),
    "a wrong count of unread": ("I12", _changed(k.DIALOGS, unread_count=77)),
    "a dialog gone": ("I12", _without(k.DIALOGS)),
    "an event gone": ("I9", lambda txn, ann, bob: txn.delete(k.EVENTS, ann, 5, 0)),
    "an event twice": ("I9", _changed(k.EVENTS, pts_count=2)),
    "pts ahead of the events": ("I9", _changed(k.BOXES, pts=1000)),
    "a box gone": ("I9", _without(k.BOXES)),
    "message ids used again": ("I13", _changed(k.BOXES, msg_id=1)),
    "a session gone from the list": ("I14", _without(k.USER_AUTHS)),
    "a session nobody signed in": (
        "I14",
        lambda txn, ann, bob: txn.put(k.USER_AUTHS, ann, 5, value=r.UserAuth(99, 1, 1)),
    ),
    "a changed phone number": ("I15", _changed(k.USERS, phone="999660000000")),
    "a changed name": ("I15", _changed(k.USERS, username="another")),
    "a contact nobody told": ("I16", _without(k.KNOWN_BY)),
    "a contact that is not mutual": ("I16", _changed(k.CONTACTS, mutual=False)),
    "a row in a slot that is not its owner's": (
        "I1",
        lambda txn, ann, bob: txn.put(k.USERS, bob, value=r.User(bob, "", "Bob")),
    ),
    "a photo that is not the newest": ("I26", _without(k.PROFILE_PHOTOS)),
    "a photo that is not shown": ("I26", _changed(k.USERS, photo=None)),
    "a photo that is not there": ("I26", _changed(k.USERS, fallback=r.Shot(5))),
    "a contact's photo that is not there": ("I26", _changed(k.CONTACTS, photo=r.Shot(5))),
    "an item whose handler fails": (
        "I7",
        lambda txn, ann, bob: txn.put(
            k.PARKED, 5, 1, value=pl.OutboxRow(5, txn.slot, pl.ConfirmPhone("1", 2))
        ),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str) -> None:
    async def story() -> None:
        rule, damage = DAMAGES[name]
        async with community() as c:
            ann, bob = await _life(c)
            assert slot_of(ann) != slot_of(bob)
            await c.store.transact(slot_of(ann), lambda txn: damage(txn, ann, bob))
            report = check_store(c.store)
            assert rule in _rules(report), [str(problem) for problem in report.problems]
            assert report.found == len(report.problems)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        (k.ROWS.key(slot_of(7), 7, 1), b"\xc1", "I0"),
        (k.ROWS.key(slot_of(7), 7, 1)[:-1], k.ROWS.encode(r.Row(1, 2, 3)), "I0"),
        (b"\0\0\x6f", b"", "I1"),
        (k.OUTBOX.key(5, 1, 1), k.OUTBOX.encode(pl.Parcel(())), "I1"),
        (k.APPLIED.key(META_SLOT, 1), k.APPLIED.encode(r.AppliedMark(9)), "I5"),
        (k.OUTBOX_HEAD.key(META_SLOT, 1), k.OUTBOX_HEAD.encode(r.OutboxHead(9)), "I8"),
    ],
    ids=["no record", "no key", "no keyspace", "an outbox in a slot", "applied too much", "a parcel lost"],
)
def test_damaged_rows_are_found(tmp_path: Path, key: bytes, value: bytes, rule: str) -> None:
    async def story() -> None:
        store = Store(tmp_path, engine="memory", threaded=False)
        await store.start()
        home = 0 if key[:2] == b"\xff\xff" else store.table[int.from_bytes(key[:2], "big")]
        store.shards[home].engine.commit({key: value})
        assert rule in _rules(check_store(store))
        await store.close()

    asyncio.run(story())


def test_a_serving_store_is_checked_at_one_moment(tmp_path: Path) -> None:
    """Under load, with parcels on their way between three shards: a cut, not a blur, so nothing is wrong."""

    async def story() -> None:
        store = Store(tmp_path, secret=SECRET)
        clock, ids = FakeClock(), Ids(3)
        services = build(store, clock, ids, Config(), Desk(), secret=SECRET)  # type: ignore[arg-type]
        await store.start()
        people = list(range(1_000_001, 1_000_009))
        stop = False

        async def talk(me: int) -> None:
            deeds = Deeds(Community(store, clock, ids, services, Desk(), Config()))
            deeds.random_id = me * 1000
            number = 0
            while not stop:
                number += 1
                peer = people[(people.index(me) + number) % len(people)]
                await deeds.do(("send", (me, peer), 0))
                await deeds.do(("delete", (me, peer), [number // 2], number % 5 == 0))

        talkers = [asyncio.ensure_future(talk(me)) for me in people]
        looks = rows = 0
        while looks < 4 or rows <= 20:
            await asyncio.sleep(0.02)
            report = await asyncio.to_thread(check_store, store)
            assert [str(problem) for problem in report.problems] == []
            looks, rows = looks + 1, report.by_keyspace.get("rows", 0)
        stop = True
        await asyncio.gather(*talkers)
        await store.close()

    asyncio.run(story())


def test_a_closed_store_is_checked_under_its_lock(tmp_path: Path) -> None:
    async def story() -> None:
        store = open_store(tmp_path, shards=2)
        await store.start()
        await waited(send(store, 101, 102, 1))
        with pytest.raises(StoreError, match="in use"):
            check_folder(tmp_path)
        await store.close()

    asyncio.run(story())
    report = check_folder(tmp_path)
    assert report.by_keyspace["bodies"] == 1
    assert _rules(report) == {"I10", "I12"} - {"I12"} or _rules(report) == {"I10"}, (
        "the test's chat keeps no lists"
    )
    with pytest.raises(StoreError, match="holds no store"):
        check_folder(tmp_path / "empty")
