"""The e-mail address of two-step verification: confirming it, and the way around a forgotten password.

A password that is set together with an address waits until the address is confirmed (clients show it so): before that
nothing protects and nothing locks out. Codes are six digits, good for an hour and five tries, so many an hour are sent;
wrong tries are counted in the transaction that looks at the code.
"""

from __future__ import annotations

import re
from hmac import compare_digest

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.adapters.mail.contract import Mail
from tgserve.adapters.mail.desk import MailDesk
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.services.flood_tallies import count
from tgserve.services.passwords import NONE, Passwords, Wanted, with_password
from tgserve.store import account_records as a
from tgserve.store.keyspaces import PASSWORDS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
ADDRESS_CHARS = 254
WITHOUT_LIMIT = 1 << 30


def is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


def pattern(address: str) -> str:
    """The address as it may be shown to somebody who does not know it: a***b@e******.org."""
    local, _, domain = address.partition("@")
    name, dot, end = domain.rpartition(".")
    return f"{_masked(local)}@{name[:1]}{'*' * max(1, len(name) - 1)}{dot}{end}"


def _masked(text: str) -> str:
    return f"{text[0]}***{text[-1]}" if len(text) > 2 else f"{text[:1]}***"


class Recovery:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        config: Config,
        passwords: Passwords,
        desk: MailDesk | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._config = config
        self._passwords = passwords
        self._desk = desk
        self._per_hour = WITHOUT_LIMIT if config.dev else limits.EMAIL_CODES_PER_HOUR

    # -- the address ------------------------------------------------------------------------------------------------

    async def set_address(
        self, user_id: int, proven: a.Password, address: str, password: a.NewPassword | None
    ) -> None:
        """Send a code to the address; when it comes back the address, and `password` if given, are set. Raises
        EMAIL_UNCONFIRMED_n always, which is how clients are told to ask for the code. EMAIL_INVALID, FLOOD_WAIT_n."""
        if len(address) > ADDRESS_CHARS or not _ADDRESS.fullmatch(address):
            raise errors.EMAIL_INVALID()
        made = self._code(address, password)

        def work(txn: Txn) -> int:
            row = txn.get(PASSWORDS, user_id) or NONE
            if row.version != proven.version:
                raise errors.SRP_PASSWORD_CHANGED()
            wait = self._count(txn, user_id)
            if not wait:
                txn.put(PASSWORDS, user_id, value=replace(row, confirming=made))
            return wait

        await self._send(await self._store.transact(slot_of(user_id), work), made)
        raise errors.EMAIL_UNCONFIRMED(limits.EMAIL_CODE_DIGITS)

    async def drop_address(self, user_id: int) -> None:
        """A forgotten password cannot be recovered any more."""

        def work(txn: Txn) -> None:
            row = txn.get(PASSWORDS, user_id)
            if row is not None:
                kept = replace(row, email="", confirming=None, recovery=None)
                txn.put(PASSWORDS, user_id, value=kept)

        await self._store.transact(slot_of(user_id), work)

    async def resend(self, user_id: int) -> None:
        """A new code to the address that waits. EMAIL_HASH_EXPIRED when none does."""

        def work(txn: Txn) -> tuple[int, a.EmailCode]:
            row = txn.get(PASSWORDS, user_id) or NONE
            if row.confirming is None:
                raise errors.EMAIL_HASH_EXPIRED()
            wait = self._count(txn, user_id)
            made = self._code(row.confirming.email, row.confirming.password)
            if not wait:
                txn.put(PASSWORDS, user_id, value=replace(row, confirming=made))
            return wait, made

        await self._send(*await self._store.transact(slot_of(user_id), work))

    async def cancel(self, user_id: int) -> None:
        """Forget the address that waits, and the password that was to come with it. EMAIL_HASH_EXPIRED."""

        def work(txn: Txn) -> None:
            row = txn.get(PASSWORDS, user_id) or NONE
            if row.confirming is None:
                raise errors.EMAIL_HASH_EXPIRED()
            txn.put(PASSWORDS, user_id, value=replace(row, confirming=None))

        await self._store.transact(slot_of(user_id), work)

    async def confirm(self, user_id: int, shown: str) -> None:
        """The code came back. CODE_INVALID, EMAIL_HASH_EXPIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> bool | None:
            row = txn.get(PASSWORDS, user_id) or NONE
            waiting = row.confirming
            if waiting is None or not _alive(waiting, now):
                return None
            if not compare_digest(waiting.code.encode(), shown.encode(errors="replace")):
                tried = replace(waiting, tries=waiting.tries + 1)
                txn.put(PASSWORDS, user_id, value=replace(row, confirming=tried))
                return False
            if waiting.password is not None:
                row = with_password(row, waiting.password, now)
            txn.put(PASSWORDS, user_id, value=replace(row, email=waiting.email, confirming=None))
            return True

        done = await self._store.transact(slot_of(user_id), work)
        if done is None:
            raise errors.EMAIL_HASH_EXPIRED()
        if not done:
            raise errors.CODE_INVALID()

    # -- forgotten --------------------------------------------------------------------------------------------------

    async def request(self, user_id: int) -> str:
        """Send a code to the account's address; the pattern to show. PASSWORD_EMPTY, PASSWORD_RECOVERY_NA,
        FLOOD_WAIT_n."""

        def work(txn: Txn) -> tuple[int, a.EmailCode]:
            row = txn.get(PASSWORDS, user_id) or NONE
            if row.current is None:
                raise errors.PASSWORD_EMPTY()
            if not row.email:
                raise errors.PASSWORD_RECOVERY_NA()
            wait = self._count(txn, user_id)
            made = self._code(row.email, None, setup=False)
            if not wait:
                txn.put(PASSWORDS, user_id, value=replace(row, recovery=made))
            return wait, made

        wait, made = await self._store.transact(slot_of(user_id), work)
        await self._send(wait, made)
        return pattern(made.email)

    async def check(self, user_id: int, shown: str) -> None:
        """Is this the code? CODE_INVALID, PASSWORD_RECOVERY_EXPIRED."""
        await self._shown(user_id, shown)

    async def recover(self, user_id: int, shown: str, wanted: Wanted | None) -> None:
        """Use the code up: the password is `wanted` from now on, or gone. CODE_INVALID, PASSWORD_RECOVERY_EXPIRED and
        what Passwords.made raises."""
        row = await self._shown(user_id, shown)
        password = self._passwords.made(user_id, row, wanted) if wanted is not None else None
        now = int(self._clock.now())
        await self._passwords.put(user_id, row.version, lambda old: with_password(old, password, now))

    async def _shown(self, user_id: int, shown: str) -> a.Password:
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[bool | None, a.Password]:
            row = txn.get(PASSWORDS, user_id) or NONE
            sent = row.recovery
            if row.current is None or sent is None or not _alive(sent, now):
                return None, row
            if not compare_digest(sent.code.encode(), shown.encode(errors="replace")):
                txn.put(PASSWORDS, user_id, value=replace(row, recovery=replace(sent, tries=sent.tries + 1)))
                return False, row
            return True, row

        right, row = await self._store.transact(slot_of(user_id), work)
        if right is None:
            raise errors.PASSWORD_RECOVERY_EXPIRED()
        if not right:
            raise errors.CODE_INVALID()
        return row

    # -- codes ------------------------------------------------------------------------------------------------------

    def last_or_none(self, user_id: int) -> a.EmailCode | None:
        """The code that waits for this account: what the operator tells its owner when no mail is sent."""
        now = int(self._clock.now())
        row = self._passwords.of(user_id)
        alive = [one for one in (row.recovery, row.confirming) if one is not None and _alive(one, now)]
        return max(alive, key=lambda one: one.expires, default=None)

    def _code(self, address: str, password: a.NewPassword | None, *, setup: bool = True) -> a.EmailCode:
        return a.EmailCode(
            email=address,
            code=self._ids.digits(limits.EMAIL_CODE_DIGITS),
            expires=int(self._clock.now()) + limits.EMAIL_CODE_SECONDS,
            setup=setup,
            password=password,
        )

    def _count(self, txn: Txn, user_id: int) -> int:
        return count(txn, f"mail:{user_id}", self._per_hour, limits.HOUR, int(self._clock.now()))

    async def _send(self, wait: int, made: a.EmailCode) -> None:
        if wait:
            raise errors.FLOOD_WAIT(wait)
        what = "confirm this e-mail address" if made.setup else "reset your two-step verification password"
        text = (
            f"{made.code} is your code to {what} on {self._config.name}.\n\n"
            "If you did not ask for it, somebody else did: do not pass it on.\n"
        )
        if self._desk is not None and not self._desk.post(
            Mail(made.email, f"{self._config.name}: your code", text)
        ):
            raise errors.FLOOD_WAIT(limits.MINUTE)


def _alive(code: a.EmailCode, now: int) -> bool:
    return now < code.expires and code.tries < limits.EMAIL_CODE_TRIES
