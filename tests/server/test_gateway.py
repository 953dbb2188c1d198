"""Sessions, keys and sockets of a real server: what clients rely on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from struct import pack

import pytest

from tests.server.conftest import MakeServer
from tests.server.people import meet, message, next_text, sign_up
from tests.waiting import until
from tgserve import limits
from tgserve.clock import SystemClock
from tgserve.config import StoreConfig
from tgserve.errors import RpcError
from tgserve.server.timers import TICK_SECONDS
from tgserve.testing.clock import FakeClock
from tgserve.testing.miniclient import KINDS, MiniClient, Refused
from tgserve.testing.miniclient.session import Acks, Failure, NewSession, Result
from tgserve.testing.server import TestServer
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import auth, core, help, updates, users

ON_DISK = StoreConfig(map_gib=1, shards=1)
SELF = users.GetUsers(id=[t.InputUserSelf()])


async def other_device(server: TestServer, phone: str) -> MiniClient:
    client = await server.client()
    await sign_up(client, phone)
    return client


@pytest.mark.parametrize("kind", KINDS)
def test_2_1_every_transport_is_served(make_server: MakeServer, kind: str) -> None:
    async def main() -> None:
        async with make_server() as server:
            ann, bob = await server.client(kind), await server.client(kind)
            await sign_up(ann, "+999661001")
            await sign_up(bob, "+999661002", "Bob")
            peer = await meet(ann, "+999661002")
            for number in range(1, 4):
                await ann.call(message(peer, f"text {number}", number))
            assert [await next_text(bob) for _ in range(3)] == ["text 1", "text 2", "text 3"]

    asyncio.run(main())


@pytest.mark.parametrize(("kind", "dc_id"), [("obf-intermediate", 1), ("obf-abridged", 4), ("full", 3)])
def test_1_15_this_dc_is_where_the_client_thinks_it_is(
    make_server: MakeServer, kind: str, dc_id: int
) -> None:
    """CLIENTS A.5.6; `full` says it in the key exchange only."""

    async def main() -> None:
        async with make_server() as server:
            options = MiniClient(rsa_public=server.pem)._options
            client = await server.client(kind, dc_id=dc_id, exchange=replace(options, dc_id=dc_id))
            assert (await client.call(help.GetConfig())).this_dc == dc_id

    asyncio.run(main())


def test_401_before_login_and_the_connection_is_kept(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            for _ in range(2):
                with pytest.raises(RpcError, match="AUTH_KEY_UNREGISTERED"):
                    await client.call(SELF)
            assert (await client.call(help.GetNearestDc())).this_dc == 2

    asyncio.run(main())


def test_calls_whose_answer_takes_long_are_acknowledged_in_time(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first, those that come after it, and those that come after an acknowledgement."""

    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            await client.call(help.GetNearestDc())
            gateway = server.app.gateway
            monkeypatch.setattr(gateway.dispatcher, "invoke", lambda *_: None)
            told: list[list[int]] = []
            client.on_event = lambda event: (
                told.append(list(event.msg_ids)) if isinstance(event, Acks) else None
            )
            session = client.session
            assert session is not None
            (live,) = (one for key in gateway._live.values() for one in key.sessions.values())
            outbox = live.core.outbox
            await until(lambda: not outbox.acks)  # of the call above
            told.clear()
            hand = FakeClock(gateway.clock.now())
            hand._monotonic = gateway.clock.monotonic()
            monkeypatch.setattr(gateway, "clock", hand)
            monkeypatch.setattr(gateway.wheel, "_clock", hand)

            async def sent() -> int:
                one = session.message(layers.encode(help.GetNearestDc()))
                client.send(one)
                await until(lambda: one.msg_id in outbox.acks)
                return one.msg_id

            def pass_by(seconds: float) -> None:
                hand.advance(seconds)
                gateway.wheel.turn(hand.monotonic())

            first = await sent()
            pass_by(limits.ACK_SECONDS / 2)
            second = await sent()
            assert list(outbox.acks) == [first, second] and not told, "an answer would make them needless"
            pass_by(limits.ACK_SECONDS / 2 + TICK_SECONDS)
            await until(lambda: told)
            third = await sent()
            assert list(outbox.acks) == [third]
            pass_by(limits.ACK_SECONDS + TICK_SECONDS)
            await until(lambda: len(told) > 1)
            assert told == [[first, second], [third]]

    asyncio.run(main())


