"""Timers of groups; those of private chats are in test_scheduling.py."""

from __future__ import annotations

from tests.api.messages.test_chats import add, group, sound
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import talk
from tgserve.api.messages import expiry
from tgserve.tl import types as t
from tgserve.tl.functions import messages

SERVED = (expiry,)
DAY = 86_400


def test_messages_of_a_group_live_as_long_as_its_admins_say() -> None:
    """Whoever had read them, whoever came later: they go from every box at their time."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            await bob.send(chat, "stays")
            timer = messages.SetHistoryTTL(peer=bob.peer(chat), period=DAY)
            await refused("CHAT_ADMIN_REQUIRED", bob, timer)
            answer = await ann(messages.SetHistoryTTL(peer=ann.peer(chat), period=DAY))
            said = next(one for one in answer.updates if isinstance(one, t.UpdateNewMessage))
            assert said.message.action == t.MessageActionSetMessagesTTL(period=DAY)
            await refused("CHAT_NOT_MODIFIED", ann, messages.SetHistoryTTL(peer=ann.peer(chat), period=DAY))
            await refused("TTL_PERIOD_INVALID", ann, messages.SetHistoryTTL(peer=ann.peer(chat), period=-1))
            await add(ann, chat, eve)
            for person in (ann, bob, eve):
                assert (await person.line(chat)).ttl_period == DAY
                full = await person(messages.GetFullChat(chat_id=-chat))
                assert full.full_chat.ttl_period == DAY
            await bob.send(chat, "goes")
            (gone,) = [one for one in await eve.history(chat) if isinstance(one, t.Message)]
            assert (gone.message, gone.ttl_period) == ("goes", DAY)
            c.clock.advance(DAY - 1)
            await c.services.alarms.turn()
            await c.settle()
            assert await eve.texts(chat) == ["goes"]
            c.clock.advance(2)
            await c.services.alarms.turn()
            await c.settle()
            assert [await one.texts(chat) for one in (ann, bob, eve)] == [["stays"], ["stays"], []]
            sound(c)

    run(story())


def test_a_group_made_with_a_timer() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            wrong = messages.CreateChat(users=[], title="Short", ttl_period=-5)
            await refused("TTL_PERIOD_INVALID", ann, wrong)
            made = await ann(messages.CreateChat(users=[], title="Short", ttl_period=DAY))
            chat = -made.updates.chats[0].id
            assert (await ann.line(chat)).ttl_period == DAY
            await ann.send(chat, "goes")
            c.clock.advance(DAY + 1)
            await c.services.alarms.turn()
            await c.settle()
            assert await ann.texts(chat) == []

    run(story())
