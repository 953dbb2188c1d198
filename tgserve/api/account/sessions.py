"""account.*: the list of sessions, and ending them."""

from __future__ import annotations

from tgserve import errors
from tgserve.api.auth import own_key
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.store import records as r
from tgserve.tl import types as t
from tgserve.tl.functions import account

_TTL = "authorization_ttl_days"
TTL_DAYS = 180
"""When idle sessions are shown to end; what Telegram sets."""


@rpc(account.GetAuthorizations)
async def get_authorizations(call: Call, request: account.GetAuthorizations) -> t.AnyAccountAuthorizations:
    own = own_key(call).hash
    lines = call.services.auth.sessions.of(call.me)
    stored = call.services.settings.get_or_none(call.me, _TTL)
    return t.AccountAuthorizations(
        authorization_ttl_days=int(stored) if stored else TTL_DAYS,
        authorizations=[
            drawn(session_hash, line, current=session_hash == own) for session_hash, line in lines
        ],
    )


def drawn(session_hash: int, line: r.UserAuth, *, current: bool) -> t.Authorization:
    """A line of the list; the caller's own has hash 0."""
    return t.Authorization(
        current=current,
        hash=0 if current else session_hash,
        device_model=line.device_model,
        platform=line.platform,
        system_version=line.system_version,
        api_id=line.api_id,
        app_name=line.app_name,
        app_version=line.app_version,
        date_created=line.created,
        date_active=line.active,
        ip=line.ip,
        country=line.country,
        region=line.region,
    )


@rpc(account.ResetAuthorization, flood=per_minute(60))
async def reset_authorization(call: Call, request: account.ResetAuthorization) -> bool:
    await call.services.auth.sessions.end(call.me, own_key(call).hash, request.hash)
    return True


@rpc(account.SetAuthorizationTTL)
async def set_authorization_ttl(call: Call, request: account.SetAuthorizationTTL) -> bool:
    """Kept and shown; sessions do not end by themselves yet."""
    if not 1 <= request.authorization_ttl_days <= 366:
        raise errors.TTL_DAYS_INVALID()
    await call.services.settings.put(call.me, _TTL, str(request.authorization_ttl_days).encode())
    return True


@rpc(account.ChangeAuthorizationSettings)
async def change_authorization_settings(call: Call, request: account.ChangeAuthorizationSettings) -> bool:
    """Confirming a new login is all there is to do: there are no calls and no secret chats to refuse yet."""
    if not request.hash or not call.services.auth.sessions.alive(call.me, request.hash):
        raise errors.HASH_INVALID()
    return True
