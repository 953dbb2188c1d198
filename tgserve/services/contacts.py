"""Address books: whom a user has as contact, whom they have blocked, and finding people.

A contact is a row in the owner's slot; the other side keeps KNOWN_BY, fed by the outbox, and from it both sides know
`mutual`. Every change is an event of the owner's box, so the owner's other devices follow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.auth import Auth
from tgserve.services.directory import Directory
from tgserve.services.files.holding import drop
from tgserve.services.flood_tallies import count
from tgserve.services.phones import digits_or_none
from tgserve.services.privacy import BY_PHONE, Privacy
from tgserve.services.users import SERVICE_ID, Users
from tgserve.services.views import Redraw, RedrawForAll
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import BLOCKED, CONTACTS, KNOWN_BY
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

Origin = tuple[int, int] | None
SEARCH_CHARS_MIN = 3
"""Strangers are searched for from this many characters on: two would list half the community."""
LOOKUPS_PER_DAY = 200
"""contacts.resolvePhone: enough for a person, useless for scanning numbers (SECURITY 5.5)."""


@dataclass(slots=True, frozen=True)
class Entry:
    """One line of an address book that a client sends. `client_id` is the client's own number for it."""

    client_id: int
    phone: str
    first_name: str
    last_name: str


@dataclass(slots=True, frozen=True)
class Imported:
    found: list[tuple[int, int]]
    """(user id, client_id)"""
    retry: list[int]
    """client_ids that were not looked at: too many in one call."""


