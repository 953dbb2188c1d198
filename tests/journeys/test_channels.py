"""Supergroups and channels through real clients."""

from __future__ import annotations

import pytest
from telethon import errors
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import telethon_person
from tests.journeys.test_groups import known
from tests.journeys.test_telethon import meet
from tests.waiting import until


async def channel_of(client, wanted=lambda one: True):
    """The one channel in somebody's list; he may just have been brought into it."""

    async def found():
        return [one for one in await client.get_dialogs() if one.is_channel and wanted(one)]

    return (await until(found))[0]


@pytest.mark.asyncio
async def test_a_supergroup_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
        telethon_person(daemon, new_phone(), "Eve") as eve,
    ):
        await meet(ann, bob)
        made = await ann(f.channels.CreateChannelRequest("Town", "all of us", megagroup=True))
        channel = made.chats[0]
        assert channel.megagroup and channel.creator and channel.access_hash
        await ann(f.channels.InviteToChannelRequest(channel, [await known(ann, bob)]))
        seen = await channel_of(bob)
        assert seen.title == "Town" and seen.entity.id == channel.id
        await ann.send_message(channel, "hello Bob")
        heard = (await until(lambda: [m for m in bob.heard if m.raw_text]))[0]
        assert heard.raw_text == "hello Bob" and not heard.out
        assert heard.chat_id == -(10**12) - channel.id and heard.sender_id == ann.me.id
        reply = await bob.send_message(seen.entity, "hello Ann", reply_to=heard.id)
        answer = (await until(lambda: [m for m in ann.heard if m.raw_text]))[0]
        assert answer.mentioned and (await answer.get_reply_message()).raw_text == "hello Bob"
        listed = [m.raw_text async for m in bob.iter_messages(seen.entity) if m.raw_text]
        assert listed == ["hello Ann", "hello Bob"]
        line = await channel_of(ann, lambda one: one.unread_mentions_count)
        assert (line.unread_count, line.unread_mentions_count, line.message.id) == (1, 1, reply.id)
        await ann.send_read_acknowledge(channel, clear_mentions=True)
        line = await channel_of(ann)
        assert (line.unread_count, line.unread_mentions_count) == (0, 0)
        found = await until(lambda: ann.get_messages(channel, search="hello", limit=10), pause=0.5)
        assert {m.raw_text for m in found} <= {"hello Ann", "hello Bob"} and found
        mine = await until(
            lambda: ann.get_messages(channel, from_user="me", search="hello", limit=10), pause=0.5
        )
        assert [m.raw_text for m in mine] == ["hello Bob"]
        await ann.pin_message(channel, heard.id)
        (pinned,) = await bob.get_messages(seen.entity, filter=t.InputMessagesFilterPinned(), limit=10)
        assert pinned.id == heard.id and pinned.pinned
        await reply.edit("hello dear Ann")
        assert (await ann.get_messages(channel, ids=reply.id)).raw_text == "hello dear Ann"
        await ann.delete_messages(channel, [reply.id])
        assert await bob.get_messages(seen.entity, ids=reply.id) is None
        with pytest.raises(errors.ChannelInvalidError):
            await eve(f.channels.GetFullChannelRequest(t.InputChannel(channel.id, 1)))
        full = await bob(f.channels.GetFullChannelRequest(seen.entity))
        assert full.full_chat.participants_count == 2 and full.full_chat.about == "all of us"


@pytest.mark.asyncio
async def test_a_broadcast_channel_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        made = await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))
        channel = made.chats[0]
        await ann(f.channels.InviteToChannelRequest(channel, [await known(ann, bob)]))
        seen = await channel_of(bob)
        post = await ann.send_message(channel, "it rains")
        heard = (await until(lambda: [m for m in bob.heard if m.raw_text]))[0]
        assert heard.post and heard.raw_text == "it rains" and heard.views == 1 and heard.from_id is None
        with pytest.raises(errors.ChatAdminRequiredError):
            await bob.send_message(seen.entity, "me too")
        views = await bob(f.messages.GetMessagesViewsRequest(seen.entity, [post.id], True))
        assert views.views[0].views == 2, "hers from the start, and his"
        mine = await bob.forward_messages("me", heard)
        assert mine.fwd_from.channel_post == post.id
        await bob(f.channels.LeaveChannelRequest(seen.entity))
        bob.heard.clear()
        await ann.send_message(channel, "it pours")
        with pytest.raises(errors.ChannelPrivateError):
            await bob.get_messages(seen.entity, limit=1)
        assert not bob.heard


