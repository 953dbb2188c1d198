"""Push token type 7: a quiet session of its own is told that there is something."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.server.people import meet, message, sign_up
from tests.waiting import until
from tgserve.adapters.contract import Provider, Push, Sent
from tgserve.adapters.push.routes import Station
from tgserve.clock import SystemClock
from tgserve.mtproto.outbox import NOTICE
from tgserve.services.push import feed
from tgserve.testing.server import TestServer
from tgserve.tl import types as t
from tgserve.tl.functions import account

pytestmark = pytest.mark.asyncio


async def test_a_quiet_session_is_woken_and_the_usual_one_fetches(tmp_path: Path) -> None:
    async with TestServer(tmp_path / "data") as server:
        ann, bob = await server.client(), await server.client()
        await sign_up(ann, "+999661001", "Ann")
        await sign_up(bob, "+999661002", "Bob")
        to_bob = await meet(ann, "+999661002")
        quiet = await server.client(key=bob.key)
        assert quiet.session is not None
        await quiet.ping()
        token = str(quiet.session.session_id)
        await bob.call(
            account.RegisterDevice(
                token_type=7, token=token, app_sandbox=False, secret=b"", other_uids=[], no_muted=False
            )
        )
        await bob.disconnect()
        await until(lambda: len(server.app.gateway.connections) == 2)
        for number in range(1, 4):
            await ann.call(message(to_bob, "wake up", number))
        woken = await quiet.next_update()
        assert isinstance(woken, t.UpdatesTooLong)
        await bob.connect(server.host, server.port)
        waiting = server.app.services.push.queue
        await until(lambda: not len(waiting))
        await quiet.disconnect()


async def test_without_its_session_it_waits_and_is_told_later(tmp_path: Path) -> None:
    async with TestServer(tmp_path / "data") as server:
        ann, bob = await server.client(), await server.client()
        await sign_up(ann, "+999661001", "Ann")
        await sign_up(bob, "+999661002", "Bob")
        to_bob = await meet(ann, "+999661002")
        await bob.call(
            account.RegisterDevice(
                token_type=7, token="-77", app_sandbox=False, secret=b"", other_uids=[], no_muted=False
            )
        )
        await bob.disconnect()
        await until(lambda: len(server.app.gateway.connections) == 1)
        await ann.call(message(to_bob, "nobody hears", 1))
        queue = server.app.services.push.queue
        await until(
            lambda: [one for one in queue._lines.values() if one.not_before > server.app.clock.now() + 20]
        )
        assert len(queue) == 1


@pytest.mark.parametrize("comes_back", [False, True])
async def test_what_a_dead_connection_was_told_is_pushed_unless_the_client_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    monkeypatch.setattr(feed, "GRACE_SECONDS", 100)
    ahead = 0.0
    clock = SystemClock(lambda: time.time() + ahead, lambda: time.monotonic() + ahead)
    async with TestServer(tmp_path / "data", clock=clock) as server:
        ann, bob = await server.client(), await server.client()
        await sign_up(ann, "+999661001", "Ann")
        await sign_up(bob, "+999661002", "Bob")
        to_bob = await meet(ann, "+999661002")
        taken: list[str] = []

        class Way:
            types = frozenset({2})

            async def send(self, push: Push) -> Sent:
                taken.append(push.payload["loc_key"])
                return Sent()

            async def close(self) -> None:
                """Nothing is held."""

        server.app.routes.direct.append(Station(Provider("way", "way"), Way(), server.app.clock, 5.0))
        await bob.call(
            account.RegisterDevice(token_type=2, token="x", app_sandbox=False, secret=b"", other_uids=[])
        )
        bob.data_received = lambda data: None  # type: ignore[method-assign]
        await ann.call(message(to_bob, "into a dead socket", 1))
        push, sessions = server.app.services.push, server.app.gateway.online.of(to_bob.user_id)
        kept = sessions[0].core.outbox.kept
        await until(lambda: any(out.kind == NOTICE for out in kept.values()))
        await until(lambda: push.feed._told)
        assert taken == [] and not len(push.queue), "it is connected, as far as anybody knows"
        await bob.disconnect()
        await until(lambda: len(push.queue) == 1)
        if comes_back:
            del bob.data_received
            await bob.connect(server.host, server.port)
            await bob.ping()
        ahead = 101.0
        push.sending._look()  # its timer goes by the machine
        await until(lambda: not len(push.queue))
        assert taken == ([] if comes_back else ["MESSAGE_TEXT"])
