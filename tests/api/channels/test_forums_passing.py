"""Forums: what names its topic by top_msg_id alone, as forwards do, and what is counted in one topic."""

from __future__ import annotations

from typing import Any

from tests.api.channels.test_forums import NUMBERS, Town, forum, within
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.files import named, picture, put
from tests.places import sound
from tests.talk import Person, talk
from tgserve.tl import types as t
from tgserve.tl.functions import messages


async def told(town: Town, who: Person, topic: int) -> list[str]:
    """Texts of a topic, newest first."""
    found = await town.thread(who, topic)
    return [one.message for one in found.messages if isinstance(one, t.Message)]


def passing(source: Any, to: Any, ids: list[int], **more: Any) -> messages.ForwardMessages:
    return messages.ForwardMessages(
        from_peer=source, to_peer=to, id=ids, random_id=[next(NUMBERS) + (1 << 50) for _ in ids], **more
    )


async def photos(who: Person, count: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(count):
        media = t.InputMediaUploadedPhoto(file=await put(who, picture(), name="a.jpg"))
        kept = await who(messages.UploadMedia(peer=t.InputPeerSelf(), media=media))
        number = next(NUMBERS) + (1 << 51)
        found.append(t.InputSingleMedia(media=named(kept), random_id=number, message="look"))
    return found


def test_messages_are_passed_on_into_a_topic() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            cats, dogs = await town.topic(ann, "Cats"), await town.topic(ann, "Dogs")
            own = [await bob.send(bob, text) for text in ("one", "two")]
            self_, here = t.InputPeerSelf(), town.peer(bob)
            await bob(passing(self_, here, own, top_msg_id=cats))
            assert await told(town, ann, cats) == ["two", "one"] and await told(town, ann, dogs) == []
            answered = (await town.post(ann, "which?", within(dogs))).id
            await bob(passing(self_, here, own[:1], top_msg_id=dogs, reply_to=within(dogs, answered)))
            (newest, *_) = (await town.thread(ann, dogs)).messages
            assert newest.message == "one" and newest.reply_to.reply_to_msg_id == answered
            await bob(passing(self_, here, own[:1], top_msg_id=1))
            await bob(passing(self_, here, own[:1]))
            assert await told(town, ann, cats) == ["two", "one"]
            await refused("TOPIC_DELETED", bob, passing(self_, here, own[:1], top_msg_id=4_000))
            await ann(messages.EditForumTopic(peer=town.peer(ann), topic_id=cats, closed=True))
            await refused("TOPIC_CLOSED", bob, passing(self_, here, own[:1], top_msg_id=cats))
            sound(c)

    run(story())


def test_what_is_counted_in_one_topic() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            cats, dogs = await town.topic(ann, "Cats"), await town.topic(ann, "Dogs")
            await ann(
                messages.SendMultiMedia(
                    peer=town.peer(ann), multi_media=await photos(ann, 2), reply_to=within(cats)
                )
            )
            await town.post(ann, "see https://example.org", within(dogs))
            post = (await town.post(ann, "a post", within(dogs))).id
            await ann(messages.UpdatePinnedMessage(peer=town.peer(ann), id=post))
            filters: list[Any] = [
                t.InputMessagesFilterPhotos(),
                t.InputMessagesFilterUrl(),
                t.InputMessagesFilterPinned(),
                t.InputMessagesFilterMyMentions(),
            ]

            async def counted(**more: Any) -> list[int]:
                asked = messages.GetSearchCounters(peer=town.peer(bob), filters=filters, **more)
                return [one.count for one in await bob(asked)]

            assert await counted() == [2, 1, 1, 0]
            assert await counted(top_msg_id=cats) == [2, 0, 0, 0]
            assert await counted(top_msg_id=dogs) == [0, 1, 1, 0]
            asked = messages.GetSearchCounters(peer=town.peer(bob), filters=filters, top_msg_id=4_000)
            await refused("TOPIC_ID_INVALID", bob, asked)

    run(story())


def test_an_album_takes_the_draft_away() -> None:
    """In the chat of two and in the topic that it was written in; a draft elsewhere stays."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            cats, dogs = await town.topic(ann, "Cats"), await town.topic(ann, "Dogs")

            async def written() -> list[tuple[str, int | None]]:
                found = (await bob(messages.GetAllDrafts())).updates
                return [(type(one.peer).__name__, one.top_msg_id) for one in found]

            places: list[tuple[Any, Any]] = [
                (bob.peer(ann), None),
                (town.peer(bob), within(cats)),
                (town.peer(bob), within(dogs)),
            ]
            for peer, reply in places:
                await bob(messages.SaveDraft(peer=peer, message="see", reply_to=reply))
            left = [("PeerUser", None), ("PeerChannel", cats), ("PeerChannel", dogs)]
            assert await written() == left
            for peer, reply in places[:2]:
                album = await photos(bob, 2)
                await bob(
                    messages.SendMultiMedia(peer=peer, multi_media=album, reply_to=reply, clear_draft=True)
                )
                left = left[1:]
                assert await written() == left

    run(story())