@pytest.mark.asyncio
async def test_what_was_missed_in_a_channel(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        made = await ann(f.channels.CreateChannelRequest("Town", "", megagroup=True))
        channel = made.chats[0]
        await ann(f.channels.InviteToChannelRequest(channel, [await known(ann, bob)]))
        seen = await channel_of(bob)
        await ann.send_message(channel, "first")
        await until(lambda: [m for m in bob.heard if m.raw_text == "first"])
        entity = await bob.get_input_entity(seen.entity)
        state = await bob(f.channels.GetFullChannelRequest(seen.entity))
        for number in range(130):
            await ann.send_message(channel, f"post {number}")
        got, pts, final = [], state.full_chat.pts, False
        while not final:
            missed = await bob(
                f.updates.GetChannelDifferenceRequest(entity, t.ChannelMessagesFilterEmpty(), pts, 100)
            )
            got += [m.message for m in missed.new_messages]
            pts, final = missed.pts, missed.final
        assert got == [f"post {number}" for number in range(130)]
        empty = await bob(
            f.updates.GetChannelDifferenceRequest(entity, t.ChannelMessagesFilterEmpty(), pts, 100)
        )
        assert isinstance(empty, t.updates.ChannelDifferenceEmpty) and empty.pts == pts


@pytest.mark.asyncio
async def test_people_of_a_supergroup_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
        telethon_person(daemon, new_phone(), "Eve") as eve,
    ):
        await meet(ann, bob)
        made = await ann(f.channels.CreateChannelRequest("Town", "", megagroup=True))
        channel = made.chats[0]
        asking = await ann(f.messages.ExportChatInviteRequest(channel, request_needed=True))
        hash_ = asking.link.rpartition("+")[2]
        found = await bob(f.messages.CheckChatInviteRequest(hash_))
        assert (found.title, found.megagroup, found.request_needed) == ("Town", True, True)
        with pytest.raises(errors.InviteRequestSentError):
            await bob(f.messages.ImportChatInviteRequest(hash_))
        waiting = await ann(
            f.messages.GetChatInviteImportersRequest(channel, 0, t.InputUserEmpty(), 10, requested=True)
        )
        assert [one.user_id for one in waiting.importers] == [bob.me.id]
        await ann(f.messages.HideChatJoinRequestRequest(channel, await known(ann, bob), approved=True))
        seen = await channel_of(bob)
        open_link = await ann(f.messages.ExportChatInviteRequest(channel, usage_limit=1))
        joined = (await eve(f.messages.ImportChatInviteRequest(open_link.link.rpartition("+")[2]))).updates
        assert joined.chats[0].id == channel.id
        people = await ann.get_participants(channel)
        assert {one.id for one in people} == {ann.me.id, bob.me.id, eve.me.id}
        await ann.edit_admin(channel, await known(ann, bob), ban_users=True, title="sheriff")
        admins = await ann.get_participants(channel, filter=t.ChannelParticipantsAdmins())
        assert {one.id for one in admins} == {ann.me.id, bob.me.id}
        eve_for_bob = next(one for one in await bob.get_participants(seen.entity) if one.id == eve.me.id)
        with pytest.raises(errors.ChatAdminRequiredError):
            await bob.edit_admin(seen.entity, eve_for_bob, ban_users=True)
        await ann.send_message(channel, "quiet please")
        await until(lambda: [m for m in eve.heard if m.raw_text == "quiet please"])
        await bob.edit_permissions(seen.entity, eve_for_bob, send_messages=False)
        with pytest.raises((errors.ChatWriteForbiddenError, errors.UserBannedInChannelError)):
            await eve.send_message(joined.chats[0], "why")
        await bob.kick_participant(seen.entity, eve_for_bob)
        eve.heard.clear()
        await ann.send_message(channel, "she is gone")
        await until(lambda: [m for m in bob.heard if m.raw_text == "she is gone"])
        with pytest.raises(errors.ChannelPrivateError):
            await eve.get_messages(joined.chats[0], limit=1)
        assert not [m for m in eve.heard if m.raw_text]
        await ann(f.channels.UpdateUsernameRequest(channel, "our_town"))
        resolved = await eve(f.contacts.ResolveUsernameRequest("our_town"))
        again = (await eve(f.channels.JoinChannelRequest(resolved.chats[0]))).updates
        assert again.chats[0].username == "our_town"
        assert [m.raw_text async for m in eve.iter_messages(again.chats[0], limit=1)] == ["she is gone"]
        log = [event async for event in ann.iter_admin_log(channel)]
        kinds = {type(event.action).__name__.removeprefix("ChannelAdminLogEventAction") for event in log}
        assert kinds >= {
            "ParticipantJoinByRequest",
            "ParticipantJoinByInvite",
            "ParticipantToggleAdmin",
            "ParticipantToggleBan",
            "ChangeUsername",
            "ParticipantJoin",
        }
        bans = [event async for event in ann.iter_admin_log(channel, ban=True)]
        assert len(bans) == 1 and bans[0].user_id == bob.me.id


@pytest.mark.asyncio
async def test_a_group_becomes_a_supergroup_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        made = await ann(f.messages.CreateChatRequest([await known(ann, bob)], "Friends"))
        chat = made.updates.chats[0].id
        await ann.send_message(-chat, "old times")
        await until(lambda: [m for m in bob.heard if m.raw_text == "old times"])
        moved = await ann(f.messages.MigrateChatRequest(chat))
        channel = next(one for one in moved.chats if isinstance(one, t.Channel))
        old = next(one for one in moved.chats if isinstance(one, t.Chat))
        assert old.deactivated and old.migrated_to.channel_id == channel.id
        seen = await channel_of(bob)
        assert (seen.title, seen.entity.megagroup, seen.message.action.chat_id) == ("Friends", True, chat)
        full = await bob(f.channels.GetFullChannelRequest(seen.entity))
        assert full.full_chat.migrated_from_chat_id == chat and full.full_chat.participants_count == 2
        await bob.send_message(seen.entity, "new times")
        await until(lambda: [m for m in ann.heard if m.raw_text == "new times"])
        with pytest.raises(errors.RPCError):
            await bob.send_message(-chat, "anybody?")
        with pytest.raises(errors.RPCError):
            await ann(f.messages.MigrateChatRequest(chat))
