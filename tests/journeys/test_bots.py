"""Bots made by the operator, through Telethon: the token, what a bot may call, and talking with people."""

from __future__ import annotations

import asyncio
import json

import pytest
from pyrogram.handlers import MessageHandler
from telethon import errors, events
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import kurigram_client, signed_out, telethon_client, telethon_person
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS
from tests.waiting import until


@pytest.fixture
def made(daemon, new_phone):
    """(username, token) of a fresh bot."""
    username = f"echo{new_phone()[-9:]}bot"
    answer = json.loads(daemon.run("bot", "create", "Echo", username, "--json"))
    return username, answer["token"]


@pytest.mark.asyncio
async def test_5_9_a_bot_signs_in_and_answers(daemon, new_phone, made):
    username, token = made
    bot = telethon_client(daemon)
    await bot.start(bot_token=token)
    try:
        me = await bot.get_me()
        assert me.bot and me.username == username and me.phone is None

        @bot.on(events.NewMessage(incoming=True))
        async def echo(event):
            await event.reply(f"you said: {event.raw_text}")

        async with telethon_person(daemon, new_phone(), "Ann") as ann:
            peer = await ann.get_entity(username)
            assert peer.bot and peer.bot_info_version
            full = await ann(f.users.GetFullUserRequest(peer))
            assert full.full_user.bot_info.user_id == peer.id
            started = await ann(f.messages.StartBotRequest(peer, peer, "deep-link"))
            assert started.updates
            await ann.send_message(peer, "hello")
            await until(lambda: len(ann.heard) >= 2)
            assert {one.message for one in ann.heard} == {"you said: /start deep-link", "you said: hello"}
            group = (await ann(f.messages.CreateChatRequest([peer], "Both"))).updates
            chat = next(one for one in group.chats) if hasattr(group, "chats") else None
            assert chat is not None
            await ann.send_message(t.InputPeerChat(chat.id), "in the group")
            await until(lambda: any(one.message == "you said: in the group" for one in ann.heard))
    finally:
        await bot.disconnect()


@pytest.mark.asyncio
async def test_what_a_bot_may_not(daemon, new_phone, made):
    _, token = made
    bot = telethon_client(daemon)
    await bot.start(bot_token=token)
    try:
        for request in (
            f.messages.GetDialogsRequest(None, 0, t.InputPeerEmpty(), 10, 0),
            f.contacts.GetContactsRequest(0),
            f.channels.CreateChannelRequest("Mine", ""),
            f.account.GetPasswordRequest(),
            f.messages.GetHistoryRequest("me", 0, None, 0, 10, 0, 0, 0),
        ):
            with pytest.raises(errors.BotMethodInvalidError):
                await bot(request)
        phone = new_phone()
        async with telethon_person(daemon, phone, "Ann") as ann:
            name = f"ann{phone[-9:]}"
            await ann(f.account.UpdateUsernameRequest(name))
            peer = await bot.get_input_entity(name)
            with pytest.raises(errors.PeerIdInvalidError):
                await bot.send_message(peer, "you do not know me")
            other = json.loads(
                await asyncio.to_thread(
                    daemon.run, "bot", "create", "Other", f"other{phone[-9:]}bot", "--json"
                )
            )
            with pytest.raises(errors.UserIsBotError):
                await bot.send_message(other["bot"]["username"], "hello")
    finally:
        await bot.disconnect()


@pytest.mark.asyncio
async def test_5_9_wrong_tokens_and_revoked_ones(daemon, made):
    username, token = made
    client = telethon_client(daemon)
    await client.connect()
    bot_id, _, secret = token.partition(":")
    try:
        for wrong in (
            "",
            ":",
            "x",
            bot_id,
            f"{bot_id}:",
            f"{bot_id}:{secret[:-1]}",
            f"{bot_id}:{secret}x",
            f"1:{secret}",
            f"{'9' * 40}:{secret}",
            f"{bot_id}:é{secret}",
        ):
            with pytest.raises(errors.AccessTokenInvalidError):
                await client.sign_in(bot_token=wrong or " ")
        await client.sign_in(bot_token=token)
        fresh = json.loads(
            await asyncio.to_thread(daemon.run, "bot", "token", f"@{username}", "--yes", "--json")
        )["token"]
        await signed_out(client)
        again = telethon_client(daemon)
        await again.connect()
        with pytest.raises(errors.AccessTokenInvalidError):
            await again.sign_in(bot_token=token)
        assert (await again.sign_in(bot_token=fresh)).username == username
        await asyncio.to_thread(daemon.run, "user", "ban", f"@{username}", "--yes")
        await signed_out(again)
        await again.disconnect()
        banned = telethon_client(daemon)
        await banned.connect()
        with pytest.raises(errors.UserDeactivatedBanError):
            await banned.sign_in(bot_token=fresh)
        await banned.disconnect()
    finally:
        await client.disconnect()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_bot_in_tdlib(daemon, libraries, no_errors, new_phone, made, tmp_path, version):
    username, token = made
    proxy = Socks(daemon.host, daemon.port)
    bot = libraries[version].client(tmp_path / "0", proxy)
    try:
        bot.start()
        bot._state("WaitPhoneNumber")
        bot.call("checkAuthenticationBotToken", token=token)
        bot._state("Ready")
        me = bot.call("getMe")
        assert me["type"]["@type"] == "userTypeBot" and me["usernames"]["active_usernames"] == [username]

        async def person():
            async with telethon_person(daemon, new_phone(), "Ann") as ann:
                peer = await ann.get_entity(username)
                await ann.send_message(peer, "hello")
                heard = await asyncio.to_thread(
                    bot.wait, lambda update: update["@type"] == "updateNewMessage" and incoming(update)
                )
                chat = heard["message"]["chat_id"]
                text = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "hi Ann"}}
                await asyncio.to_thread(bot.call, "sendMessage", chat_id=chat, input_message_content=text)
                await until(lambda: [one for one in ann.heard if one.message == "hi Ann"])

        asyncio.run(person())
    finally:
        bot.close()
        proxy.close()


def incoming(update):
    return not update["message"]["is_outgoing"]


@pytest.mark.asyncio
async def test_a_bot_in_kurigram(daemon, new_phone, made, folder):
    username, token = made
    bot = kurigram_client(daemon, folder, "bot")
    bot.bot_token = token
    heard = []

    async def answer(client, message):
        heard.append(message.text)
        await message.reply("from kurigram")

    bot.add_handler(MessageHandler(answer))
    await bot.start()
    try:
        assert bot.me.is_bot and bot.me.username == username
        async with telethon_person(daemon, new_phone(), "Ann") as ann:
            await ann.send_message(await ann.get_entity(username), "hello")
            await until(lambda: [one for one in ann.heard if one.message == "from kurigram"])
            assert heard == ["hello"]
    finally:
        await bot.stop()
