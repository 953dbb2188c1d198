from __future__ import annotations

import asyncio
from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import Person, talk
from tgserve.api.messages import expiry, scheduling
from tgserve.services.alarms import WHEN_ONLINE, Alarms
from tgserve.store.check import check_store
from tgserve.tl import types as t
from tgserve.tl.functions import messages, updates

SERVED = (expiry, scheduling)
"""Importing them fills METHODS."""


async def later(person: Person, other: Person, text: str, date: int, **more: Any) -> int:
    """Schedule a text; its number."""
    request = messages.SendMessage(
        peer=person.peer(other), message=text, random_id=hash(text) or 1, schedule_date=date, **more
    )
    answer = await person(request)
    named, made = answer.updates
    assert isinstance(named, t.UpdateMessageID) and isinstance(made, t.UpdateNewScheduledMessage)
    assert (made.message.id, made.message.date, made.message.message) == (named.id, date, text)
    again = await person(request)
    assert again.updates[0] == named, "a repeat schedules nothing"
    return int(named.id)


async def waiting(person: Person, other: Person) -> list[Any]:
    found = await person(messages.GetScheduledHistory(peer=person.peer(other), hash=0))
    return list(found.messages)


def test_sent_on_time_and_not_before() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            now = int(c.clock.now())
            since = await ann(updates.GetState())
            first = await ann.send(bob, "first")
            one = await later(
                ann, bob, "in a minute", now + 60, reply_to=t.InputReplyToMessage(reply_to_msg_id=first)
            )
            two = await later(ann, bob, "in an hour", now + 3600)
            assert [m.id for m in await waiting(ann, bob)] == [two, one]
            assert await waiting(bob, ann) == [] and await bob.texts(ann) == ["first"]
            c.clock.advance(59)
            await c.services.alarms.turn()
            await c.settle()
            assert await bob.texts(ann) == ["first"]
            c.clock.advance(1)
            await c.services.alarms.turn()
            await c.settle()
            assert await bob.texts(ann) == ["in a minute", "first"]
            sent = (await ann.history(bob))[0]
            assert sent.from_scheduled and sent.date == now + 60 and sent.reply_to.reply_to_msg_id == first
            missed = await ann.device(2)(updates.GetDifference(pts=since.pts, date=now, qts=0))
            gone = [u for u in missed.other_updates if isinstance(u, t.UpdateDeleteScheduledMessages)]
            assert [(u.messages, u.sent_messages) for u in gone if u.sent_messages] == [([one], [sent.id])]
            made = [u.message.id for u in missed.other_updates if isinstance(u, t.UpdateNewScheduledMessage)]
            assert made == [two]
            assert (await asyncio.to_thread(check_store, c.store)).problems == []

    run(story())


def test_survives_a_restart() -> None:
    """A new heap is read from the rows; what was due meanwhile is sent late, once."""

    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await later(ann, bob, "patience", int(c.clock.now()) + 60)
            c.clock.advance(600)
            fresh = Alarms(c.store, c.clock, c.services.presence)
            fresh._handlers = c.services.alarms._handlers
            await fresh.turn()
            await c.settle()
            await c.services.alarms.turn()
            await c.settle()
            assert await bob.texts(ann) == ["patience"] and await waiting(ann, bob) == []

    run(story())


def test_edited_deleted_sent_at_once() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            now = int(c.clock.now())
            one = await later(ann, bob, "one", now + 60)
            two = await later(ann, bob, "two", now + 70)
            peer = ann.peer(bob)
            edit = messages.EditMessage(peer=peer, id=one, message="one, later", schedule_date=now + 600)
            (update,) = (await ann(edit)).updates
            assert (update.message.message, update.message.date) == ("one, later", now + 600)
            assert update.message.edit_date == now
            edit.message = None
            edit.schedule_date = now + 601
            c.clock.advance(1)
            (update,) = (await ann(edit)).updates
            assert (update.message.date, update.message.edit_date) == (
                now + 601,
                now,
            )  # its words are the same
            await refused(
                "MESSAGE_ID_INVALID",
                ann,
                messages.EditMessage(peer=peer, id=99, message="x", schedule_date=now + 600),
            )
            c.clock.advance(100)
            await c.services.alarms.turn()
            await c.settle()
            assert await bob.texts(ann) == ["two"]
            found = await ann(messages.GetScheduledMessages(peer=peer, id=[one, two]))
            assert found.messages[0].id == one and isinstance(found.messages[1], t.MessageEmpty)
            await ann(messages.SendScheduledMessages(peer=peer, id=[one]))
            assert await bob.texts(ann) == ["one, later", "two"]
            assert [one.edit_date for one in await bob.history(ann)] == [None, None]
            three = await later(ann, bob, "three", now + 900)
            (gone,) = (await ann(messages.DeleteScheduledMessages(peer=peer, id=[three]))).updates
            assert (gone.messages, gone.sent_messages) == ([three], None)
            c.clock.advance(5000)
            await c.services.alarms.turn()
            await c.settle()
            assert await bob.texts(ann) == ["one, later", "two"]
            late = messages.SendMessage(peer=peer, message="x", random_id=5, schedule_date=now + 86_400 * 500)
            await refused("SCHEDULE_DATE_TOO_LATE", ann, late)

    run(story())


