"""Links into groups: made and ended by admins, used by whoever has one; requests to join where a link asks for leave.

Every admin has one primary link without limits, and others with them. A link that has ended (revoked, expired, used
up) says the same whatever the reason. Who was removed cannot come back by a link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.groups import rights
from tgserve.services.groups.delivery import Acting
from tgserve.services.groups.life import Action, Done, Groups, announce, inform, join
from tgserve.services.groups.links import chat_of, make_hash
from tgserve.services.groups.roster import Roster, load, opened, save
from tgserve.services.messaging import Origin
from tgserve.store import group_records as g
from tgserve.store import records as r
from tgserve.store.keyspaces import IMPORTERS, INVITES
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn


@dataclass(slots=True, frozen=True)
class Link:
    """An invite with its hash."""

    hash: str
    invite: g.Invite


@dataclass(slots=True, frozen=True)
class Terms:
    """What a link is made or changed to; None = as it is."""

    title: str | None = None
    expires: int | None = None
    usage_limit: int | None = None
    approval: bool | None = None


@dataclass(slots=True, frozen=True)
class Arrival:
    """One who came or asks to come by a link."""

    user: int
    importer: g.Importer


class Invites:
    def __init__(self, store: Store, clock: Clock, ids: Ids, groups: Groups) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._groups = groups
        self._rosters = groups.rosters

    # -- admins -----------------------------------------------------------

    async def make(self, me: int, chat: int, terms: Terms, *, primary: bool = False) -> Link:
        """A new link; `primary`: in place of one's primary link, which ends. CHAT_ADMIN_REQUIRED, INVITES_TOO_MUCH,
        EXPIRE_DATE_INVALID, USAGE_LIMIT_INVALID."""
        now = int(self._clock.now())
        invite = with_terms(g.Invite(me, now), terms, now)
        hash_ = make_hash(chat, self._ids)

        def work(txn: Txn) -> Link:
            _admin(opened(txn, chat, me), me)
            return add_link(txn, chat, me, hash_, invite, now, primary=primary)

        return await self._store.transact(slot_of(chat), work)

    async def edit(
        self, me: int, chat: int, hash_: str, terms: Terms, *, revoke: bool = False
    ) -> tuple[Link, Link | None]:
        """Change or end a link; the second link is the new primary one when that was ended. INVITE_HASH_EXPIRED for
        one that has ended, CHAT_INVITE_PERMANENT, CHAT_ADMIN_REQUIRED and as `make`."""
        now = int(self._clock.now())
        fresh = make_hash(chat, self._ids)

        def work(txn: Txn) -> tuple[Link, Link | None]:
            roster = opened(txn, chat, me)
            invite = _owned(txn, roster, me, hash_)
            if invite.revoked:
                raise errors.INVITE_HASH_EXPIRED()
            if revoke:
                changed = replace(invite, revoked=True, permanent=False)
                txn.put(INVITES, chat, hash_, value=changed)
                if not invite.permanent:
                    return Link(hash_, changed), None
                successor = g.Invite(invite.admin, now, permanent=True)
                txn.put(INVITES, chat, fresh, value=successor)
                return Link(hash_, changed), Link(fresh, successor)
            if invite.permanent:
                raise errors.CHAT_INVITE_PERMANENT()
            changed = replace(with_terms(invite, terms, now), edited=now)
            txn.put(INVITES, chat, hash_, value=changed)
            return Link(hash_, changed), None

        return await self._store.transact(slot_of(chat), work)

    async def delete(self, me: int, chat: int, hash_: str) -> None:
        """Forget a link that was revoked. INVITE_REVOKED_MISSING, CHAT_ADMIN_REQUIRED."""

        def work(txn: Txn) -> None:
            if not _owned(txn, opened(txn, chat, me), me, hash_).revoked:
                raise errors.INVITE_REVOKED_MISSING()
            txn.delete(INVITES, chat, hash_)

        await self._store.transact(slot_of(chat), work)

    async def delete_revoked(self, me: int, chat: int, admin: int) -> None:
        """Forget all links of an admin that were revoked; others' only as creator."""

        def work(txn: Txn) -> None:
            roster = opened(txn, chat, me)
            _overseer(roster, me, admin)
            for one in of_admin(txn, chat, admin):
                if one.invite.revoked:
                    txn.delete(INVITES, chat, one.hash)

        await self._store.transact(slot_of(chat), work)

    def link(self, me: int, chat: int, hash_: str) -> Link:
        """One link. CHAT_ADMIN_REQUIRED, INVITE_HASH_EXPIRED where there is none (any more)."""
        roster = self._rosters.of_member(me, chat)
        with self._store.read(slot_of(chat)) as reader:
            return Link(hash_, _owned(reader, roster, me, hash_))

    def primary_or_none(self, me: int, chat: int) -> Link | None:
        """The primary link of an admin; None when he has none, or is none."""
        roster = self._rosters.of_member(me, chat)
        if not rights.is_admin(roster, me):
            return None
        with self._store.read(slot_of(chat)) as reader:
            return primary_of(reader, chat, me)

    def links(self, me: int, chat: int, admin: int, *, revoked: bool) -> list[Link]:
        """An admin's links, newest first, the primary one on top."""
        _overseer(self._rosters.of_member(me, chat), me, admin)
        with self._store.read(slot_of(chat)) as reader:
            return links_of(reader, chat, admin, revoked=revoked)

    def admins(self, me: int, chat: int) -> list[tuple[int, int, int]]:
        """(admin, links, ended links), the creator's to know."""
        roster = self._rosters.of_member(me, chat)
        if roster.group.creator != me:
            raise errors.CHAT_ADMIN_REQUIRED()
        with self._store.read(slot_of(chat)) as reader:
            return counts_of(reader, chat)

    def arrivals(self, me: int, chat: int, hash_: str, *, requested: bool) -> list[Arrival]:
        """Who came by a link (any with ""), or waits for leave to; newest first. CHAT_ADMIN_REQUIRED."""
        _admin(self._rosters.of_member(me, chat), me)
        with self._store.read(slot_of(chat)) as reader:
            return arrivals_of(reader, chat, hash_, requested=requested)

    async def answer(
        self, me: int, chat: int, user: int, approve: bool, action: Action, *, origin: Origin = None
    ) -> Roster:
        """Let somebody in who has asked, or not. HIDE_REQUESTER_MISSING, CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Roster:
            was = opened(txn, chat, me)
            _admin(was, me)
            importer = txn.get(IMPORTERS, chat, user)
            if importer is None or not importer.requested:
                raise errors.HIDE_REQUESTER_MISSING()
            if not approve:
                txn.delete(IMPORTERS, chat, user)
                count_request(txn, chat, importer.hash, -1)
                made = save(txn, was, replace(was.group, pending=max(was.group.pending - 1, 0)), {})
            else:
                made = join(txn, was, user, me, now)
                count_use(txn, chat, importer.hash)
                came = g.Importer(importer.hash, now, approved_by=me)
                txn.put(IMPORTERS, chat, user, value=came)
                announce(txn, made, user, made.others(user), action, now, None, new=(user,))
            inform(txn, made, _admins(made), "requests", now, me, origin)
            return made

        return await self._store.transact(slot_of(chat), work)

    # -- whoever has a link -----------------------------------------------------------

    def look(self, me: int, hash_: str) -> tuple[Roster, g.Invite]:
        """What a link leads to; a member may look at one that has ended. INVITE_HASH_EMPTY, INVITE_HASH_INVALID,
        INVITE_HASH_EXPIRED."""
        chat = chat_of(hash_)
        roster = self._rosters.get_or_none(chat)
        with self._store.read(slot_of(chat)) as reader:
            invite = reader.get(INVITES, chat, hash_)
        if roster is None or invite is None:
            raise errors.INVITE_HASH_INVALID()
        if not roster.has(me):
            _check_alive(roster)
            check_usable(invite, int(self._clock.now()))
        return roster, invite

    async def use(self, me: int, hash_: str, action: Action, *, origin: Origin = None) -> Done:
        """Join by a link. USER_ALREADY_PARTICIPANT, USERS_TOO_MUCH, INVITE_REQUEST_SENT and as `look`."""
        chat = chat_of(hash_)
        now = int(self._clock.now())
        _, invite = self.look(me, hash_)
        if invite.approval:
            await self._store.transact(slot_of(chat), lambda txn: _ask(txn, chat, me, hash_, now))
            raise errors.INVITE_REQUEST_SENT()

        def work(txn: Txn, acting: Acting) -> Roster:
            was, invite = _entered(txn, chat, me, hash_, now)
            made = join(txn, was, me, invite.admin, now)
            count_use(txn, chat, hash_)
            txn.put(IMPORTERS, chat, me, value=g.Importer(hash_, now))
            announce(txn, made, me, made.others(me), action, now, acting, new=(me,))
            return made

        return await self._groups.act(chat, work, origin)


def _entered(txn: Txn, chat: int, me: int, hash_: str, now: int) -> tuple[Roster, g.Invite]:
    was, invite = load(txn, chat), txn.get(INVITES, chat, hash_)
    if was is None or invite is None:
        raise errors.INVITE_HASH_INVALID()
    if was.has(me):
        raise errors.USER_ALREADY_PARTICIPANT()
    _check_alive(was)
    check_usable(invite, now)
    member = was.members.get(me)
    if member is not None and member.gone == r.MEMBER_KICKED:
        raise errors.INVITE_HASH_EXPIRED()
    return was, invite


def _ask(txn: Txn, chat: int, me: int, hash_: str, now: int) -> None:
    """Leave a request; twice is once."""
    was, _ = _entered(txn, chat, me, hash_, now)
    before = txn.get(IMPORTERS, chat, me)
    if before is not None and before.requested:
        return
    txn.put(IMPORTERS, chat, me, value=g.Importer(hash_, now, requested=True))
    count_request(txn, chat, hash_, 1)
    made = save(txn, was, replace(was.group, pending=was.group.pending + 1), {})
    inform(txn, made, _admins(made), "requests", now)


def _check_alive(roster: Roster) -> None:
    """A group that is over, or has become a supergroup, lets nobody in any more."""
    if roster.group.deleted or roster.group.migrated_to:
        raise errors.INVITE_HASH_EXPIRED()


def check_usable(invite: g.Invite, now: int) -> None:
    if (
        invite.revoked
        or 0 < invite.expires <= now
        or (0 < invite.usage_limit <= invite.usage and not invite.approval)
    ):
        raise errors.INVITE_HASH_EXPIRED()


def count_use(txn: Txn, chat: int, hash_: str) -> None:
    invite = txn.get(INVITES, chat, hash_)
    if invite is not None:
        txn.put(INVITES, chat, hash_, value=replace(invite, usage=invite.usage + 1))


def count_request(txn: Txn, chat: int, hash_: str, change: int) -> None:
    invite = txn.get(INVITES, chat, hash_)
    if invite is not None:
        requested = max(invite.requested + change, 0)
        txn.put(INVITES, chat, hash_, value=replace(invite, requested=requested))


def add_link(txn: Txn, chat: int, me: int, hash_: str, invite: g.Invite, now: int, *, primary: bool) -> Link:
    """Store a new link of `me`; `primary`: one without terms, in place of his primary link. INVITES_TOO_MUCH."""
    mine = of_admin(txn, chat, me)
    if len(mine) >= limits.INVITES_PER_GROUP:
        raise errors.INVITES_TOO_MUCH()
    if primary:
        for one in mine:
            if one.invite.permanent and not one.invite.revoked:
                txn.put(INVITES, chat, one.hash, value=replace(one.invite, revoked=True, permanent=False))
        invite = g.Invite(me, now, permanent=True)
    txn.put(INVITES, chat, hash_, value=invite)
    return Link(hash_, invite)


def primary_of(reader: Reader, chat: int, admin: int) -> Link | None:
    for one in of_admin(reader, chat, admin):
        if one.invite.permanent and not one.invite.revoked:
            return one
    return None


def links_of(reader: Reader, chat: int, admin: int, *, revoked: bool) -> list[Link]:
    """An admin's links, newest first, the primary one on top."""
    found = [one for one in of_admin(reader, chat, admin) if one.invite.revoked == revoked]
    found.sort(key=lambda one: (one.invite.permanent, one.invite.date, one.hash), reverse=True)
    return found


