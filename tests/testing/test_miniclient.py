"""What tests rely on in the mini client: it recovers as real clients do, and says what the server refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tgserve.config import StoreConfig
from tgserve.errors import RpcError
from tgserve.ids import Ids
from tgserve.mtproto.cipher import AuthKey
from tgserve.testing.miniclient import ExchangeFailed, KeyExchange, MiniClient, Refused, packed
from tgserve.testing.miniclient.exchange import factorize
from tgserve.testing.server import TestServer
from tgserve.tl import functions, layers, types

GET_CONFIG = functions.help.GetConfig()


def served(tmp_path: Path, story: Callable[[TestServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with TestServer(tmp_path / "data", store=StoreConfig(engine="memory", shards=1)) as server:
            await story(server)

    asyncio.run(run())


def test_it_recovers_from_a_wrong_salt_and_a_wrong_clock(tmp_path):
    async def story(server):
        client = await server.client()
        await client.call(GET_CONFIG)
        for offset in (-3600.0, 7200.0):
            session = client.new_session()
            session.salt = 12345
            session.offset = offset
            assert (await client.call(GET_CONFIG)).this_dc == 2
            assert abs(session.offset) < 5
            assert session.salt != 12345

    served(tmp_path, story)


def test_quick_acks_match_its_own_token(tmp_path):
    async def story(server):
        for kind in ("abridged", "intermediate", "obf-padded", "ws-abridged"):
            client = await server.client(kind)
            message = client.session.message(client.wrapped(b"\x6b\x18\xf9\xc4", 232))
            payload = client.send(message, quick_ack=True)
            await client.ping()
            assert client.quick_acks == [client.session.quick_ack_token(payload)]

    served(tmp_path, story)


def test_refusals_are_told_apart(tmp_path):
    async def story(server):
        client = await server.client()
        with pytest.raises(RpcError) as caught:
            await client.call(functions.updates.GetState())
        assert caught.value.code == 401
        with pytest.raises(Refused) as refused:
            await client.start(GET_CONFIG, msg_id=client.session.next_id() | 1)
        assert refused.value.code == 18
        client.session.key = AuthKey(Ids().random_bytes(256))
        with pytest.raises(Refused) as refused:
            await client.call(GET_CONFIG)
        assert refused.value.code == -404
        await client.lost()
        assert not client.connected
        assert client.transport_errors == [-404]

    served(tmp_path, story)


def test_key_and_session_outlive_the_socket(tmp_path):
    async def story(server):
        client = await server.client("obf-intermediate")
        await client.call(GET_CONFIG)
        key, session = client.key, client.session
        await client.disconnect()
        await client.connect(server.host, server.port)
        assert (await client.call(GET_CONFIG, init=False)).this_dc == 2
        assert (client.key, client.session) == (key, session)

    served(tmp_path, story)


@pytest.mark.parametrize("stream", ["gzip", "zlib"])
def test_packed_calls_and_raw_answers(tmp_path, stream):
    async def story(server):
        client = await server.client()
        answer = await client.call(
            packed(client.wrapped(b"\x6b\x18\xf9\xc4", 232), stream=stream), init=False
        )
        assert isinstance(layers.decode(answer), types.Config)

    served(tmp_path, story)


def test_service_questions(tmp_path):
    async def story(server):
        client = await server.client()
        asked = client.session.message(client.wrapped(b"\x6b\x18\xf9\xc4", 232))
        client.send(asked)
        await client.ping()
        salts = await client.future_salts(2)
        assert [until > since for since, until, _ in salts.salts] == [True, True]
        (state, unknown) = await client.states([asked.msg_id, asked.msg_id - 4_000_000])
        assert state & 7 == 4
        assert unknown & 7 != 4

    served(tmp_path, story)


def test_an_exchange_that_is_not_answered_honestly_fails():
    exchange = KeyExchange(None, Ids(1))
    exchange.start()
    with pytest.raises(ExchangeFailed, match="resPQ"):
        exchange.receive(bytes(64))


def test_factorize():
    assert factorize(0x17ED48941A08F981) == (0x494C553B, 0x53911073)  # the description's own example
    assert factorize(1_000_003 * 1_000_033) == (1_000_003, 1_000_033)
    assert factorize(2 * 7919) == (2, 7919)


def test_an_unknown_transport_is_refused_at_once(tmp_path):
    async def story(server):
        with pytest.raises(ValueError, match="no transport"):
            await server.client("carrier-pigeon")

    served(tmp_path, story)
    assert MiniClient("full", rsa_public=None).connected is False
