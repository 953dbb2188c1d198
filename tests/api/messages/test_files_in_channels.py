"""Files in posts: drawn once for all who may look, fetched by these alone (SECURITY 6.5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.files import as_document, fetch, location, named, put, send, sent
from tests.talk import Person, talk
from tgserve import api
from tgserve.errors import RpcError
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages, upload


def input_channel(person: Person, channel_id: int) -> tuple[t.InputChannel, t.InputPeerChannel]:
    access = person.c.services.views.channel_hash(person.id, channel_id)
    return (
        t.InputChannel(channel_id=channel_id, access_hash=access),
        t.InputPeerChannel(channel_id=channel_id, access_hash=access),
    )


def test_6_5_files_of_a_channel_are_for_those_who_may_look() -> None:
    async def story() -> None:
        api.load()
        async with talk(3) as (c, (ann, bob, eve)):
            made: Any = await ann(channels.CreateChannel(megagroup=True, title="m", about=""))
            channel_id = made.chats[0].id
            mine, peer = input_channel(ann, channel_id)
            await ann(channels.InviteToChannel(channel=mine, users=[_user(ann, bob)]))
            request = messages.SendMedia(
                peer=peer, media=as_document(await put(ann, b"for members")), message="", random_id=5
            )
            post = sent(await ann(request))
            assert await fetch(ann, location(post.media), limit=4096) == b"for members"
            theirs, their_peer = input_channel(bob, channel_id)
            found: Any = await bob(channels.GetMessages(channel=theirs, id=[t.InputMessageID(id=post.id)]))
            media = found.messages[0].media
            assert media.document.access_hash == post.media.document.access_hash
            assert await fetch(bob, location(media), limit=4096) == b"for members"
            passed = await send(bob, bob, named(media))
            assert passed.media.document.access_hash != media.document.access_hash
            read = upload.GetFile(location=location(media), offset=0, limit=4096)
            with pytest.raises(RpcError, match="FILE_REFERENCE_INVALID"):
                await eve(read)
            await bob(channels.LeaveChannel(channel=theirs))
            with pytest.raises(RpcError, match="FILE_REFERENCE_INVALID"):
                await bob(read)
            await ann(channels.DeleteMessages(channel=mine, id=[post.id]))
            use = c.services.files.library
            assert use.get_or_none(media.document.id) is not None  # bob's own copy names it

    asyncio.run(story())


def test_live_locations_of_a_group_are_listed() -> None:
    async def story() -> None:
        api.load()
        async with talk(2) as (c, (ann, bob)):
            made: Any = await ann(channels.CreateChannel(megagroup=True, title="m", about=""))
            mine, peer = input_channel(ann, made.chats[0].id)
            await ann(channels.InviteToChannel(channel=mine, users=[_user(ann, bob)]))
            place = t.InputMediaGeoLive(geo_point=t.InputGeoPoint(lat=1.0, long=2.0), period=60)
            await ann(messages.SendMedia(peer=peer, media=place, message="", random_id=5))
            _, theirs = input_channel(bob, made.chats[0].id)
            asked = messages.GetRecentLocations(peer=theirs, limit=10, hash=0)
            found: Any = await bob(asked)
            assert [one.media.geo.lat for one in found.messages] == [1.0]
            c.clock.advance(100)
            found = await bob(asked)
            assert found.messages == []

    asyncio.run(story())


def _user(person: Person, other: Person) -> t.InputUser:
    return t.InputUser(user_id=other.id, access_hash=person.c.services.views.user_hash(person.id, other.id))
