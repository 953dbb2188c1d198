"""Posts to all who are online in a channel, over real sockets: who is told is kept between two posts, and is never
anybody else than those who are there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from tests.server.conftest import MakeServer
from tests.server.people import message, sign_up
from tgserve.server.live import LiveSession, Online
from tgserve.testing.miniclient import KINDS, MiniClient
from tgserve.testing.server import TestServer
from tgserve.tl import types as t
from tgserve.tl.functions import auth, channels, messages, updates

PHONE = "+9996611{:02}"


class Stage:
    """A supergroup of the first client's, and a look at every crowd the fan-out tells something."""

    def __init__(self, server: TestServer, owner: MiniClient, channel: Any, link: str) -> None:
        self.owner = owner
        self.link = link
        self.channel = t.InputChannel(channel_id=channel.id, access_hash=channel.access_hash)
        self.peer = t.InputPeerChannel(channel_id=channel.id, access_hash=channel.access_hash)
        self.gateway = server.app.gateway
        self._audience = server.app.services.channels.audience
        self._box = -channel.id - 10**12
        self._views = server.app.services.views
        self._told: set[LiveSession] = set()
        self._posts = 0
        self._tell = self.gateway.tell
        self.gateway.tell = self._look  # type: ignore[method-assign]

    def _look(self, sessions: Iterable[LiveSession], bodies: Sequence[bytes]) -> None:
        sessions = list(sessions)
        kinds = {(live.layer or live.login.layer, live.dc_id) for live in sessions}
        assert len(kinds) == 1, f"told the same bytes: {kinds}"
        assert not self._told.intersection(sessions)
        self._told.update(sessions)
        self._tell(sessions, bodies)

    async def leave(self, reader: MiniClient) -> None:
        number = self.channel.channel_id
        access_hash = self._views.channel_hash(online_user(reader, self.gateway.online), number)
        channel = t.InputChannel(channel_id=number, access_hash=access_hash)
        await reader.call(channels.LeaveChannel(channel=channel))

    async def post(self) -> str:
        self._posts += 1
        self._told.clear()
        await self.owner.call(message(self.peer, f"post {self._posts}", self._posts))
        return f"post {self._posts}"

    async def check(self, *hearers: MiniClient, deaf: Sequence[MiniClient] = ()) -> None:
        """Two posts, the first of which is told in full to who has just come: all hear both, each once and in order;
        the second is told to exactly the sessions that are there."""
        texts = [await self.post(), await self.post()]
        online = self.gateway.online
        users = [user for user in self._audience.of(self._box) if user != online_user(self.owner, online)]
        assert self._told == {live for user in users for live in online.of(user)}
        for hearer in hearers:
            assert [await next_post(hearer), await next_post(hearer)] == texts, hearer.kind
        for one in deaf:
            await one.ping()
            assert not [update for update in drained(one) if post_in(update)]


def online_user(client: MiniClient, online: Online) -> int:
    assert client.key is not None
    return next(live.login.user_id for live in online.of_key(client.key.id))


def post_in(update: Any) -> str:
    found = (one for one in getattr(update, "updates", ()) if isinstance(one, t.UpdateNewChannelMessage))
    return next((one.message.message for one in found if isinstance(one.message, t.Message)), "")


async def next_post(client: MiniClient) -> str:
    while True:
        text = post_in(await client.next_update())
        if text:
            return text


def drained(client: MiniClient) -> list[Any]:
    return [client.updates.get_nowait() for _ in range(client.updates.qsize())]


async def stage(server: TestServer, readers: Sequence[MiniClient]) -> Stage:
    """The readers sign up as 1, 2, … and come in by the link."""
    owner = await server.client()
    await sign_up(owner, PHONE.format(0))
    made = await owner.call(channels.CreateChannel(title="Crowd", about="", megagroup=True))
    channel = made.chats[0]
    peer = t.InputPeerChannel(channel_id=channel.id, access_hash=channel.access_hash)
    link = (await owner.call(messages.ExportChatInvite(peer=peer))).link
    for number, reader in enumerate(readers, 1):
        await sign_up(reader, PHONE.format(number), f"Reader {number}")
        await reader.call(messages.ImportChatInvite(hash=link.rpartition("+")[2]))
    return Stage(server, owner, channel, link.rpartition("+")[2])


def test_every_transport_hears_each_post_once_and_in_order(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            readers = [await server.client(kind) for kind in KINDS]
            here = await stage(server, readers)
            for _ in range(3):
                await here.check(*readers)

    asyncio.run(main())


def test_who_is_told_is_who_is_there_at_each_post(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            bob, eve = await server.client("obf-intermediate", dc_id=2), await server.client()
            here = await stage(server, [bob, eve])
            await here.check(bob, eve)
            phone = await server.client("abridged")
            await sign_up(phone, PHONE.format(1))
            await here.check(bob, eve, phone)  # another device
            await phone.call(updates.GetState(), layer=200, init=True)
            await here.check(bob, eve, phone)  # that says another layer
            bob._dc_id = 4
            await bob.disconnect()
            await here.post()
            await bob.connect(server.host, server.port)
            await bob.call(updates.GetState())
            assert await next_post(bob) == await next_post(phone) == await next_post(eve) == "post 7"
            await here.check(bob, eve, phone)  # that comes back to another DC
            assert eve.key is not None
            twin = await server.client(key=eve.key)
            await twin.call(updates.GetState(), init=False)
            await here.check(
                eve, bob, phone, twin
            )  # another session, which says no layer, of a key that has one
            await eve.call(updates.GetState(), layer=200, init=True)
            await here.check(eve, bob, phone, twin)  # whose other session says another one
            third = await server.client(key=eve.key)
            await third.call(updates.GetState())
            await here.check(eve, bob, phone, twin, third)
            await eve.call(updates.GetState(), layer=200, init=True)
            await here.check(eve, bob, phone, twin, third)  # or says again what it said before the other did
            assert {live.login.layer for live in here.gateway.sessions_of(eve.key.id)} == {200}
            await third.disconnect()
            await phone.call(auth.LogOut())
            await here.check(bob, eve, twin)
            await bob.call(auth.LogOut())
            await here.check(eve, twin)
            bob = await server.client()
            await sign_up(bob, PHONE.format(1))
            await here.check(bob, eve, twin)  # the only device of one who is in it
            await here.leave(eve)
            for one in (eve, twin):
                await one.ping()
                drained(one)
            await here.check(bob, deaf=[eve, twin])
            await eve.call(messages.ImportChatInvite(hash=here.link))
            await here.check(bob, eve, twin)

    asyncio.run(main())


def test_6_2_whoever_is_put_out_hears_nothing_from_the_very_next_post_on(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            bob, eve = await server.client(), await server.client()
            here = await stage(server, [bob, eve])
            await here.check(bob, eve)
            rights = t.ChatBannedRights(until_date=0, view_messages=True)
            members = await here.owner.call(
                channels.GetParticipants(
                    channel=here.channel, filter=t.ChannelParticipantsRecent(), offset=0, limit=9, hash=0
                )
            )
            found = next(user for user in members.users if user.first_name == "Reader 1")
            peer = t.InputPeerUser(user_id=found.id, access_hash=found.access_hash)
            out = here.owner.start(
                channels.EditBanned(channel=here.channel, participant=peer, banned_rights=rights)
            )
            posted = here.owner.start(message(here.peer, "behind his back", 99))
            await asyncio.gather(out, posted)
            assert await next_post(eve) == "behind his back"
            await here.check(eve, deaf=[bob])

    asyncio.run(main())
