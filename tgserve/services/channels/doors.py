"""Links into channels, and requests to join: made and ended by admins who may invite, used by whoever has one.

Rows and rules are those of links into groups (services/groups/invites.py); here they open a channel. A link that has
ended says the same whatever the reason. Who was removed cannot come back by a link.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.channels import journal, rights
from tgserve.services.channels.life import Done, Life, admitted, announce, come_in
from tgserve.services.channels.posting import personal
from tgserve.services.channels.register import Register, opened, save
from tgserve.services.channels.seats import seat_of, tell_inviters
from tgserve.services.groups.invites import (
    Arrival,
    Link,
    Terms,
    add_link,
    arrivals_of,
    check_usable,
    count_request,
    count_use,
    counts_of,
    links_of,
    of_admin,
    primary_of,
    with_terms,
)
from tgserve.services.groups.life import Action
from tgserve.services.groups.links import chat_of, make_hash
from tgserve.services.messaging import Origin
from tgserve.store import channel_records as c
from tgserve.store import group_records as g
from tgserve.store.keyspaces import IMPORTERS, INVITES, PARTICIPANTS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn


class Doors:
    def __init__(self, store: Store, clock: Clock, ids: Ids, life: Life, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._life = life
        self._register = register

    # -- admins -----------------------------------------------------------

    async def make(self, me: int, channel: int, terms: Terms, *, primary: bool = False) -> Link:
        """A new link; `primary`: in place of one's primary link, which ends. CHAT_ADMIN_REQUIRED, INVITES_TOO_MUCH,
        EXPIRE_DATE_INVALID, USAGE_LIMIT_INVALID, CHANNEL_PRIVATE."""
        now = int(self._clock.now())
        invite = with_terms(g.Invite(me, now), terms, now)
        hash_ = make_hash(channel, self._ids)

        def work(txn: Txn) -> Link:
            record, seat = admitted(txn, channel, me, now)
            _inviter(record, seat, me)
            return add_link(txn, channel, me, hash_, invite, now, primary=primary)

        return await self._store.transact(slot_of(channel), work)

    async def edit(
        self, me: int, channel: int, hash_: str, terms: Terms, *, revoke: bool = False
    ) -> tuple[Link, Link | None]:
        """Change or end a link; the second link is the new primary one when that was ended. INVITE_HASH_EXPIRED for
        one that has ended, CHAT_INVITE_PERMANENT, and as `make`."""
        now = int(self._clock.now())
        fresh = make_hash(channel, self._ids)

        def work(txn: Txn) -> tuple[Link, Link | None]:
            record, seat = admitted(txn, channel, me, now)
            invite = _owned(txn, channel, record, seat, me, hash_)
            if invite.revoked:
                raise errors.INVITE_HASH_EXPIRED()
            line = c.LogEntry(now, me, journal.INVITE_EDIT, hash=hash_, invite_before=invite)
            if revoke:
                changed = replace(invite, revoked=True, permanent=False)
                txn.put(INVITES, channel, hash_, value=changed)
                journal.note(txn, channel, replace(line, kind=journal.INVITE_REVOKE, invite_after=changed))
                if not invite.permanent:
                    return Link(hash_, changed), None
                successor = g.Invite(invite.admin, now, permanent=True)
                txn.put(INVITES, channel, fresh, value=successor)
                return Link(hash_, changed), Link(fresh, successor)
            if invite.permanent:
                raise errors.CHAT_INVITE_PERMANENT()
            changed = replace(with_terms(invite, terms, now), edited=now)
            txn.put(INVITES, channel, hash_, value=changed)
            journal.note(txn, channel, replace(line, invite_after=changed))
            return Link(hash_, changed), None

        return await self._store.transact(slot_of(channel), work)

    async def delete(self, me: int, channel: int, hash_: str) -> None:
        """Forget a link that was revoked. INVITE_REVOKED_MISSING, CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            record, seat = admitted(txn, channel, me, now)
            invite = _owned(txn, channel, record, seat, me, hash_)
            if not invite.revoked:
                raise errors.INVITE_REVOKED_MISSING()
            txn.delete(INVITES, channel, hash_)
            line = c.LogEntry(now, me, journal.INVITE_DELETE, hash=hash_, invite_before=invite)
            journal.note(txn, channel, line)

        await self._store.transact(slot_of(channel), work)

    async def set_approval(self, me: int, channel: int, approval: bool) -> None:
        """Who comes by any of the links there are asks first, or does not. A link that lets people ask has no limit of
        uses. CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            record, seat = admitted(txn, channel, me, now)
            if not rights.has(record, me, seat, rights.BAN):
                raise errors.CHAT_ADMIN_REQUIRED()
            for (_, hash_), invite in list(txn.range(INVITES, channel)):
                if invite.revoked or invite.approval == approval:
                    continue
                limit = 0 if approval else invite.usage_limit
                txn.put(INVITES, channel, hash_, value=replace(invite, approval=approval, usage_limit=limit))

        await self._store.transact(slot_of(channel), work)

    async def delete_revoked(self, me: int, channel: int, admin: int) -> None:
        """Forget all links of an admin that were revoked; others' only as creator."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            record, seat = admitted(txn, channel, me, now)
            _overseer(record, seat, me, admin)
            for one in of_admin(txn, channel, admin):
                if one.invite.revoked:
                    txn.delete(INVITES, channel, one.hash)
                    line = c.LogEntry(now, me, journal.INVITE_DELETE, hash=one.hash, invite_before=one.invite)
                    journal.note(txn, channel, line)

        await self._store.transact(slot_of(channel), work)

    def link(self, me: int, channel: int, hash_: str) -> Link:
        """One link. CHAT_ADMIN_REQUIRED, INVITE_HASH_EXPIRED where there is none (any more)."""
        record, seat = self._register.seat(me, channel)
        with self._store.read(slot_of(channel)) as reader:
            return Link(hash_, _owned(reader, channel, record, seat, me, hash_))

    def primary_or_none(self, me: int, channel: int) -> Link | None:
        """The primary link of one who may invite; None when he has none, or may not."""
        record = self._register.get_or_none(channel)
        seat = self._register.participant(channel, me)
        if record is None or not rights.has(record, me, seat, rights.INVITE):
            return None
        with self._store.read(slot_of(channel)) as reader:
            return primary_of(reader, channel, me)

    def links(self, me: int, channel: int, admin: int, *, revoked: bool) -> list[Link]:
        """An admin's links, newest first, the primary one on top."""
        record, seat = self._register.seat(me, channel)
        _overseer(record, seat, me, admin)
        with self._store.read(slot_of(channel)) as reader:
            return links_of(reader, channel, admin, revoked=revoked)

    def admins(self, me: int, channel: int) -> list[tuple[int, int, int]]:
        """(admin, links, ended links), the creator's to know."""
        record, _ = self._register.seat(me, channel)
        if record.creator != me:
            raise errors.CHAT_ADMIN_REQUIRED()
        with self._store.read(slot_of(channel)) as reader:
            return counts_of(reader, channel)

    def arrivals(self, me: int, channel: int, hash_: str, *, requested: bool) -> list[Arrival]:
        """Who came by a link (any with ""), or waits for leave to; newest first. CHAT_ADMIN_REQUIRED,
        INVITE_HASH_EXPIRED."""
        self.check_inviter(me, channel)
        with self._store.read(slot_of(channel)) as reader:
            if hash_ and reader.get(INVITES, channel, hash_) is None:
                raise errors.INVITE_HASH_EXPIRED()
        return self.waiting(channel, hash_, requested=requested)

    def waiting(self, channel: int, hash_: str = "", *, requested: bool = True) -> list[Arrival]:
        """As `arrivals`, for whoever has been let through already."""
        with self._store.read(slot_of(channel)) as reader:
            return arrivals_of(reader, channel, hash_, requested=requested)

    def check_inviter(self, me: int, channel: int) -> None:
        """CHAT_ADMIN_REQUIRED for who may not let people in. CHANNEL_PRIVATE."""
        record, seat = self._register.seat(me, channel)
        _inviter(record, seat, me)

    async def answer(
        self,
        me: int,
        channel: int,
        users: Sequence[int],
        approve: bool,
        action: Action,
        *,
        origin: Origin = None,
    ) -> Done:
        """Let those in who have asked, or not. HIDE_REQUESTER_MISSING, CHAT_ADMIN_REQUIRED, USERS_TOO_MUCH."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Done:
            record, seat = admitted(txn, channel, me, now)
            _inviter(record, seat, me)
            for user in users:
                importer = txn.get(IMPORTERS, channel, user)
                was = seat_of(txn, channel, user, now)
                kicked = was is not None and was.state == c.KICKED
                if importer is None or not importer.requested or kicked or rights.is_member(was):
                    raise errors.HIDE_REQUESTER_MISSING()
                count_request(txn, channel, importer.hash, -1)
                record = replace(record, pending=max(record.pending - 1, 0))
                if not approve:
                    txn.delete(IMPORTERS, channel, user)
                    continue
                count_use(txn, channel, importer.hash)
                came = g.Importer(importer.hash, now, approved_by=me)
                txn.put(IMPORTERS, channel, user, value=came)
                record = come_in(txn, channel, record, user, me, now)
                seat_now = txn.get(PARTICIPANTS, channel, user)
                if seat_now is not None:
                    txn.put(PARTICIPANTS, channel, user, value=replace(seat_now, via_request=True))
                line = c.LogEntry(now, user, journal.JOIN_BY_REQUEST, me, hash=importer.hash)
                invite = txn.get(INVITES, channel, importer.hash)
                journal.note(txn, channel, replace(line, invite_after=invite))
            made = save(txn, channel, record)
            tell_inviters(txn, channel, made, now, origin, me)
            sent = None
            if approve and made.megagroup:
                for user in users:
                    sent = announce(txn, channel, made, user, action, now, origin)
                    if sent.view is not None:
                        sent = replace(sent, view=personal(sent.view, me))
            return Done(channel, made, sent)

        return await self._store.transact(slot_of(channel), work)

    # -- whoever has a link -----------------------------------------------------------

    def look(self, me: int, hash_: str) -> tuple[int, c.Channel, g.Invite]:
        """What a link leads to; a member may look at one that has ended. INVITE_HASH_EMPTY, INVITE_HASH_INVALID,
        INVITE_HASH_EXPIRED."""
        channel = chat_of(hash_)
        record = self._register.get_or_none(channel)
        with self._store.read(slot_of(channel)) as reader:
            invite = reader.get(INVITES, channel, hash_)
        if record is None or record.deleted or invite is None:
            raise errors.INVITE_HASH_INVALID()
        seat = self._register.participant(channel, me)
        if not rights.is_member(seat):
            if seat is not None and seat.state == c.KICKED:
                raise errors.INVITE_HASH_EXPIRED()
            check_usable(invite, int(self._clock.now()))
        return channel, record, invite

    async def use(self, me: int, hash_: str, action: Action, *, origin: Origin = None) -> Done:
        """Join by a link. USER_ALREADY_PARTICIPANT, USERS_TOO_MUCH, CHANNELS_TOO_MUCH, INVITE_REQUEST_SENT and as
        `look`."""
        channel, _, invite = self.look(me, hash_)
        now = int(self._clock.now())
        if invite.approval:
            await self.ask(me, channel, hash_)
            raise errors.INVITE_REQUEST_SENT()

        def enter(txn: Txn, record: c.Channel, was: c.Participant | None) -> int:
            current = _entered(txn, channel, was, hash_, now)
            count_use(txn, channel, hash_)
            txn.put(IMPORTERS, channel, me, value=g.Importer(hash_, now))
            line = c.LogEntry(now, me, journal.JOIN_BY_INVITE, hash=hash_, invite_after=current)
            journal.note(txn, channel, line)
            return current.admin

        return await self._life.enter(me, channel, enter, action, origin=origin)

    async def ask(self, me: int, channel: int, hash_: str = "") -> None:
        """Leave a request, by a link or (with "") at the door of a public channel; twice is once."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            record = opened(txn, channel)
            was = seat_of(txn, channel, me, now)
            if hash_:
                _entered(txn, channel, was, hash_, now)
            elif rights.is_member(was):
                raise errors.USER_ALREADY_PARTICIPANT()
            before = txn.get(IMPORTERS, channel, me)
            if before is not None and before.requested:
                return
            txn.put(IMPORTERS, channel, me, value=g.Importer(hash_, now, requested=True))
            count_request(txn, channel, hash_, 1)
            made = save(txn, channel, replace(record, pending=record.pending + 1))
            tell_inviters(txn, channel, made, now)

        await self._store.transact(slot_of(channel), work)


