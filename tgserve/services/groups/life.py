"""What is done to groups: made, joined, left, renamed, given rights, deleted.

Each is one commit of the group's slot, which checks who may, and then a service message (delivery.py). SECURITY 6.3:
rights are checked in the transaction that uses them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.files.holding import drop, hold
from tgserve.services.groups import delivery, rights
from tgserve.services.groups.delivery import Acting
from tgserve.services.groups.links import make_hash
from tgserve.services.groups.roster import Roster, Rosters, load, opened, save
from tgserve.services.groups.spreading import deliver_all
from tgserve.services.messaging import Origin, Sent
from tgserve.store import group_records as g
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import GROUPS, IMPORTERS, INVITES
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

GROUP_ID_RANGE = 2**33
FIRST_GROUP_ID = 1_000_001
TRIES = 8
"""Free ids are found at the first try but once in a community's life."""


@dataclass(slots=True, frozen=True)
class Action:
    """A service message's TL MessageAction, the users it names, and the photos in it (as Body.files)."""

    data: bytes
    layer: int
    min_layer: int
    users: tuple[int, ...] = ()
    files: tuple[tuple[int, int, int], ...] = ()


@dataclass(slots=True, frozen=True)
class Done:
    """The group after a change, and the service message in the box of who made it."""

    roster: Roster
    sent: Sent