def counts_of(reader: Reader, chat: int) -> list[tuple[int, int, int]]:
    """(admin, links, ended links) of everybody who has made some."""
    counts: dict[int, list[int]] = {}
    for _, invite in reader.range(INVITES, chat):
        counts.setdefault(invite.admin, [0, 0])[invite.revoked] += 1
    return [(admin, live, ended) for admin, (live, ended) in counts.items()]


def arrivals_of(reader: Reader, chat: int, hash_: str, *, requested: bool) -> list[Arrival]:
    """Who came by a link (any with ""), or waits for leave to; newest first."""
    found = [
        Arrival(key[1], one)
        for key, one in reader.range(IMPORTERS, chat)
        if one.requested == requested and (not hash_ or one.hash == hash_)
    ]
    found.sort(key=lambda one: (one.importer.date, one.user), reverse=True)
    return found


def of_admin(reader: Reader, chat: int, admin: int) -> list[Link]:
    return [Link(key[1], one) for key, one in reader.range(INVITES, chat) if one.admin == admin]


def _owned(reader: Reader, roster: Roster, me: int, hash_: str) -> g.Invite:
    """A link that `me` may deal with: his own, or any as creator."""
    _admin(roster, me)
    invite = reader.get(INVITES, roster.chat, hash_)
    if invite is None:
        raise errors.INVITE_HASH_EXPIRED()
    _overseer(roster, me, invite.admin)
    return invite


