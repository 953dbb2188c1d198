"""Who is told what of a committed batch."""

from __future__ import annotations

from typing import Any

from tgserve.services.bus import Bus
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.store.records import CHANNEL_BASE


def test_but_messages_is_everything_else_in_order() -> None:
    message = Published(7, 2, 1, ev.NewMessage(1), 10)
    edit = Published(7, 3, 1, ev.EditMessage(1), 10)
    post = Published(-CHANNEL_BASE - 5, 2, 1, ev.NewMessage(1), 10)
    other = object()
    told: list[tuple[str, list[Any]]] = []
    bus = Bus()
    bus.subscribe(lambda batch: told.append(("rest", batch)), but_messages=True)
    bus.subscribe(lambda batch: told.append(("all", batch)))
    bus.publish([message, other, edit, message, post])
    bus.publish([message])
    assert told == [
        ("rest", [other, edit, post]),
        ("all", [message, other, edit, message, post]),
        ("all", [message]),
    ]
