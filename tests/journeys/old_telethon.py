"""Telethon 1.39 (layer 199) in a process of its own; the conversation is that of scripted.py."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import telethon
from telethon.crypto import rsa
from telethon.sessions import MemorySession
from telethon.tl import functions as f


def say(**event: Any) -> None:
    print(json.dumps(event), flush=True)


async def next_order() -> Any:
    return json.loads(await asyncio.to_thread(sys.stdin.readline))


async def main() -> None:
    facts = json.loads(sys.argv[1])
    assert telethon.__version__.startswith("1.39"), telethon.__version__
    rsa.add_key(facts["pem"], old=False)
    session = MemorySession()
    session.set_dc(2, facts["host"], facts["port"])
    client = telethon.TelegramClient(session, 1, "0123456789abcdef0123456789abcdef")
    await client.connect()

    async def heard(event: Any) -> None:
        say(heard=event.raw_text)

    client.add_event_handler(heard, telethon.events.NewMessage(incoming=True))
    sent = await client.send_code_request(facts["phone"])
    say(need="code")
    code = (await next_order())["code"]
    answer = await client(f.auth.SignInRequest(facts["phone"], sent.phone_code_hash, code))
    if isinstance(answer, telethon.tl.types.auth.AuthorizationSignUpRequired):
        answer = await client(f.auth.SignUpRequest(facts["phone"], sent.phone_code_hash, facts["name"], "O"))
    await client._on_login(answer.user)
    say(me=str(answer.user.id))
    while True:
        order = await next_order()
        try:
            if order["do"] == "username":
                await client(f.account.UpdateUsernameRequest(order["username"]))
            elif order["do"] == "send":
                await client.send_message(order["to"], order["text"])
            elif order["do"] == "history":
                say(history=[m.raw_text async for m in client.iter_messages(order["of"], limit=10)])
            elif order["do"] == "quit":
                await client.disconnect()
                return
            say(done=order["do"])
        except Exception as error:
            say(error=repr(error))


asyncio.run(main())