def _admin(roster: Roster, me: int) -> None:
    if not rights.is_admin(roster, me):
        raise errors.CHAT_ADMIN_REQUIRED()


def _overseer(roster: Roster, me: int, admin: int) -> None:
    _admin(roster, me)
    if me not in (admin, roster.group.creator):
        raise errors.CHAT_ADMIN_REQUIRED()


def _admins(roster: Roster) -> Sequence[int]:
    return [user for user in roster.here if rights.is_admin(roster, user)]


def with_terms(invite: g.Invite, terms: Terms, now: int) -> g.Invite:
    """An invite under new terms. EXPIRE_DATE_INVALID, USAGE_LIMIT_INVALID."""
    title = invite.title if terms.title is None else terms.title.strip()[:32]
    expires = invite.expires if terms.expires is None else terms.expires
    limit = invite.usage_limit if terms.usage_limit is None else terms.usage_limit
    approval = invite.approval if terms.approval is None else terms.approval
    if expires < 0 or 0 < expires <= now:
        raise errors.EXPIRE_DATE_INVALID()
    if not 0 <= limit <= limits.INVITE_USES or (approval and limit):
        raise errors.USAGE_LIMIT_INVALID()
    return replace(invite, title=title, expires=expires, usage_limit=limit, approval=approval)
