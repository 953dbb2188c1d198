"""What becomes of a whole account: another phone number, and its end.

Deleting takes effect at once: name, number, username, sessions, groups. The rows of the box go in slices afterwards
(LEAVING says whose); what others hold of the account's messages stays theirs, under a deleted account's name.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services import boxes, photos
from tgserve.services.auth import Auth
from tgserve.services.codes import SentCode
from tgserve.services.contacts import release_photo
from tgserve.services.groups.life import inform
from tgserve.services.groups.roster import load, save
from tgserve.services.phones import digits_or_none
from tgserve.services.sessions import end_all
from tgserve.services.stickers.shelves import let_go
from tgserve.services.users import put_user, tell_of_change
from tgserve.store import account_records as a
from tgserve.store import eventlog
from tgserve.store import keyspaces as k
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.format import all_keyspaces
from tgserve.store.packing import I64, Keyspace
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

TAKEOUT = "takeout"
"""Name of the setting: id and beginning of the export that is under way."""
SLICE = 200
"""Rows taken away in one transaction."""
LAST_LOOK_SECONDS = 120
"""Messages that were on their way when the account was deleted have arrived by then: one more look takes them."""

_SHARED = {k.STICKER_SETS, k.SETS_OF, k.SCENES}
"""Sets, wallpapers and themes are used by others; they lie in slots of their own."""
_KEPT = _SHARED | {
    k.USERS,
    k.LEAVING,
    k.BODIES,
    k.REACTORS,
    k.REACTED,
    k.POLLS,
    k.POLL_PLACES,
    k.VOTES,
    k.VOTED,
}
"""The record says `deleted`; bodies go with the last box that holds them, and with them what others think of them."""
_BY_RULES = {
    k.ROWS,
    k.PEER_ROWS,
    k.BACKREFS,
    k.DIALOGS,
    k.EVENTS,
    k.BOXES,
    k.CONTACTS,
    k.KNOWN_BY,
    k.USER_AUTHS,
    k.GIVEN,
}


class Accounts:
    def __init__(self, store: Store, clock: Clock, ids: Ids, auth: Auth) -> None:
        self._ids = ids
        self._store = store
        self._clock = clock
        self._auth = auth
        self.leaving: set[int] = set()
        """Accounts deleted since the start, for upkeep to look at before its round comes to them."""
        store.on_outbox(pl.ReleasePhone, self._phone_released)

    # -- another number ---------------------------------------------------------------------------------------------

    async def send_change_code(
        self, me: int, phone: str, own_hash: int, auth_key_id: int, ip: str
    ) -> SentCode:
        """A code to the new number. PHONE_NUMBER_INVALID, PHONE_NUMBER_OCCUPIED, FRESH_CHANGE_PHONE_FORBIDDEN."""
        digits = digits_or_none(phone)
        if digits is None:
            raise errors.PHONE_NUMBER_INVALID()
        with self._store.read(slot_of(me)) as reader:
            line = reader.get(k.USER_AUTHS, me, own_hash)
        if line is None:
            raise errors.AUTH_KEY_UNREGISTERED()
        if not line.first and self._clock.now() - line.created < limits.FRESH_SESSION_SECONDS:
            raise errors.FRESH_CHANGE_PHONE_FORBIDDEN()
        if self._auth.user_by_digits_or_none(digits):
            raise errors.PHONE_NUMBER_OCCUPIED()
        return await self._auth.codes.send(digits, auth_key_id, ip)

    async def change_phone(
        self, me: int, phone: str, phone_code_hash: str, code: str, auth_key_id: int
    ) -> None:
        """The code came to the new number: it is the account's from now on, the old one is free. PHONE_CODE_*,
        PHONE_NUMBER_OCCUPIED."""
        digits = digits_or_none(phone)
        if digits is None:
            raise errors.PHONE_NUMBER_INVALID()
        if not phone_code_hash:
            raise errors.PHONE_CODE_HASH_EMPTY()
        if not code:
            raise errors.PHONE_CODE_EMPTY()
        await self._auth.codes.prove(digits, phone_code_hash, code, auth_key_id)
        await self.set_phone(me, digits)

    async def set_phone(self, me: int, digits: str) -> None:
        """The number, in stored form, is the account's from now on. PHONE_NUMBER_OCCUPIED, PHONE_NUMBER_BANNED."""
        await self._auth.claim_phone(digits, me)
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            user = txn.get(k.USERS, me)
            if user is None or user.deleted:
                raise errors.USER_DEACTIVATED()
            txn.outbox(slot_of(digits), pl.ConfirmPhone(phone=digits, user_id=me))
            if user.phone == digits:
                return
            put_user(txn, replace(user, phone=digits))
            if user.phone:
                txn.outbox(slot_of(user.phone), pl.ReleasePhone(phone=user.phone, user_id=me))
            tell_of_change(txn, me, "phone", now)

        await self._store.transact(slot_of(me), work)

    def _phone_released(self, txn: Txn, gone: pl.ReleasePhone, memo: Any) -> None:
        claim = txn.get(k.PHONES, gone.phone)
        if claim is not None and claim.user_id == gone.user_id:
            if claim.banned:  # the number stays so
                txn.put(k.PHONES, gone.phone, value=replace(claim, user_id=0, confirmed=False))
            else:
                txn.delete(k.PHONES, gone.phone)
        for (*_, key), _code in list(txn.range(k.LOGIN_CODES, gone.phone)):
            txn.delete(k.LOGIN_CODES, gone.phone, key)

    # -- exports ----------------------------------------------------------------------------------------------------

    async def begin_takeout(self, me: int) -> int:
        """An export of everything the account has: its id. One at a time, a new one ends the old."""
        takeout_id = self._ids.i64() or 1
        row = b"%d %d" % (takeout_id, self._now())
        await self._store.transact(slot_of(me), lambda txn: txn.put(k.USER_SETTINGS, me, TAKEOUT, value=row))
        return takeout_id

    def takeout_runs(self, me: int, takeout_id: int = 0) -> bool:
        """Is this export (0: any) of the account's under way?"""
        if not me:
            return False
        with self._store.read(slot_of(me)) as reader:
            row = reader.get(k.USER_SETTINGS, me, TAKEOUT)
        if row is None:
            return False
        known, _, since = row.partition(b" ")
        fresh = self._now() - int(since or b"0") < limits.TAKEOUT_SECONDS
        return fresh and takeout_id in (0, int(known))

    async def end_takeout(self, me: int) -> None:
        """TAKEOUT_REQUIRED when none is under way."""
        if not self.takeout_runs(me):
            raise errors.TAKEOUT_REQUIRED()
        await self._store.transact(slot_of(me), lambda txn: txn.delete(k.USER_SETTINGS, me, TAKEOUT))

    # -- the end ----------------------------------------------------------------------------------------------------

    async def delete(self, user_id: int, own_hash: int = 0) -> None:
        """The account is gone; session `own_hash` is left for the caller to sign out, so that his answer goes out."""
        now = int(self._clock.now())

        def work(txn: Txn) -> list[int]:
            user = txn.get(k.USERS, user_id)
            if user is None or user.deleted:
                return []
            txn.put(k.LEAVING, user_id, value=a.Leaving(since=now))
            tell_of_change(txn, user_id, "deleted", now)
            photos.release_all(txn, user)
            put_user(
                txn,
                r.User(
                    id=user.id,
                    phone="",
                    first_name="",
                    created=user.created,
                    deleted=True,
                    bot=user.bot,
                    version=user.version,
                ),
            )
            if user.phone:
                txn.outbox(slot_of(user.phone), pl.ReleasePhone(phone=user.phone, user_id=user_id))
            if user.username:
                name = user.username.lower()
                txn.outbox(slot_of(name), pl.ReleaseName(name=name, peer=user_id))
            end_all(txn, user_id, but=own_hash)
            for (*_, channel), _ in txn.range(k.JOINED, user_id):
                txn.outbox(slot_of(channel), pl.AccountGone(user_id, channel, now))
            return [peer for (*_, peer), _ in txn.range(k.DIALOGS, user_id, hi=0) if peer > -r.CHANNEL_BASE]

        groups = await self._store.transact(slot_of(user_id), work)
        self.leaving.add(user_id)
        for chat in groups:
            await self._leave(user_id, chat, now)

    async def _leave(self, user_id: int, chat: int, now: int) -> None:
        def work(txn: Txn) -> None:
            was = load(txn, chat)
            if was is None or not was.has(user_id) or was.group.deleted:
                return
            member = replace(was.members[user_id], gone=r.MEMBER_LEFT, admin=False, rank="")
            made = save(txn, was, was.group, {user_id: member})
            inform(txn, made, made.here, "members", now)
            txn.outbox(slot_of(user_id), pl.ChatDeleted(user_id, chat, made.group.version, now))

        await self._store.transact(slot_of(chat), work)

    async def wipe(self, user_id: int) -> bool:
        """Take a deleted account's rows away; True when it was the last look."""
        while await self._store.transact(slot_of(user_id), lambda txn: _slice(txn, user_id, self._now())):
            pass

        def last(txn: Txn) -> bool:
            row = txn.get(k.LEAVING, user_id)
            if row is not None and self._now() - row.since < LAST_LOOK_SECONDS:
                return False
            txn.delete(k.LEAVING, user_id)
            tallies = (f"password:{user_id}", f"mail:{user_id}")
            for (name,), _ in list(txn.range(k.TALLIES)):
                if name in tallies or name.startswith(tallies[0] + ":"):
                    txn.delete(k.TALLIES, name)
            return True

        done = await self._store.transact(slot_of(user_id), last)
        if done:
            self.leaving.discard(user_id)
        return done

    def _now(self) -> int:
        return int(self._clock.now())


