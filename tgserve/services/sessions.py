"""A user's session list, in the user's slot: what signing in and out leaves there, and ending others' sessions.

The key's slot and the user's slot tell each other by the outbox, in both directions: SignedIn/SignedOut/KeyJoined
from the key, RevokeAuth from the list. A key that joined a session by an exported authorisation ends with it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.keys import SessionEnded, put_auth
from tgserve.services.notices import write_notice
from tgserve.services.push import devices
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import AUTHS, USER_AUTHS, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

Origin = tuple[int, int] | None


class Sessions:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        store.on_outbox(pl.SignedIn, self._signed_in)
        store.on_outbox(pl.SignedOut, self._signed_out)
        store.on_outbox(pl.KeyJoined, self._joined)
        store.on_outbox(pl.SessionSeen, self._seen)
        store.on_outbox(pl.RevokeAuth, self._revoked)

    # -- the list ---------------------------------------------------------------------------------------------------

    def of(self, user_id: int) -> list[tuple[int, r.UserAuth]]:
        """(hash, line) of every session, the most recently active first."""
        with self._store.read(slot_of(user_id)) as reader:
            lines = [(session_hash, line) for (*_, session_hash), line in reader.range(USER_AUTHS, user_id)]
        return sorted(lines, key=lambda found: -found[1].active)

    def alive(self, user_id: int, session_hash: int) -> bool:
        with self._store.read(slot_of(user_id)) as reader:
            return reader.get(USER_AUTHS, user_id, session_hash) is not None

    def fresh_for(self, user_id: int, session_hash: int) -> int:
        """Seconds until a session is no fresh one any more, 0 when it is none. AUTH_KEY_UNREGISTERED."""
        with self._store.read(slot_of(user_id)) as reader:
            line = reader.get(USER_AUTHS, user_id, session_hash)
        if line is None:
            raise errors.AUTH_KEY_UNREGISTERED()
        if line.first:
            return 0
        return max(line.created + limits.FRESH_SESSION_SECONDS - int(self._clock.now()), 0)

    # -- ending others ----------------------------------------------------------------------------------------------

    async def end(self, user_id: int, own_hash: int, session_hash: int) -> None:
        """End one other session. HASH_INVALID; FRESH_RESET_AUTHORISATION_FORBIDDEN from a session of today."""

        def work(txn: Txn) -> None:
            line = txn.get(USER_AUTHS, user_id, session_hash)
            if line is None or session_hash == own_hash:
                raise errors.HASH_INVALID()
            self._require_old(txn, user_id, own_hash)
            _drop(txn, user_id, session_hash, line)

        await self._store.transact(slot_of(user_id), work)

    async def end_others(self, user_id: int, own_hash: int) -> int:
        """End all sessions but the caller's; how many there were. FRESH_RESET_AUTHORISATION_FORBIDDEN."""

        def work(txn: Txn) -> int:
            self._require_old(txn, user_id, own_hash)
            return end_all(txn, user_id, but=own_hash)

        return await self._store.transact(slot_of(user_id), work)

    async def change(
        self,
        user_id: int,
        session_hash: int,
        *,
        confirmed: bool = False,
        calls_disabled: bool | None = None,
        secrets_disabled: bool | None = None,
        origin: Origin = None,
    ) -> None:
        """Say yes to a new login, or let a device take no calls or secret chats. HASH_INVALID."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            line = txn.get(USER_AUTHS, user_id, session_hash)
            if line is None:
                raise errors.HASH_INVALID()
            if confirmed and line.unconfirmed:
                event = ev.NewAuthorization(session_hash, line.created, "", "", unconfirmed=False)
                eventlog.append(txn, user_id, event, now=now, raises=0, origin=origin)
            changed = replace(
                line,
                unconfirmed=line.unconfirmed and not confirmed,
                calls_disabled=line.calls_disabled if calls_disabled is None else calls_disabled,
                secrets_disabled=line.secrets_disabled if secrets_disabled is None else secrets_disabled,
            )
            txn.put(USER_AUTHS, user_id, session_hash, value=changed)

        await self._store.transact(slot_of(user_id), work)

    async def end_by_operator(self, user_id: int, session_hash: int = 0) -> int:
        """End one session, or all with hash 0; how many there were."""

        def work(txn: Txn) -> int:
            if not session_hash:
                return end_all(txn, user_id, but=0)
            line = txn.get(USER_AUTHS, user_id, session_hash)
            if line is None:
                return 0
            _drop(txn, user_id, session_hash, line)
            return 1

        return await self._store.transact(slot_of(user_id), work)

    def _require_old(self, txn: Txn, user_id: int, own_hash: int) -> None:
        own = txn.get(USER_AUTHS, user_id, own_hash)
        if own is None:
            raise errors.AUTH_KEY_UNREGISTERED()
        if not own.first and self._clock.now() - own.created < limits.FRESH_SESSION_SECONDS:
            raise errors.FRESH_RESET_AUTHORISATION_FORBIDDEN()

    # -- what the key's slot tells ----------------------------------------------------------------------------------

    def _signed_in(self, txn: Txn, signed: pl.SignedIn, memo: Any) -> None:
        user = txn.get(USERS, signed.user_id)
        if user is None or user.deleted or user.banned:
            _revoke(txn, signed.auth.auth_key_id, signed.user_id, signed.hash)
            return
        unconfirmed = not (signed.first or user.bot)
        txn.put(USER_AUTHS, signed.user_id, signed.hash, value=replace(signed.auth, unconfirmed=unconfirmed))
        if signed.first or user.bot:
            return
        now = int(self._clock.now())
        line = signed.auth
        device = ", ".join(
            part for part in (line.device_model, line.system_version, line.app_version) if part
        )
        write_notice(txn, signed.user_id, _notice(user, line, device).encode(), now=now)
        event = ev.NewAuthorization(hash=signed.hash, date=line.created, device=device, location=line.ip)
        eventlog.append(txn, signed.user_id, event, now=now, raises=0)

    def _signed_out(self, txn: Txn, signed: pl.SignedOut, memo: Any) -> None:
        line = txn.get(USER_AUTHS, signed.user_id, signed.hash)
        if line is None:
            return
        txn.delete(USER_AUTHS, signed.user_id, signed.hash)
        devices.end_session(txn, signed.user_id, signed.hash, farewell=False)
        for key in line.joined:
            _revoke(txn, key, signed.user_id, signed.hash)

    def _joined(self, txn: Txn, joined: pl.KeyJoined, memo: Any) -> None:
        line = txn.get(USER_AUTHS, joined.user_id, joined.hash)
        if line is None:
            _revoke(txn, joined.auth_key_id, joined.user_id, joined.hash)
        elif joined.auth_key_id != line.auth_key_id and joined.auth_key_id not in line.joined:
            line = replace(line, joined=(*line.joined, joined.auth_key_id))
            txn.put(USER_AUTHS, joined.user_id, joined.hash, value=line)

    def _seen(self, txn: Txn, seen: pl.SessionSeen, memo: Any) -> None:
        line = txn.get(USER_AUTHS, seen.user_id, seen.hash)
        if line is None:
            return
        if seen.auth.auth_key_id == line.auth_key_id:
            line = replace(
                seen.auth,
                created=line.created,
                first=line.first,
                joined=line.joined,
                unconfirmed=line.unconfirmed,
                calls_disabled=line.calls_disabled,
                secrets_disabled=line.secrets_disabled,
            )
        elif seen.auth.active > line.active:
            line = replace(line, active=seen.auth.active)
        txn.put(USER_AUTHS, seen.user_id, seen.hash, value=line)

    # -- what the list tells the key's slot -------------------------------------------------------------------------

    def _revoked(self, txn: Txn, revoke: pl.RevokeAuth, memo: Any) -> None:
        auth = txn.get(AUTHS, revoke.auth_key_id)
        if auth is None or auth.user_id != revoke.user_id or auth.hash != revoke.hash:
            return
        put_auth(txn, revoke.auth_key_id, replace(auth, user_id=0, hash=0, revoked=True))
        txn.publish(SessionEnded(revoke.auth_key_id, revoke.user_id))


def end_all(txn: Txn, user_id: int, *, but: int) -> int:
    """End every session of the user whose slot `txn` runs in, save the one with hash `but`."""
    lines = [
        (session_hash, line)
        for (*_, session_hash), line in txn.range(USER_AUTHS, user_id)
        if session_hash != but
    ]
    for session_hash, line in lines:
        _drop(txn, user_id, session_hash, line)
    return len(lines)


def _drop(txn: Txn, user_id: int, session_hash: int, line: r.UserAuth) -> None:
    txn.delete(USER_AUTHS, user_id, session_hash)
    devices.end_session(txn, user_id, session_hash, farewell=True)
    for key in (line.auth_key_id, *line.joined):
        _revoke(txn, key, user_id, session_hash)


def _revoke(txn: Txn, auth_key_id: int, user_id: int, session_hash: int) -> None:
    txn.outbox(
        slot_of(auth_key_id), pl.RevokeAuth(auth_key_id=auth_key_id, user_id=user_id, hash=session_hash)
    )


def _notice(user: r.User, line: r.UserAuth, device: str) -> str:
    when = datetime.fromtimestamp(line.created, UTC)
    return (
        f"New login. Dear {user.first_name}, we detected a login into your account from a new device on "
        f"{when:%d/%m/%Y} at {when:%H:%M:%S} UTC.\n\n"
        f"Device: {device}\nAddress: {line.ip or 'unknown'}\n\n"
        "If this wasn't you, you can end that session in Settings > Devices."
    )
