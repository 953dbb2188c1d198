"""Links to oneself that need neither username nor number: who has one finds its owner, until it runs out.

A token is user id, expiry and a MAC over both under the deployment's secret: nothing is stored, and none can be made
by anybody else (SECURITY 6.1).
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest
from struct import Struct

from tgserve import errors, limits
from tgserve.clock import Clock

_HEAD = Struct(">qI")
_MAC_BYTES = 12
"""Head and MAC are 24 bytes, which is base64 without padding."""


class ContactTokens:
    def __init__(self, clock: Clock, secret: bytes) -> None:
        self._clock = clock
        self._secret = secret

    def make(self, user_id: int) -> tuple[str, int]:
        """(token, when it runs out)."""
        expires = int(self._clock.now()) + limits.CONTACT_TOKEN_SECONDS
        head = _HEAD.pack(user_id, expires)
        return urlsafe_b64encode(head + self._mac(head)).decode(), expires

    def read(self, token: str) -> int:
        """Whose token this is. IMPORT_TOKEN_INVALID."""
        try:
            data = urlsafe_b64decode(token.encode("ascii"))
        except ValueError:
            raise errors.IMPORT_TOKEN_INVALID() from None
        head, mac = data[: _HEAD.size], data[_HEAD.size :]
        if len(data) != _HEAD.size + _MAC_BYTES or not compare_digest(mac, self._mac(head)):
            raise errors.IMPORT_TOKEN_INVALID()
        user_id, expires = _HEAD.unpack(head)
        if expires <= self._clock.now():
            raise errors.IMPORT_TOKEN_INVALID()
        return int(user_id)

    def _mac(self, head: bytes) -> bytes:
        return hashlib.blake2b(
            head, key=self._secret, digest_size=_MAC_BYTES, person=b"tgserve-contact"
        ).digest()
