"""user and session commands against a running server: what they change, what they refuse."""

from __future__ import annotations

import subprocess

import pytest

from tests.journeys.daemon import ROOT


@pytest.fixture(scope="module")
def ann(operated):
    operated.run("user", "create", "+999667101", "Ann", "Lee", "--username", "annlee")
    operated.run("user", "create", "+999667102", "Bob")
    return "@annlee"


def test_search_and_pages(told, ann):
    everybody = told("user", "list")
    assert everybody["total"] >= 2
    first = told("user", "list", "--limit", "1")["users"]
    second = told("user", "list", "--limit", "1", "--offset", "1")["users"]
    assert [*first, *second] == everybody["users"][:2]
    assert [one["first_name"] for one in told("user", "list", "--search", "667102")["users"]] == ["Bob"]
    assert told("user", "list", "--state", "banned")["users"] == []
    assert told("user", "list", "--offset", "9999")["users"] == []


def test_edit_changes_what_is_given(told, ann):
    told("user", "edit", ann, "--last-name", "", "--about", "Away", "--verified", "--phone", "+999 66 7103")
    shown = told("user", "show", "+999667103")
    assert (shown["user"]["first_name"], shown["user"]["last_name"], shown["about"]) == ("Ann", "", "Away")
    assert shown["user"]["marks"] == ["verified"]
    told("user", "edit", ann, "--not-verified", "--scam", "--username", "AnnLee")
    shown = told("user", "show", ann)["user"]
    assert (shown["marks"], shown["username"]) == (["scam"], "AnnLee")
    assert "nobody here is +999667101" in told("user", "show", "+999667101", code=1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--first-name", " ", "--about", "changed"), "FIRSTNAME_INVALID"),
        (("--about", "x" * 5000), "ABOUT_TOO_LONG"),
        (("--about", "changed", "--username", "x!"), "USERNAME_INVALID"),
        (("--about", "changed", "--username", "admin"), "USERNAME_OCCUPIED"),
        (("--about", "changed", "--phone", "12"), "is not a phone number"),
        (("--about", "changed", "--phone", "+999667102"), "PHONE_NUMBER_OCCUPIED"),
    ],
)
def test_a_wrong_edit_changes_nothing(told, ann, arguments, text):
    before = told("user", "show", ann)
    assert text in told("user", "edit", ann, *arguments, code=1)
    assert told("user", "show", ann) == before


def test_a_ban_is_seen_and_taken_back(told, ann):
    who = told("user", "show", ann)["user"]["username"]
    assert told("user", "ban", ann, "--yes")["sessions"] == 0
    assert told("user", "show", ann)["user"]["state"] == "banned"
    assert [one["username"] for one in told("user", "list", "--state", "banned")["users"]] == [who]
    assert "is banned" in told("user", "edit", ann, "--phone", "+999667104", code=1)
    told("user", "unban", ann)
    assert told("user", "show", ann)["user"]["state"] == "active"
    assert "is not banned" in told("user", "unban", ann, code=1)


def test_a_number_without_an_account_is_banned(told, ann):
    assert told("user", "ban", "+999667150", "--yes")["who"] == "+999667150"
    assert "PHONE_NUMBER_BANNED" in told("user", "create", "+999667150", "Eve", code=1)
    assert "PHONE_NUMBER_BANNED" in told("user", "edit", ann, "--phone", "+999667150", code=1)
    told("user", "unban", "+999667150")
    told("user", "create", "+999667150", "Eve")
    assert "+999667151 is not banned" in told("user", "unban", "+999667151", code=1)


def test_a_ban_outlives_the_account(told, operated):
    operated.run("user", "create", "+999667160", "Mal")
    told("user", "ban", "+999667160", "--yes")
    told("user", "delete", "+999667160", "--yes")
    assert "PHONE_NUMBER_BANNED" in told("user", "create", "+999667160", "Mal", code=1)
    told("user", "unban", "+999667160")
    told("user", "create", "+999667160", "Mal")


def test_deleting(told, operated):
    operated.run("user", "create", "+999667170", "Zed", "--username", "zedzed")
    row = told("user", "delete", "@zedzed", "--yes")
    assert row["first_name"] == "Zed"
    assert told("user", "show", str(row["id"]))["user"]["state"] == "deleted"
    assert "was deleted" in told("user", "delete", str(row["id"]), "--yes", code=1)
    assert "was deleted" in told("user", "ban", str(row["id"]), "--yes", code=1)


@pytest.mark.parametrize("verb", ["ban", "delete", "reset-2fa"])
def test_what_destroys_asks(operated, ann, verb):
    before = operated.run("user", "show", ann)
    for answer in ("n\n", ""):
        done = subprocess.run(
            operated.command("user", verb, ann), cwd=ROOT, capture_output=True, text=True, input=answer
        )
        assert done.returncode == 1 and "nothing was done" in done.stderr
    assert operated.run("user", "show", ann) == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("user", "ban", "@nobody77", "--yes"), "nobody here is @nobody77"),
        (("user", "delete", "99999999999999999999999", "--yes"), "nobody here is"),
        (("user", "ban", "777000", "--yes"), "server's own account"),
        (("user", "edit", "0", "--about", "x"), "nobody here is 0"),
        (("user", "limits", "nobody"), "nobody here is nobody"),
        (("user", "reset-2fa", "@annlee", "--yes"), "has no two-step verification"),
        (("session", "list", "@nobody77"), "nobody here is @nobody77"),
        (("session", "terminate", "xyz", "--yes"), "is no session"),
        (("session", "terminate", "0123456789abcdef", "--yes"), "nobody is signed in on"),
        (("session", "terminate", "--all-of", "@nobody77", "--yes"), "nobody here is @nobody77"),
    ],
)
def test_what_is_refused_says_why(told, ann, arguments, text):
    before = told("user", "list")
    assert text in told(*arguments, code=1)
    assert told("user", "list") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "edit", "@annlee"),
        ("user", "ban"),
        ("user", "list", "--state", "happy"),
        ("user", "list", "--offset", "-1"),
        ("session", "terminate", "--yes"),
        ("session", "terminate", "0123456789abcdef", "--all-of", "@annlee", "--yes"),
    ],
)
def test_wrong_usage_is_2(told, arguments):
    assert told(*arguments, code=2)
