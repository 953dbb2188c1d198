"""Login codes by e-mail through real clients, on a server that requires them."""

from __future__ import annotations

import asyncio

import pytest
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.conftest import SETTINGS
from tests.journeys.daemon import Daemon
from tests.journeys.people import API_HASH, API_ID, telethon_client
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS, Library

ADDRESS = "ann@example.org"


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server on which everybody logs in by e-mail; its operator reads the codes out."""
    config = SETTINGS + '\n[mail]\nlogin = "required"\n'
    server = Daemon(tmp_path_factory.mktemp("strict") / "data", config=config).start()
    yield server
    faults = server.faults()
    server.end()
    assert not faults, "\n".join(faults[:20])


@pytest.mark.asyncio
async def test_an_address_is_given_and_used_in_telethon(strict, new_phone):
    phone = new_phone()

    async def code():
        return await asyncio.to_thread(strict.code, phone)

    async def ask(client):
        await client.connect()
        return await client(f.auth.SendCodeRequest(phone, API_ID, API_HASH, t.CodeSettings()))

    first, second = telethon_client(strict), telethon_client(strict)
    try:
        sent = await ask(first)
        assert isinstance(sent.type, t.auth.SentCodeTypeSetUpEmailRequired)
        purpose = t.EmailVerifyPurposeLoginSetup(phone, sent.phone_code_hash)
        mailed = await first(f.account.SendVerifyEmailCodeRequest(purpose, ADDRESS))
        assert (mailed.email_pattern, mailed.length) == ("a***n@e******.org", 6)
        shown = t.EmailVerificationCode(await code())
        proven = await first(f.account.VerifyEmailRequest(purpose, shown))
        sent = proven.sent_code
        assert proven.email == ADDRESS and isinstance(sent.type, t.auth.SentCodeTypeSms)
        await first(f.auth.SignInRequest(phone, sent.phone_code_hash, await code()))
        made = await first(f.auth.SignUpRequest(phone, sent.phone_code_hash, "Ann", ""))
        again = await ask(second)
        assert isinstance(again.type, t.auth.SentCodeTypeEmailCode)
        shown = t.EmailVerificationCode(await code())
        signed = await second(f.auth.SignInRequest(phone, again.phone_code_hash, email_verification=shown))
        assert signed.user.id == made.user.id
        settings = await second(f.account.GetPasswordRequest())
        assert settings.login_email_pattern == "a***n@e******.org"
    finally:
        await first.disconnect()
        await second.disconnect()


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_asks_for_the_address_and_for_its_code(strict, new_phone, tmp_path, version):
    library = Library(version, strict.pem, tmp_path)
    proxy = Socks(strict.host, strict.port)
    phone = new_phone()

    def shown():
        return {"@type": "emailAddressAuthenticationCode", "code": strict.code(phone)}

    clients = [library.client(tmp_path / str(number), proxy) for number in range(2)]
    try:
        ann, again = clients
        ann.start()
        ann._state("WaitPhoneNumber")
        ann.call("setAuthenticationPhoneNumber", phone_number=phone)
        ann._state("WaitEmailAddress")
        ann.call("setAuthenticationEmailAddress", email_address=ADDRESS)
        ann._state("WaitEmailCode")
        ann.call("checkAuthenticationEmailCode", code=shown())
        ann._state("WaitCode")
        ann.call("checkAuthenticationCode", code=strict.code(phone))
        ann._state("WaitRegistration")
        ann.call("registerUser", first_name="Ann", last_name="T")
        ann._state("Ready")
        again.start()
        again._state("WaitPhoneNumber")
        again.call("setAuthenticationPhoneNumber", phone_number=phone)
        again._state("WaitEmailCode")
        again.call("resendAuthenticationCode", reason={"@type": "resendCodeReasonUserRequest"})
        again.call("checkAuthenticationEmailCode", code=shown())
        again._state("Ready")
        assert again.call("getMe")["id"] == ann.call("getMe")["id"]
    finally:
        for client in clients:
            client.close()
        proxy.close()
