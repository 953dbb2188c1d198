"""Who may make an account: everybody who can read a code, who has an invitation, or nobody (config `signup`).

An invitation is a link with a random token, and eight digits that follow from the token and the server's secret: they
are typed where clients ask for the login code, since stock clients know no other field. The store has hashes alone
(SECURITY 5.9). With `invite` and `closed` a number without an account gets no code sent, and `sendCode` answers as for
any other (SECURITY 5.5); login codes have eight digits then, too, for clients ask for as many as a code has.

Eight digits can be guessed by who may try often: tries are counted for each address, and over all addresses those for
numbers without an account (SECURITY 5.2); beyond that invitations answer as if there were none.
"""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from tgserve import errors, limits, log
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.services.flood_tallies import Tallies
from tgserve.store import account_records as a
from tgserve.store.keyspaces import SIGNED_UP, SIGNUP_INVITES
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

HOME = slot_of(a.SIGNUP_SLOT)
TOKEN_BYTES = 18
DIGITS = 8
KEPT_SECONDS = 30 * limits.DAY
"""Ended invitations are listed for so long."""
WITHOUT_LIMIT = 1 << 30

_log = log.get("signup")


class Signups:
    def __init__(
        self, store: Store, clock: Clock, ids: Ids, config: Config, tallies: Tallies, secret: bytes
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._tallies = tallies
        self.mode = config.signup
        self._key = hashlib.blake2b(secret, digest_size=32, person=b"tgserve.signup").digest()
        self._per_address = WITHOUT_LIMIT if config.dev else limits.INVITE_TRIES_PER_ADDRESS_PER_HOUR
        self._per_hour = WITHOUT_LIMIT if config.dev else limits.INVITE_TRIES_PER_HOUR

    @property
    def open(self) -> bool:
        return self.mode == "open"

    @property
    def code_digits(self) -> int:
        """How many digits login codes have."""
        return DIGITS if self.mode == "invite" else limits.CODE_DIGITS

    # -- the operator's ---------------------------------------------------------------------------------------------

    async def invite(
        self, *, name: str = "", uses: int = 1, seconds: int = limits.INVITE_SECONDS, phone: str = ""
    ) -> tuple[a.SignupInvite, str]:
        """(the invitation, its token)."""
        now = int(self._clock.now())
        while True:
            token = self._ids.token(TOKEN_BYTES)
            key = self._key_of(self.code_of(token))

            def work(txn: Txn, key: bytes = key, token: str = token) -> a.SignupInvite | None:
                _sweep(txn, now)
                if txn.get(SIGNUP_INVITES, key) is not None:
                    return None
                number = 1 + max((row.number for _, row in txn.range(SIGNUP_INVITES)), default=0)
                made = a.SignupInvite(
                    number, _hashed(token), now, now + seconds, uses, name=name, phone=phone
                )
                txn.put(SIGNUP_INVITES, key, value=made)
                return made

            row = await self._store.transact(HOME, work)
            if row is not None:
                return row, token

    def listed(self) -> list[a.SignupInvite]:
        """Newest first, ended ones too."""
        with self._store.read(HOME) as reader:
            rows = [row for _, row in reader.range(SIGNUP_INVITES)]
        return sorted(rows, key=lambda row: -row.number)

    async def revoke(self, number: int) -> a.SignupInvite | None:
        """None when there is no such invitation."""

        def work(txn: Txn) -> a.SignupInvite | None:
            for (key,), row in txn.range(SIGNUP_INVITES):
                if row.number == number:
                    revoked = replace(row, revoked=True)
                    txn.put(SIGNUP_INVITES, key, value=revoked)
                    return revoked
            return None

        return await self._store.transact(HOME, work)

    # -- the invited's ----------------------------------------------------------------------------------------------

    def code_of(self, token: str) -> str:
        """The digits that go with a token."""
        digest = hashlib.blake2b(token.encode(errors="replace"), key=self._key, digest_size=16).digest()
        return str(int.from_bytes(digest, "big") % 10**DIGITS).zfill(DIGITS)

    def by_token(self, token: str) -> a.SignupInvite | None:
        """What a link leads to; None when there is no such invitation or it is over."""
        row = self._row(self._key_of(self.code_of(token)))
        return row if row is not None and row.token == _hashed(token) and self._good(row) else None

    async def count_try(self, ip: str) -> None:
        """Before any code is looked at, right or wrong, known number or not. FLOOD_WAIT_n."""
        if self.mode != "invite":
            return
        wait = await self._tallies.count(f"code_tries_ip:{ip}", self._per_address, limits.HOUR)
        if wait:
            raise errors.FLOOD_WAIT(wait)

    async def find(self, shown: str, phone: str) -> bytes:
        """The key of the invitation whose digits were shown for a number without an account; b"" for none."""
        if self.mode != "invite":
            return b""
        if await self._tallies.count("invite_tries", self._per_hour, limits.HOUR):
            _log.warning("signup.flood")
            return b""
        key = self._key_of(shown)
        row = self._row(key)
        if row is None or not self._good(row) or row.phone not in ("", phone):
            return b""
        return key

    def key_shown(self, shown: str) -> bytes:
        return self._key_of(shown)

    async def take(self, key: bytes, phone: str) -> None:
        """Use an invitation up for this number, once however often it is called. PHONE_CODE_EXPIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> bool:
            if txn.get(SIGNED_UP, key, phone) is not None:
                return True
            row = txn.get(SIGNUP_INVITES, key)
            if row is None or not _lives(row, now):
                return False
            txn.put(SIGNUP_INVITES, key, value=replace(row, used=row.used + 1))
            txn.put(SIGNED_UP, key, phone, value=now.to_bytes(4, "big"))
            return True

        if not await self._store.transact(HOME, work):
            raise errors.PHONE_CODE_EXPIRED()

    def _row(self, key: bytes) -> a.SignupInvite | None:
        with self._store.read(HOME) as reader:
            return reader.get(SIGNUP_INVITES, key)

    def _good(self, row: a.SignupInvite) -> bool:
        return _lives(row, int(self._clock.now()))

    def _key_of(self, digits: str) -> bytes:
        data = digits.encode(errors="replace")
        return hashlib.blake2b(data, key=self._key, digest_size=32, person=b"tgserve.invite").digest()


def state_of(row: a.SignupInvite, now: int) -> str:
    """open, used, expired or revoked."""
    if row.revoked:
        return "revoked"
    if row.used >= row.uses:
        return "used"
    return "expired" if now >= row.expires else "open"


def _lives(row: a.SignupInvite, now: int) -> bool:
    return state_of(row, now) == "open"


def _hashed(token: str) -> bytes:
    return hashlib.blake2b(token.encode(errors="replace"), digest_size=32, person=b"tgserve.joins").digest()


def _sweep(txn: Txn, now: int) -> None:
    """Invitations that ended long ago; the newest stays, so that numbers are not given twice."""
    rows = list(txn.range(SIGNUP_INVITES))
    newest = max((row.number for _, row in rows), default=0)
    for (key,), row in rows:
        if row.number != newest and now - row.expires > KEPT_SECONDS:
            for (*_, phone), _ in list(txn.range(SIGNED_UP, key)):
                txn.delete(SIGNED_UP, key, phone)
            txn.delete(SIGNUP_INVITES, key)
