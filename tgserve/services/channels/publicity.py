"""Usernames of channels: a channel with an active one is public, and found by it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.channels import journal, rights
from tgserve.services.channels.life import Done, Life
from tgserve.services.channels.register import Register
from tgserve.services.messaging import Origin
from tgserve.services.names import RESERVED, Names, shape_or_none
from tgserve.store import channel_records as c
from tgserve.store import payloads as pl
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn


class Publicity:
    """A username is claimed in its own slot first (services/names.py), then the channel's record carries it."""

    def __init__(self, clock: Clock, names: Names, life: Life, register: Register) -> None:
        self._clock = clock
        self._names = names
        self._life = life
        self._register = register

    def check(self, me: int, channel: int, name: str) -> bool:
        """Could the channel have this name? USERNAME_INVALID, CHAT_ADMIN_REQUIRED, CHANNELS_ADMIN_PUBLIC_TOO_MUCH."""
        record, _ = self._register.seat(me, channel)
        if record.creator != me:
            raise errors.CHAT_ADMIN_REQUIRED()
        self._check_count(me, channel)
        return self._names.free(name)

    async def set_username(self, me: int, channel: int, name: str, *, origin: Origin = None) -> Done:
        """Give the channel this username, or none for "". CHAT_ADMIN_REQUIRED, USERNAME_INVALID, USERNAME_OCCUPIED,
        USERNAME_NOT_MODIFIED, CHANNELS_ADMIN_PUBLIC_TOO_MUCH."""
        record, _ = self._register.seat(me, channel)
        if record.creator != me:
            raise errors.CHAT_ADMIN_REQUIRED()
        old = record.usernames[0][0] if record.usernames else ""
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
            was = record.usernames[0][0] if record.usernames else ""
            if was and was.lower() != lower:
                txn.outbox(slot_of(was.lower()), pl.ReleaseName(name=was.lower(), peer=channel))
            if lower:
                txn.outbox(slot_of(lower), pl.ConfirmName(name=lower, peer=channel))
            entry = c.LogEntry(now, me, journal.USERNAME, text_before=was, text_after=name)
            journal.note(txn, channel, entry)
            names = ((name, True),) if name else ()
            return replace(record, usernames=names, prehistory_hidden=record.prehistory_hidden and not name)

        return await self._life.change(me, channel, change, origin=origin)

    def check_room(self, user: int, channel: int, *, always: bool = False) -> None:
        """Could this channel, if it is public, be one more of the public ones of `user`? `always`: any. Raises
        CHANNELS_ADMIN_PUBLIC_TOO_MUCH."""
        record = self._register.get_or_none(channel) if channel else None
        if always or (record is not None and rights.is_public(record)):
            self._check_count(user, channel)

    def names_of(self, me: int, channel: int) -> list[str]:
        """Its usernames in lower case, for the creator to deal with. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED."""
        record, _ = self._register.seat(me, channel)
        if record.creator != me:
            raise errors.CHAT_ADMIN_REQUIRED()
        return [name.lower() for name, _ in record.usernames]

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
