"""Apple's push service: HTTP/2 with a provider token (ES256), for apps that were built under the operator's own team.

Alerts and silent pushes go to type 1, calls to type 9, whose topic ends in .voip. A token is made anew every 40
minutes: Apple refuses those older than an hour, and those that change more often than every 20 minutes.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any, Final

import httpx

from tgserve.adapters.contract import Gone, Later, Options, Push, PushResult, Refused, Sent
from tgserve.adapters.http import retry_after, tls, web_url
from tgserve.adapters.options import Option, takes
from tgserve.adapters.push import APNS, APNS_VOIP, signing
from tgserve.clock import Clock

TOKEN_SECONDS: Final = 40 * 60
SECONDS: Final = 20.0
MOST_BYTES: Final = {APNS: 4096, APNS_VOIP: 5120}
BUSY_SECONDS: Final = 10.0
DEAD: Final = frozenset({"BadDeviceToken", "Unregistered", "ExpiredToken", "DeviceTokenNotForTopic"})
BUSY: Final = frozenset({429, 500, 502, 503, 504})


class ApnsSender:
    types = frozenset({APNS, APNS_VOIP})

    def __init__(self, options: Options, clock: Clock, context: ssl.SSLContext) -> None:
        self._clock = clock
        self._key = signing.p256(signing.text_of(options["key"], "push.apns"), "push.apns")
        self._key_id = options["key_id"]
        self._team = options["team_id"]
        self._topic = options["topic"]
        self._hosts = {
            False: web_url(options["url"], "push.apns"),
            True: web_url(options["sandbox_url"], "push.apns"),
        }
        self._context = context
        self._client: httpx.AsyncClient | None = None
        self._token = ""
        self._token_made = 0.0

    async def send(self, push: Push) -> PushResult:
        voip = push.token_type == APNS_VOIP
        body = json.dumps(_body(push), ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) > MOST_BYTES[APNS_VOIP if voip else APNS]:
            return Refused(f"{len(body)} bytes are too many for APNs")
        headers = {
            "apns-topic": f"{self._topic}.voip" if voip else self._topic,
            "apns-push-type": "voip" if voip else "alert" if push.shows else "background",
            "apns-priority": "10" if push.shows else "5",
            "apns-expiration": str(int(self._clock.now()) + push.seconds),
        }
        if push.collapse and not voip:
            headers["apns-collapse-id"] = push.collapse[:64]
        url = f"{self._hosts[push.sandbox]}/3/device/{push.token.lower()}"
        try:
            async with asyncio.timeout(SECONDS):
                for _ in range(2):
                    signed = {"authorization": f"bearer {self._provider_token()}"}
                    answer = await self._open().post(url, content=body, headers=headers | signed)
                    if answer.status_code != 403 or _reason(answer) != "ExpiredProviderToken":
                        break
                    self._token = ""
        except TimeoutError:
            return Later(f"APNs did not answer within {SECONDS:g} s")
        except httpx.HTTPError as fault:
            await self._restart()
            return Later(f"APNs cannot be reached: {type(fault).__name__}")
        return self._result(answer)

    async def close(self) -> None:
        await self._restart()

    def _provider_token(self) -> str:
        now = self._clock.now()
        if not self._token or now - self._token_made >= TOKEN_SECONDS:
            self._token = signing.signed(
                {"iss": self._team, "iat": int(now)}, self._key, "ES256", kid=self._key_id
            )
            self._token_made = now
        return self._token

    def _result(self, answer: httpx.Response) -> PushResult:
        if answer.status_code == 200:
            return Sent(answer.headers.get("apns-id", ""))
        reason = _reason(answer)
        if answer.status_code == 410 or (answer.status_code == 400 and reason in DEAD):
            return Gone(reason or str(answer.status_code))
        if answer.status_code in BUSY:
            pause = retry_after(answer.headers.get("retry-after", ""), self._clock.now())
            return Later(reason or str(answer.status_code), pause or BUSY_SECONDS)
        return Refused(f"{answer.status_code} {reason}".strip())

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                http1=False,
                http2=True,
                verify=self._context,
                timeout=SECONDS,
                trust_env=False,
                follow_redirects=False,
            )
        return self._client

    async def _restart(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _body(push: Push) -> dict[str, Any]:
    aps: dict[str, Any] = {}
    if push.shows:
        text = push.text or "You have a new message"
        aps["alert"] = {"title": push.title, "body": text} if push.title else {"body": text}
        aps["mutable-content"] = 1
        if not push.silent:
            aps["sound"] = "default"
    else:
        aps["content-available"] = 1
    if push.badge >= 0:
        aps["badge"] = push.badge
    return {"aps": aps, **{name: value for name, value in push.payload.items() if name != "aps"}}


def _reason(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return ""
    return str(found.get("reason", ""))[:60] if isinstance(found, dict) else ""


@takes(
    "push.apns",
    Option("key", "signing key of your team (.p8): the PEM, or the file it is in", secret=True),
    Option("key_id", "its ten characters"),
    Option("team_id", "the ten characters of your team"),
    Option("topic", "bundle id of your app"),
    Option("url", "where APNs is", default="https://api.push.apple.com"),
    Option(
        "sandbox_url", "where its development environment is", default="https://api.sandbox.push.apple.com"
    ),
    Option("ca", "file of certificates to trust besides", default=""),
)
def create(options: Options, clock: Clock) -> ApnsSender:
    return ApnsSender(options, clock, tls(options["ca"]))
