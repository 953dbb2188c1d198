"""file_reference: a proof that this viewer was shown this file in this place, for a day or two (SECURITY 6.5).

27 bytes: kind and place (peer, number), when it ends, and a MAC over these, the viewer and the file. It ends at fixed
times of the clock, so that a message drawn twice on one day is drawn alike.
"""

from __future__ import annotations

import hashlib
import hmac
from struct import Struct
from typing import Final, NamedTuple

from tgserve import errors, limits
from tgserve.clock import Clock

_PLACE = Struct(">BqII")  # kind, peer, number, ends
_BOUND = Struct(">qq").pack  # viewer, file
_MAC_BYTES = 10
BYTES: Final = _PLACE.size + _MAC_BYTES

MESSAGE: Final = 1
"""A message of the viewer's box (peer 0) or of a channel; its number."""
UPLOADED: Final = 2
"""What the viewer has uploaded himself and not sent yet."""
PROFILE: Final = 3
"""The photo of a user or chat."""
STICKERS: Final = 4
"""Stickers, custom emoji, saved GIFs and what else stands in a set; number: of which list."""
STOCK: Final = 5
"""Everybody's: reactions, dice, backgrounds."""
SCHEDULED: Final = 6
"""A message that waits for its time, by its own number."""
WEB: Final = 7
"""A picture of a web page."""
INVITE: Final = 8
"""The photo of a group or channel that the viewer was invited to."""


class Origin(NamedTuple):
    """Where a viewer was shown a file."""

    kind: int
    peer: int = 0
    number: int = 0


class References:
    """`secret`: the deployment's. `key` is made from it; several nodes use that of the first one."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self.key = hashlib.blake2b(b"file references", key=secret, digest_size=32).digest()
        self._clock = clock

    def make(self, viewer: int, media_id: int, origin: Origin) -> bytes:
        period = limits.FILE_REFERENCE_SECONDS
        ends = (int(self._clock.now()) // period + 2) * period
        place = _PLACE.pack(origin.kind, origin.peer, origin.number & 0xFFFFFFFF, ends)
        return place + self._mac(viewer, media_id, place)

    def check(self, viewer: int, media_id: int, reference: bytes) -> Origin:
        """FILE_REFERENCE_EMPTY, FILE_REFERENCE_INVALID, FILE_REFERENCE_EXPIRED."""
        if not reference:
            raise errors.FILE_REFERENCE_EMPTY()
        place, mac = reference[: _PLACE.size], reference[_PLACE.size :]
        if len(reference) != BYTES or not hmac.compare_digest(mac, self._mac(viewer, media_id, place)):
            raise errors.FILE_REFERENCE_INVALID()
        kind, peer, number, ends = _PLACE.unpack(place)
        if ends <= self._clock.now():
            raise errors.FILE_REFERENCE_EXPIRED()
        return Origin(kind, peer, number)

    def _mac(self, viewer: int, media_id: int, place: bytes) -> bytes:
        bound = _BOUND(viewer, media_id)
        return hashlib.blake2b(place + bound, key=self.key, digest_size=_MAC_BYTES).digest()
