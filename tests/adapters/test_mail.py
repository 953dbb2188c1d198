"""E-mail: the SMTP adapter against a real mail server on loopback, the desk, loading by name."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.ports import free_port
from tgserve.adapters.contract import AdapterError, Later, Refused, Sent
from tgserve.adapters.mail import console, desk, loading, smtp
from tgserve.adapters.mail.contract import Mail
from tgserve.clock import SystemClock
from tgserve.config import Config, parse

MAIL = Mail("ann@example.org", "Community: your code", "204571 is your code, Ämilie.\n")


class Inbox:
    """Keeps what comes; addresses that begin with `no` are refused, with `later` put off."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("no"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if envelope.rcpt_tos[0].startswith("later"):
            return "451 try again"
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def server() -> Any:
    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"us", b"secret"))

    port = free_port()
    controller = Controller(
        Inbox(), hostname="127.0.0.1", port=port, authenticator=login, auth_require_tls=False
    )
    controller.start()
    yield controller
    controller.stop(no_assert=True)


def sender(port: int, **more: Any) -> smtp.SmtpSender:
    options = {
        "host": "127.0.0.1",
        "port": port,
        "from": "server@example.org",
        "security": "none",
        "seconds": 5,
    }
    return smtp.create(options | more, SystemClock())


def send(port: int, mail: Mail = MAIL, **more: Any) -> Any:
    return asyncio.run(sender(port, **more).send(mail))


def test_a_mail_arrives_as_it_was_given(server: Any) -> None:
    assert isinstance(send(server.port), Sent)
    (envelope,) = server.handler.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("server@example.org", ["ann@example.org"])
    got = message_from_bytes(envelope.content)
    assert got["Subject"] == MAIL.subject and got["Auto-Submitted"] == "auto-generated" and got["Date"]
    payload: Any = got.get_payload(decode=True)
    assert payload.decode().replace("\r\n", "\n") == MAIL.text


def test_what_goes_wrong_is_a_result(server: Any) -> None:
    assert isinstance(send(server.port, Mail("no@example.org", "s", "t")), Refused)
    assert isinstance(send(server.port, Mail("later@example.org", "s", "t")), Later)
    assert isinstance(send(server.port, user="us", password="wrong"), Later | Refused)
    assert isinstance(send(server.port, user="us", password="secret"), Sent)
    assert isinstance(send(server.port, security="starttls"), Later | Refused)
    assert isinstance(send(1), Later)


def test_the_desk_tries_again_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "BACKOFF_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(desk, "WAITING", 1)

    class Shy:
        tries = 0

        async def send(self, mail: Mail) -> Any:
            self.tries += 1
            return Later("busy") if self.tries < 3 else Sent()

        async def close(self) -> None: ...

    async def story() -> None:
        shy, tasks = Shy(), []
        table = desk.MailDesk(shy, lambda work: tasks.append(asyncio.ensure_future(work)))
        assert table.post(MAIL)
        assert not table.post(MAIL)
        await asyncio.gather(*tasks)
        assert shy.tries == 3 and table.waiting == 0

    asyncio.run(story())


def test_loading_by_name() -> None:
    assert isinstance(loading.mail_sender(Config(), SystemClock()), console.ConsoleSender)
    good = parse('[mail]\nadapter = "smtp"\n[mail.smtp]\nhost = "mail"\nfrom = "a@b.org"\n')
    assert isinstance(loading.mail_sender(good, SystemClock()), smtp.SmtpSender)
    for text in (
        '[mail]\nadapter = "pigeon"\n',
        '[mail]\nadapter = "smtp"\n',
        '[mail]\nadapter = "smtp"\n[mail.smtp]\nhost = 5\n',
        '[mail]\nadapter = "smtp"\n[mail.smtp]\nhost = "m"\nfrom = "a@b"\nsecurity = "rot13"\n',
        "[mail.console]\nx = 1\n",
    ):
        with pytest.raises(AdapterError):
            loading.mail_sender(parse(text), SystemClock())
