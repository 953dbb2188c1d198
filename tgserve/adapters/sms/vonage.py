"""Vonage SMS API, POST /sms/json.

Documented answer: always 200, {"messages": [{"status": "0", "message-id": ...}, ...]}, one for each part; a status
other than 0 is an error with `error-text`.
"""

from __future__ import annotations

from typing import Any, Final

from tgserve.adapters.contract import Later, Options, Refused, Sent, Sms, SmsResult
from tgserve.adapters.http import BUSY, Caller, Unreachable, told, web_url
from tgserve.adapters.options import Option, takes
from tgserve.clock import Clock

LATER: Final = frozenset({"1", "5", "10"})
"""Throttled, internal error, too many existing binds."""
CREDENTIALS: Final = frozenset({"4", "8", "11", "14", "32"})
"""Wrong key or secret; account barred; not enabled for HTTP; signatures where they are not wanted, or missing."""


class VonageSender:
    def __init__(self, options: Options, clock: Clock) -> None:
        self._caller = Caller(clock)
        self._url = web_url(options["url"], "sms.vonage")
        self._keys = {"api_key": options["key"], "api_secret": options["secret"]}
        self._from = options["from"]

    async def send(self, sms: Sms) -> SmsResult:
        kind = "text" if sms.text.isascii() else "unicode"
        form = {**self._keys, "from": self._from, "to": sms.phone, "text": sms.text, "type": kind}
        try:
            answer = await self._caller.call("POST", self._url + "/sms/json", data=form)
        except Unreachable as fault:
            return Later(str(fault))
        parts = _parts(answer.json())
        if answer.status in BUSY:
            return self._caller.busy(answer, f"answered {answer.status}")
        if answer.status == 401:
            return Refused("wrong credentials")
        if answer.status != 200 or not parts:
            return Refused(f"answered {answer.status}, not what the SMS API answers")
        bad = next((part for part in parts if str(part.get("status")) != "0"), None)
        if bad is None:
            return Sent(str(parts[0].get("message-id", "")))
        status = str(bad.get("status"))
        reason = f"{status}: {told(bad.get('error-text', ''), sms)}"
        if status in LATER:
            return self._caller.busy(answer, reason)
        return Refused(f"wrong credentials: {reason}" if status in CREDENTIALS else reason)

    async def probe(self) -> SmsResult:
        """The account's balance, which costs nothing."""
        try:
            answer = await self._caller.call("GET", self._url + "/account/get-balance", params=self._keys)
        except Unreachable as fault:
            return Refused(str(fault))
        if answer.status in (401, 403):
            return Refused("wrong credentials: key and secret are not accepted")
        return Sent() if answer.status == 200 else Refused(f"answered {answer.status}")

    async def close(self) -> None:
        await self._caller.close()


@takes(
    "sms.vonage",
    Option("key", "API key of the account"),
    Option("secret", "API secret of the account", secret=True),
    Option("from", "sender: a number or up to 11 letters and digits"),
    Option("url", "the API", default="https://rest.nexmo.com"),
)
def create(options: Options, clock: Clock) -> VonageSender:
    return VonageSender(options, clock)


def _parts(said: Any) -> list[dict[str, Any]]:
    parts = said.get("messages") if isinstance(said, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
