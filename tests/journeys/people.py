"""Telethon and Kurigram pointed at our server as docs/CLIENTS.md says, and people who sign up with them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyrogram
import telethon
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pyrogram.crypto import rsa as pyrogram_rsa
from telethon.crypto import rsa as telethon_rsa
from telethon.errors import AuthKeyUnregisteredError
from telethon.sessions import MemorySession
from telethon.tl.functions.updates import GetStateRequest

from tests.journeys.daemon import Daemon
from tests.waiting import until

API_ID, API_HASH = 1, "0123456789abcdef0123456789abcdef"


def fingerprint_of(n: int, e: int) -> int:
    """The key's fingerprint as clients compare it: signed, of SHA1 over the TL bytes of n and e."""

    def tl_bytes(number: int) -> bytes:
        data = number.to_bytes((number.bit_length() + 7) // 8, "big")
        head = bytes((len(data),)) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
        return head + data + b"\0" * (-(len(head) + len(data)) % 4)

    digest = hashlib.sha1(tl_bytes(n) + tl_bytes(e)).digest()
    return int.from_bytes(digest[-8:], "little", signed=True)


def trust(pem: str) -> None:
    """Make both libraries accept the server's key."""
    telethon_rsa.add_key(pem, old=False)
    numbers = load_pem_public_key(pem.encode()).public_numbers()
    pyrogram_rsa.server_public_keys[fingerprint_of(numbers.n, numbers.e)] = pyrogram_rsa.PublicKey(
        numbers.n, numbers.e
    )


def telethon_client(daemon: Daemon, session: Any = None, **options: Any) -> telethon.TelegramClient:
    """A client that is not connected yet; `session` may be one that was used before."""
    trust(daemon.pem)
    if session is None:
        session = MemorySession()
        session.set_dc(2, daemon.host, daemon.port)
    return telethon.TelegramClient(
        session, API_ID, API_HASH, request_retries=2, connection_retries=20, **options
    )


async def telethon_sign_up(client: telethon.TelegramClient, daemon: Daemon, phone: str, name: str) -> Any:
    """Sign up by phone and code; the new account's own user object."""
    await client.connect()
    sent = await client.send_code_request(phone)
    code = await asyncio.to_thread(daemon.code, phone)
    request = telethon.tl.functions.auth.SignInRequest(phone, sent.phone_code_hash, code)
    answer = await client(request)
    if isinstance(answer, telethon.tl.types.auth.AuthorizationSignUpRequired):
        answer = await client(
            telethon.tl.functions.auth.SignUpRequest(phone, sent.phone_code_hash, name, "T")
        )
    await client._on_login(answer.user)
    return answer.user


@asynccontextmanager
async def telethon_person(daemon: Daemon, phone: str, name: str, **options: Any) -> AsyncIterator[Any]:
    """A signed-up Telethon client; its user stands in `.me`, live messages in `.heard`."""
    client = telethon_client(daemon, **options)
    client.heard = []
    client.add_event_handler(
        lambda event: note(client, event.message), telethon.events.NewMessage(incoming=True)
    )
    client.me = await telethon_sign_up(client, daemon, phone, name)
    try:
        yield client
    finally:
        await client.disconnect()


async def signed_out(client: telethon.TelegramClient) -> None:
    """Its key is refused: the slot of the key hears of it a moment after the account's."""

    async def refused() -> bool:
        try:
            await client(GetStateRequest())
        except AuthKeyUnregisteredError:
            return True
        return False

    await until(refused)


async def note(client: Any, message: Any) -> None:
    client.heard.append(message)


def kurigram_client(daemon: Daemon, folder: Path, name: str, **options: Any) -> pyrogram.Client:
    from pyrogram.connection import Connection

    trust(daemon.pem)

    class Ours(Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.server_address, self.port = daemon.host, daemon.port

    return pyrogram.Client(
        name,
        API_ID,
        API_HASH,
        workdir=str(folder),
        connection_factory=Ours,
        no_updates=False,
        **{"in_memory": True, **options},
    )


async def kurigram_knows(client: pyrogram.Client, user_id: int) -> None:
    """It has taken an update in that shows this user: until then it cannot name him to the server."""

    async def known() -> bool:
        try:
            await client.resolve_peer(user_id)
        except pyrogram.errors.PeerIdInvalid:
            return False
        return True

    await until(known)


async def kurigram_sign_up(client: pyrogram.Client, daemon: Daemon, phone: str, name: str) -> Any:
    await client.connect()
    sent = await client.send_code(phone)
    code = await asyncio.to_thread(daemon.code, phone)
    signed = await client.sign_in(phone, sent.phone_code_hash, code)
    if not isinstance(signed, pyrogram.types.User):
        signed = await client.sign_up(phone, sent.phone_code_hash, name, "K")
    client.me = await client.get_me()
    await client.invoke(pyrogram.raw.functions.updates.GetState())
    await client.initialize()
    return signed
