"""Notices of the server to one user, from the built-in user 777000: written inside somebody's transaction."""

from __future__ import annotations

from tgserve.services import boxes
from tgserve.services.boxes import NO_BOX, NO_DIALOG, SERVICE_USER, View
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.keyspaces import BODIES, BOXES, DIALOGS
from tgserve.store.transaction import Txn


def write_notice(
    txn: Txn, user: int, text: bytes, *, now: int, entities: bytes = b"", layer: int = 0, min_layer: int = 0
) -> int:
    """A message from 777000 in `user`'s box (whose slot `txn` runs in); returns its id. The body lies in that box too:
    777000 has none of its own."""
    body = r.Body(SERVICE_USER, now, text, layer, min_layer, entities, holders=1, peer=user)
    return write_own(txn, user, SERVICE_USER, body, 0, now)


def write_own(txn: Txn, user: int, peer: int, body: r.Body, flags: int, now: int) -> int:
    """A message that only this box has: its body is written here. Returns its id."""
    head = txn.get(BOXES, user) or NO_BOX
    dialog = txn.get(DIALOGS, user, peer) or NO_DIALOG
    msg_id = head.msg_id + 1
    row = r.Row(peer, user, msg_id, flags)
    txn.put(BODIES, user, msg_id, value=body)
    txn.put(DIALOGS, user, peer, value=boxes.insert(txn, user, msg_id, row, dialog, now))
    eventlog.append(txn, user, ev.NewMessage(msg_id), now=now, head=head, memo=View(user, msg_id, row, body))
    return msg_id
