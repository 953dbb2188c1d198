"""What the operator does to groups and channels: ends them, and gives them another owner when theirs is lost.

Nobody's right is asked for: these are not reached by clients.
"""

from __future__ import annotations

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services.channels import rights
from tgserve.services.channels.life import Life
from tgserve.services.channels.register import Register, opened, save
from tgserve.services.channels.seats import put_seat, seat_of
from tgserve.services.groups import life as groups_life
from tgserve.services.groups import roster as groups
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn


class Overseeing:
    def __init__(self, store: Store, clock: Clock, register: Register, life: Life) -> None:
        self._store = store
        self._clock = clock
        self._register = register
        self._life = life

    async def delete(self, chat: int) -> None:
        """End a channel or group for everybody, as its owner could. CHANNEL_INVALID, CHAT_ID_INVALID."""
        record = self._register.get_or_none(chat)
        if record is not None:
            await self._life.delete(record.creator, chat)
            return
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            was = groups.load(txn, chat)
            if was is None or was.group.deleted:
                raise errors.CHAT_ID_INVALID()
            groups_life.end(txn, was, now)

        await self._store.transact(slot_of(chat), work)

    async def appoint(self, chat: int, user: int) -> None:
        """A member owns it from now on; who did, if he is still there, stays its admin. USER_NOT_PARTICIPANT,
        CHAT_NOT_MODIFIED, CHANNEL_INVALID, CHAT_ID_INVALID."""
        now = int(self._clock.now())
        channel = self._register.get_or_none(chat) is not None

        def in_channel(txn: Txn) -> None:
            record = opened(txn, chat)
            if record.creator == user:
                raise errors.CHAT_NOT_MODIFIED()
            was = seat_of(txn, chat, user, now)
            if was is None or not rights.is_member(was):
                raise errors.USER_NOT_PARTICIPANT()
            whole = rights.MEGAGROUP_ALL if record.megagroup else rights.BROADCAST_ALL
            old, owner = record.creator, seat_of(txn, chat, record.creator, now)
            made = replace(was, admin=whole, promoted_by=0, banned=0, until=0, banned_by=0)
            record = put_seat(txn, chat, record, user, made, now)
            if owner is not None and rights.is_member(owner):
                kept = replace(owner, admin=whole | owner.admin & rights.ANONYMOUS, promoted_by=user)
                record = put_seat(txn, chat, record, old, kept, now)
            save(txn, chat, replace(record, creator=user))
            eventlog.append(txn, chat, ev.ChannelChanged(chat), now=now, raises=0)

        def in_group(txn: Txn) -> None:
            was = groups.load(txn, chat)
            if was is None or was.group.deleted or was.group.migrated_to:
                raise errors.CHAT_ID_INVALID()
            if was.group.creator == user:
                raise errors.CHAT_NOT_MODIFIED()
            if not was.has(user):
                raise errors.USER_NOT_PARTICIPANT()
            changed = {user: replace(was.members[user], admin=False)}
            if was.has(was.group.creator):
                changed[was.group.creator] = replace(was.members[was.group.creator], admin=True)
            made = groups.save(txn, was, replace(was.group, creator=user), changed)
            groups_life.inform(txn, made, made.here, "members", now)

        await self._store.transact(slot_of(chat), in_channel if channel else in_group)
