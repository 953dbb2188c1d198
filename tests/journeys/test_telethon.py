"""Two people, two Telethon clients (layer 229): the main job of the server, from sign-up to a chat."""

from __future__ import annotations

import asyncio

import pytest
import telethon
from telethon.network.connection.http import HttpPacketCodec
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import telethon_client, telethon_person
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def meet(ann, bob):
    """Ann finds Bob by username; Bob finds Ann by phone."""
    name = f"bob{bob.me.id}"
    await bob(f.account.UpdateUsernameRequest(name))
    found = await ann.get_entity(name)
    assert found.id == bob.me.id
    imported = await bob(
        f.contacts.ImportContactsRequest([t.InputPhoneContact(1, "+" + ann.me.phone, "Ann", "from book")])
    )
    assert [user.id for user in imported.users] == [ann.me.id] and imported.users[0].contact
    return found, imported.users[0]


async def test_chat_live_both_ways(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        to_bob, to_ann = await meet(ann, bob)
        sent = await ann.send_message(to_bob, "hello **bold** world")
        heard = (await until(lambda: bob.heard))[0]
        assert heard.raw_text == "hello bold world" and heard.sender_id == ann.me.id
        assert isinstance(heard.entities[0], t.MessageEntityBold)
        await bob.send_message(to_ann, "hello yourself", reply_to=heard.id)
        answer = (await until(lambda: ann.heard))[0]
        assert answer.raw_text == "hello yourself" and answer.reply_to.reply_to_msg_id == sent.id


async def test_edit_delete_read_type(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        to_bob, to_ann = await meet(ann, bob)
        edited, deleted, read, typing = [], [], [], []

        async def on_raw(update):
            if isinstance(update, t.UpdateReadHistoryOutbox):
                read.append(update.max_id)
            elif isinstance(update, t.UpdateUserTyping):
                typing.append(update.user_id)

        async def on_edit(event):
            edited.append(event.raw_text)

        async def on_delete(event):
            deleted.extend(event.deleted_ids)

        bob.add_event_handler(on_edit, telethon.events.MessageEdited())
        bob.add_event_handler(on_delete, telethon.events.MessageDeleted())
        ann.add_event_handler(on_raw, telethon.events.Raw())
        one = await ann.send_message(to_bob, "first")
        two = await ann.send_message(to_bob, "second")
        await until(lambda: len(bob.heard) == 2)
        await ann.edit_message(to_bob, one, "first, mended")
        assert await until(lambda: edited) == ["first, mended"]
        await bob.send_read_acknowledge(to_ann, bob.heard[1])
        assert await until(lambda: read) == [two.id]
        await bob(f.messages.SetTypingRequest(to_ann, t.SendMessageTypingAction()))
        assert await until(lambda: typing) == [bob.me.id]
        await ann.delete_messages(to_bob, [two.id], revoke=True)
        assert await until(lambda: deleted) == [bob.heard[1].id]
        texts = [m.raw_text async for m in bob.iter_messages(to_ann)]
        assert texts == ["first, mended"]
        dialogs = await bob.get_dialogs()
        ours = next(d for d in dialogs if d.id == ann.me.id)
        assert ours.unread_count == 0 and ours.message.raw_text == "first, mended"


async def test_away_and_back_has_exactly_what_came(daemon, new_phone):
    """50 messages while away: exactly those, once, in order, by getDifference."""
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        to_bob, _ = await meet(ann, bob)
        await ann.send_message(to_bob, "before")
        await until(lambda: bob.heard)
        await bob.disconnect()
        for number in range(50):
            await ann.send_message(to_bob, f"while away {number}")
        bob.heard.clear()
        await bob.connect()
        await bob.catch_up()
        await until(lambda: len(bob.heard) >= 50)
        await asyncio.sleep(0.3)
        assert [m.raw_text for m in bob.heard] == [f"while away {number}" for number in range(50)]


async def test_two_devices_agree(daemon, new_phone):
    phone = new_phone()
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, phone, "Bob") as bob,
    ):
        async with telethon_person(daemon, phone, "Bob") as tablet:
            assert tablet.me.id == bob.me.id
            notice = (await until(lambda: [m for m in bob.heard if m.sender_id == 777000]))[0]
            assert notice.raw_text
            to_bob, to_ann = await meet(ann, bob)
            await ann.send_message(to_bob, "to both of you")
            await until(lambda: any(m.raw_text == "to both of you" for m in bob.heard))
            await until(lambda: any(m.raw_text == "to both of you" for m in tablet.heard))
            outgoing = []

            async def on_own(event):
                outgoing.append(event.raw_text)

            tablet.add_event_handler(on_own, telethon.events.NewMessage(outgoing=True))
            await bob.send_message(to_ann, "from the phone")
            assert await until(lambda: outgoing) == ["from the phone"]

            async def both_listed():  # each by a commit of its own
                found = await bob(f.account.GetAuthorizationsRequest())
                return len(found.authorizations) == 2

            await until(both_listed)
            states = [await c(f.updates.GetStateRequest()) for c in (bob, tablet)]
            assert states[0].pts == states[1].pts
            mine = [m.raw_text async for m in bob.iter_messages(to_ann)]
            theirs = [m.raw_text async for m in tablet.iter_messages(ann.me.id)]
            assert mine == theirs == ["from the phone", "to both of you"]


