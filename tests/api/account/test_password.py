from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_empty import api
from tests.community import Community, community, run
from tests.services.test_codes import refused
from tests.srp_client import proof_of, verifier_of
from tgserve import limits
from tgserve.api import auth_password as door
from tgserve.api.account import password as handlers
from tgserve.mtproto import dh
from tgserve.services import srp
from tgserve.store.keyspaces import PASSWORDS
from tgserve.store.slots import slot_of
from tgserve.tl import types as t
from tgserve.tl.functions import account, auth

api.load()
PHONE = "+9996621001"
EMPTY = t.InputCheckPasswordEmpty()


async def asked(call: Any) -> t.AccountPassword:
    answer = await handlers.get_password(call, account.GetPassword())
    assert isinstance(answer, t.AccountPassword)
    return answer


async def settings(call: Any, password: str, **more: Any) -> t.AccountPasswordInputSettings:
    """New settings with this password; "" removes it."""
    if not password:
        return t.AccountPasswordInputSettings(
            new_algo=t.PasswordKdfAlgoUnknown(), new_password_hash=b"", hint="", **more
        )
    algo: Any = (await asked(call)).new_algo
    algo.salt1 += bytes(32)
    more.setdefault("hint", "")
    return t.AccountPasswordInputSettings(
        new_algo=algo, new_password_hash=verifier_of(password, algo), **more
    )


async def update(call: Any, proof: Any, new: Any) -> Any:
    request = account.UpdatePasswordSettings(password=proof, new_settings=new)
    return await handlers.update_password_settings(call, request)


async def turn_on(call: Any, password: str, **more: Any) -> None:
    assert await update(call, EMPTY, await settings(call, password, **more))


async def half_in(c: Community) -> Any:
    """A call of a key whose login code was right and whose password is owed."""
    key = await c.key()
    sent = await c.services.auth.send_code(PHONE, key, "127.0.0.1")
    code = c.desk.code
    await refused(c.services.auth.sign_in(PHONE, sent.phone_code_hash, code, key), "SESSION_PASSWORD_NEEDED")
    return c.call(0, key)


def test_the_group_is_that_of_the_key_exchange() -> None:
    assert (srp.PRIME, srp.G, srp.PRIME_BYTES) == (dh.PRIME, dh.G, dh.PRIME_BYTES)


def test_5_7_set_prove_change_remove() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            assert not (await asked(call)).has_password
            await turn_on(call, "correct horse", hint="animal")
            now = await asked(call)
            assert now.has_password and now.hint == "animal" and not now.has_recovery
            other = await half_in(c)
            door_open = await door.check_password(
                other, auth.CheckPassword(password=proof_of("correct horse", await asked(other)))
            )
            assert isinstance(door_open, t.AuthAuthorization)
            assert c.services.auth.key_or_none(other.session.auth_key_id).user_id == me
            await refused(update(call, EMPTY, await settings(call, "x")), "PASSWORD_HASH_INVALID")
            wrong = proof_of("wrong", await asked(call))
            await refused(update(call, wrong, await settings(call, "x")), "PASSWORD_HASH_INVALID")
            right = proof_of("correct horse", await asked(call))
            assert await update(call, right, await settings(call, "second"))
            got = await handlers.get_password_settings(
                call, account.GetPasswordSettings(password=proof_of("second", await asked(call)))
            )
            assert got.email is None
            await refused(update(call, EMPTY, await settings(call, "")), "PASSWORD_HASH_INVALID")
            assert await update(call, proof_of("second", await asked(call)), await settings(call, ""))
            assert not (await asked(call)).has_password
            again, _ = await c.sign_in(PHONE)
            assert again == me

    run(story())


def test_5_7_the_store_holds_neither_password_nor_open_verifier() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            new = await settings(call, "correct horse")
            assert await update(call, EMPTY, new)
            with c.store.read(slot_of(me)) as reader:
                row = reader.get(PASSWORDS, me)
            assert new.new_password_hash not in row.current.verifier
            assert (
                c.store.vault.open(row.current.verifier, b"srp" + me.to_bytes(8, "big"))
                == new.new_password_hash
            )

    run(story())


