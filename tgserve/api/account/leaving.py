"""account.*: another phone number, the end of the account, and exports of its data."""

from __future__ import annotations

from typing import Any

from tgserve import errors
from tgserve.api.account.password import owner, proof
from tgserve.api.auth import own_key, sent_code
from tgserve.render import user as people
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, Who, per_minute, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import account

# -- another number -------------------------------------------------------------------------------------------------


@rpc(account.SendChangePhoneCode, flood=per_minute(10))
async def send_change_phone_code(call: Call, request: account.SendChangePhoneCode) -> t.AnyAuthSentCode:
    key = own_key(call)
    sent = await call.services.accounts.send_change_code(
        call.me, request.phone_number, key.hash, call.session.auth_key_id, call.ip
    )
    return sent_code(sent)


@rpc(account.ChangePhone, flood=per_minute(20))
async def change_phone(call: Call, request: account.ChangePhone) -> t.AnyUser:
    await call.services.accounts.change_phone(
        call.me,
        request.phone_number,
        request.phone_code_hash,
        request.phone_code,
        call.session.auth_key_id,
    )
    return people.user(call.services, call.me, call.me)  # type: ignore[no-any-return]


@rpc(account.SendConfirmPhoneCode, flood=per_minute(10), status=Status.REFUSED)
async def send_confirm_phone_code(call: Call, request: account.SendConfirmPhoneCode) -> Any:
    """For links that stop a deletion; here the right password does that, and no such links are given out."""
    raise errors.HASH_INVALID()


@rpc(account.ConfirmPhone, flood=per_minute(10), status=Status.REFUSED)
async def confirm_phone(call: Call, request: account.ConfirmPhone) -> bool:
    raise errors.PHONE_CODE_EXPIRED()


# -- the end --------------------------------------------------------------------------------------------------------


@rpc(account.DeleteAccount, who=Who.PENDING, flood=per_minute(10))
async def delete_account(call: Call, request: account.DeleteAccount) -> bool:
    """An account with a password wants it proven; whoever has only the login code waits a week, and the owner is
    told: 2FA_CONFIRM_WAIT_n."""
    services = call.services
    me = owner(call)
    if services.passwords.has(me):
        shown = proof(request.password)
        if shown is not None:
            await services.passwords.check(me, call.session.auth_key_id, shown)
        else:
            wait = await services.passwords.wait_for_deletion(me)
            if wait:
                raise errors.CONFIRM_WAIT(wait)
    key = services.auth.key_or_none(call.session.auth_key_id)
    await services.accounts.delete(me, key.hash if key is not None and call.me else 0)
    await services.auth.log_out(call.session.auth_key_id)
    return True


# -- exports --------------------------------------------------------------------------------------------------------


@rpc(account.InitTakeoutSession, flood=per_minute(10))
async def init_takeout_session(call: Call, request: account.InitTakeoutSession) -> t.AnyAccountTakeout:
    """Nearly everything an export asks for is answered to its owner anyway; what is not wants this id."""
    return t.AccountTakeout(id=await call.services.accounts.begin_takeout(call.me))


@rpc(account.FinishTakeoutSession)
async def finish_takeout_session(call: Call, request: account.FinishTakeoutSession) -> bool:
    """TAKEOUT_REQUIRED when none is under way."""
    await call.services.accounts.end_takeout(call.me)
    return True


# -- not offered ----------------------------------------------------------------------------------------------------


@rpc(account.InitPasskeyRegistration, status=Status.REFUSED)
async def init_passkey_registration(call: Call, request: account.InitPasskeyRegistration) -> Any:
    """Without passkeys every client offers the phone."""
    raise errors.METHOD_NOT_AVAILABLE()


@rpc(account.RegisterPasskey, status=Status.REFUSED)
async def register_passkey(call: Call, request: account.RegisterPasskey) -> Any:
    raise errors.METHOD_NOT_AVAILABLE()


@rpc(account.DeletePasskey, status=Status.REFUSED)
async def delete_passkey(call: Call, request: account.DeletePasskey) -> bool:
    raise errors.METHOD_NOT_AVAILABLE()
