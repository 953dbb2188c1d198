from __future__ import annotations

from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import talk
from tgserve.services.bus import Typing
from tgserve.services.messaging import Draft
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages


def test_typing_is_told_and_not_kept() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            told: list[Any] = []
            c.services.bus.subscribe_ephemeral(lambda users, news: told.append((set(users), news)))
            typing = messages.SetTyping(peer=ann.peer(bob), action=t.SendMessageTypingAction())
            heard = list(c.heard)
            assert await ann(typing) is True
            action = layers.encode(t.SendMessageTypingAction())
            assert told == [({bob.id}, Typing(ann.id, action, layers.since(t.SendMessageTypingAction.ID)))]
            assert c.heard == heard
            await ann(messages.SetTyping(peer=ann.peer(ann), action=t.SendMessageTypingAction()))
            await c.services.contacts.block(bob.id, ann.id, True)
            assert await ann(typing) is True
            assert len(told) == 1

    run(story())


def test_voice_notes_are_heard_on_both_sides() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "text")
            media = layers.encode(t.MessageMediaDocument(voice=True))
            await c.services.messaging.send(ann.id, bob.id, Draft(b"", media=media, media_unread=True), 9)
            await c.settle()
            for person, other in ((ann, bob), (bob, ann)):
                view = c.services.history.message_or_none(person.id, 2)
                assert view is not None and view.row.flags & r.ROW_MEDIA_UNREAD, other
            done = await bob(messages.ReadMessageContents(id=[1, 2, 2, 77]))
            assert (done.pts, done.pts_count) == (4, 1)
            for person in (ann, bob):
                view = c.services.history.message_or_none(person.id, 2)
                assert view is not None and not view.row.flags & r.ROW_MEDIA_UNREAD
                told = [p for p in c.heard if isinstance(p, Published) and p.user_id == person.id]
                assert any(isinstance(p.event, ev.ReadContents) and p.event.msg_ids == (2,) for p in told)
            again = await bob(messages.ReadMessageContents(id=[2]))
            assert (again.pts, again.pts_count) == (4, 0)
            mine = await ann(messages.ReadMessageContents(id=[2]))
            assert mine.pts_count == 0, "one's own is not listened to"
            await refused("LIMIT_INVALID", ann, messages.ReadMessageContents(id=[1] * 101))

    run(story())


def test_small_answers() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            assert await ann(messages.ReceivedMessages(max_id=5)) == []
            assert (await ann(messages.ReadMentions(peer=ann.peer(bob)))).pts == 1
            assert (await ann(messages.ReadReactions(peer=ann.peer(bob)))).pts_count == 0
            mentions = messages.GetUnreadMentions(
                peer=ann.peer(bob), offset_id=0, add_offset=0, limit=10, max_id=0, min_id=0
            )
            assert (await ann(mentions)).messages == []

    run(story())
