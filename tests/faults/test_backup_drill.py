"""The drill: load, back up under load, destroy, restore elsewhere, audit; clients go on as if nothing had happened.

SECURITY 7.5. TGSERVE_DRILL_SECONDS for a longer load.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.people import UNLIMITED, Person, company
from tests.journeys.daemon import ROOT, Daemon
from tests.journeys.people import telethon_client, telethon_person
from tests.waiting import until

SECONDS = float(os.environ.get("TGSERVE_DRILL_SECONDS", "1.5"))
WINDOW = 4
PASSPHRASE = "a drill is not the day"


def tgserve(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.journey
@pytest.mark.timeout(400)
def test_7_5_drill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SECURITY 7.5: nothing acknowledged before the cut is lost, every invariant holds, real clients stay signed in."""
    daemon = Daemon(tmp_path / "data", config=UNLIMITED)
    daemon.start()
    try:
        told = asyncio.run(_drill(daemon, tmp_path))
    finally:
        daemon.end()
    with capsys.disabled():
        print(f"\n{told}")


async def _drill(daemon: Daemon, tmp_path: Path) -> str:
    place, secret = tmp_path / "backups", tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    people = await company(daemon, 2, 7)
    async with telethon_person(daemon, "+999664001", "Ann") as ann:
        picture = os.urandom(700_000)
        (tmp_path / "film.bin").write_bytes(picture)
        await ann.send_message("me", "before the fire")
        sent = await ann.send_file("me", str(tmp_path / "film.bin"), force_document=True)
        load = [asyncio.ensure_future(person.chatter("load", WINDOW)) for person in people]
        made: list[dict[str, Any]] = []
        for number in range(2):  # the second under load as well, and incremental
            await asyncio.sleep(SECONDS)
            await until(lambda: sum(len(_acknowledged(person)) for person in people) > 20)
            acknowledged = {person.phone: _acknowledged(person) for person in people}
            command = ["backup", "create", "--target", str(place), "--json", "--data", str(daemon.data)]
            if not number:
                command += ["--passphrase-file", str(secret)]
            made.append(json.loads(await asyncio.to_thread(tgserve, *command)))
        await asyncio.sleep(SECONDS / 2)
        session = ann.session
    after = {person.phone: _acknowledged(person) for person in people}
    daemon.kill()
    await asyncio.gather(*load)
    assert made[0]["key"] and not made[1]["key"]
    assert made[0]["job"]["state"] == made[1]["job"]["state"] == "done"
    shutil.rmtree(daemon.data)

    where = ["--target", str(place), "--passphrase-file", str(secret), "--data", str(tmp_path / "another")]
    verdict = json.loads(await asyncio.to_thread(tgserve, "backup", "verify", *where, "--json"))
    assert verdict["problems"] == [] and verdict["backups"] == 2
    done = json.loads(await asyncio.to_thread(tgserve, "backup", "restore", *where, "--json"))
    assert done["lost"] == 0
    again = Daemon(tmp_path / "another", port=daemon.port)
    audit = json.loads(await asyncio.to_thread(again.run, "check", "--deep", "--json"))
    assert audit["problems"] == [] and audit["parked"] == 0
    await asyncio.to_thread(again.start)
    try:
        lost = await _look(people, acknowledged)
        await _telethon_goes_on(again, session, sent, picture)
        status = json.loads(await asyncio.to_thread(again.run, "status", "--json"))
        assert status["faults"] == 0
        assert await asyncio.to_thread(again.stop) == 0
    finally:
        again.end()
    assert json.loads(again.run("check", "--deep", "--json"))["problems"] == []
    assert again.faults() == []
    kept, all_ = sum(map(len, acknowledged.values())), sum(map(len, after.values()))
    assert lost == []
    return (
        f"drill: {kept} messages acknowledged before the cut, none lost ({all_ - kept} after it);"
        f" backup {made[1]['job']['seconds']:.1f} s, restore {done['seconds']:.1f} s, {done['rows']} rows"
    )


def _acknowledged(person: Person) -> dict[int, str]:
    return {message.msg_id: message.text for message in person.sent if message.msg_id}


async def _look(people: list[Person], acknowledged: dict[str, dict[int, str]]) -> list[str]:
    """What is missing. Each comes with the key he had; nobody signs in."""
    wrong: list[str] = []
    boxes: dict[int, dict[int, str]] = {}
    for person in people:
        await person.client.disconnect()
        person.client.new_session()
        await person.client.connect(person.daemon.host, person.daemon.port)
        boxes[person.me] = await person.history()
    for person in people:
        assert person.partner is not None
        mine = boxes[person.me]
        theirs = Counter(boxes[person.partner.me].values())
        for msg_id, text in acknowledged[person.phone].items():
            if mine.get(msg_id) != text:
                wrong.append(f"{person.phone}: {text} was acknowledged as {msg_id} and is not there")
            if theirs[text] != 1:
                wrong.append(f"{person.phone}: {text} is {theirs[text]} times in the other's box")
        await person.send(person.new_message("after the fire"))
    for person in people:
        assert "after the fire" in (await person.history()).values()
        await person.client.disconnect()
    return wrong


async def _telethon_goes_on(daemon: Daemon, session: Any, sent: Any, picture: bytes) -> None:
    """With the session it had: no code is asked for."""
    client = telethon_client(daemon, session)
    await client.connect()
    try:
        assert await client.is_user_authorized()
        me = await client.get_me()
        assert me.first_name == "Ann"
        texts = [message.message async for message in client.iter_messages("me")]
        assert "before the fire" in texts
        found = await client.get_messages("me", ids=sent.id)
        assert await client.download_media(found, bytes) == picture
        await client.send_message("me", "after the fire")
        texts = [message.message async for message in client.iter_messages("me", limit=1)]
        assert texts == ["after the fire"]
    finally:
        await client.disconnect()
