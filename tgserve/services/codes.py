"""Login codes: made, sent, proven once (SECURITY 5.2, 5.3, 5.5).

A code is bound to its phone, its hash and the key that asked, so a second device asking for the same number does not
take the first one's code away. Wrong tries are counted per code and, over all keys and addresses, per phone. What a
transaction finds out is returned, not raised: the counting must be kept when the answer is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from enum import Enum
from hmac import compare_digest

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.adapters.contract import Sms
from tgserve.adapters.desk import SmsDesk
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.services.flood_tallies import Tallies, count, waiting
from tgserve.services.login_emails import LoginEmails
from tgserve.store import records as r
from tgserve.store.account_records import LoginEmail
from tgserve.store.keyspaces import LOGIN_CODES, PHONES
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

RESEND_SECONDS = 60
"""When the client may offer to send the code again."""
WITHOUT_LIMIT = 1 << 30


@dataclass(slots=True, frozen=True)
class SentCode:
    phone_code_hash: str
    digits: int
    resend_seconds: int
    email: str = ""
    """The address it went to; empty for an SMS."""
    reset_at: int = 0
    """When codes go by SMS again, as was asked for."""
    wants_email: bool = False
    """Nothing was sent: an address is to be given first."""


class Proof(Enum):
    """What became of a code that was shown."""

    RIGHT = "right"
    WRONG = "wrong"
    EXPIRED = "expired"
    FLOOD = "flood"


@dataclass(slots=True, frozen=True)
class Proven:
    """`used_at`: when the code was first shown, which on a repeat is earlier than now."""

    outcome: Proof
    wait: int = 0
    used_at: int = 0
    claim: r.PhoneClaim | None = None
    email: str = ""
    """An address that was proven on the way: the account's, from now on."""
    by_invite: bool = False
    """Not the code, but the digits of an invitation were shown: nothing is known of who has the number."""
    made: int = 0
    """The account that this code made before."""


