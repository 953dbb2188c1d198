"""What the operator does to accounts: bans, other names and numbers, marks, lost passwords, flood limits.

Each is a rule of an account that its owner cannot reach. Owners see the effect as they would see their own change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.services.auth import Auth
from tgserve.services.contacts import LOOKUPS_PER_DAY
from tgserve.services.sessions import end_all
from tgserve.services.users import Users, put_user, tell_of_change
from tgserve.store import records as r
from tgserve.store.keyspaces import LOGIN_CODES, PHONES, TALLIES, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn


@dataclass(slots=True, frozen=True)
class Limit:
    """A flood limit of an account: `count` of `most` in the window that ends in `seconds`. `name` is the tally's, which
    lies in the slot of `owner`."""

    owner: int | str
    name: str
    what: str
    count: int
    most: int
    seconds: int


class Operating:
    def __init__(self, store: Store, clock: Clock, config: Config, users: Users, auth: Auth) -> None:
        self._store = store
        self._clock = clock
        self._config = config
        self._users = users
        self._auth = auth

    # -- bans -------------------------------------------------------------------------------------------------------

    async def ban(self, user_id: int) -> int:
        """The account's sessions end now and no new one begins, its number gets no codes; how many sessions there were.
        The number comes first: cut in between, the ban is repeated."""
        await self.ban_phone(self._users.get(user_id).phone)
        now = int(self._clock.now())

        def work(txn: Txn) -> int:
            user = _present(txn, user_id)
            if not user.banned:
                put_user(txn, replace(user, banned=True))
                tell_of_change(txn, user_id, "flags", now)
            return end_all(txn, user_id, but=0)

        return await self._store.transact(slot_of(user_id), work)

    async def unban(self, user_id: int) -> None:
        now = int(self._clock.now())

        def work(txn: Txn) -> str:
            user = _present(txn, user_id)
            if user.banned:
                put_user(txn, replace(user, banned=False))
                tell_of_change(txn, user_id, "flags", now)
            return user.phone

        await self.unban_phone(await self._store.transact(slot_of(user_id), work))

    async def ban_phone(self, digits: str) -> None:
        """No codes for this number and no account, whether it has one or not."""
        if not digits:
            return
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            claim = txn.get(PHONES, digits) or r.PhoneClaim(user_id=0, claimed=now)
            txn.put(PHONES, digits, value=replace(claim, banned=True))

        await self._store.transact(slot_of(digits), work)

    async def unban_phone(self, digits: str) -> bool:
        """False when it was not banned."""
        if not digits:
            return False

        def work(txn: Txn) -> bool:
            claim = txn.get(PHONES, digits)
            if claim is None or not claim.banned:
                return False
            if claim.user_id:
                txn.put(PHONES, digits, value=replace(claim, banned=False))
            else:
                txn.delete(PHONES, digits)
            return True

        return await self._store.transact(slot_of(digits), work)

    def phone_banned(self, digits: str) -> bool:
        with self._store.read(slot_of(digits)) as reader:
            claim = reader.get(PHONES, digits)
        return claim is not None and claim.banned

    # -- the record -------------------------------------------------------------------------------------------------

    async def mark(
        self,
        user_id: int,
        *,
        verified: bool | None = None,
        scam: bool | None = None,
        fake: bool | None = None,
    ) -> r.User:
        """Marks that clients show beside the name; None leaves one as it is."""
        now = int(self._clock.now())
        wanted = {"verified": verified, "scam": scam, "fake": fake}
        changes = {name: value for name, value in wanted.items() if value is not None}

        def work(txn: Txn) -> r.User:
            user = _present(txn, user_id)
            changed = replace(user, **changes)
            if changed == user:
                return user
            stored = put_user(txn, changed)
            tell_of_change(txn, user_id, "flags", now)
            return stored

        return await self._store.transact(slot_of(user_id), work)

    # -- the password -----------------------------------------------------------------------------------------------

    async def reset_password(self, user_id: int) -> None:
        """Two-step verification is off, and its owner is told. PASSWORD_EMPTY when it was."""
        await self._auth.passwords.remove(user_id)

    # -- flood limits -----------------------------------------------------------------------------------------------

    def limits_of(self, user: r.User) -> list[Limit]:
        """Tallies that count something now, those over their limit among them."""
        now = int(self._clock.now())
        found: list[Limit] = []
        for owner, name, what, most, seconds in self._tallies(user):
            with self._store.read(slot_of(owner)) as reader:
                tally = reader.get(TALLIES, name)
            if tally is not None and 0 <= now - tally.since < seconds:
                found.append(Limit(owner, name, what, tally.count, most, tally.since + seconds - now))
        return found

    async def lift(self, user: r.User) -> int:
        """Forget what was counted; how many tallies were full."""
        found = self.limits_of(user)
        for one in found:
            await self._store.transact(slot_of(one.owner), partial(_forget, one.name))
        return sum(one.count >= one.most for one in found)

    def _tallies(self, user: r.User) -> list[tuple[int | str, str, str, int, int]]:
        """(whose slot it is in, name, what it counts, most, seconds of its window)."""
        per, hour, day = self._config.limits, limits.HOUR, limits.DAY
        tries, device_tries = limits.PASSWORD_TRIES_PER_HOUR, limits.PASSWORD_TRIES_PER_KEY_PER_HOUR
        mails, me, phone = limits.EMAIL_CODES_PER_HOUR, user.id, user.phone
        found: list[tuple[int | str, str, str, int, int]] = [
            (me, f"password:{me}", "wrong passwords", tries, hour),
            (me, f"mail:{me}", "e-mail codes of two-step verification", mails, hour),
            (f"import:{me}", f"import:{me}", "contacts imported", limits.IMPORTS_PER_DAY, day),
            (f"resolve:{me}", f"resolve:{me}", "numbers looked up", LOOKUPS_PER_DAY, day),
        ]
        own = f"password:{me}:"
        with self._store.read(slot_of(me)) as reader:
            names = [name for (name,), _ in reader.range(TALLIES, lo=own, hi=own + "\x7f")]
        found += [(me, name, "wrong passwords, one device", device_tries, hour) for name in names]
        keys = {line.auth_key_id for _, line in self._auth.sessions.of(me)}
        if phone:
            with self._store.read(slot_of(phone)) as reader:
                keys |= {key for (*_, key), _ in reader.range(LOGIN_CODES, phone)}
        for key in sorted(keys):
            asked = f"code_key:{key:x}"
            found.append((asked, asked, "login codes, one device", per.codes_per_key_per_hour, hour))
        if phone:
            mail = f"mail:{phone}"
            found += [
                (phone, f"code:{phone}", "login codes", per.codes_per_phone_per_hour, hour),
                (phone, f"tries:{phone}", "wrong login codes", per.code_tries_per_phone_per_hour, hour),
                (phone, mail, "login codes by e-mail", mails, hour),
                (mail, mail, "login codes by e-mail, sent again", mails, hour),
            ]
        return found


def _forget(name: str, txn: Txn) -> None:
    txn.delete(TALLIES, name)


def _present(txn: Txn, user_id: int) -> r.User:
    user = txn.get(USERS, user_id)
    if user is None or user.deleted:
        raise errors.USER_DEACTIVATED()
    return user
