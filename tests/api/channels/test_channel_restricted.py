"""SECURITY 6.3: what a member may not send he may not edit in either, nor bring in beside what he sent before; albums that
wait for their time are one post."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_chats import group
from tests.api.messages.test_sending import refused
from tests.community import Community, run
from tests.files import as_document, named, picture, put
from tests.places import place, sound
from tests.talk import Person, talk
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

VIDEO = t.DocumentAttributeVideo(duration=1.0, w=2, h=3)
KINDS: dict[str, tuple[t.AnyDocumentAttribute, ...]] = {
    "videos": (VIDEO,),
    "audios": (t.DocumentAttributeAudio(duration=1),),
    "docs": (),
    "gifs": (VIDEO, t.DocumentAttributeAnimated()),
}


async def photo(who: Person) -> t.AnyInputMedia:
    return t.InputMediaUploadedPhoto(file=await put(who, picture(), name="a.jpg"))


async def of_kind(who: Person, kind: str) -> t.AnyInputMedia:
    if kind == "photos":
        return await photo(who)
    mime = "audio/mpeg" if kind == "audios" else "video/mp4" if KINDS[kind] else "text/plain"
    made: t.AnyInputMedia = as_document(await put(who, kind.encode()), *KINDS[kind], mime=mime)
    return made


@pytest.mark.parametrize("kind", ["photos", *KINDS])
@pytest.mark.parametrize("how", ["one", "all"])
def test_6_3_restricted_media_do_not_come_in_by_an_edit(kind: str, how: str) -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            old = await here.post(bob, "words")
            denied = {f"send_{kind}": True}
            if how == "one":
                await here.ban(ann, bob, **denied)
            else:
                banned = t.ChatBannedRights(until_date=0, **denied)
                await ann(messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=banned))
            edit = messages.EditMessage(
                peer=here.peer(bob), id=old, media=await of_kind(bob, kind), message="x"
            )
            await refused(f"CHAT_SEND_{kind.upper()}_FORBIDDEN", bob, edit)
            assert (await here.texts(ann))[0] == "words"
            await bob(messages.EditMessage(peer=here.peer(bob), id=old, message="other words"))
            post = await here.post(ann, "an admin's")
            media = await of_kind(ann, kind)
            await ann(messages.EditMessage(peer=here.peer(ann), id=post, media=media, message="x"))
            sound(c)

    run(story())


def test_6_3_who_may_not_write_does_not_edit() -> None:
    """A caption may be changed by who may write; without plain texts there are no others."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            words = await here.post(bob, "words")
            shown = messages.SendMedia(
                peer=here.peer(bob), media=await photo(bob), message="caption", random_id=1
            )
            caption = next(one.id for one in (await bob(shown)).updates if isinstance(one, t.UpdateMessageID))

            def edit(number: int, text: str) -> messages.EditMessage:
                return messages.EditMessage(peer=here.peer(bob), id=number, message=text)

            await here.ban(ann, bob, send_plain=True, send_photos=True)
            await refused("CHAT_SEND_PLAIN_FORBIDDEN", bob, edit(words, "spam"))
            await bob(edit(caption, "another"))
            await here.ban(ann, bob, send_messages=True)
            for number in (words, caption):
                await refused("USER_BANNED_IN_CHANNEL", bob, edit(number, "spam"))
            await here.ban(ann, bob)
            banned = t.ChatBannedRights(until_date=0, send_messages=True)
            await ann(messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=banned))
            await refused("CHAT_WRITE_FORBIDDEN", bob, edit(words, "spam"))
            assert await here.texts(ann) == ["another", "words"]
            sound(c)

    run(story())


