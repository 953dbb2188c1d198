"""Searching all chats, channels among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api.messages.test_chats import group
from tests.api.messages.test_search import ask_all, found_talk
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import Place, place, publish, user_of
from tests.talk import Person
from tgserve.tl import types as t
from tgserve.tl.functions import channels, folders, messages


def texts(answer: Any) -> list[str]:
    return [one.message for one in answer.messages]


def test_6_4_all_chats_hold_my_channels_and_no_others(tmp_path: Path) -> None:
    async def story() -> None:
        async with found_talk(tmp_path) as (c, (ann, bob, eve)):
            town = await place(c, ann, bob)
            news = await place(c, ann, bob, megagroup=False)
            secret = await place(c, ann)
            public = await place(c, ann, megagroup=False)
            await publish(public, ann, "public_one")
            chat = await group(ann, bob)

            async def later(text: str, where: Any) -> None:
                c.clock.advance(1)
                await (ann.send(where, text) if isinstance(where, int | Person) else where.post(ann, text))

            for text, where in (
                ("word town", town),
                ("word news", news),
                ("word secret", secret),
                ("word public", public),
                ("word chat", chat),
                ("word bob", bob),
            ):
                await later(text, where)

            async def seen(who: Person, **more: Any) -> list[str]:
                return [text.removeprefix("word ") for text in texts(await ask_all(who, "word", **more))]

            assert await seen(bob) == ["bob", "chat", "news", "town"]
            assert await seen(bob, users_only=True) == ["bob"]
            assert await seen(bob, groups_only=True) == ["chat", "town"]
            assert await seen(bob, broadcasts_only=True) == ["news"]
            assert await seen(eve) == []
            answer: Any = await ask_all(bob, "word", limit=2)
            assert isinstance(answer, t.MessagesMessagesSlice) and texts(answer) == ["word bob", "word chat"]
            rest = await ask_all(
                bob, "word", offset_rate=answer.next_rate, offset_id=answer.messages[-1].id, limit=5
            )
            assert texts(rest) == ["word news", "word town"]
            only: Any = await ask_all(bob, "word", broadcasts_only=True)
            assert isinstance(only, t.MessagesMessages)
            assert {one.id for one in only.chats} == {news.number}
            moved: Any = [t.InputFolderPeer(peer=town.peer(bob), folder_id=1)]
            await bob(folders.EditPeerFolders(folder_peers=moved))
            assert await seen(bob, folder_id=1) == ["town"]
            assert await seen(bob, folder_id=0) == ["bob", "chat", "news"]
            (hers,) = [one for one in (await ask_all(ann, "word", limit=9)).messages if "town" in one.message]
            assert hers.out and hers.peer_id == t.PeerChannel(channel_id=town.number)
            await town.ban(ann, bob, view_messages=True)
            await bob(channels.LeaveChannel(channel=news.input(bob)))
            assert await seen(bob) == ["bob", "chat"]
            hidden = messages.DeleteHistory(peer=secret.peer(ann), max_id=0, just_clear=True)
            assert "secret" in await seen(ann)
            await ann(hidden)
            assert "secret" not in await seen(ann)

    run(story())


async def posts(who: Person, **more: Any) -> Any:
    who.c.services.search.feed.step()
    zeros = {"offset_rate": 0, "offset_id": 0, "offset_peer": t.InputPeerEmpty(), "limit": 10}
    return await who(channels.SearchPosts(**{**zeros, **more}))


def test_6_2_posts_of_public_channels_and_no_others(tmp_path: Path) -> None:
    """By words and by hashtag; not those of private channels, supergroups and chats, nor of who was removed."""

    async def story() -> None:
        async with found_talk(tmp_path) as (c, (ann, bob, eve)):
            public = await place(c, ann, megagroup=False, title="Public")
            await publish(public, ann, "public_one")
            signed = await place(c, ann, megagroup=False, title="Signed")
            await publish(signed, ann, "signed_one")
            await ann(
                channels.ToggleSignatures(
                    channel=signed.input(ann), signatures_enabled=True, profiles_enabled=True
                )
            )
            private, town = await place(c, ann, bob, megagroup=False), await place(c, ann, bob)
            await publish(town, ann, "town_one")
            for number, where in enumerate((public, private, town, bob, signed, public)):
                c.clock.advance(1)
                text = f"walk {number} #cats" if number != 5 else "walk 5 cats #catsup"
                await (where.post(ann, text) if isinstance(where, Place) else ann.send(where, text))
            for who in (bob, eve, ann):
                found = await posts(who, query="walk")
                assert texts(found) == ["walk 5 cats #catsup", "walk 4 #cats", "walk 0 #cats"]
                assert texts(await posts(who, hashtag="cats")) == ["walk 4 #cats", "walk 0 #cats"]
            assert texts(await posts(eve, hashtag="#CATS")) == ["walk 4 #cats", "walk 0 #cats"]
            found = await posts(eve, query="walk")
            chats = {one.id: one for one in found.chats}
            assert set(chats) == {public.number, signed.number} and all(one.left for one in found.chats)
            page = await posts(eve, query="walk", limit=2)
            assert isinstance(page, t.MessagesMessagesSlice) and len(page.messages) == 2
            rest = await posts(eve, query="walk", offset_rate=page.next_rate, offset_id=page.messages[-1].id)
            assert texts(rest) == ["walk 0 #cats"]
            await refused("SEARCH_QUERY_EMPTY", eve, _asking())
            await refused("SEARCH_QUERY_EMPTY", eve, _asking(query=" "))
            await refused("HASHTAG_INVALID", eve, _asking(hashtag="#"))
            flood = await eve(channels.CheckSearchPostsFlood())
            assert flood.query_is_free and flood.remains
            await eve(channels.JoinChannel(channel=public.input(eve)))
            await public.ban(ann, eve, view_messages=True)
            assert texts(await posts(eve, query="walk")) == ["walk 4 #cats"]
            await ann(channels.UpdateUsername(channel=signed.input(ann), username=""))
            assert texts(await posts(eve, query="walk")) == []
            await ann(channels.DeleteChannel(channel=public.input(ann)))
            assert texts(await posts(bob, query="walk")) == []

    run(story())


def _asking(**more: Any) -> channels.SearchPosts:
    return channels.SearchPosts(offset_rate=0, offset_id=0, offset_peer=t.InputPeerEmpty(), limit=10, **more)


def test_6_4_words_of_what_is_hidden_are_not_counted(tmp_path: Path) -> None:
    """Who came later learns by no number which words were written before; nor does who has cleared his history."""

    async def story() -> None:
        async with found_talk(tmp_path) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            await ann(channels.TogglePreHistoryHidden(channel=here.input(ann), enabled=True))
            await here.post(ann, "salary of old")
            await here.post(ann, "salary again")
            await ann(channels.InviteToChannel(channel=here.input(ann), users=[user_of(ann, eve)]))
            await here.post(ann, "salary now")

            async def count(who: Person, **more: int) -> tuple[list[str], int]:
                c.services.search.feed.step()
                zeros = dict.fromkeys(
                    ("min_date", "max_date", "offset_id", "add_offset", "max_id", "min_id", "hash"), 0
                )
                asked = {**zeros, "limit": 10, **more}
                empty = t.InputMessagesFilterEmpty()
                found = await who(messages.Search(peer=here.peer(who), q="salary", filter=empty, **asked))
                return texts(found), getattr(found, "count", len(found.messages))

            assert await count(bob) == (["salary now", "salary again", "salary of old"], 3)
            assert await count(eve) == (["salary now"], 1)
            assert await count(eve, limit=0) == ([], 1)
            await bob(channels.DeleteHistory(channel=here.input(bob), max_id=0))
            assert await count(bob) == ([], 0)

    run(story())
