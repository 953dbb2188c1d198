"""What a message in a channel has beside others: who it is shown as being from, and its counters."""

from __future__ import annotations

from struct import Struct
from typing import Final

from tgserve.render.peers import peer_bytes
from tgserve.services import Services
from tgserve.services.boxes import View

FROM: Final = 1 << 8
VIEWS: Final = 1 << 10
POST: Final = 1 << 14
_COUNTERS = Struct("<ii").pack


def author(services: Services, view: View, flags: int) -> tuple[int, bytes]:
    """The flags, and from_id as bytes: none for a post of the channel itself."""
    shown = view.body.author
    record = services.channels.register.get_or_none(view.row.peer)
    if record is not None and not record.megagroup:
        flags |= POST
        if shown == view.row.peer:
            return flags & ~FROM, b""
    return flags | FROM, peer_bytes(shown)


def counters(services: Services, view: View) -> tuple[int, bytes]:
    """Views and forwards. A post has one view from the start: else clients never report any (CLIENTS A.18)."""
    record = services.channels.register.get_or_none(view.owner)
    if record is None or record.megagroup:
        return 0, b""
    stats = services.channels.counters.of(view.owner, view.msg_id)
    return VIEWS, _COUNTERS(max(stats.views, 1), stats.forwards)
