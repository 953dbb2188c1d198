"""The ways to devices: the operator's providers by token type, and the two that need nobody's permission.

A station is one sender with its time limit, its rate, its pause (a service that says `Later` is not asked before), its
figures and its line in the log, which names neither token nor text (SECURITY 7.2).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from tgserve import limits, log, metrics
from tgserve.adapters import push as kinds
from tgserve.adapters.contract import (
    Gone,
    Later,
    Provider,
    Push,
    PushResult,
    PushSender,
    Refused,
    Sent,
)
from tgserve.adapters.shelf import Shelf
from tgserve.adapters.stations import BareStation, Spawn, Stations
from tgserve.clock import Clock

LOG = log.get("push")
RESULTS = metrics.counter("tgserve_push_total", "pushes by provider and result", ("provider", "result"))
SECONDS = metrics.histogram("tgserve_push_seconds", "one try of a push, up to the answer of the service")

PUSH: Final[Shelf[PushSender]] = Shelf(
    "push",
    "tgserve.push",
    {
        name: f"tgserve.adapters.push.{name}"
        for name in ("fcm", "apns", "webpush", "simple", "webhook", "ntfy")
    },
)
REFUSED_SECONDS: Final = 60.0
"""A service that does not take our credentials is not asked again before."""
BUSY_SECONDS: Final = 5.0

Make = Callable[[Provider], PushSender]


class Station(BareStation[PushSender]):
    """A provider and its sender."""

    def __init__(self, provider: Provider, sender: PushSender, clock: Clock, seconds: float) -> None:
        super().__init__(provider, sender)
        self._clock = clock
        self._seconds = seconds
        self._waits_until = 0.0
        self._why = ""
        self._lately: deque[float] = deque()

    @property
    def types(self) -> frozenset[int]:
        return self.sender.types

    async def send(self, push: Push) -> PushResult:
        now = self._clock.monotonic()
        if now < self._waits_until:
            return Later(self._why, self._waits_until - now)
        if not self._may(now):
            return Later(
                "more pushes in a minute than the provider may have", self._lately[0] + limits.MINUTE - now
            )
        result = await self._through(self._timed(push))
        self._note(result, push.token_type, now)
        return result

    async def _timed(self, push: Push) -> PushResult:
        try:
            async with asyncio.timeout(self._seconds):
                return await self.sender.send(push)
        except TimeoutError:
            return Later(f"no answer within {self._seconds:g} s")

    def _may(self, now: float) -> bool:
        if not self.provider.per_minute:
            return True
        while self._lately and self._lately[0] <= now - limits.MINUTE:
            self._lately.popleft()
        if len(self._lately) >= self.provider.per_minute:
            return False
        self._lately.append(now)
        return True

    def _note(self, result: PushResult, token_type: int, began: float) -> None:
        seconds = self._clock.monotonic() - began
        SECONDS.observe(seconds)
        kind = type(result).__name__.lower()
        RESULTS.of(self.provider.name, kind).inc()
        if isinstance(result, Sent | Gone):
            self.sent += isinstance(result, Sent)
            self.fault = ""
            LOG.info(f"push.{kind}", provider=self.provider.name, type=token_type, ms=seconds * 1000)
            return
        self.failed += 1
        self.fault = result.reason
        LOG.warning(
            f"push.{kind}",
            provider=self.provider.name,
            type=token_type,
            ms=seconds * 1000,
            reason=result.reason,
        )
        if not getattr(self.sender, "by_endpoint", False):
            pause = (result.after_seconds or BUSY_SECONDS) if isinstance(result, Later) else REFUSED_SECONDS
            self._waits_until = self._clock.monotonic() + pause
            self._why = result.reason


class Routes(Stations[Station]):
    """All stations, and who of them is asked about a token."""

    def __init__(
        self,
        clock: Clock,
        spawn: Spawn,
        *,
        seconds: float = 10.0,
        direct: Sequence[tuple[str, Callable[[], PushSender]]] = (),
        make: Make | None = None,
    ) -> None:
        """`direct`: what is used for its token types while no provider serves them, by name."""
        super().__init__("push", spawn)
        self._clock = clock
        self._seconds = seconds
        self._make = make or self._from_shelf
        self.direct = [
            Station(Provider(name=name, adapter=name), made(), clock, seconds) for name, made in direct
        ]
        self.session: PushSender | None = None
        """Token type 7: whoever holds the connections."""

    def for_type(self, token_type: int) -> list[Station]:
        """Who is asked about tokens of this type, in order."""
        found = [station for station in self.stations if token_type in station.types]
        return found or [station for station in self.direct if token_type in station.types]

    def station_or_none(self, name: str) -> Station | None:
        return next((one for one in (*self.stations, *self.direct) if one.provider.name == name), None)

    def serves(self, token_type: int) -> bool:
        return token_type == kinds.MTPROTO or bool(self.for_type(token_type))

    def wakes_only(self, token_type: int) -> bool:
        """Does a device of this type learn nothing but that there is something?"""
        return token_type in (kinds.MTPROTO, kinds.SIMPLE)

    def hears_muted(self, token_type: int) -> bool:
        """Is a device of this type told of messages that nobody is to be shown? Browsers hold such pushes against who
        sends them."""
        return token_type not in (kinds.MTPROTO, kinds.SIMPLE, kinds.WEB)

    async def send(self, push: Push) -> PushResult:
        """Try once, with the next provider when one has refused."""
        if push.token_type == kinds.MTPROTO and self.session is not None:
            return await self.session.send(push)
        result: PushResult = Refused("no provider is for this token type")
        for station in self.for_type(push.token_type):
            result = await station.send(push)
            if not isinstance(result, Refused):
                break
        return result

    async def close(self) -> None:
        for station in (*self.stations, *self.direct):
            await station.retire()

    def _station(self, provider: Provider) -> Station:
        return Station(provider, self._make(provider), self._clock, self._seconds)

    def _from_shelf(self, provider: Provider) -> PushSender:
        return PUSH.factory(provider.adapter)(provider.options, self._clock)
