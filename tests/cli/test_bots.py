"""bot commands against a running server."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.journeys.daemon import ROOT


@pytest.fixture(scope="module")
def news(operated):
    done = subprocess.run(
        operated.command("bot", "create", "News", "@NewsBot", "--about", "What is new"),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "not shown again" in done.stderr
    return done.stdout.strip()


def test_5_9_the_token_is_shown_once_and_hashed_at_rest(operated, told, news):
    assert re.fullmatch(r"\d+:[A-Za-z0-9_-]{35}", news)
    assert news.split(":")[1] not in operated.run("bot", "show", "@newsbot", "--json")
    secret = news.split(":")[1].encode()
    stored = [path for path in (operated.data / "store").rglob("*") if path.is_file()]
    assert stored and not any(secret in path.read_bytes() for path in stored)


def test_a_bot_is_listed(told, news):
    row = told("bot", "show", "@newsbot")
    assert (row["name"], row["about"], row["state"]) == ("News", "What is new", "active")
    assert row["id"] in [one["id"] for one in told("bot", "list")["bots"]]
    assert told("user", "show", "@newsbot")["user"]["state"] == "bot"


def test_revoke_token_delete(told):
    made = told("bot", "create", "Old", "oldbot")
    assert told("bot", "revoke", "oldbot", "--yes", code=1)
    assert told("bot", "revoke", "@oldbot", "--yes")["state"] == "revoked"
    fresh = told("bot", "token", "@oldbot", "--yes")
    assert fresh["token"] != made["token"] and fresh["bot"]["state"] == "active"
    told("bot", "delete", "@oldbot", "--yes")
    assert "nobody here is @oldbot" in told("bot", "show", "@oldbot", code=1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("create", "News", "news"), "ends in `bot`"),
        (("create", "News", "newsbot"), "USERNAME_OCCUPIED"),
        (("create", " ", "otherbot"), "FIRSTNAME_INVALID"),
        (("create", "X", "x!bot"), "USERNAME_INVALID"),
        (("create", "X", "otherbot", "--about", "y" * 5000), "ABOUT_TOO_LONG"),
        (("token", "@nobodybot", "--yes"), "nobody here is @nobodybot"),
        (("revoke", "777000", "--yes"), "server's own account"),
    ],
)
def test_what_is_refused_says_why(told, news, arguments, text):
    before = told("bot", "list")
    assert text in told("bot", *arguments, code=1)
    assert told("bot", "list") == before


def test_a_person_is_no_bot(told, operated, news):
    operated.run("user", "create", "+999667201", "Ann")
    assert "is no bot" in told("bot", "delete", "+999667201", "--yes", code=1)
    assert "is a bot" in told("user", "delete", "@newsbot", "--yes", code=1)