def test_6_3_the_same_in_a_basic_group() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            chat = await group(ann, bob)
            old = await bob.send(chat, "words")
            for denied, error, media in (
                ("send_photos", "CHAT_SEND_PHOTOS_FORBIDDEN", await photo(bob)),
                ("send_plain", "CHAT_SEND_PLAIN_FORBIDDEN", None),
                ("send_messages", "CHAT_WRITE_FORBIDDEN", None),
            ):
                banned = t.ChatBannedRights(until_date=0, **{denied: True})
                await ann(messages.EditChatDefaultBannedRights(peer=ann.peer(chat), banned_rights=banned))
                edit = messages.EditMessage(peer=bob.peer(chat), id=old, message="spam", media=media)
                await refused(error, bob, edit)
            assert (await ann.texts(chat))[0] == "words"
            mine = await ann.send(chat, "an admin's")
            await ann(messages.EditMessage(peer=ann.peer(chat), id=mine, message="other words"))
            sound(c)

    run(story())


def test_6_3_a_message_sent_before_opens_no_door_for_others() -> None:
    """A random_id that was used makes the answer the same again; what comes with it is looked at as ever."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            own = [await bob.send(bob, text) for text in ("one", "two", "three")]

            def forward(*random_ids: int) -> messages.ForwardMessages:
                return messages.ForwardMessages(
                    from_peer=t.InputPeerSelf(),
                    to_peer=here.peer(bob),
                    id=own[: len(random_ids)],
                    random_id=list(random_ids),
                )

            await ann(channels.ToggleSlowMode(channel=here.input(ann), seconds=60))
            await bob(forward(5))
            await refused("SLOWMODE_WAIT_60", bob, forward(5, 6))
            c.clock.advance(60)
            await refused("SLOWMODE_MULTI_MSGS_DISABLED", bob, forward(5, 6, 7))
            await here.ban(ann, bob, send_messages=True)
            await refused("USER_BANNED_IN_CHANNEL", bob, forward(5, 6))
            await bob(forward(5))
            assert await here.texts(ann) == ["one"]
            await here.ban(ann, bob)
            await bob(forward(5, 6))
            assert await here.texts(ann) == ["two", "one"]
            sound(c)

    run(story())


async def later(c: Community, who: Person, peer: Any, *random_ids: int) -> messages.SendMultiMedia:
    """An album in an hour."""
    items: list[Any] = []
    for random_id in random_ids:
        kept = await who(messages.UploadMedia(peer=t.InputPeerSelf(), media=await photo(who)))
        items.append(t.InputSingleMedia(media=named(kept), random_id=random_id, message=str(random_id)))
    date = int(c.clock.now()) + 3600
    return messages.SendMultiMedia(peer=peer, multi_media=items, schedule_date=date)


def test_a_scheduled_album_is_one_post_for_slow_mode() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            await ann(channels.ToggleSlowMode(channel=here.input(ann), seconds=60))
            album = await later(c, bob, here.peer(bob), 1, 2, 3)
            await bob(album)
            c.clock.advance(3590)
            await here.post(bob, "words")
            for seconds, texts in ((10, ["words"]), (50, ["3", "2", "1", "words"])):
                c.clock.advance(seconds)
                await c.services.alarms.turn()
                await c.settle()
                assert await here.texts(ann) == texts
            found = await here.history(ann, limit=3)
            assert len({one.grouped_id for one in found}) == 1 and len({one.date for one in found}) == 1
            c.clock.advance(60)
            await bob(await later(c, bob, here.peer(bob), 4, 5))
            waiting = await bob(messages.GetScheduledHistory(peer=here.peer(bob), hash=0))
            ids = [one.id for one in waiting.messages]
            assert len(ids) == 2
            await bob(messages.SendScheduledMessages(peer=here.peer(bob), id=ids))
            assert (await here.texts(ann))[:2] == ["5", "4"]
            waiting = await bob(messages.GetScheduledHistory(peer=here.peer(bob), hash=0))
            assert waiting.messages == []
            await bob(await later(c, bob, here.peer(bob), 6, 7))
            await here.ban(ann, bob, send_photos=True)
            c.clock.advance(3600)
            await c.services.alarms.turn()
            await c.settle()
            waiting = await bob(messages.GetScheduledHistory(peer=here.peer(bob), hash=0))
            assert waiting.messages == [] and (await here.texts(ann))[0] == "5"
            sound(c)

    run(story())
