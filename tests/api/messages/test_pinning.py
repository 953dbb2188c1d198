from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.messages.test_chats import group
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import place, sound
from tests.talk import Person, talk
from tgserve.errors import StoreFull
from tgserve.store.check import check_store
from tgserve.tl import types as t
from tgserve.tl.functions import messages, updates


def pin(person: Person, other: Person, msg_id: int, **more: Any) -> messages.UpdatePinnedMessage:
    return messages.UpdatePinnedMessage(peer=person.peer(other), id=msg_id, **more)


async def pinned(person: Person, other: Person | int, **more: Any) -> list[int]:
    zeros = dict.fromkeys(("min_date", "max_date", "offset_id", "add_offset", "max_id", "min_id", "hash"), 0)
    found = await person(
        messages.Search(
            peer=person.peer(other),
            q="",
            filter=t.InputMessagesFilterPinned(),
            **{**zeros, "limit": 10, **more},
        )
    )
    assert all(one.pinned for one in found.messages)
    return [one.id for one in found.messages]


def test_pinned_for_both_with_a_notice() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await bob.send(ann, "shifts the numbers")
            await ann.send(ann, "and these")
            one = await ann.send(bob, "one")
            two = await ann.send(bob, "two")
            before = (await bob(updates.GetState())).pts
            answer = await ann(pin(ann, bob, one))
            first, second = answer.updates
            assert first.messages == [one] and first.pinned and second.pts == first.pts + 1
            assert isinstance(second.message.action, t.MessageActionPinMessage)
            assert second.message.reply_to.reply_to_msg_id == one
            missed = await bob(updates.GetDifference(pts=before, date=int(c.clock.now()), qts=0))
            update = next(u for u in missed.other_updates if isinstance(u, t.UpdatePinnedMessages))
            assert update.pinned and await pinned(bob, ann) == update.messages
            notice = missed.new_messages[-1]
            assert notice.reply_to.reply_to_msg_id == update.messages[0]
            again = await ann(pin(ann, bob, one))
            assert again.updates == []
            await ann(pin(ann, bob, two, silent=True))
            assert await pinned(ann, bob) == [two, one]
            assert await pinned(ann, bob, offset_id=two) == [one]
            assert await pinned(ann, bob, limit=1) == [two]
            await ann(pin(ann, bob, one, unpin=True))
            assert await pinned(ann, bob) == [two]
            assert len(await pinned(bob, ann)) == 1
            await ann(messages.DeleteMessages(id=[two], revoke=True))
            assert await pinned(ann, bob) == [] and await pinned(bob, ann) == []
            assert (await asyncio.to_thread(check_store, c.store)).problems == []

    run(story())


def test_pinned_for_oneself() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            one = await ann.send(bob, "one")
            answer = await ann(pin(ann, bob, one, pm_oneside=True))
            assert [type(u) for u in answer.updates] == [t.UpdatePinnedMessages]
            assert await pinned(ann, bob) == [one] and await pinned(bob, ann) == []
            note = await ann.send(ann, "note")
            assert len((await ann(pin(ann, ann, note))).updates) == 1
            await refused("MESSAGE_ID_INVALID", ann, pin(ann, eve, one))
            await refused("MESSAGE_ID_INVALID", ann, pin(ann, bob, 4711))
            done = await ann(messages.UnpinAllMessages(peer=ann.peer(bob)))
            assert (done.pts_count, done.offset) == (1, 0) and await pinned(ann, bob) == []
            done = await ann(messages.UnpinAllMessages(peer=ann.peer(bob)))
            assert done.pts_count == 0
            assert (await asyncio.to_thread(check_store, c.store)).problems == []

    run(story())


@pytest.mark.parametrize("where", ["private", "group", "supergroup"])
def test_a_pin_and_what_tells_of_it_are_one_commit(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills takes both or neither: who is told that it is full has pinned nothing."""

    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            peer: Any = ann.peer(bob)
            if where == "group":
                peer = t.InputPeerChat(chat_id=-await group(ann, bob))
            elif where == "supergroup":
                peer = (await place(c, ann, bob)).peer(ann)
            post = messages.SendMessage(peer=peer, message="one", random_id=7)
            one = _id_of(await ann(post))
            asked = messages.UpdatePinnedMessage(peer=peer, id=one)
            kept, room = c.store.transact, 0

            def transact(slot: int, fn: Any) -> Any:
                nonlocal room
                asker = getattr(fn, "func", fn).__module__.startswith("tgserve.services.")
                if asker and (room := room - 1) < 0:
                    raise StoreFull("no room")
                return kept(slot, fn)

            monkeypatch.setattr(c.store, "transact", transact)
            with pytest.raises(StoreFull):
                await ann(asked)
            room = 1
            done = await ann(asked)
            monkeypatch.setattr(c.store, "transact", kept)
            pin, notice = done.updates
            assert pin.messages == [one] and pin.pinned and notice.pts == pin.pts + 1
            assert isinstance(notice.message.action, t.MessageActionPinMessage)
            assert notice.message.reply_to.reply_to_msg_id == one
            await c.settle()
            assert (await ann(asked)).updates == []
            sound(c)

    run(story())


def test_who_may_pin_and_not_write_pins_without_a_word() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            chat = await group(ann, bob)
            peer = t.InputPeerChat(chat_id=-chat)
            one = _id_of(await bob(messages.SendMessage(peer=peer, message="one", random_id=7)))
            quiet = t.ChatBannedRights(until_date=0, send_messages=True, send_plain=True)
            await ann(messages.EditChatDefaultBannedRights(peer=peer, banned_rights=quiet))
            [pin] = (await bob(messages.UpdatePinnedMessage(peer=peer, id=one))).updates
            assert pin.messages == [one] and pin.pinned
            await c.settle()
            assert len(await pinned(ann, chat)) == 1
            assert not any(
                isinstance(m, t.MessageService) and isinstance(m.action, t.MessageActionPinMessage)
                for m in await ann.history(chat)
            )

    run(story())


def _id_of(answer: Any) -> int:
    if isinstance(answer, t.UpdateShortSentMessage):
        return answer.id
    return next(one.id for one in answer.updates if isinstance(one, t.UpdateMessageID))
