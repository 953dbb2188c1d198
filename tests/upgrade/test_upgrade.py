"""Data of earlier releases opens, and the clients that were signed in go on as if nothing had happened."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from telethon import events, functions, types
from telethon.crypto import AuthKey
from telethon.sessions import MemorySession

from tests.journeys.daemon import Daemon
from tests.journeys.people import telethon_client
from tests.upgrade.living import FILE
from tests.waiting import until

pytestmark = pytest.mark.journey
HERE = Path(__file__).resolve().parent
RELEASES = sorted(path.name.removesuffix(".tar.xz") for path in (HERE / "data").glob("*.tar.xz"))
LETTERS = [f"letter {n}" for n in range(30)]


@pytest.fixture(params=RELEASES)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A daemon of now on data of then, and what was there."""
    with tarfile.open(HERE / "data" / f"{request.param}.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    daemon = Daemon(tmp_path / "data")
    yield daemon, json.loads((tmp_path / "facts.json").read_text())
    daemon.end()


def returning(daemon: Daemon, person: dict[str, Any]) -> Any:
    """The client as it was: its key, its state of updates, and nothing else."""
    session = MemorySession()
    session.set_dc(2, daemon.host, daemon.port)
    session.auth_key = AuthKey(bytes.fromhex(person["key"]))
    return telethon_client(daemon, session)


def test_there_are_fixtures_and_they_are_small() -> None:
    assert len(RELEASES) >= 2
    assert all((HERE / "data" / f"{name}.tar.xz").stat().st_size < 300_000 for name in RELEASES)


def test_clients_go_on(old: tuple[Daemon, dict[str, Any]]) -> None:
    daemon, facts = old
    assert '"found": 0' in daemon.run("check", "--json"), "before anything new is written"
    daemon.start()
    asyncio.run(asyncio.wait_for(go_on(daemon, facts), 250))
    daemon.stop()
    assert '"found": 0' in daemon.run("check", "--json", "--deep")
    daemon.start()
    asyncio.run(asyncio.wait_for(again(daemon, facts), 250))
    assert not daemon.faults()


async def go_on(daemon: Daemon, facts: dict[str, Any]) -> None:
    ann, ben = returning(daemon, facts["ann"]), returning(daemon, facts["ben"])
    await ann.connect()
    await ben.connect()
    assert await ann.is_user_authorized() and await ben.is_user_authorized(), "nobody signs in again"
    me = await ann.get_me()
    assert (me.id, me.username, me.first_name, me.phone) == (
        facts["ann"]["id"],
        "ann_of_old",
        "Ann",
        "999661001",
    )

    state = facts["ben"]["state"]
    missed = await ben(functions.updates.GetDifferenceRequest(state["pts"], state["date"], state["qts"]))
    assert missed.new_messages[-1].message == "while Ben was away"

    await ben.get_dialogs()
    texts = [message.message async for message in ben.iter_messages(facts["ann"]["id"], reverse=True)]
    assert texts[:30] == LETTERS and "second words" in texts and "nobody shall read this" not in texts
    answer = (await ben.get_messages(facts["ann"]["id"], search="an answer"))[0]
    assert answer.reply_to is not None
    assert [m.message async for m in ben.iter_messages(-facts["chat"]) if m.message] == ["in the group"]
    if facts["document"]:
        found = await ben.get_messages(facts["ann"]["id"], filter=types.InputMessagesFilterDocument())
        assert [message.document.id for message in found] == [facts["document"]]
        kept = io.BytesIO()
        await ben.download_media(found[0], kept)
        assert kept.getvalue() == FILE
    if facts["channel"]:
        channel = await ben.get_input_entity(types.PeerChannel(facts["channel"]))
        assert "a post" in [post.message async for post in ben.iter_messages(channel)]

    heard: list[str] = []

    async def hear(event: Any) -> None:
        heard.append(event.message.message)

    ben.add_event_handler(hear, events.NewMessage(incoming=True))
    await ann.get_dialogs()
    contacts = await ann(functions.contacts.GetContactsRequest(0))
    assert [user.first_name for user in contacts.users if user.id == facts["ben"]["id"]] == ["Benny"]
    await ann.send_message(facts["ben"]["id"], "after the upgrade")
    await ann.send_message(-facts["chat"], "to the group")
    await until(lambda: heard == ["after the upgrade", "to the group"])
    sent = await ann.send_file(facts["ben"]["id"], FILE[::-1], force_document=True)
    assert sent.document.size == len(FILE)
    await ann.disconnect()
    await ben.disconnect()


async def again(daemon: Daemon, facts: dict[str, Any]) -> None:
    ben = returning(daemon, facts["ben"])
    await ben.connect()
    await ben.get_dialogs()
    texts = [message.message async for message in ben.iter_messages(facts["ann"]["id"], limit=3)]
    assert "after the upgrade" in texts
    await ben.disconnect()
