"""Every served method, mutated, over real connections of three layers: an answer, never a fault of ours, never silence,
and the connection kept (SECURITY 7.4). `TGSERVE_FUZZ_EXAMPLES` tries longer.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutants import Mutants, served
from tests.server.people import meet, message, sign_up
from tests.tl.samples import SCHEMA
from tgserve import api
from tgserve.errors import CATALOGUE, RpcError
from tgserve.testing.miniclient import MiniClient
from tgserve.testing.server import TestServer
from tgserve.tl import types as t
from tgserve.tl.functions import messages, users

api.load()
EXAMPLES = int(os.environ.get("TGSERVE_FUZZ_EXAMPLES", "12"))
LAYERS = (152, 200, 232)
AT_ONCE = 25
"""Calls in flight."""


def bare(name: str) -> str:
    """An error's name without the number in it."""
    return re.sub(r"%d|\d+", "", name)


KNOWN = {bare(kind.name) for kind in CATALOGUE.values()}
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


class Bench:
    """A server and its people on a loop that outlives hypothesis' examples."""

    def __init__(self, data: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.server = TestServer(data)
        self.count = 0
        self.run(self.server.start())

    def run(self, story: Any) -> Any:
        return self.loop.run_until_complete(story)

    def phone(self) -> str:
        self.count += 1
        return f"+99966{self.count:06d}"

    @asynccontextmanager
    async def person(self, layer: int) -> AsyncIterator[tuple[MiniClient, Mutants]]:
        """Somebody new with two friends, a group and a few messages; the others stay away."""
        client = await self.server.client(layer=layer)
        await sign_up(client, self.phone())
        people = []
        for _ in range(2):
            other = await self.server.client()
            phone = self.phone()
            await sign_up(other, phone, "Bob")
            await other.disconnect()
            people.append(await meet(client, phone))
        members = [t.InputUser(user_id=one.user_id, access_hash=one.access_hash) for one in people]
        made = await client.call(messages.CreateChat(users=members, title="Three"))
        group = (made.updates if isinstance(made, t.MessagesInvitedUsers) else made).chats[0].id
        for number, peer in enumerate([*people, t.InputPeerChat(chat_id=group)] * 2):
            await client.call(message(peer, f"hello #{number} of example.com", number + 1))
        yield client, Mutants(layer, people, [group])
        await client.disconnect()

    async def still_there(self, client: MiniClient) -> bool:
        """Signed in, and answered; a session that ended itself (a right resetAuthorization, say) is no fault."""
        try:
            return len(await client.call(users.GetUsers(id=[t.InputUserSelf()]))) == 1
        except RpcError as error:
            return error.code == 401

    def close(self) -> None:
        self.run(self.server.stop())
        self.loop.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("fuzz") / "data")
    yield made
    made.close()


async def faults(client: MiniClient, calls: list[tuple[str, bytes]]) -> list[str]:
    """What is no answer among the answers."""
    found = []
    for begin in range(0, len(calls), AT_ONCE):
        window = [(name, body, client.start(body)) for name, body in calls[begin : begin + AT_ONCE]]
        for name, body, future in window:
            try:
                await asyncio.wait_for(future, 100)
            except RpcError as error:
                if error.code >= 500 or bare(error.name) not in KNOWN:
                    found.append(f"{name}: {error!r}: {body[:400].hex()}")
            except (TimeoutError, ConnectionError) as error:
                found.append(f"{name}: {error!r}: {body[:400].hex()}")
        if not client.connected:
            return found
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_7_4_every_served_method_mutated(bench: Bench, layer: int) -> None:
    names = served(layer)
    assert len(names) > 120

    @FUZZ
    @given(st.integers(0, 2**32))
    def each(seed: int) -> None:
        async def story() -> None:
            rng = random.Random(seed)
            async with bench.person(layer) as (client, mutants):
                order = rng.sample(names, len(names))
                wrong = await faults(client, [(name, mutants.body(name, rng)) for name in order])
                assert not wrong, "\n".join(wrong)
                assert client.connected and await bench.still_there(client)

        bench.run(story())

    each()


@pytest.mark.parametrize("layer", LAYERS)
def test_7_4_before_login(bench: Bench, layer: int) -> None:
    """The same from a key that nobody signed in with."""

    async def story() -> None:
        rng = random.Random(layer)
        client = await bench.server.client(layer=layer)
        mutants = Mutants(layer, [])
        calls = [(name, mutants.plain_body(name, rng)) for name in served(layer)]
        wrong = await faults(client, calls)
        assert not wrong, "\n".join(wrong)
        assert client.connected
        await client.disconnect()

    bench.run(story())


def test_7_4_no_sense_at_all(bench: Bench) -> None:
    """Random words and objects that are no calls, each in place of a call."""

    async def story() -> None:
        rng = random.Random(7)
        async with bench.person(232) as (client, mutants):
            junk = [rng.randbytes(4 * rng.randint(1, 60)) for _ in range(200)]
            objects = [id for id in sorted(SCHEMA.ids(232)) if not SCHEMA[id].function]
            junk += [id.to_bytes(4, "little") + rng.randbytes(16) for id in rng.sample(objects, 300)]
            wrong = await faults(client, [("junk", body) for body in junk])
            assert not wrong, "\n".join(wrong)
            assert client.connected and await bench.still_there(client)

    bench.run(story())
