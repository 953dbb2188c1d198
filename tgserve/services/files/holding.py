"""Who names a photo or document says so here, in the transaction that begins or ends to do it.

The counts are kept in the files' own slots (library.py); one that nobody names goes after a day.
"""

from __future__ import annotations

from collections.abc import Iterable

from tgserve.store import payloads as pl
from tgserve.store.records import Body
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn


def hold(txn: Txn, media_ids: Iterable[int]) -> None:
    """One more names each of these."""
    for media_id in media_ids:
        txn.outbox(slot_of(media_id), pl.MediaHeld(media_id, 1))


def drop(txn: Txn, media_ids: Iterable[int]) -> None:
    """One fewer names each of these."""
    for media_id in media_ids:
        txn.outbox(slot_of(media_id), pl.MediaHeld(media_id, -1))


def hold_body(txn: Txn, body: Body) -> None:
    """A body was written."""
    if body.files:
        hold(txn, [file[0] for file in body.files])


def drop_body(txn: Txn, body: Body) -> None:
    """A body was deleted."""
    if body.files:
        drop(txn, [file[0] for file in body.files])