class Contacts:
    def __init__(
        self, store: Store, clock: Clock, users: Users, auth: Auth, privacy: Privacy, directory: Directory
    ) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._auth = auth
        self._privacy = privacy
        self._directory = directory
        self.elsewhere: Callable[[str], Awaitable[int]] | None = None
        """With several nodes: who has this number at another one and lets himself be found by it, 0 for nobody."""
        store.on_outbox(pl.ContactAdded, self._told)
        store.on_outbox(pl.ContactGone, self._gone)

    # -- reading ----------------------------------------------------------------------------------------------------

    def of(self, owner: int) -> list[tuple[int, r.Contact]]:
        """(user id, contact) by user id."""
        with self._store.read(slot_of(owner)) as reader:
            return [(user_id, contact) for (*_, user_id), contact in reader.range(CONTACTS, owner)]

    def get_or_none(self, owner: int, user_id: int) -> r.Contact | None:
        with self._store.read(slot_of(owner)) as reader:
            return reader.get(CONTACTS, owner, user_id)

    def between(self, viewer: int, user_id: int) -> tuple[r.Contact | None, bool]:
        """(the viewer's contact row for the user, whether the user has the viewer as contact): one slot, two reads."""
        with self._store.read(slot_of(viewer)) as reader:
            return reader.get(CONTACTS, viewer, user_id), reader.get(KNOWN_BY, viewer, user_id) is not None

    # -- changing ---------------------------------------------------------------------------------------------------

    async def import_(self, me: int, entries: list[Entry], origin: Origin = None) -> Imported:
        """Look the numbers up and keep who is found, if their privacy lets them be found by phone. FLOOD_WAIT_n."""
        now = int(self._clock.now())
        looked_at = entries[: limits.CONTACTS_PER_IMPORT]
        retry = [entry.client_id for entry in entries[limits.CONTACTS_PER_IMPORT :]]
        if not looked_at:
            return Imported([], retry)
        wait = await self._store.transact(
            slot_of(f"import:{me}"),
            lambda txn: count(
                txn, f"import:{me}", limits.IMPORTS_PER_DAY, limits.DAY, now, by=len(looked_at)
            ),
        )
        if wait:
            raise errors.FLOOD_WAIT(wait)
        found: list[tuple[int, int]] = []
        rows: dict[int, r.Contact] = {}
        for entry in looked_at:
            digits = digits_or_none(entry.phone)
            user_id = self._auth.user_by_digits_or_none(digits) if digits else None
            if digits and user_id is None and self.elsewhere is not None:
                user_id = await self.elsewhere(digits) or None
            if digits is None or user_id is None:
                continue
            if user_id != me and not self._privacy.allows(user_id, BY_PHONE, me):
                continue
            found.append((user_id, entry.client_id))
            if user_id != me:
                first, last = self._names(user_id, entry.first_name, entry.last_name)
                rows[user_id] = r.Contact(first_name=first, last_name=last, phone=digits, added=now)
        if rows:
            await self._store.transact(slot_of(me), lambda txn: self._put(txn, me, rows, now, origin))
        return Imported(found, retry)

    async def add(
        self,
        me: int,
        user_id: int,
        first_name: str,
        last_name: str,
        phone: str,
        note: bytes,
        origin: Origin = None,
    ) -> None:
        """Keep a user as contact. CONTACT_ID_INVALID, CONTACT_NAME_EMPTY, CONTACT_ADD_MISSING."""
        user = self._users.get(user_id)
        if user_id in (me, SERVICE_ID) or user.deleted:
            raise errors.CONTACT_ID_INVALID()
        if not (first_name + last_name).strip():
            raise errors.CONTACT_NAME_EMPTY()
        first, last = self._names(user_id, first_name, last_name)
        digits = digits_or_none(phone) or ""
        row = r.Contact(
            first_name=first,
            last_name=last,
            phone=digits if digits == user.phone else "",
            added=int(self._clock.now()),
            note=note,
        )
        await self._store.transact(
            slot_of(me), lambda txn: self._put(txn, me, {user_id: row}, row.added, origin)
        )

    async def set_note(self, me: int, user_id: int, note: bytes, origin: Origin = None) -> None:
        """A note for oneself at a contact. CONTACT_ID_INVALID when the user is none."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            old = txn.get(CONTACTS, me, user_id)
            if old is None:
                raise errors.CONTACT_ID_INVALID()
            txn.put(CONTACTS, me, user_id, value=replace(old, note=note))
            eventlog.append(txn, me, ev.ContactChanged(user_id=user_id), now=now, raises=0).origin = origin

        await self._store.transact(slot_of(me), work)

    async def set_close_friends(self, me: int, user_ids: Iterable[int], origin: Origin = None) -> None:
        """Make these contacts, and no others, the close friends; who is no contact is passed over."""
        wanted = set(user_ids)
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            for (*_, user_id), row in list(txn.range(CONTACTS, me)):
                if row.close is not (user_id in wanted):
                    txn.put(CONTACTS, me, user_id, value=replace(row, close=user_id in wanted))
                    event = ev.ContactChanged(user_id=user_id)
                    eventlog.append(txn, me, event, now=now, raises=0, origin=origin)
            txn.publish(RedrawForAll(me))

        await self._store.transact(slot_of(me), work)

    async def delete(self, me: int, user_ids: Iterable[int], origin: Origin = None) -> list[int]:
        """Take users out of the contacts; returns those that were in."""
        now = int(self._clock.now())
        wanted = list(dict.fromkeys(user_ids))

        def work(txn: Txn) -> list[int]:
            gone: list[int] = []
            for user_id in wanted:
                row = txn.get(CONTACTS, me, user_id)
                if row is None:
                    continue
                gone.append(user_id)
                release_photo(txn, row)
                txn.delete(CONTACTS, me, user_id)
                txn.outbox(slot_of(user_id), pl.ContactAdded(owner=me, user_id=user_id, present=False))
                eventlog.append(
                    txn, me, ev.ContactChanged(user_id=user_id), now=now, raises=0
                ).origin = origin
            return gone

        return await self._store.transact(slot_of(me), work)

    async def delete_by_phones(self, me: int, phones: list[str], origin: Origin = None) -> list[int]:
        wanted = {digits_or_none(phone) for phone in phones[: limits.CONTACTS_PER_IMPORT]} - {None}
        return await self.delete(me, [user_id for user_id, row in self.of(me) if row.phone in wanted], origin)

    def _put(self, txn: Txn, me: int, rows: dict[int, r.Contact], now: int, origin: Origin) -> None:
        room = limits.CONTACTS - txn.count(CONTACTS, me)
        for user_id, row in rows.items():
            old = txn.get(CONTACTS, me, user_id)
            if old is None:
                room -= 1
                if room < 0:
                    raise errors.CONTACTS_TOO_MUCH()
                mutual = txn.get(KNOWN_BY, me, user_id) is not None
                new = replace(row, mutual=mutual)
                txn.outbox(slot_of(user_id), pl.ContactAdded(owner=me, user_id=user_id, present=True))
            else:
                new = replace(
                    old,
                    first_name=row.first_name,
                    last_name=row.last_name,
                    phone=row.phone or old.phone,
                    note=row.note or old.note,
                )
                if new == old:
                    continue
            txn.put(CONTACTS, me, user_id, value=new)
            eventlog.append(txn, me, ev.ContactChanged(user_id=user_id), now=now, raises=0).origin = origin

    def _names(self, user_id: int, first_name: str, last_name: str) -> tuple[str, str]:
        """Names as given, cut to what is allowed; the user's own when none was given."""
        first, last = " ".join(first_name.split()), " ".join(last_name.split())
        if not first and not last:
            user = self._users.get(user_id)
            first, last = user.first_name, user.last_name
        return first[: limits.NAME_CHARS], last[: limits.NAME_CHARS]

    def _told(self, txn: Txn, added: pl.ContactAdded, memo: Any) -> None:
        """In the slot of the one who was added or removed."""
        me, other = added.user_id, added.owner
        if added.present:
            txn.put(KNOWN_BY, me, other, value=b"")
        else:
            txn.delete(KNOWN_BY, me, other)
        own = txn.get(CONTACTS, me, other)
        if own is not None and own.mutual is not added.present:
            txn.put(CONTACTS, me, other, value=replace(own, mutual=added.present))
            now = int(self._clock.now())
            eventlog.append(txn, me, ev.ContactChanged(user_id=other), now=now, raises=0)
        else:
            txn.publish(Redraw(viewer=me, user_id=other))

    def _gone(self, txn: Txn, gone: pl.ContactGone, memo: Any) -> None:
        """In the slot of one whose contact deleted the account."""
        txn.delete(KNOWN_BY, gone.owner, gone.user_id)
        row = txn.get(CONTACTS, gone.owner, gone.user_id)
        if row is not None:
            release_photo(txn, row)
            txn.delete(CONTACTS, gone.owner, gone.user_id)
            now = int(self._clock.now())
            eventlog.append(txn, gone.owner, ev.ContactChanged(user_id=gone.user_id), now=now, raises=0)

    # -- blocking ---------------------------------------------------------------------------------------------------

    def blocked(self, owner: int) -> list[tuple[int, int]]:
        """(peer, when), the newest first."""
        with self._store.read(slot_of(owner)) as reader:
            rows = [(peer, row.date) for (*_, peer), row in reader.range(BLOCKED, owner)]
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    async def block(self, me: int, peer: int, blocked: bool, origin: Origin = None) -> bool:
        """Block or unblock; False when it was so already. CONTACT_ID_INVALID for oneself and the service user."""
        if peer in (me, SERVICE_ID):
            raise errors.CONTACT_ID_INVALID()
        now = int(self._clock.now())
        return await self._store.transact(
            slot_of(me), lambda txn: _block(txn, me, peer, blocked, now, origin)
        )

    async def set_blocked(self, me: int, peers: list[int], origin: Origin = None) -> None:
        """Make this the whole block list."""
        wanted = {peer for peer in peers if peer not in (me, SERVICE_ID)}
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            current = {peer for (*_, peer), _ in txn.range(BLOCKED, me)}
            for peer in current - wanted:
                _block(txn, me, peer, False, now, origin)
            for peer in wanted - current:
                _block(txn, me, peer, True, now, origin)

        await self._store.transact(slot_of(me), work)

    # -- finding ----------------------------------------------------------------------------------------------------

    async def resolve_phone(self, me: int, phone: str) -> int:
        """The user of a number, if he lets himself be found by it. PHONE_NOT_OCCUPIED, FLOOD_WAIT_n."""
        digits = digits_or_none(phone)
        if digits is None:
            raise errors.PHONE_NOT_OCCUPIED()
        now = int(self._clock.now())
        name = f"resolve:{me}"
        wait = await self._store.transact(
            slot_of(name), lambda txn: count(txn, name, LOOKUPS_PER_DAY, limits.DAY, now)
        )
        if wait:
            raise errors.FLOOD_WAIT(wait)
        user_id = self._auth.user_by_digits_or_none(digits)
        if user_id is None or not (user_id == me or self._privacy.allows(user_id, BY_PHONE, me)):
            raise errors.PHONE_NOT_OCCUPIED()
        return user_id

    async def search(self, me: int, query: str, limit: int) -> tuple[list[int], list[int]]:
        """(contacts that fit, strangers whose username begins so). SEARCH_QUERY_EMPTY, QUERY_TOO_SHORT."""
        text = " ".join(query.strip().removeprefix("@").lower().split())
        if not text:
            raise errors.SEARCH_QUERY_EMPTY()
        mine: list[int] = []
        for user_id, row in self.of(me):
            user = self._users.get_or_none(user_id)
            if user is None or user.deleted:
                continue
            words = f"{row.first_name} {row.last_name} {user.first_name} {user.last_name}".lower()
            if f" {text}" in f" {words}" or user.username.lower().startswith(text):
                mine.append(user_id)
            if len(mine) >= limit:
                break
        if len(text) < SEARCH_CHARS_MIN:
            return mine, []
        known = {*mine, me}
        strangers = await self._directory.find(text, limit + len(known))
        return mine, [user_id for user_id in strangers if user_id not in known][:limit]


def release_photo(txn: Txn, contact: r.Contact) -> None:
    """The row goes, or gets another photo: the one it has is held no longer."""
    if contact.photo is not None:
        drop(txn, (contact.photo.id,))


def _block(txn: Txn, me: int, peer: int, blocked: bool, now: int, origin: Origin) -> bool:
    if (txn.get(BLOCKED, me, peer) is not None) is blocked:
        return False
    if blocked:
        txn.put(BLOCKED, me, peer, value=r.Blocked(date=now))
    else:
        txn.delete(BLOCKED, me, peer)
    eventlog.append(txn, me, ev.PeerBlocked(peer=peer, blocked=blocked), now=now, raises=0).origin = origin
    return True
