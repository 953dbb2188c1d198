"""SMS over HTTP: Twilio, Vonage, a phone, any other; each against a server that checks and answers as documented."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.adapters.certificates import certificate
from tests.adapters.peers import Peer, Phone, Twilio, Vonage
from tests.ports import free_port
from tgserve.adapters.contract import AdapterError, Later, Refused, Sent, Sms
from tgserve.adapters.http import retry_after, told
from tgserve.adapters.sms import android, twilio, vonage, webhook
from tgserve.clock import SystemClock
from tgserve.testing.sms_suite import HELLO, SmsSuite

CLOCK = SystemClock()


def send(sender: Any, sms: Sms = HELLO) -> Any:
    async def story() -> Any:
        try:
            return await sender.send(sms)
        finally:
            await sender.close()

    return asyncio.run(story())


def probe(sender: Any) -> Any:
    async def story() -> Any:
        try:
            return await sender.probe()
        finally:
            await sender.close()

    return asyncio.run(story())


class Suite(SmsSuite):
    """The public kit over a peer."""

    peer: Peer

    def made(self) -> Peer:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _peer(self) -> Iterator[None]:
        self.peer = self.made().start()
        yield
        self.peer.stop()

    def received(self) -> list[tuple[str, str]]:
        return self.peer.received


class TestTwilio(Suite):
    peer: Twilio

    def made(self) -> Twilio:
        return Twilio()

    def sender(self, **more: Any) -> twilio.TwilioSender:
        options = {"account": "AC0123", "token": "secret", "from": "+15005550006", "url": self.peer.url}
        return twilio.create(options | more, CLOCK)

    def broken(self) -> twilio.TwilioSender:
        return self.sender(token="wrong")

    def test_it_is_taken_with_its_number(self) -> None:
        assert send(self.sender()) == Sent("SM0042")
        assert send(self.sender(**{"from": "", "service": "MG7"})) == Sent("SM0042")

    def test_wrong_credentials_are_told(self) -> None:
        assert probe(self.sender()) == Sent()
        for result in (send(self.broken()), probe(self.broken())):
            assert isinstance(result, Refused) and "wrong credentials: 20003: Authenticate" in result.reason
        assert send(self.sender(account="AC9")).reason.startswith("wrong credentials")

    def test_documented_errors(self) -> None:
        bad = send(self.sender(), Sms("999000000", "20457", "x 20457"))
        assert (
            isinstance(bad, Refused)
            and bad.reason == "21211: The 'To' number ... is not a valid phone number."
        )
        assert send(self.sender(**{"from": "+1"})) == Refused("21212: Invalid From Number")
        for fault, after in (
            (Twilio.fault(20429, "Too Many Requests", 429, **{"Retry-After": "7"}), 7),
            (Twilio.fault(21611, "This 'From' number has exceeded the maximum number of queued messages"), 0),
            (Twilio.fault(20500, "Internal Server Error", 500), 0),
            (Twilio.fault(63038, "Daily message limit exceeded", 429), 3600),
        ):
            self.peer.answers.append(fault)
            result = send(self.sender())
            assert isinstance(result, Later) and result.after_seconds == after
        for code in (21408, 21608, 21610, 21612, 21614):
            self.peer.answers.append(Twilio.fault(code, "for ever"))
            assert send(self.sender()) == Refused(f"{code}: for ever")
        self.peer.answers.append(
            web.json_response({"sid": "SM1", "status": "failed", "error_code": 30006}, status=201)
        )
        assert isinstance(send(self.sender()), Refused)
        self.peer.answers.append(web.Response(text="<html>", status=502))
        assert isinstance(send(self.sender()), Later)
        assert self.received() == []

    @pytest.mark.parametrize(
        "more",
        [
            {"account": "0123"},
            {"from": ""},
            {"service": "MG7"},
            {"url": "ftp://x"},
            {"color": "red"},
            {"token": ""},
        ],
    )
    def test_options(self, more: dict[str, Any]) -> None:
        with pytest.raises(AdapterError, match=r"sms\.twilio"):
            self.sender(**more)


class TestVonage(Suite):
    peer: Vonage

    def made(self) -> Vonage:
        return Vonage()

    def sender(self, **more: Any) -> vonage.VonageSender:
        options = {"key": "abcd", "secret": "secret", "from": "tgserve", "url": self.peer.url}
        return vonage.create(options | more, CLOCK)

    def broken(self) -> vonage.VonageSender:
        return self.sender(secret="wrong")

    def test_documented_errors(self) -> None:
        assert send(self.sender()) == Sent("0A00")
        self.peer.error = "number {to} and more"
        for status in map(str, (1, 5, 10)):
            self.peer.status = status
            assert isinstance(send(self.sender()), Later)
        for status in map(str, (2, 3, 6, 7, 9, 12, 15, 22, 29, 33)):
            self.peer.status = status
            assert send(self.sender()) == Refused(f"{status}: number ... and more")
        for status in map(str, (8, 11, 14, 32)):
            self.peer.status = status
            assert send(self.sender()).reason.startswith("wrong credentials")
        for answer in (web.Response(text="x"), web.json_response({"messages": []}), web.json_response([1])):
            self.peer.answers.append(answer)
            assert isinstance(send(self.sender()), Refused)
        self.peer.answers.append(web.Response(status=503))
        assert isinstance(send(self.sender()), Later)

    def test_wrong_credentials_are_told(self) -> None:
        assert probe(self.sender()) == Sent()
        assert send(self.broken()) == Refused("wrong credentials: 4: Bad Credentials")
        assert probe(self.broken()).reason.startswith("wrong credentials")


class TestAndroid(Suite):
    peer: Phone

    def made(self) -> Phone:
        return Phone()

    def sender(self, **more: Any) -> android.AndroidSender:
        options = {"url": self.peer.url, "user": "sms", "password": "secret"}
        return android.create(options | more, CLOCK)

    def broken(self) -> android.AndroidSender:
        return self.sender(password="wrong")

    def test_the_phones_word_is_waited_for(self) -> None:
        assert send(self.sender(sim=2, device="d1")) == Sent("zXDY")
        body = self.peer.bodies[0]
        assert (body["simNumber"], body["deviceId"], body["priority"], body["ttl"]) == (2, "d1", 100, 300)
        self.peer.states, self.peer.error = ["Processed", "Failed"], "RESULT_ERROR_NO_SERVICE +999661234"
        result = send(self.sender())
        assert result == Refused("the phone could not send it: RESULT_ERROR_NO_SERVICE ...")
        asked = len(self.peer.requests)
        assert send(self.sender(wait=0)) == Sent("zXDY")
        assert len(self.peer.requests) == asked + 1

    def test_a_server_has_another_path(self) -> None:
        server = Phone("/3rdparty/v1")
        server.start()
        try:
            assert send(self.sender(url=f"{server.url}/3rdparty/v1", wait=0)) == Sent("zXDY")
            assert probe(self.sender(url=f"{server.url}/3rdparty/v1/")) == Sent()
            assert isinstance(probe(self.sender(url=f"{server.url}/3rdparty/v1", user="x")), Refused)
        finally:
            server.stop()

    def test_documented_errors(self) -> None:
        said = {
            "error": "QueueLimitExceeded",
            "message": "queue limits exceeded: too many pending messages: 9 / 8",
        }
        self.peer.answers.append(web.json_response(said, status=503, headers={"Retry-After": "20"}))
        result = send(self.sender())
        assert isinstance(result, Later) and result.after_seconds == 20 and "queue limits" in result.reason
        self.peer.answers.append(web.json_response({"message": "failed to validate phone"}, status=400))
        assert send(self.sender()) == Refused("answered 400: failed to validate phone")
        self.peer.answers.append(web.json_response({"ok": 1}, status=200))
        assert "app's API" in send(self.sender()).reason
        assert probe(self.sender()) == Sent()
        assert probe(self.broken()).reason.startswith("wrong credentials")


class Any_(Peer):
    """Takes JSON, forms, XML and queries."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/json", self.json),
            web.post("/form", self.form),
            web.post("/xml", self.text),
            web.get("/query/{phone}", self.query),
        ]

    async def json(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.headers.get("Authorization") != "Bearer t0ken":
            return web.json_response({"error": {"detail": "bad token for +999661234"}}, status=403)
        self.received.append((body["to"][0]["n"].removeprefix("+"), body["msg"]))
        return web.json_response({"result": [{"state": "queued", "id": 77}]})

    async def form(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.received.append((str(form["to"]), str(form["text"])))
        return web.Response(text="OK 1")

    async def text(self, request: web.Request) -> web.Response:
        self.received.append(("xml", (await request.text())))
        return web.Response(text="<ok/>")

    async def query(self, request: web.Request) -> web.Response:
        self.received.append((request.match_info["phone"], request.query["t"]))
        return web.Response(text="fine")


class TestWebhook(Suite):
    peer: Any_

    def made(self) -> Any_:
        return Any_()

    def sender(self, **more: Any) -> webhook.WebhookSender:
        options = {
            "url": self.peer.url + "/json",
            "headers": {"Authorization": "Bearer {token}"},
            "token": "t0ken",
            "body": '{"to": [{"n": "{plus}"}], "msg": "{text}", "flag": true, "kind": 3}',
            "ok": "result.0.state",
            "values": "queued,sent",
            "id": "result.0.id",
            "error": "error.detail",
        }
        return webhook.create(options | more, CLOCK)

    def broken(self) -> webhook.WebhookSender:
        return self.sender(token="wrong")

    def test_answers_are_read_as_the_operator_says(self) -> None:
        assert send(self.sender()) == Sent("77")
        assert send(self.broken()) == Refused("answered 403: bad token for ...")
        assert send(self.sender(values="sent")) == Refused("result.0.state is queued")
        assert send(self.sender(ok="result.7.state")) == Refused("result.7.state is null")
        self.peer.answers.append(web.Response(status=429, headers={"Retry-After": "12"}))
        assert send(self.sender()) == Later("answered 429", 12)
        self.peer.answers.append(web.Response(status=302, headers={"Location": self.peer.url + "/form"}))
        assert send(self.sender()) == Refused("answered 302")

    def test_a_form(self) -> None:
        sender = self.sender(
            url=self.peer.url + "/form", format="form", body="to={phone}&text={text}&x=", ok="", contains="OK"
        )
        strange = Sms("999661234", "20457", "a&to=1 {code} +ü\n")
        assert isinstance(send(sender, strange), Sent)
        assert self.received() == [(strange.phone, strange.text)]
        again = self.sender(
            url=self.peer.url + "/form", format="form", body="to={phone}&text={text}", ok="", contains="X"
        )
        assert send(again) == Refused("answered without `X`: OK 1")

    def test_xml_and_queries_are_escaped(self) -> None:
        strange = Sms("999661234", "20457", "</t><t>&{phone}")
        sender = self.sender(
            url=self.peer.url + "/xml", format="xml", body="<t to='{phone}'>{text}</t>", ok=""
        )
        assert isinstance(send(sender, strange), Sent)
        assert self.received()[0][1] == "<t to='999661234'>&lt;/t&gt;&lt;t&gt;&amp;{phone}</t>"
        url = self.peer.url + "/query/{phone}?t={text}"
        assert isinstance(send(self.sender(url=url, method="GET", format="none", ok=""), strange), Sent)
        assert self.received()[1] == (strange.phone, strange.text)

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({"body": "{not json"}, "body is not JSON"),
            ({"body": '{"a": "{phon} {text}"}'}, r"\{phon\} is none of"),
            ({"body": '{"a": "{phone}"}'}, "neither"),
            ({"format": "form", "body": "{text}"}, "NAME=VALUE"),
            ({"format": "text", "body": "{secret} {text}"}, r"\{secret\} is none"),
            ({"headers": {"A": "{x}"}}, r"headers: \{x\}"),
            ({"headers": {"A": 1}}, "every value"),
            ({"headers": "A: b"}, "name=value pairs"),
            ({"url": "http://{phone}.example.org/"}, "before the path"),
            ({"url": "sms.example.org"}, "is not http"),
            ({"url": "http://h/{x}"}, r"url: \{x\}"),
            ({"status": "2xx"}, "not a status"),
            ({"values": ""}, "needs values"),
            ({"method": "GET"}, "GET has no body"),
            ({"method": "PATCH"}, "none of GET"),
            ({"ca": "/nowhere"}, "cannot be read as certificates"),
            ({"retries": 3}, "takes no option retries"),
        ],
    )
    def test_a_bad_template_is_told(self, more: dict[str, Any], says: str) -> None:
        with pytest.raises(AdapterError, match=says):
            self.sender(**more)

    def test_unreachable_and_silent(self) -> None:
        gone = f"http://127.0.0.1:{free_port()}/json"
        assert send(self.sender(url=gone)) == Later("127.0.0.1 cannot be reached: Connection refused")
        assert isinstance(probe(self.sender(url=gone)), Refused) and probe(self.sender()) == Sent()
        lost = send(self.sender(url="http://no-such-host.invalid/json"))
        assert lost == Later("there is no host no-such-host.invalid")

        async def story() -> Any:
            sender = self.sender()
            sender._caller._seconds = 0.2
            self.peer.slow = 2.0
            try:
                return await sender.send(HELLO)
            finally:
                await sender.close()

        assert asyncio.run(story()) == Later("127.0.0.1 did not answer within 0.2 s")

    def test_an_answer_without_end_is_cut(self) -> None:
        self.peer.answers.append(web.Response(text="x" * 3_000_000))
        assert isinstance(send(self.sender()), Refused)


