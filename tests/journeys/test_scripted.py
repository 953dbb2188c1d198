"""mtcute (layer 227), GramJS (layer 198) and Telethon 1.39 (layer 199) sign up, are found, and talk with Telethon 1.45."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from telethon.tl.functions.account import UpdateUsernameRequest

from tests.journeys.npm import installed
from tests.journeys.people import telethon_person
from tests.journeys.scripted import scripted_person
from tests.waiting import until
from tests.wheels import wheel

pytestmark = pytest.mark.asyncio
HERE = Path(__file__).parent


def node(script: str) -> tuple[list[str], dict[str, str]]:
    """The command that runs a script of node/ with the libraries installed beside a copy of it."""
    return ["node", str(installed(HERE / "node") / script)], {}


def old_telethon(script: str) -> tuple[list[str], dict[str, str]]:
    """Telethon 1.39 straight from its wheel."""
    return [sys.executable, str(HERE / script)], {"PYTHONPATH": str(wheel("Telethon", "1.39.0"))}


CLIENTS = {
    "gramjs": (node, "gramjs.js"),
    "mtcute": (node, "mtcute.js"),
    "telethon-1.39": (old_telethon, "old_telethon.py"),
}


@pytest.mark.parametrize("client", CLIENTS)
async def test_chat_with_telethon(client, daemon, new_phone):
    make, script = CLIENTS[client]
    command, env = make(script)
    async with (
        scripted_person(command, daemon, new_phone(), "Nora", env) as nora,
        telethon_person(daemon, new_phone(), "Ann") as ann,
    ):
        name = f"nora{nora.id}"
        await nora.say("username", username=name)
        await ann(UpdateUsernameRequest(f"ann{ann.me.id}"))
        long = "hello from Python " + "x" * 600  # over 512 bytes: compressed on the wire
        await ann.send_message(name, long)
        await until(lambda: nora.heard == [long])
        await nora.say("send", to=f"ann{ann.me.id}", text="hello from afar")
        heard = (await until(lambda: ann.heard))[0]
        assert heard.raw_text == "hello from afar" and heard.sender_id == nora.id
        await nora.say("send", to=f"ann{ann.me.id}", text="long " + "y" * 2000)
        await until(lambda: len(ann.heard) == 2)
        nora.tell({"do": "history", "of": f"ann{ann.me.id}"})
        assert (await nora.expect("history"))[:3] == ["long " + "y" * 2000, "hello from afar", long]
