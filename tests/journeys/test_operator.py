"""What people notice of the operator's commands, in their clients."""

from __future__ import annotations

import asyncio
import json

import pytest
from telethon import errors
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import API_HASH, API_ID, signed_out, telethon_client, telethon_person
from tests.waiting import until


async def run(daemon, *arguments):
    return json.loads(await asyncio.to_thread(daemon.run, *arguments, "--json"))


async def sign_in_again(daemon, phone, password=""):
    client = telethon_client(daemon)
    await client.connect()
    sent = await client.send_code_request(phone)
    code = await asyncio.to_thread(daemon.code, phone)
    try:
        await client.sign_in(phone, code, phone_code_hash=sent.phone_code_hash)
    except errors.SessionPasswordNeededError:
        await client.sign_in(password=password)
    return client


@pytest.mark.asyncio
async def test_a_ban_cuts_sessions_and_refuses_the_login(daemon, new_phone):
    phone = new_phone()
    async with telethon_person(daemon, phone, "Mal") as mal:
        done = await run(daemon, "user", "ban", phone, "--yes")
        assert done["sessions"] == 1
        await signed_out(mal)
    stranger = telethon_client(daemon)
    await stranger.connect()
    try:
        with pytest.raises(errors.PhoneNumberBannedError):
            await stranger.send_code_request(phone)
        await run(daemon, "user", "unban", phone)
    finally:
        await stranger.disconnect()
    back = await sign_in_again(daemon, phone)
    assert (await back.get_me()).first_name == "Mal"
    await back.disconnect()


@pytest.mark.asyncio
async def test_a_ban_between_code_and_login(daemon, new_phone):
    phone = new_phone()
    async with telethon_person(daemon, phone, "Mal"):
        client = telethon_client(daemon)
        await client.connect()
        sent = await client(f.auth.SendCodeRequest(phone, API_ID, API_HASH, t.CodeSettings()))
        code = await asyncio.to_thread(daemon.code, phone)
        await run(daemon, "user", "ban", phone, "--yes")
        try:
            with pytest.raises(errors.UserDeactivatedBanError):
                await client(f.auth.SignInRequest(phone, sent.phone_code_hash, code))
        finally:
            await client.disconnect()


@pytest.mark.asyncio
async def test_a_session_is_terminated_and_the_others_go_on(daemon, new_phone):
    phone = new_phone()
    async with telethon_person(daemon, phone, "Ann") as ann:
        other = await sign_in_again(daemon, phone)
        try:

            async def both():  # the account's list follows the login by its own commit
                found = (await ann(f.account.GetAuthorizationsRequest())).authorizations
                return found if len(found) == 2 else None

            await until(both)
            listed = (await run(daemon, "session", "list", phone))["sessions"]
            assert len(listed) == 2 and all(one["live"] for one in listed)
            theirs = f"{other.session.auth_key.key_id & (1 << 64) - 1:016x}"
            assert theirs in {one["auth_key_id"] for one in listed}
            done = await run(daemon, "session", "terminate", theirs, "--yes")
            assert done["ended"] == 1
            await signed_out(other)
            assert await other.get_me() is None
            assert (await ann.get_me()).first_name == "Ann"
        finally:
            await other.disconnect()
        assert (await run(daemon, "session", "terminate", "--all-of", phone, "--yes"))["ended"] == 1
        await signed_out(ann)


