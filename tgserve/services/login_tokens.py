"""Signing in by a QR code: a device that is not signed in shows a token, one that is accepts it (SECURITY 5.8).

Tokens are random, good for 30 seconds and once, bound to the key that asked; they live in memory alone, since after a
restart the waiting device simply shows the next one. Accepting signs nobody in: it tells the waiting device, which asks
again over its own key and is let in then, or is asked for the password.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.auth import Auth
from tgserve.services.bus import Bus
from tgserve.services.keys import listed
from tgserve.store import records as r

TOKEN_BYTES = 32
KEPT_SECONDS = 300
"""Accepted tokens wait this long for their device; run out ones are remembered to be told from wrong ones."""


@dataclass(slots=True, frozen=True)
class TokenAccepted:
    """Published: the sessions of this key are told to ask again (updateLoginToken)."""

    auth_key_id: int


@dataclass(slots=True)
class _Shown:
    auth_key_id: int
    made: int
    expires: int
    but: tuple[int, ...]
    user_id: int = 0
    hash: int = 0
    done: bool = False


class LoginTokens:
    def __init__(self, clock: Clock, ids: Ids, bus: Bus, auth: Auth) -> None:
        self._clock = clock
        self._ids = ids
        self._bus = bus
        self._auth = auth
        self._shown: OrderedDict[bytes, _Shown] = OrderedDict()
        self._accepted: dict[int, bytes] = {}
        """auth key -> name of the token that was accepted for it"""

    def export(self, auth_key_id: int, but: tuple[int, ...]) -> tuple[bytes, int]:
        """(token, when it runs out) for this key; users in `but` are signed in on that device already."""
        now = int(self._clock.now())
        self._sweep(now)
        token = self._ids.random_bytes(TOKEN_BYTES)
        expires = now + limits.LOGIN_TOKEN_SECONDS
        self._shown[_name(token)] = _Shown(auth_key_id, now, expires, but)
        return token, expires

    async def admitted(self, auth_key_id: int) -> int:
        """Let the key in whose token was accepted: the user id, 0 when none was. SESSION_PASSWORD_NEEDED."""
        self._sweep(int(self._clock.now()))
        name = self._accepted.get(auth_key_id)
        shown = self._shown.get(name) if name is not None else None
        if shown is None:
            return 0
        if shown.done:
            # The answer was lost: ask again as long as the login stands, and never make a second one.
            key = self._auth.key_or_none(auth_key_id)
            return shown.user_id if key is not None and key.user_id == shown.user_id else 0
        await self._auth.admit(auth_key_id, shown.user_id, shown.made, session_hash=shown.hash)
        shown.done = True
        return shown.user_id

    def accept(self, me: int, own_key_id: int, token: bytes) -> tuple[int, r.UserAuth]:
        """(hash, line) of the session that comes to be. AUTH_TOKEN_INVALIDX, _EXPIRED, _ALREADY_ACCEPTED,
        _EXCEPTION when the device has this account already."""
        name = _name(token)
        shown = self._shown.get(name)
        if shown is None or shown.auth_key_id == own_key_id:
            raise errors.AUTH_TOKEN_INVALIDX()
        if shown.user_id:
            raise errors.AUTH_TOKEN_ALREADY_ACCEPTED()
        now = int(self._clock.now())
        if now >= shown.expires:
            raise errors.AUTH_TOKEN_EXPIRED()
        if me in shown.but:
            raise errors.AUTH_TOKEN_EXCEPTION()
        key = self._auth.key_or_none(shown.auth_key_id)
        if key is None:
            raise errors.AUTH_TOKEN_EXPIRED()
        shown.user_id, shown.hash = me, self._ids.i64() or 1
        shown.expires = now + KEPT_SECONDS
        self._accepted[shown.auth_key_id] = name
        self._bus.publish([TokenAccepted(shown.auth_key_id)])
        line = listed(key.owner.auth_key_id, key.owner.record)
        return shown.hash, r.UserAuth(
            auth_key_id=line.auth_key_id,
            created=now,
            active=now,
            api_id=line.api_id,
            device_model=line.device_model,
            platform=line.platform,
            system_version=line.system_version,
            app_name=line.app_name,
            app_version=line.app_version,
            ip=line.ip,
        )

    def _sweep(self, now: int) -> None:
        """Oldest first: tokens come in the order of their time."""
        while self._shown:
            name, shown = next(iter(self._shown.items()))
            if now - shown.made < KEPT_SECONDS and len(self._shown) < limits.LOGIN_TOKENS:
                return
            del self._shown[name]
            if self._accepted.get(shown.auth_key_id) == name:
                del self._accepted[shown.auth_key_id]


def _name(token: bytes) -> bytes:
    """Tokens are looked up by their hash: how long a look-up takes says nothing of how near a guess was."""
    return hashlib.blake2b(token, digest_size=32, person=b"tgserve.qr").digest()
