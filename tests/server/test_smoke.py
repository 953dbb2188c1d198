"""Telethon 1.45 over every connection class it has: key exchange, sign-up, messages, log-out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import TelegramClient, events
from telethon.crypto import rsa
from telethon.errors import PhoneNumberUnoccupiedError
from telethon.network import connection
from telethon.network.connection.http import HttpPacketCodec
from telethon.sessions import MemorySession
from telethon.tl.functions.account import UpdateUsernameRequest
from telethon.tl.functions.auth import SignUpRequest

from tests.server.conftest import MakeServer
from tgserve.testing.server import FIXED_CODE, TestServer


class MendedCodec(HttpPacketCodec):  # type: ignore[misc]
    """Telethon's own compares the last byte of a line with a bytes object, which is never true."""

    async def read_packet(self, reader: asyncio.StreamReader) -> bytes:
        while line := await reader.readline():
            if line.lower().startswith(b"content-length: "):
                await reader.readexactly(2)
                return await reader.readexactly(int(line[16:-2]))
        raise asyncio.IncompleteReadError(b"", None)


class Http(connection.ConnectionHttp):  # type: ignore[misc]
    packet_codec = MendedCodec


KINDS = [
    connection.ConnectionTcpFull,
    connection.ConnectionTcpAbridged,
    connection.ConnectionTcpIntermediate,
    connection.ConnectionTcpObfuscated,
    Http,
]


async def telethon(server: TestServer, kind: Any, phone: str, name: str) -> Any:
    rsa.add_key(server.pem, old=False)
    session = MemorySession()
    session.set_dc(2, server.host, server.port)
    client = TelegramClient(session, 1, "hash", connection=kind, timeout=5, request_retries=1)
    await client.connect()
    assert not await client.is_user_authorized()
    sent = await client.send_code_request(phone)
    with pytest.raises(PhoneNumberUnoccupiedError):
        await client.sign_in(phone, FIXED_CODE, phone_code_hash=sent.phone_code_hash)
    answer = await client(SignUpRequest(phone, sent.phone_code_hash, name, ""))
    await client._on_login(answer.user)
    return client


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_two_telethons_talk(make_server: MakeServer, kind: Any) -> None:
    async def main() -> None:
        async with make_server() as server:
            ann = await telethon(server, kind, "+999661001", "Ann")
            bob = await telethon(server, kind, "+999661002", "Bob")
            try:
                got: asyncio.Queue[str] = asyncio.Queue()

                async def heard(event: Any) -> None:
                    await got.put(event.raw_text)

                bob.add_event_handler(heard, events.NewMessage(incoming=True))
                await bob(UpdateUsernameRequest("bobbob"))
                for number in range(5):
                    await ann.send_message("bobbob", f"hello {number}")
                texts = [await asyncio.wait_for(got.get(), 60) for _ in range(5)]
                assert texts == [f"hello {number}" for number in range(5)]
                await asyncio.wait_for(ann.log_out(), 60)
            finally:
                for client in (ann, bob):
                    await client.disconnect()

    asyncio.run(main())
