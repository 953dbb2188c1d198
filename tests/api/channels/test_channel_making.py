"""How clients of several ages ask for a supergroup, a channel and a forum."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import sound
from tests.talk import talk
from tgserve import api
from tgserve.tl import types as t
from tgserve.tl.functions import channels


@pytest.mark.parametrize(
    ("asked", "megagroup", "forum"),
    [
        ({"megagroup": True}, True, False),
        ({"broadcast": True}, False, False),
        ({"forum": True}, True, True),
        ({"megagroup": True, "forum": True}, True, True),
        ({"for_import": True}, True, True),
        ({"megagroup": True, "for_import": True}, True, False),
        ({"broadcast": True, "for_import": True}, False, False),
    ],
)
def test_a_forum_however_it_is_asked_for(asked: dict[str, Any], megagroup: bool, forum: bool) -> None:
    """`for_import` alone is what TDLib 1.8.47-1.8.69 says for a forum."""

    async def story() -> None:
        async with talk(1) as (com, (ann,)):
            api.load()
            made = await ann(channels.CreateChannel(title="Place", about="", **asked))
            chat = made.chats[0]
            assert (chat.megagroup, chat.broadcast, chat.forum) == (megagroup, not megagroup, forum)
            sound(com)

    run(story())


def test_a_broadcast_channel_is_no_forum() -> None:
    async def story() -> None:
        async with talk(1) as (com, (ann,)):
            api.load()
            both = channels.CreateChannel(title="Place", about="", broadcast=True, forum=True)
            await refused("CHANNEL_INVALID", ann, both)
            there = t.InputGeoPoint(lat=1.0, long=2.0)
            located = channels.CreateChannel(
                title="Place", about="", megagroup=True, geo_point=there, address="x"
            )
            await refused("CHANNELS_ADMIN_LOCATED_TOO_MUCH", ann, located)
            sound(com)

    run(story())