class LoginCodes:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        config: Config,
        tallies: Tallies,
        desk: SmsDesk,
        emails: LoginEmails,
    ) -> None:
        self._store = store
        self._emails = emails
        self._clock = clock
        self._ids = ids
        self._config = config
        self._tallies = tallies
        self._desk = desk
        per = config.limits
        free = config.dev
        self._mails_per_phone = WITHOUT_LIMIT if free else limits.EMAIL_CODES_PER_HOUR
        self._per_phone = WITHOUT_LIMIT if free else per.codes_per_phone_per_hour
        self._per_address = WITHOUT_LIMIT if free else per.codes_per_address_per_hour
        self._per_key = WITHOUT_LIMIT if free else per.codes_per_key_per_hour
        self._tries_per_phone = WITHOUT_LIMIT if free else per.code_tries_per_phone_per_hour

    async def send(
        self,
        phone: str,
        auth_key_id: int,
        ip: str,
        *,
        to: LoginEmail | None = None,
        hold: bool = False,
        email: str = "",
        digits: int = limits.CODE_DIGITS,
        quiet: bool = False,
    ) -> SentCode:
        """Make and send a code for these digits. The same answer whether the phone has an account or not. `quiet`:
        only the operator can read it.

        `to`: where it goes by e-mail; `hold`: nothing is sent, since an address is to be given first; `email`: an
        address, proven, that is the account's when the code comes back. FLOOD_WAIT_n over a limit of the address, key
        or phone; PHONE_NUMBER_BANNED."""
        for name, most in (
            (f"code_ip:{ip}", self._per_address),
            (f"code_key:{auth_key_id:x}", self._per_key),
        ):
            wait = await self._tallies.count(name, most, limits.HOUR)
            if wait:
                raise errors.FLOOD_WAIT(wait)
        now = int(self._clock.now())
        fixed = self._config.fixed_code if self._config.dev else ""
        by_email = to is not None and bool(to.email)
        made = r.LoginCode(
            code=fixed or self._ids.digits(limits.EMAIL_CODE_DIGITS if by_email else digits),
            phone_code_hash=self._ids.random_bytes(9).hex(),
            auth_key_id=auth_key_id,
            expires=now + limits.CODE_SECONDS,
            sent=now,
            by_email=by_email,
            email=email,
            email_proven=bool(email),
            held=hold,
        )

        def work(txn: Txn) -> int:
            claim = txn.get(PHONES, phone)
            if claim is not None and claim.banned:
                raise errors.PHONE_NUMBER_BANNED()
            wait = count(txn, f"code:{phone}", self._per_phone, limits.HOUR, now)
            if wait:
                return wait
            _sweep(txn, phone, now)
            txn.put(LOGIN_CODES, phone, auth_key_id, value=made)
            return 0

        wait = await self._store.transact(slot_of(phone), work)
        if wait:
            raise errors.FLOOD_WAIT(wait)
        if hold:
            return changed(self._sent(made), wants_email=True)
        if to is not None and by_email:
            self._emails.post(to.email, made.code)
            return changed(self._sent(made), email=to.email, reset_at=to.reset_at)
        if not quiet:
            self._post(phone, made)
        return self._sent(made)

    def waiting_or_none(self, phone: str, phone_code_hash: str, auth_key_id: int) -> r.LoginCode | None:
        """The code that this client waits for, not used yet."""
        with self._store.read(slot_of(phone)) as reader:
            code = reader.get(LOGIN_CODES, phone, auth_key_id)
        if code is None or code.used_at or not _same(code.phone_code_hash, phone_code_hash):
            return None
        return code if self._clock.now() < code.expires else None

    # -- an address, at the login -------------------------------------------------------------------------------------

    async def offer_email(self, phone: str, phone_code_hash: str, auth_key_id: int, address: str) -> None:
        """Who was told to give an address gives this one: a code goes there. PHONE_CODE_EXPIRED, EMAIL_NOT_ALLOWED,
        FLOOD_WAIT_n."""
        made = self._emails.code(address)
        now = int(self._clock.now())

        def work(txn: Txn) -> int:
            code = self._held(txn, phone, phone_code_hash, auth_key_id, now)
            wait = count(txn, f"mail:{phone}", self._mails_per_phone, limits.HOUR, now)
            if not wait:
                given = replace(
                    code, email=address, email_code=made.code, email_expires=made.expires, email_tries=0
                )
                txn.put(LOGIN_CODES, phone, auth_key_id, value=replace(given, expires=made.expires))
            return wait

        wait = await self._store.transact(slot_of(phone), work)
        if wait:
            raise errors.FLOOD_WAIT(wait)
        self._emails.post(address, made.code)

    async def repeat_email(self, phone: str, address: str, code: str) -> None:
        """The same code to the same address once more. FLOOD_WAIT_n."""
        wait = await self._tallies.count(f"mail:{phone}", self._mails_per_phone, limits.HOUR)
        if wait:
            raise errors.FLOOD_WAIT(wait)
        self._emails.post(address, code)

    async def prove_email(self, phone: str, phone_code_hash: str, auth_key_id: int, shown: str) -> str:
        """The code for the address came back: the address. PHONE_CODE_EXPIRED, EMAIL_NOT_ALLOWED,
        EMAIL_VERIFY_EXPIRED, CODE_INVALID."""
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[bool | None, str]:
            code = self._held(txn, phone, phone_code_hash, auth_key_id, now)
            dead = now >= code.email_expires or code.email_tries >= limits.EMAIL_CODE_TRIES
            if not code.email_code or dead:
                return None, ""
            if not _same(code.email_code, shown):
                tried = replace(code, email_tries=code.email_tries + 1)
                txn.put(LOGIN_CODES, phone, auth_key_id, value=tried)
                return False, ""
            txn.delete(LOGIN_CODES, phone, auth_key_id)
            return True, code.email

        right, address = await self._store.transact(slot_of(phone), work)
        if right is None:
            raise errors.EMAIL_VERIFY_EXPIRED()
        if not right:
            raise errors.CODE_INVALID()
        return address

    def _held(self, txn: Txn, phone: str, phone_code_hash: str, auth_key_id: int, now: int) -> r.LoginCode:
        code = txn.get(LOGIN_CODES, phone, auth_key_id)
        if code is None or not _same(code.phone_code_hash, phone_code_hash) or now >= code.expires:
            raise errors.PHONE_CODE_EXPIRED()
        if not code.held:
            raise errors.EMAIL_NOT_ALLOWED()
        return code

    async def resend(
        self,
        phone: str,
        phone_code_hash: str,
        auth_key_id: int,
        ip: str,
        *,
        to: LoginEmail | None = None,
        digits: int = limits.CODE_DIGITS,
        quiet: bool = False,
    ) -> SentCode:
        """Send a new code under a new hash in place of the one that did not come, the way that one went; the old one
        is dead."""
        old = await self._require(phone, phone_code_hash, auth_key_id)
        address = old.email if old.email_proven else ""
        way = to if old.by_email else None
        return await self.send(
            phone, auth_key_id, ip, to=way, hold=old.held, email=address, digits=digits, quiet=quiet
        )

    async def cancel(self, phone: str, phone_code_hash: str, auth_key_id: int) -> None:
        """Withdraw a code that was not used yet. PHONE_CODE_EXPIRED when there is none."""

        def work(txn: Txn) -> bool:
            code = txn.get(LOGIN_CODES, phone, auth_key_id)
            if code is None or not _same(code.phone_code_hash, phone_code_hash):
                return False
            txn.delete(LOGIN_CODES, phone, auth_key_id)
            return True

        if not await self._store.transact(slot_of(phone), work):
            raise errors.PHONE_CODE_EXPIRED()

    async def prove(
        self,
        phone: str,
        phone_code_hash: str,
        shown: str,
        auth_key_id: int,
        *,
        by_email: bool = False,
        invite: bytes = b"",
        repeated: bytes = b"",
    ) -> Proven:
        """Use the code up. `invite`: the digits of this invitation were shown, which are as good; `repeated`: what they
        would be the digits of, for who shows them again. Shown again by the same key within CODE_REPEAT_SECONDS it
        answers as before, since clients resend signIn after a reconnect (CLIENTS B.7). Raises the catalogue's error for
        every other outcome."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Proven:
            code = txn.get(LOGIN_CODES, phone, auth_key_id)
            if code is None or not _same(code.phone_code_hash, phone_code_hash) or code.held:
                return Proven(Proof.EXPIRED)
            if code.used_at:
                if now - code.used_at > limits.CODE_REPEAT_SECONDS:
                    return Proven(Proof.EXPIRED)
            elif now >= code.expires or code.tries >= limits.CODE_TRIES:
                return Proven(Proof.EXPIRED)
            wait = waiting(txn, f"tries:{phone}", self._tries_per_phone, limits.HOUR, now)
            if wait:
                txn.delete(LOGIN_CODES, phone, auth_key_id)
                return Proven(Proof.FLOOD, wait=wait)
            again = bool(code.used_at and code.invite) and code.invite == repeated
            if not (invite or again or _same(code.code, shown)) or code.by_email is not by_email:
                count(txn, f"tries:{phone}", self._tries_per_phone, limits.HOUR, now)
                txn.put(LOGIN_CODES, phone, auth_key_id, value=replace(code, tries=code.tries + 1))
                return Proven(Proof.WRONG)
            used_at = code.used_at or now
            txn.put(
                LOGIN_CODES,
                phone,
                auth_key_id,
                value=replace(code, proven=True, used_at=used_at, invite=invite or code.invite),
            )
            address = code.email if code.email_proven else ""
            claim = txn.get(PHONES, phone)
            by = bool(invite or again)
            return Proven(Proof.RIGHT, 0, used_at, claim, address, by_invite=by, made=code.user_id)

        proven = await self._store.transact(slot_of(phone), work)
        if proven.outcome is Proof.WRONG:
            raise errors.PHONE_CODE_INVALID()
        if proven.outcome is Proof.EXPIRED:
            raise errors.PHONE_CODE_EXPIRED()
        if proven.outcome is Proof.FLOOD:
            raise errors.FLOOD_WAIT(proven.wait)
        return proven

    async def invalidate(self, phone: str, shown: Sequence[str]) -> None:
        """Codes of this number that its owner has passed on by mistake are dead. Used ones have done their work."""

        def work(txn: Txn) -> None:
            for (*_, key), code in list(txn.range(LOGIN_CODES, phone)):
                if not code.used_at and any(_same(code.code, one) for one in shown):
                    txn.delete(LOGIN_CODES, phone, key)

        await self._store.transact(slot_of(phone), work)

    def last_or_none(self, phone: str) -> r.LoginCode | None:
        """The newest code for these digits that may still be used: what the operator tells its owner."""
        now = int(self._clock.now())
        with self._store.read(slot_of(phone)) as reader:
            codes = [code for _, code in reader.range(LOGIN_CODES, phone)]
        alive = [code for code in codes if now < code.expires and not code.used_at]
        alive = [replace(code, code=code.email_code) if code.held else code for code in alive]
        alive = [code for code in alive if code.code]
        return max(alive, key=lambda code: (code.sent, code.expires), default=None)

    async def _require(self, phone: str, phone_code_hash: str, auth_key_id: int) -> r.LoginCode:
        with self._store.read(slot_of(phone)) as reader:
            code = reader.get(LOGIN_CODES, phone, auth_key_id)
        if code is None or code.used_at or not _same(code.phone_code_hash, phone_code_hash):
            raise errors.PHONE_CODE_EXPIRED()
        return code

    def _post(self, phone: str, made: r.LoginCode) -> None:
        text = self._config.sms.text.format(code=made.code, server=self._config.name)
        if not self._desk.post(Sms(phone=phone, code=made.code, text=text)):
            raise errors.FLOOD_WAIT(RESEND_SECONDS)

    def _sent(self, made: r.LoginCode) -> SentCode:
        return SentCode(made.phone_code_hash, len(made.code), RESEND_SECONDS)


def _sweep(txn: Txn, phone: str, now: int) -> None:
    """Codes of this phone that nobody can use any more."""
    for (*_, key), code in list(txn.range(LOGIN_CODES, phone)):
        if now >= max(code.expires, code.used_at + limits.CODE_REPEAT_SECONDS):
            txn.delete(LOGIN_CODES, phone, key)


def _same(ours: str, theirs: str) -> bool:
    """Compared in constant time; text from outside may hold anything."""
    return compare_digest(ours.encode(), theirs.encode(errors="replace"))
