"""Views and forwards of posts: also of copies, wherever they were forwarded to; who is told that they have grown."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.community import Community, run
from tests.places import Place, place, publish, sound
from tests.talk import Person, talk
from tgserve.render.message import message
from tgserve.render.updates import draw_ephemeral
from tgserve.services.bus import PostsCounted
from tgserve.services.channels import watching
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

_RANDOM = count(77_000_000)


async def forward(who: Person, source: Any, msg_id: int, to: Any, **more: Any) -> messages.ForwardMessages:
    asked = messages.ForwardMessages(
        from_peer=source, id=[msg_id], random_id=[next(_RANDOM)], to_peer=to, **more
    )
    await who(asked)
    return asked


async def counted(who: Person, peer: Any, msg_id: int, increment: bool = False) -> tuple[Any, Any]:
    asked = messages.GetMessagesViews(peer=peer, id=[msg_id], increment=increment)
    (found,) = (await who(asked)).views
    return found.views, found.forwards


def shown(message: Any) -> tuple[Any, Any]:
    return message.views, message.forwards


def test_copies_of_a_post_show_its_views_and_count_for_it() -> None:
    """In a private chat, Saved Messages, a group, a supergroup, a channel and the discussion group of the channel."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            news = await place(c, ann, bob, megagroup=False, title="News")
            room = await place(c, ann, title="Room")
            await ann(channels.SetDiscussionGroup(broadcast=news.input(ann), group=room.input(ann)))
            talk_ = await place(c, bob, eve, title="Talk")
            digest = await place(c, bob, eve, megagroup=False, title="Digest")
            made = await bob(messages.CreateChat(users=[_user(bob, eve)], title="Us"))
            group = made.updates.chats[0].id
            post = await news.post(ann, "it rains")
            saved = bob.peer(bob)
            for to in (bob.peer(eve), saved, bob.peer(-group), talk_.peer(bob), digest.peer(bob)):
                await forward(bob, news.peer(bob), post, to)
            copies: list[tuple[Person, Any, int]] = []
            for who, peer in (
                (eve, eve.peer(bob)),
                (bob, saved),
                (eve, eve.peer(-group)),
                (eve, talk_.peer(eve)),
                (eve, digest.peer(eve)),
                (ann, room.peer(ann)),
            ):
                asked = messages.GetHistory(
                    peer=peer,
                    limit=1,
                    **dict.fromkeys(
                        ("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0
                    ),
                )
                (copy,) = (await who(asked)).messages
                assert (copy.message, shown(copy)) == ("it rains", (1, 5))
                copies.append((who, peer, copy.id))
            assert copy.replies.replies == 0  # in the discussion group both are drawn
            assert shown((await news.history(bob, 1))[0]) == (1, 5)
            for who, peer, number in copies:
                assert await counted(who, peer, number) == (1, 5)
            for view in (
                c.services.history.message_or_none(eve.id, copies[0][2]),
                c.services.channels.reading.message_or_none(eve.id, talk_.id, copies[3][2]),
            ):
                assert view is not None
                for layer in 133, layers.FLOOR, 200, layers.CURRENT:
                    older: Any = layers.decode(layers.encode(message(c.services, view), layer))
                    assert (older.message, shown(older)) == ("it rains", (1, 5))
            # whoever looks at a copy has looked at the post, once; who wrote it is not counted
            assert await counted(eve, eve.peer(bob), copies[0][2], True) == (2, 5)
            assert await counted(eve, talk_.peer(eve), copies[3][2], True) == (2, 5)
            assert await counted(ann, room.peer(ann), copies[5][2], True) == (2, 5)
            assert await counted(bob, saved, copies[1][2], True) == (3, 5)
            assert await counted(bob, news.peer(bob), post, True) == (3, 5)
            # a copy of a copy is one of the post
            await forward(eve, eve.peer(bob), copies[0][2], eve.peer(joe))
            assert await counted(eve, digest.peer(eve), copies[4][2], True) == (3, 6)
            (last,) = await joe.history(eve)
            assert (last.fwd_from.channel_post, shown(last)) == (post, (3, 6))
            # asked again, it does not count again
            again = await forward(bob, news.peer(bob), post, bob.peer(joe))
            await bob(again)
            assert await counted(bob, news.peer(bob), post) == (3, 7)
            # without its author nothing says where it is from
            await forward(bob, news.peer(bob), post, bob.peer(joe), drop_author=True)
            hidden = (await joe.history(bob))[0]
            assert hidden.fwd_from is None and shown(hidden) == (None, None)
            # a message of the channel that shows it counts for itself when the post has gone
            await ann(channels.DeleteMessages(channel=news.input(ann), id=[post]))
            assert shown((await digest.history(eve, 1))[0]) == (2, 0)
            assert shown((await eve.history(bob))[0]) == (None, None)
            assert await counted(eve, eve.peer(bob), copies[0][2], True) == (None, None)
            assert shown((await talk_.history(eve, 1))[0]) == (None, None)
            sound(c)

    run(story())


def _user(who: Person, other: Person) -> t.InputUser:
    return t.InputUser(user_id=other.id, access_hash=who.c.services.views.user_hash(who.id, other.id))


def test_6_4_counters_are_those_of_what_is_named_and_may_be_seen() -> None:
    """Somebody else's messages, a supergroup's, one of another chat, one that a kicked member asks for: nothing."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news = await place(c, ann, bob, megagroup=False)
            group = await place(c, ann, bob)
            said, post = await group.post(ann, "hello"), await news.post(ann, "news")
            await forward(bob, group.peer(bob), said, bob.peer(eve))
            (copy,) = await eve.history(bob)
            assert copy.fwd_from.channel_post is None and shown(copy) == (None, None)
            assert await counted(bob, group.peer(bob), said, True) == (None, None)
            await forward(bob, news.peer(bob), post, bob.peer(eve))
            copy = (await eve.history(bob))[0]
            assert await counted(eve, eve.peer(ann), copy.id, True) == (None, None)
            assert await counted(eve, eve.peer(bob), copy.id + 50, True) == (None, None)
            await news.ban(ann, bob, view_messages=True)
            # the copy that he sent is his, and names the post
            mine = (await bob.history(eve))[0]
            assert shown(mine) == (1, 1)
            await ann(channels.DeleteChannel(channel=news.input(ann)))
            assert shown((await eve.history(bob))[0]) == (None, None)
            sound(c)

    run(story())


class Watcher:
    """What the devices of people are told of counters."""

    def __init__(self, c: Community) -> None:
        self.c = c
        self.told: list[tuple[int, Any]] = []
        c.services.bus.subscribe_ephemeral(self._listen)

    def _listen(self, users: Any, news: Any) -> None:
        if isinstance(news, PostsCounted):
            for user in users:
                drawn = draw_ephemeral(self.c.services, news, user)
                for layer in (133, 152, layers.CURRENT):
                    assert layers.encode(drawn, layer)
                self.told += [(user, one) for one in layers.decode(layers.encode(drawn)).updates]

    async def turn(self) -> list[tuple[int, str, int, int, int]]:
        self.told.clear()
        await self.c.services.channels.watching.turn()
        return [
            (
                user,
                type(one).__name__.removeprefix("UpdateChannelMessage"),
                one.channel_id,
                one.id,
                getattr(one, "views", None) or one.forwards,
            )
            for user, one in self.told
        ]


def test_6_2_who_looks_at_a_post_is_told_when_its_counters_grow() -> None:
    """And at a copy of it in another channel; not who may look no more, not for ever."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            news = await place(c, ann, bob, eve, joe, megagroup=False)
            digest = await place(c, joe, bob, megagroup=False)
            ears = Watcher(c)
            post = await news.post(ann, "it rains")
            assert await ears.turn() == []
            await forward(joe, news.peer(joe), post, digest.peer(joe))
            copy = (await digest.history(bob, 1))[0].id
            assert await ears.turn() == []  # nobody looks
            await counted(bob, digest.peer(bob), copy)
            await counted(eve, news.peer(eve), post, True)
            assert sorted(await ears.turn()) == sorted(
                [
                    (bob.id, "Views", digest.number, copy, 2),
                    (bob.id, "Forwards", digest.number, copy, 1),
                    (eve.id, "Views", news.number, post, 2),
                    (eve.id, "Forwards", news.number, post, 1),
                ]
            )
            assert await ears.turn() == []  # nothing has changed
            await digest.ban(joe, bob, view_messages=True)
            await counted(joe, news.peer(joe), post, True)
            told = await ears.turn()
            assert {user for user, *_ in told} == {eve.id, joe.id}
            c.clock.advance(watching.WATCHED_SECONDS)
            await counted(ann, news.peer(ann), post)
            await counted(bob, news.peer(bob), post, True)
            assert {user for user, *_ in await ears.turn()} == {ann.id, bob.id}
            await publish(news, ann, "the_news")
            sound(c)

    run(story())


def test_who_looks_at_posts_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "WATCHERS", 6)
    monkeypatch.setattr(watching, "WATCHERS_OF_POST", 3)

    async def story() -> None:
        async with talk(1) as (c, (ann,)):
            here: Place = await place(c, ann, megagroup=False)
            kept = c.services.channels.watching
            for user in range(1, 10):
                kept.looked(user, here.id, 5, (here.id, 5))
            assert len(kept._places) == 3
            for msg_id in range(10, 30):
                kept.looked(1, here.id, msg_id, (here.id, msg_id))
            assert len(kept._places) == 6 == sum(map(len, kept._watchers.values()))
            assert (here.id, 5) not in kept._watchers
            kept.looked(1, here.id, 29, (here.id, 29))
            assert len(kept._places) == 6
            c.clock.advance(watching.WATCHED_SECONDS)
            kept.looked(1, here.id, 40, (here.id, 40))
            assert list(kept._places) == [(1, here.id, 40)] and list(kept._watchers) == [(here.id, 40)]

    run(story())
