"""sms list | adapters | add | set | test | remove against a real daemon and a real HTTP provider; what cannot be done
is said in a sentence, exits 1, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.peers import Twilio
from tests.ports import free_port
from tgserve.adapters.http import basic
from tgserve.testing.miniclient import MiniClient
from tgserve.tl import functions
from tgserve.tl import types as t

ROOT = Path(__file__).resolve().parents[2]
SECRET = "s3cret"


class Server:
    """A daemon as its user would start it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "tgserve",
            "start",
            "--data",
            str(self.data),
            "--listen",
            "127.0.0.1:0",
        ]
        with (self.data.parent / "log").open("a") as errors:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        assert process.stdout.readline(), (self.data.parent / "log").read_text()
        return process

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def restart(self) -> None:
        self.stop()
        self.process = self._start()

    def run(self, *arguments: str, code: int | None = 0, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tgserve", *arguments, "--data", str(self.data)],
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert code in (None, done.returncode), done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr, "secrets are never shown"
        return done.stdout + done.stderr

    def json(self, *arguments: str, code: int | None = 0, stdin: str = "") -> Any:
        return json.loads(self.run(*arguments, "--json", code=code, stdin=stdin))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("sms") / "data")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _clean(server: Server) -> Iterator[None]:
    yield
    for row in server.json("sms", "list", code=None)["providers"]:
        if row["added"]:
            server.run("sms", "remove", row["name"], "--yes", "--force")


@pytest.fixture
def peer() -> Iterator[Twilio]:
    made = Twilio()
    made.auth = basic("AC0123", SECRET)
    made.start()
    yield made
    made.stop()


def add(
    server: Server, peer: Twilio, name: str = "main", *more: str, code: int = 0, stdin: str = SECRET
) -> Any:
    return server.json(
        *("sms", "add", name, "--adapter", "twilio", "-o", "account=AC0123", "-o", "from=+15005550006"),
        *("-o", f"url={peer.url}", "--secret", "token"),
        *more,
        code=code,
        stdin=stdin,
    )


def test_a_provider_from_adding_to_removing(server: Server, peer: Twilio) -> None:
    assert [row["name"] for row in server.json("sms", "list")["providers"]] == ["console"]
    made = add(server, peer)
    assert made["options"]["token"] == "[set]" and made["options"]["account"] == "AC0123"
    assert made["order"] == 10 and made["enabled"]
    tested = server.json("sms", "test", "+999 66 1234")
    assert tested["ok"] and tested["via"] == "main" and tested["reference"] == "SM0042"
    assert peer.received == [("999661234", "00000 is your login code for tgserve.")]
    changed = server.json(
        "sms", "set", "main", "--order", "3", "--country", "de", "--country", "AT", "--per-minute", "7"
    )
    assert (changed["order"], changed["countries"], changed["per_minute"]) == (3, ["DE", "AT"], 7)
    assert changed["options"] == made["options"]
    assert server.json("sms", "set", "main", "--all-countries")["countries"] == []
    listed = server.run("sms", "list")
    assert "main\ttwilio\t3\tall\tin use\t7\t" in listed
    server.restart()
    (row,) = server.json("sms", "list")["providers"]
    assert (row["name"], row["order"], row["sent"]) == ("main", 3, 0)
    assert server.json("sms", "test", "+999661234", "--via", "main")["ok"]
    assert server.json("check")["found"] == 0
    assert server.json("sms", "remove", "main", "--yes", "--force")["name"] == "main"
    assert [row["name"] for row in server.json("sms", "list")["providers"]] == ["console"]


def test_a_login_code_goes_out_and_falls_over(server: Server, peer: Twilio, tmp_path: Path) -> None:
    """The way a person's code takes: the first provider is down, the second gets it."""
    down = f"url=http://127.0.0.1:{free_port()}"
    server.run(
        *(
            "sms",
            "add",
            "down",
            "--adapter",
            "vonage",
            "--no-check",
            "-o",
            "key=k",
            "-o",
            "from=x",
            "-o",
            down,
        ),
        *("--secret-file", "secret=-"),
        stdin=SECRET,
    )
    add(server, peer)
    address = server.json("status")["address"]
    host, _, port = address.rpartition(":")
    pem = (server.data / "keys/public.pem").read_text()
    _ask_for_code(host, int(port), pem, "999661777")
    end = time.monotonic() + 60
    while not peer.received:
        assert time.monotonic() < end
        time.sleep(0.1)
    (phone, text), code = peer.received[0], server.json("user", "code", "+999661777")["code"]
    assert phone == "999661777" and text == f"{code} is your login code for tgserve."
    rows = server.json("sms", "list", code=1)["providers"]
    assert [(row["sent"], row["failed"]) for row in rows] == [(0, 1), (1, 0)]
    assert "Connection refused" in rows[0]["fault"]
    log = (server.data.parent / "log").read_text()
    assert "adapter=down" in log and "event=sms.sent" in log and code not in log and "999661777" not in log
    server.run("sms", "set", "down", "--disable")


