"""SMS by e-mail, over a mail server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.ports import free_port
from tgserve.adapters.contract import AdapterError, Later, Refused, Sent, Sms
from tgserve.adapters.sms import email
from tgserve.clock import SystemClock
from tgserve.testing.sms_suite import HELLO, SmsSuite


class Gateway:
    """Makes SMS of the mails it gets; numbers that begin with 1 are refused."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("1"):
            return "550 no route"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        payload: Any = message_from_bytes(envelope.content).get_payload(decode=True)
        text = payload.decode().replace("\r\n", "\n").removesuffix("\n")
        self.received.append((envelope.rcpt_tos[0].partition("@")[0], text))
        return "250 OK"


class TestEmail(SmsSuite):
    @pytest.fixture(autouse=True)
    def _gateway(self) -> Iterator[None]:
        def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
            return AuthResult(success=(data.login, data.password) == (b"us", b"secret"), handled=False)

        self.port = free_port()
        self.gateway = Gateway()
        controller = Controller(
            self.gateway, hostname="127.0.0.1", port=self.port, authenticator=login, auth_require_tls=False
        )
        controller.start()
        yield
        controller.stop(no_assert=True)

    def sender(self, **more: Any) -> email.EmailSender:
        options = {
            "host": "127.0.0.1",
            "port": self.port,
            "from": "server@example.org",
            "security": "none",
            "to": "{phone}@sms.example.org",
            "user": "us",
            "password": "secret",
        }
        return email.create(options | more, SystemClock())

    def broken(self) -> email.EmailSender:
        return self.sender(password="wrong")

    def received(self) -> list[tuple[str, str]]:
        return self.gateway.received

    def test_addresses_of_their_own(self) -> None:
        sender = self.sender(addresses={"+999661234": "ann@example.org"})
        self._run(sender, [HELLO, Sms("999661235", "20457", "x")])
        assert [to for to, _ in self.received()] == ["ann", "999661235"]
        only = self.sender(to="", addresses='{"999661234": "ann@example.org"}')
        results = self._run(only, [HELLO, Sms("999661235", "20457", "x")])
        assert [type(result) for result in results] == [Sent, Refused]

    def test_probing_and_faults(self) -> None:
        def probe(**more: Any) -> Any:
            return asyncio.run(self.sender(**more).probe())

        assert probe() == Sent()
        wrong = probe(password="wrong")
        assert isinstance(wrong, Later | Refused) and "login" in wrong.reason
        assert "Connection refused" in probe(port=1).reason
        assert "no such security" in probe(security="starttls").reason
        assert "no-such-host.invalid: " in probe(host="no-such-host.invalid").reason
        assert self._run(self.sender(), [Sms("12345678", "1", "x")]) == [
            Refused("the mail server refuses the address")
        ]
        assert self.received() == []

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({"to": ""}, "needs to or addresses"),
            ({"to": "sms@example.org"}, "with {phone}"),
            ({"to": "{phone}"}, "an address"),
            ({"to": "{text}@example.org"}, "only {phone}"),
            ({"to": "{phone@example.org"}, "to: "),
            ({"addresses": {"999": "x"}}, "number = address"),
            ({"security": "rot13"}, "none of"),
            ({"port": 70000}, "not 0..65535"),
            ({"from": "nobody"}, "needs host"),
        ],
    )
    def test_options(self, more: dict[str, Any], says: str) -> None:
        with pytest.raises(AdapterError, match=says):
            self.sender(**more)
