from __future__ import annotations

from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import Person, talk
from tgserve import limits
from tgserve.services.deleting import SLICE
from tgserve.services.messaging import Draft
from tgserve.store import events as ev
from tgserve.store.check import check_store
from tgserve.store.eventlog import Published
from tgserve.tl import types as t
from tgserve.tl.functions import messages


def _edit(person: Person, other: Any, msg_id: int, text: str | None, **more: Any) -> messages.EditMessage:
    return messages.EditMessage(peer=person.peer(other), id=msg_id, message=text, **more)


def test_an_edit_reaches_both_boxes() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await bob.send(bob, "note")
            await ann.send(bob, "frist")
            c.clock.advance(30)
            answer = await ann(_edit(ann, bob, 1, "first"))
            (update,) = answer.updates
            assert isinstance(update, t.UpdateEditMessage) and (update.pts, update.pts_count) == (3, 1)
            assert update.message.message == "first" and update.message.edit_date == int(c.clock.now())
            assert await bob.texts(ann) == ["first"]
            told = [p for p in c.heard if isinstance(p, Published) and p.user_id == bob.id][-1]
            assert told.event == ev.EditMessage(2) and told.memo.body.text == b"first"

    run(story())


def test_edit_refusals() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await ann.send(bob, "mine")
            await ann.send(ann, "note")
            await bob.send(eve, "x")
            edit_data = messages.GetMessageEditData
            await refused("MESSAGE_NOT_MODIFIED", ann, _edit(ann, bob, 1, " mine "))
            await refused("MESSAGE_NOT_MODIFIED", ann, _edit(ann, bob, 1, None))
            await refused("MESSAGE_EMPTY", ann, _edit(ann, bob, 1, " "))
            await refused("MESSAGE_TOO_LONG", ann, _edit(ann, bob, 1, "x" * 4097))
            await refused("MESSAGE_ID_INVALID", ann, _edit(ann, bob, 99, "x"))
            await refused("MESSAGE_ID_INVALID", ann, _edit(ann, eve, 1, "x"))
            await refused("MESSAGE_AUTHOR_REQUIRED", bob, _edit(bob, ann, 1, "x"))
            await refused("MESSAGE_AUTHOR_REQUIRED", bob, edit_data(peer=bob.peer(ann), id=1))
            assert await ann(edit_data(peer=ann.peer(bob), id=1)) == t.MessagesMessageEditData()
            media = t.InputMediaPhoto(id=t.InputPhotoEmpty())
            await refused("MEDIA_EMPTY", ann, _edit(ann, bob, 1, "x", media=media))
            forward = messages.ForwardMessages(
                from_peer=bob.peer(ann), id=[1], to_peer=bob.peer(eve), random_id=[8]
            )
            await bob(forward)
            await refused("MESSAGE_AUTHOR_REQUIRED", bob, _edit(bob, eve, 3, "forged"))
            c.clock.advance(limits.EDIT_SECONDS + 1)
            await refused("MESSAGE_EDIT_TIME_EXPIRED", ann, _edit(ann, bob, 1, "late"))
            await ann(_edit(ann, ann, 2, "notes may be edited for ever"))

    run(story())


def test_delete_for_me_and_for_both() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            for text in ("1", "2", "3", "4"):
                await ann.send(bob, text)
            gone = await bob(messages.DeleteMessages(id=[1, 2, 2, 99]))
            assert gone == t.MessagesAffectedMessages(pts=7, pts_count=2)
            assert await bob.texts(ann) == ["4", "3"] and len(await ann.texts(bob)) == 4
            assert await bob(messages.DeleteMessages(id=[1])) == t.MessagesAffectedMessages(
                pts=7, pts_count=0
            )
            await bob(messages.DeleteMessages(id=[3], revoke=True))  # either side may, in a private chat
            assert await bob.texts(ann) == ["4"] and await ann.texts(bob) == ["4", "2", "1"]
            told = [p for p in c.heard if isinstance(p, Published) and p.user_id == ann.id][-1]
            assert (told.event, told.pts_count) == (ev.DeleteMessages((3,)), 1)
            await ann(messages.DeleteMessages(id=[1, 2, 4], revoke=True))
            assert await bob.texts(ann) == [] and await ann.texts(bob) == []
            line = await bob.line(ann)
            assert (line.top_message, line.unread_count) == (0, 0)
            await refused("MESSAGE_IDS_EMPTY", ann, messages.DeleteMessages(id=[]))
            await refused("LIMIT_INVALID", ann, messages.DeleteMessages(id=[1] * 101))

    run(story())


