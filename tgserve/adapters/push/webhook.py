"""A program of the operator's own, for token types without a service here: a POST of JSON, signed.

X-Tgserve-Signature is the HMAC-SHA256, in hex, of X-Tgserve-Timestamp, a dot and the body. Answers: 2xx it is taken,
410 the token is dead, 429 and 5xx later (Retry-After), anything else never.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Final

from tgserve.adapters import push as kinds
from tgserve.adapters.contract import AdapterError, Gone, Later, Options, Push, PushResult, Refused, Sent
from tgserve.adapters.http import BUSY, Caller, Unreachable, knock, tls, web_url
from tgserve.adapters.options import Option, takes
from tgserve.clock import Clock

SIGNATURE: Final = "X-Tgserve-Signature"
TIMESTAMP: Final = "X-Tgserve-Timestamp"


def types_of(text: str, place: str) -> frozenset[int]:
    """Token types by number. AdapterError."""
    found = {part.strip() for part in text.split(",") if part.strip()}
    if not found or not all(part.isdigit() and int(part) in kinds.NAMES for part in found):
        raise AdapterError(f"[{place}] types: `{text}` are not token types 1..{max(kinds.NAMES)}, as in 5,13")
    return frozenset(int(part) for part in found)


class WebhookSender:
    def __init__(
        self, caller: Caller, clock: Clock, url: str, secret: str, types: frozenset[int], ca: str
    ) -> None:
        self._caller = caller
        self._clock = clock
        self._url = url
        self._secret = secret.encode()
        self._ca = ca
        self.types = types

    async def send(self, push: Push) -> PushResult:
        body = json.dumps(
            {
                "token": push.token,
                "token_type": push.token_type,
                "payload": push.payload,
                "badge": push.badge,
                "silent": push.silent,
                "shows": push.shows,
                "title": push.title,
                "text": push.text,
                "collapse": push.collapse,
                "ttl": push.seconds,
                "sandbox": push.sandbox,
            },
            ensure_ascii=False,
        ).encode()
        now = str(int(self._clock.now()))
        sign = hmac.new(self._secret, now.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", TIMESTAMP: now, SIGNATURE: sign}
        try:
            answer = await self._caller.call("POST", self._url, data=body, headers=headers)
        except Unreachable as fault:
            return Later(str(fault))
        if 200 <= answer.status < 300:
            return Sent()
        if answer.status == 410:
            return Gone("410")
        if answer.status in BUSY:
            return self._caller.busy(answer, str(answer.status))
        return Refused(f"the webhook answers {answer.status}")

    async def probe(self) -> Sent | Later | Refused:
        return await knock(self._url, tls(self._ca)) or Sent()

    async def close(self) -> None:
        await self._caller.close()


@takes(
    "push.webhook",
    Option("url", "where pushes are posted to"),
    Option("secret", "what they are signed with", secret=True),
    Option("types", "token types it is for", default="3,5,6,8,11,12,13"),
    Option("ca", "file of certificates to trust besides", default=""),
)
def create(options: Options, clock: Clock) -> WebhookSender:
    return WebhookSender(
        Caller(clock, ca=options["ca"]),
        clock,
        web_url(options["url"], "push.webhook"),
        options["secret"],
        types_of(options["types"], "push.webhook"),
        options["ca"],
    )
