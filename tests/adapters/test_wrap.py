"""Retry, time limit, rate, log: tried with a sender whose results are written down."""

import asyncio
import io

from tgserve import log
from tgserve.adapters import desk, wrap
from tgserve.adapters.contract import Later, Refused, Sent, Sms
from tgserve.clock import SystemClock

SMS = Sms("999661234", "20457", "20457 is your login code")


class Scripted:
    def __init__(self, *results):
        self.results = list(results)
        self.sent = 0
        self.closed = False

    async def send(self, sms):
        self.sent += 1
        result = self.results.pop(0)
        if result == "hang":
            await asyncio.sleep(60)
        return result

    async def close(self):
        self.closed = True


class Ticking:
    def __init__(self):
        self.at = 1000.0

    def now(self):
        return self.at

    def monotonic(self):
        return self.at


def send(sender, sms=SMS):
    return asyncio.run(sender.send(sms))


def retrying(inner, tries, pauses):
    async def sleep(seconds):
        pauses.append(seconds)

    return wrap.Retrying(inner, tries, sleep)


def test_later_is_tried_again_with_the_providers_pause():
    pauses = []
    inner = Scripted(Later("busy"), Later("busy", 7), Sent("a1"))
    assert send(retrying(inner, 3, pauses)) == Sent("a1")
    assert pauses == [wrap.BACKOFF_SECONDS[0], 7]


def test_refused_and_far_away_are_not_tried_again():
    inner = Scripted(Refused("bad credentials"), Sent())
    assert send(retrying(inner, 3, [])) == Refused("bad credentials")
    inner = Scripted(Later("quota", 3600), Sent())
    assert send(retrying(inner, 3, [])) == Later("quota", 3600)
    assert inner.sent == 1


def test_tries_end():
    inner = Scripted(*[Later("busy")] * 5)
    assert send(retrying(inner, 3, [])) == Later("busy")
    assert inner.sent == 3


def test_a_hanging_provider_is_cut():
    result = send(wrap.Timed(Scripted("hang"), 0.01))
    assert isinstance(result, Later) and "0.01 s" in result.reason


def test_rate_is_per_sliding_minute():
    clock = Ticking()
    inner = Scripted(*[Sent()] * 10)
    limited = wrap.Limited(inner, 2, clock)
    assert [type(send(limited)) for _ in range(3)] == [Sent, Sent, Later]
    clock.at += 59
    assert send(limited).after_seconds == 1
    clock.at += 1
    assert isinstance(send(limited), Sent)
    assert inner.sent == 3


def test_7_2_neither_code_nor_number_in_the_log():
    """SECURITY 7.2"""
    stream = io.StringIO()
    log.setup(level="debug", stream=stream)
    sender = wrap.wrap(
        Scripted(Sent("r1"), Refused("no route")), "file", SystemClock(), tries=1, seconds=1, per_minute=9
    )
    send(sender)
    send(sender)
    lines = stream.getvalue()
    assert "sms.sent" in lines and "sms.refused" in lines and "999****34" in lines
    assert SMS.code not in lines and SMS.phone not in lines
    log.setup()


def test_the_desk_does_not_wait_and_has_an_end(monkeypatch):
    monkeypatch.setattr(desk, "WAITING", 2)
    started = []
    inner = Scripted(Sent(), Sent())
    counter = desk.SmsDesk(inner, started.append)
    assert [counter.post(SMS) for _ in range(3)] == [True, True, False]
    assert inner.sent == 0

    async def run():
        for work in started:
            await work
        await counter.close()

    asyncio.run(run())
    assert inner.sent == 2 and counter.waiting == 0 and inner.closed
