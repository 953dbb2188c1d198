"""Devices that want pushes: rows of their users, and in memory who has any, so that a message to the others costs a
look into a dictionary.

A token is sealed at rest (SECURITY 5.9) and known by a keyed hash of itself; it belongs to the session that registered
it and goes with it. One token may serve several accounts of one client: those that the client names, and no others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services.push import tokens
from tgserve.store import payloads as pl
from tgserve.store import push_records as pu
from tgserve.store.keyspaces import (
    PUSH_DEVICES,
    PUSH_MARKS,
    PUSH_QUEUE,
    PUSH_TOKENS,
    USER_AUTHS,
    USER_SETTINGS,
)
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.transaction import Reader, Txn

LOCKED: Final = "device_locked:"
"""With the hash of a session the name of a setting: after so many idle seconds its pushes say nothing of what is in
them."""
OTHERS: Final = 100
"""Accounts that one client may name beside its own."""


@dataclass(slots=True, frozen=True)
class Device:
    """A registration without its token."""

    number: int
    token_type: int
    session: int
    auth_key_id: int
    no_muted: bool = False


class Opened(msgspec.Struct, array_like=True, frozen=True):
    """What is sealed."""

    token: str
    secret: bytes = b""


@dataclass(slots=True, frozen=True)
class DevicesChanged:
    """Published with the commit: all devices that `user` has now."""

    user: int
    devices: tuple[Device, ...]


@dataclass(slots=True, frozen=True)
class Revoked:
    """Published when somebody's session was ended for him: the last word to its devices, whose rows are gone."""

    user: int
    row: pu.PushDevice
    number: int


class Devices:
    def __init__(self, store: Store, clock: Clock, secret: bytes) -> None:
        self._store = store
        self._clock = clock
        self._secret = hashlib.blake2b(secret, digest_size=32, person=b"tgserve.push").digest()
        self._of: dict[int, tuple[Device, ...]] = {}
        store.on_outbox(pl.TokenTaken, _taken)
        store.on_outbox(pl.TokenLost, _lost)

    def load(self) -> None:
        """Once, when the store has started."""
        for slot in range(SLOTS):
            with self._store.read(slot) as reader:
                for (user, number), row in reader.range(PUSH_DEVICES):
                    self._of[user] = (*self._of.get(user, ()), _device(number, row))

    def of(self, user: int) -> tuple[Device, ...]:
        return self._of.get(user, ())

    def __contains__(self, user: int) -> bool:
        return user in self._of

    def users(self) -> Collection[int]:
        return self._of.keys()

    def counts(self) -> dict[int, int]:
        """Devices by token type."""
        found: dict[int, int] = {}
        for devices in self._of.values():
            for device in devices:
                found[device.token_type] = found.get(device.token_type, 0) + 1
        return found

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber."""
        for item in batch:
            if type(item) is DevicesChanged:
                if item.devices:
                    self._of[item.user] = item.devices
                else:
                    self._of.pop(item.user, None)

    # -- what clients ask -------------------------------------------------------------------------------------------

    async def register(
        self,
        me: int,
        session: int,
        auth_key_id: int,
        token_type: int,
        token: str,
        *,
        secret: bytes = b"",
        sandbox: bool = False,
        no_muted: bool = False,
        others: Collection[int] = (),
    ) -> None:
        """Take pushes for `me` at this token from now on, instead of the one of its type that the session had. Raises
        what tokens.check does; AUTH_KEY_UNREGISTERED."""
        tokens.check(token_type, token, secret)
        number = self.number_of(token_type, token)
        keep = tuple(sorted({other for other in others if other != me}))[:OTHERS]
        row = pu.PushDevice(
            sealed=self._store.vault.seal(
                msgspec.msgpack.encode(Opened(token, secret)), _context(me, number)
            ),
            token_type=token_type,
            session=session,
            auth_key_id=auth_key_id,
            registered=int(self._clock.now()),
            sandbox=sandbox,
            no_muted=no_muted,
            others=keep,
        )

        def work(txn: Txn) -> None:
            if txn.get(USER_AUTHS, me, session) is None:
                raise errors.AUTH_KEY_UNREGISTERED()
            for (_, known), before in list(txn.range(PUSH_DEVICES, me)):
                if known != number and before.session == session and before.token_type == token_type:
                    _forget(txn, me, known)
            txn.put(PUSH_DEVICES, me, number, value=row)
            txn.outbox(slot_of(number), pl.TokenTaken(number, me, keep))
            txn.publish(_all(txn, me))

        await self._store.transact(slot_of(me), work)

    async def unregister(self, me: int, token_type: int, token: str, others: Collection[int] = ()) -> None:
        """Nothing more for `me` at this token, nor for anybody but `others`. Raises as register."""
        tokens.check(token_type, token, b"")
        number = self.number_of(token_type, token)
        await self.drop(me, number, keep=tuple(sorted(set(others)))[:OTHERS], alone=False)

    async def drop(self, user: int, number: int, *, keep: tuple[int, ...] = (), alone: bool = True) -> None:
        """Forget a device and what waits for it; `alone`: other users of the token are not touched."""

        def work(txn: Txn) -> None:
            known = txn.get(PUSH_DEVICES, user, number) is not None
            if known:
                _forget(txn, user, number, tell=alone)
                txn.publish(_all(txn, user))
            if not alone and known:
                txn.outbox(slot_of(number), pl.TokenTaken(number, user, keep, gone=True))

        await self._store.transact(slot_of(user), work)

    async def lock(self, me: int, session: int, period: int) -> None:
        """Hide what is in messages after so many idle seconds of the session; negative: never."""

        def work(txn: Txn) -> None:
            name = f"{LOCKED}{session}"
            if period >= 0:
                txn.put(USER_SETTINGS, me, name, value=b"%d" % period)
            else:
                txn.delete(USER_SETTINGS, me, name)

        await self._store.transact(slot_of(me), work)

    # -- what sending asks ------------------------------------------------------------------------------------------

    def row_or_none(self, user: int, number: int) -> pu.PushDevice | None:
        with self._store.read(slot_of(user)) as reader:
            return reader.get(PUSH_DEVICES, user, number)

    def open(self, user: int, number: int, row: pu.PushDevice) -> Opened:
        """Token and secret. StoreError: sealed under another keys/secret.key."""
        plain = self._store.vault.open(row.sealed, _context(user, number))
        return msgspec.msgpack.decode(plain, type=Opened)

    def locked(self, user: int, session: int, now: int) -> bool:
        """Is the session's device locked by now, so that nothing of a message may be shown?"""
        with self._store.read(slot_of(user)) as reader:
            period = reader.get(USER_SETTINGS, user, f"{LOCKED}{session}")
            if period is None:
                return False
            line = reader.get(USER_AUTHS, user, session)
        return line is None or now - line.active >= int(period)

    def number_of(self, token_type: int, token: str) -> int:
        digest = hashlib.blake2b(f"{token_type}\0{token}".encode(), digest_size=8, key=self._secret).digest()
        return int.from_bytes(digest, "big")


