"""Twilio Programmable Messaging, POST /2010-04-01/Accounts/{Sid}/Messages.json.

Documented answers: 201 with `sid`; otherwise {"code", "message", "status"}. Codes that pass by themselves (too many
requests, a full queue, an outage) are Later, the rest is about the account or the number and is Refused.
"""

from __future__ import annotations

from typing import Any, Final

from tgserve.adapters.contract import AdapterError, Later, Options, Refused, Sent, Sms, SmsResult
from tgserve.adapters.http import BUSY, Answer, Caller, Unreachable, basic, told, web_url
from tgserve.adapters.options import Option, takes
from tgserve.clock import Clock

LATER_CODES: Final = frozenset({20429, 20500, 20503, 21611, 30001, 30022, 63038})
"""Too many requests, internal errors, queue of the sender full, queue overflow, carrier's rate, daily limit."""
CREDENTIALS: Final = frozenset({20003, 20005, 20006, 20008, 20403, 20404})
"""Authenticate; account not active; access denied; test credentials; forbidden; no such account."""
DAY_LIMIT: Final = 63038


class TwilioSender:
    def __init__(self, options: Options, clock: Clock) -> None:
        self._caller = Caller(clock)
        account = options["account"]
        self._account = f"{web_url(options['url'], 'sms.twilio')}/2010-04-01/Accounts/{account}"
        self._auth = basic(options["key"] or account, options["token"])
        self._from = (
            {"MessagingServiceSid": options["service"]} if options["service"] else {"From": options["from"]}
        )

    async def send(self, sms: Sms) -> SmsResult:
        form = {"To": "+" + sms.phone, "Body": sms.text, **self._from}
        try:
            answer = await self._caller.call(
                "POST", self._account + "/Messages.json", data=form, headers=self._auth
            )
        except Unreachable as fault:
            return Later(str(fault))
        said = _object(answer)
        if answer.status in (200, 201) and said.get("sid"):
            if said.get("status") in ("failed", "undelivered"):
                return Refused(told(f"{said.get('error_code')}: {said.get('error_message')}", sms))
            return Sent(str(said["sid"]))
        return self._failed(answer, said, sms)

    async def probe(self) -> SmsResult:
        """The account as the credentials see it. Keys that may only send are answered 403, which is no fault."""
        try:
            answer = await self._caller.call("GET", self._account + ".json", headers=self._auth)
        except Unreachable as fault:
            return Refused(str(fault))
        said = _object(answer)
        if answer.status == 200 and said.get("status") not in (None, "active"):
            return Refused(f"the account is {told(said['status'])}")
        return Sent() if answer.status in (200, 403) else self._failed(answer, said, None)

    async def close(self) -> None:
        await self._caller.close()

    def _failed(self, answer: Answer, said: dict[str, Any], sms: Sms | None) -> SmsResult:
        code = said.get("code")
        reason = f"{code}: {told(said.get('message', ''), sms)}" if code else f"answered {answer.status}"
        if code == DAY_LIMIT:
            return Later(reason, 3600)
        if answer.status in BUSY or code in LATER_CODES:
            return self._caller.busy(answer, reason)
        if answer.status == 401 or code in CREDENTIALS:
            return Refused(f"wrong credentials: {reason}")
        return Refused(reason)


@takes(
    "sms.twilio",
    Option("account", "Account SID, as in AC0123..."),
    Option("token", "Auth Token of the account, or the secret of `key`", secret=True),
    Option("key", "SID of an API key (SK...), in place of the account's own token", default=""),
    Option("from", "sender: a number of yours as in +15005550006, or an alphanumeric one", default=""),
    Option("service", "Messaging Service SID (MG...), in place of `from`", default=""),
    Option("url", "the API; other regions have others", default="https://api.twilio.com"),
)
def create(options: Options, clock: Clock) -> TwilioSender:
    if not options["account"].startswith("AC") or not options["account"].isalnum():
        raise AdapterError("[sms.twilio] account: an Account SID begins with AC")
    if bool(options["from"]) == bool(options["service"]):
        raise AdapterError("[sms.twilio] needs one of from, service")
    return TwilioSender(options, clock)


def _object(answer: Answer) -> dict[str, Any]:
    said = answer.json()
    return said if isinstance(said, dict) else {}