def test_when_the_other_comes_online() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await later(ann, bob, "you are back", WHEN_ONLINE)
            await c.services.alarms.turn()
            await c.settle()
            assert await bob.texts(ann) == []
            c.services.presence.update_status(bob.id, offline=False)
            await c.services.alarms.turn()
            await c.settle()
            assert await bob.texts(ann) == ["you are back"]
            to_self = messages.SendMessage(
                peer=t.InputPeerSelf(), message="x", random_id=5, schedule_date=WHEN_ONLINE
            )
            await refused("SCHEDULE_STATUS_PRIVATE", ann, to_self)

    run(story())


def test_blocked_meanwhile() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await later(ann, bob, "too late", int(c.clock.now()) + 60)
            await c.services.contacts.block(bob.id, ann.id, True)
            await c.settle()
            c.clock.advance(61)
            await c.services.alarms.turn()
            await c.settle()
            assert await bob.texts(ann) == [] and await waiting(ann, bob) == []

    run(story())


def test_forwards_wait_too() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            msg_id = await ann.send(bob, "news")
            request = messages.ForwardMessages(
                from_peer=ann.peer(bob),
                id=[msg_id],
                random_id=[77],
                to_peer=ann.peer(eve),
                schedule_date=int(c.clock.now()) + 60,
            )
            answer = await ann(request)
            assert [type(u) for u in answer.updates] == [t.UpdateMessageID, t.UpdateNewScheduledMessage]
            c.clock.advance(61)
            await c.services.alarms.turn()
            await c.settle()
            (got,) = await eve.history(ann)
            assert got.message == "news" and got.fwd_from.from_id.user_id == ann.id

    run(story())


def test_what_would_come_again_and_again_is_refused() -> None:
    """It is for accounts with Premium; sent once without a word it would be missed the next day."""

    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            now = int(c.clock.now())
            number = await later(ann, bob, "once", now + 60, schedule_repeat_period=0)
            here = await ann.send(bob, "here")
            when = {"schedule_date": now + 60, "schedule_repeat_period": 86_400}
            peer = ann.peer(bob)
            dice = t.InputMediaDice(emoticon="🎲")
            question = t.TextWithEntities(text="?", entities=[])
            answers = [t.InputPollAnswer(text=t.TextWithEntities(text=one, entities=[])) for one in "ab"]
            poll = t.InputMediaPoll(poll=t.Poll(id=0, question=question, answers=answers, hash=0))
            asked: list[Any] = [
                messages.SendMessage(peer=peer, message="x", random_id=1, **when),
                messages.SendMessage(peer=peer, message="x", random_id=2, schedule_repeat_period=60),
                messages.SendMedia(peer=peer, media=dice, message="", random_id=3, **when),
                messages.SendMedia(peer=peer, media=poll, message="", random_id=4, **when),
                messages.ForwardMessages(from_peer=peer, to_peer=peer, id=[here], random_id=[5], **when),
                messages.EditMessage(peer=peer, id=number, message="x", **when),
                messages.EditMessage(peer=peer, id=here, message="x", schedule_repeat_period=60),
            ]
            for request in asked:
                await refused("PREMIUM_ACCOUNT_REQUIRED", ann, request)
            assert [m.message for m in await waiting(ann, bob)] == ["once"]
            assert await bob.texts(ann) == ["here"]

    run(story())


def test_timer_of_a_chat() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "stays")
            since = await bob(updates.GetState())
            answer = await ann(messages.SetHistoryTTL(peer=ann.peer(bob), period=86_400))
            assert answer.updates[0].ttl_period == 86_400
            assert answer.updates[1].message.action == t.MessageActionSetMessagesTTL(period=86_400)
            missed = await bob(updates.GetDifference(pts=since.pts, date=since.date, qts=0))
            assert any(isinstance(u, t.UpdatePeerHistoryTTL) for u in missed.other_updates)
            assert (await bob.line(ann)).ttl_period == (await ann.line(bob)).ttl_period == 86_400
            await refused("CHAT_NOT_MODIFIED", ann, messages.SetHistoryTTL(peer=ann.peer(bob), period=86_400))
            await refused("TTL_PERIOD_INVALID", ann, messages.SetHistoryTTL(peer=ann.peer(bob), period=-1))
            goes = await ann.send(bob, "goes")
            back = await bob.send(ann, "goes too")
            await bob(messages.DeleteMessages(id=[back]))  # for himself: it goes from the other all the same
            assert (await ann.history(bob))[0].ttl_period == 86_400 and goes
            c.clock.advance(86_399)
            await c.services.alarms.turn()
            await c.settle()
            assert len(await ann.history(bob)) == 4
            c.clock.advance(1)
            await c.services.alarms.turn()
            await c.settle()
            assert await ann.texts(bob) == await bob.texts(ann) == ["stays"]
            assert (await asyncio.to_thread(check_store, c.store)).problems == []

    run(story())


def test_timer_of_new_chats() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await ann.send(bob, "old chat")
            assert await ann(messages.SetDefaultHistoryTTL(period=604_800))
            assert (await ann(messages.GetDefaultHistoryTTL())).period == 604_800
            await ann.send(bob, "stays")
            await ann.send(eve, "goes")
            assert (await ann.line(bob)).ttl_period is None
            assert (await ann.line(eve)).ttl_period == (await eve.line(ann)).ttl_period == 604_800
            (got,) = await eve.history(ann)
            assert got.ttl_period == 604_800

    run(story())
