"""An Android phone as gateway: the API of the open app SMS Gateway for Android (sms-gate.app), on the phone itself, on
a private server or on its authors' cloud.

POST .../message (on the phone) or .../messages (servers) with {"textMessage": {"text"}, "phoneNumbers"} and basic
authentication answers 202 with an id; GET .../{id} tells the state: Pending, Processed, Sent, Delivered or Failed.
Codes are asked for with priority 100, which jumps the app's queue and its delays, and with a time to live.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote, urlsplit

from tgserve import limits
from tgserve.adapters.contract import Later, Options, Refused, Sent, Sms, SmsResult
from tgserve.adapters.http import BUSY, Answer, Caller, Unreachable, basic, told, web_url
from tgserve.adapters.options import Option, takes
from tgserve.clock import Clock

LOOK_SECONDS: Final = 0.5
PRIORITY: Final = 100
PROBE: Final = "tgserve-probe"


class AndroidSender:
    def __init__(self, options: Options, clock: Clock) -> None:
        self._caller = Caller(clock, ca=options["ca"])
        self._clock = clock
        url = web_url(options["url"], "sms.android")
        self._url = url + ("/messages" if urlsplit(url).path else "/message")
        self._auth = basic(options["user"], options["password"])
        self._more: dict[str, Any] = {}
        if options["sim"]:
            self._more["simNumber"] = options["sim"]
        if options["device"]:
            self._more["deviceId"] = options["device"]
        self._wait = options["wait"]

    async def send(self, sms: Sms) -> SmsResult:
        body = {
            "textMessage": {"text": sms.text},
            "phoneNumbers": ["+" + sms.phone],
            "ttl": limits.CODE_SECONDS,
            "priority": PRIORITY,
            "withDeliveryReport": False,
            **self._more,
        }
        try:
            answer = await self._caller.call("POST", self._url, json=body, headers=self._auth)
        except Unreachable as fault:
            return Later(str(fault))
        if answer.status not in (200, 201, 202):
            return self._failed(answer, sms)
        name = _object(answer).get("id")
        if not isinstance(name, str) or not name:
            return Refused("answered without an id: is this the app's API?")
        return await self._followed(name, sms)

    async def probe(self) -> SmsResult:
        """Ask for a message that is not there: who may ask is told so."""
        try:
            answer = await self._caller.call("GET", f"{self._url}/{PROBE}", headers=self._auth)
        except Unreachable as fault:
            return Refused(str(fault))
        return Sent() if answer.status in (200, 400, 404) else self._failed(answer, None)

    async def close(self) -> None:
        await self._caller.close()

    async def _followed(self, name: str, sms: Sms) -> SmsResult:
        """Until the phone has handed it on or has failed, for as long as `wait` says; then it is as good as sent."""
        end = self._clock.monotonic() + self._wait
        while self._clock.monotonic() < end:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                answer = await self._caller.call(
                    "GET", f"{self._url}/{quote(name, safe='')}", headers=self._auth
                )
            except Unreachable:
                break
            said = _object(answer)
            if said.get("state") == "Failed":
                return Refused(f"the phone could not send it: {told(_fault(said), sms)}")
            if said.get("state") in ("Sent", "Delivered"):
                break
        return Sent(name)

    def _failed(self, answer: Answer, sms: Sms | None) -> SmsResult:
        reason = f"answered {answer.status}: {told(_object(answer).get('message', ''), sms)}".rstrip(": ")
        if answer.status in (401, 403):
            return Refused(f"wrong credentials: {reason}")
        return self._caller.busy(answer, reason) if answer.status in BUSY else Refused(reason)


@takes(
    "sms.android",
    Option("url", "http://PHONE:8080, or https://api.sms-gate.app/3rdparty/v1, or that of a private server"),
    Option("user", "as the app shows it"),
    Option("password", "as the app shows it", secret=True),
    Option("sim", "which SIM card, 1..3; 0: as the app is set", int, default=0, high=3),
    Option("device", "id of the phone, when a server has several", default=""),
    Option("wait", "seconds to wait for the phone's word whether it could send", int, default=6, high=60),
    Option("ca", "file of certificates to trust besides: a private server's", default=""),
)
def create(options: Options, clock: Clock) -> AndroidSender:
    return AndroidSender(options, clock)


def _object(answer: Answer) -> dict[str, Any]:
    said = answer.json()
    return said if isinstance(said, dict) else {}


def _fault(said: dict[str, Any]) -> str:
    found = said.get("recipients")
    faults = [one.get("error") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return next((str(fault) for fault in faults if fault), "no reason given")
