"""The check finds nothing in what channels write, and finds every kind of damage to them (DISK.md I31 to I35)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.community import Community
from tests.places import Place, place, publish
from tests.talk import Person, talk
from tgserve.store import channel_records as c
from tgserve.store import keyspaces as k
from tgserve.store import records as r
from tgserve.store.check import Report, check_store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages


async def _life(world: Community, ann: Person, bob: Person, eve: Person, kim: Person) -> Place:
    """A supergroup with an admin, one who is restricted, one removed, one who asks to come in; mentions, views."""
    here = await place(world, ann, bob, eve, kim)
    await here.promote(ann, bob, delete_messages=True)
    await here.ban(ann, eve, send_polls=True)
    named: list[Any] = [t.InputMessageEntityMentionName(offset=0, length=3, user_id=_user(ann, bob))]
    first = await here.post(ann, "Bob, look", entities=named)
    answer = t.InputReplyToMessage(reply_to_msg_id=first)
    await here.post(eve, "an answer", reply_to=answer)
    gone = await here.post(kim, "an answer that goes", reply_to=answer)
    await here.post(kim, "something else")
    await kim(channels.DeleteMessages(channel=here.input(kim), id=[gone]))
    await ann(messages.UpdatePinnedMessage(peer=here.peer(ann), id=first))
    await publish(here, ann, "a_place_to_check")
    world.services.channels.counters.view(bob.id, here.id, [first])
    await world.services.channels.counters.flush()
    await here.ban(ann, kim, view_messages=True)
    link = world.services.channels.doors.primary_or_none(ann.id, here.id)
    assert link is not None
    await world.settle()
    return here


def _user(who: Person, other: Person) -> t.InputUser:
    return t.InputUser(user_id=other.id, access_hash=who.c.services.views.user_hash(who.id, other.id))


def _story(damage: Callable[[Community, Place, list[Person]], Any] | None) -> Report:
    reports: list[Report] = []

    async def story() -> None:
        async with talk(5) as (world, people):
            ann, bob, eve, kim, joe = people
            here = await _life(world, ann, bob, eve, kim)
            await world.services.channels.doors.ask(joe.id, here.id)
            if damage is not None:
                await damage(world, here, people)
            reports.append(check_store(world.store))

    asyncio.run(story())
    return reports[0]


def test_what_channels_write_holds() -> None:
    report = _story(None)
    assert [str(problem) for problem in report.problems] == []
    counted = {
        "channels",
        "participants",
        "by_role",
        "joined",
        "channel_mentions",
        "post_stats",
        "thread_rows",
    }
    assert counted <= set(report.by_keyspace)


def test_a_deleted_channel_holds() -> None:
    async def delete(world: Community, here: Place, people: list[Person]) -> None:
        await people[0](channels.DeleteChannel(channel=here.input(people[0])))
        await world.settle()

    report = _story(delete)
    assert [str(problem) for problem in report.problems] == []
    assert not {"participants", "by_role", "channel_mentions"} & set(report.by_keyspace)


def _count(**changes: Any) -> Callable[[Txn, int, int], None]:
    def damage(txn: Txn, here: int, user: int) -> None:
        record = txn.get(k.CHANNELS, here)
        assert record is not None
        txn.put(k.CHANNELS, here, value=replace(record, **changes))

    return damage


def _seat(**changes: Any) -> Callable[[Txn, int, int], None]:
    def damage(txn: Txn, here: int, user: int) -> None:
        seat = txn.get(k.PARTICIPANTS, here, user)
        assert seat is not None
        txn.put(k.PARTICIPANTS, here, user, value=replace(seat, **changes))

    return damage


def _last(keyspace: Any, *more: Any) -> Callable[[Txn, int, int], None]:
    """The last row of the channel (or, in the user's slot, of him) is gone."""

    def damage(txn: Txn, here: int, user: int) -> None:
        owner = here if txn.slot == slot_of(here) else user
        found = txn.last(keyspace, owner, *more)
        assert found is not None
        txn.delete(keyspace, *found[0])

    return damage


def _thread(txn: Txn, here: int, user: int) -> None:
    found = txn.last(k.THREADS, here)
    assert found is not None
    txn.put(k.THREADS, *found[0], value=replace(found[1], replies=77))


Damage = tuple[str, str, Callable[[Txn, int, int], None]]
DAMAGES: dict[str, Damage] = {
    "members counted wrongly": ("I31", "channel", _count(members=9)),
    "admins counted wrongly": ("I31", "channel", _count(admins=9)),
    "removed ones counted wrongly": ("I31", "channel", _count(kicked=9)),
    "restricted ones counted wrongly": ("I31", "channel", _count(restricted=9)),
    "requests counted wrongly": ("I31", "channel", _count(pending=0)),
    "a name nobody claimed": ("I15", "channel", _count(usernames=(("another_place", True),))),
    "a photo that is not there": ("I26", "channel", lambda txn, here, user: _photo(txn, here)),
    "an admin who is not listed": (
        "I31",
        "channel",
        lambda txn, here, user: txn.delete(k.BY_ROLE, here, 1, user),
    ),
    "a listed one who is none": (
        "I31",
        "channel",
        lambda txn, here, user: txn.put(k.BY_ROLE, here, 3, user, value=b""),
    ),
    "a seat of no channel": ("I31", "channel", lambda txn, here, user: txn.delete(k.CHANNELS, here)),
    "a member who does not know": ("I32", "user", _last(k.JOINED)),
    "a member without a chat": ("I32", "user", _last(k.DIALOGS)),
    "one who is out and does not know": ("I32", "channel", _seat(state=c.LEFT, admin=0)),
    "a mention by nothing": (
        "I33",
        "user",
        lambda txn, here, user: txn.put(k.CHANNEL_MENTIONS, user, here, 999, value=b""),
    ),
    "a mention that is not counted": ("I12", "user", _last(k.CHANNEL_MENTIONS)),
    "views of nothing": (
        "I34",
        "channel",
        lambda txn, here, user: txn.put(k.POST_STATS, here, 999, value=c.PostStats(1)),
    ),
    "copies of nothing": (
        "I37",
        "channel",
        lambda txn, here, user: txn.put(k.PASSED_ON, here, 999, here, 1, value=b""),
    ),
    "figures of a supergroup": (
        "I37",
        "channel",
        lambda txn, here, user: txn.put(k.DAYS, here, 5, value=c.Day(3)),
    ),
    "a thread counted wrongly": ("I35", "channel", _thread),
    "a thread's message that is none": (
        "I35",
        "channel",
        lambda txn, here, user: txn.put(k.THREAD_ROWS, here, 5, 999, value=bytes(16)),
    ),
    "a post without its body": ("I11", "channel", _last(k.BODIES)),
    "a post gone from the list": ("I10", "channel", _last(k.PEER_ROWS)),
    "a pin that is none": ("I17", "channel", _last(k.PINS)),
    "a box whose newest is another": (
        "I12",
        "channel",
        lambda txn, here, user: txn.put(k.DIALOGS, here, here, value=_top(txn, here)),
    ),
}


def _photo(txn: Txn, here: int) -> None:
    from_ = txn.get(k.CHANNELS, here)
    assert from_ is not None
    txn.put(k.CHANNELS, here, value=replace(from_, photo=r.Shot(5)))


def _top(txn: Txn, here: int) -> r.Dialog:
    dialog = txn.get(k.DIALOGS, here, here)
    assert dialog is not None
    return replace(dialog, top_message=3000)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_to_a_channel_is_found(name: str) -> None:
    rule, where, damage = DAMAGES[name]

    async def do(world: Community, here: Place, people: list[Person]) -> None:
        user = people[1].id
        slot = slot_of(here.id if where == "channel" else user)
        await world.store.transact(slot, lambda txn: damage(txn, here.id, user))

    report = _story(do)
    assert rule in {problem.rule for problem in report.problems}, [str(one) for one in report.problems]