def test_srp_a_challenge_is_good_once_for_its_key_and_until_the_password_changes() -> None:
    """SECURITY 5.7"""

    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            await turn_on(call, "one")
            _, spare = await half_in(c), await asked(call)
            used = proof_of("one", await asked(call))
            get = handlers.get_password_settings
            await get(call, account.GetPasswordSettings(password=used))
            await refused(get(call, account.GetPasswordSettings(password=used)), "SRP_ID_INVALID")
            pending = await half_in(c)
            stolen = proof_of("one", spare)
            await refused(door.check_password(pending, auth.CheckPassword(password=stolen)), "SRP_ID_INVALID")
            old = proof_of("one", await asked(call))
            assert await update(call, proof_of("one", await asked(call)), await settings(call, "two"))
            await refused(get(call, account.GetPasswordSettings(password=old)), "SRP_PASSWORD_CHANGED")
            late = proof_of("two", await asked(call))
            c.clock.advance(limits.SRP_SECONDS + 1)
            await refused(get(call, account.GetPasswordSettings(password=late)), "SRP_ID_INVALID")

    run(story())


@pytest.mark.parametrize(
    "number", [0, 1, srp.PRIME - 1, srp.PRIME, srp.PRIME + 1, 2 * srp.PRIME - 1, 1 << 2048]
)
def test_srp_zero_key(number: int) -> None:
    """SECURITY 4, SRP zero key: A mod p in {0, 1, p-1} would make the session key known to anybody."""

    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            await turn_on(call, "one")
            pending = await half_in(c)
            question = await asked(pending)
            forged = proof_of("guess", question)
            forged.A = number.to_bytes(257, "big").removeprefix(b"\0")
            await refused(door.check_password(pending, auth.CheckPassword(password=forged)), "SRP_A_INVALID")

    run(story())


def test_5_7_wrong_passwords_are_limited_by_key_and_account() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            await turn_on(call, "one")
            tries = 0

            async def guess(call: Any) -> None:
                proof = proof_of("nope", await asked(call), a=3 << 1990)
                await door.check_password(call, auth.CheckPassword(password=proof))

            pending = await half_in(c)
            for _ in range(limits.PASSWORD_TRIES_PER_KEY_PER_HOUR):
                await refused(guess(pending), "PASSWORD_HASH_INVALID")
                tries += 1
            await refused(guess(pending), "FLOOD_WAIT_")
            while tries < limits.PASSWORD_TRIES_PER_HOUR:
                other = await half_in(c)
                for _ in range(min(6, limits.PASSWORD_TRIES_PER_HOUR - tries)):
                    await refused(guess(other), "PASSWORD_HASH_INVALID")
                    tries += 1
            await refused(guess(await half_in(c)), "FLOOD_WAIT_")
            c.clock.advance(limits.HOUR + 1)
            pending = await half_in(c)
            right = proof_of("one", await asked(pending))
            assert await door.check_password(pending, auth.CheckPassword(password=right))

    run(story())


def test_new_passwords_must_be_made_with_our_salts_and_group() -> None:
    """SECURITY 5.7"""

    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)

            async def bad(error: str, **changes: Any) -> None:
                new = await settings(call, "one")
                for name, value in changes.items():
                    target = new if name in ("new_password_hash", "hint") else new.new_algo
                    setattr(target, name, value)
                await refused(update(call, EMPTY, new), error)

            await bad("NEW_SALT_INVALID", salt1=bytes(40))
            await bad("NEW_SALT_INVALID", salt2=bytes(16))
            await bad("NEW_SETTINGS_INVALID", g=2)
            await bad("NEW_SETTINGS_INVALID", p=bytes(256))
            for number in (0, 1, srp.PRIME - 1, srp.PRIME):
                await bad("NEW_PASSWORD_BAD", new_password_hash=number.to_bytes(256, "big"))
            await bad("NEW_PASSWORD_BAD", new_password_hash=b"\2")
            await bad("NEW_SETTINGS_INVALID", hint="x" * 300)
            await bad("NEW_SETTINGS_INVALID", new_password_hash=b"")
            await refused(update(call, EMPTY, t.AccountPasswordInputSettings()), "NEW_SETTINGS_EMPTY")
            assert not (await asked(call)).has_password

    run(story())


