"""account.*: the password of two-step verification: asking for it, setting it, its e-mail address, resetting it."""

from __future__ import annotations

from typing import Any, Final

from tgserve import errors
from tgserve.mtproto import dh
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, Who, per_minute, rpc
from tgserve.services.passwords import Proof, Wanted
from tgserve.services.recovery import pattern
from tgserve.store import account_records as a
from tgserve.tl import types as t
from tgserve.tl.functions import account

SECURE_SALT_BYTES: Final = 8
RANDOM_BYTES: Final = 256

_Algo = t.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow


def owner(call: Call) -> int:
    """Whose password the call is about: the caller's, or that of who has proven the code and owes it."""
    user_id = call.me or call.services.auth.pending_user(call.session.auth_key_id)
    if not user_id:
        raise errors.AUTH_KEY_UNREGISTERED()
    return user_id


def proof(given: t.AnyInputCheckPasswordSRP | None) -> Proof | None:
    """What the client shows; None for nothing."""
    if isinstance(given, t.InputCheckPasswordSRP):
        return Proof(given.srp_id, given.A, given.M1)
    return None


async def require(call: Call, given: t.AnyInputCheckPasswordSRP | None) -> a.Password:
    """Ask for the password before something that only its owner may do."""
    return await call.services.passwords.check(owner(call), call.session.auth_key_id, proof(given))


@rpc(account.GetPassword, who=Who.PENDING, flood=per_minute(60))
async def get_password(call: Call, request: account.GetPassword) -> t.AnyAccountPassword:
    """new_secure_algo must be this one, or TDLib calls it outdated (CLIENTS A.15)."""
    me = owner(call)
    passwords = call.services.passwords
    question = await passwords.ask(me, call.session.auth_key_id)
    row = passwords.of(me)
    salt1, salt2 = passwords.new_salts(me, row.version)
    random = call.services.ids.random_bytes
    answer = t.AccountPassword(
        new_algo=_Algo(salt1=salt1, salt2=salt2, g=dh.G, p=dh.PRIME_BYTES),
        new_secure_algo=t.SecurePasswordKdfAlgoPBKDF2HMACSHA512iter100000(salt=random(SECURE_SALT_BYTES)),
        secure_random=random(RANDOM_BYTES),
        has_recovery=bool(row.email),
    )
    if row.confirming is not None and call.me:
        answer.email_unconfirmed_pattern = pattern(row.confirming.email)
    if row.reset_at:
        answer.pending_reset_date = row.reset_at
    login = call.services.auth.emails.in_use(call.me)
    if login.email:
        answer.login_email_pattern = pattern(login.email)
    if question is not None:
        answer.has_password = True
        answer.current_algo = _Algo(salt1=question.salt1, salt2=question.salt2, g=dh.G, p=dh.PRIME_BYTES)
        answer.srp_B = question.public
        answer.srp_id = question.srp_id
        answer.hint = question.hint or None
    return answer


@rpc(account.GetPasswordSettings, flood=per_minute(30))
async def get_password_settings(
    call: Call, request: account.GetPasswordSettings
) -> t.AnyAccountPasswordSettings:
    row = await require(call, request.password)
    return t.AccountPasswordSettings(email=row.email or None)


@rpc(account.UpdatePasswordSettings, flood=per_minute(30))
async def update_password_settings(call: Call, request: account.UpdatePasswordSettings) -> bool:
    """Set, change or remove the password, its hint and address, after the current password was proven."""
    row = await require(call, request.password)
    given = request.new_settings
    if not isinstance(given, t.AccountPasswordInputSettings):
        raise errors.NEW_SETTINGS_INVALID()
    if given.new_algo is None and given.email is None:
        raise errors.NEW_SETTINGS_EMPTY()
    services = call.services
    new = None
    if given.new_algo is not None:
        new = services.passwords.made(call.me, row, wanted(given))
        if new is None:
            if row.current is None:
                raise errors.NEW_SETTINGS_INVALID()
            await services.passwords.set(call.me, row, None)
            return True
    elif row.current is None:
        raise errors.NEW_SETTINGS_INVALID()
    if given.email:
        await services.recovery.set_address(call.me, row, given.email, new)
    if new is not None:
        await services.passwords.set(call.me, row, new)
    if given.email == "":
        await services.recovery.drop_address(call.me)
    return True


def wanted(given: t.AccountPasswordInputSettings) -> Wanted:
    """The new password of the settings; an empty hash and an unknown algorithm stand for none."""
    verifier = given.new_password_hash or b""
    algo = given.new_algo
    if not verifier or isinstance(algo, t.PasswordKdfAlgoUnknown):
        if verifier:
            raise errors.NEW_SETTINGS_INVALID()
        return Wanted(b"", b"", b"")
    if not isinstance(algo, _Algo) or algo.g != dh.G or algo.p != dh.PRIME_BYTES:
        raise errors.NEW_SETTINGS_INVALID()
    return Wanted(verifier, algo.salt1, algo.salt2, given.hint or "")


# -- the e-mail address ---------------------------------------------------------------------------------------------


@rpc(account.ConfirmPasswordEmail, flood=per_minute(30))
async def confirm_password_email(call: Call, request: account.ConfirmPasswordEmail) -> bool:
    await call.services.recovery.confirm(call.me, request.code)
    return True


@rpc(account.ResendPasswordEmail, flood=per_minute(10))
async def resend_password_email(call: Call, request: account.ResendPasswordEmail) -> bool:
    await call.services.recovery.resend(call.me)
    return True


@rpc(account.CancelPasswordEmail, flood=per_minute(30))
async def cancel_password_email(call: Call, request: account.CancelPasswordEmail) -> bool:
    await call.services.recovery.cancel(call.me)
    return True


# -- forgotten ------------------------------------------------------------------------------------------------------


@rpc(account.ResetPassword, flood=per_minute(10))
async def reset_password(call: Call, request: account.ResetPassword) -> t.AnyAccountResetPasswordResult:
    outcome, when = await call.services.passwords.ask_reset(call.me)
    if outcome == "done":
        return t.AccountResetPasswordOk()
    if outcome == "declined":
        return t.AccountResetPasswordFailedWait(retry_date=when)
    return t.AccountResetPasswordRequestedWait(until_date=when)


@rpc(account.DeclinePasswordReset, flood=per_minute(10))
async def decline_password_reset(call: Call, request: account.DeclinePasswordReset) -> bool:
    await call.services.passwords.decline_reset(call.me)
    return True


@rpc(account.GetTmpPassword, status=Status.REFUSED)
async def get_tmp_password(call: Call, request: account.GetTmpPassword) -> Any:
    """For payments alone, and nothing is paid for here."""
    raise errors.PAYMENT_UNSUPPORTED()
