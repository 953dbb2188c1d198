"""Two-step verification: a password that is proven by SRP, never shown (SECURITY 4 and 5.7).

Rules: the store holds the verifier, sealed, and nothing the password could be read from faster than guessing it; every
challenge is good once, for the key that asked, for ten minutes; tries are counted before they are looked at, per
account and per key; each change of the password raises `version`, which ends all challenges made before it. Powers run
in a thread.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.services import srp
from tgserve.services.flood_tallies import count
from tgserve.services.notices import write_notice
from tgserve.store import account_records as a
from tgserve.store.keyspaces import PASSWORDS, TALLIES, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

NONE = a.Password()
CHALLENGES_PER_KEY = 8
CHALLENGES = 4_000
SALT1_BYTES, SALT2_BYTES = 8, 16
SALT1_RANDOM_MOST = 256
HINT_CHARS = 255
WITHOUT_LIMIT = 1 << 30


@dataclass(slots=True, frozen=True)
class Question:
    """What a client needs to prove a password: account.password's current_algo, srp_B and srp_id."""

    srp_id: int
    public: bytes
    salt1: bytes
    salt2: bytes
    hint: str


@dataclass(slots=True, frozen=True)
class Proof:
    """inputCheckPasswordSRP; None in its place: inputCheckPasswordEmpty."""

    srp_id: int
    a_public: bytes
    m1: bytes


@dataclass(slots=True, frozen=True)
class Wanted:
    """A new password as the client made it; `verifier` empty: there shall be none."""

    verifier: bytes
    salt1: bytes
    salt2: bytes
    hint: str = ""


@dataclass(slots=True, frozen=True)
class _Asked:
    user_id: int
    auth_key_id: int
    version: int
    expires: int
    made: srp.Challenge