def _ask_for_code(host: str, port: int, pem: str, phone: str) -> None:
    async def story() -> None:
        client = MiniClient("obf-abridged", rsa_public=pem)
        await client.connect(host, port)
        try:
            await client.call(
                functions.auth.SendCode(phone_number=phone, api_id=1, api_hash="x", settings=t.CodeSettings())
            )
        finally:
            await client.disconnect()

    asyncio.run(asyncio.wait_for(story(), 60))


def refused(server: Server, *arguments: str, stdin: str = "") -> str:
    """What is said; the list is the same before and after, and it is said in JSON too."""
    before = server.json("sms", "list")
    said = server.run("sms", *arguments, code=1, stdin=stdin)
    again = server.run("sms", *arguments, "--json", code=1, stdin=stdin)
    assert json.loads(again.splitlines()[0])["error"]["kind"] == "refused"
    after = server.json("sms", "list")
    counts = {"sent": 0, "failed": 0}
    assert [row | counts for row in after["providers"]] == [row | counts for row in before["providers"]]
    return said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "x", "--adapter", "pigeon"), "there is no `pigeon`; installed are android, console"),
        (("add", "Big Name", "--adapter", "console"), "is no name"),
        (("add", "x", "--adapter", "console", "-o", "colour=red"), "takes no options"),
        (("add", "x", "--adapter", "file"), "needs path"),
        (("add", "x", "--adapter", "file", "-o", "path=/no/such/folder/codes"), "No such file or directory"),
        (("add", "x", "--adapter", "file", "-o", "path=/proc/codes"), "/proc/codes: "),
        (("add", "x", "--adapter", "console", "--country", "XX"), "there is no country XX"),
        (("add", "twilio", "-o", "account=AC1", "-o", "from=+1"), "needs token"),
        (
            ("add", "x", "--adapter", "webhook", "-o", "url=http://127.0.0.1:1/", "-o", "body={"),
            "body is not JSON",
        ),
        (
            ("add", "x", "--adapter", "webhook", "-o", "url=http://127.0.0.1:1/"),
            "cannot be reached: Connection refused",
        ),
        (("add", "x", "--adapter", "webhook", "-o", "url=http://no-such-host.invalid/"), "cannot be reached"),
        (
            (
                *("add", "x", "--adapter", "email", "-o", "host=127.0.0.1", "-o", "port=1"),
                *("-o", "from=a@b.org", "-o", "to={phone}@c.org"),
            ),
            "Connection refused",
        ),
        (
            ("add", "x", "--adapter", "smpp", "-o", "host=127.0.0.1", "-o", "port=1", "-o", "system_id=a"),
            "needs password",
        ),
        (("add", "x", "--adapter", "console", "--secret-file", "token=/no/such/file"), "No such file"),
        (("set", "nobody", "--order", "3"), "there is no sms provider nobody"),
        (("remove", "nobody", "--yes"), "there is no sms provider nobody"),
        (("remove", "console", "--yes"), "there is no sms provider console"),
        (("test", "12"), "is not a phone number"),
        (("test", "abc"), "is not a phone number"),
        (("test", "+999661234", "--via", "nobody"), "there is no sms provider nobody"),
        (("adapters", "pigeon"), "there is no `pigeon`"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    server: Server, arguments: tuple[str, ...], says: str
) -> None:
    assert says in refused(server, *arguments)


def test_wrong_credentials_are_found_before_anything_is_written(server: Server, peer: Twilio) -> None:
    said = add(server, peer, code=1, stdin="wrong")["error"]["text"]
    assert said.startswith("twilio: wrong credentials: 20003: Authenticate; nothing was changed")
    add(server, peer)
    options = ("set", "main", "--secret", "token")
    assert "wrong credentials" in refused(server, *options, stdin="wrong\n")
    assert server.json("sms", "test", "+999661234")["ok"]
    add(server, peer, "second", "--no-check", stdin="wrong")
    assert "wrong credentials" in server.run("sms", "test", "+999661234", "--via", "second", code=1)
    assert not server.json("sms", "test", "+999661234", "--via", "second", code=1)["ok"]
    assert server.json("sms", "list", code=1)["providers"][1]["fault"].startswith("wrong credentials")
    server.run("sms", "remove", "second", "--yes")


