"""The channel that a profile names."""

from __future__ import annotations

from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import place, publish, sound, user_of
from tests.talk import talk
from tgserve.tl import types as t
from tgserve.tl.functions import account, channels, messages, users


def test_a_profile_names_a_public_channel_of_ones_own() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news = await place(c, ann, megagroup=False, title="News")
            club = await place(c, ann, title="Club")
            await publish(club, ann, "clubhouse")

            def named(who: Any, here: Any) -> account.UpdatePersonalChannel:
                return account.UpdatePersonalChannel(channel=here.input(who))

            await refused("CHANNEL_INVALID", ann, named(ann, news))
            await refused("CHANNEL_INVALID", ann, named(ann, club))
            await publish(news, ann, "newsroom")
            await refused("CHANNEL_INVALID", bob, named(bob, news))
            assert await ann(named(ann, news))
            post = await news.post(ann, "first")
            found = await bob(users.GetFullUser(id=user_of(bob, ann)))
            full = found.full_user
            assert (full.personal_channel_id, full.personal_channel_message) == (news.number, post)
            assert [one.title for one in found.chats] == ["News"]
            history = messages.GetPersonalChannelHistory(
                user_id=user_of(bob, ann), limit=10, max_id=0, min_id=0, hash=0
            )
            page = await bob(history)
            assert [one.message for one in page.messages if isinstance(one, t.Message)] == ["first"]
            # 6.2: no longer public, put out of it, taken away
            await news.ban(ann, eve, view_messages=True)
            theirs = messages.GetPersonalChannelHistory(
                user_id=user_of(eve, ann), limit=10, max_id=0, min_id=0, hash=0
            )
            assert (await eve(theirs)).messages == []
            await ann(channels.UpdateUsername(channel=news.input(ann), username=""))
            assert (await bob(users.GetFullUser(id=user_of(bob, ann)))).full_user.personal_channel_id is None
            assert (await bob(history)).messages == []
            await publish(news, ann, "newsroom")
            assert (await bob(users.GetFullUser(id=user_of(bob, ann)))).full_user.personal_channel_id
            assert await ann(account.UpdatePersonalChannel(channel=t.InputChannelEmpty()))
            assert (await bob(history)).messages == []
            sound(c)

    run(story())