async def test_saved_messages_and_forward(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        to_bob, to_ann = await meet(ann, bob)
        await ann.send_message(to_bob, "worth keeping")
        heard = (await until(lambda: bob.heard))[0]
        kept = await bob.forward_messages("me", heard)
        assert kept.fwd_from.from_id.user_id == ann.me.id
        saved = [m.raw_text async for m in bob.iter_messages("me")]
        assert saved == ["worth keeping"]
        draft = await bob(f.messages.SaveDraftRequest(to_ann, "half a thought"))
        assert draft
        assert [d.text for d in await bob.get_drafts() if d.text] == ["half a thought"]


async def read_http_packet(codec, reader):
    """As Telethon's own, but that compares an int with bytes (1.45): it reads no answer of any server."""
    while line := await reader.readline():
        if line.lower().startswith(b"content-length: "):
            await reader.readexactly(2)
            return await reader.readexactly(int(line[16:-2]))
    raise asyncio.IncompleteReadError(b"", None)


@pytest.mark.parametrize(
    "connection",
    [
        "ConnectionTcpFull",
        "ConnectionTcpAbridged",
        "ConnectionTcpIntermediate",
        "ConnectionTcpObfuscated",
        "ConnectionHttp",
    ],
)
async def test_every_transport(daemon, new_phone, connection, monkeypatch):
    kind = getattr(telethon.network.connection, connection)
    monkeypatch.setattr(HttpPacketCodec, "read_packet", read_http_packet)
    async with telethon_person(daemon, new_phone(), "Ann", connection=kind) as ann:
        await ann.send_message("me", f"over {connection}")
        assert [m.raw_text async for m in ann.iter_messages("me")] == [f"over {connection}"]


async def test_log_out_and_in_again(daemon, new_phone):
    phone = new_phone()
    async with telethon_person(daemon, phone, "Ann") as ann:
        await ann.send_message("me", "still here?")
        assert await ann.log_out()
    async with telethon_person(daemon, phone, "Ann") as ann:
        texts = [m.raw_text async for m in ann.iter_messages("me")]
        assert texts == ["still here?"]


async def test_bad_input_gets_the_documented_error_and_keeps_the_connection(daemon, new_phone):
    from telethon import errors

    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        to_bob, to_ann = await meet(ann, bob)
        stranger = t.InputPeerUser(bob.me.id, to_bob.access_hash ^ 1)
        cases = [
            (f.messages.SendMessageRequest(stranger, "x"), errors.PeerIdInvalidError),
            (f.messages.SendMessageRequest(t.InputPeerUser(12345, 6), "x"), errors.PeerIdInvalidError),
            (f.messages.SendMessageRequest(to_bob, ""), errors.MessageEmptyError),
            (f.messages.SendMessageRequest(to_bob, "x" * 5000), errors.MessageTooLongError),
            (f.messages.EditMessageRequest(to_bob, 999999, message="x"), errors.MessageIdInvalidError),
            (f.account.UpdateUsernameRequest("a"), errors.UsernameInvalidError),
            (f.account.UpdateUsernameRequest(f"bob{bob.me.id}"), errors.UsernameOccupiedError),
            (f.account.UpdateProfileRequest(first_name=""), errors.FirstNameInvalidError),
            (f.contacts.ResolveUsernameRequest("nobody_has_this"), errors.UsernameNotOccupiedError),
        ]
        before = await ann(f.updates.GetStateRequest())
        for request, error in cases:
            with pytest.raises(error):
                await ann(request)
        foreign = await ann(f.messages.GetMessagesRequest([t.InputMessageID(4711)]))
        assert isinstance(foreign.messages[0], t.MessageEmpty)
        after = await ann(f.updates.GetStateRequest())
        assert before.pts == after.pts


async def test_wrong_codes(daemon, new_phone):
    from telethon import errors

    client = telethon_client(daemon)
    await client.connect()
    phone = new_phone()
    sent = await client.send_code_request(phone)
    real = await asyncio.to_thread(daemon.code, phone)
    wrong = "00000" if real != "00000" else "11111"
    with pytest.raises(errors.PhoneCodeInvalidError):
        await client(f.auth.SignInRequest(phone, sent.phone_code_hash, wrong))
    with pytest.raises(errors.PhoneCodeEmptyError):
        await client(f.auth.SignInRequest(phone, sent.phone_code_hash, ""))
    with pytest.raises(errors.PhoneNumberInvalidError):
        await client(f.auth.SendCodeRequest("not a number", 1, "x", t.CodeSettings()))
    answer = await client(f.auth.SignInRequest(phone, sent.phone_code_hash, real))
    assert isinstance(answer, t.auth.AuthorizationSignUpRequired)
    with pytest.raises(errors.FirstNameInvalidError):
        await client(f.auth.SignUpRequest(phone, sent.phone_code_hash, "", ""))
    assert not await client.is_user_authorized()
    await client.disconnect()
