"""Signing in and out: the walk over the slots of phone, user and key, each step repeatable after a crash.

Sign-up: 1. the phone's slot proves the code and claims the number for a new user id, 2. the user's slot makes the
account and confirms the claim by its outbox, 3. the key's slot binds the key and tells the user's slot by its outbox.
Sign-in is steps 1 and 3. A client that resends the call after a cut walks the same steps to the same end.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.codes import RESEND_SECONDS, LoginCodes, SentCode
from tgserve.services.keys import KeyInfo, Keys, SessionEnded, SignedInKey, listed, put_auth
from tgserve.services.login_emails import LoginEmails, checked
from tgserve.services.passwords import Passwords
from tgserve.services.phones import digits_or_none
from tgserve.services.sessions import Sessions
from tgserve.services.signups import Signups
from tgserve.services.users import RESERVED_IDS, Users, first_name_of, last_name_of, put_user
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import AUTHS, EXPORTED, LOGIN_CODES, PHONES, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

CLAIM_SECONDS = 60
"""A phone claimed for an account that was never made may be claimed by another after this."""
USER_ID_RANGE = 1 << 33
EXPORT_BYTES = 64


class Homes(Protocol):
    """The directory of a server of several nodes (services/nodes/homes.py)."""

    async def check_phone(self, digits: str, ip: str) -> None: ...

    async def take_phone(self, digits: str, user_id: int) -> None: ...


class Tickets(Protocol):
    """Exported authorisations for and from other nodes (services/nodes/tickets.py)."""

    def make(self, dc: int, user_id: int, session_hash: int) -> bytes: ...

    def open(self, user_id: int, ticket: bytes) -> tuple[int, int]: ...


class _Collision(Exception):
    """The random user id is taken: draw another."""


@dataclass(slots=True, frozen=True)
class Exported:
    user_id: int
    data: bytes


class Auth:
    """`keys`, `codes` and `sessions` are its rooms; handlers use them through here where a rule spans several."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        users: Users,
        keys: Keys,
        codes: LoginCodes,
        sessions: Sessions,
        passwords: Passwords,
        emails: LoginEmails,
        signups: Signups,
    ) -> None:
        self.signups = signups
        self.emails = emails
        self.homes: Homes | None = None
        self.tickets: Tickets | None = None
        self._store = store
        self._clock = clock
        self._ids = ids
        self._users = users
        self.keys = keys
        self.codes = codes
        self.sessions = sessions
        self.passwords = passwords
        self.key_or_none = keys.key_or_none
        self.add_key = keys.add_key
        self.touch = keys.touch
        store.on_outbox(pl.ConfirmPhone, self._phone_confirmed)

    # -- codes ------------------------------------------------------------------------------------------------------

    async def send_code(self, phone: str, auth_key_id: int, ip: str) -> SentCode:
        """By SMS, or to the e-mail address of the account. PHONE_NUMBER_INVALID, PHONE_NUMBER_BANNED, FLOOD_WAIT_n,
        PHONE_MIGRATE_X."""
        digits = _digits(phone)
        if self.homes is not None:
            await self.homes.check_phone(digits, ip)
        user_id = self.user_by_digits_or_none(digits) or 0
        length, quiet = self._way(user_id)
        if not self.emails.allowed:
            return await self.codes.send(digits, auth_key_id, ip, digits=length, quiet=quiet)
        to = self.emails.in_use(user_id)
        hold = self.emails.required and not to.email and not (user_id and self.passwords.has(user_id))
        return await self.codes.send(digits, auth_key_id, ip, to=to, hold=hold, digits=length, quiet=quiet)

    def _way(self, user_id: int) -> tuple[int, bool]:
        """(how many digits a code has, whether it is sent at all): nobody is sent one who could not use it."""
        return self.signups.code_digits, not (user_id or self.signups.open)

    async def offer_email(self, phone: str, phone_code_hash: str, address: str, auth_key_id: int) -> str:
        """An address for who was asked for one. Who was not, since his code went to the account's address, has it sent
        there again, whatever he names: so TDLib asks for that. The address it went to. EMAIL_NOT_ALLOWED, EMAIL_INVALID
        and as LoginCodes.offer_email."""
        self.emails.require_allowed()
        digits = _digits(phone)
        waiting = self.codes.waiting_or_none(digits, phone_code_hash, auth_key_id)
        if waiting is not None and waiting.by_email:
            row = self.emails.in_use(self.user_by_digits_or_none(digits) or 0)
            if not row.email:
                raise errors.EMAIL_NOT_ALLOWED()
            await self.codes.repeat_email(digits, row.email, waiting.code)
            return row.email
        await self.codes.offer_email(digits, phone_code_hash, auth_key_id, checked(address))
        return address

    async def prove_email(
        self, phone: str, phone_code_hash: str, shown: str, auth_key_id: int, ip: str
    ) -> tuple[str, SentCode]:
        """The address is proven; now the code for the phone goes by SMS. As LoginCodes.prove_email and send."""
        self.emails.require_allowed()
        digits = _digits(phone)
        address = await self.codes.prove_email(digits, phone_code_hash, auth_key_id, shown)
        length, quiet = self._way(self.user_by_digits_or_none(digits) or 0)
        sent = await self.codes.send(digits, auth_key_id, ip, email=address, digits=length, quiet=quiet)
        return address, sent

    async def reset_email(self, phone: str, phone_code_hash: str, auth_key_id: int, ip: str) -> SentCode:
        """Who cannot read the mail that a code went to wants it by SMS: at once if he asked for that a week ago.
        PHONE_CODE_EXPIRED, EMAIL_INSTALL_MISSING, TASK_ALREADY_EXISTS, EMAIL_NOT_ALLOWED."""
        self.emails.require_allowed()
        _require_hash(phone_code_hash)
        digits = _digits(phone)
        waiting = self.codes.waiting_or_none(digits, phone_code_hash, auth_key_id)
        if waiting is None:
            raise errors.PHONE_CODE_EXPIRED()
        user_id = self.user_by_digits_or_none(digits) or 0
        if not user_id or not waiting.by_email:
            raise errors.EMAIL_INSTALL_MISSING()
        if await self.emails.ask_reset(user_id):
            return await self.codes.send(digits, auth_key_id, ip, digits=self.signups.code_digits)
        row = self.emails.of(user_id)
        return SentCode(
            phone_code_hash, len(waiting.code), RESEND_SECONDS, email=row.email, reset_at=row.reset_at
        )

    async def resend_code(self, phone: str, phone_code_hash: str, auth_key_id: int, ip: str) -> SentCode:
        _require_hash(phone_code_hash)
        digits = _digits(phone)
        user_id = self.user_by_digits_or_none(digits) or 0
        to = self.emails.in_use(user_id if self.emails.allowed else 0)
        length, quiet = self._way(user_id)
        return await self.codes.resend(
            digits, phone_code_hash, auth_key_id, ip, to=to, digits=length, quiet=quiet
        )

    async def cancel_code(self, phone: str, phone_code_hash: str, auth_key_id: int) -> None:
        _require_hash(phone_code_hash)
        await self.codes.cancel(_digits(phone), phone_code_hash, auth_key_id)

    # -- in ---------------------------------------------------------------------------------------------------------

    async def sign_in(
        self,
        phone: str,
        phone_code_hash: str,
        code: str,
        auth_key_id: int,
        *,
        by_email: bool = False,
        ip: str = "",
    ) -> int:
        """The user id that is now signed in on the key; 0: the code is right, the phone has no account yet.
        `by_email`: it is shown as one that came by e-mail, and must have gone there.
        SESSION_PASSWORD_NEEDED: the code is right, and the account has a password."""
        _require_hash(phone_code_hash)
        if not code:
            raise errors.PHONE_CODE_EMPTY()
        digits = _digits(phone)
        invite = repeated = b""
        if self.signups.mode == "invite" and not by_email:
            await self.signups.count_try(ip)
            repeated = self.signups.key_shown(code)
            if not self.user_by_digits_or_none(digits):
                invite = await self.signups.find(code, digits)
        proven = await self.codes.prove(
            digits,
            phone_code_hash,
            code,
            auth_key_id,
            by_email=by_email,
            invite=invite,
            repeated=repeated,
        )
        user_id = self._account_of(digits, proven.claim)
        if not user_id:
            if self.signups.mode == "closed":
                raise errors.PHONE_NUMBER_APP_SIGNUP_FORBIDDEN()
            return 0
        if proven.by_invite and user_id != proven.made:
            # Somebody made the account meanwhile: an invitation says nothing of whose the number is.
            raise errors.PHONE_CODE_INVALID()
        if by_email:
            await self.emails.used(user_id)
        elif proven.email and not self.passwords.has(user_id):
            await self.emails.keep(user_id, proven.email)
        await self.admit(auth_key_id, user_id, proven.used_at)
        return user_id

    async def sign_in_proven(self, auth_key_id: int, user_id: int) -> None:
        """Sign in who has proven more than a code could: a bot by its token. USER_DEACTIVATED_BAN."""
        await self._bind(auth_key_id, user_id, int(self._clock.now()))

    def is_bot(self, user_id: int) -> bool:
        user = self._users.get_or_none(user_id) if user_id else None
        return user is not None and user.bot

    async def admit(self, auth_key_id: int, user_id: int, proven_at: int, *, session_hash: int = 0) -> None:
        """Sign in who has proven the first factor, or have the key wait for the password: SESSION_PASSWORD_NEEDED."""
        if self.passwords.has(user_id) and not await self._wait_for_password(auth_key_id, user_id):
            raise errors.SESSION_PASSWORD_NEEDED()
        await self._bind(auth_key_id, user_id, proven_at, session_hash=session_hash)

    async def _wait_for_password(self, auth_key_id: int, user_id: int) -> bool:
        """Nobody is signed in on the key until auth.checkPassword. True: this user is already."""
        now = int(self._clock.now())

        def work(txn: Txn) -> bool:
            auth = txn.get(AUTHS, auth_key_id)
            if auth is None:
                raise errors.AUTH_KEY_INVALID()
            if auth.user_id == user_id:
                return True
            if auth.user_id:
                txn.outbox(slot_of(auth.user_id), pl.SignedOut(user_id=auth.user_id, hash=auth.hash))
                txn.publish(SignedInKey(auth_key_id, 0))
            waiting = replace(
                auth, user_id=0, hash=0, password_pending=True, pending_user=user_id, pending_since=now
            )
            put_auth(txn, auth_key_id, waiting)
            return False

        return await self._store.transact(slot_of(auth_key_id), work)

    def pending_user(self, auth_key_id: int) -> int:
        """Whose password the key still owes, 0 when none."""
        key = self.keys.key_or_none(auth_key_id)
        if key is None:
            return 0
        record = key.owner.record
        if not record.password_pending or record.user_id:
            return 0
        fresh = self._clock.now() - record.pending_since < limits.PASSWORD_PENDING_SECONDS
        return record.pending_user if fresh else 0

    async def password_proven(self, auth_key_id: int) -> int:
        """The password was right: sign its user in; the user id."""
        user_id = self.pending_user(auth_key_id)
        if not user_id:
            raise errors.AUTH_KEY_UNREGISTERED()
        await self._bind(auth_key_id, user_id, int(self._clock.now()))
        return user_id

    async def sign_up(
        self, phone: str, phone_code_hash: str, first_name: str, last_name: str, auth_key_id: int
    ) -> int:
        """Make the account of a proven phone and sign it in. PHONE_NUMBER_OCCUPIED, PHONE_CODE_EXPIRED,
        FIRSTNAME_INVALID, LASTNAME_INVALID."""
        _require_hash(phone_code_hash)
        digits = _digits(phone)
        first, last = first_name_of(first_name), last_name_of(last_name)
        await self._let_in(digits, phone_code_hash, auth_key_id)
        while True:
            fresh_id = self._ids.base + RESERVED_IDS + 1 + self._ids.below(USER_ID_RANGE)
            user_id, proven_at = await self._claim(digits, phone_code_hash, auth_key_id, fresh_id)
            await self._take_everywhere(digits, user_id)
            try:
                await self._make(user_id, digits, first, last)
            except _Collision:
                await self._unclaim(digits, user_id)
                continue
            with self._store.read(slot_of(digits)) as reader:
                code = reader.get(LOGIN_CODES, digits, auth_key_id)
            if code is not None and code.email_proven:
                await self.emails.keep(user_id, code.email)
            await self._bind(auth_key_id, user_id, proven_at, first=True)
            return user_id

    async def _let_in(self, digits: str, phone_code_hash: str, auth_key_id: int) -> None:
        """May this proven number have an account? An invitation is used up for it."""
        if self.signups.mode == "closed":
            raise errors.PHONE_NUMBER_APP_SIGNUP_FORBIDDEN()
        with self._store.read(slot_of(digits)) as reader:
            code = reader.get(LOGIN_CODES, digits, auth_key_id)
        right = code is not None and code.proven and code.phone_code_hash == phone_code_hash
        if code is None or not right or not code.invite or self._known_claim(digits):
            return  # what is wrong is said by _claim
        await self.signups.take(code.invite, digits)

    async def create_user(self, phone: str, first_name: str, last_name: str) -> int:
        """An account made by the operator, signed in nowhere. PHONE_NUMBER_INVALID, PHONE_NUMBER_OCCUPIED."""
        digits = _digits(phone)
        first, last = first_name_of(first_name), last_name_of(last_name)
        while True:
            user_id = self._ids.base + RESERVED_IDS + 1 + self._ids.below(USER_ID_RANGE)
            now = int(self._clock.now())
            known = self._known_claim(digits)
            await self._store.transact(slot_of(digits), partial(_take, digits, user_id, now, known))
            await self._take_everywhere(digits, user_id)
            try:
                await self._make(user_id, digits, first, last)
            except _Collision:
                await self._unclaim(digits, user_id)
                continue
            return user_id

    async def _take_everywhere(self, digits: str, user_id: int) -> None:
        """The number is claimed here; the other nodes must know it for free. PHONE_NUMBER_OCCUPIED, FLOOD_WAIT_n."""
        if self.homes is None:
            return
        try:
            await self.homes.take_phone(digits, user_id)
        except errors.RpcError:
            await self._unclaim(digits, user_id)
            raise

    def user_by_phone_or_none(self, phone: str) -> int | None:
        """The account of this number, as typed."""
        digits = digits_or_none(phone)
        return None if digits is None else self.user_by_digits_or_none(digits)

    def user_by_digits_or_none(self, digits: str) -> int | None:
        """The account of this number, in stored form."""
        with self._store.read(slot_of(digits)) as reader:
            claim = reader.get(PHONES, digits)
        return self._account_of(digits, claim) or None

    def _account_of(self, digits: str, claim: r.PhoneClaim | None) -> int:
        """The user of a claim. An unconfirmed one counts when the account was made: its confirmation is on its way."""
        if claim is None:
            return 0
        user = self._users.get_or_none(claim.user_id)
        return claim.user_id if user is not None and not user.deleted and user.phone == digits else 0

    def _known_claim(self, digits: str) -> r.PhoneClaim | None:
        """A claim with an account behind it, which therefore cannot be taken over."""
        with self._store.read(slot_of(digits)) as reader:
            claim = reader.get(PHONES, digits)
        return claim if self._account_of(digits, claim) else None

    async def _claim(
        self, digits: str, phone_code_hash: str, auth_key_id: int, fresh_id: int
    ) -> tuple[int, int]:
        """(user id to make, when the code was proven). The same id again when the same client repeats the call."""
        now = int(self._clock.now())
        known = self._known_claim(digits)

        def work(txn: Txn) -> tuple[int, int]:
            code = txn.get(LOGIN_CODES, digits, auth_key_id)
            if code is None or not code.proven or code.phone_code_hash != phone_code_hash:
                raise errors.PHONE_CODE_EXPIRED()
            if now - code.used_at > limits.CODE_SECONDS:
                raise errors.PHONE_CODE_EXPIRED()
            claim = txn.get(PHONES, digits)
            if claim is not None and claim.banned:
                raise errors.PHONE_NUMBER_BANNED()
            if claim is not None and code.user_id == claim.user_id:
                if now - code.used_at > limits.CODE_REPEAT_SECONDS and claim.confirmed:
                    raise errors.PHONE_NUMBER_OCCUPIED()
                return claim.user_id, code.used_at
            _take(digits, fresh_id, now, known, txn)
            # used_at starts anew: the answer of the sign-up, too, is repeatable for a short while.
            txn.put(LOGIN_CODES, digits, auth_key_id, value=replace(code, user_id=fresh_id, used_at=now))
            return fresh_id, now

        return await self._store.transact(slot_of(digits), work)

    async def _make(self, user_id: int, digits: str, first: str, last: str) -> None:
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            existing = txn.get(USERS, user_id)
            if existing is not None:
                if existing.phone != digits or existing.deleted:
                    raise _Collision
                return
            put_user(txn, r.User(id=user_id, phone=digits, first_name=first, last_name=last, created=now))
            txn.outbox(slot_of(digits), pl.ConfirmPhone(phone=digits, user_id=user_id))

        await self._store.transact(slot_of(user_id), work)

    async def claim_phone(self, digits: str, user_id: int) -> None:
        """Take a number for an account that has another one; its record must carry it within CLAIM_SECONDS.
        PHONE_NUMBER_OCCUPIED, PHONE_NUMBER_BANNED."""
        now = int(self._clock.now())
        known = self._known_claim(digits)

        def work(txn: Txn) -> None:
            claim = txn.get(PHONES, digits)
            if claim is None or claim.user_id != user_id:
                _take(digits, user_id, now, known, txn)

        await self._store.transact(slot_of(digits), work)
        await self._take_everywhere(digits, user_id)

    async def _unclaim(self, digits: str, user_id: int) -> None:
        def work(txn: Txn) -> None:
            claim = txn.get(PHONES, digits)
            if claim is not None and claim.user_id == user_id and not (claim.confirmed or claim.banned):
                txn.delete(PHONES, digits)

        await self._store.transact(slot_of(digits), work)

    def _phone_confirmed(self, txn: Txn, confirm: pl.ConfirmPhone, memo: Any) -> None:
        claim = txn.get(PHONES, confirm.phone)
        if claim is not None and claim.user_id == confirm.user_id:
            txn.put(PHONES, confirm.phone, value=replace(claim, confirmed=True))

    async def _bind(
        self, auth_key_id: int, user_id: int, proven_at: int, *, first: bool = False, session_hash: int = 0
    ) -> None:
        """Sign `user_id` in on the key, unless this very code has already done so."""
        user = self._users.get(user_id)
        if user.banned:
            raise errors.USER_DEACTIVATED_BAN()
        if user.deleted:
            raise errors.USER_DEACTIVATED()
        now = int(self._clock.now())
        session_hash = session_hash or self._ids.i64() or 1

        def work(txn: Txn) -> None:
            auth = txn.get(AUTHS, auth_key_id)
            if auth is None:
                raise errors.AUTH_KEY_INVALID()
            if auth.user_id == user_id:
                return
            if auth.signed_in and auth.signed_in >= proven_at and auth.signed_in < now:
                # The code has done its work on this key once, and its user has signed out since.
                raise errors.PHONE_CODE_EXPIRED()
            if auth.user_id:
                txn.outbox(slot_of(auth.user_id), pl.SignedOut(user_id=auth.user_id, hash=auth.hash))
            signed = replace(
                auth,
                user_id=user_id,
                signed_in=now,
                hash=session_hash,
                active=now,
                revoked=False,
                password_pending=False,
                pending_user=0,
                pending_since=0,
            )
            put_auth(txn, auth_key_id, signed)
            line = replace(listed(auth_key_id, signed), first=first)
            txn.outbox(
                slot_of(user_id), pl.SignedIn(user_id=user_id, hash=session_hash, auth=line, first=first)
            )
            txn.publish(SignedInKey(auth_key_id, user_id))

        await self._store.transact(slot_of(auth_key_id), work)

    # -- out --------------------------------------------------------------------------------------------------------

    async def log_out(self, auth_key_id: int) -> None:
        """Nobody is signed in on the key any more; its session leaves the list."""

        def work(txn: Txn) -> None:
            auth = txn.get(AUTHS, auth_key_id)
            if auth is None:
                return
            if not auth.user_id:
                if auth.password_pending:
                    put_auth(txn, auth_key_id, replace(auth, password_pending=False, pending_user=0))
                return
            put_auth(txn, auth_key_id, replace(auth, user_id=0, hash=0))
            txn.outbox(slot_of(auth.user_id), pl.SignedOut(user_id=auth.user_id, hash=auth.hash))
            txn.publish(SessionEnded(auth_key_id, auth.user_id, own=True))

        await self._store.transact(slot_of(auth_key_id), work)

    async def destroy_key(self, auth_key_id: int) -> bool:
        """destroy_auth_key: the key and what is signed in on it are gone. False when there was no such key."""

        def work(txn: Txn) -> bool:
            auth = txn.get(AUTHS, auth_key_id)
            if auth is None:
                return False
            if auth.user_id:
                txn.outbox(slot_of(auth.user_id), pl.SignedOut(user_id=auth.user_id, hash=auth.hash))
            txn.delete(AUTHS, auth_key_id)
            txn.publish(SessionEnded(auth_key_id, auth.user_id, own=True))
            return True

        await self.keys.drop_temporary(auth_key_id, set())
        gone = await self._store.transact(slot_of(auth_key_id), work)
        self.keys.forget(auth_key_id)
        return gone

    # -- to another data centre -------------------------------------------------------------------------------------

    async def export(self, key: KeyInfo, dc_id: int) -> Exported:
        """A ticket with which another key may join this session, once and soon. DC_ID_INVALID."""
        if not 1 <= dc_id <= 5:
            raise errors.DC_ID_INVALID()
        if self.tickets is not None and (elsewhere := self.tickets.make(dc_id, key.user_id, key.hash)):
            return Exported(key.user_id, elsewhere)
        ticket = self._ids.random_bytes(EXPORT_BYTES)
        expires = int(self._clock.now()) + limits.EXPORTED_AUTH_SECONDS
        row = r.Exported(user_id=key.user_id, expires=expires, dc_id=dc_id, hash=key.hash)
        name = _ticket_name(ticket)
        await self._store.transact(slot_of(name), lambda txn: txn.put(EXPORTED, name, value=row))
        return Exported(key.user_id, ticket)

    async def import_(self, user_id: int, ticket: bytes, auth_key_id: int) -> int:
        """Sign the key in with a ticket; it belongs to the exporting session and ends with it. AUTH_BYTES_INVALID."""
        now = int(self._clock.now())
        name = _ticket_name(ticket)
        far_hash, ends = self.tickets.open(user_id, ticket) if self.tickets is not None else (0, 0)

        def spend(txn: Txn) -> None:
            if txn.get(EXPORTED, name) is not None:
                raise errors.AUTH_BYTES_INVALID()
            txn.put(EXPORTED, name, value=r.Exported(user_id, ends, hash=far_hash))

        def redeem(txn: Txn) -> r.Exported | None:
            row = txn.get(EXPORTED, name)
            if row is None or row.user_id != user_id:
                return None
            txn.delete(EXPORTED, name)
            return row if now < row.expires else None

        if far_hash:
            await self._store.transact(slot_of(name), spend)
            session_hash = far_hash
        else:
            row = await self._store.transact(slot_of(name), redeem)
            if row is None or not row.hash or not self.sessions.alive(user_id, row.hash):
                raise errors.AUTH_BYTES_INVALID()
            session_hash = row.hash

        def work(txn: Txn) -> None:
            auth = txn.get(AUTHS, auth_key_id)
            if auth is None:
                raise errors.AUTH_KEY_INVALID()
            if auth.user_id == user_id and auth.hash == session_hash:
                return
            if auth.user_id:
                txn.outbox(slot_of(auth.user_id), pl.SignedOut(user_id=auth.user_id, hash=auth.hash))
            joined = replace(
                auth,
                user_id=user_id,
                signed_in=now,
                hash=session_hash,
                active=now,
                password_pending=False,
                pending_user=0,
            )
            put_auth(txn, auth_key_id, joined)
            txn.outbox(
                slot_of(user_id), pl.KeyJoined(user_id=user_id, hash=session_hash, auth_key_id=auth_key_id)
            )
            txn.publish(SignedInKey(auth_key_id, user_id))

        await self._store.transact(slot_of(auth_key_id), work)
        return user_id


def _take(digits: str, user_id: int, now: int, known: r.PhoneClaim | None, txn: Txn) -> None:
    """Claim the number. PHONE_NUMBER_OCCUPIED when it has an account or somebody else is just making one."""
    claim = txn.get(PHONES, digits)
    if claim is not None:
        if claim.banned:
            raise errors.PHONE_NUMBER_BANNED()
        if claim.confirmed or claim == known or now - claim.claimed < CLAIM_SECONDS:
            raise errors.PHONE_NUMBER_OCCUPIED()
    txn.put(PHONES, digits, value=r.PhoneClaim(user_id=user_id, claimed=now))


def _ticket_name(ticket: bytes) -> bytes:
    """Tickets are kept as hashes (SECURITY 5.9): who reads the store cannot use them."""
    return hashlib.blake2b(ticket, digest_size=32, person=b"tgserve-export").digest()


def _digits(phone: str) -> str:
    digits = digits_or_none(phone)
    if digits is None:
        raise errors.PHONE_NUMBER_INVALID()
    return digits


def _require_hash(phone_code_hash: str) -> None:
    if not phone_code_hash:
        raise errors.PHONE_CODE_HASH_EMPTY()
