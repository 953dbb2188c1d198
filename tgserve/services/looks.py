"""Media for one look: once they were opened they are shown for their seconds, and then gone for both sides.

The author's slot decides: reading arrives there (reading.py), sets an alarm, and the alarm takes the media out of the
body. Both boxes hear of it as of an edit; their devices have shown it meanwhile.
"""

from __future__ import annotations

from msgspec.structs import replace

from tgserve import limits
from tgserve.clock import Clock
from tgserve.services import alarms, boxes
from tgserve.services.alarms import LOOKED, Alarms, Due
from tgserve.services.boxes import View
from tgserve.services.files import holding
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import BODIES, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn


def opened(txn: Txn, author: int, msg_id: int, now: int) -> None:
    """A receiver has opened a message of `author`, in whose slot `txn` runs."""
    body = txn.get(BODIES, author, msg_id)
    if body is None or not body.media_ttl:
        return
    shown = 0 if body.media_ttl == limits.MEDIA_TTL_ONCE else body.media_ttl
    alarms.set_alarm(txn, author, now + shown, LOOKED, body.peer, msg_id)


class Looks:
    def __init__(self, store: Store, clock: Clock, alarms_: Alarms) -> None:
        self._store = store
        self._clock = clock
        alarms_.on(LOOKED, self._due)

    async def _due(self, me: int, items: list[Due]) -> None:
        """Alarm handler."""
        now = int(self._clock.now())
        await self._store.transact(slot_of(me), lambda txn: _end(txn, me, items, now))


def _end(txn: Txn, me: int, items: list[Due], now: int) -> None:
    for when, peer, msg_id in items:
        alarms.drop_alarm(txn, me, when, LOOKED, msg_id)
        row, body = txn.get(ROWS, me, msg_id), txn.get(BODIES, me, msg_id)
        if body is None or not body.media_ttl:
            continue
        holding.drop_body(txn, body)
        body = replace(body, media=body.media_after, files=(), media_ttl=0, media_after=b"")
        txn.put(BODIES, me, msg_id, value=body)
        if row is not None:
            _tell(txn, me, msg_id, row, body, now)
        txn.outbox(slot_of(peer), pl.DeliverEdit(peer, me, msg_id, now), body)


def _tell(txn: Txn, me: int, msg_id: int, row: r.Row, body: r.Body, now: int) -> None:
    view = View(me, msg_id, row, body, boxes.reply_id(txn, me, body))
    eventlog.append(txn, me, ev.EditMessage(msg_id), now=now, memo=view)
