"""Bots: accounts without a phone number that sign in with a token (SECURITY 5.9).

A token is "<id>:<secret>". The store has a hash of the secret alone, so it is shown once, when it is made; a new one
ends the old one and every session that was made with it.
"""

from __future__ import annotations

import hashlib
from functools import partial
from hmac import compare_digest

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.auth import Auth
from tgserve.services.names import Names
from tgserve.services.sessions import end_all
from tgserve.services.users import RESERVED_IDS, Users, first_name_of, put_user
from tgserve.store import account_records as a
from tgserve.store import records as r
from tgserve.store.keyspaces import BOTS, DIALOGS, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

BOT_ID_RANGE = 1 << 33
SECRET_BYTES = 26
"""35 characters of base64 url, as clients and libraries expect a token to look."""
NAME_END = "bot"
"""Usernames of bots end so: people see by it whom they talk to."""


class Bots:
    def __init__(self, store: Store, clock: Clock, ids: Ids, users: Users, names: Names, auth: Auth) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._users = users
        self._names = names
        self._auth = auth

    async def create(self, first_name: str, username: str, about: str = "") -> tuple[int, str]:
        """(id, token) of a new bot. FIRSTNAME_INVALID, USERNAME_INVALID, USERNAME_OCCUPIED, ABOUT_TOO_LONG."""
        first = first_name_of(first_name)
        Users.check_about(about)
        if not username.lower().endswith(NAME_END):
            raise errors.USERNAME_INVALID()
        if not self._names.free(username):
            raise errors.USERNAME_OCCUPIED()
        now = int(self._clock.now())
        while True:
            user_id = self._ids.base + RESERVED_IDS + 1 + self._ids.below(BOT_ID_RANGE)
            secret = self._secret()
            bot = r.User(id=user_id, phone="", first_name=first, about=about, created=now, bot=True)
            row = a.Bot(secret=_hashed(user_id, secret), created=now)
            if await self._store.transact(slot_of(user_id), partial(_make, bot, row)):
                break
        try:
            await self._names.set_username(user_id, username)
        except errors.RpcError:  # somebody was faster
            await self._store.transact(slot_of(user_id), lambda txn: _unmake(txn, user_id))
            raise
        return user_id, f"{user_id}:{secret}"

    async def new_token(self, bot: int) -> str:
        """Another token; the old one and all its sessions end. BOT_INVALID."""
        now = int(self._clock.now())
        secret = self._secret()

        def work(txn: Txn) -> None:
            user = txn.get(USERS, bot)
            if user is None or not user.bot or user.deleted:
                raise errors.BOT_INVALID()
            txn.put(BOTS, bot, value=a.Bot(secret=_hashed(bot, secret), created=now))
            end_all(txn, bot, but=0)

        await self._store.transact(slot_of(bot), work)
        return f"{bot}:{secret}"

    async def revoke(self, bot: int) -> int:
        """No token works any more; how many sessions ended. BOT_INVALID."""

        def work(txn: Txn) -> int:
            row = txn.get(BOTS, bot)
            if row is None:
                raise errors.BOT_INVALID()
            txn.put(BOTS, bot, value=replace(row, secret=b""))
            return end_all(txn, bot, but=0)

        return await self._store.transact(slot_of(bot), work)

    def of(self, bot: int) -> a.Bot | None:
        with self._store.read(slot_of(bot)) as reader:
            return reader.get(BOTS, bot)

    async def sign_in(self, token: str, auth_key_id: int) -> int:
        """The bot that is signed in on the key from now on. ACCESS_TOKEN_INVALID, USER_DEACTIVATED_BAN."""
        number, _, secret = token.partition(":")
        bot = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
        row = self.of(bot) if bot else None
        known = row.secret if row is not None and row.secret else bytes(32)
        # Compared whether there is such a bot or not: the answer takes as long.
        right = compare_digest(known, _hashed(bot, secret))
        user = self._users.get_or_none(bot) if right else None
        if user is None or user.deleted:
            raise errors.ACCESS_TOKEN_INVALID()
        await self._auth.sign_in_proven(auth_key_id, bot)
        return bot

    def check_write(self, me: int, peer: int) -> None:
        """A bot writes to nobody who has not written to it, nor to bots. USER_IS_BOT, PEER_ID_INVALID."""
        mine = self._users.get_or_none(me)
        if mine is None or not mine.bot or peer <= 0 or peer == me:
            return
        other = self._users.get_or_none(peer)
        if other is not None and other.bot:
            raise errors.USER_IS_BOT()
        with self._store.read(slot_of(me)) as reader:
            dialog = reader.get(DIALOGS, me, peer)
        if dialog is None or not dialog.top_message:
            raise errors.PEER_ID_INVALID()

    def _secret(self) -> str:
        return self._ids.token(SECRET_BYTES)


def _make(bot: r.User, row: a.Bot, txn: Txn) -> bool:
    if txn.get(USERS, bot.id) is not None:
        return False
    put_user(txn, bot)
    txn.put(BOTS, bot.id, value=row)
    return True


def _unmake(txn: Txn, bot: int) -> None:
    user = txn.get(USERS, bot)
    if user is not None:
        put_user(txn, replace(user, deleted=True, first_name="", about=""))
    txn.delete(BOTS, bot)


def _hashed(bot: int, secret: str) -> bytes:
    """The secret has 208 bits of chance: one fast hash is enough, and each bot's is another."""
    data = b"%d:" % bot + secret.encode(errors="replace")
    return hashlib.blake2b(data, digest_size=32, person=b"tgserve-bot").digest()
