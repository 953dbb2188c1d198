"""Records of what waits for its time."""

from __future__ import annotations

from tgserve.store.records import Body, Record


class Later(Record, frozen=True):
    """A scheduled message: its body as it will be, but for the date; `date` 0x7ffffffe: when the other is online."""

    date: int
    random_id: int
    body: Body
    mentions: tuple[int, ...] = ()
    """As in messaging.Draft."""
    kind: str = ""
    media_unread: bool = False
