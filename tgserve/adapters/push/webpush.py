"""Web push (token type 10): to browsers and to apps behind UnifiedPush, encrypted for them alone (RFC 8291), by a
sender who names himself (VAPID, RFC 8292).

The token is the client's JSON with endpoint and keys. A push service is shown the size and the time of a push, and no
more.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from tgserve.adapters.contract import AdapterError, Gone, Options, Push, PushResult, Refused
from tgserve.adapters.http import Unreachable
from tgserve.adapters.options import Option, takes
from tgserve.adapters.push import WEB, signing
from tgserve.adapters.push.endpoints import Endpoints
from tgserve.clock import Clock

RECORD_BYTES: Final = 4096
MOST_BYTES: Final = 3992
"""Of the JSON, so that all of it fits into what every push service must take (RFC 8030 7.2)."""
TOKEN_SECONDS: Final = 12 * 3600
"""How long a signature is good for; RFC 8292 allows a day."""
ORIGINS_KEPT: Final = 1000


class WebPushSender:
    types = frozenset({WEB})
    wakes_only = False
    by_endpoint = True

    def __init__(
        self, endpoints: Endpoints, clock: Clock, key: ec.EllipticCurvePrivateKey, contact: str
    ) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._key = key
        self._contact = contact
        self.public = signing.unpadded(signing.raw_point(key))
        """What pages give as applicationServerKey."""
        self._signed: dict[str, tuple[float, str]] = {}

    async def send(self, push: Push) -> PushResult:
        try:
            token = json.loads(push.token)
            endpoint = URL(token["endpoint"])
            point, auth = _bytes(token["keys"]["p256dh"]), _bytes(token["keys"]["auth"])
        except (ValueError, KeyError, TypeError):
            return Gone("the token is no web push token")
        data = json.dumps(push.payload, ensure_ascii=False, separators=(",", ":")).encode()
        if len(data) > MOST_BYTES:
            return Refused(f"{len(data)} bytes are too many for a web push")
        try:
            body = http_ece.encrypt(
                data,
                private_key=ec.generate_private_key(ec.SECP256R1()),
                dh=point,
                auth_secret=auth,
                version="aes128gcm",
                rs=RECORD_BYTES,
            )
        except (http_ece.ECEException, ValueError):
            return Gone("nothing can be encrypted for this token")
        headers = {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(push.seconds),
            "Urgency": "low" if not push.shows else "normal" if push.silent else "high",
            "Authorization": f"vapid t={self._vapid(str(endpoint.origin()))}, k={self.public}",
        }
        if push.collapse:
            headers["Topic"] = push.collapse[:32]
        host = endpoint.host or "?"
        try:
            answer = await self._endpoints.call("POST", str(endpoint), body, headers)
        except Unreachable as fault:
            return Refused(str(fault))
        return self._endpoints.result(answer, host)

    async def close(self) -> None:
        await self._endpoints.close()

    def _vapid(self, origin: str) -> str:
        now = self._clock.now()
        kept = self._signed.get(origin)
        if kept is not None and kept[0] > now + TOKEN_SECONDS / 2:
            return kept[1]
        if len(self._signed) >= ORIGINS_KEPT:
            self._signed.clear()
        expires = int(now) + TOKEN_SECONDS
        made = signing.signed({"aud": origin, "exp": expires, "sub": self._contact}, self._key, "ES256")
        self._signed[origin] = (expires, made)
        return made


def _bytes(text: Any) -> bytes:
    plain = str(text).strip().rstrip("=").replace("+", "-").replace("/", "_")
    return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))


@takes(
    "push.webpush",
    Option("private_key", "P-256 key in PEM form, or the file it is in", secret=True),
    Option("contact", "mailto: or https: address by which push services reach you"),
    Option("allow_private", "networks beside the public internet that endpoints may be in", default=""),
)
def create(options: Options, clock: Clock) -> WebPushSender:
    contact = options["contact"]
    if not contact.startswith(("mailto:", "https://")):
        raise AdapterError(f"[push.webpush] contact: `{contact}` is neither mailto:NAME@HOST nor https://...")
    key = signing.p256(signing.text_of(options["private_key"], "push.webpush"), "push.webpush")
    return WebPushSender(Endpoints(clock, options["allow_private"].split(",")), clock, key, contact)
