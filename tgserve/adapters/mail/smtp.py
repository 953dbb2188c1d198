"""E-mail through a mail server, by the standard library's smtplib in a thread.

Options: `host` and `from` (required), `port` (25, 465 with tls, 587 with starttls), `security` = "starttls" (default),
"tls" or "none", `user` and `password`, `seconds` for one try (20). Certificates are checked.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

from tgserve.adapters.contract import AdapterError, Later, Refused, Sent
from tgserve.adapters.mail.contract import Mail, MailResult
from tgserve.clock import Clock

PORTS = {"none": 25, "tls": 465, "starttls": 587}


@dataclass(slots=True, frozen=True)
class Account:
    host: str
    port: int
    security: str
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    seconds: int = 20


class SmtpSender:
    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock

    async def send(self, mail: Mail) -> MailResult:
        return await asyncio.get_running_loop().run_in_executor(None, self._send, mail)

    def _send(self, mail: Mail) -> MailResult:
        account = self._account
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = account.sender, mail.to, mail.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(self._clock.now(), UTC))
        message["Message-ID"] = make_msgid(domain=account.sender.rpartition("@")[2].rstrip(">"))
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return self._with_server(lambda server: server.send_message(message)) or Sent(
            str(message["Message-ID"])
        )

    async def probe(self) -> MailResult:
        """Connect and sign in, without a message."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._with_server, smtplib.SMTP.noop) or Sent()

    def _with_server(self, work: Callable[[smtplib.SMTP], object]) -> Later | Refused | None:
        """Do something while signed in; None: it went well."""
        account = self._account
        try:
            with self._connected() as server:
                if account.user:
                    server.login(account.user, account.password)
                work(server)
        except smtplib.SMTPRecipientsRefused:
            return Refused("the mail server refuses the address")
        except smtplib.SMTPAuthenticationError as fault:
            return Refused(f"the mail server refuses the login: {fault.smtp_code}")
        except smtplib.SMTPResponseException as fault:
            reason = f"the mail server said {fault.smtp_code}"
            return Later(reason) if 400 <= fault.smtp_code < 500 else Refused(reason)
        except (OSError, smtplib.SMTPException) as fault:
            return Later(f"{account.host}: {_named(fault)}")
        return None

    def _connected(self) -> smtplib.SMTP:
        account = self._account
        if account.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(account.host, account.port, timeout=account.seconds, context=context)
        server = smtplib.SMTP(account.host, account.port, timeout=account.seconds)
        if account.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        return server

    async def close(self) -> None:
        """A connection lives for one message."""


def _named(fault: OSError | smtplib.SMTPException) -> str:
    """The system's words, a library's sentence, or the kind of fault."""
    if isinstance(fault, smtplib.SMTPNotSupportedError):
        return "the mail server offers no such security or login"
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {fault.verify_message}"
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    return (isinstance(fault, OSError) and fault.strerror) or type(fault).__name__


def create(options: Mapping[str, Any], clock: Clock) -> SmtpSender:
    known: dict[str, type] = {
        "host": str,
        "from": str,
        "port": int,
        "security": str,
        "user": str,
        "password": str,
        "seconds": int,
    }
    wrong = [name for name, value in options.items() if name not in known or type(value) is not known[name]]
    if wrong:
        raise AdapterError(f"[mail.smtp]: {', '.join(wrong)}: no such option, or of another kind")
    security = options.get("security", "starttls")
    if security not in PORTS:
        raise AdapterError(f"[mail.smtp] security: one of {', '.join(PORTS)}")
    if not options.get("host") or "@" not in options.get("from", ""):
        raise AdapterError('[mail.smtp] needs host = "mail.example.org" and from = "server@example.org"')
    return SmtpSender(
        Account(
            host=options["host"],
            port=options.get("port", PORTS[security]),
            security=security,
            sender=options["from"],
            user=options.get("user", ""),
            password=options.get("password", ""),
            seconds=options.get("seconds", 20),
        ),
        clock,
    )
