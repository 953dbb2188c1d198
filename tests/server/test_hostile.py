"""A hostile client over loopback: what it may cost, and that others do not notice (SECURITY 1.18, 2, 3.1, 7.3, 7.4)."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from struct import pack
from typing import Any

import pytest

from tests.server.conftest import MakeServer
from tests.server.people import sign_up
from tests.waiting import until
from tgserve import limits
from tgserve.clock import SystemClock
from tgserve.config import LimitsConfig
from tgserve.errors import StoreError, StoreFull
from tgserve.testing.miniclient import ExchangeFailed, MiniClient, Refused
from tgserve.testing.server import TestServer
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import help, updates, users

SELF = users.GetUsers(id=[t.InputUserSelf()])
REQ_PQ = 0xBE7E8EF1


async def raw(server: TestServer, data: bytes) -> bytes:
    """Send bytes, read until the server closes."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(1 << 20), 60)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def works(server: TestServer) -> None:
    """An honest client is served."""
    client = await server.client()
    assert (await client.call(help.GetNearestDc())).this_dc == 2
    await client.disconnect()


FRAMED = {
    "abridged": lambda p: b"\xef" + bytes((len(p) // 4,)) + p,
    "intermediate": lambda p: b"\xee\xee\xee\xee" + pack("<I", len(p)) + p,
    "padded": lambda p: b"\xdd\xdd\xdd\xdd" + pack("<I", len(p)) + p,
    "http": lambda p: b"POST /api HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(p) + p,
}
ERROR = pack("<i", -404)


@pytest.mark.parametrize("kind", FRAMED)
def test_2_6_an_unknown_key_is_404_in_the_transports_own_framing(make_server: MakeServer, kind: str) -> None:
    async def main() -> None:
        async with make_server() as server:
            said = await raw(server, FRAMED[kind](b"\x01" * 8 + os.urandom(88)))
            if kind == "http":
                assert said.startswith(b"HTTP/1.1 404 ") and said.endswith(ERROR)
            else:
                assert said.endswith(ERROR) and len(said) <= 8 + (16 if kind == "padded" else 0)
            await works(server)

    asyncio.run(main())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s, p: p[:8] + bytes(16) + p[24:],
        lambda s, p: p[:-1] + bytes((p[-1] ^ 1,)),
        lambda s, p: p[:72],
        lambda s, p: p + bytes(16),
        lambda s, p: s.seal(s.message(layers.encode(SELF)), reflected=True),
        lambda s, p: s.seal(s.message(layers.encode(SELF)), padding=0),
        lambda s, p: s.seal(s.message(layers.encode(SELF)), length=1 << 20),
    ],
    ids=["msg_key", "last byte", "cut", "longer", "reflected", "no padding", "length"],
)
def test_3_1_forged_packets_are_404_and_cost_others_nothing(make_server: MakeServer, spoil: Any) -> None:
    """Every fault looks alike; the owner of the key goes on over his own socket."""

    async def main() -> None:
        async with make_server() as server:
            owner = await server.client()
            await owner.call(help.GetNearestDc())
            session = owner.session
            assert session is not None
            packet = session.seal(session.message(layers.encode(SELF)))
            said = await raw(server, FRAMED["intermediate"](spoil(session, packet)))
            assert said == pack("<I", 4) + ERROR
            assert (await owner.call(help.GetNearestDc())).this_dc == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    "length", [0x7FFFFFFF, 0xFFFFFFFF, limits.FRAME_BYTES + 4, 0], ids=["2G", "4G", "limit+4", "none"]
)
def test_2_2_a_giant_frame_ends_the_connection_before_it_is_held(
    make_server: MakeServer, length: int
) -> None:
    async def main() -> None:
        async with make_server() as server:
            said = await raw(server, b"\xee\xee\xee\xee" + pack("<I", length) + b"x" * 1000)
            assert len(said) <= 8
            await works(server)

    asyncio.run(main())


def test_7_4_garbage_of_all_kinds_is_survived(make_server: MakeServer) -> None:
    rng = random.Random(7)
    heads = [
        b"",
        b"\xef",
        b"\xee" * 4,
        b"\xdd" * 4,
        b"POST /api HTTP/1.1\r\n",
        b"GET /apiws HTTP/1.1\r\n",
        b"\x16\x03\x01",
    ]

    async def main() -> None:
        async with make_server() as server:
            owner = await server.client()
            batches = [
                heads[n % len(heads)] + rng.randbytes(rng.choice([1, 7, 64, 65, 300, 5000]))
                for n in range(140)
            ]

            async def throw(data: bytes) -> None:
                _, writer = await asyncio.open_connection(server.host, server.port)
                writer.write(data)
                await asyncio.sleep(0.02)
                writer.close()

            for start in range(0, len(batches), 20):
                await asyncio.gather(*(throw(data) for data in batches[start : start + 20]))
            await owner.ping()
            await until(lambda: len(server.app.gateway.connections) == 1)
            await works(server)

    asyncio.run(main())


