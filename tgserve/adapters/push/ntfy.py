"""ntfy: readable notifications in its own apps, for those who have no client with push. The token is a topic.

Whoever knows a topic reads it: let people choose ones that cannot be guessed, or protect them on your ntfy server.
Devices that asked for encryption, and pushes with nothing to show, are passed over.
"""

from __future__ import annotations

import re
from typing import Final

from tgserve.adapters.contract import Gone, Later, Options, Push, PushResult, Refused, Sent
from tgserve.adapters.http import BUSY, Caller, Unreachable, web_url
from tgserve.adapters.options import Option, takes
from tgserve.adapters.push.webhook import types_of
from tgserve.clock import Clock

TOPIC: Final = re.compile(r"[-_A-Za-z0-9]{1,64}")


class NtfySender:
    def __init__(self, caller: Caller, url: str, token: str, types: frozenset[int]) -> None:
        self._caller = caller
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.types = types

    async def send(self, push: Push) -> PushResult:
        if not TOPIC.fullmatch(push.token):
            return Gone("no topic of ntfy")
        if not push.shows or not (push.text or push.title):
            return Sent()
        message = {
            "topic": push.token,
            "title": push.title,
            "message": push.text,
            "priority": 2 if push.silent else 4,
        }
        try:
            answer = await self._caller.call("POST", self._url, json=message, headers=self._headers)
        except Unreachable as fault:
            return Later(str(fault))
        if answer.status == 200:
            found = answer.json()
            return Sent(str(found.get("id", ""))[:60] if isinstance(found, dict) else "")
        if answer.status in BUSY or answer.status == 507:
            return self._caller.busy(answer, f"ntfy answers {answer.status}")
        return Refused(f"ntfy answers {answer.status}")

    async def probe(self) -> Sent | Later | Refused:
        try:
            answer = await self._caller.call("GET", f"{self._url}/v1/health", headers=self._headers)
        except Unreachable as fault:
            return Later(str(fault))
        found = answer.json()
        if answer.status == 200 and isinstance(found, dict) and found.get("healthy") is True:
            return Sent()
        return Refused(f"{self._url} is no healthy ntfy server: it answers {answer.status}")

    async def close(self) -> None:
        await self._caller.close()


@takes(
    "push.ntfy",
    Option("url", "your ntfy server, as in https://ntfy.example.org"),
    Option("token", "access token, when publishing needs one", default="", secret=True),
    Option("types", "token types whose tokens are topics", default="5"),
    Option("ca", "file of certificates to trust besides", default=""),
)
def create(options: Options, clock: Clock) -> NtfySender:
    url = web_url(options["url"], "push.ntfy")
    types = types_of(options["types"], "push.ntfy")
    return NtfySender(Caller(clock, ca=options["ca"]), url, options["token"], types)