class Passwords:
    def __init__(self, store: Store, clock: Clock, ids: Ids, config: Config, secret: bytes) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._salt_key = hashlib.blake2b(secret, digest_size=32, person=b"tgserve.salts").digest()
        self._asked: OrderedDict[int, _Asked] = OrderedDict()
        free = config.dev
        self._per_user = WITHOUT_LIMIT if free else limits.PASSWORD_TRIES_PER_HOUR
        self._per_key = WITHOUT_LIMIT if free else limits.PASSWORD_TRIES_PER_KEY_PER_HOUR

    # -- reading ----------------------------------------------------------------------------------------------------

    def of(self, user_id: int) -> a.Password:
        with self._store.read(slot_of(user_id)) as reader:
            return reader.get(PASSWORDS, user_id) or NONE

    def has(self, user_id: int) -> bool:
        return self.of(user_id).current is not None

    def new_salts(self, user_id: int, version: int) -> tuple[bytes, bytes]:
        """(salt1, salt2) for the account's next password: the client lengthens salt1 by random bytes of its own. They
        follow from the version, so nothing need be remembered of whom they were given to."""
        name = user_id.to_bytes(8, "big") + version.to_bytes(8, "big")
        both = hashlib.blake2b(name, key=self._salt_key, digest_size=SALT1_BYTES + SALT2_BYTES).digest()
        return both[:SALT1_BYTES], both[SALT1_BYTES:]

    # -- proving ----------------------------------------------------------------------------------------------------

    async def ask(self, user_id: int, auth_key_id: int) -> Question | None:
        """A fresh challenge for this key; None when the account has no password."""
        row = self.of(user_id)
        current = row.current
        if current is None:
            return None
        verifier = self._opened(user_id, current)
        made: srp.Challenge | None = None
        while made is None:
            made = await _aside(partial(srp.challenge, verifier, self._ids.random_bytes(srp.SIZE)))
        now = int(self._clock.now())
        self._forget_old(auth_key_id, now)
        srp_id = self._ids.i64() or 1
        expires = now + limits.SRP_SECONDS
        self._asked[srp_id] = _Asked(user_id, auth_key_id, row.version, expires, made)
        return Question(srp_id, made.public, current.salt1, current.salt2, current.hint)

    def _forget_old(self, auth_key_id: int, now: int) -> None:
        mine = [srp_id for srp_id, one in self._asked.items() if one.auth_key_id == auth_key_id]
        for srp_id in mine[: max(0, len(mine) - CHALLENGES_PER_KEY + 1)]:
            del self._asked[srp_id]
        while self._asked:
            oldest = next(iter(self._asked))
            if self._asked[oldest].expires > now and len(self._asked) < CHALLENGES:
                break
            del self._asked[oldest]

    async def check(self, user_id: int, auth_key_id: int, proof: Proof | None) -> a.Password:
        """The account's password row, proven; an account without password is proven by None.

        SRP_ID_INVALID, SRP_PASSWORD_CHANGED, SRP_A_INVALID, PASSWORD_HASH_INVALID, FLOOD_WAIT_n."""
        row = self.of(user_id)
        current = row.current
        if proof is None:
            if current is None:
                return row
            raise errors.PASSWORD_HASH_INVALID()
        asked = self._asked.pop(proof.srp_id, None)
        now = int(self._clock.now())
        if current is None:
            raise errors.PASSWORD_HASH_INVALID() if asked is None else errors.SRP_PASSWORD_CHANGED()
        if asked is None or (asked.user_id, asked.auth_key_id) != (user_id, auth_key_id):
            raise errors.SRP_ID_INVALID()
        if now >= asked.expires:
            raise errors.SRP_ID_INVALID()
        if asked.version != row.version:
            raise errors.SRP_PASSWORD_CHANGED()
        a_public = srp.number_or_none(proof.a_public)
        if a_public is None:
            raise errors.SRP_A_INVALID()
        await self._count_try(user_id, auth_key_id, now)
        verifier = self._opened(user_id, current)
        right = await _aside(
            partial(srp.proves, verifier, current.salt1, current.salt2, asked.made, a_public, proof.m1)
        )
        if not right:
            raise errors.PASSWORD_HASH_INVALID()
        await self._proven(user_id, auth_key_id)
        return row

    async def _count_try(self, user_id: int, auth_key_id: int, now: int) -> None:
        """Before the arithmetic, so that calls at once get no more tries than calls in a row."""

        def work(txn: Txn) -> int:
            own = f"password:{user_id}:{auth_key_id:x}"
            return count(txn, own, self._per_key, limits.HOUR, now) or count(
                txn, f"password:{user_id}", self._per_user, limits.HOUR, now
            )

        wait = await self._store.transact(slot_of(user_id), work)
        if wait:
            raise errors.FLOOD_WAIT(wait)

    async def _proven(self, user_id: int, auth_key_id: int) -> None:
        """The owner is here: his tries are forgotten, and what strangers asked for without the password is off."""

        def work(txn: Txn) -> None:
            txn.delete(TALLIES, f"password:{user_id}:{auth_key_id:x}")
            txn.delete(TALLIES, f"password:{user_id}")
            row = txn.get(PASSWORDS, user_id)
            if row is not None and row.delete_at:
                txn.put(PASSWORDS, user_id, value=replace(row, delete_at=0))

        await self._store.transact(slot_of(user_id), work)

    # -- changing ---------------------------------------------------------------------------------------------------

    def made(self, user_id: int, row: a.Password, wanted: Wanted) -> a.NewPassword | None:
        """A password as it is stored; None when there shall be none. NEW_SALT_INVALID, NEW_PASSWORD_BAD,
        NEW_SETTINGS_INVALID."""
        if not wanted.verifier:
            return None
        salt1, salt2 = self.new_salts(user_id, row.version)
        longest = SALT1_BYTES + SALT1_RANDOM_MOST
        if not wanted.salt1.startswith(salt1) or len(wanted.salt1) > longest or wanted.salt2 != salt2:
            raise errors.NEW_SALT_INVALID()
        number = srp.number_or_none(wanted.verifier)
        if number is None or len(wanted.verifier) != srp.SIZE:
            raise errors.NEW_PASSWORD_BAD()
        if len(wanted.hint) > HINT_CHARS:
            raise errors.NEW_SETTINGS_INVALID()
        sealed = self._store.vault.seal(wanted.verifier, _context(user_id))
        return a.NewPassword(verifier=sealed, salt1=wanted.salt1, salt2=wanted.salt2, hint=wanted.hint)

    async def put(self, user_id: int, version: int, change: Callable[[a.Password], a.Password]) -> None:
        """Replace the row if it still has the version that was proven. SRP_PASSWORD_CHANGED."""

        def work(txn: Txn) -> None:
            row = txn.get(PASSWORDS, user_id) or NONE
            if row.version != version:
                raise errors.SRP_PASSWORD_CHANGED()
            txn.put(PASSWORDS, user_id, value=change(row))

        await self._store.transact(slot_of(user_id), work)

    async def set(self, user_id: int, proven: a.Password, password: a.NewPassword | None) -> None:
        """The account has this password from now on, or none."""
        now = int(self._clock.now())
        await self.put(user_id, proven.version, lambda row: with_password(row, password, now))

    # -- forgetting it ----------------------------------------------------------------------------------------------

    async def ask_reset(self, user_id: int) -> tuple[str, int]:
        """Without the password, on a device that is signed in: ("wait", until), ("done", 0) when the week is over, or
        ("declined", retry date). PASSWORD_MISSING."""
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[str, int]:
            row = txn.get(PASSWORDS, user_id) or NONE
            if row.current is None:
                raise errors.PASSWORD_EMPTY()
            if row.reset_at and now >= row.reset_at:
                txn.put(PASSWORDS, user_id, value=with_password(row, None, now))
                return "done", 0
            if row.reset_at:
                return "wait", row.reset_at
            if row.declined and now - row.declined < limits.DAY:
                return "declined", row.declined + limits.DAY
            until = now + limits.PASSWORD_RESET_SECONDS
            txn.put(PASSWORDS, user_id, value=replace(row, reset_at=until))
            _warn(txn, user_id, _RESET_NOTICE, now)
            return "wait", until

        return await self._store.transact(slot_of(user_id), work)

    async def remove(self, user_id: int) -> None:
        """By the operator: there is none any more, and the owner is told. PASSWORD_EMPTY."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            row = txn.get(PASSWORDS, user_id) or NONE
            if row.current is None:
                raise errors.PASSWORD_EMPTY()
            txn.put(PASSWORDS, user_id, value=with_password(row, None, now))
            txn.delete(TALLIES, f"password:{user_id}")
            _warn(txn, user_id, _REMOVED_NOTICE, now)

        await self._store.transact(slot_of(user_id), work)

    async def decline_reset(self, user_id: int) -> None:
        """RESET_REQUEST_MISSING when none was asked for."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            row = txn.get(PASSWORDS, user_id)
            if row is None or not row.reset_at:
                raise errors.RESET_REQUEST_MISSING()
            txn.put(PASSWORDS, user_id, value=replace(row, reset_at=0, declined=now))

        await self._store.transact(slot_of(user_id), work)

    async def wait_for_deletion(self, user_id: int) -> int:
        """Somebody without the password wants the account gone: seconds he still has to wait, 0 when the week is
        over. The right password calls it off."""
        now = int(self._clock.now())

        def work(txn: Txn) -> int:
            row = txn.get(PASSWORDS, user_id) or NONE
            if row.current is None:
                return 0
            if row.delete_at:
                return max(0, row.delete_at - now)
            txn.put(PASSWORDS, user_id, value=replace(row, delete_at=now + limits.PASSWORD_RESET_SECONDS))
            _warn(txn, user_id, _DELETE_NOTICE, now)
            return limits.PASSWORD_RESET_SECONDS

        return await self._store.transact(slot_of(user_id), work)

    def _opened(self, user_id: int, password: a.NewPassword) -> bytes:
        return self._store.vault.open(password.verifier, _context(user_id))


