"""The account's own security through real clients: two-step verification, QR codes, another number, the end."""

from __future__ import annotations

import asyncio

import pytest
import telethon
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_client, telethon_person
from tests.waiting import until

PASSWORD = "correct horse battery"


async def ask_for_code(client, daemon, phone):
    await client.connect()
    sent = await client.send_code_request(phone)
    return sent.phone_code_hash, await asyncio.to_thread(daemon.code, phone)


@pytest.mark.asyncio
async def test_telethon_sets_proves_changes_and_removes_a_password(daemon, new_phone):
    phone = new_phone()
    async with telethon_person(daemon, phone, "Ann") as ann:
        assert await ann.edit_2fa(new_password=PASSWORD, hint="animal")
        tablet = telethon_client(daemon)
        try:
            tag, code = await ask_for_code(tablet, daemon, phone)
            with pytest.raises(telethon.errors.SessionPasswordNeededError):
                await tablet.sign_in(phone, code, phone_code_hash=tag)
            with pytest.raises(telethon.errors.SessionPasswordNeededError):
                await tablet(f.messages.GetDialogsRequest(0, 0, t.InputPeerEmpty(), 10, 0))
            with pytest.raises(telethon.errors.PasswordHashInvalidError):
                await tablet.sign_in(password="wrong")
            me = await tablet.sign_in(password=PASSWORD)
            assert me.id == ann.me.id
            await tablet.send_message("me", "from the tablet")
        finally:
            await tablet.disconnect()
        with pytest.raises(telethon.errors.PasswordHashInvalidError):
            await ann.edit_2fa("wrong", new_password="x")
        assert await ann.edit_2fa(PASSWORD, new_password="another one")
        assert await ann.edit_2fa("another one", new_password=None)
        assert not (await ann(f.account.GetPasswordRequest())).has_password


@pytest.mark.asyncio
async def test_telethon_recovers_by_email(daemon, new_phone):
    phone = new_phone()

    def mail_code(*_):
        return daemon.run("user", "mailcode", phone).split()[0]

    async with telethon_person(daemon, phone, "Ann") as ann:
        assert await ann.edit_2fa(
            new_password=PASSWORD, email="ann@example.org", email_code_callback=mail_code
        )
        state = await ann(f.account.GetPasswordRequest())
        assert state.has_password and state.has_recovery
        tablet = telethon_client(daemon)
        try:
            tag, code = await ask_for_code(tablet, daemon, phone)
            with pytest.raises(telethon.errors.SessionPasswordNeededError):
                await tablet.sign_in(phone, code, phone_code_hash=tag)
            sent = await tablet(f.auth.RequestPasswordRecoveryRequest())
            assert sent.email_pattern.startswith("a***n@")
            answer = await tablet(f.auth.RecoverPasswordRequest(await asyncio.to_thread(mail_code)))
            assert answer.user.id == ann.me.id
        finally:
            await tablet.disconnect()


@pytest.mark.asyncio
@pytest.mark.parametrize("password", ["", PASSWORD], ids=["plain", "2fa"])
async def test_telethon_signs_in_by_qr_code(daemon, new_phone, password):
    async with telethon_person(daemon, new_phone(), "Ann") as ann:
        if password:
            await ann.edit_2fa(new_password=password)
        desk = telethon_client(daemon)
        try:
            await desk.connect()
            shown = await desk.qr_login()
            waiting = asyncio.create_task(shown.wait(60))
            await asyncio.sleep(0.3)
            line = await ann(f.auth.AcceptLoginTokenRequest(shown.token))
            assert line.device_model
            if password:
                with pytest.raises(telethon.errors.SessionPasswordNeededError):
                    await waiting
                me = await desk.sign_in(password=password)
            else:
                me = await waiting
            assert me.id == ann.me.id
            with pytest.raises(telethon.errors.AuthTokenAlreadyAcceptedError):
                await ann(f.auth.AcceptLoginTokenRequest(shown.token))

            async def both_listed():  # the list follows the login by its own commit
                found = await ann(f.account.GetAuthorizationsRequest())
                return len(found.authorizations) == 2

            await until(both_listed)
        finally:
            await desk.disconnect()


