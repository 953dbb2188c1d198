"""Bots in supergroups and channels: brought in, listed, described, and gone."""

from __future__ import annotations

from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import Place, place, sound
from tests.talk import Person, talk
from tgserve.tl import types as t
from tgserve.tl.functions import channels


async def bots(here: Place, who: Person) -> list[int]:
    asked = channels.GetParticipants(
        channel=here.input(who), filter=t.ChannelParticipantsBots(), offset=0, limit=9, hash=0
    )
    return [one.user_id for one in (await who(asked)).participants]


def test_bots_of_a_supergroup() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            number, _ = await c.services.bots.create("Helper", "helper_bot", "I help")
            access = c.services.views.user_hash(ann.id, number)
            bot = t.InputUser(user_id=number, access_hash=access)
            here, news = await place(c, ann, bob), await place(c, ann, bob, megagroup=False)
            users: list[Any] = [bot]
            await ann(channels.InviteToChannel(channel=here.input(ann), users=users))
            await c.settle()
            assert await bots(here, bob) == [number]
            full = await bob(channels.GetFullChannel(channel=here.input(bob)))
            (told,) = full.full_chat.bot_info
            assert (told.user_id, told.description) == (number, "I help")
            assert number in {one.id for one in full.users if one.bot}
            sound(c)
            await refused("USER_BOT", ann, channels.InviteToChannel(channel=news.input(ann), users=users))
            right = t.ChatAdminRights(post_messages=True, other=True)
            promote = channels.EditAdmin(channel=news.input(ann), user_id=bot, admin_rights=right, rank="")
            await ann(promote)
            await c.settle()
            assert await bots(news, ann) == [number]
            await refused(
                "CHAT_ADMIN_REQUIRED",
                bob,
                channels.GetParticipants(
                    channel=news.input(bob),
                    filter=t.ChannelParticipantsBots(),
                    offset=0,
                    limit=9,
                    hash=0,
                ),
            )
            banned = t.ChatBannedRights(view_messages=True, until_date=0)
            peer = t.InputPeerUser(user_id=number, access_hash=access)
            await ann(channels.EditBanned(channel=here.input(ann), participant=peer, banned_rights=banned))
            await c.settle()
            assert await bots(here, bob) == [] and (await here.full(bob)).bot_info == []
            sound(c)

    run(story())