def _clear(person: Person, other: Any, max_id: int = 0, **more: Any) -> messages.DeleteHistory:
    return messages.DeleteHistory(peer=person.peer(other), max_id=max_id, **more)


async def _listed(person: Person) -> list[int]:
    found = await person(
        messages.GetDialogs(offset_date=0, offset_id=0, offset_peer=t.InputPeerEmpty(), limit=100, hash=0)
    )
    return [line.peer.user_id for line in found.dialogs]


def test_history_goes_in_slices() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            for number in range(SLICE + 5):
                await c.services.messaging.send(ann.id, bob.id, Draft(b"%d" % number), 5000 + number)
            await c.settle()
            first = await ann(_clear(ann, bob))
            assert (first.pts_count, first.offset > 0) == (SLICE, True)
            rest = await ann(_clear(ann, bob))
            assert (rest.pts_count, rest.offset) == (5, 0)
            assert await _listed(ann) == [] and await _listed(bob) == [ann.id]
            assert len(await bob.texts(ann)) == 100
            await bob.send(ann, "back")
            assert await _listed(ann) == [bob.id]

    run(story())


def test_history_up_to_an_id_by_date_and_for_both() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            dates = []
            for text in ("1", "2", "3", "4", "5"):
                c.clock.advance(10)
                dates.append(int(c.clock.now()))
                await ann.send(bob, text)
            await ann(_clear(ann, bob, 2))
            assert await ann.texts(bob) == ["5", "4", "3"]
            await bob(_clear(bob, ann, min_date=dates[1], max_date=dates[2]))
            assert await bob.texts(ann) == ["5", "4", "1"]
            await bob(_clear(bob, ann, revoke=True))
            assert await ann.texts(bob) == ["3"] and await bob.texts(ann) == []
            await ann(_clear(ann, bob, revoke=True))
            assert await ann.texts(bob) == []

    run(story())


def test_a_cleared_chat_stays_in_the_list() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            await ann.send(bob, "x")
            await ann(_clear(ann, bob, just_clear=True))
            (mark,) = await ann.history(bob)
            assert isinstance(mark, t.MessageService)
            assert mark.action == t.MessageActionHistoryClear()
            assert await _listed(ann) == [bob.id]
            assert (await ann.line(bob)).unread_count == 0

    run(story())


def test_a_group_is_cleared_for_everybody_as_far_as_one_may() -> None:
    """SECURITY 6.3: a member's revoke takes his own messages from all, others' only from his own box."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            made = await ann(
                messages.CreateChat(
                    users=[
                        t.InputUser(user_id=bob.id, access_hash=c.services.views.user_hash(ann.id, bob.id))
                    ],
                    title="G",
                )
            )
            chat = -made.updates.chats[0].id
            await ann.send(chat, "ann's")
            await bob.send(chat, "bob's")
            await bob(_clear(bob, chat, revoke=True))
            assert await bob.texts(chat) == [] and await ann.texts(chat) == ["ann's"]
            await bob.send(chat, "again")
            await ann(_clear(ann, chat, revoke=True))
            assert await bob.texts(chat) == [] and await ann.texts(chat) == []
            assert check_store(c.store).problems == []

    run(story())
