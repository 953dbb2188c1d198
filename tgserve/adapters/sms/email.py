"""E-mail instead of SMS: to a gateway that makes one of it ({phone}@sms.example.org), or to the address of a number.

The mail server is spoken to as by the mail adapter `smtp`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping

from tgserve.adapters.contract import AdapterError, Options, Refused, Sms, SmsResult
from tgserve.adapters.mail import smtp
from tgserve.adapters.mail.contract import Mail
from tgserve.adapters.options import Option, takes
from tgserve.clock import Clock


class EmailSender:
    def __init__(self, mail: smtp.SmtpSender, to: str, addresses: Mapping[str, str], subject: str) -> None:
        self._mail = mail
        self._to = to
        self._addresses = {number.lstrip("+"): address for number, address in addresses.items()}
        self._subject = subject

    async def send(self, sms: Sms) -> SmsResult:
        to = self._addresses.get(sms.phone) or self._to.format(phone=sms.phone, plus="+" + sms.phone)
        if not to:
            return Refused("this number has no address here")
        return await self._mail.send(Mail(to, self._subject, sms.text))

    async def probe(self) -> SmsResult:
        return await self._mail.probe()

    async def close(self) -> None:
        await self._mail.close()


@takes(
    "sms.email",
    Option("host", "mail server"),
    Option("from", "sender, as in server@example.org"),
    Option("to", "address of the gateway with {phone} (digits) or {plus} (+digits) in it", default=""),
    Option("addresses", "addresses by number, for those that have one", dict, default={}),
    Option("subject", "line that some gateways put before the text; may be empty", default=""),
    Option("security", "how the connection is encrypted", default="starttls", choices=tuple(smtp.PORTS)),
    Option("port", "0: as `security` says", int, default=0, high=65535),
    Option("user", "login of the mail server", default=""),
    Option("password", "password of `user`", default="", secret=True),
)
def create(options: Options, clock: Clock) -> EmailSender:
    to = options["to"]
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(to) if name is not None}
    except ValueError as fault:
        raise AdapterError(f"[sms.email] to: {fault}") from None
    if names - {"phone", "plus"}:
        raise AdapterError("[sms.email] to: only {phone} and {plus} are filled in")
    if to and ("@" not in to or not names):
        raise AdapterError(
            "[sms.email] to: an address with {phone} or {plus} in it, as {phone}@sms.example.org"
        )
    if not to and not options["addresses"]:
        raise AdapterError("[sms.email] needs to or addresses")
    if any("@" not in address for address in options["addresses"].values()):
        raise AdapterError("[sms.email] addresses: a table of number = address")
    server = {name: options[name] for name in ("host", "from", "security", "user", "password")}
    if options["port"]:
        server["port"] = options["port"]
    return EmailSender(smtp.create(server, clock), to, options["addresses"], options["subject"])