def test_certificates_are_checked(tmp_path: Path) -> None:
    """A certificate nobody vouches for is refused, until the operator names it."""
    context, pem = certificate(tmp_path)
    peer = Any_(context)
    peer.start()
    try:
        options = {"format": "form", "body": "to={phone}&text={text}"}
        url = f"https://localhost:{peer.port}/form"
        for sender in (
            webhook.create(options | {"url": url}, CLOCK),
            webhook.create(options | {"url": url.replace("localhost", "127.0.0.1"), "ca": str(pem)}, CLOCK),
        ):
            result = send(sender)
            assert isinstance(result, Later) and "certificate is not trusted" in result.reason
        assert isinstance(probe(webhook.create(options | {"url": url}, CLOCK)), Refused)
        trusting = options | {"url": url, "ca": str(pem)}
        assert isinstance(send(webhook.create(trusting, CLOCK)), Sent)
        assert probe(webhook.create(trusting, CLOCK)) == Sent()
        assert len(peer.received) == 1
    finally:
        peer.stop()


def test_reasons_hold_no_numbers_and_no_codes() -> None:
    """SECURITY 7.2"""
    said = f"to {HELLO.phone}, +49 151 2345 6789: {HELLO.code} {HELLO.text} {'long ' * 100}"
    reason = told(said, HELLO)
    assert (
        HELLO.phone not in reason and HELLO.code not in reason and "2345" not in reason and len(reason) <= 200
    )
    assert told(json.dumps({"code": 21211})) == '{"code": 21211}'


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("", 0), ("7", 7), ("soon", 0), ("999999999", 86_400), ("Thu, 01 Jan 1970 00:01:00 GMT", 60)],
)
def test_retry_after(value: str, seconds: float) -> None:
    assert retry_after(value, 0.0) == seconds