class Groups:
    """Changes of groups. `rosters` is who is in them."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, rosters: Rosters) -> None:
        self.rosters = rosters
        self._store = store
        self._clock = clock
        self._ids = ids
        store.on_outbox(pl.DeliverAll, deliver_all)
        store.on_outbox(pl.ChatAct, delivery.act)
        store.on_outbox(pl.HoldBodies, delivery.hold)
        store.on_outbox(pl.Bring, delivery.bring)
        store.on_outbox(pl.TellChatChanged, delivery.tell)
        store.on_outbox(pl.ChatDeleted, delivery.forget)

    async def create(
        self,
        me: int,
        title: str,
        others: Sequence[int],
        action: Action,
        *,
        ttl_period: int = 0,
        origin: Origin = None,
    ) -> Done:
        """A new group of `me` and `others`, with its primary link, whose messages live for so many seconds (0 = for
        ever). CHAT_TITLE_EMPTY, USERS_TOO_MUCH, TTL_PERIOD_INVALID."""
        title = title_of(title)
        _require_period(ttl_period)
        if len(others) >= limits.GROUP_MEMBERS:
            raise errors.USERS_TOO_MUCH()
        now = int(self._clock.now())
        for _ in range(TRIES):
            chat = -self._ids.base - FIRST_GROUP_ID - self._ids.below(GROUP_ID_RANGE)
            hash_ = make_hash(chat, self._ids)
            group = g.Group(title, me, now, ttl_period=ttl_period)
            try:
                return await self.act(chat, _creation(chat, group, others, hash_, action), origin)
            except Taken:
                continue
        raise errors.INTERNAL()

    async def add(
        self, me: int, chat: int, user: int, forward: int, action: Action, *, origin: Origin = None
    ) -> Done:
        """Bring somebody in, or oneself back. CHAT_ADMIN_REQUIRED, USER_ALREADY_PARTICIPANT, USERS_TOO_MUCH,
        CHAT_FORBIDDEN, CHAT_ID_INVALID."""
        now = int(self._clock.now())

        def work(txn: Txn, acting: Acting) -> Roster:
            was = _returning(txn, chat, me) if user == me else opened(txn, chat, me)
            if was.has(user):
                raise errors.USER_ALREADY_PARTICIPANT()
            if user != me and not rights.may(was, me, rights.INVITE):
                raise errors.CHAT_ADMIN_REQUIRED()
            made = join(txn, was, user, me, now)
            to = tuple(one for one in made.here if one != me)
            old = 0 if user == me else max(0, min(forward, limits.GROUP_FORWARD))
            announce(txn, made, me, to, action, now, acting, new=(user,), forward=old)
            return made

        return await self.act(chat, work, origin)

    async def come(self, me: int, chat: int, inviter: int, action: Action, *, origin: Origin = None) -> Done:
        """Join by something that `inviter`, a member who may invite, has given away. CHAT_FORBIDDEN for who was
        removed, CHAT_ID_INVALID, USER_ALREADY_PARTICIPANT, USERS_TOO_MUCH, CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn, acting: Acting) -> Roster:
            was = opened(txn, chat, inviter)
            if was.has(me):
                raise errors.USER_ALREADY_PARTICIPANT()
            if me in was.members and was.members[me].gone == r.MEMBER_KICKED:
                raise errors.CHAT_FORBIDDEN()
            if not rights.may(was, inviter, rights.INVITE):
                raise errors.CHAT_ADMIN_REQUIRED()
            made = join(txn, was, me, inviter, now)
            announce(txn, made, me, made.others(me), action, now, acting)
            return made

        return await self.act(chat, work, origin)

    async def remove(self, me: int, chat: int, user: int, action: Action, *, origin: Origin = None) -> Done:
        """Leave, or remove somebody. USER_NOT_PARTICIPANT, CHAT_ADMIN_REQUIRED, CHAT_FORBIDDEN, CHAT_ID_INVALID."""
        now = int(self._clock.now())

        def work(txn: Txn, acting: Acting) -> Roster:
            was = opened(txn, chat, me)
            if not was.has(user):
                raise errors.USER_NOT_PARTICIPANT()
            if not rights.may_remove(was, me, user):
                raise errors.CHAT_ADMIN_REQUIRED()
            how = r.MEMBER_LEFT if user == me else r.MEMBER_KICKED
            member = replace(was.members[user], gone=how, admin=False, rank="", title_then=was.group.title)
            made = save(txn, was, was.group, {user: member})
            to = tuple(one for one in was.here if one != me)
            announce(txn, made, me, to, action, now, acting, gone=user, leaves=how)
            return made

        return await self.act(chat, work, origin)

    async def rename(self, me: int, chat: int, title: str, action: Action, *, origin: Origin = None) -> Done:
        """CHAT_TITLE_EMPTY, CHAT_NOT_MODIFIED, CHAT_ADMIN_REQUIRED."""
        title = title_of(title)
        now = int(self._clock.now())

        def work(txn: Txn, acting: Acting) -> Roster:
            was = opened(txn, chat, me)
            _require(was, me, rights.INFO)
            if was.group.title == title:
                raise errors.CHAT_NOT_MODIFIED()
            made = save(txn, was, replace(was.group, title=title), {})
            announce(txn, made, me, made.others(me), action, now, acting)
            return made

        return await self.act(chat, work, origin)

    async def set_period(
        self, me: int, chat: int, period: int, action: Action, *, origin: Origin = None
    ) -> Done:
        """How long messages sent from now on live, in seconds; 0 = for ever. An admin's to say. TTL_PERIOD_INVALID,
        CHAT_NOT_MODIFIED, CHAT_ADMIN_REQUIRED."""
        _require_period(period)
        now = int(self._clock.now())

        def work(txn: Txn, acting: Acting) -> Roster:
            was = opened(txn, chat, me)
            _require_admin(was, me)
            if was.group.ttl_period == period:
                raise errors.CHAT_NOT_MODIFIED()
            made = save(txn, was, replace(was.group, ttl_period=period), {})
            set_timers(txn, made, made.here, now)
            announce(txn, made, me, made.others(me), action, now, acting)
            return made

        return await self.act(chat, work, origin)

    async def set_photo(
        self, me: int, chat: int, shot: r.Shot | None, action: Action, *, origin: Origin = None
    ) -> Done:
        """Another photo, or none. CHAT_NOT_MODIFIED when there is none to take away, CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn, acting: Acting) -> Roster:
            was = opened(txn, chat, me)
            _require(was, me, rights.INFO)
            if shot == was.group.photo:
                raise errors.CHAT_NOT_MODIFIED()
            _change_photo(txn, was.group, shot)
            made = save(txn, was, replace(was.group, photo=shot), {})
            announce(txn, made, me, made.others(me), action, now, acting)
            return made

        return await self.act(chat, work, origin)

    async def describe(self, me: int, chat: int, about: str, *, origin: Origin = None) -> Roster:
        """CHAT_ABOUT_TOO_LONG, CHAT_ABOUT_NOT_MODIFIED, CHAT_ADMIN_REQUIRED."""
        about = about.strip()
        if len(about) > limits.GROUP_ABOUT_CHARS:
            raise errors.CHAT_ABOUT_TOO_LONG()

        def change(was: Roster) -> g.Group:
            _require(was, me, rights.INFO)
            if was.group.about == about:
                raise errors.CHAT_ABOUT_NOT_MODIFIED()
            return replace(was.group, about=about)

        return await self._set(me, chat, change, "about", origin)

    async def set_default_rights(self, me: int, chat: int, banned: int, *, origin: Origin = None) -> Roster:
        """What plain members may not do: flags as Group.banned. BANNED_RIGHTS_INVALID, CHAT_NOT_MODIFIED,
        CHAT_ADMIN_REQUIRED."""
        if banned & ~rights.SETTABLE:
            raise errors.BANNED_RIGHTS_INVALID()

        def change(was: Roster) -> g.Group:
            _require_admin(was, me)
            if was.group.banned == banned:
                raise errors.CHAT_NOT_MODIFIED()
            return replace(was.group, banned=banned)

        return await self._set(me, chat, change, "rights", origin)

    async def set_noforwards(self, me: int, chat: int, enabled: bool, *, origin: Origin = None) -> Roster:
        """The creator's to say. CHAT_NOT_MODIFIED, CHAT_ADMIN_REQUIRED."""

        def change(was: Roster) -> g.Group:
            if was.group.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            if was.group.noforwards == enabled:
                raise errors.CHAT_NOT_MODIFIED()
            return replace(was.group, noforwards=enabled)

        return await self._set(me, chat, change, "settings", origin)

    async def set_reactions(
        self,
        me: int,
        chat: int,
        allowed: bytes,
        layer: int,
        most: int,
        rule: str,
        some: tuple[str, ...] = (),
        *,
        origin: Origin = None,
    ) -> Roster:
        """TL ChatReactions, kept as they are, and what they mean. CHAT_NOT_MODIFIED, CHAT_ADMIN_REQUIRED."""

        def change(was: Roster) -> g.Group:
            _require_admin(was, me)
            changed = replace(
                was.group,
                reactions=allowed,
                reactions_layer=layer,
                reactions_limit=most,
                reactions_rule=rule,
                reactions_some=some,
            )
            if changed == was.group:
                raise errors.CHAT_NOT_MODIFIED()
            return changed

        return await self._set(me, chat, change, "settings", origin)

    async def set_admin(self, me: int, chat: int, user: int, admin: bool, *, origin: Origin = None) -> Roster:
        """The creator's to say. USER_NOT_PARTICIPANT, CHAT_ADMIN_REQUIRED; nothing happens when it is so already."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Roster:
            was = opened(txn, chat, me)
            if was.group.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            if not was.has(user):
                raise errors.USER_NOT_PARTICIPANT()
            member = was.members[user]
            if member.admin == admin or user == me:
                return was
            made = save(txn, was, was.group, {user: replace(member, admin=admin)})
            inform(txn, made, made.here, "members", now, me, origin)
            return made

        return await self._store.transact(slot_of(chat), work)

    async def set_rank(self, me: int, chat: int, user: int, rank: str, *, origin: Origin = None) -> Roster:
        """A word beside a member's name: one's own as long as members may, everybody's but the owner's as admin.
        RANK_INVALID, USER_NOT_PARTICIPANT, CHAT_ADMIN_REQUIRED; nothing happens when it is so already."""
        rank = rank.strip()
        if len(rank) > limits.RANK_CHARS or any(ord(sign) > 0x2BFF and not sign.isalnum() for sign in rank):
            raise errors.RANK_INVALID()
        now = int(self._clock.now())

        def work(txn: Txn) -> Roster:
            was = opened(txn, chat, me)
            if not was.has(user):
                raise errors.USER_NOT_PARTICIPANT()
            own = user == me and rights.may(was, me, rights.RANK)
            others = rights.is_admin(was, me) and user != was.group.creator
            if not (own or others or me == was.group.creator):
                raise errors.CHAT_ADMIN_REQUIRED()
            member = was.members[user]
            if member.rank == rank:
                return was
            made = save(txn, was, was.group, {user: replace(member, rank=rank)})
            inform(txn, made, made.here, "members", now, me, origin)
            return made

        return await self._store.transact(slot_of(chat), work)

    async def hand_over(
        self, me: int, chat: int, user: int, action: Action, *, origin: Origin = None
    ) -> Done:
        """Another member owns the group from now on; who did is an admin of it. CHAT_ADMIN_REQUIRED,
        USER_NOT_PARTICIPANT, CHAT_NOT_MODIFIED."""
        now = int(self._clock.now())

        def work(txn: Txn, acting: Acting) -> Roster:
            was = opened(txn, chat, me)
            if was.group.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            if not was.has(user):
                raise errors.USER_NOT_PARTICIPANT()
            if user == me:
                raise errors.CHAT_NOT_MODIFIED()
            changed = {
                me: replace(was.members[me], admin=True),
                user: replace(was.members[user], admin=False),
            }
            made = save(txn, was, replace(was.group, creator=user), changed)
            announce(txn, made, me, made.others(me), action, now, acting)
            return made

        return await self.act(chat, work, origin)

    async def delete(self, me: int, chat: int, *, origin: Origin = None) -> None:
        """The creator ends the group for everybody: members, messages, links. CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            was = opened(txn, chat, me)
            if was.group.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            end(txn, was, now, me, origin)

        await self._store.transact(slot_of(chat), work)

    # -- inside -----------------------------------------------------------

    async def act(self, chat: int, work: Callable[[Txn, Acting], Roster], origin: Origin) -> Done:
        """Commit a change that has a service message, and wait for that too."""
        acting = Acting(origin, asyncio.get_running_loop().create_future())
        roster = await self._store.transact(slot_of(chat), lambda txn: work(txn, acting))
        return Done(roster, await acting.done)

    async def _set(
        self, me: int, chat: int, change: Callable[[Roster], g.Group], what: str, origin: Origin
    ) -> Roster:
        """Commit a change that has none: the members' devices are told."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Roster:
            was = opened(txn, chat, me)
            made = save(txn, was, change(was), {})
            inform(txn, made, made.here, what, now, me, origin)
            return made

        return await self._store.transact(slot_of(chat), work)


class Taken(Exception):
    """The id drawn for a new group is in use."""


def _creation(
    chat: int, group: g.Group, others: Sequence[int], hash_: str, action: Action
) -> Callable[[Txn, Acting], Roster]:
    me, now = group.creator, group.date

    def work(txn: Txn, acting: Acting) -> Roster:
        if txn.get(GROUPS, chat) is not None:
            raise Taken
        members = {user: g.Member(me, now) for user in (me, *others)}
        made = save(txn, Roster(chat, replace(group, version=0), {}), group, members)
        if group.ttl_period:
            set_timers(txn, made, made.here, now)
        txn.put(INVITES, chat, hash_, value=g.Invite(me, now, permanent=True))
        announce(txn, made, me, tuple(others), action, now, acting, new=tuple(others))
        return made

    return work


def join(txn: Txn, was: Roster, user: int, inviter: int, now: int) -> Roster:
    """`user` comes (back) in. USERS_TOO_MUCH."""
    if len(was.here) >= limits.GROUP_MEMBERS:
        raise errors.USERS_TOO_MUCH()
    pending = was.group.pending
    importer = txn.get(IMPORTERS, was.chat, user)
    if importer is not None and importer.requested:  # he asked, and is brought in some other way
        txn.delete(IMPORTERS, was.chat, user)
        invite = txn.get(INVITES, was.chat, importer.hash)
        if invite is not None:
            requested = max(invite.requested - 1, 0)
            txn.put(INVITES, was.chat, importer.hash, value=replace(invite, requested=requested))
        pending -= 1
    made = save(txn, was, replace(was.group, pending=pending), {user: g.Member(inviter, now)})
    if made.group.ttl_period:
        set_timers(txn, made, (user,), now)
    return made


def _returning(txn: Txn, chat: int, me: int) -> Roster:
    """The group for one who left by himself and may come back by himself."""
    roster = load(txn, chat)
    if roster is None or me not in roster.members:
        raise errors.CHAT_ID_INVALID()
    if roster.group.deleted or roster.members[me].gone == r.MEMBER_KICKED:
        raise errors.CHAT_FORBIDDEN()
    return roster


def announce(
    txn: Txn,
    made: Roster,
    actor: int,
    to: tuple[int, ...],
    action: Action,
    now: int,
    acting: Acting | None,
    *,
    new: tuple[int, ...] = (),
    forward: int = 0,
    gone: int = 0,
    leaves: int = 0,
) -> None:
    """The service message of `actor`, in his box and to these members; `acting` waits for it."""
    deed = pl.ChatAct(
        actor,
        made.chat,
        made.group.version,
        now,
        action.data,
        action.layer,
        action.min_layer,
        action.users,
        to,
        new,
        forward,
        gone,
        leaves,
        action.files,
    )
    txn.outbox(slot_of(actor), deed, acting)


def inform(
    txn: Txn, made: Roster, users: Sequence[int], what: str, now: int, me: int = 0, origin: Origin = None
) -> None:
    """Tell these members' devices of a change without a message; `origin` is the session of `me` that made it."""
    for user in users:
        word = pl.TellChatChanged(user, made.chat, what, now)
        txn.outbox(slot_of(user), word, origin if user == me else None)


