"""Login by a code that is sent by e-mail: whose address, how it is set and changed, how it is lost.

The operator switches it on (mail.login). Who has a proven address gets login codes there instead of by SMS. Where one
is required, whoever has none gives one at the login: a code goes to the address first, then one to the phone, and only
when both have come back is the address kept, so that a number alone takes over nothing. Who cannot read his mail any
more asks for the way by SMS, is let in a week later, and his devices are told at once.
"""

from __future__ import annotations

from hmac import compare_digest

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.adapters.mail.contract import Mail
from tgserve.adapters.mail.desk import MailDesk
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.ids import Ids
from tgserve.services.flood_tallies import count
from tgserve.services.notices import write_notice
from tgserve.services.recovery import ADDRESS_CHARS, is_address
from tgserve.store import account_records as a
from tgserve.store.keyspaces import LOGIN_EMAILS, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

NONE = a.LoginEmail()
WITHOUT_LIMIT = 1 << 30


def checked(address: str) -> str:
    """EMAIL_INVALID."""
    if len(address) > ADDRESS_CHARS or not is_address(address):
        raise errors.EMAIL_INVALID()
    return address


class LoginEmails:
    def __init__(self, store: Store, clock: Clock, ids: Ids, config: Config, desk: MailDesk | None) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._config = config
        self._desk = desk
        self._per_hour = WITHOUT_LIMIT if config.dev else limits.EMAIL_CODES_PER_HOUR

    @property
    def allowed(self) -> bool:
        return self._config.mail.login != "off"

    @property
    def required(self) -> bool:
        return self._config.mail.login == "required"

    def require_allowed(self) -> None:
        """EMAIL_NOT_ALLOWED."""
        if not self.allowed:
            raise errors.EMAIL_NOT_ALLOWED()

    def of(self, user_id: int) -> a.LoginEmail:
        with self._store.read(slot_of(user_id)) as reader:
            return reader.get(LOGIN_EMAILS, user_id) or NONE

    def in_use(self, user_id: int) -> a.LoginEmail:
        """Where login codes of this account go now; no address when they go by SMS."""
        if not self.allowed or not user_id:
            return NONE
        row = self.of(user_id)
        over = bool(row.reset_at) and self._clock.now() >= row.reset_at
        return NONE if over else row

    async def keep(self, user_id: int, address: str) -> None:
        """The address is proven: login codes go there. A wish to be rid of the old one is void."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            was = txn.get(LOGIN_EMAILS, user_id) or NONE
            txn.put(LOGIN_EMAILS, user_id, value=a.LoginEmail(address))
            user = txn.get(USERS, user_id)
            if was.email and was.email != address and user is not None and not user.deleted:
                text = "The e-mail address for your login codes was changed. Was that not you? End all other sessions."
                write_notice(txn, user_id, text.encode(), now=now)

        await self._store.transact(slot_of(user_id), work)

    async def used(self, user_id: int) -> None:
        """Its owner reads his mail: a wish to be rid of it is void."""
        if self.of(user_id).reset_at:
            await self._store.transact(
                slot_of(user_id),
                lambda txn: txn.put(
                    LOGIN_EMAILS, user_id, value=replace(txn.get(LOGIN_EMAILS, user_id) or NONE, reset_at=0)
                ),
            )

    async def drop(self, user_id: int) -> None:
        await self._store.transact(slot_of(user_id), lambda txn: txn.delete(LOGIN_EMAILS, user_id))

    # -- changing it, signed in -------------------------------------------------------------------------------------

    async def send_change(self, user_id: int, address: str) -> None:
        """A code to another address. EMAIL_NOT_ALLOWED, EMAIL_INVALID, FLOOD_WAIT_n."""
        self.require_allowed()
        made = self.code(checked(address))
        now = int(self._clock.now())

        def work(txn: Txn) -> int:
            wait = count(txn, f"mail:{user_id}", self._per_hour, limits.HOUR, now)
            if not wait:
                row = txn.get(LOGIN_EMAILS, user_id) or NONE
                txn.put(LOGIN_EMAILS, user_id, value=replace(row, confirming=made))
            return wait

        wait = await self._store.transact(slot_of(user_id), work)
        if wait:
            raise errors.FLOOD_WAIT(wait)
        self.post(made.email, made.code)

    async def change(self, user_id: int, shown: str) -> str:
        """The code came back: the address. EMAIL_NOT_ALLOWED, EMAIL_VERIFY_EXPIRED, CODE_INVALID."""
        self.require_allowed()
        now = int(self._clock.now())

        def work(txn: Txn) -> tuple[bool | None, str]:
            row = txn.get(LOGIN_EMAILS, user_id) or NONE
            sent = row.confirming
            if sent is None or now >= sent.expires or sent.tries >= limits.EMAIL_CODE_TRIES:
                return None, ""
            if not same(sent.code, shown):
                tried = replace(sent, tries=sent.tries + 1)
                txn.put(LOGIN_EMAILS, user_id, value=replace(row, confirming=tried))
                return False, ""
            return True, sent.email

        right, address = await self._store.transact(slot_of(user_id), work)
        if right is None:
            raise errors.EMAIL_VERIFY_EXPIRED()
        if not right:
            raise errors.CODE_INVALID()
        await self.keep(user_id, address)
        return address

    # -- losing it --------------------------------------------------------------------------------------------------

    async def ask_reset(self, user_id: int) -> bool:
        """Have login codes sent by SMS again. True: they are from now on; False: in LOGIN_EMAIL_RESET_SECONDS, and the
        account's devices are told. EMAIL_INSTALL_MISSING, TASK_ALREADY_EXISTS."""
        now = int(self._clock.now())

        def work(txn: Txn) -> bool:
            row = txn.get(LOGIN_EMAILS, user_id) or NONE
            if not row.email:
                raise errors.EMAIL_INSTALL_MISSING()
            if row.reset_at and now >= row.reset_at:
                txn.delete(LOGIN_EMAILS, user_id)
                return True
            if row.reset_at:
                raise errors.TASK_ALREADY_EXISTS()
            due = now + limits.LOGIN_EMAIL_RESET_SECONDS
            txn.put(LOGIN_EMAILS, user_id, value=replace(row, reset_at=due))
            text = (
                "Somebody who has your phone number asked for login codes by SMS instead of e-mail: so it will be in a "
                "week. If that was not you, log in by e-mail on any device to prevent it."
            )
            write_notice(txn, user_id, text.encode(), now=now)
            return False

        return await self._store.transact(slot_of(user_id), work)

    # -- codes ------------------------------------------------------------------------------------------------------

    def code(self, address: str) -> a.EmailCode:
        """A new code for an address."""
        fixed = self._config.fixed_code if self._config.dev else ""
        return a.EmailCode(
            email=address,
            code=fixed or self._ids.digits(limits.EMAIL_CODE_DIGITS),
            expires=int(self._clock.now()) + limits.EMAIL_CODE_SECONDS,
        )

    def post(self, address: str, code: str) -> None:
        """FLOOD_WAIT_n when too many e-mails wait."""
        text = (
            f"{code} is your login code for {self._config.name}.\n\n"
            "If you did not ask for it, somebody else did: do not pass it on.\n"
        )
        mail = Mail(address, f"{self._config.name}: your login code", text)
        if self._desk is not None and not self._desk.post(mail):
            raise errors.FLOOD_WAIT(limits.MINUTE)


def same(ours: str, theirs: str) -> bool:
    """Compared in constant time; text from outside may hold anything."""
    return compare_digest(ours.encode(), theirs.encode(errors="replace"))