def _slice(txn: Txn, user: int, now: int) -> bool:
    """One slice of the rows; False when there is nothing left."""
    ids = [msg_id for (*_, msg_id), _ in txn.range(k.ROWS, user, limit=SLICE)]
    if ids:
        boxes.release_all(txn, user, boxes.remove(txn, user, ids))
        return True
    if txn.first(k.EVENTS, user) is not None and txn.get(k.BOXES, user) is not None:
        eventlog.trim(txn, user, keep=0, before=now + 1, rows=SLICE)
        return True
    gone = False
    for (*_, other), contact in list(txn.range(k.CONTACTS, user, limit=SLICE)):
        release_photo(txn, contact)
        txn.delete(k.CONTACTS, user, other)
        txn.outbox(slot_of(other), pl.ContactAdded(owner=user, user_id=other, present=False))
        gone = True
    for (*_, other), _ in list(txn.range(k.KNOWN_BY, user, limit=SLICE)):
        txn.delete(k.KNOWN_BY, user, other)
        txn.outbox(slot_of(other), pl.ContactGone(owner=other, user_id=user))
        gone = True
    for (*_, owner, number), _ in list(txn.range(k.GIVEN, user, limit=SLICE)):
        txn.delete(k.GIVEN, user, owner, number)
        if number:
            txn.outbox(slot_of(owner), pl.TakeBack(user, owner, number, now))
        else:
            txn.outbox(slot_of(owner), pl.TakeVoteBack(user, owner))
        gone = True
    for (*_, name), shelf in list(txn.range(k.SHELVES, user)):
        let_go(txn, name, shelf)
        txn.delete(k.SHELVES, user, name)
        gone = True
    if gone:
        return True
    for keyspace in [*_owned(), k.DIALOGS, k.EVENTS]:
        keys = [key for key, _ in txn.range(keyspace, user, limit=SLICE)]
        if keys:
            for key in keys:
                txn.delete(keyspace, *key)
            return True
    if txn.get(k.BOXES, user) is not None:
        txn.delete(k.BOXES, user)
    return False


def _owned() -> list[Keyspace[Any]]:
    """Every keyspace whose rows in a user's slot begin with the user: new ones are wiped without a line here."""
    return [
        keyspace
        for keyspace in all_keyspaces()
        if keyspace.parts[:1] == (I64,) and keyspace not in _KEPT and keyspace not in _BY_RULES
    ]
