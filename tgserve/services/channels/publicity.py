"""Usernames of channels: a channel with an active one is public, and found by it.

One is the channel's own, which its creator edits. Others the operator gives and takes; the creator shows or hides those
and puts all of them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.channels import journal, rights
from tgserve.services.channels.life import Done, Life
from tgserve.services.channels.register import Register, opened, save
from tgserve.services.messaging import Origin
from tgserve.services.names import RESERVED, Names, shape_or_none
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

Arrange = Callable[[c.Channel], list[tuple[str, bool]]]
"""(the channel) -> its usernames as they shall be, with whether they are active."""


def own_name(record: c.Channel) -> str:
    """The username that its creator may edit, or ""."""
    return next((name for name, _ in record.usernames if name.lower() not in record.given), "")


def active_names(usernames: tuple[tuple[str, bool], ...]) -> str:
    return " ".join(name for name, active in usernames if active)


def note_names(txn: Txn, channel: int, me: int, now: int, was: c.Channel, made: c.Channel) -> None:
    before, after = active_names(was.usernames), active_names(made.usernames)
    journal.note(txn, channel, c.LogEntry(now, me, journal.USERNAMES, text_before=before, text_after=after))


def _check_new(record: c.Channel, lower: str) -> None:
    if lower in (one.lower() for one, _ in record.usernames):
        raise errors.USERNAME_NOT_MODIFIED()
    if len(record.usernames) >= limits.CHANNEL_USERNAMES:
        raise errors.USERNAMES_ACTIVE_TOO_MUCH()


def _named(record: c.Channel, usernames: Sequence[tuple[str, bool]]) -> c.Channel:
    """A public one hides no messages from newcomers."""
    made = replace(record, usernames=tuple(usernames))
    return replace(made, prehistory_hidden=record.prehistory_hidden and not rights.is_public(made))


class Publicity:
    """A username is claimed in its own slot first (services/names.py), then the channel's record carries it."""

    def __init__(self, store: Store, clock: Clock, names: Names, life: Life, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._names = names
        self._life = life
        self._register = register

    def check(self, me: int, channel: int, name: str) -> bool:
        """Could the channel have this name? USERNAME_INVALID, CHAT_ADMIN_REQUIRED, CHANNELS_ADMIN_PUBLIC_TOO_MUCH."""
        self._mine(me, channel)
        self._check_count(me, channel)
        return self._names.free(name)

    async def set_username(self, me: int, channel: int, name: str, *, origin: Origin = None) -> Done:
        """Give the channel this username, or none for "". CHAT_ADMIN_REQUIRED, USERNAME_INVALID, USERNAME_OCCUPIED,
        USERNAME_NOT_MODIFIED, CHANNELS_ADMIN_PUBLIC_TOO_MUCH."""
        old = own_name(self._mine(me, channel))
        if old == name:
            raise errors.USERNAME_NOT_MODIFIED()
        now = int(self._clock.now())
        lower = ""
        if name:
            shaped = shape_or_none(name)
            if shaped is None:
                raise errors.USERNAME_INVALID()
            if shaped in RESERVED:
                raise errors.USERNAME_OCCUPIED()
            self._check_count(me, channel)
            lower = shaped
            await self._names.claim(lower, channel, name, now, respelt=lower == old.lower())

        def change(txn: Txn, record: c.Channel, seat: c.Participant | None) -> c.Channel:
            if record.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            was = own_name(record)
            if was and was.lower() != lower:
                txn.outbox(slot_of(was.lower()), pl.ReleaseName(name=was.lower(), peer=channel))
            if lower:
                txn.outbox(slot_of(lower), pl.ConfirmName(name=lower, peer=channel))
            entry = c.LogEntry(now, me, journal.USERNAME, text_before=was, text_after=name)
            journal.note(txn, channel, entry)
            kept = [one for one in record.usernames if one[0] != was]
            if name:
                kept.insert(record.usernames.index((was, True)) if was else 0, (name, True))
            return _named(record, kept)

        return await self._life.change(me, channel, change, origin=origin)

    async def toggle(self, me: int, channel: int, name: str, active: bool, *, origin: Origin = None) -> Done:
        """Show or hide a name that the operator gave. CHAT_ADMIN_REQUIRED, USERNAME_INVALID for another's,
        USERNAME_NOT_MODIFIED also for the channel's own, CHANNELS_ADMIN_PUBLIC_TOO_MUCH."""
        lower = name.lower()
        self._mine(me, channel)
        if active:
            self._check_count(me, channel)

        def arrange(record: c.Channel) -> list[tuple[str, bool]]:
            if lower not in (one.lower() for one, _ in record.usernames):
                raise errors.USERNAME_INVALID()
            if lower not in record.given:
                raise errors.USERNAME_NOT_MODIFIED()
            made = [(one, active if one.lower() == lower else shown) for one, shown in record.usernames]
            if tuple(made) == record.usernames:
                raise errors.USERNAME_NOT_MODIFIED()
            return made

        return await self._arrange(me, channel, arrange, origin)

    async def hide_given(self, me: int, channel: int, *, origin: Origin = None) -> Done | None:
        """Hide all names that the operator gave; None when none is shown. CHAT_ADMIN_REQUIRED."""

        def arrange(record: c.Channel) -> list[tuple[str, bool]]:
            return [(one, shown and one.lower() not in record.given) for one, shown in record.usernames]

        record = self._mine(me, channel)
        if tuple(arrange(record)) == record.usernames:
            return None
        return await self._arrange(me, channel, arrange, origin)

    async def reorder(
        self, me: int, channel: int, order: Sequence[str], *, origin: Origin = None
    ) -> Done | None:
        """Put the active names in this order, in which each stands once; None when they stand so. CHAT_ADMIN_REQUIRED,
        USERNAME_INVALID."""
        wanted = [one.lower() for one in order]

        def arrange(record: c.Channel) -> list[tuple[str, bool]]:
            shown = {one.lower(): one for one, active in record.usernames if active}
            if sorted(wanted) != sorted(shown):
                raise errors.USERNAME_INVALID()
            return [
                *((shown[one], True) for one in wanted),
                *((one, False) for one, active in record.usernames if not active),
            ]

        record = self._mine(me, channel)
        if active_names(tuple(arrange(record))) == active_names(record.usernames):
            return None
        return await self._arrange(me, channel, arrange, origin)

    async def give(self, channel: int, name: str) -> None:
        """The operator gives a channel one more username, which is active at once. USERNAME_INVALID,
        USERNAME_OCCUPIED, USERNAME_NOT_MODIFIED for one it has, USERNAMES_ACTIVE_TOO_MUCH, CHANNEL_INVALID."""
        now = int(self._clock.now())
        shaped = shape_or_none(name)
        if shaped is None:
            raise errors.USERNAME_INVALID()
        if shaped in RESERVED:
            raise errors.USERNAME_OCCUPIED()
        lower = shaped
        record = self._register.get_or_none(channel)
        if record is None or record.deleted:
            raise errors.CHANNEL_INVALID()
        _check_new(record, lower)
        await self._names.claim(lower, channel, name, now, respelt=False)

        def work(txn: Txn) -> None:
            record = opened(txn, channel)
            _check_new(record, lower)
            txn.outbox(slot_of(lower), pl.ConfirmName(name=lower, peer=channel))
            made = replace(record, given=(*record.given, lower))
            made = save(txn, channel, _named(made, (*record.usernames, (name, True))))
            note_names(txn, channel, record.creator, now, record, made)
            eventlog.append(txn, channel, ev.ChannelChanged(channel), now=now, raises=0)

        await self._store.transact(slot_of(channel), work)

    async def take(self, channel: int, name: str) -> None:
        """The operator takes a username away, given or its own. USERNAME_NOT_OCCUPIED, CHANNEL_INVALID."""
        now = int(self._clock.now())
        lower = name.lower()

        def work(txn: Txn) -> None:
            record = opened(txn, channel)
            kept = [one for one in record.usernames if one[0].lower() != lower]
            if len(kept) == len(record.usernames):
                raise errors.USERNAME_NOT_OCCUPIED()
            txn.outbox(slot_of(lower), pl.ReleaseName(name=lower, peer=channel))
            made = replace(record, given=tuple(one for one in record.given if one != lower))
            made = save(txn, channel, _named(made, kept))
            note_names(txn, channel, record.creator, now, record, made)
            eventlog.append(txn, channel, ev.ChannelChanged(channel), now=now, raises=0)

        await self._store.transact(slot_of(channel), work)

    async def _arrange(self, me: int, channel: int, arrange: Arrange, origin: Origin) -> Done:
        now = int(self._clock.now())

        def change(txn: Txn, record: c.Channel, seat: c.Participant | None) -> c.Channel:
            if record.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            made = _named(record, arrange(record))
            note_names(txn, channel, me, now, record, made)
            return made

        return await self._life.change(me, channel, change, origin=origin)

    def _mine(self, me: int, channel: int) -> c.Channel:
        record, _ = self._register.seat(me, channel)
        if record.creator != me:
            raise errors.CHAT_ADMIN_REQUIRED()
        return record

    def check_room(self, user: int, channel: int, *, always: bool = False) -> None:
        """Could this channel, if it is public, be one more of the public ones of `user`? `always`: any. Raises
        CHANNELS_ADMIN_PUBLIC_TOO_MUCH."""
        record = self._register.get_or_none(channel) if channel else None
        if always or (record is not None and rights.is_public(record)):
            self._check_count(user, channel)

    def public_of(self, me: int) -> list[int]:
        """Public channels that `me` has made."""
        found: list[int] = []
        for channel in self._register.of_user(me):
            record = self._register.get_or_none(channel)
            if record is not None and record.creator == me and rights.is_public(record):
                found.append(channel)
        return found

    def _check_count(self, me: int, channel: int) -> None:
        mine: Sequence[int] = [one for one in self.public_of(me) if one != channel]
        if len(mine) >= limits.PUBLIC_CHANNELS:
            raise errors.CHANNELS_ADMIN_PUBLIC_TOO_MUCH()
