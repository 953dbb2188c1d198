"""Messages that delete themselves: how long those of a chat live, and the sweep that ends them.

A message carries its period from the moment it is sent; its author has an alarm for its end, and then it goes from
every box, whoever had deleted it for himself meanwhile.
"""

from __future__ import annotations

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services import alarms, boxes
from tgserve.services.alarms import CLEAR, EXPIRE, Alarms, Due
from tgserve.services.boxes import NO_DIALOG, SERVICE_USER
from tgserve.services.channels import threads
from tgserve.services.channels.changing import SLICE, remove
from tgserve.services.channels.life import clear_rows
from tgserve.services.channels.register import is_channel
from tgserve.services.deleting import spread
from tgserve.services.messaging import Origin
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store.commit import Commit
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import BODIES, DIALOGS, PEER_ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn


class Expiry:
    def __init__(self, store: Store, clock: Clock, alarms_: Alarms) -> None:
        self._store = store
        self._clock = clock
        store.on_outbox(pl.DeliverTimer, deliver_timer)
        alarms_.on(EXPIRE, self._due)
        alarms_.on(CLEAR, self._clear)

    def set_period(
        self, me: int, peer: int, period: int, *, origin: Origin = None
    ) -> Commit[Published | None]:
        """How long messages sent from now on live in a private chat, in seconds; 0 = for ever. None when it was so
        already. TTL_PERIOD_INVALID."""
        if not 0 <= period <= limits.TIMER_SECONDS:
            raise errors.TTL_PERIOD_INVALID()
        now = int(self._clock.now())

        def work(txn: Txn) -> Published | None:
            if peer not in (me, SERVICE_USER):
                txn.outbox(slot_of(peer), pl.DeliverTimer(peer, me, period, now))
            return _set(txn, me, peer, period, now, origin)

        return self._store.transact(slot_of(me), work)

    async def _due(self, me: int, items: list[Due]) -> None:
        """Alarm handler: these messages of mine have come to their end."""
        now = int(self._clock.now())
        end = _end_in_channel if is_channel(me) else _end
        await self._store.transact(slot_of(me), lambda txn: end(txn, me, items, now))

    async def _clear(self, channel: int, items: list[Due]) -> None:
        """Alarm handler: the next slice of a channel that is over goes, and an alarm is set for the rest."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            for when, _, number in items:
                alarms.drop_alarm(txn, channel, when, CLEAR, number)
            ids = [key[2] for key, _ in txn.range(PEER_ROWS, channel, channel, limit=SLICE)]
            remove(txn, channel, ids, now, None)
            more = clear_rows(txn, channel, SLICE, now)
            if more or len(ids) == SLICE or threads.clear_forum(txn, channel, SLICE) == SLICE:
                alarms.set_alarm(txn, channel, now + 1, CLEAR, channel, 0)

        await self._store.transact(slot_of(channel), work)


def _set(txn: Txn, user: int, peer: int, period: int, now: int, origin: Origin = None) -> Published | None:
    dialog = txn.get(DIALOGS, user, peer) or NO_DIALOG
    if dialog.ttl_period == period:
        return None
    txn.put(DIALOGS, user, peer, value=replace(dialog, ttl_period=period))
    return eventlog.append(txn, user, ev.TimerChanged(peer), now=now, raises=0, origin=origin)


def deliver_timer(txn: Txn, news: pl.DeliverTimer, memo: object) -> None:
    """Outbox: the other side has set the timer."""
    _set(txn, news.user, news.peer, news.period, news.date)


def _end_in_channel(txn: Txn, channel: int, items: list[Due], now: int) -> None:
    """A channel's messages lie in its own box."""
    for when, _, msg_id in items:
        alarms.drop_alarm(txn, channel, when, EXPIRE, msg_id)
    remove(txn, channel, [msg_id for _, _, msg_id in items], now, None)


def _end(txn: Txn, me: int, items: list[Due], now: int) -> None:
    shared: dict[int, list[int]] = {}
    over: list[int] = []
    for when, peer, msg_id in items:
        alarms.drop_alarm(txn, me, when, EXPIRE, msg_id)
        body = txn.get(BODIES, me, msg_id)
        if body is None:
            continue  # deleted for everybody before its time
        boxes.drop_body(txn, me, msg_id)
        over.append(msg_id)
        if peer != me:
            shared.setdefault(peer, []).append(msg_id)
    for peer, msg_ids in shared.items():
        if peer < 0:
            spread(txn, peer, me, msg_ids, now, me)
        else:
            txn.outbox(slot_of(peer), pl.DeliverDelete(peer, me, tuple(msg_ids), now))
    gone = boxes.remove(txn, me, over)
    if gone:
        eventlog.append(txn, me, boxes.deletion(gone), now=now, raises=len(gone))
