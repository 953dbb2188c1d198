"""The push adapters against services that speak the real protocols."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.adapters.push_peers import Apple, Browser, Distributor, Google, Hook, Ntfy, pem
from tgserve.adapters.contract import AdapterError, Gone, Later, Push, PushResult, PushSender, Refused, Sent
from tgserve.adapters.push import apns, fcm, ntfy, signing, simple, webhook, webpush
from tgserve.adapters.push.endpoints import Endpoints, opened
from tgserve.testing.clock import FakeClock
from tgserve.testing.push_suite import PAYLOAD, PushSuite

LOOPBACK = "127.0.0.0/8"
DEVICE = "ab" * 32
NOBODY = "http://127.0.0.1:9"


def send(sender: PushSender, *pushes: Push) -> list[PushResult]:
    async def all_of_them() -> list[PushResult]:
        try:
            return [await sender.send(push) for push in pushes]
        finally:
            await sender.close()

    return asyncio.run(all_of_them())


class TestFcm(PushSuite):
    @pytest.fixture(autouse=True)
    def google(self) -> Iterator[None]:
        self.peer = Google()
        self.peer.start()
        yield
        self.peer.stop()

    def sender(self, **changes: Any) -> PushSender:
        return fcm.create({"credentials": self.peer.account(**changes), "url": self.peer.url}, FakeClock())

    def token(self) -> tuple[int, str]:
        return 2, "device-token:APA91"

    def dead(self) -> tuple[int, str]:
        return 2, "dead-token"

    def broken(self) -> PushSender:
        return fcm.create({"credentials": self.peer.account(), "url": NOBODY}, FakeClock())

    def received(self) -> list[dict[str, Any]]:
        found = []
        for message in self.peer.messages:
            read = {}
            for name, text in message["data"].items():
                read[name] = json.loads(text) if text[0] in "[{0123456789" else text
            found.append(read)
        return found

    def test_an_access_token_serves_many_pushes_and_is_fetched_anew_when_it_is_refused(self) -> None:
        sender = self.sender()

        async def story() -> None:
            for _ in range(3):
                assert isinstance(await sender.send(self.push()), Sent)
            assert len(self.peer.granted) == 1
            self.peer.valid.clear()
            assert isinstance(await sender.send(self.push()), Sent)
            assert len(self.peer.granted) == 2
            await sender.close()

        asyncio.run(story())

    def test_its_errors_are_told_apart(self) -> None:
        error = self.peer.error
        cases: list[tuple[web.Response, type[Any], float]] = [
            (error(404, "NOT_FOUND", "UNREGISTERED"), Gone, 0),
            (
                error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "not a valid FCM registration token"),
                Gone,
                0,
            ),
            (error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Invalid data"), Refused, 0),
            (error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", **{"Retry-After": "90"}), Later, 90),
            (error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), Later, 60),
            (error(503, "UNAVAILABLE", "UNAVAILABLE", **{"Retry-After": "5"}), Later, 5),
            (error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), Refused, 0),
        ]
        for answer, kind, pause in cases:
            sender = self.sender()
            asyncio.run(self._warm(sender))
            self.peer.answers = [answer]
            result = send(sender, self.push())[0]
            assert type(result) is kind, result
            if isinstance(result, Later):
                assert result.after_seconds == pause

    async def _warm(self, sender: Any) -> None:
        assert isinstance(await sender.probe(), Sent)
        await sender.close()

    def test_a_wrong_key_is_refused_by_name_and_bad_credentials_before_anything_is_sent(self) -> None:
        other = Google()
        found = send(self.sender(private_key=pem(other.key)), self.push())[0]
        assert isinstance(found, Refused) and "service account" in found.reason
        for credentials, word in [
            ("{}", "service account"),
            ("{", "no JSON"),
            ("/nowhere/at/all.json", "cannot be read"),
            (self.peer.account(private_key="-----BEGIN"), "PEM"),
            (self.peer.account(project_id=""), "project"),
        ]:
            with pytest.raises(AdapterError, match=word):
                fcm.create({"credentials": credentials}, FakeClock())

    def test_what_nobody_sees_is_not_urgent(self) -> None:
        send(self.sender(), self.push(shows=False, collapse="word"), self.push())
        first, second = (message["android"] for message in self.peer.messages)
        assert first == {"priority": "NORMAL", "ttl": "86400s", "collapse_key": "word"}
        assert second["priority"] == "HIGH"


class TestApns(PushSuite):
    @pytest.fixture(autouse=True)
    def apple(self, tmp_path: Path) -> Iterator[None]:
        self.peer = Apple(tmp_path).start()
        yield
        self.peer.stop()

    def sender(self) -> PushSender:
        return apns.create(self.peer.options(), FakeClock())

    def token(self) -> tuple[int, str]:
        return 1, DEVICE

    def dead(self) -> tuple[int, str]:
        return 1, "de" * 32

    def broken(self) -> PushSender:
        return apns.create(self.peer.options(url="https://localhost:9"), FakeClock())

    def received(self) -> list[dict[str, Any]]:
        return [{name: value for name, value in body.items() if name != "aps"} for _, body in self.peer.taken]

    def test_alerts_silent_pushes_and_calls(self) -> None:
        pushes = [
            self.push(collapse="word"),
            self.push(shows=False, silent=True),
            self.push(token_type=9, payload={"loc_key": "PHONE_CALL_REQUEST"}),
            self.push(sandbox=True),
        ]
        assert [type(one) for one in send(self.sender(), *pushes)] == [Sent] * 4
        alert, silent, call, sandbox = self.peer.taken
        assert alert[0]["apns-push-type"] == "alert" and alert[0]["apns-priority"] == "10"
        assert alert[0]["apns-collapse-id"] == "word"
        assert alert[1]["aps"]["alert"] == {"title": "Ann", "body": "Bring the blue folder"}
        assert alert[1]["aps"]["badge"] == 3 and alert[1]["aps"]["mutable-content"] == 1
        assert silent[0]["apns-push-type"] == "background" and silent[1]["aps"]["content-available"] == 1
        assert "alert" not in silent[1]["aps"] and "sound" not in silent[1]["aps"]
        assert call[0]["apns-push-type"] == "voip" and call[0]["apns-topic"].endswith(".voip")
        assert sandbox[0][":path"] == f"/sandbox/3/device/{DEVICE}"

    def test_the_provider_token_is_made_anew_in_time(self) -> None:
        clock = FakeClock()
        sender = apns.create(self.peer.options(), clock)

        async def story() -> None:
            for seconds in (0, 60, 38 * 60, 2 * 60):
                clock.advance(seconds)
                self.peer.now = int(clock.now())
                assert isinstance(await sender.send(self.push()), Sent)
            assert len(self.peer.tokens) == 2, (
                "not more often than every 20 minutes, not less than every hour"
            )
            self.peer.answers = [(403, "ExpiredProviderToken")]
            clock.advance(1)
            assert isinstance(await sender.send(self.push()), Sent)
            assert len(self.peer.tokens) == 3
            await sender.close()

        asyncio.run(story())

    def test_its_errors_are_told_apart(self) -> None:
        cases: list[tuple[int, str, type[Any]]] = [
            (410, "Unregistered", Gone),
            (410, "ExpiredToken", Gone),
            (400, "BadDeviceToken", Gone),
            (400, "DeviceTokenNotForTopic", Gone),
            (400, "BadTopic", Refused),
            (403, "InvalidProviderToken", Refused),
            (429, "TooManyRequests", Later),
            (500, "InternalServerError", Later),
            (503, "Shutdown", Later),
        ]
        for status, reason, kind in cases:
            self.peer.answers = [(status, reason)]
            result = send(self.sender(), self.push())[0]
            assert type(result) is kind, (status, reason, result)
            if status == 429:
                assert isinstance(result, Later) and result.after_seconds == 7
        assert isinstance(send(self.sender(), self.push(token="ba" * 32))[0], Gone)

    def test_a_wrong_key_is_told_before_anything_is_sent(self) -> None:
        for key, word in [
            ("-----BEGIN nothing", "PEM"),
            ("/nowhere.p8", "cannot be read"),
            (pem(Google().key), "P-256"),
        ]:
            with pytest.raises(AdapterError, match=word):
                apns.create(self.peer.options(key=key), FakeClock())


class TestWebPush(PushSuite):
    @pytest.fixture(autouse=True)
    def browser(self) -> Iterator[None]:
        self.peer = Browser()
        self.peer.start()
        self.key = signing.p256_of(bytes(48))
        yield
        self.peer.stop()

    def sender(self) -> PushSender:
        options = {
            "private_key": pem(self.key),
            "contact": "mailto:me@example.org",
            "allow_private": LOOPBACK,
        }
        return webpush.create(options, FakeClock())

    def token(self) -> tuple[int, str]:
        return 10, self.peer.token()

    def dead(self) -> tuple[int, str]:
        return 10, self.peer.token("gone/one")

    def received(self) -> list[dict[str, Any]]:
        return self.peer.opened

    def test_headers_say_how_urgent_it_is_and_what_replaces_what(self) -> None:
        send(self.sender(), self.push(collapse="a1b2"), self.push(shows=False), self.push(silent=True))
        urgent, low, silent = self.peer.headers
        assert (urgent["Urgency"], urgent["Topic"], urgent["TTL"]) == ("high", "a1b2", "86400")
        assert low["Urgency"] == "low" and silent["Urgency"] == "normal"
        assert max(self.peer.sizes) <= 4096

    def test_refusals(self) -> None:
        self.peer.answers = [
            web.Response(status=429, headers={"Retry-After": "33"}),
            web.Response(status=403),
            web.Response(status=404),
        ]
        later, refused, gone = send(self.sender(), self.push(), self.push(), self.push())
        assert isinstance(later, Later) and later.after_seconds == 33
        assert isinstance(refused, Refused) and isinstance(gone, Gone)
        large = {**PAYLOAD, "loc_args": ["x" * 5000]}
        assert isinstance(send(self.sender(), self.push(payload=large))[0], Refused)
        assert isinstance(send(self.sender(), self.push(token="{}"))[0], Gone)

    def test_the_servers_own_key_is_always_the_same(self) -> None:
        assert pem(signing.p256_of(bytes(48))) == pem(self.key)
        assert pem(signing.p256_of(bytes(47) + b"\1")) != pem(self.key)


class TestSimple(PushSuite):
    wakes_only = True
    puts = True

    @pytest.fixture(autouse=True)
    def distributor(self) -> Iterator[None]:
        self.peer = Distributor(puts=self.puts)
        self.peer.start()
        yield
        self.peer.stop()

    def sender(self) -> PushSender:
        return simple.create({"allow_private": LOOPBACK}, FakeClock())

    def token(self) -> tuple[int, str]:
        return 4, f"{self.peer.url}/up/abcdef"

    def dead(self) -> tuple[int, str]:
        return 4, f"{self.peer.url}/gone/abcdef"

    def broken(self) -> PushSender:
        self.peer.answers = [web.Response(status=503)]
        return self.sender()

    def received(self) -> list[dict[str, Any]]:
        assert {method for method, _ in self.peer.woken} <= ({"PUT"} if self.puts else {"POST"})
        assert len({text for _, text in self.peer.woken}) == len(self.peer.woken), (
            "each has a number of its own"
        )
        return [{} for _ in self.peer.woken]


class TestUnifiedPush(TestSimple):
    puts = False


class TestWebhook(PushSuite):
    @pytest.fixture(autouse=True)
    def hook(self) -> Iterator[None]:
        self.peer = Hook()
        self.peer.start()
        yield
        self.peer.stop()

    def sender(self, **changes: Any) -> PushSender:
        options = {"url": f"{self.peer.url}/hook", "secret": "between us", **changes}
        return webhook.create(options, FakeClock())

    def token(self) -> tuple[int, str]:
        return 13, "huawei-token"

    def dead(self) -> tuple[int, str]:
        return 13, "dead-token"

    def broken(self) -> PushSender:
        return self.sender(secret="another")

    def received(self) -> list[dict[str, Any]]:
        return [body["payload"] for body in self.peer.bodies]

    def test_types_are_the_operators_choice(self) -> None:
        assert self.sender(types="2, 13").types == {2, 13}
        for wrong in ("", "99", "a"):
            with pytest.raises(AdapterError):
                self.sender(types=wrong)


class TestNtfy(PushSuite):
    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        self.peer = Ntfy()
        self.peer.start()
        yield
        self.peer.stop()

    def sender(self, **changes: Any) -> PushSender:
        return ntfy.create({"url": self.peer.url, "token": "tk_secret", **changes}, FakeClock())

    def token(self) -> tuple[int, str]:
        return 5, "my_topic-7"

    def dead(self) -> tuple[int, str]:
        return 5, "no topic at all"

    def broken(self) -> PushSender:
        return self.sender(token="wrong")

    wakes_only = True

    def received(self) -> list[dict[str, Any]]:
        return [{} for _ in self.peer.messages]

    def test_it_is_shown_in_words(self) -> None:
        send(self.sender(), self.push(), self.push(silent=True), self.push(shows=False))
        loud, quiet = self.peer.messages
        assert (loud["title"], loud["message"], loud["priority"]) == ("Ann", "Bring the blue folder", 4)
        assert quiet["priority"] == 2

    def test_the_encrypted_form_is_carried_as_it_is(self) -> None:
        """A device that asked for encryption cannot be served by ntfy: nothing is shown there."""
        send(self.sender(), self.push(payload={"p": "x"}, title="", text=""))
        assert self.peer.messages == []


# -- addresses that clients name (SECURITY 6.10) --------------------------------------------------------------------

INSIDE = [
    "http://127.0.0.1:{port}/up/x",
    "https://127.0.0.1:{port}/up/x",
    "http://localhost:{port}/up/x",
    "http://2130706433:{port}/up/x",
    "http://0x7f000001:{port}/up/x",
    "http://127.1:{port}/up/x",
    "http://[::ffff:127.0.0.1]:{port}/up/x",
    "http://0.0.0.0:{port}/up/x",
    "http://169.254.169.254/latest/meta-data",
    "https://10.0.0.1/up",
    "https://[fd00::1]/up",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_endpoint_never_leads_into_the_operators_network(address: str) -> None:
    """SECURITY 6.10: whatever the spelling, nothing is connected to."""
    peer = Distributor()
    peer.start()
    try:
        sender = simple.create({}, FakeClock())
        result = send(sender, Push(address.format(port=peer.port), 4, {}))[0]
        assert isinstance(result, Refused), result
        assert "/up" not in result.reason
        assert peer.requests == []
    finally:
        peer.stop()


def test_names_are_looked_at_after_they_were_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 6.10: a public name that leads home is refused, by https and by http."""
    peer = Distributor()
    peer.start()

    async def story() -> None:
        async def lookup(host: str, port: int, **_: Any) -> Any:
            return [(2, 1, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        for scheme in ("http", "https"):
            sender = simple.SimpleSender(Endpoints(FakeClock()), FakeClock())
            result = await sender.send(Push(f"{scheme}://push.example.org:{peer.port}/up/x", 4, {}))
            assert isinstance(result, Refused) and "push.example.org" in result.reason
            await sender.close()

    try:
        asyncio.run(story())
        assert peer.requests == []
    finally:
        peer.stop()


def test_a_redirect_is_not_followed_and_plain_http_is_for_the_operators_networks_alone() -> None:
    peer = Distributor()
    peer.start()
    try:
        peer.answers = [web.Response(status=302, headers={"Location": f"{peer.url}/up/other"})]
        sender = simple.create({"allow_private": LOOPBACK}, FakeClock())
        assert isinstance(send(sender, Push(f"{peer.url}/up/x", 4, {}))[0], Refused)
        assert peer.woken == []
        result = send(simple.create({}, FakeClock()), Push("http://93.184.215.14/up", 4, {}))[0]
        assert isinstance(result, Refused) and "without https" in result.reason
    finally:
        peer.stop()


def test_networks_are_checked() -> None:
    assert opened(["10.0.0.0/8", "fd00::/8"])("10.1.2.3")
    assert not opened(["10.0.0.0/8"])("11.0.0.1")
    with pytest.raises(AdapterError, match="allow_private"):
        opened(["everywhere"])
