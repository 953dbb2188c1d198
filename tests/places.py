"""Channels and supergroups in tests of handlers: made, named as each member names them."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.community import Community
from tests.talk import Person
from tgserve import api
from tgserve.store.check import check_store
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

_RANDOM = count(1_000_000)


class Place:
    """A channel, and short words for what is done in it."""

    def __init__(self, c: Community, number: int) -> None:
        self.c = c
        self.number = number
        self.id = -CHANNEL_BASE - number

    def peer(self, who: Person) -> t.InputPeerChannel:
        access = self.c.services.views.channel_hash(who.id, self.number)
        return t.InputPeerChannel(channel_id=self.number, access_hash=access)

    def input(self, who: Person) -> t.InputChannel:
        access = self.c.services.views.channel_hash(who.id, self.number)
        return t.InputChannel(channel_id=self.number, access_hash=access)

    def say(self, who: Person, text: str, **more: Any) -> messages.SendMessage:
        return messages.SendMessage(peer=self.peer(who), message=text, **{"random_id": next(_RANDOM), **more})

    async def post(self, who: Person, text: str, **more: Any) -> int:
        """Its id."""
        answer = await who(self.say(who, text, **more))
        return next(one.id for one in answer.updates if isinstance(one, t.UpdateMessageID))

    async def history(self, who: Person, limit: int = 100) -> list[Any]:
        zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
        found = await who(messages.GetHistory(peer=self.peer(who), **{**zeros, "limit": limit}))
        return list(found.messages)

    async def texts(self, who: Person) -> list[str]:
        """Newest first, without service messages."""
        return [one.message for one in await self.history(who) if isinstance(one, t.Message)]

    async def line(self, who: Person) -> Any:
        """The chat's line in somebody's list."""
        asked: list[Any] = [t.InputDialogPeer(peer=self.peer(who))]
        return (await who(messages.GetPeerDialogs(peers=asked))).dialogs[0]

    async def full(self, who: Person) -> Any:
        return (await who(channels.GetFullChannel(channel=self.input(who)))).full_chat

    async def promote(self, by: Person, whom: Person, rank: str = "", **granted: bool) -> None:
        right: Any = t.ChatAdminRights(**{"other": True, **granted})
        user = user_of(by, whom)
        await by(channels.EditAdmin(channel=self.input(by), user_id=user, admin_rights=right, rank=rank))

    async def ban(self, by: Person, whom: Person, until: int = 0, **denied: bool) -> None:
        banned = t.ChatBannedRights(until_date=until, **denied)
        await by(channels.EditBanned(channel=self.input(by), participant=by.peer(whom), banned_rights=banned))


def user_of(who: Person, other: Person) -> t.InputUser:
    return t.InputUser(user_id=other.id, access_hash=who.c.services.views.user_hash(who.id, other.id))


async def place(
    c: Community, creator: Person, *members: Person, megagroup: bool = True, title: str = "Place"
) -> Place:
    """A new one with these people in it."""
    api.load()
    made = await creator(
        channels.CreateChannel(title=title, about="", megagroup=megagroup, broadcast=not megagroup)
    )
    here = Place(c, made.chats[0].id)
    if members:
        users: list[Any] = [user_of(creator, one) for one in members]
        await creator(channels.InviteToChannel(channel=here.input(creator), users=users))
    return here


async def publish(here: Place, who: Person, name: str) -> None:
    assert await who(channels.UpdateUsername(channel=here.input(who), username=name))


def sound(c: Community) -> None:
    """The store holds together."""
    assert check_store(c.store).problems == []
