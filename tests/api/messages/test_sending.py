from __future__ import annotations

from typing import Any

import pytest

from tests.community import run
from tests.talk import Person, talk
from tgserve.errors import RpcError
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages, updates


async def refused(name: str, person: Person, request: Any) -> None:
    """The call is refused with `name`, and nothing has changed."""
    heard = list(person.c.heard)
    with pytest.raises(RpcError) as error:
        await person(request)
    assert error.value.name == name
    assert person.c.heard == heard


def test_a_plain_text_gets_the_short_answer() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            request = messages.SendMessage(peer=ann.peer(bob), message="see example.com", random_id=7)
            answer = await ann(request)
            assert answer == t.UpdateShortSentMessage(
                out=True,
                id=1,
                pts=2,
                pts_count=1,
                date=int(c.clock.now()),
                entities=[t.MessageEntityUrl(offset=4, length=11)],
            )
            assert await ann(request) == answer
            (message,) = await bob.history(ann)
            assert message.message == "see example.com" and not message.out
            (mine,) = await ann.history(bob)
            assert mine.out and mine.from_id == t.PeerUser(user_id=ann.id)

    run(story())


def test_a_changed_text_is_sent_back() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            request = messages.SendMessage(peer=ann.peer(bob), message="  hi\r\n", random_id=7)
            answer = await ann(request)
            assert [type(one) for one in answer.updates] == [t.UpdateMessageID, t.UpdateNewMessage]
            assert answer.updates[1].message.message == "hi"
            assert {one.id for one in answer.users} == {ann.id, bob.id}

    run(story())


def test_refusals() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            peer = ann.peer(bob)
            stolen = t.InputPeerUser(user_id=bob.id, access_hash=c.services.views.user_hash(eve.id, bob.id))
            send = messages.SendMessage
            later = c.call().now + 500 * 86_400
            await refused("MESSAGE_EMPTY", ann, send(peer=peer, message=" \n\u200b", random_id=1))
            await refused("MESSAGE_TOO_LONG", ann, send(peer=peer, message="x" * 4097, random_id=1))
            await refused("RANDOM_ID_EMPTY", ann, send(peer=peer, message="x", random_id=0))
            await refused("PEER_ID_INVALID", ann, send(peer=t.InputPeerEmpty(), message="x", random_id=1))
            # SECURITY 6.1: the hash was given to another viewer
            await refused("PEER_ID_INVALID", ann, send(peer=stolen, message="x", random_id=1))
            await refused(
                "CHAT_ID_INVALID", ann, send(peer=t.InputPeerChat(chat_id=5), message="x", random_id=1)
            )
            channel = t.InputPeerChannel(channel_id=5, access_hash=6)
            await refused("CHANNEL_INVALID", ann, send(peer=channel, message="x", random_id=1))
            await refused(
                "SCHEDULE_DATE_TOO_LATE", ann, send(peer=peer, message="x", random_id=1, schedule_date=later)
            )
            reply = t.InputReplyToMessage(reply_to_msg_id=99)
            await refused(
                "REPLY_MESSAGE_ID_INVALID", ann, send(peer=peer, message="x", random_id=1, reply_to=reply)
            )
            far = t.MessageEntityBold(offset=0, length=5)
            await refused(
                "ENTITY_BOUNDS_INVALID", ann, send(peer=peer, message="x", random_id=1, entities=[far])
            )
            service = ann.peer(777000)
            await refused("CHAT_WRITE_FORBIDDEN", ann, send(peer=service, message="x", random_id=1))

    run(story())


def test_replies_and_quotes() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            await bob.send(bob, "note")  # so that the two count differently
            await ann.send(bob, "one 👍 two three")
            quote = t.InputReplyToMessage(reply_to_msg_id=2, quote_text="two", quote_offset=7)
            await bob.send(ann, "answer", reply_to=quote)
            (seen, _) = await ann.history(bob)
            assert seen.reply_to.reply_to_msg_id == 1
            assert (seen.reply_to.quote, seen.reply_to.quote_text, seen.reply_to.quote_offset) == (
                True,
                "two",
                7,
            )
            wrong = t.InputReplyToMessage(reply_to_msg_id=2, quote_text="two", quote_offset=0)
            await bob.send(ann, "found", reply_to=wrong)
            assert (await ann.history(bob))[0].reply_to.quote_offset == 7
            lie = t.InputReplyToMessage(reply_to_msg_id=2, quote_text="never said")
            peer = bob.peer(ann)
            request = messages.SendMessage(peer=peer, message="x", random_id=1, reply_to=lie)
            await refused("QUOTE_TEXT_INVALID", bob, request)
            found = await ann(messages.GetMessages(id=[t.InputMessageReplyTo(id=seen.id)]))
            assert found.messages[0].message == "one 👍 two three"

    run(story())


