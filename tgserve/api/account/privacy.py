"""account.*: privacy rules, and settings of the account that clients keep here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tgserve import errors
from tgserve.render import privacy as render
from tgserve.render import user as people
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services import archive, privacy
from tgserve.services.privacy import Rule
from tgserve.services.upkeep import ACCOUNT_TTL
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw
from tgserve.tl.functions import account

RULES = 20
IDS = 1000
_GLOBAL = "global_privacy"
_SENSITIVE = "sensitive_enabled"
MOST_TTL_DAYS = 730


_KEY_OF = {cls: name for name, cls in render.kinds("InputPrivacyKey").items()}
_INPUT_RULE = {cls: name for name, cls in render.kinds("InputPrivacyValue").items()}


@rpc(account.GetPrivacy)
async def get_privacy(call: Call, request: account.GetPrivacy) -> t.AnyAccountPrivacyRules:
    return _drawn(call, _key(request.key))


@rpc(account.SetPrivacy, flood=per_minute(60))
async def set_privacy(call: Call, request: account.SetPrivacy) -> t.AnyAccountPrivacyRules:
    key = _key(request.key)
    if not 1 <= len(request.rules) <= RULES:
        raise errors.PRIVACY_VALUE_INVALID()
    rules = tuple(_rule(call, rule) for rule in request.rules)
    await call.services.privacy.set_rules(call.me, key, rules, call.session)
    return _drawn(call, key)


def _key(key: t.AnyInputPrivacyKey) -> str:
    name = _KEY_OF.get(type(key), "")
    if name not in privacy.KEYS:
        raise errors.PRIVACY_KEY_INVALID()
    return name


def _rule(call: Call, rule: Any) -> Rule:
    kind = _INPUT_RULE.get(type(rule))
    if kind is None:
        raise errors.PRIVACY_VALUE_INVALID()
    named: Sequence[Any] = getattr(rule, "users", None) or ()
    ids = tuple(peers.resolve_user(call, user) for user in named) or tuple(getattr(rule, "chats", None) or ())
    if len(ids) > IDS:
        raise errors.PRIVACY_VALUE_INVALID()
    return kind, ids


def _drawn(call: Call, key: str) -> t.AccountPrivacyRules:
    rules, named = render.rules(call.services, call.me, key)
    return t.AccountPrivacyRules(rules=rules, chats=[], users=people.users(call.services, call.me, named))


# -- kept for the client --------------------------------------------------------------------------------------------


@rpc(account.GetAccountTTL)
async def get_account_ttl(call: Call, request: account.GetAccountTTL) -> t.AnyAccountDaysTTL:
    stored = call.services.settings.get_or_none(call.me, ACCOUNT_TTL)
    default = call.services.config.limits.account_ttl_days or MOST_TTL_DAYS
    return t.AccountDaysTTL(days=int(stored) if stored else default)


@rpc(account.SetAccountTTL)
async def set_account_ttl(call: Call, request: account.SetAccountTTL) -> bool:
    """An account idle for so long is deleted (services/upkeep.py)."""
    if not isinstance(request.ttl, t.AccountDaysTTL) or not 30 <= request.ttl.days <= MOST_TTL_DAYS:
        raise errors.TTL_DAYS_INVALID()
    await call.services.settings.put(call.me, ACCOUNT_TTL, str(request.ttl.days).encode())
    return True


@rpc(account.GetContentSettings)
async def get_content_settings(
    call: Call, request: account.GetContentSettings
) -> t.AnyAccountContentSettings:
    enabled = call.services.settings.get_or_none(call.me, _SENSITIVE) is not None
    return t.AccountContentSettings(sensitive_enabled=enabled, sensitive_can_change=True)


@rpc(account.SetContentSettings)
async def set_content_settings(call: Call, request: account.SetContentSettings) -> bool:
    await call.services.settings.put(call.me, _SENSITIVE, b"1" if request.sensitive_enabled else b"")
    return True


@rpc(account.GetGlobalPrivacySettings)
async def get_global_privacy_settings(
    call: Call, request: account.GetGlobalPrivacySettings
) -> t.AnyGlobalPrivacySettings:
    stored = call.services.settings.get_or_none(call.me, _GLOBAL)
    found: Any = t.GlobalPrivacySettings() if stored is None else Raw(stored, layers.CURRENT)
    return found  # type: ignore[no-any-return]


@rpc(account.SetGlobalPrivacySettings, flood=per_minute(60))
async def set_global_privacy_settings(
    call: Call, request: account.SetGlobalPrivacySettings
) -> t.AnyGlobalPrivacySettings:
    given = request.settings
    if not isinstance(given, t.GlobalPrivacySettings):
        raise errors.SETTINGS_INVALID()
    await call.services.settings.put(call.me, _GLOBAL, layers.encode(given))
    kept = b"all" if given.keep_archived_unmuted else b"folders" if given.keep_archived_folders else b""
    await call.services.settings.put(call.me, archive.KEEP, kept)
    return given
