"""Several usernames of a channel: its own, and those the operator gives; who finds it by which."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import Place, place, publish
from tests.talk import Person, talk
from tgserve import errors
from tgserve.tl import types as t
from tgserve.tl.functions import channels, contacts, messages


def names_of(seen: Any) -> list[tuple[str, bool, bool]]:
    return [(one.username, one.editable, one.active) for one in seen.usernames or []]


async def look(here: Place, who: Person) -> Any:
    return (await who(channels.GetChannels(id=[here.input(who)]))).chats[0]


async def finds(who: Person, name: str) -> bool:
    try:
        return bool((await who(contacts.ResolveUsername(username=name))).chats)
    except errors.RpcError as refusal:
        assert refusal.name == "USERNAME_NOT_OCCUPIED"
        return False


def toggle(here: Place, who: Person, name: str, active: bool) -> channels.ToggleUsername:
    return channels.ToggleUsername(channel=here.input(who), username=name, active=active)


def test_given_names_stand_beside_its_own_are_hidden_and_put_in_order() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, megagroup=False)
            give = c.services.channels.publicity.give
            await give(here.id, "Singers")
            assert names_of(await look(here, bob)) == [("Singers", False, True)]
            assert await finds(eve, "singers"), "a given name alone makes it public"
            await publish(here, ann, "the_choir")
            await give(here.id, "basses")
            assert names_of(await look(here, bob)) == [
                ("the_choir", True, True),
                ("Singers", False, True),
                ("basses", False, True),
            ]
            assert [await finds(eve, name) for name in ("the_choir", "SINGERS", "basses")] == [True] * 3
            assert await ann(toggle(here, ann, "singers", False)) is True
            await refused("USERNAME_NOT_MODIFIED", ann, toggle(here, ann, "singers", False))
            await refused("USERNAME_NOT_MODIFIED", ann, toggle(here, ann, "the_choir", False))
            await refused("USERNAME_INVALID", ann, toggle(here, ann, "somebody_else", True))
            await refused("CHAT_ADMIN_REQUIRED", bob, toggle(here, bob, "basses", False))
            assert names_of(await look(here, ann))[1] == ("Singers", False, False)
            for order in (["basses"], ["basses", "the_choir", "singers"], ["basses", "basses"]):
                asked = channels.ReorderUsernames(channel=here.input(ann), order=order)
                await refused("USERNAME_INVALID", ann, asked)
            asked = channels.ReorderUsernames(channel=here.input(ann), order=["basses", "the_choir"])
            assert await ann(asked) is True
            assert [one[0] for one in names_of(await look(here, bob))] == ["basses", "the_choir", "Singers"]
            await ann(channels.UpdateUsername(channel=here.input(ann), username="a_choir"))
            assert [one[:2] for one in names_of(await look(here, bob))] == [
                ("basses", False),
                ("a_choir", True),
                ("Singers", False),
            ]
            await ann(channels.UpdateUsername(channel=here.input(ann), username=""))
            assert not await finds(eve, "a_choir") and await finds(eve, "basses")
            assert await ann(channels.DeactivateAllUsernames(channel=here.input(ann))) is True
            assert await ann(channels.DeactivateAllUsernames(channel=here.input(ann))) is True
            await refused(
                "CHAT_ADMIN_REQUIRED", bob, channels.DeactivateAllUsernames(channel=here.input(bob))
            )
            assert [one[2] for one in names_of(await look(here, bob))] == [False, False]
            link = await bob(channels.ExportMessageLink(channel=here.input(bob), id=1))
            assert "/c/" in link.link, "without an active name it is private"
            log = await ann(
                channels.GetAdminLog(channel=here.input(ann), q="", max_id=0, min_id=0, limit=100)
            )
            changes = [
                (one.action.prev_value, one.action.new_value)
                for one in log.events
                if isinstance(one.action, t.ChannelAdminLogEventActionChangeUsernames)
            ]
            assert changes[0] == (["basses"], []) and changes[-1] == ([], ["Singers"])

    run(story())


def test_a_hidden_name_leads_nobody_in_and_is_nobody_elses() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            give, take = c.services.channels.publicity.give, c.services.channels.publicity.take
            await give(here.id, "singers")
            await ann(toggle(here, ann, "singers", False))
            assert not await finds(eve, "singers")
            with pytest.raises(errors.RpcError, match="CHANNEL_PRIVATE"):
                await eve(
                    messages.GetHistory(
                        peer=here.peer(eve),
                        offset_id=0,
                        offset_date=0,
                        add_offset=0,
                        limit=1,
                        max_id=0,
                        min_id=0,
                        hash=0,
                    )
                )
            other = await place(c, eve)
            with pytest.raises(errors.RpcError, match="USERNAME_OCCUPIED"):
                await give(other.id, "SINGERS")
            for name, why in (("no", "USERNAME_INVALID"), ("admin", "USERNAME_OCCUPIED")):
                with pytest.raises(errors.RpcError, match=why):
                    await give(other.id, name)
            with pytest.raises(errors.RpcError, match="USERNAME_NOT_MODIFIED"):
                await give(here.id, "Singers")
            with pytest.raises(errors.RpcError, match="USERNAME_NOT_OCCUPIED"):
                await take(here.id, "basses")
            await take(here.id, "Singers")
            await c.settle()
            assert names_of(await look(here, ann)) == []
            await give(other.id, "singers")
            assert await finds(bob, "singers")
            for number in range(19):
                await give(other.id, f"further_{number}")
            with pytest.raises(errors.RpcError, match="USERNAMES_ACTIVE_TOO_MUCH"):
                await give(other.id, "one_too_many")
            await eve(channels.DeleteChannel(channel=other.input(eve)))
            await c.settle()
            await give(here.id, "further_7")
            assert await finds(eve, "further_7")

    run(story())