def with_password(row: a.Password, password: a.NewPassword | None, now: int) -> a.Password:
    """The row with another password, or none: then the address for recovery goes with it."""
    return a.Password(
        current=password,
        email=row.email if password is not None else "",
        version=row.version + 1,
        changed=now,
    )


def _warn(txn: Txn, user_id: int, text: str, now: int) -> None:
    if txn.get(USERS, user_id) is not None:
        write_notice(txn, user_id, text.encode(), now=now)


_RESET_NOTICE = (
    "Somebody signed in to your account has asked to remove its two-step verification password without knowing it. "
    "It can be removed in 7 days. If this wasn't you, decline the request in Settings > Privacy and Security and end "
    "the sessions you do not know."
)
_REMOVED_NOTICE = (
    "The operator of this server has removed your two-step verification password. Set a new one in Settings > Privacy "
    "and Security. If you did not ask for this, look at your sessions in Settings > Devices."
)
_DELETE_NOTICE = (
    "Somebody has proven a login code of your phone number and asked to delete this account without knowing its "
    "password. It can be deleted in 7 days. Signing in with your password calls this off."
)


def _context(user_id: int) -> bytes:
    """What a sealed verifier is bound to: its own row."""
    return b"srp" + user_id.to_bytes(8, "big")


async def _aside(work: Callable[[], Any]) -> Any:
    """In a thread: a few milliseconds that the loop has better uses for."""
    return await asyncio.get_running_loop().run_in_executor(None, work)
