"""Supergroups and channels in Kurigram, with Telethon on the other side."""

from __future__ import annotations

import asyncio

import pyrogram
import pytest
from pyrogram import types
from pyrogram.handlers import ChatJoinRequestHandler, MessageHandler
from telethon import errors
from telethon.tl import functions as f

from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.test_channels import channel_of
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def test_a_supergroup_in_kurigram(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kim")
    heard, asking = [], []

    async def on_message(_, message):
        heard.append(message)

    async def on_request(_, request):
        asking.append(request)

    client.add_handler(MessageHandler(on_message, pyrogram.filters.incoming))
    client.add_handler(ChatJoinRequestHandler(on_request))
    await kurigram_sign_up(client, daemon, new_phone(), "Kim")
    try:
        me = await client.get_me()
        async with (
            telethon_person(daemon, new_phone(), "Ann") as ann,
            telethon_person(daemon, new_phone(), "Bob") as bob,
        ):
            town = await client.create_supergroup("Town", "all of us")
            assert town.type is pyrogram.enums.ChatType.SUPERGROUP
            await client.set_username(f"kim{me.id}")
            for guest in (ann, bob):  # so that Kurigram knows them
                await guest.send_message(f"kim{me.id}", "let me in")
            await until(lambda: len([m for m in heard if m.text == "let me in"]) == 2)
            link = await client.create_chat_invite_link(town.id, name="door", creates_join_request=True)
            hash_ = link.invite_link.rpartition("+")[2]
            for guest in (ann, bob):
                with pytest.raises(errors.InviteRequestSentError):
                    await guest(f.messages.ImportChatInviteRequest(hash_))
                found = [one async for one in client.get_chat_join_requests(town.id)]
                assert [one.user.id for one in found] == [guest.me.id]
                await client.approve_chat_join_request(town.id, guest.me.id)
            entity = (await channel_of(ann)).entity
            theirs = (await channel_of(bob)).entity
            await ann.send_message(entity, "hello Kim")
            said = (await until(lambda: [m for m in heard if m.text == "hello Kim"]))[0]
            assert said.chat.id == town.id and said.from_user.id == ann.me.id
            await client.send_message(town.id, "hello Ann", reply_to_message_id=said.id)
            answer = (await until(lambda: [m for m in ann.heard if m.raw_text == "hello Ann"]))[0]
            assert answer.mentioned
            await until(lambda: [m for m in bob.heard if m.raw_text == "hello Ann"])
            privileges = types.ChatPrivileges(can_delete_messages=True, can_restrict_members=True)
            await client.promote_chat_member(town.id, ann.me.id, privileges)
            admins = [
                one.user.id
                async for one in client.get_chat_members(
                    town.id, filter=pyrogram.enums.ChatMembersFilter.ADMINISTRATORS
                )
            ]
            assert set(admins) == {me.id, ann.me.id}
            await client.restrict_chat_member(
                town.id, bob.me.id, types.ChatPermissions(can_send_messages=False)
            )
            with pytest.raises((errors.UserBannedInChannelError, errors.ChatWriteForbiddenError)):
                await bob.send_message(theirs, "may I?")
            await client.ban_chat_member(town.id, bob.me.id)
            bob.heard.clear()
            for number in range(20):
                await client.send_message(town.id, f"without Bob {number}")
            await until(lambda: [m for m in ann.heard if m.raw_text == "without Bob 19"])
            await asyncio.sleep(0.2)
            assert [m.raw_text for m in bob.heard] == []
            with pytest.raises((errors.ChannelPrivateError, errors.ChannelInvalidError)):
                await bob.get_messages(theirs, limit=1)
            with pytest.raises(errors.InviteHashExpiredError):
                await bob(f.messages.ImportChatInviteRequest(hash_))
            events = [event async for event in client.get_chat_event_log(town.id)]
            kinds = {event.action for event in events}
            actions = pyrogram.enums.ChatEventAction
            assert actions.MEMBER_PERMISSIONS_CHANGED in kinds
            assert actions.ADMINISTRATOR_PRIVILEGES_CHANGED in kinds
            texts = [m.text async for m in client.get_chat_history(town.id, limit=25) if m.text]
            assert texts[:20] == [f"without Bob {number}" for number in reversed(range(20))]
            news = await client.create_channel("News", "what is new")
            assert news.type is pyrogram.enums.ChatType.CHANNEL
            post = await client.send_message(news.id, "it rains")
            assert post.views == 1
            await client.set_chat_title(news.id, "Rain")
            events = [event async for event in client.get_chat_event_log(news.id)]
            assert events[0].action is actions.TITLE_CHANGED
            assert str(events[1].action).endswith("ChannelAdminLogEventActionSendMessage")
            await client.delete_channel(news.id)
            with pytest.raises(pyrogram.errors.RPCError):
                await client.send_message(news.id, "and goes on")
    finally:
        await client.stop()