def _forward(person: Person, source: Any, to: Any, ids: list[int], **more: Any) -> messages.ForwardMessages:
    randoms = [1000 + number for number in range(len(ids))]
    return messages.ForwardMessages(
        from_peer=person.peer(source), id=ids, to_peer=person.peer(to), **{"random_id": randoms, **more}
    )


def test_forwards() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            first = await ann.send(bob, "one")
            date = int(c.clock.now())
            await bob.send(ann, "two", entities=[t.MessageEntityBold(offset=0, length=3)])
            c.clock.advance(50)
            answer = await bob(_forward(bob, ann, eve, [1, 2]))
            assert [type(u) for u in answer.updates] == [t.UpdateMessageID] * 2 + [t.UpdateNewMessage] * 2
            assert [u.random_id for u in answer.updates[:2]] == [1000, 1001]
            (two, one) = await eve.history(bob)
            assert (one.message, two.message) == ("one", "two")
            assert one.fwd_from == t.MessageFwdHeader(date=date, from_id=t.PeerUser(user_id=ann.id))
            assert two.entities == [t.MessageEntityBold(offset=0, length=3)]
            assert await bob(_forward(bob, ann, eve, [1, 2])) is not None
            assert len(await eve.history(bob)) == 2, "random ids count for forwards too"
            # passed on once more, the first author stays
            await eve(_forward(eve, bob, bob, [one.id], random_id=[5]))
            assert (await bob.history(eve))[0].fwd_from.from_id == t.PeerUser(user_id=ann.id)
            # into Saved Messages, with where it came from
            await ann(_forward(ann, bob, ann, [first], random_id=[6]))
            (saved,) = await ann.history(ann)
            assert saved.fwd_from.saved_from_peer == t.PeerUser(user_id=bob.id)
            assert saved.fwd_from.saved_from_msg_id == first
            assert saved.saved_peer_id == t.PeerUser(user_id=bob.id)
            await ann(_forward(ann, bob, bob, [first], random_id=[7], drop_author=True))
            assert (await bob.history(ann))[0].fwd_from is None

    run(story())


def test_forward_refusals() -> None:
    async def story() -> None:
        async with talk(3) as (_, (ann, bob, eve)):
            await ann.send(bob, "free")
            await ann.send(bob, "kept", noforwards=True)
            await refused("CHAT_FORWARDS_RESTRICTED", bob, _forward(bob, ann, eve, [1, 2]))
            await refused("MESSAGE_ID_INVALID", bob, _forward(bob, ann, eve, [99]))
            await refused("MESSAGE_ID_INVALID", bob, _forward(bob, eve, ann, [1]))
            await refused("MESSAGE_IDS_EMPTY", bob, _forward(bob, ann, eve, []))
            await refused("RANDOM_ID_INVALID", bob, _forward(bob, ann, eve, [1], random_id=[]))
            await refused("RANDOM_ID_INVALID", bob, _forward(bob, ann, eve, [1, 1], random_id=[3, 3]))
            await refused("RANDOM_ID_EMPTY", bob, _forward(bob, ann, eve, [1], random_id=[0]))
            await refused("LIMIT_INVALID", bob, _forward(bob, ann, eve, [1] * 101))
            # eve has no such message: ids of others never resolve
            await refused("MESSAGE_ID_INVALID", eve, _forward(eve, bob, bob, [1]))

    run(story())


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        (
            t.InputMediaContact(phone_number="+1", first_name="A", last_name="", vcard=""),
            t.MessageMediaContact,
        ),
        (t.InputMediaGeoPoint(geo_point=t.InputGeoPoint(lat=1.5, long=-2.5)), t.MessageMediaGeo),
        (t.InputMediaDice(emoticon="🎲"), t.MessageMediaDice),
        (t.InputMediaDice(emoticon="⚽\ufe0f"), t.MessageMediaDice),
    ],
    ids=["contact", "place", "dice", "ball"],
)
def test_media_without_files(media: Any, kind: type) -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            answer = await ann(messages.SendMedia(peer=ann.peer(bob), media=media, message="", random_id=1))
            (seen,) = await bob.history(ann)
            assert isinstance(seen.media, kind)
            assert answer.updates[1].message.media == seen.media
            again = await ann(messages.SendMedia(peer=ann.peer(bob), media=media, message="", random_id=1))
            assert again.updates[1].message.media == seen.media, "thrown once"

    run(story())


