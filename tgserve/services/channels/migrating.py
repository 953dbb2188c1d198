"""A basic group becomes a supergroup: the members come along, the old messages stay where they are.

Steps: the group's slot marks the group (nobody writes there any more) and sends the order by its outbox; the channel's
slot makes the channel and seats the members. An order that comes twice finds the channel there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.channels import rights
from tgserve.services.channels.life import CHANNEL_ID_RANGE, FIRST_CHANNEL_ID, Done
from tgserve.services.channels.posting import put_action
from tgserve.services.channels.register import save
from tgserve.services.channels.seats import put_seat
from tgserve.services.files.holding import hold
from tgserve.services.groups.life import Action, announce
from tgserve.services.groups.links import make_hash
from tgserve.services.groups.roster import opened
from tgserve.services.groups.roster import save as save_group
from tgserve.services.messaging import Origin, Sent
from tgserve.store import channel_records as c
from tgserve.store import group_records as g
from tgserve.store import payloads as pl
from tgserve.store.keyspaces import CHANNELS, INVITES
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

ADMIN = rights.INFO | rights.DELETE | rights.BAN | rights.INVITE | rights.PIN | rights.CALLS | rights.OTHER
"""What an admin of the group may do in the supergroup."""


@dataclass(slots=True)
class Migrating:
    """A call that waits for the supergroup. Travels as memo, in memory only."""

    origin: Origin
    done: asyncio.Future[Done]


@dataclass(slots=True, frozen=True)
class Migrated:
    """Published with the commit that made the supergroup."""

    waiting: Migrating
    done: Done


def resolve(batch: list[Any]) -> None:
    """Bus subscriber: calls go on."""
    for item in batch:
        if type(item) is Migrated and not item.waiting.done.done():
            item.waiting.done.set_result(item.done)


class Migration:
    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        store.on_outbox(pl.ChannelFromGroup, make)

    def draw_id(self) -> int:
        """The peer number of a channel that is still to be made."""
        return -CHANNEL_BASE - self._ids.base - FIRST_CHANNEL_ID - self._ids.below(CHANNEL_ID_RANGE)

    async def migrate(
        self, me: int, chat: int, channel: int, to: Action, came: Action, *, origin: Origin = None
    ) -> Done:
        """The creator makes a supergroup of his group. `to` and `came` are the service messages in the old and in the
        new one. CHAT_ID_INVALID, CHAT_FORBIDDEN, CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())
        waiting = Migrating(origin, asyncio.get_running_loop().create_future())
        hash_ = make_hash(channel, self._ids)

        def work(txn: Txn) -> None:
            was = opened(txn, chat, me)
            if was.group.creator != me:
                raise errors.CHAT_ADMIN_REQUIRED()
            made = save_group(txn, was, replace(was.group, migrated_to=channel, pending=0), {})
            announce(txn, made, me, made.others(me), to, now, None)
            group = was.group
            order = pl.ChannelFromGroup(
                channel,
                chat,
                group.title,
                me,
                now,
                hash_,
                came.data,
                came.layer,
                came.min_layer,
                tuple((user, was.members[user].admin) for user in was.here),
                group.about,
                group.banned,
                group.noforwards,
                group.ttl_period,
                group.photo,
            )
            txn.outbox(slot_of(channel), order, waiting)

        await self._store.transact(slot_of(chat), work)
        return await waiting.done


def make(txn: Txn, order: pl.ChannelFromGroup, memo: Any) -> None:
    """Outbox, the channel's slot."""
    channel, now = order.channel, order.date
    if txn.get(CHANNELS, channel) is not None:
        return
    record = c.Channel(
        order.title,
        order.creator,
        now,
        True,
        version=0,
        about=order.about,
        banned=order.banned,
        noforwards=order.noforwards,
        ttl_period=order.ttl_period,
        migrated_from=order.chat,
        photo=order.photo,
    )
    if order.photo is not None:
        hold(txn, (order.photo.id,))
    origin = memo.origin if type(memo) is Migrating else None
    for user, admin in order.members:
        granted = ADMIN if admin else 0
        if user == order.creator:
            granted = rights.MEGAGROUP_ALL | rights.BROADCAST_ALL
        promoted_by = order.creator if admin else 0
        seat = c.Participant(now, order.creator, admin=granted, promoted_by=promoted_by)
        record = put_seat(txn, channel, record, user, seat, now, origin if user == order.creator else None)
    made = save(txn, channel, record)
    txn.put(INVITES, channel, order.hash, value=g.Invite(order.creator, now, permanent=True))
    sent: Sent = put_action(
        txn,
        channel,
        made,
        order.creator,
        Action(order.action, order.layer, order.min_layer),
        now,
        origin=origin,
    )
    if type(memo) is Migrating:
        txn.publish(Migrated(memo, Done(channel, made, sent)))