def test_an_unknown_constructor_in_a_container_keeps_its_siblings(make_server: MakeServer) -> None:
    """CLIENTS C.1."""

    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            await client.call(help.GetNearestDc())
            got: dict[int, object] = {}
            client.on_event = lambda event: (
                got.update({event.req_msg_id: event}) if isinstance(event, Result | Failure) else None
            )
            session = client.session
            assert session is not None
            nearest = layers.encode(help.GetNearestDc())
            sent = [session.message(body) for body in (nearest, pack("<II", 0x0BADF00D, 7), nearest)]
            client.send(*sent)
            while len(got) < 3:
                await asyncio.sleep(0.01)
            kinds = [got[one.msg_id] for one in sent]
            assert isinstance(kinds[0], Result) and isinstance(kinds[2], Result)
            assert isinstance(kinds[1], Failure) and kinds[1].name == "INPUT_METHOD_INVALID"

    asyncio.run(main())


def test_pushes_and_answers_wait_for_the_session_to_come_back(make_server: MakeServer) -> None:
    """SECURITY 3.15: what was said while the socket was gone is said on the next one, once, in order."""

    async def main() -> None:
        async with make_server() as server:
            ann, bob = await server.client(), await server.client()
            await sign_up(ann, "+999661001")
            await sign_up(bob, "+999661002")
            await bob.call(updates.GetState())
            peer = await meet(ann, "+999661002")
            await bob.disconnect()
            for number in range(1, 6):
                await ann.call(message(peer, f"text {number}", number))
            news: list[object] = []
            bob.on_event = lambda event: news.append(event) if isinstance(event, NewSession) else None
            await bob.connect(server.host, server.port)
            await bob.ping()
            assert [await next_text(bob) for _ in range(5)] == [f"text {n}" for n in range(1, 6)]
            assert not news, "it is the same session"
            assert bob.updates.empty()

    asyncio.run(main())


def test_a_session_on_a_new_socket_is_answered_there_although_the_old_one_lives(
    make_server: MakeServer,
) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            await client.call(help.GetNearestDc())
            moved = await server.client(key=client.key)
            moved.session = client.session
            moved._inited = True
            assert (await moved.call(help.GetNearestDc())).this_dc == 2
            assert server.app.gateway.sessions == 1
            assert client.connected

    asyncio.run(main())


