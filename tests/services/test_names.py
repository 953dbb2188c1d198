from __future__ import annotations

import asyncio

import pytest

from tests.community import community, run
from tests.services.test_codes import refused
from tgserve.errors import RpcError
from tgserve.services.names import RESERVED, shape_or_none
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import NAMES
from tgserve.store.slots import slot_of

ANN, BOB = "+9996621001", "+9996621002"


@pytest.mark.parametrize("name", ["abcde", "a_b_c", "A2345", "x" * 32])
def test_usernames_that_are_fit(name: str) -> None:
    assert shape_or_none(name) == name.lower()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "abcd",
        "x" * 33,
        "1abcd",
        "_abcd",
        "abcd_",
        "ab__cd",
        "ab-cd",
        "abcdé",
        "аbcdef",
        "abc de",
        "abcde\n",
    ],
)
def test_usernames_that_are_not(name: str) -> None:
    assert shape_or_none(name) is None


def test_a_username_is_taken_changed_and_given_up() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            bob, _ = await c.sign_up(BOB)
            names = c.services.names
            assert names.free("Ann_Lee")
            await names.set_username(ann, "Ann_Lee")
            await c.settle()
            assert names.peer_or_none("@ann_LEE") == ann
            assert c.services.users.get(ann).username == "Ann_Lee"
            assert not names.free("ann_lee")
            await refused(names.set_username(bob, "ANN_LEE"), "USERNAME_OCCUPIED")
            await refused(names.set_username(ann, "Ann_Lee"), "USERNAME_NOT_MODIFIED")
            await refused(names.set_username(ann, "x"), "USERNAME_INVALID")
            await refused(names.set_username(ann, "support"), "USERNAME_OCCUPIED")
            await names.set_username(ann, "ANN_lee")
            await c.settle()
            assert names.peer_or_none("ann_lee") == ann
            await names.set_username(ann, "ann_two")
            await c.settle()
            assert names.peer_or_none("ann_lee") is None
            await names.set_username(bob, "ann_lee")
            await names.set_username(ann, "")
            await c.settle()
            assert names.peer_or_none("ann_two") is None and names.free("ann_two")
            assert names.peer_or_none("ann_lee") == bob
            assert "support" in RESERVED and not names.free("support")
            with pytest.raises(RpcError):
                names.free("no")

    run(story())


def test_of_many_who_want_a_name_one_gets_it() -> None:
    async def story() -> None:
        async with community() as c:
            people = [(await c.sign_up(f"+99966210{n:02}"))[0] for n in range(5)]
            outcomes = await asyncio.gather(
                *(c.services.names.set_username(user_id, "wanted") for user_id in people),
                return_exceptions=True,
            )
            await c.settle()
            got = [one.id for one in outcomes if isinstance(one, r.User)]
            assert len(got) == 1 and c.services.names.peer_or_none("wanted") == got[0]
            assert {one.name for one in outcomes if isinstance(one, RpcError)} == {"USERNAME_OCCUPIED"}
            assert sum(c.services.users.get(user_id).username == "wanted" for user_id in people) == 1

    run(story())


def test_back_and_forth_keeps_the_name() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            for name in ("first", "second", "first", "second", "first"):
                await c.services.names.set_username(ann, name)  # without waiting for the outbox
            await c.settle()
            assert c.services.names.peer_or_none("first") == ann
            assert c.services.names.peer_or_none("second") is None
            assert c.store.read(slot_of("first")).get(NAMES, "first").confirmed

    run(story())


def test_a_claim_nobody_stands_behind_may_be_taken_after_a_minute() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            bob, _ = await c.sign_up(BOB)
            names = c.services.names
            await names.claim(
                "wanted", ann, "wanted", int(c.clock.now()), respelt=False
            )  # and then the power goes
            assert names.peer_or_none("wanted") is None and not names.free("wanted")
            await refused(names.set_username(bob, "wanted"), "USERNAME_OCCUPIED")
            c.clock.advance(61)
            assert names.free("wanted")
            await names.set_username(bob, "wanted")
            await c.settle()
            assert names.peer_or_none("wanted") == bob

    run(story())


def test_those_who_know_me_are_told() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            bob, _ = await c.sign_up(BOB)
            await c.services.contacts.add(bob, ann, "Annie", "", "", b"")
            await c.settle()
            c.heard.clear()
            await c.services.names.set_username(ann, "ann_lee")
            await c.services.users.update_profile(ann, "Anna", None, None)
            await c.settle()
            told = [(e.user_id, e.event) for e in c.heard if isinstance(e, Published)]
            change = ev.UserChanged(user_id=ann, what="name")
            assert told.count((ann, change)) == 2 and told.count((bob, change)) == 2

    run(story())