@pytest.mark.asyncio
async def test_kurigram_cloud_password(daemon, new_phone, folder):
    import pyrogram

    phone = new_phone()
    client = kurigram_client(daemon, folder, "ann")
    await kurigram_sign_up(client, daemon, phone, "Ann")
    try:
        assert await client.enable_cloud_password(PASSWORD, hint="animal")
        tablet = kurigram_client(daemon, folder, "tablet")
        await tablet.connect()
        sent = await tablet.send_code(phone)
        code = await asyncio.to_thread(daemon.code, phone)
        with pytest.raises(pyrogram.errors.SessionPasswordNeeded):
            await tablet.sign_in(phone, sent.phone_code_hash, code)
        assert await tablet.get_password_hint() == "animal"
        me = await tablet.check_password(PASSWORD)
        assert me.id == client.me.id
        await tablet.disconnect()
        assert await client.change_cloud_password(PASSWORD, "another one")
        assert await client.remove_cloud_password("another one")
    finally:
        await client.stop()


@pytest.mark.asyncio
async def test_privacy_made_on_one_device_reaches_the_other_live_and_later(daemon, new_phone):
    phone = new_phone()
    async with telethon_person(daemon, phone, "Ann") as ann, telethon_person(daemon, phone, "Ann") as tablet:
        heard = []

        async def on_raw(update):
            if isinstance(update, t.UpdatePrivacy):
                heard.append(update)

        tablet.add_event_handler(on_raw, telethon.events.Raw())
        key = t.InputPrivacyKeyStatusTimestamp()
        state = await tablet(f.updates.GetStateRequest())
        await ann(f.account.SetPrivacyRequest(key, [t.InputPrivacyValueDisallowAll()]))
        await until(lambda: heard)
        assert isinstance(heard[0].rules[0], t.PrivacyValueDisallowAll)
        difference = await tablet(f.updates.GetDifferenceRequest(state.pts, state.date, state.qts))
        assert any(isinstance(one, t.UpdatePrivacy) for one in difference.other_updates)


@pytest.mark.asyncio
async def test_another_number_and_a_deleted_account(daemon, new_phone):
    old, new = new_phone(), new_phone()
    async with telethon_person(daemon, old, "Ann") as ann, telethon_person(daemon, new_phone(), "Bob") as bob:
        sent = await ann(f.account.SendChangePhoneCodeRequest(new, t.CodeSettings()))
        code = await asyncio.to_thread(daemon.code, new)
        user = await ann(f.account.ChangePhoneRequest(new, sent.phone_code_hash, code))
        assert "+" + user.phone == new
        imported = await bob(f.contacts.ImportContactsRequest([t.InputPhoneContact(1, new, "Ann", "")]))
        await bob.send_message(imported.users[0], "hello")
        await until(lambda: ann.heard)
        await ann.send_message(ann.heard[0].sender_id, "good bye")
        await until(lambda: bob.heard)
        assert await ann(f.account.DeleteAccountRequest("enough"))
        with pytest.raises(telethon.errors.UnauthorizedError):
            await ann(f.updates.GetStateRequest())
        gone = await bob.get_entity(ann.me.id)
        gone = (await bob(f.users.GetUsersRequest([gone])))[0]
        assert gone.deleted and not gone.first_name
        texts = [message.raw_text async for message in bob.iter_messages(ann.me.id)]
        assert texts == ["good bye", "hello"]


def test_tdlib_password_and_qr_code(person, no_errors, daemon, libraries, tmp_path):
    ann = person("1.8.69", "Ann")
    state = ann.call("setPassword", old_password="", new_password=PASSWORD, new_hint="animal")
    assert state["has_password"] and state["password_hint"] == "animal"
    for version in ("1.8.69", "1.8.46"):
        desk = libraries[version].client(tmp_path / f"desk{version}", ann.proxy)
        desk.start()
        desk._state("WaitPhoneNumber")
        mark = len(desk.updates)
        desk.call("requestQrCodeAuthentication", other_user_ids=[])
        shown = desk.wait(
            lambda u: (
                u["@type"] == "updateAuthorizationState"
                and u["authorization_state"]["@type"] == "authorizationStateWaitOtherDeviceConfirmation"
            ),
            since=mark,
        )
        session = ann.call("confirmQrCodeAuthentication", link=shown["authorization_state"]["link"])
        assert session["@type"] == "session"
        desk._state("WaitPassword", mark)
        desk.call("checkAuthenticationPassword", password=PASSWORD)
        desk._state("Ready", mark)
        assert desk.call("getMe")["id"] == ann.me["id"]
        desk.close()
    assert ann.call("getActiveSessions")["sessions"]
    ann.call("setPassword", old_password=PASSWORD, new_password="", new_hint="")
    assert not ann.call("getPasswordState")["has_password"]
