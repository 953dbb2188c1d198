"""What people did on an older server: run inside a checkout of it, by making.py. Writes a data directory and a list of
what was there, with the keys of the clients that were signed in.

python living.py DATA FACTS          (with the older checkout as the working directory and in PYTHONPATH)
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from telethon import errors, functions, types

from tests.journeys.daemon import Daemon
from tests.journeys.people import telethon_client, telethon_sign_up
from tests.waiting import until

FILE = hashlib.shake_256(b"a file that outlives its server").digest(30_000)


async def live(daemon: Daemon) -> dict[str, Any]:
    ann, ben = telethon_client(daemon), telethon_client(daemon)
    ann.me = await telethon_sign_up(ann, daemon, "999661001", "Ann")
    ben.me = await telethon_sign_up(ben, daemon, "999661002", "Ben")
    heard: list[Any] = []

    async def hear(event: Any) -> None:
        heard.append(event)

    ben.add_event_handler(hear)
    await ann(functions.account.UpdateUsernameRequest("ann_of_old"))
    contact = types.InputPhoneContact(client_id=1, phone="+999661002", first_name="Benny", last_name="")
    await ann(functions.contacts.ImportContactsRequest([contact]))
    friend = await ann.get_input_entity(ben.me.id)
    for n in range(30):
        await ann.send_message(friend, f"letter {n}")
    changed = await ann.send_message(friend, "first words")
    await ann.edit_message(friend, changed.id, "second words")
    gone = await ann.send_message(friend, "nobody shall read this")
    await ann.delete_messages(friend, [gone.id])
    document = await _document(ann, friend)
    await until(lambda: len(heard) > 30)
    back = await ben.get_input_entity("ann_of_old")
    await ben.send_message(back, "an answer", reply_to=(await ben.get_messages(back, limit=1))[0].id)
    await ben.send_read_acknowledge(back)
    group = await ann(functions.messages.CreateChatRequest([friend], "Old friends"))
    chat = (group.updates if hasattr(group, "updates") else group).chats[0]
    await ann.send_message(chat.id * -1, "in the group")
    facts = {
        "ann": {"id": ann.me.id, "key": ann.session.auth_key.key.hex(), "state": await _state(ann)},
        "ben": {"id": ben.me.id, "key": ben.session.auth_key.key.hex(), "state": await _state(ben)},
        "chat": chat.id,
        "document": document,
        "channel": await _channel(ann, ben),
    }
    await ben.disconnect()
    await ann.send_message(friend, "while Ben was away")
    await ann.disconnect()
    return facts


async def _state(client: Any) -> dict[str, int]:
    state = await client(functions.updates.GetStateRequest())
    return {"pts": state.pts, "qts": state.qts, "date": int(state.date.timestamp()), "seq": state.seq}


async def _document(ann: Any, friend: Any) -> int:
    """A file in a message; 0 for servers that took none yet."""
    name = [types.DocumentAttributeFilename("old.bin")]
    try:
        return int((await ann.send_file(friend, FILE, attributes=name, force_document=True)).document.id)
    except errors.MethodInvalidError:
        return 0


async def _channel(ann: Any, ben: Any) -> int:
    """A channel with a post; 0 for servers that had none yet."""
    try:
        made = await ann(functions.channels.CreateChannelRequest("Old news", "of old", broadcast=True))
    except errors.MethodInvalidError:
        return 0
    channel = made.chats[0]
    await ann.send_message(channel, "a post")
    await ann(functions.channels.InviteToChannelRequest(channel, [await ann.get_input_entity(ben.me.id)]))
    return int(channel.id)


def main() -> None:
    data, facts = map(Path, sys.argv[1:])
    config = "[store]\nshards = 3\nmap_gib = 1\n"
    daemon = Daemon(data, config=config).start()
    try:
        facts.write_text(json.dumps(asyncio.run(asyncio.wait_for(live(daemon), 120)), indent=1))
    finally:
        daemon.stop()


if __name__ == "__main__":
    main()
