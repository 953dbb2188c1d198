"""What all nodes of one server hold in common, and whose a number is. Handed to a new node over the sealed line.

Ids are given out by ranges, so that two nodes never give the same one and everybody sees from the id where it is at
home: a joined node's users, groups and channels begin at dc << 35, its photos and documents have bit 62 and the dc
above bit 59. What has neither belongs to the keeper, which was there first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from tgserve.ids import AccessKind, Ids
from tgserve.services.users import RESERVED_IDS
from tgserve.store import node_records as n

KEY_BYTES: Final = 32


class Charter(msgspec.Struct, frozen=True, array_like=True):
    """`keeper`: DC of the node that keeps the directory. The keys are made from the keeper's secret, one-way."""

    keeper: int
    references: bytes
    """File references are made and checked with it."""
    access: bytes
    """Access hashes between a viewer and a person of different nodes."""
    tickets: bytes
    """Exported authorisations for another node."""

    @classmethod
    def make(cls, dc: int, secret: bytes, references: bytes) -> Charter:
        """The keeper's own, the same whenever it is made."""

        def key(person: bytes) -> bytes:
            return hashlib.blake2b(key=secret, digest_size=KEY_BYTES, person=person).digest()

        return cls(dc, references, key(b"node access"), key(b"node tickets"))

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Charter:
        """ValueError for anything that is none."""
        charter = msgspec.msgpack.decode(data, type=cls)
        keys = (charter.references, charter.access, charter.tickets)
        if not 1 <= charter.keeper <= 5 or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("no charter")
        return charter

    # -- whose is it? -------------------------------------------------------------------------------------------------

    def home(self, user_id: int) -> int:
        """DC of a user."""
        return n.home_of(user_id, self.keeper)

    def home_of_media(self, media_id: int) -> int:
        """DC where the bytes of a photo or document lie."""
        return n.home_of_media(media_id, self.keeper)


def take_range(ids: Ids, charter: Charter, dc: int) -> None:
    """From now on ids are given out of the range of `dc`."""
    if dc != charter.keeper:
        ids.base = dc << n.RANGE_BITS
        ids.media_mark = n.MEDIA_MARK | dc << n.MEDIA_BITS


def key_between(charter: Charter, dc: int) -> Callable[[int, AccessKind, int], bytes | None]:
    """For AccessHashes.shared_key: between a viewer and a person of different nodes both must work out the same."""

    def home(user_id: int) -> int:
        return dc if user_id <= RESERVED_IDS else charter.home(user_id)

    def key(viewer: int, kind: AccessKind, object_id: int) -> bytes | None:
        if kind == b"u" and (home(object_id) != dc or home(viewer) != dc):
            return charter.access
        return None

    return key
