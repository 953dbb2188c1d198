"""Shared folders: links that offer the chats of a folder, and the folders that others made of them.

A link stands in the slot of who made it, whose id its slug begins with: no second row is needed, and the id opens
nothing. What a link offers may change; whoever has joined by it is offered what is new in it, until he takes it or
waves it away. Joining asks the same questions as an invite link: the sharer must be in the chat and may invite. A
public channel may be shared by whoever sees it, and is joined as by its name.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.channels import journal
from tgserve.services.channels import rights as channel_rights
from tgserve.services.channels.bundle import Channels
from tgserve.services.channels.life import Done as Entered
from tgserve.services.channels.register import is_channel
from tgserve.services.channels.seats import seat_of
from tgserve.services.folders import Folders
from tgserve.services.groups import rights
from tgserve.services.groups.invites import primary_of
from tgserve.services.groups.life import Action, Groups
from tgserve.services.messaging import Origin
from tgserve.store import channel_records as c
from tgserve.store.chatlist_records import SharedFolder
from tgserve.store.keyspaces import CHATLISTS
from tgserve.store.records import Folder
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

_OWNER_BYTES: Final = 6
_RANDOM_BYTES: Final = 12
SLUG_CHARS: Final = 24
TITLE_CHARS: Final = 32
FIRST_NUMBER, LAST_NUMBER = 2, 255
"""Numbers that a folder may have."""


class Chatlists:
    def __init__(
        self, store: Store, clock: Clock, ids: Ids, folders: Folders, groups: Groups, channels: Channels
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._folders = folders
        self._groups = groups
        self._channels = channels

    # -- who shares -------------------------------------------------------------------------------------------------

    def of(self, me: int, number: int) -> list[tuple[str, SharedFolder]]:
        """(slug, link) of a folder's links, the oldest first."""
        with self._store.read(slot_of(me)) as reader:
            found = [(key[2], row) for key, row in reader.range(CHATLISTS, me, number)]
        return sorted(found, key=lambda one: one[1].date)

    def check_shareable(self, me: int, peers: Iterable[int]) -> tuple[int, ...]:
        """Chats that a link may offer: groups and channels into which `me` may invite, and public channels.
        PEERS_LIST_EMPTY, PEER_ID_INVALID, CHAT_ADMIN_REQUIRED, CHAT_ID_INVALID, CHAT_FORBIDDEN, CHANNEL_PRIVATE."""
        made = tuple(dict.fromkeys(peers))
        if not made:
            raise errors.PEERS_LIST_EMPTY()
        if len(made) > limits.FOLDER_PEERS:
            raise errors.FILTER_INCLUDE_TOO_MUCH()
        for peer in made:
            if peer > 0:
                raise errors.PEER_ID_INVALID()
            if is_channel(peer):
                record, seat = self._channels.register.view(me, peer)
                if not _may_share(record, me, seat):
                    raise errors.CHAT_ADMIN_REQUIRED()
            elif not rights.may(self._groups.rosters.of_member(me, peer), me, rights.INVITE):
                raise errors.CHAT_ADMIN_REQUIRED()
        return made

    async def make(
        self, me: int, number: int, title: str, peers: tuple[int, ...]
    ) -> tuple[str, SharedFolder]:
        """A new link to a folder. INVITES_TOO_MUCH."""
        random = self._ids.random_bytes(_RANDOM_BYTES)
        slug = urlsafe_b64encode(me.to_bytes(_OWNER_BYTES, "big") + random).decode()
        row = SharedFolder(title[:TITLE_CHARS], peers, int(self._clock.now()))

        def work(txn: Txn) -> None:
            if len(list(txn.range(CHATLISTS, me, number))) >= limits.CHATLIST_INVITES:
                raise errors.INVITES_TOO_MUCH()
            txn.put(CHATLISTS, me, number, slug, value=row)

        await self._store.transact(slot_of(me), work)
        return slug, row

    async def edit(
        self, me: int, number: int, slug: str, title: str | None, peers: tuple[int, ...] | None
    ) -> SharedFolder:
        """Change what a link is called or offers. INVITE_SLUG_EXPIRED."""

        def work(txn: Txn) -> SharedFolder:
            row = txn.get(CHATLISTS, me, number, slug)
            if row is None:
                raise errors.INVITE_SLUG_EXPIRED()
            if title is not None:
                row = replace(row, title=title[:TITLE_CHARS])
            if peers is not None:
                row = replace(row, peers=peers)
            txn.put(CHATLISTS, me, number, slug, value=row)
            return row

        return await self._store.transact(slot_of(me), work)

    async def delete(self, me: int, number: int, slug: str = "") -> int:
        """A link ends, or all of the folder; how many are left. INVITE_SLUG_EXPIRED."""

        def work(txn: Txn) -> int:
            slugs = [key[2] for key, _ in txn.range(CHATLISTS, me, number)]
            if slug and slug not in slugs:
                raise errors.INVITE_SLUG_EXPIRED()
            for one in slugs:
                if one == slug or not slug:
                    txn.delete(CHATLISTS, me, number, one)
            return len(slugs) - 1 if slug else 0

        return await self._store.transact(slot_of(me), work)

    # -- who is offered ---------------------------------------------------------------------------------------------

    def look(self, slug: str) -> tuple[int, SharedFolder]:
        """(who shares, what), chats that are no more left out. INVITE_SLUG_EMPTY, INVITE_SLUG_EXPIRED."""
        if not slug:
            raise errors.INVITE_SLUG_EMPTY()
        owner = _owner_of(slug)
        with self._store.read(slot_of(owner)) as reader:
            rows = [row for key, row in reader.range(CHATLISTS, owner) if key[2] == slug]
        if not rows:
            raise errors.INVITE_SLUG_EXPIRED()
        (row,) = rows
        return owner, replace(row, peers=tuple(peer for peer in row.peers if self._open(owner, peer)))

    def _open(self, owner: int, chat: int) -> bool:
        """May the sharer (still) bring people into it?"""
        if is_channel(chat):
            record = self._channels.register.get_or_none(chat)
            if record is None or record.deleted:
                return False
            return _may_share(record, owner, self._channels.register.participant(chat, owner))
        roster = self._groups.rosters.get_or_none(chat)
        if roster is None or roster.group.deleted or not roster.has(owner):
            return False
        return rights.may(roster, owner, rights.INVITE)

    async def enter(
        self, me: int, owner: int, channel: int, action: Action, *, origin: Origin = None
    ) -> Entered:
        """Join a channel that `owner` offers. CHANNEL_PRIVATE, USER_ALREADY_PARTICIPANT, CHANNELS_TOO_MUCH,
        USERS_TOO_MUCH; INVITE_REQUEST_SENT where people are let in by an admin and `owner` is none who may."""
        record = self._channels.register.get_or_none(channel)
        host = self._channels.register.participant(channel, owner)
        seat = self._channels.register.participant(channel, me)
        if seat is not None and seat.state == c.KICKED:
            raise errors.CHANNEL_PRIVATE()
        if record is not None and record.join_request:
            if not channel_rights.has(record, owner, host, channel_rights.INVITE):
                await self._channels.doors.ask(me, channel)
                raise errors.INVITE_REQUEST_SENT()
        now = int(self._clock.now())

        def check(txn: Txn, record: c.Channel, was: c.Participant | None) -> int:
            if channel_rights.is_member(was):
                raise errors.USER_ALREADY_PARTICIPANT()
            sharer = seat_of(txn, channel, owner, now)
            invites = channel_rights.has(record, owner, sharer, channel_rights.INVITE)
            kicked = was is not None and was.state == c.KICKED
            if kicked or not (invites or (_may_share(record, owner, sharer) and not record.join_request)):
                raise errors.CHANNEL_PRIVATE()
            line = c.LogEntry(now, me, journal.JOIN)
            link = None if channel_rights.is_public(record) else primary_of(txn, channel, owner)
            if link is not None:
                line = replace(
                    line, kind=journal.JOIN_BY_INVITE, after=1, hash=link.hash, invite_after=link.invite
                )
            journal.note(txn, channel, line)
            return 0

        return await self._channels.life.enter(me, channel, check, action, origin=origin)

    def joined(self, me: int, slug: str) -> Folder | None:
        """The folder that `me` made of this link."""
        return next((one for one in self._folders.of(me).items if one.slug == slug), None)

    def news(self, me: int, number: int) -> tuple[int, tuple[int, ...]]:
        """(who shares, chats) that a joined folder's link offers, and `me` has neither joined nor waved away.
        FILTER_ID_INVALID; nothing for a link that has ended."""
        folder = self._folders.get_or_none(me, number)
        if folder is None:
            raise errors.FILTER_ID_INVALID()
        if not folder.slug:
            raise errors.FILTER_NOT_SUPPORTED()
        try:
            owner, shared = self.look(folder.slug)
        except errors.RpcError:
            return 0, ()
        seen = {*folder.peers, *folder.known}
        return owner, tuple(peer for peer in shared.peers if peer not in seen)

    def free_number(self, me: int) -> int:
        """A number for a new folder. DIALOG_FILTERS_TOO_MUCH, CHATLISTS_TOO_MUCH."""
        items = self._folders.of(me).items
        if sum(1 for one in items if one.slug) >= limits.CHATLISTS_JOINED:
            raise errors.CHATLISTS_TOO_MUCH()
        taken = {one.number for one in items}
        for number in range(FIRST_NUMBER, LAST_NUMBER + 1):
            if number not in taken:
                return number
        raise errors.DIALOG_FILTERS_TOO_MUCH()


def _may_share(record: c.Channel, me: int, seat: c.Participant | None) -> bool:
    """A public channel may be named to anybody by whoever sees it; into a private one an admin who may invite leads."""
    if channel_rights.has(record, me, seat, channel_rights.INVITE):
        return True
    return channel_rights.is_public(record) and channel_rights.may_see(record, seat)


def _owner_of(slug: str) -> int:
    if len(slug) != SLUG_CHARS or not slug.isascii():
        raise errors.INVITE_SLUG_EXPIRED()
    try:
        data = urlsafe_b64decode(slug)
    except (binascii.Error, ValueError):
        raise errors.INVITE_SLUG_EXPIRED() from None
    if len(data) != _OWNER_BYTES + _RANDOM_BYTES:
        raise errors.INVITE_SLUG_EXPIRED()
    return int.from_bytes(data[:_OWNER_BYTES], "big")
