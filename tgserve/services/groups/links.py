"""The hash of an invite link: 12 bytes as base64url, the group's id in the first five, chance in the rest.

The id inside tells in which slot the link is looked up, so that a link needs no row of its own elsewhere; it opens
nothing by itself. 56 random bits cannot be tried out over the wire.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from tgserve import errors
from tgserve.ids import Ids

HASH_CHARS: Final = 16
_ID_BYTES: Final = 5
_RANDOM_BYTES: Final = 7


def make_hash(chat: int, ids: Ids) -> str:
    return urlsafe_b64encode((-chat).to_bytes(_ID_BYTES, "big") + ids.random_bytes(_RANDOM_BYTES)).decode()


def chat_of(hash_: str) -> int:
    """The group a hash speaks of. INVITE_HASH_EMPTY, INVITE_HASH_INVALID."""
    if not hash_:
        raise errors.INVITE_HASH_EMPTY()
    if len(hash_) != HASH_CHARS or not hash_.isascii():
        raise errors.INVITE_HASH_INVALID()
    try:
        data = urlsafe_b64decode(hash_)
    except (binascii.Error, ValueError):
        raise errors.INVITE_HASH_INVALID() from None
    chat = -int.from_bytes(data[:_ID_BYTES], "big")
    if len(data) != _ID_BYTES + _RANDOM_BYTES or not chat:
        raise errors.INVITE_HASH_INVALID()
    return chat