def test_7_4_garbage_inside_the_encryption_is_answered_not_fatal(make_server: MakeServer) -> None:
    """A signed-in client sends 500 random bodies: each is an error to it alone."""
    rng = random.Random(3)

    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            await sign_up(client, "+999661001")
            session = client.session
            assert session is not None
            ids = [int.from_bytes(rng.randbytes(4), "little") for _ in range(60)]
            known = [
                cls.ID for cls in (help.GetConfig, updates.GetDifference, users.GetUsers, users.GetFullUser)
            ]
            for _ in range(500):
                body = pack("<I", rng.choice(ids + known * 10)) + rng.randbytes(4 * rng.randrange(30))
                client.send(session.message(body))
            await client.ping()
            assert len(await client.call(SELF)) == 1

    asyncio.run(main())


def test_2_9_a_socket_that_says_nothing_is_closed(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FIRST_PACKET_SECONDS", 0.3)

    async def main() -> None:
        async with make_server() as server:
            assert await raw(server, b"") == b""

    asyncio.run(main())


def test_2_9_bytes_one_by_one_keep_no_socket_open(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slowloris: a frame that never ends, and an HTTP header that never ends."""
    monkeypatch.setattr(limits, "FIRST_PACKET_SECONDS", 0.4)

    async def drip(server: TestServer, data: bytes) -> int:
        """How many bytes it may send: one in 0.05 s at most."""
        reader, writer = await asyncio.open_connection(server.host, server.port)
        sent = 0
        for byte in data:
            sent += 1
            writer.write(bytes((byte,)))
            try:
                if await asyncio.wait_for(reader.read(1), 0.05) == b"":
                    break
            except TimeoutError:
                pass
            except ConnectionResetError:
                break
        writer.close()
        return sent

    async def main() -> None:
        async with make_server() as server:
            sent = await asyncio.gather(
                drip(server, b"\xee\xee\xee\xee" + pack("<I", 400) + bytes(392)),
                drip(server, b"POST /api HTTP/1.1\r\n" + b"X: y\r\n" * 100),
            )
            assert max(sent) < 200

    asyncio.run(main())


def test_2_9_an_idle_session_is_closed_and_a_ping_keeps_it(make_server: MakeServer) -> None:
    async def main() -> None:
        ahead = 0.0
        async with make_server(clock=SystemClock(monotonic=lambda: time.monotonic() + ahead)) as server:
            idle, awake = await server.client(), await server.client()
            await idle.ping()
            for _ in range(2):
                assert idle.connected
                ahead += limits.IDLE_SECONDS / 2 + 1
                await awake.ping()
            await idle.lost()
            await awake.ping()

    asyncio.run(main())


def test_ping_delay_disconnect_closes_when_the_client_falls_silent(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            session = client.session
            assert session is not None
            client.send(session.message(pack("<IQi", 0xF3427B8C, 1, 1)))
            await client.lost()

    asyncio.run(main())


def test_2_9_a_slow_reader_is_cut_and_its_session_lives_on(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNSENT_BYTES", 64 * 1024)

    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            await sign_up(client, "+999661001")
            session, socket = client.session, client._socket
            assert session is not None and socket is not None
            socket.pause_reading()
            body = layers.encode(help.GetCountriesList(lang_code="en", hash=0))

            def cut() -> bool:
                if not server.app.gateway.connections:
                    return True
                for _ in range(20):
                    client.send(session.message(body))
                return False

            await until(cut)  # how much the system holds for a socket is its own affair
            assert server.app.gateway.sessions == 1
            await works(server)

    asyncio.run(main())


def test_2_8_sockets_of_one_address_are_bounded(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server(limits=LimitsConfig(connections_per_address=3)) as server:
            clients = [await server.client() for _ in range(3)]
            with pytest.raises(Refused, match="-429"):
                await server.client()
            dead = [await asyncio.open_connection(server.host, server.port) for _ in range(8)]
            await asyncio.sleep(0.05)
            assert len(server.app.gateway.connections) <= 6
            for _, writer in dead:
                writer.close()
            await clients[0].disconnect()
            await until(lambda: len(server.app.gateway.connections) == 2)
            await works(server)

    asyncio.run(main())


def test_1_18_exchanges_of_one_address_are_bounded(make_server: MakeServer) -> None:
    async def main() -> None:
        allowed = LimitsConfig(handshakes_per_address_per_minute=2)
        async with make_server(limits=allowed) as server:
            client = await server.client()
            await server.client()
            with pytest.raises(Refused, match="-429"):
                await server.client()
            assert (await client.call(help.GetNearestDc())).this_dc == 2

    asyncio.run(main())


def test_1_18_the_loop_is_free_while_keys_are_made(make_server: MakeServer) -> None:
    """Ten exchanges at once whose arithmetic takes as long as one likes: a client that is in gets its pongs meanwhile."""

    async def main() -> None:
        async with make_server() as server:
            client, exchange, go = await server.client(), server.app.exchange, threading.Event()
            await until(lambda: not exchange._queued)  # the pool is full
            exchange._executor.submit(go.wait)
            try:
                others = [asyncio.create_task(server.client()) for _ in range(10)]
                await until(lambda: exchange._queued >= 10)
                for _ in range(10):
                    await client.ping()
                assert not any(task.done() for task in others)
            finally:
                go.set()
            await asyncio.gather(*others)

    asyncio.run(main())


def test_1_12_only_the_key_exchange_is_spoken_in_the_clear(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            body = layers.encode(help.GetConfig())
            packet = bytes(8) + pack("<QI", 4 << 32, len(body)) + body
            assert (await raw(server, FRAMED["intermediate"](packet))).endswith(ERROR)

    asyncio.run(main())


def test_6_15_a_flood_of_calls_is_told_to_wait(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server(limits=LimitsConfig(calls_per_minute=50)) as server:
            client = await server.client()
            await sign_up(client, "+999661001")
            calls = [client.start(SELF) for _ in range(80)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            waits = [one for one in outcomes if isinstance(one, Exception)]
            assert 25 <= len(waits) <= 40
            assert all(str(one).startswith("FLOOD_WAIT_") for one in waits)
            assert client.connected

    asyncio.run(main())


def test_7_3_clients_that_come_and_go_leave_nothing(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            for _ in range(10):
                client = await server.client()
                await client.ping()
                await client.disconnect()
            gateway = server.app.gateway
            await until(lambda: not gateway.connections and gateway.sockets.total == 0)
            assert server.app.driver.waiting == 0

    asyncio.run(main())


def test_an_exchange_goes_on_over_another_connection(make_server: MakeServer) -> None:
    """SECURITY 1.13: HTTP clients make each step over a socket of their own."""

    async def main() -> None:
        async with make_server() as server:
            nonce = os.urandom(16)
            packet = bytes(8) + pack("<QII", 4 << 32, 20, REQ_PQ) + nonce
            answers = []
            for _ in range(2):
                reader, writer = await asyncio.open_connection(server.host, server.port)
                writer.write(FRAMED["intermediate"](packet))
                answers.append((await asyncio.wait_for(reader.readexactly(4 + 84), 60))[24:])
                writer.close()
            assert answers[0] == answers[1]
            client = MiniClient("http", rsa_public=server.pem)
            await client.connect(server.host, server.port)
            await client.ping()
            await client.disconnect()

    asyncio.run(main())


def test_2_6_a_key_that_cannot_be_read_is_not_called_unknown(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transient fault of the store closes the socket: after -404 the client would throw its key away."""

    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            await client.ping()
            await client.disconnect()

            def broken(auth_key_id: int) -> None:
                raise StoreError("the disk is away")

            with monkeypatch.context() as patch:
                patch.setattr(server.app.services.auth.keys, "key_or_none", broken)
                await client.connect(server.host, server.port)
                with pytest.raises(ConnectionError):
                    await client.ping()
                assert client.transport_errors == []
            await client.connect(server.host, server.port)
            await client.ping()

    asyncio.run(main())


def test_1_11_a_key_that_cannot_be_kept_is_refused_in_the_exchange(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with make_server() as server:

            async def full(auth_key_id: int, raw: bytes, expires_in: int = 0) -> bool:
                raise StoreFull

            async def taken(auth_key_id: int, raw: bytes, expires_in: int = 0) -> bool:
                return False

            for answer, outcome in ((full, "dh_gen_fail"), (taken, "dh_gen_retry")):
                monkeypatch.setattr(server.app.services.auth.keys, "add_key", answer)
                with pytest.raises(ExchangeFailed, match=outcome):
                    await server.client()

    asyncio.run(main())