def end_session(txn: Txn, user: int, session: int, *, farewell: bool) -> None:
    """The session of `user`, in whose slot `txn` runs, is over: so are its devices. `farewell`: it was ended from
    elsewhere, and its client is told to clear what it shows."""
    txn.delete(USER_SETTINGS, user, f"{LOCKED}{session}")
    gone = [(number, row) for (_, number), row in txn.range(PUSH_DEVICES, user) if row.session == session]
    for number, row in gone:
        _forget(txn, user, number)
        if farewell:
            txn.publish(Revoked(user, row, number))
    if gone:
        txn.publish(_all(txn, user))


def _forget(txn: Txn, user: int, number: int, *, tell: bool = True) -> None:
    """A device, and what waits for it."""
    txn.delete(PUSH_DEVICES, user, number)
    if txn.first(PUSH_DEVICES, user) is None:
        txn.delete(PUSH_MARKS, user)
    for key, _ in list(txn.range(PUSH_QUEUE, user, number)):
        txn.delete(PUSH_QUEUE, *key)
    if tell:
        txn.outbox(slot_of(number), pl.TokenTaken(number, user, gone=True, keep=ALL))


ALL: Final = (0,)
"""As TokenTaken.keep: the others stay as they are."""


def _taken(txn: Txn, taken: pl.TokenTaken, memo: Any) -> None:
    """Outbox, the token's slot."""
    before = txn.get(PUSH_TOKENS, taken.token)
    users = before.users if before is not None else ()
    others = [user for user in users if user != taken.user]
    stay = others if taken.keep == ALL else [user for user in others if user in taken.keep]
    for user in others:
        if user not in stay:
            txn.outbox(slot_of(user), pl.TokenLost(taken.token, user))
    left = tuple(stay) if taken.gone else (*stay, taken.user)
    if left:
        txn.put(PUSH_TOKENS, taken.token, value=pu.PushToken(left))
    else:
        txn.delete(PUSH_TOKENS, taken.token)


def _lost(txn: Txn, lost: pl.TokenLost, memo: Any) -> None:
    """Outbox, the user's slot."""
    if txn.get(PUSH_DEVICES, lost.user, lost.token) is not None:
        _forget(txn, lost.user, lost.token, tell=False)
        txn.publish(_all(txn, lost.user))


def _all(reader: Reader, user: int) -> DevicesChanged:
    rows = reader.range(PUSH_DEVICES, user)
    return DevicesChanged(user, tuple(_device(number, row) for (_, number), row in rows))


def _device(number: int, row: pu.PushDevice) -> Device:
    return Device(number, row.token_type, row.session, row.auth_key_id, row.no_muted)


def _context(user: int, number: int) -> bytes:
    return b"push %d %d" % (user, number)