def test_a_provider_that_times_out(server: Server, peer: Twilio) -> None:
    add(server, peer)
    peer.slow = 25.0
    said = server.run("sms", "test", "+999661234", code=1)
    assert "no answer within 10 s" in said
    peer.slow = 0.0
    assert server.json("sms", "test", "+999661234")["ok"]


def test_the_last_one_is_not_taken_away_by_mistake(server: Server, peer: Twilio) -> None:
    add(server, peer)
    assert "only one in use" in refused(server, "remove", "main", "--yes")
    assert "only one in use" in refused(server, "set", "main", "--disable")
    assert "nothing was done" in refused(server, "remove", "main", stdin="n\n")
    add(server, peer, "second", "--disabled")
    assert "only one in use" in refused(server, "remove", "main", "--yes")
    assert "second is disabled" in refused(server, "test", "+999661234", "--via", "second")
    server.run("sms", "set", "second", "--enable")
    server.run("sms", "remove", "main", "--yes")
    assert "there is a sms provider second" in add(server, peer, "second", code=1)["error"]["text"]


def test_a_country_nobody_serves(server: Server, peer: Twilio) -> None:
    add(server, peer, "main", "--country", "DE")
    assert "no provider serves +999661234" in refused(server, "test", "+999661234")
    assert server.json("sms", "test", "+4915112345678")["via"] == "main"


def test_options_are_described(server: Server) -> None:
    table = server.json("sms", "adapters")["adapters"]
    assert {row["name"] for row in table} >= {
        "twilio",
        "vonage",
        "smpp",
        "android",
        "webhook",
        "email",
        "file",
    }
    secrets = {(row["name"], one["name"]) for row in table for one in row["options"] if one["secret"]}
    assert {("twilio", "token"), ("vonage", "secret"), ("smpp", "password"), ("webhook", "token")} <= secrets
    assert "token\trequired, secret\t" in server.run("sms", "adapters", "twilio")


def test_secrets_in_templates_are_not_shown(server: Server, peer: Twilio) -> None:
    """Some write them there although {token} stands for one."""
    made = server.json(
        *("sms", "add", "hook", "--adapter", "webhook", "-o", f"url={peer.url}/x?key={SECRET}"),
        *(
            "-o",
            f'headers:={{"X-Key": "{SECRET}"}}',
            "-o",
            f'body={{"k": "{SECRET}", "t": "{{text}}"}}',
            "-o",
            "user=us",
        ),
    )
    shown = {"url": f"{peer.url}/x?...", "headers": "[set]", "body": "[set]", "user": "us"}
    assert made["options"] == shown
    assert server.json("sms", "list")["providers"][0]["options"] == shown
    server.run("sms", "list")


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",),
        ("add", "x", "-o", "nothing"),
        ("add", "x", "-o", "a=1", "-o", "a=2"),
        ("add", "x", "-o", "a:={"),
        ("set", "x"),
        ("test",),
        ("add", "x", "--order", "-1"),
        ("nonsense",),
    ],
)
def test_wrong_usage(server: Server, arguments: tuple[str, ...]) -> None:
    server.run("sms", *arguments, code=2)


def test_without_a_server(tmp_path: Path, server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", "sms", "list", "--data", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "no server runs" in done.stderr


def test_a_secret_is_asked_for_on_a_terminal(server: Server, peer: Twilio) -> None:
    """Not echoed; and one on the command line is frowned upon."""
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "tgserve",
        "sms",
        "add",
        "main",
        "--adapter",
        "twilio",
        "--data",
        str(server.data),
    ]
    command += ["-o", "account=AC0123", "-o", "from=+15005550006", "-o", f"url={peer.url}"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    while b"token" not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, SECRET.encode() + b"\n")
    assert process.wait(100) == 0
    shown += os.read(ours, 65536)
    os.close(ours)
    assert SECRET.encode() not in shown and b"[set]" in shown
    assert server.json("sms", "test", "+999661234")["ok"]
    said = server.run(
        "sms",
        "add",
        "b",
        "--adapter",
        "twilio",
        "--no-check",
        "-o",
        "account=AC1",
        "-o",
        "token=t",
        "-o",
        "from=+1",
    )
    assert "stands in the shell's history" in said
