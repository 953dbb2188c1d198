"""The short way of a plain message writes, publishes and answers what the long way does."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tgserve.services import messaging
from tgserve.services.messaging import Draft, Sent
from tgserve.store import eventlog
from tgserve.store import records as r
from tgserve.store.engine import Row, Rows
from tgserve.store.keyspaces import BOXES, DIALOGS, SENT
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

ME, PEER, NOW = 1_000_001, 1_000_002, 1_790_000_000


class Stored:
    """A snapshot of a few rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.get = rows.get

    def scan(self, lo: bytes, hi: bytes, reverse: bool = False) -> Iterator[Row]:
        found = [(key, value) for key, value in self.rows.items() if lo <= key < hi and value is not None]
        return iter(sorted(found, reverse=reverse))


drafts = st.builds(
    Draft,
    text=st.binary(max_size=700),
    entities=st.sampled_from([b"", b"entities"]),
    media=st.sampled_from([b"", b"media"]),
    markup=st.sampled_from([b"", b"markup"]),
    fwd=st.sampled_from([b"", b"fwd"]),
    layer=st.just(229),
    users=st.sampled_from([(), (5, 6)]),
    silent=st.booleans(),
    noforwards=st.booleans(),
    invert_media=st.booleans(),
    grouped_id=st.sampled_from([0, 9]),
    effect=st.sampled_from([0, 9]),
    action=st.sampled_from([b"", b"action"]),
    media_ttl=st.sampled_from([0, 9]),
)
heads = st.none() | st.builds(
    r.BoxHead, pts=st.sampled_from([1, 62, 63, 64, 2**31]), msg_id=st.integers(0, 99), sub=st.integers(0, 3)
)
dialogs = st.none() | st.builds(
    r.Dialog,
    count=st.integers(0, 9),
    unread_count=st.integers(0, 9),
    ttl_period=st.sampled_from([0, 0, 86400]),
    draft=st.sampled_from([b"", b"", b"draft"]),
    hidden=st.booleans(),
    notify=st.sampled_from([b"", b"n" * 300]),
    folder=st.sampled_from([0, 1]),
)


def run(rows: Rows, draft: Draft, random_id: int, clear: bool, short: bool) -> tuple[Any, ...]:
    txn = Txn(Stored(dict(rows)))  # type: ignore[arg-type]
    txn.open_group()
    txn.begin(slot_of(ME))
    if short:
        sent = messaging._send_plain(ME, PEER, random_id, draft, NOW, (1, 2), clear, txn)
    else:
        (sent,) = messaging._send(txn, ME, PEER, ((random_id, draft),), NOW, (1, 2), clear, None)
    decoded = {key: value for key, value in txn.journal.items() if not key.startswith(EVENT)}
    events = [(key, eventlog.EVENTS.decode(txn.journal[key])) for key in txn.journal if key.startswith(EVENT)]
    return sent, decoded, events, txn.published, txn.outgoing


EVENT = eventlog.EVENTS.prefix(slot_of(ME))


@settings(max_examples=300, deadline=None)
@given(drafts, heads, dialogs, st.booleans(), st.booleans())
def test_both_ways_are_one(
    draft: Draft, head: r.BoxHead | None, dialog: r.Dialog | None, repeated: bool, clear: bool
) -> None:
    rows: Rows = {}
    slot = slot_of(ME)
    if head is not None:
        rows[BOXES.key(slot, ME)] = BOXES.encode(head)
    if dialog is not None:
        rows[DIALOGS.key(slot, ME, PEER)] = DIALOGS.encode(dialog)
    if repeated:
        rows[SENT.key(slot, ME, 7)] = messaging._SENT.pack(1, 2, 3)
    assert messaging._is_plain(draft)
    short, long = (run(copy.copy(rows), draft, 7, clear, way) for way in (True, False))
    assert isinstance(short[0], Sent) and short == long


def test_what_is_not_plain() -> None:
    plain = Draft(text=b"text")
    assert messaging._is_plain(plain)
    for change in (
        {"reply": messaging.ReplyTo(1)},
        {"files": ((1, 2, 3),)},
        {"poll": 1},
        {"scheduled": True},
        {"media_unread": True},
    ):
        assert not messaging._is_plain(replace(plain, **change))
