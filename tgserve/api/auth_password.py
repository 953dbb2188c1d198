"""auth.*: the password that follows the login code, and the ways around a forgotten one."""

from __future__ import annotations

from tgserve import errors
from tgserve.api.account.password import owner, require, wanted
from tgserve.api.auth import authorization
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Who, per_minute, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import auth


@rpc(auth.CheckPassword, who=Who.PENDING, flood=per_minute(30))
async def check_password(call: Call, request: auth.CheckPassword) -> t.AnyAuthAuthorization:
    await require(call, request.password)
    return await _in(call)


@rpc(auth.RequestPasswordRecovery, who=Who.PENDING, flood=per_minute(10))
async def request_password_recovery(
    call: Call, request: auth.RequestPasswordRecovery
) -> t.AnyAuthPasswordRecovery:
    return t.AuthPasswordRecovery(email_pattern=await call.services.recovery.request(owner(call)))


@rpc(auth.CheckRecoveryPassword, who=Who.PENDING, flood=per_minute(30))
async def check_recovery_password(call: Call, request: auth.CheckRecoveryPassword) -> bool:
    await call.services.recovery.check(owner(call), request.code)
    return True


@rpc(auth.RecoverPassword, who=Who.PENDING, flood=per_minute(30))
async def recover_password(call: Call, request: auth.RecoverPassword) -> t.AnyAuthAuthorization:
    """The code of the e-mail opens the account; the password is a new one, or gone."""
    new = None
    if request.new_settings is not None:
        if not isinstance(request.new_settings, t.AccountPasswordInputSettings):
            raise errors.NEW_SETTINGS_INVALID()
        new = wanted(request.new_settings)
        new = new if new.verifier else None
    await call.services.recovery.recover(owner(call), request.code, new)
    return await _in(call)


async def _in(call: Call) -> t.AuthAuthorization:
    """Sign in who was waiting; who is signed in already stays so."""
    user_id = call.me or await call.services.auth.password_proven(call.session.auth_key_id)
    return authorization(call, user_id)
