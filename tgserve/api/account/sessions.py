"""account.*: the list of sessions, and ending them."""

from __future__ import annotations

from ipaddress import ip_address

from tgserve import errors
from tgserve.api.auth import own_key
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.upkeep import SESSION_TTL, SESSION_TTL_DAYS
from tgserve.store import records as r
from tgserve.tl import types as t
from tgserve.tl.functions import account


@rpc(account.GetAuthorizations)
async def get_authorizations(call: Call, request: account.GetAuthorizations) -> t.AnyAccountAuthorizations:
    own = own_key(call).hash
    lines = call.services.auth.sessions.of(call.me)
    stored = call.services.settings.get_or_none(call.me, SESSION_TTL)
    return t.AccountAuthorizations(
        authorization_ttl_days=int(stored) if stored else SESSION_TTL_DAYS,
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
        country=line.country or _place(line.ip),
        region=line.region,
        unconfirmed=line.unconfirmed,
        call_requests_disabled=line.calls_disabled,
        encrypted_requests_disabled=line.secrets_disabled,
        official_app=bool(line.platform),
    )


def _place(address: str) -> str:
    """Where a session is, as far as its address alone tells: there is no map of the world's addresses here."""
    try:
        return "Local network" if ip_address(address).is_private else ""
    except ValueError:
        return ""


@rpc(account.ResetWebAuthorization, flood=per_minute(60))
async def reset_web_authorization(call: Call, request: account.ResetWebAuthorization) -> bool:
    """Nobody signs in to web sites by this server, so no site can be signed out."""
    raise errors.HASH_INVALID()


@rpc(account.ResetWebAuthorizations, flood=per_minute(60))
async def reset_web_authorizations(call: Call, request: account.ResetWebAuthorizations) -> bool:
    """All of none."""
    return True


@rpc(account.ResetAuthorization, flood=per_minute(60))
async def reset_authorization(call: Call, request: account.ResetAuthorization) -> bool:
    await call.services.auth.sessions.end(call.me, own_key(call).hash, request.hash)
    return True


@rpc(account.SetAuthorizationTTL)
async def set_authorization_ttl(call: Call, request: account.SetAuthorizationTTL) -> bool:
    """Sessions that are idle for longer end by themselves (services/upkeep.py)."""
    if not 1 <= request.authorization_ttl_days <= 366:
        raise errors.TTL_DAYS_INVALID()
    await call.services.settings.put(call.me, SESSION_TTL, str(request.authorization_ttl_days).encode())
    return True


@rpc(account.ChangeAuthorizationSettings)
async def change_authorization_settings(call: Call, request: account.ChangeAuthorizationSettings) -> bool:
    """hash 0 is the caller's own session."""
    await call.services.auth.sessions.change(
        call.me,
        request.hash or own_key(call).hash,
        confirmed=request.confirmed,
        calls_disabled=request.call_requests_disabled,
        secrets_disabled=request.encrypted_requests_disabled,
        origin=call.session,
    )
    return True