@pytest.mark.asyncio
async def test_changes_are_seen_by_friends_at_once(daemon, new_phone):
    phone = new_phone()
    async with (
        telethon_person(daemon, phone, "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        seen = []

        async def look(update):
            seen.append(update)

        bob.add_event_handler(look)
        contact = t.InputPhoneContact(client_id=1, phone=phone, first_name="Ann", last_name="T")
        imported = await bob(f.contacts.ImportContactsRequest([contact]))
        peer = imported.users[0]
        await bob.send_message(peer, "hi")
        await run(
            daemon,
            "user",
            "edit",
            phone,
            "--first-name",
            "Anna",
            "--username",
            f"anna{phone[-6:]}",
            "--verified",
        )
        await until(lambda: [one for one in seen if isinstance(one, t.UpdateUserName)])
        full = await bob(f.users.GetFullUserRequest(peer))
        assert full.users[0].username == f"anna{phone[-6:]}" and full.users[0].verified
        me = await ann.get_me()
        assert me.first_name == "Anna"
        fresh = new_phone()
        await run(daemon, "user", "edit", phone, "--phone", fresh)
        assert (await ann.get_me()).phone == fresh.removeprefix("+")


@pytest.mark.asyncio
async def test_a_forgotten_password_is_removed_and_its_owner_told(daemon, new_phone):
    phone = new_phone()
    async with telethon_person(daemon, phone, "Ann") as ann:
        assert await ann.edit_2fa(new_password="secret horse")
        assert await run(daemon, "user", "reset-2fa", phone, "--yes")
        await until(lambda: [one for one in ann.heard if "two-step verification" in one.message])
        assert ann.heard[-1].sender_id == 777000
        assert not (await ann(f.account.GetPasswordRequest())).has_password
        again = await sign_in_again(daemon, phone)
        await again.disconnect()


@pytest.mark.asyncio
async def test_flood_limits_are_shown_and_lifted(daemon, new_phone):
    phone = new_phone()
    async with telethon_person(daemon, phone, "Ann") as ann:
        await ann.edit_2fa(new_password="secret horse")
        client = telethon_client(daemon)
        await client.connect()
        sent = await client.send_code_request(phone)
        code = await asyncio.to_thread(daemon.code, phone)
        with pytest.raises(errors.SessionPasswordNeededError):
            await client.sign_in(phone, code, phone_code_hash=sent.phone_code_hash)

        async def guess(times):
            for _ in range(times):
                try:
                    await client.sign_in(password="wrong")
                except errors.PasswordHashInvalidError:
                    continue
                except errors.FloodWaitError:
                    return True
            return False

        assert await guess(30)
        limits = (await run(daemon, "user", "limits", phone))["limits"]
        assert any(one["waiting"] and "password" in one["what"] for one in limits)
        report = await run(daemon, "user", "limits", phone, "--lift")
        assert report["lifted"] >= 1
        assert (await run(daemon, "user", "limits", phone))["limits"] == []
        client._flood_waited_requests.clear()
        signed = await client.sign_in(password="secret horse")
        assert signed.first_name == "Ann"
        await client.disconnect()


@pytest.mark.asyncio
async def test_a_deleted_account_is_a_deleted_account(daemon, new_phone):
    phone = new_phone()
    async with (
        telethon_person(daemon, phone, "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        contact = t.InputPhoneContact(client_id=1, phone=phone, first_name="Ann", last_name="T")
        peer = (await bob(f.contacts.ImportContactsRequest([contact]))).users[0]
        await bob.send_message(peer, "hi")
        await run(daemon, "user", "delete", phone, "--yes")
        await signed_out(ann)
        assert (await bob.get_entity(peer.id)).deleted


@pytest.mark.asyncio
async def test_a_channel_and_a_group_end_for_their_members(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        name = f"bob{bob.me.id}"
        await bob(f.account.UpdateUsernameRequest(name))
        other = await ann.get_entity(name)
        channel = (await ann(f.channels.CreateChannelRequest("Choir", "", megagroup=True))).chats[0]
        await ann(f.channels.InviteToChannelRequest(channel, [other]))
        group = (await ann(f.messages.CreateChatRequest([other], "Basses"))).updates.chats[0]

        async def both():  # a group comes to its members a moment after its maker has it
            return {dialog.name for dialog in await bob.get_dialogs()} >= {"Choir", "Basses"}

        await until(both)
        mine = next(one.entity for one in await bob.get_dialogs() if one.name == "Choir")
        await run(daemon, "channel", "transfer", str(channel.id), f"@{name}", "--yes")
        full = await bob(f.channels.GetParticipantRequest(mine, "me"))
        assert isinstance(full.participant, t.ChannelParticipantCreator)
        for chat in (channel, group):
            await run(daemon, "channel", "delete", str(chat.id), "--yes")
        with pytest.raises((errors.ChannelPrivateError, errors.ChannelInvalidError)):
            await bob.send_message(mine, "still there?")
        with pytest.raises((errors.ChatForbiddenError, errors.ChatIdInvalidError)):
            await bob.send_message(t.PeerChat(group.id), "still there?")
