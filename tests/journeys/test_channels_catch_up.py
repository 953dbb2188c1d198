"""300 posts of a channel while a client was away: each of them once, in order, when it comes back. TDLib does the same in
test_channels_tdlib.py."""

from __future__ import annotations

import pyrogram
import pytest
from pyrogram.handlers import MessageHandler
from telethon.tl import functions as f

from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.test_channels import channel_of
from tests.journeys.test_groups import known
from tests.journeys.test_telethon import meet
from tests.waiting import until

pytestmark = pytest.mark.asyncio
MISSED = [f"missed {number}" for number in range(300)]


async def test_300_posts_missed_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        channel = (await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))).chats[0]
        await ann(f.channels.InviteToChannelRequest(channel, [await known(ann, bob)]))
        await channel_of(bob)
        await ann.send_message(channel, "before")
        await until(lambda: [m for m in bob.heard if m.raw_text == "before"])
        await bob.disconnect()
        for text in MISSED:
            await ann.send_message(channel, text)
        bob.heard.clear()
        asked = daemon.calls().get("updates.getChannelDifference", 0)
        await bob.connect()
        await bob.catch_up()
        await until(lambda: len(bob.heard) >= 300)
        await ann.send_message(channel, "after")
        await until(lambda: [m for m in bob.heard if m.raw_text == "after"])
        assert [m.raw_text for m in bob.heard] == [*MISSED, "after"]
        assert daemon.calls()["updates.getChannelDifference"] - asked <= 4  # a hundred in each


async def test_300_posts_missed_in_kurigram(daemon, new_phone, folder):
    heard = []

    async def on_message(_, message):
        heard.append(message.text)

    client = kurigram_client(daemon, folder, "kim", in_memory=False)
    await kurigram_sign_up(client, daemon, new_phone(), "Kim")
    me = await client.get_me()
    await client.set_username(f"kim{me.id}")
    async with telethon_person(daemon, new_phone(), "Ann") as ann:
        channel = (await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))).chats[0]
        kim = await ann.get_input_entity(f"kim{me.id}")
        client.add_handler(MessageHandler(on_message, pyrogram.filters.channel))
        await until(lambda: client.dispatcher.groups)  # it takes handlers in behind one's back
        await ann(f.channels.InviteToChannelRequest(channel, [kim]))
        await ann.send_message(channel, "before")
        await until(lambda: "before" in heard)
        await client.stop()
        for text in MISSED:
            await ann.send_message(channel, text)
        heard.clear()
        again = kurigram_client(daemon, folder, "kim", in_memory=False, workers=1)
        again.add_handler(MessageHandler(on_message, pyrogram.filters.channel))
        await again.start()
        try:
            messages, _ = await again.recover_gaps(-(10**12) - channel.id)
            await until(lambda: len(heard) >= 300)
            assert heard == MISSED and messages >= 300
        finally:
            await again.stop()
