"""Login codes by e-mail: SECURITY 5.2, 5.3, 5.5 and 5.7 hold on this way too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.community import Community, community, run
from tests.services.test_codes import refused, wrong
from tgserve import api, limits
from tgserve.api import auth as door
from tgserve.api.account import login_email
from tgserve.config import ConfigError, MailConfig, parse
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.recovery import pattern
from tgserve.store import account_records as a
from tgserve.store.keyspaces import PASSWORDS
from tgserve.store.slots import slot_of
from tgserve.tl import types as t
from tgserve.tl.functions import account, auth

api.load()
PHONE, DIGITS = "+9996621001", "9996621001"
ANN = "ann@example.org"
ALLOWED, REQUIRED = MailConfig(login="allowed"), MailConfig(login="required")


async def ask(c: Community, key: int, phone: str = PHONE) -> Any:
    request = auth.SendCode(phone_number=phone, api_id=1, api_hash="", settings=t.CodeSettings())
    return await door.send_code(c.call(0, key), request)


def sign_in(c: Community, key: int, sent: Any, code: str, *, mail: bool) -> Any:
    shown: dict[str, Any] = (
        {"email_verification": t.EmailVerificationCode(code=code)} if mail else {"phone_code": code}
    )
    request = auth.SignIn(phone_number=PHONE, phone_code_hash=sent.phone_code_hash, **shown)
    return door.sign_in(c.call(0, key), request)


def mailed(c: Community) -> str:
    code = c.services.auth.codes.last_or_none(DIGITS)
    assert code is not None
    return code.code


async def change(c: Community, me: int, key: int, address: str = ANN) -> None:
    """The signed-in user has his codes sent to this address."""
    purpose = t.EmailVerifyPurposeLoginChange()
    sent = await login_email.send_verify_email_code(
        c.call(me, key), account.SendVerifyEmailCode(purpose=purpose, email=address)
    )
    assert sent == t.AccountSentEmailCode(email_pattern=pattern(address), length=6)
    waiting = c.services.auth.emails.of(me).confirming
    assert waiting is not None
    code = t.EmailVerificationCode(code=waiting.code)
    done = await login_email.verify_email(
        c.call(me, key), account.VerifyEmail(purpose=purpose, verification=code)
    )
    assert done == t.AccountEmailVerified(email=address)
    await c.settle()


def test_who_has_an_address_gets_his_codes_there() -> None:
    async def story() -> None:
        async with community(mail=ALLOWED) as c:
            me, first = await c.sign_up(PHONE)
            await change(c, me, first)
            texts = len(c.desk.sent)
            key = await c.key()
            sent = await ask(c, key)
            assert len(c.desk.sent) == texts, "nothing goes by SMS"
            assert sent.type == t.AuthSentCodeTypeEmailCode(
                email_pattern="a***n@e******.org",
                length=6,
                reset_available_period=limits.LOGIN_EMAIL_RESET_SECONDS,
            )
            again = await door.resend_code(
                c.call(0, key), auth.ResendCode(phone_number=PHONE, phone_code_hash=sent.phone_code_hash)
            )
            assert isinstance(again.type, t.AuthSentCodeTypeEmailCode)
            purpose = t.EmailVerifyPurposeLoginSetup(
                phone_number=PHONE, phone_code_hash=again.phone_code_hash
            )
            once_more = account.SendVerifyEmailCode(purpose=purpose, email="")
            said = await login_email.send_verify_email_code(c.call(0, key), once_more)
            assert said == t.AccountSentEmailCode(email_pattern="a***n@e******.org", length=6)
            await refused(sign_in(c, key, again, mailed(c), mail=False), "PHONE_CODE_INVALID")
            done = await sign_in(c, key, again, mailed(c), mail=True)
            assert isinstance(done, t.AuthAuthorization)
            other = await ask(c, await c.key(), "+9996621999")
            assert isinstance(other.type, t.AuthSentCodeTypeSms)

    run(story())


def test_5_2_a_code_by_mail_is_guessed_at_no_more_often_than_one_by_sms() -> None:
    async def story() -> None:
        async with community(mail=ALLOWED) as c:
            me, first = await c.sign_up(PHONE)
            await change(c, me, first)
            key = await c.key()
            sent = await ask(c, key)
            code = mailed(c)
            assert len(code) == limits.EMAIL_CODE_DIGITS
            for _ in range(limits.CODE_TRIES):
                await refused(sign_in(c, key, sent, wrong(code), mail=True), "PHONE_CODE_INVALID")
            await refused(sign_in(c, key, sent, code, mail=True), "PHONE_CODE_EXPIRED")
            other = await c.key()
            sent = await ask(c, other)
            await refused(sign_in(c, key, sent, mailed(c), mail=True), "PHONE_CODE_EXPIRED")
            c.clock.advance(limits.CODE_SECONDS)
            await refused(sign_in(c, other, sent, code, mail=True), "PHONE_CODE_EXPIRED")

    run(story())


def test_5_3_codes_by_mail_are_limited() -> None:
    async def story() -> None:
        async with community(mail=REQUIRED) as c:
            key = await c.key()
            sent = await ask(c, key)
            purpose = t.EmailVerifyPurposeLoginSetup(phone_number=PHONE, phone_code_hash=sent.phone_code_hash)
            request = account.SendVerifyEmailCode(purpose=purpose, email=ANN)
            for _ in range(limits.EMAIL_CODES_PER_HOUR):
                await login_email.send_verify_email_code(c.call(0, key), request)
            await refused(login_email.send_verify_email_code(c.call(0, key), request), "FLOOD_WAIT_")
            limit = c.config.limits.codes_per_phone_per_hour
            for _ in range(limit - 1):
                await ask(c, await c.key())
            await refused(ask(c, await c.key()), "FLOOD_WAIT_")

    run(story())


@pytest.mark.parametrize("mail", [MailConfig(), ALLOWED])
def test_5_5_where_no_address_is_set_known_and_unknown_numbers_look_alike(mail: MailConfig) -> None:
    async def story() -> None:
        async with community(mail=mail) as c:
            await c.sign_up(PHONE)
            answers = [await ask(c, await c.key(), phone) for phone in (PHONE, "+9996621999")]
            assert answers[0].type == answers[1].type == t.AuthSentCodeTypeSms(length=5)
            assert {type(one.next_type) for one in answers} == {t.AuthCodeTypeSms}

    run(story())


def test_where_it_is_required_an_address_is_given_at_the_login() -> None:
    """The address is the account's only when the phone's code has come back too."""

    async def story() -> None:
        async with community(mail=REQUIRED) as c:
            key = await c.key()
            call = c.call(0, key)
            sent = await ask(c, key)
            assert sent.type == t.AuthSentCodeTypeSetUpEmailRequired() and not c.desk.sent
            await refused(sign_in(c, key, sent, "", mail=False), "PHONE_CODE_EMPTY")
            await refused(sign_in(c, key, sent, "12345", mail=False), "PHONE_CODE_EXPIRED")
            purpose = t.EmailVerifyPurposeLoginSetup(phone_number=PHONE, phone_code_hash=sent.phone_code_hash)

            async def verify(code: str) -> Any:
                shown = t.EmailVerificationCode(code=code)
                return await login_email.verify_email(
                    call, account.VerifyEmail(purpose=purpose, verification=shown)
                )

            await refused(verify("123456"), "EMAIL_VERIFY_EXPIRED")
            for address, error in (("nonsense", "EMAIL_INVALID"), ("a@b", "EMAIL_INVALID")):
                request = account.SendVerifyEmailCode(purpose=purpose, email=address)
                await refused(login_email.send_verify_email_code(call, request), error)
            request = account.SendVerifyEmailCode(purpose=purpose, email=ANN)
            stranger = c.call(0, await c.key())
            await refused(login_email.send_verify_email_code(stranger, request), "PHONE_CODE_EXPIRED")
            await login_email.send_verify_email_code(call, request)
            code = mailed(c)
            await refused(verify(wrong(code)), "CODE_INVALID")
            done = await verify(code)
            assert isinstance(done, t.AccountEmailVerifiedLogin) and done.email == ANN
            assert isinstance(done.sent_code.type, t.AuthSentCodeTypeSms)
            answer = await sign_in(c, key, done.sent_code, c.desk.code, mail=False)
            assert isinstance(answer, t.AuthAuthorizationSignUpRequired)
            me = await c.services.auth.sign_up(PHONE, done.sent_code.phone_code_hash, "Ann", "", key)
            await c.settle()
            assert c.services.auth.emails.of(me).email == ANN
            sent = await ask(c, await c.key())
            assert isinstance(sent.type, t.AuthSentCodeTypeEmailCode)

    run(story())


def test_5_7_who_has_a_password_is_asked_for_no_address_and_still_owes_it() -> None:
    async def story() -> None:
        async with community(mail=REQUIRED) as c:
            me = await c.services.auth.create_user(PHONE, "Ann", "")
            kept = a.Password(current=a.NewPassword(b"v", b"1", b"2"), version=1)
            await c.store.transact(slot_of(me), lambda txn: txn.put(PASSWORDS, me, value=kept))
            key = await c.key()
            sent = await ask(c, key)
            assert isinstance(sent.type, t.AuthSentCodeTypeSms)
            await refused(sign_in(c, key, sent, c.desk.code, mail=False), "SESSION_PASSWORD_NEEDED")
            await c.services.auth.emails.keep(me, ANN)
            sent = await ask(c, await c.key())
            key = await c.key()
            sent = await ask(c, key)
            assert isinstance(sent.type, t.AuthSentCodeTypeEmailCode)
            await refused(sign_in(c, key, sent, mailed(c), mail=True), "SESSION_PASSWORD_NEEDED")

    run(story())


def test_a_lost_address_is_got_rid_of_in_a_week_and_its_owner_is_told() -> None:
    async def story() -> None:
        async with community(mail=ALLOWED) as c:
            me, first = await c.sign_up(PHONE)
            await change(c, me, first)
            before = c.services.dialogs.head(me, SERVICE_USER).count

            async def reset(key: int, sent: Any) -> Any:
                request = auth.ResetLoginEmail(phone_number=PHONE, phone_code_hash=sent.phone_code_hash)
                return await door.reset_login_email(c.call(0, key), request)

            key = await c.key()
            sent = await ask(c, key)
            await refused(reset(await c.key(), sent), "PHONE_CODE_EXPIRED")
            pending = await reset(key, sent)
            due = int(c.clock.now()) + limits.LOGIN_EMAIL_RESET_SECONDS
            assert pending.type.reset_pending_date == due
            await c.settle()
            assert c.services.dialogs.head(me, SERVICE_USER).count == before + 1
            await refused(reset(key, sent), "TASK_ALREADY_EXISTS")
            await sign_in(c, key, sent, mailed(c), mail=True)
            assert c.services.auth.emails.of(me).reset_at == 0, "its owner reads his mail after all"
            key = await c.key()
            sent = await ask(c, key)
            await reset(key, sent)
            c.clock.advance(limits.LOGIN_EMAIL_RESET_SECONDS)
            key = await c.key()
            sent = await ask(c, key)
            assert isinstance(sent.type, t.AuthSentCodeTypeSms)
            await sign_in(c, key, sent, c.desk.code, mail=False)
            await refused(reset(key, sent), "PHONE_CODE_EXPIRED")

    run(story())


def test_a_changed_address_is_told_of_and_guesses_are_counted() -> None:
    async def story() -> None:
        async with community(mail=ALLOWED) as c:
            me, key = await c.sign_up(PHONE)
            await change(c, me, key)
            before = c.services.dialogs.head(me, SERVICE_USER).count
            await change(c, me, key, "adrian@example.org")
            assert c.services.dialogs.head(me, SERVICE_USER).count == before + 1
            emails = c.services.auth.emails
            await emails.send_change(me, "bob@example.org")
            waiting = emails.of(me).confirming
            assert waiting is not None
            for _ in range(limits.EMAIL_CODE_TRIES):
                await refused(emails.change(me, wrong(waiting.code)), "CODE_INVALID")
            await refused(emails.change(me, waiting.code), "EMAIL_VERIFY_EXPIRED")
            assert emails.of(me).email == "adrian@example.org"
            nobody = c.call(0, await c.key())
            purpose = t.EmailVerifyPurposeLoginChange()
            request = account.SendVerifyEmailCode(purpose=purpose, email=ANN)
            await refused(login_email.send_verify_email_code(nobody, request), "AUTH_KEY_UNREGISTERED")

    run(story())


def test_switched_off_nothing_of_it_is_offered() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            await c.services.auth.emails.keep(me, ANN)
            assert isinstance((await ask(c, await c.key())).type, t.AuthSentCodeTypeSms)
            sent = await ask(c, await c.key())
            setup = t.EmailVerifyPurposeLoginSetup(phone_number=PHONE, phone_code_hash=sent.phone_code_hash)
            for purpose in (setup, t.EmailVerifyPurposeLoginChange(), t.EmailVerifyPurposePassport()):
                request = account.SendVerifyEmailCode(purpose=purpose, email=ANN)
                await refused(
                    login_email.send_verify_email_code(c.call(me, key), request), "EMAIL_NOT_ALLOWED"
                )
                shown = account.VerifyEmail(purpose=purpose, verification=t.EmailVerificationCode(code="1"))
                await refused(login_email.verify_email(c.call(me, key), shown), "EMAIL_NOT_ALLOWED")
            reset = auth.ResetLoginEmail(phone_number=PHONE, phone_code_hash=sent.phone_code_hash)
            await refused(door.reset_login_email(c.call(0, key), reset), "EMAIL_NOT_ALLOWED")
        with pytest.raises(ConfigError, match="mail"):
            parse('[mail]\nlogin = "sometimes"')
        assert parse('[mail]\nlogin = "required"').mail.login == "required"

    run(story())


def test_5_2_a_code_that_its_owner_passes_on_is_dead() -> None:
    async def story() -> None:
        async with community() as c:
            me, first = await c.sign_up(PHONE)
            key = await c.key()
            sent = await ask(c, key)
            request = account.InvalidateSignInCodes(codes=["x", c.desk.code])
            other, theirs = await c.sign_up("+9996621002")
            sent = await ask(c, key)
            assert await login_email.invalidate_sign_in_codes(c.call(other, theirs), request)
            request = account.InvalidateSignInCodes(codes=["x", c.desk.code])
            assert await login_email.invalidate_sign_in_codes(c.call(other, theirs), request)
            assert c.services.auth.codes.waiting_or_none(DIGITS, sent.phone_code_hash, key)
            assert await login_email.invalidate_sign_in_codes(c.call(me, first), request)
            await refused(sign_in(c, key, sent, c.desk.code, mail=False), "PHONE_CODE_EXPIRED")
            many = account.InvalidateSignInCodes(codes=["1"] * 11)
            await refused(login_email.invalidate_sign_in_codes(c.call(me, first), many), "LIMIT_INVALID")

    run(story())