def _entered(txn: Txn, channel: int, was: c.Participant | None, hash_: str, now: int) -> g.Invite:
    invite = txn.get(INVITES, channel, hash_)
    if invite is None:
        raise errors.INVITE_HASH_INVALID()
    if rights.is_member(was):
        raise errors.USER_ALREADY_PARTICIPANT()
    check_usable(invite, now)
    if was is not None and was.state == c.KICKED:
        raise errors.INVITE_HASH_EXPIRED()
    return invite


def _inviter(record: c.Channel, seat: c.Participant | None, me: int) -> None:
    if not rights.has(record, me, seat, rights.INVITE):
        raise errors.CHAT_ADMIN_REQUIRED()


def _overseer(record: c.Channel, seat: c.Participant | None, me: int, admin: int) -> None:
    _inviter(record, seat, me)
    if me not in (admin, record.creator):
        raise errors.CHAT_ADMIN_REQUIRED()


def _owned(
    reader: Reader, channel: int, record: c.Channel, seat: c.Participant | None, me: int, hash_: str
) -> g.Invite:
    """A link that `me` may deal with: his own, or any as creator."""
    _inviter(record, seat, me)
    invite = reader.get(INVITES, channel, hash_)
    if invite is None:
        raise errors.INVITE_HASH_EXPIRED()
    _overseer(record, seat, me, invite.admin)
    return invite
