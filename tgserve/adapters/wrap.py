"""What every SMS sender is wrapped in: time limit, retry, rate limit, log and metrics. Adapters stay free of all four.

Order, from the inside: Timed (one try) < Retrying < Limited (the operator's bill) < Observed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from tgserve import limits, log, metrics
from tgserve.adapters.contract import Later, Refused, Sent, Sms, SmsResult, SmsSender
from tgserve.clock import Clock

LOG = log.get("sms")
SENT = metrics.counter("tgserve_sms_total", "SMS by adapter and result", ("adapter", "result"))
SECONDS = metrics.histogram("tgserve_sms_seconds", "From the first try to the result")

Sleep = Callable[[float], Awaitable[None]]
BACKOFF_SECONDS = (0.5, 2.0, 5.0)
"""Pauses between tries when the provider names none; a code is worth sending for less than a minute."""
LONGEST_WAIT_SECONDS = 30.0


class Timed:
    """One try takes at most `seconds`."""

    def __init__(self, inner: SmsSender, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds
        self.close = inner.close

    async def send(self, sms: Sms) -> SmsResult:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._inner.send(sms)
        except TimeoutError:
            return Later(f"no answer within {self._seconds:g} s")


class Retrying:
    """`Later` is tried again, at most `tries` times in all; a longer wait than we accept ends it."""

    def __init__(self, inner: SmsSender, tries: int, sleep: Sleep = asyncio.sleep) -> None:
        self._inner = inner
        self._tries = tries
        self._sleep = sleep
        self.close = inner.close

    async def send(self, sms: Sms) -> SmsResult:
        for attempt in range(1, self._tries + 1):
            result = await self._inner.send(sms)
            if not isinstance(result, Later) or attempt == self._tries:
                return result
            pause = result.after_seconds or BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS)) - 1]
            if pause > LONGEST_WAIT_SECONDS:
                return result
            await self._sleep(pause)
        return Refused("no try allowed")


class Limited:
    """At most `per_minute` messages in any minute; more are `Later` without asking the provider."""

    def __init__(self, inner: SmsSender, per_minute: int, clock: Clock) -> None:
        self._inner = inner
        self._per_minute = per_minute
        self._clock = clock
        self._sent: deque[float] = deque()
        self.close = inner.close

    async def send(self, sms: Sms) -> SmsResult:
        now = self._clock.monotonic()
        while self._sent and self._sent[0] <= now - limits.MINUTE:
            self._sent.popleft()
        if len(self._sent) >= self._per_minute:
            return Later("more messages in a minute than sms.per_minute", self._sent[0] + limits.MINUTE - now)
        self._sent.append(now)
        return await self._inner.send(sms)


class Observed:
    """Counts and logs each result, without the code and with a masked number (SECURITY 7.2)."""

    def __init__(self, inner: SmsSender, adapter: str, clock: Clock) -> None:
        self._inner = inner
        self._adapter = adapter
        self._clock = clock
        self.close = inner.close

    async def send(self, sms: Sms) -> SmsResult:
        begin = self._clock.monotonic()
        result = await self._inner.send(sms)
        seconds = self._clock.monotonic() - begin
        SECONDS.observe(seconds)
        kind = type(result).__name__.lower()
        SENT.of(self._adapter, kind).inc()
        to = log.phone(sms.phone)
        if isinstance(result, Sent):
            LOG.info("sms.sent", adapter=self._adapter, to=to, ms=seconds * 1000, reference=result.reference)
        else:
            LOG.warning(f"sms.{kind}", adapter=self._adapter, to=to, ms=seconds * 1000, reason=result.reason)
        return result


def wrap(
    sender: SmsSender, adapter: str, clock: Clock, *, tries: int, seconds: float, per_minute: int
) -> SmsSender:
    inner = Retrying(Timed(sender, seconds), tries)
    return Observed(Limited(inner, per_minute, clock), adapter, clock)
