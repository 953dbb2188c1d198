"""Searching all chats, channels among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api.messages.test_chats import group
from tests.api.messages.test_search import ask_all, found_talk
from tests.community import run
from tests.places import place, publish
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
