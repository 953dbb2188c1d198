from __future__ import annotations

from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import Person, talk
from tgserve.tl import types as t
from tgserve.tl.functions import messages


def _history(person: Person, other: Any, **where: Any) -> messages.GetHistory:
    zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "limit", "max_id", "min_id", "hash"), 0)
    return messages.GetHistory(peer=person.peer(other), **{**zeros, **where})


def test_pages_and_their_size() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            for number in range(5):
                await ann.send(bob, str(number))
            whole = await ann(_history(ann, bob, limit=100))
            assert isinstance(whole, t.MessagesMessages) and len(whole.messages) == 5
            part = await ann(_history(ann, bob, limit=2))
            assert isinstance(part, t.MessagesMessagesSlice) and part.count == 5
            assert {u.id for u in part.users} == {ann.id, bob.id}
            none = await ann(_history(ann, bob, limit=0))
            assert (none.count, none.messages) == (5, [])
            beyond = await ann(_history(ann, bob, limit=1_000_000))
            assert len(beyond.messages) == 5
            await refused("LIMIT_INVALID", ann, _history(ann, bob, limit=-1))
            await refused("OFFSET_INVALID", ann, _history(ann, bob, limit=1, add_offset=2**31 - 1))

    run(story())


def test_6_4_other_peoples_ids_are_empty_messages() -> None:
    """SECURITY 6.4"""

    async def story() -> None:
        async with talk(3) as (_, (ann, bob, eve)):
            await ann.send(bob, "private")
            asked = messages.GetMessages(id=[t.InputMessageID(id=1), t.InputMessagePinned()])
            assert (await eve(asked)).messages == [t.MessageEmpty(id=1), t.MessageEmpty(id=0)]
            assert (await bob(asked)).messages[0].message == "private"
            await refused("LIMIT_INVALID", eve, messages.GetMessages(id=[t.InputMessageID(id=1)] * 101))

    run(story())


def test_views_are_for_channels() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            asked = messages.GetMessagesViews(peer=ann.peer(bob), id=[1, 2], increment=True)
            assert (await ann(asked)).views == [t.MessageViews(), t.MessageViews()]

    run(story())


def test_saved_messages_by_origin() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            await bob.send(ann, "from bob")
            await ann.send(ann, "note 1")
            forward = messages.ForwardMessages(
                from_peer=ann.peer(bob), id=[1], to_peer=t.InputPeerSelf(), random_id=[1]
            )
            await ann(forward)
            await ann.send(ann, "note 2")
            asked = messages.GetSavedDialogs(
                offset_date=0, offset_id=0, offset_peer=t.InputPeerEmpty(), limit=10, hash=0
            )
            found = await ann(asked)
            assert [(d.peer.user_id, d.top_message) for d in found.dialogs] == [(ann.id, 4), (bob.id, 3)]
            zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
            part = await ann(messages.GetSavedHistory(peer=ann.peer(bob), limit=10, **zeros))
            assert [m.message for m in part.messages] == ["from bob"]
            notes = await ann(messages.GetSavedHistory(peer=t.InputPeerSelf(), limit=10, **zeros))
            assert [m.message for m in notes.messages] == ["note 2", "note 1"]

    run(story())


def _search(person: Person, other: Any, text: str, what: Any = None, **more: Any) -> messages.Search:
    zeros = dict.fromkeys(("min_date", "max_date", "offset_id", "add_offset", "max_id", "min_id", "hash"), 0)
    kind = what or t.InputMessagesFilterEmpty()
    return messages.Search(peer=person.peer(other), q=text, filter=kind, **{**zeros, "limit": 10, **more})


def test_searching_a_chat() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "Straße and example.com")
            c.clock.advance(10)
            await bob.send(ann, "no such thing")
            contact = t.InputMediaContact(phone_number="1", first_name="C", last_name="", vcard="")
            await ann(messages.SendMedia(peer=ann.peer(bob), media=contact, message="", random_id=10**9))

            async def ids(*args: Any, **more: Any) -> list[int]:
                return [m.id for m in (await ann(_search(ann, bob, *args, **more))).messages]

            assert await ids("strasse") == [1]
            assert await ids("  SUCH   thing") == [2]
            assert await ids("") == [3, 2, 1]
            assert await ids("", t.InputMessagesFilterUrl()) == [1]
            assert await ids("", t.InputMessagesFilterContacts()) == [3]
            assert await ids("", t.InputMessagesFilterPhotos()) == []
            assert await ids("", from_id=ann.peer(bob)) == [2]
            assert await ids("", min_date=int(c.clock.now())) == [3, 2]
            assert await ids("", max_date=int(c.clock.now())) == [1]
            assert await ids("", limit=1, add_offset=1, min_date=1) == [2]
            filters = [t.InputMessagesFilterUrl(), t.InputMessagesFilterVideo()]
            counted = await ann(messages.GetSearchCounters(peer=ann.peer(bob), filters=filters))
            assert [(one.count, one.inexact) for one in counted] == [(1, False), (0, False)]
            everywhere = messages.Search(
                **{
                    **{name: getattr(_search(ann, bob, "x"), name) for name in messages.Search.__slots__},
                    "peer": t.InputPeerEmpty(),
                }
            )
            assert (await ann(everywhere)).messages == []

    run(story())
