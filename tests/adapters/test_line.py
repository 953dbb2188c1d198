"""The line of providers: order, countries, fall-over, rounds, changes while it works."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tgserve import log
from tgserve.adapters.contract import AdapterError, Later, Provider, Refused, Sent, Sms, SmsResult
from tgserve.adapters.line import Line, country_of, is_country
from tgserve.config import parse
from tgserve.testing.clock import FakeClock

GERMAN = Sms("4915112345678", "20457", "20457 is your code")
AUSTRIAN = Sms("436601234567", "20457", "20457 is your code")
TEST = Sms("999661234", "20457", "20457 is your code")


class Fake:
    """Gives its results in order, the last for ever."""

    def __init__(self, *results: SmsResult, gate: asyncio.Event | None = None) -> None:
        self.results = list(results)
        self.asked: list[str] = []
        self.closed = 0
        self.gate = gate

    async def send(self, sms: Sms) -> SmsResult:
        self.asked.append(sms.phone)
        if self.gate is not None:
            await self.gate.wait()
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    async def close(self) -> None:
        self.closed += 1


class Yard:
    """A line whose senders are fakes by provider name; `default` is that of the config."""

    def __init__(self, settings: str = "", **fakes: Fake) -> None:
        self.fakes = {"console": Fake(Sent("default")), **fakes}
        self.made: list[str] = []
        self.pauses: list[float] = []
        self.clock = FakeClock()
        self.tasks: list[asyncio.Task[None]] = []

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        def spawn(work: Coroutine[Any, Any, None]) -> object:
            self.tasks.append(asyncio.ensure_future(work))
            return None

        self.line = Line(parse(settings), self.clock, spawn, self.make, sleep)

    def make(self, provider: Provider) -> Fake:
        self.made.append(provider.name)
        if provider.adapter == "gone":
            raise AdapterError("sms.adapter: there is no `gone`")
        return self.fakes[provider.name]


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 100))


def test_without_providers_the_settings_adapter_is_used() -> None:
    async def story() -> None:
        yard = Yard()
        assert await yard.line.send(TEST) == Sent("default")
        yard.line.use([Provider("a", "a", enabled=False)])
        assert await yard.line.send(TEST) == Sent("default")
        assert yard.made == ["console"]

    run(story)


def test_the_next_is_asked_at_once_and_refusals_are_final() -> None:
    async def story() -> None:
        yard = Yard(a=Fake(Later("busy"), Sent("a")), b=Fake(Refused("no route")), c=Fake(Later("full")))
        yard.line.use([Provider("a", "a"), Provider("b", "b"), Provider("c", "c")])
        assert await yard.line.send(TEST) == Sent("a")
        assert [len(yard.fakes[name].asked) for name in "abc"] == [2, 1, 1]
        assert yard.pauses == [0.5]
        assert (yard.line.stations[0].sent, yard.line.stations[0].failed) == (1, 1)
        assert yard.line.stations[2].fault == "full"

    run(story)


def test_falling_over_costs_no_pause() -> None:
    async def story() -> None:
        yard = Yard(a=Fake(Later("no answer within 10 s")), b=Fake(Sent("b")))
        yard.line.use([Provider("a", "a"), Provider("b", "b")])
        assert await yard.line.send(TEST) == Sent("b")
        assert yard.pauses == []

    run(story)


def test_the_shortest_pause_counts_and_long_ones_end_it() -> None:
    async def story() -> None:
        yard = Yard(a=Fake(Later("x", 20)), b=Fake(Later("y", 3)))
        yard.line.use([Provider("a", "a"), Provider("b", "b")])
        assert await yard.line.send(TEST) == Later("y", 3)
        assert yard.pauses == [3, 3]
        alone = Yard(a=Fake(Later("quota", 3600)))
        alone.line.use([Provider("a", "a")])
        assert await alone.line.send(TEST) == Later("quota", 3600)
        assert alone.pauses == [] and len(alone.fakes["a"].asked) == 1
        never = Yard(a=Fake(Refused("wrong credentials")), b=Fake(Refused("no credit")))
        never.line.use([Provider("a", "a"), Provider("b", "b")])
        assert await never.line.send(TEST) == Refused("no credit")

    run(story)


def test_a_message_gets_too_old() -> None:
    """Many slow providers do not deliver a code that nobody waits for any more."""

    async def story() -> None:
        class Slow(Fake):
            async def send(self, sms: Sms) -> SmsResult:
                yard.clock.advance(50)
                return await super().send(sms)

        slow = [Slow(Later("no answer within 10 s")) for _ in range(4)]
        yard = Yard(a=slow[0], b=slow[1], c=slow[2], d=slow[3])
        yard.line.use([Provider(name, name) for name in "abcd"])
        assert await yard.line.send(TEST) == Later("given up after 120 s: no answer within 10 s")
        assert [len(yard.fakes[name].asked) for name in "abcd"] == [1, 1, 1, 0]

    run(story)


def test_a_code_that_nobody_takes_is_an_error_in_the_log() -> None:
    """SECURITY 7.2: masked."""
    stream = io.StringIO()
    log.setup(stream=stream)

    async def story() -> None:
        yard = Yard("[sms]\nper_minute = 1\n", a=Fake(Refused("no credit")))
        yard.line.use([Provider("a", "a")])
        await yard.line.send(TEST)
        await yard.line.send(TEST)

    run(story)
    log.setup()
    errors = [line for line in stream.getvalue().splitlines() if "event=sms.undelivered" in line]
    assert len(errors) == 2 and "no credit" in errors[0] and "sms.per_minute" in errors[1]
    assert TEST.phone not in stream.getvalue() and TEST.code not in stream.getvalue()


def test_countries() -> None:
    async def story() -> None:
        yard = Yard(de=Fake(Sent("de")), alps=Fake(Sent("alps")), rest=Fake(Sent("rest")))
        yard.line.use([Provider("de", "x", countries=("DE",)), Provider("alps", "x", countries=("AT", "CH"))])
        assert await yard.line.send(GERMAN) == Sent("de")
        assert await yard.line.send(AUSTRIAN) == Sent("alps")
        assert await yard.line.send(TEST) == Refused("no provider serves numbers of no country")
        assert await yard.line.send(Sms("33612345678", "1", "x")) == Refused("no provider serves FR")
        yard.line.use([Provider("de", "x", countries=("DE",)), Provider("rest", "x")])
        assert await yard.line.send(TEST) == Sent("rest") == await yard.line.send(AUSTRIAN)

    run(story)


def test_rates_of_one_and_of_all() -> None:
    async def story() -> None:
        yard = Yard("[sms]\nper_minute = 4\n", a=Fake(Sent("a")), b=Fake(Sent("b")))
        yard.line.use([Provider("a", "a", per_minute=1), Provider("b", "b", per_minute=2)])
        got = [await yard.line.send(TEST) for _ in range(3)]
        assert got == [Sent("a"), Sent("b"), Sent("b")]
        assert isinstance(await yard.line.send(TEST), Later)
        last = await yard.line.send(TEST)
        assert isinstance(last, Later) and "sms.per_minute" in last.reason
        yard.clock.advance(60)
        assert await yard.line.send(TEST) == Sent("a")

    run(story)


def test_changes_keep_who_stays_and_end_who_goes_when_it_is_idle() -> None:
    async def story() -> None:
        gate = asyncio.Event()
        yard = Yard(a=Fake(Sent("a"), gate=gate), b=Fake(Sent("b")))
        a, b = Provider("a", "a", order=1), Provider("b", "b", order=2)
        yard.line.use([a, b])
        under_way = asyncio.ensure_future(yard.line.send(TEST))
        await asyncio.sleep(0)
        yard.line.use([b])
        await asyncio.gather(*yard.tasks)
        assert yard.fakes["a"].closed == 0, "a message is under way"
        gate.set()
        assert await under_way == Sent("a")
        assert yard.fakes["a"].closed == 1 and yard.fakes["b"].closed == 0
        assert yard.made == ["console", "a", "b"], "who stays is not made anew"
        yard.line.use([Provider("b", "b", {"x": 1})])
        await asyncio.gather(*yard.tasks)
        assert yard.made[-1] == "b" and yard.fakes["b"].closed == 1
        await yard.line.close()
        assert yard.fakes["b"].closed == 2 and yard.fakes["console"].closed == 1

    run(story)


def test_one_that_cannot_be_made_costs_the_others_nothing() -> None:
    async def story() -> None:
        yard = Yard(b=Fake(Sent("b")))
        yard.line.use([Provider("a", "gone"), Provider("b", "b")])
        assert await yard.line.send(TEST) == Sent("b")
        assert yard.line.broken == {"a": "sms.adapter: there is no `gone`"}
        yard.line.use([Provider("a", "gone")])
        assert isinstance(await yard.line.send(TEST), Refused), (
            "the operator's choice is not replaced in silence"
        )

    run(story)


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("4915112345678", "DE"),
        ("12025550123", "US"),
        ("16135550123", "CA"),
        ("77011234567", "KZ"),
        ("999661234", ""),
        ("88161234567", ""),
        ("1", ""),
        ("", ""),
    ],
)
def test_countries_of_numbers(phone: str, country: str) -> None:
    assert country_of(phone) == country


def test_codes_of_countries() -> None:
    assert is_country("DE") and is_country("IN") and not is_country("XX") and not is_country("001")