def test_media_refusals() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            nowhere = t.InputMediaGeoPoint(geo_point=t.InputGeoPoint(lat=float("nan"), long=0.0))
            cases: list[tuple[str, Any, str]] = [
                ("MEDIA_EMPTY", t.InputMediaEmpty(), "x"),
                ("GEO_POINT_INVALID", nowhere, ""),
                ("GEO_POINT_INVALID", t.InputMediaGeoPoint(geo_point=t.InputGeoPointEmpty()), ""),
                ("EMOTICON_INVALID", t.InputMediaDice(emoticon="x"), ""),
                ("MEDIA_EMPTY", t.InputMediaPhoto(id=t.InputPhotoEmpty()), ""),
                ("WEBPAGE_NOT_FOUND", t.InputMediaWebPage(url="http://a.b"), ""),
                ("MESSAGE_EMPTY", t.InputMediaWebPage(url="http://a.b", optional=True), ""),
                ("MEDIA_CAPTION_TOO_LONG", t.InputMediaDice(emoticon="🎲"), "x" * 1025),
            ]
            for name, media, text in cases:
                request = messages.SendMedia(peer=ann.peer(bob), media=media, message=text, random_id=1)
                await refused(name, ann, request)

    run(story())


def test_an_answer_in_another_chat_says_whose_message_it_is_and_quotes_it() -> None:
    """Nobody learns from it where the message stands; a protected one is not quoted elsewhere (SECURITY 6.3, 6.4)."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            first = await bob.send(ann, "the whole truth and nothing else")
            mine = (await ann.history(bob))[0].id

            def answer(source: Any, msg_id: int, **more: Any) -> t.InputReplyToMessage:
                return t.InputReplyToMessage(reply_to_msg_id=msg_id, reply_to_peer_id=source, **more)

            quote = answer(ann.peer(bob), mine, quote_text="whole truth", quote_offset=4)
            await ann.send(eve, "did you know?", reply_to=quote)
            for person, other in ((ann, eve), (eve, ann)):
                head = (await person.history(other))[0].reply_to
                assert (head.reply_to_msg_id, head.quote, head.quote_text) == (None, True, "whole truth")
                assert head.reply_from.from_id == t.PeerUser(user_id=bob.id)
            missed = await eve(updates.GetDifference(pts=1, date=1, qts=0))
            assert bob.id in {user.id for user in missed.users}
            for layer in (152, 166, 200, layers.CURRENT):
                assert layers.encode_result(updates.GetDifference, missed, layer)
            wrong = answer(ann.peer(bob), mine, quote_text="no such words")
            send = messages.SendMessage(peer=ann.peer(eve), message="x", random_id=7, reply_to=wrong)
            await refused("QUOTE_TEXT_INVALID", ann, send)
            for named in (
                answer(ann.peer(bob), mine + 50),
                answer(ann.peer(eve), mine),
                answer(ann.peer(bob), first + 60),
            ):
                target = ann.peer(bob) if named.reply_to_peer_id == ann.peer(eve) else ann.peer(eve)
                send = messages.SendMessage(peer=target, message="x", random_id=8, reply_to=named)
                await refused("REPLY_MESSAGE_ID_INVALID", ann, send)
            secret = await ann.send(bob, "secret", noforwards=True)
            send = messages.SendMessage(
                peer=ann.peer(eve), message="x", random_id=9, reply_to=answer(ann.peer(bob), secret)
            )
            await refused("CHAT_FORWARDS_RESTRICTED", ann, send)

    run(story())