def test_3_5_a_stale_salt_on_a_second_socket_is_answered_on_that_socket(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            await client.call(help.GetNearestDc())
            second = await server.client(key=client.key)
            second.session = client.session
            second._inited = True
            assert client.session is not None
            client.session.salt = 12345
            assert (await second.call(help.GetNearestDc())).this_dc == 2

    asyncio.run(main())


def test_one_socket_may_carry_several_sessions_of_several_keys(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            first = client.session
            await client.call(help.GetNearestDc())
            client.new_session()
            await client.call(help.GetNearestDc())
            assert server.app.gateway.sessions == 2
            client.session = first
            assert (await client.call(help.GetNearestDc())).this_dc == 2
            await client.disconnect()
            await until(lambda: not server.app.gateway.connections)

    asyncio.run(main())


def test_the_same_key_is_good_after_a_restart(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server(store=ON_DISK) as server:
            client = await server.client()
            me = await sign_up(client, "+999661001")
            await client.disconnect()
            await server.restart()
            await client.connect(server.host, server.port)
            found = await client.call(SELF)
            assert found[0].id == me.id

    asyncio.run(main())


def test_a_restart_remembers_layer_and_device(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server(store=ON_DISK) as server:
            client = await server.client(layer=200)
            await sign_up(client, "+999661001")
            await client.disconnect()
            await server.restart()
            client.new_session()
            client._inited = True  # nothing is announced anew
            await client.connect(server.host, server.port)
            assert (await client.call(SELF))[0].self_ is True

    asyncio.run(main())


# -- temporary keys -------------------------------------------------------------------------------------------------


def test_1_16_temporary_keys_are_bound_and_act_for_the_permanent_one(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await server.client(pfs=True)
            me = await sign_up(client, "+999661001")
            assert (await client.call(SELF))[0].id == me.id
            bob = await other_device(server, "+999661002")
            await client.call(updates.GetState())
            await bob.call(message(await meet(bob, "+999661001"), "to a bound key", 1))
            assert await next_text(client) == "to a bound key"

    asyncio.run(main())


def test_1_16_an_unbound_temporary_key_may_ask_only_little(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            options = replace(MiniClient(rsa_public=server.pem)._options, expires_in=3600)
            client = await server.client(exchange=options)
            with pytest.raises(RpcError, match="AUTH_KEY_PERM_EMPTY"):
                await client.call(SELF)
            assert (await client.call(help.GetConfig())).this_dc == 2

    asyncio.run(main())


def test_1_16_a_temporary_key_ends(make_server: MakeServer) -> None:
    async def main() -> None:
        ahead = 0.0
        async with make_server(clock=SystemClock(lambda: time.time() + ahead)) as server:
            options = replace(MiniClient(rsa_public=server.pem)._options, expires_in=60)
            client = await server.client(exchange=options)
            await client.call(help.GetConfig())
            ahead = 61.0
            with pytest.raises((Refused, ConnectionError)):
                await client.call(help.GetConfig())
            assert client.transport_errors == [-404]

    asyncio.run(main())


# -- ends -----------------------------------------------------------------------------------------------------------


def test_5_6_log_out_is_answered_and_then_the_sockets_of_the_key_end(make_server: MakeServer) -> None:
    """CLIENTS A.5.9: TDLib waits for the answer."""

    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            await sign_up(client, "+999661001")
            media = await server.client(key=client.key, salt=client.session.salt)  # type: ignore[union-attr]
            await media.call(SELF)
            assert isinstance(await client.call(auth.LogOut()), t.AuthLoggedOut)
            await client.lost()
            await media.lost()
            await client.connect(server.host, server.port)
            with pytest.raises(RpcError, match="AUTH_KEY_UNREGISTERED"):
                await client.call(SELF)

    asyncio.run(main())


def test_5_6_ending_the_other_sessions_cuts_them_at_once(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            first = await other_device(server, "+999661001")
            second = await other_device(server, "+999661001")
            await first.call(auth.ResetAuthorizations())
            await second.lost()
            await second.connect(server.host, server.port)
            with pytest.raises(RpcError, match="AUTH_KEY_UNREGISTERED"):
                await second.call(SELF)
            assert (await first.call(SELF))[0].self_

    asyncio.run(main())


def test_destroy_auth_key_ends_the_key(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await other_device(server, "+999661001")
            session = client.session
            assert session is not None
            client.send(session.message(pack("<I", 0xD1435160)))
            await client.lost()
            await client.connect(server.host, server.port)
            with pytest.raises(Refused, match="-404"):
                await client.call(SELF)

    asyncio.run(main())


def test_destroy_session_forgets_the_other_one(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await other_device(server, "+999661001")
            await client.call(updates.GetState())
            old = client.session
            assert old is not None
            client.new_session()
            await client.call(updates.GetState())
            session = client.session
            assert session is not None
            answers: list[object] = []
            client.on_event = answers.append
            client.send(session.message(pack("<IQ", 0xE7512126, old.session_id)))
            await client.ping()
            me = server.app.gateway.online.users()
            assert len(server.app.gateway.online.of(me[0])) == 1

    asyncio.run(main())


def test_invoke_without_updates_keeps_pushes_away(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            ann = await other_device(server, "+999661001")
            bob = await other_device(server, "+999661002")
            await bob.call(updates.GetState())
            quiet = await server.client(key=bob.key, salt=bob.session.salt)  # type: ignore[union-attr]
            await quiet.call(pack("<I", core.InvokeWithoutUpdates.ID) + layers.encode(SELF))
            await ann.call(message(await meet(ann, "+999661002"), "for one", 1))
            assert await next_text(bob) == "for one"
            await quiet.ping()
            assert quiet.updates.empty()

    asyncio.run(main())


def test_sends_of_one_client_keep_their_order(make_server: MakeServer) -> None:
    """Pipelined without waiting: the receiver sees them as they were sent."""

    async def main() -> None:
        async with make_server() as server:
            ann = await other_device(server, "+999661001")
            bob = await other_device(server, "+999661002")
            await bob.call(updates.GetState())
            peer = await meet(ann, "+999661002")
            calls = [ann.start(message(peer, str(number), number)) for number in range(1, 101)]
            await asyncio.gather(*calls)
            assert [await next_text(bob) for _ in range(100)] == [str(n) for n in range(1, 101)]

    asyncio.run(main())


def test_invoke_after_msg_over_the_wire(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await other_device(server, "+999661001")
            session = client.session
            assert session is not None
            first = session.message(layers.encode(SELF))
            waiting = client.start(pack("<IQ", core.InvokeAfterMsg.ID, first.msg_id) + layers.encode(SELF))
            await client.ping()
            assert not waiting.done()
            client.send(first)
            assert len(await asyncio.wait_for(waiting, 60)) > 8

    asyncio.run(main())


def test_sessions_without_a_socket_end_after_their_time(make_server: MakeServer) -> None:
    async def main() -> None:
        ahead = 0.0
        async with make_server(clock=SystemClock(monotonic=lambda: time.monotonic() + ahead)) as server:
            client = await other_device(server, "+999661001")
            gateway = server.app.gateway
            await client.call(updates.GetState())
            await client.disconnect()
            await until(lambda: not gateway.connections)
            assert gateway.sessions == 1 and len(gateway.online) == 1
            ahead = limits.SESSION_SECONDS
            await until(lambda: gateway.sessions == 0 and len(gateway.online) == 0)
            assert not gateway._live and not gateway._logins and not gateway._idle
            await client.connect(server.host, server.port)
            assert (await client.call(SELF))[0].self_

    asyncio.run(main())


def test_2_8_sessions_of_one_key_are_bounded(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SESSIONS_PER_KEY", 3)

    async def main() -> None:
        async with make_server() as server:
            client = await server.client()
            for _ in range(3):
                client.new_session()
                await client.ping()
            client.new_session()
            with pytest.raises(Refused, match="-429"):
                await client.ping()
            await client.lost()
            await client.connect(server.host, server.port)
            await client.ping()
            assert server.app.gateway.sessions == 3

    asyncio.run(main())


def test_3_7_a_session_that_was_pushed_out_takes_no_old_message_again(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SESSIONS_PER_KEY", 1)

    async def main() -> None:
        async with make_server() as server:
            client = await other_device(server, "+999661001")
            first = client.session
            assert first is not None
            recorded = client.send(first.message(layers.encode(SELF)))
            await client.ping()
            await client.disconnect()
            client.new_session()
            await client.connect(server.host, server.port)
            await client.ping()
            await client.disconnect()
            await client.connect(server.host, server.port)
            codes: list[int] = []
            client.session = first
            client.on_event = lambda event: codes.append(getattr(event, "code", 0))
            client.write(recorded)
            while not codes:
                await asyncio.sleep(0.01)
            assert codes == [16]

    asyncio.run(main())


def test_http_is_answered_when_there_is_nothing_to_say(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A POST of acknowledgements alone, without http_wait (Telethon): held, then answered all the same."""
    monkeypatch.setattr(limits, "HTTP_WAIT_SECONDS", 0.4)

    async def main() -> None:
        ahead = 0.0
        async with make_server(clock=SystemClock(monotonic=lambda: time.monotonic() + ahead)) as server:
            client = await server.client("http")
            client.listen = False
            await client.ping()
            session, packets = client.session, 0
            assert session is not None
            await until(
                lambda: client._ack_timer is None and not client._posts
            )  # it acknowledges by itself, too
            before = client._posts
            monkeypatch.setattr(limits, "HTTP_WAIT_SECONDS", limits.IDLE_SECONDS / 2)
            client.send(session.message(pack("<IIIQ", 0x62D6B459, 0x1CB5C415, 1, 5), False))
            assert client._posts == before + 1
            (connection,) = server.app.gateway.connections
            await until(lambda: connection._hold_until)
            assert client._posts == before + 1, "held while something may still come"
            ahead = limits.HTTP_WAIT_SECONDS
            await until(lambda: client._posts == before)  # and answered in the end
            assert packets == 0 and client.connected

    asyncio.run(main())


def test_2_7_a_quick_ack_is_given_when_asked_for(make_server: MakeServer) -> None:
    async def main() -> None:
        async with make_server() as server:
            client = await server.client("intermediate")
            session = client.session
            assert session is not None
            payload = session.seal(session.message(layers.encode(help.GetNearestDc())))
            client.write(payload, True)
            await client.ping()
            assert client.quick_acks == [session.quick_ack_token(payload)]

    asyncio.run(main())


def test_a_stop_under_load_answers_what_began_and_loses_nothing_it_answered(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STOP_SECONDS", 3600)  # so it would wait for who goes on talking

    async def main() -> None:
        async with make_server(store=ON_DISK) as server:
            ann = await other_device(server, "+999661001")
            answered: list[int] = []
            loop = asyncio.get_running_loop()

            async def talk() -> None:
                number = 0
                try:
                    while True:
                        number += 1
                        await ann.call(message(t.InputPeerSelf(), str(number), number))
                        answered.append(number)
                except (ConnectionError, TimeoutError):
                    pass

            talking = loop.create_task(talk())
            await until(lambda: len(answered) > 20)
            async with asyncio.timeout(100):
                await server.restart()
            await talking
            await ann.connect(server.host, server.port)
            state = await ann.call(updates.GetState())
            assert answered and state.pts - 1 in (len(answered), len(answered) + 1)

    asyncio.run(main())