def test_5_7_reset_takes_seven_days_and_can_be_declined() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            reset, decline = handlers.reset_password, handlers.decline_password_reset
            await refused(reset(call, account.ResetPassword()), "PASSWORD_EMPTY")
            await turn_on(call, "one")
            await refused(decline(call, account.DeclinePasswordReset()), "RESET_REQUEST_MISSING")
            start = int(c.clock.now())
            until = start + limits.PASSWORD_RESET_SECONDS
            for _ in range(2):
                answer = await reset(call, account.ResetPassword())
                assert answer == t.AccountResetPasswordRequestedWait(until_date=until)
            assert (await asked(call)).pending_reset_date == until
            assert await decline(call, account.DeclinePasswordReset())
            answer = await reset(call, account.ResetPassword())
            assert answer == t.AccountResetPasswordFailedWait(retry_date=start + limits.DAY)
            c.clock.advance(limits.DAY)
            await reset(call, account.ResetPassword())
            c.clock.advance(limits.PASSWORD_RESET_SECONDS - 1)
            assert isinstance(await reset(call, account.ResetPassword()), t.AccountResetPasswordRequestedWait)
            c.clock.advance(1)
            assert await reset(call, account.ResetPassword()) == t.AccountResetPasswordOk()
            assert not (await asked(call)).has_password

    run(story())


def test_recovery_by_email() -> None:
    """SECURITY 5.7: the code of the e-mail stands in for the password, once."""

    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            new = await settings(call, "one", email="ann@example.org")
            await refused(update(call, EMPTY, new), "EMAIL_UNCONFIRMED_6")
            state = await asked(call)
            assert not state.has_password and state.email_unconfirmed_pattern == "a***n@e******.org"
            confirm = handlers.confirm_password_email
            await refused(confirm(call, account.ConfirmPasswordEmail(code="?")), "CODE_INVALID")
            code = c.services.recovery.last_or_none(me).code
            assert await confirm(call, account.ConfirmPasswordEmail(code=code))
            await refused(confirm(call, account.ConfirmPasswordEmail(code=code)), "EMAIL_HASH_EXPIRED")
            state = await asked(call)
            assert state.has_password and state.has_recovery
            pending = await half_in(c)
            sent = await door.request_password_recovery(pending, auth.RequestPasswordRecovery())
            assert sent == t.AuthPasswordRecovery(email_pattern="a***n@e******.org")
            for _ in range(limits.EMAIL_CODE_TRIES):
                await refused(
                    door.check_recovery_password(pending, auth.CheckRecoveryPassword(code="000")),
                    "CODE_INVALID",
                )
            await refused(
                door.check_recovery_password(pending, auth.CheckRecoveryPassword(code="000")),
                "PASSWORD_RECOVERY_EXPIRED",
            )
            await door.request_password_recovery(pending, auth.RequestPasswordRecovery())
            code = c.services.recovery.last_or_none(me).code
            assert await door.check_recovery_password(pending, auth.CheckRecoveryPassword(code=code))
            signed = await door.recover_password(pending, auth.RecoverPassword(code=code))
            assert isinstance(signed, t.AuthAuthorization)
            state = await asked(call)
            assert not state.has_password and not state.has_recovery

    run(story())


def test_an_address_that_waits_can_be_sent_to_again_or_dropped() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            resend, cancel = handlers.resend_password_email, handlers.cancel_password_email
            await refused(resend(call, account.ResendPasswordEmail()), "EMAIL_HASH_EXPIRED")
            await refused(cancel(call, account.CancelPasswordEmail()), "EMAIL_HASH_EXPIRED")
            await refused(update(call, EMPTY, await settings(call, "one", email="nobody")), "EMAIL_INVALID")
            await refused(
                update(call, EMPTY, await settings(call, "one", email="a@b.org")), "EMAIL_UNCONFIRMED_6"
            )
            first = c.services.recovery.last_or_none(me).code
            assert await resend(call, account.ResendPasswordEmail())
            assert c.services.recovery.last_or_none(me).code != first
            assert await cancel(call, account.CancelPasswordEmail())
            assert (await asked(call)).email_unconfirmed_pattern is None
            await turn_on(call, "one")
            await refused(
                door.request_password_recovery(call, auth.RequestPasswordRecovery()), "PASSWORD_RECOVERY_NA"
            )

    run(story())
