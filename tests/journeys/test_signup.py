"""A community without SMS: invitations as people use them, on a server that asks for one, in real clients."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import urllib.error
import urllib.request

import pytest
from telethon import errors
from telethon.tl.functions.auth import SignUpRequest

from tests.journeys.conftest import SETTINGS
from tests.journeys.daemon import ROOT, Daemon
from tests.journeys.people import telethon_client, telethon_sign_up
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS, Library


@pytest.fixture(scope="module")
def choir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choir")
    server = Daemon(folder / "data", config='signup = "invite"\nname = "Choir & Co"\n' + SETTINGS).start()
    yield server
    faults = server.faults()
    server.end()
    assert not faults, "\n".join(faults[:20])


def invite(choir, *arguments):
    return json.loads(choir.run("user", "invite", *arguments, "--json"))


def page(link):
    with urllib.request.urlopen(link) as answer:
        return answer.status, answer.read().decode()


@pytest.mark.asyncio
async def test_a_link_leads_to_an_account_in_telethon(choir, new_phone):
    made = await asyncio.to_thread(invite, choir, "--uses", "2", "--name", "choir")
    assert re.fullmatch(r"\d{8}", made["code"]) and made["link"].endswith(f"/join/{made['token']}")
    status, text = await asyncio.to_thread(page, made["link"])
    assert status == 200 and f"{made['code'][:4]} {made['code'][4:]}" in text and "Choir &amp; Co" in text
    for name in ("Ann", "Bob"):
        phone, client = new_phone(), telethon_client(choir)
        await client.connect()
        try:
            sent = await client.send_code_request(phone)
            assert sent.type.length == 8
            with pytest.raises(errors.PhoneCodeInvalidError):
                await client.sign_in(phone, "12345678", phone_code_hash=sent.phone_code_hash)
            with pytest.raises(errors.PhoneNumberUnoccupiedError):  # Telethon's word for: sign up now
                await client.sign_in(phone, made["code"], phone_code_hash=sent.phone_code_hash)
            answer = await client(SignUpRequest(phone, sent.phone_code_hash, name, ""))
            assert answer.user.first_name == name
        finally:
            await client.disconnect()
    with pytest.raises(urllib.error.HTTPError) as gone:
        await asyncio.to_thread(page, made["link"])
    assert gone.value.code == 404
    listed = json.loads(await asyncio.to_thread(choir.run, "user", "invites", "--json"))["invites"]
    assert (listed[0]["used"], listed[0]["state"], listed[0]["name"]) == (2, "used", "choir")


@pytest.mark.asyncio
async def test_who_has_an_account_signs_in_as_ever(choir, new_phone):
    phone = new_phone()
    await asyncio.to_thread(choir.run, "user", "create", phone, "Eve")
    client = telethon_client(choir)
    user = await telethon_sign_up(client, choir, phone, "unused")
    assert user.first_name == "Eve"
    await client.disconnect()


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_takes_the_digits(choir, new_phone, tmp_path, version):
    phone = new_phone()
    made = invite(choir, "--phone", phone)
    library = Library(version, choir.pem, tmp_path)
    proxy = Socks(choir.host, choir.port)
    ann = library.client(tmp_path / "0", proxy)
    try:
        ann.start()
        ann._state("WaitPhoneNumber")
        ann.call("setAuthenticationPhoneNumber", phone_number=phone)
        ann._state("WaitCode")
        ann.call("checkAuthenticationCode", code=made["code"])
        ann._state("WaitRegistration")
        ann.call("registerUser", first_name="Ann", last_name="T")
        ann._state("Ready")
        assert ann.call("getMe")["first_name"] == "Ann"
    finally:
        ann.close()
        proxy.close()


def test_the_terminal_shows_link_code_and_qr(choir):
    done = subprocess.run(
        choir.command("user", "invite"), cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0 and "shown this once" in done.stderr
    assert re.search(r"^code +\d{4} \d{4}$", done.stdout, re.M) and "/join/" in done.stdout
    assert any(block in done.stdout for block in "█▀▄")
    assert "█" not in choir.run("user", "invite", "--no-qr")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("invite", "--expires", "7"), 2, "is no period"),
        (("invite", "--expires", "1000w"), 1, "a minute to a year"),
        (("invite", "--uses", "0"), 2, "--uses"),
        (("invite", "--phone", "12"), 1, "is not a phone number"),
        (("invite", "--phone", "+999669999", "--uses", "2"), 1, "for one person"),
        (("invite", "--name", "x" * 101), 1, "longer than"),
        (("uninvite", "9999", "--yes"), 1, "there is no invitation 9999"),
        (("uninvite", "x", "--yes"), 2, "x"),
    ],
)
def test_what_is_refused_says_why(choir, arguments, code, text):
    before = choir.run("user", "invites", "--json")
    done = subprocess.run(choir.command("user", *arguments), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code and text in done.stderr, done.stderr
    assert choir.run("user", "invites", "--json") == before


def test_withdrawn_and_unknown_links_look_alike(choir):
    made = invite(choir)
    withdrawn = json.loads(choir.run("user", "uninvite", str(made["invite"]["number"]), "--yes", "--json"))
    assert withdrawn["state"] == "revoked"
    answers = []
    for token in (made["token"], "x" * 24, "%00", "y" * 500):
        with pytest.raises(urllib.error.HTTPError) as caught:
            page(made["link"].replace(made["token"], token))
        answers.append((caught.value.code, caught.value.read()))
    assert {code for code, _ in answers} == {404} and len({body for _, body in answers}) == 1
    assert json.loads(choir.run("check", "--json"))["problems"] == []
