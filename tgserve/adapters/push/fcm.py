"""Firebase Cloud Messaging, HTTP v1: Android apps that were built with the operator's own Firebase project.

A service account signs for an access token (RS256), which is kept until shortly before it ends. Every push is a data
message: the app decides what is shown. https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tgserve.adapters.contract import (
    AdapterError,
    Gone,
    Later,
    Options,
    Push,
    PushResult,
    Refused,
    Sent,
)
from tgserve.adapters.http import BUSY, Answer, Caller, Unreachable, web_url
from tgserve.adapters.options import Option, takes
from tgserve.adapters.push import FCM, signing
from tgserve.clock import Clock

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EARLY_SECONDS: Final = 300
QUOTA_SECONDS: Final = 60.0
"""Least pause after 429, as Google asks for."""
MOST_SECONDS: Final = 28 * 86_400


class FcmSender:
    types = frozenset({FCM})

    def __init__(
        self, caller: Caller, clock: Clock, account: Mapping[str, str], url: str, project: str
    ) -> None:
        self._caller = caller
        self._clock = clock
        self._email = account["client_email"]
        self._key = signing.rsa_key(account["private_key"], "push.fcm")
        self._key_id = account.get("private_key_id", "")
        self._token_url = account["token_uri"]
        self._url = f"{url}/v1/projects/{project}/messages:send"
        self._access = ""
        self._access_until = 0.0

    async def send(self, push: Push) -> PushResult:
        message: dict[str, Any] = {
            "token": push.token,
            "data": {name: _text(value) for name, value in push.payload.items()},
            "android": {
                "priority": "HIGH" if push.shows else "NORMAL",
                "ttl": f"{min(push.seconds, MOST_SECONDS)}s",
            },
        }
        if not push.shows and push.collapse:
            message["android"]["collapse_key"] = push.collapse
        try:
            for fresh in (False, True):
                access = await self._authorised(fresh)
                if not isinstance(access, str):
                    return access
                headers = {"Authorization": f"Bearer {access}"}
                answer = await self._caller.call(
                    "POST", self._url, json={"message": message}, headers=headers
                )
                if answer.status != 401:
                    break
        except Unreachable as fault:
            return Later(str(fault))
        return self._result(answer)

    async def probe(self) -> Sent | Later | Refused:
        try:
            access = await self._authorised(True)
        except Unreachable as fault:
            return Later(str(fault))
        return Sent() if isinstance(access, str) else access

    async def close(self) -> None:
        await self._caller.close()

    async def _authorised(self, fresh: bool) -> str | Later | Refused:
        """An access token. Raises Unreachable."""
        now = self._clock.now()
        if self._access and not fresh and now < self._access_until - EARLY_SECONDS:
            return self._access
        claims = {
            "iss": self._email,
            "scope": SCOPE,
            "aud": self._token_url,
            "iat": int(now),
            "exp": int(now) + 3600,
        }
        headers = {"kid": self._key_id} if self._key_id else {}
        assertion = signing.signed(claims, self._key, "RS256", **headers)
        form = {"grant_type": GRANT, "assertion": assertion}
        answer = await self._caller.call("POST", self._token_url, data=form)
        found = answer.json()
        if answer.status == 200 and isinstance(found, dict) and isinstance(found.get("access_token"), str):
            self._access = found["access_token"]
            self._access_until = now + float(found.get("expires_in") or 3600)
            return self._access
        self._access = ""
        if answer.status in BUSY:
            return self._caller.busy(answer, f"the token endpoint answers {answer.status}")
        error = found.get("error", "") if isinstance(found, dict) else ""
        return Refused(f"the service account is not taken: {answer.status} {str(error)[:60]}".rstrip())

    def _result(self, answer: Answer) -> PushResult:
        found = answer.json()
        if answer.status == 200:
            return Sent(str(found.get("name", "")) if isinstance(found, dict) else "")
        error = found.get("error") if isinstance(found, dict) else None
        error = error if isinstance(error, dict) else {}
        word = _word(error) or str(error.get("status", ""))
        if word == "UNREGISTERED" or (answer.status == 404 and word in ("NOT_FOUND", "")):
            return Gone(word or "404")
        if word == "INVALID_ARGUMENT" and "registration token" in str(error.get("message", "")).lower():
            return Gone("INVALID_ARGUMENT: no token")
        if answer.status == 429 or word == "QUOTA_EXCEEDED":
            later = self._caller.busy(answer, word or "429")
            return Later(
                later.reason, max(later.after_seconds, QUOTA_SECONDS if not later.after_seconds else 0)
            )
        if answer.status in BUSY or word in ("UNAVAILABLE", "INTERNAL"):
            return self._caller.busy(answer, word or str(answer.status))
        return Refused(f"{answer.status} {word}".strip())


def _word(error: Mapping[str, Any]) -> str:
    """FCM's own code among the details of an error."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and "errorCode" in detail:
            return str(detail["errorCode"])
    return ""


def _text(value: Any) -> str:
    """Data messages carry texts alone."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@takes(
    "push.fcm",
    Option(
        "credentials", "service account of your Firebase project: the JSON, or the file it is in", secret=True
    ),
    Option("project", "project id, when it is not the one in the credentials", default=""),
    Option("url", "where FCM is", default="https://fcm.googleapis.com"),
)
def create(options: Options, clock: Clock) -> FcmSender:
    text = signing.text_of(options["credentials"], "push.fcm")
    try:
        account = json.loads(text)
    except ValueError:
        raise AdapterError("[push.fcm] the credentials are no JSON") from None
    needed = ("client_email", "private_key", "token_uri")
    if not isinstance(account, dict) or not all(isinstance(account.get(name), str) for name in needed):
        raise AdapterError("[push.fcm] the credentials are not those of a service account")
    project = options["project"] or account.get("project_id", "")
    if not isinstance(project, str) or not project:
        raise AdapterError("[push.fcm] needs project: the credentials name none")
    web_url(account["token_uri"], "push.fcm")
    return FcmSender(Caller(clock), clock, account, web_url(options["url"], "push.fcm"), project)