def set_timers(txn: Txn, made: Roster, users: Sequence[int], now: int) -> None:
    """Tell these members' boxes how long messages of the group live."""
    for user in users:
        txn.outbox(slot_of(user), pl.DeliverTimer(user, made.chat, made.group.ttl_period, now))


def _require_period(period: int) -> None:
    if not 0 <= period <= limits.TIMER_SECONDS:
        raise errors.TTL_PERIOD_INVALID()


def _change_photo(txn: Txn, group: g.Group, shot: r.Shot | None) -> None:
    """The group's record holds its photo."""
    if shot is not None:
        hold(txn, (shot.id,))
    if group.photo is not None:
        drop(txn, (group.photo.id,))


def _require(roster: Roster, me: int, right: int) -> None:
    if not rights.may(roster, me, right):
        raise errors.CHAT_ADMIN_REQUIRED()


def _require_admin(roster: Roster, me: int) -> None:
    if not rights.is_admin(roster, me):
        raise errors.CHAT_ADMIN_REQUIRED()


def title_of(text: str) -> str:
    """A title as it is stored: one line, trimmed, cut where it is too long. CHAT_TITLE_EMPTY."""
    words = "".join(c if c.isprintable() or c.isspace() else "" for c in text).split()
    title = " ".join(words)[: limits.GROUP_TITLE_CHARS].strip()
    if not title:
        raise errors.CHAT_TITLE_EMPTY()
    return title


def end(txn: Txn, was: Roster, now: int, me: int = 0, origin: Origin = None) -> None:
    """The group is over, for everybody. `me`: who does it, whose session `origin` is."""
    kicked = {
        user: replace(was.members[user], gone=r.MEMBER_KICKED, title_then=was.group.title)
        for user in was.here
    }
    _change_photo(txn, was.group, None)
    made = save(txn, was, replace(was.group, deleted=True, pending=0, photo=None), kicked)
    for key, _ in list(txn.range(INVITES, was.chat)):
        txn.delete(INVITES, *key)
    for key, _ in list(txn.range(IMPORTERS, was.chat)):
        txn.delete(IMPORTERS, *key)
    for user in was.members:
        word = pl.ChatDeleted(user, was.chat, made.group.version, now)
        txn.outbox(slot_of(user), word, origin if user == me else None)
