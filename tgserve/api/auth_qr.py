"""auth.*: signing in by a QR code that another device scans."""

from __future__ import annotations

from tgserve import errors
from tgserve.api.account.sessions import drawn
from tgserve.api.auth import authorization, require_own_number
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Who, per_minute, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import auth

EXCEPT_MOST = 100


@rpc(auth.ExportLoginToken, who=Who.ANYONE, flood=per_minute(120))
async def export_login_token(call: Call, request: auth.ExportLoginToken) -> t.AnyAuthLoginToken:
    """A token to show; after it was accepted, the login itself. SESSION_PASSWORD_NEEDED."""
    if request.api_id <= 0:
        raise errors.API_ID_INVALID()
    if len(request.except_ids) > EXCEPT_MOST:
        raise errors.LIMIT_INVALID()
    require_own_number(call)
    tokens = call.services.login_tokens
    user_id = await tokens.admitted(call.session.auth_key_id)
    if user_id:
        return t.AuthLoginTokenSuccess(authorization=authorization(call, user_id))
    token, expires = tokens.export(call.session.auth_key_id, tuple(request.except_ids))
    return t.AuthLoginToken(expires=expires, token=token)


@rpc(auth.ImportLoginToken, who=Who.ANYONE, flood=per_minute(30))
async def import_login_token(call: Call, request: auth.ImportLoginToken) -> t.AnyAuthLoginToken:
    """For clients sent to another data centre with their token; nobody is sent away here, so only the login that was
    accepted for this very key can be had."""
    user_id = await call.services.login_tokens.admitted(call.session.auth_key_id)
    if not user_id:
        raise errors.AUTH_TOKEN_INVALID()
    return t.AuthLoginTokenSuccess(authorization=authorization(call, user_id))


@rpc(auth.AcceptLoginToken, flood=per_minute(30))
async def accept_login_token(call: Call, request: auth.AcceptLoginToken) -> t.AnyAuthorization:
    session_hash, line = call.services.login_tokens.accept(call.me, call.session.auth_key_id, request.token)
    return drawn(session_hash, line, current=False)
