"""auth.exportAuthorization for another node: a ticket that the node can check by itself, with the key all nodes share.

It names user, session, node and end, and is good once: the node that took it remembers it until it has ended. What is
signed in with it may fetch files there, and ends with the session that exported it (carrying.py, EndJoined).
"""

from __future__ import annotations

import hashlib
import hmac
from struct import Struct, error

from tgserve import limits
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.nodes.nodes import Nodes

_BODY = Struct(">BqqIB16s")  # version, user, session hash, ends, dc, nonce
_VERSION = 1
_MAC_BYTES = 32


class Tickets:
    def __init__(self, clock: Clock, ids: Ids, nodes: Nodes) -> None:
        self._clock = clock
        self._ids = ids
        self._nodes = nodes

    def make(self, dc: int, user_id: int, session_hash: int) -> bytes:
        """A ticket for the node that a client finds under this number; b"" when that is this one."""
        node = self._nodes.place_of(dc)
        charter = self._nodes.charter
        if node is None or charter is None:
            return b""
        ends = int(self._clock.now()) + limits.EXPORTED_AUTH_SECONDS
        body = _BODY.pack(_VERSION, user_id, session_hash, ends, node.dc, self._ids.random_bytes(16))
        return body + _mac(charter.tickets, body)

    def open(self, user_id: int, ticket: bytes) -> tuple[int, int]:
        """(session hash, end) of a ticket of another node's user for this one; (0, 0) when it is none."""
        charter = self._nodes.charter
        body, mac = ticket[: _BODY.size], ticket[_BODY.size :]
        if charter is None or not hmac.compare_digest(mac, _mac(charter.tickets, body)):
            return 0, 0
        try:
            version, user, session_hash, ends, dc, _ = _BODY.unpack(body)
        except error:
            return 0, 0
        good = version == _VERSION and user == user_id and dc == self._nodes.own_dc
        if not good or not self._nodes.far(user) or ends <= self._clock.now():
            return 0, 0
        return session_hash, ends


def _mac(key: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(body, key=key, digest_size=_MAC_BYTES).digest()
