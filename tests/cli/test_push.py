"""tgserve push against a real daemon and services that speak the real protocols; what cannot be done is said in a
sentence, exits 1, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.push_peers import Google, Hook, pem
from tests.cli.test_sms import Server
from tgserve.testing.miniclient import MiniClient
from tgserve.tl import types as t
from tgserve.tl.functions import account, auth

PHONE = "+999661777"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("push") / "data")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _clean(server: Server) -> Iterator[None]:
    yield
    for row in server.json("push", "list", code=None)["providers"]:
        server.run("push", "remove", row["name"], "--yes", "--force")


@pytest.fixture
def google() -> Iterator[Google]:
    made = Google()
    made.now = time.time
    made.start()
    yield made
    made.stop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    made.start()
    yield made
    made.stop()


def device(server: Server, token_type: int, token: str) -> None:
    """Somebody signs up and registers a device."""
    status = server.json("status")
    host, _, port = str(status["address"]).rpartition(":")

    async def story() -> None:
        client = MiniClient(rsa_public=server.run("key", "public"))
        await client.connect(host, int(port))
        sent = await client.call(
            auth.SendCode(phone_number=PHONE, api_id=1, api_hash="", settings=t.CodeSettings())
        )
        code = (await asyncio.to_thread(server.json, "user", "code", PHONE))["code"]
        answer = await client.call(
            auth.SignIn(phone_number=PHONE, phone_code_hash=sent.phone_code_hash, phone_code=code)
        )
        if isinstance(answer, t.AuthAuthorizationSignUpRequired):
            await client.call(
                auth.SignUp(
                    phone_number=PHONE, phone_code_hash=sent.phone_code_hash, first_name="Bob", last_name=""
                )
            )
        await client.call(
            account.RegisterDevice(
                token_type=token_type, token=token, app_sandbox=False, secret=b"", other_uids=[]
            )
        )
        await client.disconnect()

    asyncio.run(story())


def test_fcm_from_adding_to_removing(server: Server, google: Google, tmp_path: Path) -> None:
    credentials = tmp_path / "service-account.json"
    credentials.write_text(google.account())
    assert server.json("push", "list")["providers"] == []
    made = server.json(
        "push", "add", "fcm", "--secret-file", f"credentials={credentials}", "-o", f"url={google.url}"
    )
    assert made["options"]["credentials"] == "[set]" and made["enabled"]
    assert google.granted, "the credentials were tried before they were taken"
    said = server.run("push", "test", PHONE, code=None)
    assert "no device" in said or "no account" in said.lower() or "nobody" in said.lower()
    device(server, 2, "device-of-bob")
    tested = server.json("push", "test", PHONE)
    assert tested["ok"] and tested["via"] == "fcm" and tested["reference"].startswith("projects/club/")
    assert google.messages[-1]["token"] == "device-of-bob"
    report = server.json("push", "stats")
    (row,) = [row for row in report["types"] if row["token_type"] == 2]
    assert row["devices"] == 1 and row["via"] == ["fcm"]
    assert next(way for way in report["ways"] if way["name"] == "fcm")["sent"] == 1
    assert len(report["web_key"]) == 87
    assert "device-of-bob" not in server.run("push", "stats") + server.run("push", "list")
    server.restart()
    assert server.json("push", "stats")["web_key"] == report["web_key"]
    assert server.json("push", "test", PHONE, "--via", "fcm")["ok"]
    google.dead.add("device-of-bob")
    gone = server.json("push", "test", PHONE, code=1)
    assert not gone["ok"]
    assert [row["devices"] for row in server.json("push", "stats")["types"] if row["token_type"] == 2] == [0]
    assert server.json("push", "remove", "fcm", "--yes", "--force")["name"] == "fcm"
    log = (server.data.parent / "log").read_text()
    assert "device-of-bob" not in log and "This is a test" not in log


def test_wrong_credentials_change_nothing(server: Server, google: Google, tmp_path: Path) -> None:
    other = Google()
    credentials = tmp_path / "wrong.json"
    credentials.write_text(google.account(private_key=pem(other.key)))
    fcm = ["fcm", "--secret-file"]
    cases = [
        ([*fcm, f"credentials={credentials}", "-o", f"url={google.url}"], "service account is not taken"),
        ([*fcm, "credentials=/nowhere.json"], "/nowhere.json"),
        (["fcm", "-o", "credentials={}"], "not those of a service account"),
        (["fcm", "-o", "credential=x"], "did you mean credentials?"),
        (["apns", "-o", "key=-----BEGIN x", "-o", "key_id=K", "-o", "team_id=T", "-o", "topic=a.b"], "PEM"),
        (["apns", "-o", "key=-----BEGIN x"], "key_id"),
        (["webpush", "-o", "private_key=/nowhere", "-o", "contact=mailto:a@b"], "cannot be read"),
        (["webpush", "-o", "private_key=/nowhere", "-o", "contact=me"], "neither mailto"),
        (["webhook", "-o", "url=ftp://x", "-o", "secret=x"], "http"),
        (["webhook", "-o", "url=http://127.0.0.1:9/", "-o", "secret=x"], "cannot be reached"),
        (["ntfy", "-o", "url=http://127.0.0.1:9"], "cannot be reached"),
        (["carrier-pigeon"], "there is no `carrier-pigeon`"),
    ]
    for arguments, sentence in cases:
        said = server.run("push", "add", *arguments, code=1)
        assert sentence in said, said
        assert "Traceback" not in said
    assert server.json("push", "list")["providers"] == []


def test_a_provider_that_times_out_is_told(server: Server, hook: Hook) -> None:
    options = ["-o", f"url={hook.url}/hook", "--secret", "secret", "-o", "types=13"]
    server.json("push", "add", "own", "--adapter", "webhook", *options, stdin="between us\n")
    device(server, 13, "huawei-of-bob")
    assert server.json("push", "test", PHONE, "--via", "own")["ok"]
    body = hook.bodies[-1]
    assert body["token"] == "huawei-of-bob" and body["payload"]["loc_key"] == "MESSAGE_TEXT"
    hook.slow = 30
    failed = server.json("push", "test", PHONE, "--via", "own", code=1)
    assert "no answer within" in failed["reason"]
    (row,) = server.json("push", "list", code=1)["providers"]
    assert "no answer" in row["fault"] and json.dumps(row).count("between us") == 0
    hook.slow = 0
    said = server.run("push", "test", "+999660000", code=1)
    assert "Traceback" not in said
