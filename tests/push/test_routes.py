"""The ways to devices: order, patience, rates, what is logged, and what the operator changes while pushes go out."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from tests.waiting import until
from tgserve import log
from tgserve.adapters.contract import AdapterError, Gone, Later, Provider, Push, PushResult, Refused, Sent
from tgserve.adapters.push.routes import PUSH, Routes
from tgserve.testing.clock import FakeClock


class Way:
    def __init__(
        self, *answers: PushResult, types: frozenset[int] = frozenset({2}), by_endpoint: bool = False
    ) -> None:
        self.answers = list(answers)
        self.types = types
        self.by_endpoint = by_endpoint
        self.asked = 0
        self.closed = 0

    async def send(self, push: Push) -> PushResult:
        self.asked += 1
        return self.answers.pop(0) if self.answers else Sent()

    async def close(self) -> None:
        self.closed += 1


def routes(ways: dict[str, Way], clock: FakeClock | None = None, **more: Any) -> Routes:
    spawned: list[Any] = []
    made = Routes(
        clock or FakeClock(),
        lambda work: spawned.append(asyncio.get_running_loop().create_task(work)),
        make=lambda provider: ways[provider.adapter],
        **more,
    )
    made.use([Provider(name=name, adapter=name, order=at) for at, name in enumerate(ways)])
    return made


PUSHED = Push("the-token", 2, {"loc_args": ["the text"]}, title="the title", text="the text")


def test_the_next_is_asked_when_one_refuses_and_the_first_type_that_fits() -> None:
    async def story() -> None:
        ways = {"a": Way(Refused("SENDER_ID_MISMATCH")), "b": Way(), "c": Way(types=frozenset({13}))}
        made = routes(ways)
        assert isinstance(await made.send(PUSHED), Sent)
        assert [way.asked for way in ways.values()] == [1, 1, 0]
        assert made.serves(13) and not made.serves(1)
        assert isinstance(await made.send(Push("x", 1, {})), Refused)

    asyncio.run(story())


def test_a_service_that_wants_patience_is_not_asked_before() -> None:
    async def story() -> None:
        clock, way = FakeClock(), Way(Later("quota", 90))
        made = routes({"a": way}, clock)
        assert await made.send(PUSHED) == Later("quota", 90)
        clock.advance(30)
        assert await made.send(PUSHED) == Later("quota", 60) and way.asked == 1
        clock.advance(61)
        assert isinstance(await made.send(PUSHED), Sent) and way.asked == 2

    asyncio.run(story())


def test_an_endpoint_that_fails_is_no_word_about_the_others() -> None:
    async def story() -> None:
        way = Way(Later("503", 90), Refused("not on the public internet"), by_endpoint=True)
        made = routes({"a": way})
        await made.send(PUSHED)
        await made.send(PUSHED)
        assert isinstance(await made.send(PUSHED), Sent) and way.asked == 3

    asyncio.run(story())


def test_time_and_rate_have_ends() -> None:
    class Slow(Way):
        async def send(self, push: Push) -> PushResult:
            await asyncio.sleep(1000)
            return Sent()

    async def story() -> None:
        made = routes({"a": Slow()}, seconds=0.05)
        found = await made.send(PUSHED)
        assert isinstance(found, Later) and "no answer" in found.reason
        clock, way = FakeClock(), Way()
        made = routes({"a": way}, clock)
        made.use([Provider(name="a", adapter="a", per_minute=2)])
        results = [await made.send(PUSHED) for _ in range(3)]
        assert [type(one) for one in results] == [Sent, Sent, Later]
        clock.advance(61)
        assert isinstance(await made.send(PUSHED), Sent)

    asyncio.run(story())


def test_providers_change_while_pushes_go_out() -> None:
    async def story() -> None:
        ways = {"a": Way(), "b": Way()}
        made = routes(ways)
        kept = made.station_or_none("a")
        made.use([Provider(name="a", adapter="a", order=0)])
        await until(lambda: ways["b"].closed == 1)
        assert made.station_or_none("a") is kept and ways["a"].closed == 0

        def broken(provider: Provider) -> Any:
            raise AdapterError("[push.fcm] the credentials are no JSON")

        made._make = broken
        made.use([Provider(name="c", adapter="fcm")])
        assert made.broken == {"c": "[push.fcm] the credentials are no JSON"} and not made.serves(2)

    asyncio.run(story())


def test_the_log_names_neither_token_nor_text() -> None:
    """SECURITY 7.2: whatever comes of a push."""

    async def story() -> None:
        way = Way(Sent("the-reference"), Gone("UNREGISTERED"), Later("busy"), Refused("403"))
        clock = FakeClock()
        made = routes({"a": way}, clock)
        for _ in range(4):
            await made.send(PUSHED)
            clock.advance(10)

    stream = io.StringIO()
    log.setup(level="debug", stream=stream)
    try:
        asyncio.run(story())
    finally:
        log.setup()
    written = stream.getvalue()
    assert written.count("\n") == 4 and "push.gone" in written
    for word in ("the-token", "the text", "the title"):
        assert word not in written


def test_every_adapter_says_what_it_takes() -> None:
    assert set(PUSH.names()) >= {"fcm", "apns", "webpush", "simple", "webhook", "ntfy"}
    for name in PUSH.built_in:
        with pytest.raises(AdapterError, match=f"push.{name}"):
            PUSH.factory(name)({"no such option": "x"}, FakeClock())
