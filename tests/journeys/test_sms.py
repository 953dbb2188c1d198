"""A person signs in with a code that went out by SMPP, then by what takes its place."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telethon import functions

from tests.adapters.peers import Phone
from tests.adapters.smsc import RealCentre
from tests.journeys.daemon import ROOT, Daemon
from tests.journeys.people import telethon_client
from tests.waiting import until, until_now

pytestmark = pytest.mark.journey


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "data").start()
    yield made
    made.end()


async def sign_up(daemon: Daemon, phone: str, inbox: list[tuple[str, str]]) -> Any:
    """With no other help than the message that arrives."""
    client = telethon_client(daemon)
    await client.connect()
    sent = await client.send_code_request(phone)
    _, text = await until(lambda: next((one for one in inbox if one[0] == phone), None))
    (code,) = re.findall(r"\b\d{5,}\b", text)
    await client(functions.auth.SignInRequest(phone, sent.phone_code_hash, code))
    answer = await client(functions.auth.SignUpRequest(phone, sent.phone_code_hash, "New", "Comer"))
    await client.disconnect()
    return answer.user


def listed(daemon: Daemon) -> list[dict[str, Any]]:
    done = subprocess.run(daemon.command("sms", "list", "--json"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, "the centre is not well"
    rows: list[dict[str, Any]] = json.loads(done.stdout)["providers"]
    return rows


def test_codes_by_smpp_and_by_a_phone_when_the_centre_is_down(daemon: Daemon) -> None:
    centre, phone = RealCentre(), Phone()
    centre.start()
    phone.start()
    add = ("sms", "add", "--json")
    daemon.run(
        *(*add, "centre", "--adapter", "smpp", "-o", "host=127.0.0.1", "-o", f"port={centre.port}"),
        *("-o", "system_id=us", "-o", "from=example", "-o", "password=secret"),
    )
    daemon.run(
        *(
            *add,
            "mine",
            "--adapter",
            "android",
            "-o",
            f"url={phone.url}",
            "-o",
            "user=sms",
            "-o",
            "password=secret",
        )
    )
    try:
        user = asyncio.run(sign_up(daemon, "999661801", centre.received))
        assert user.first_name == "New"
        asyncio.run(sign_up(daemon, "999661802", centre.received))
        assert phone.received == []
    finally:
        centre.stop()
    try:
        asyncio.run(sign_up(daemon, "999661803", phone.received))
        until_now(lambda: listed(daemon)[1]["sent"])  # the phone is asked how it went
        rows = listed(daemon)
        assert [(row["name"], row["sent"]) for row in rows] == [("centre", 2), ("mine", 1)]
        assert rows[0]["failed"] >= 1 and rows[0]["fault"]
    finally:
        phone.stop()
    assert not daemon.faults()
    log = daemon.log.read_text()
    assert "event=sms.receipt" in log and "99966180" not in log and "secret" not in log
