"""The ways to devices: the operator's providers by token type, and the two that need nobody's permission.

A station is one sender with its time limit, its rate, its pause (a service that says `Later` is not asked before), its
figures and its line in the log, which names neither token nor text (SECURITY 7.2).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from tgserve import limits, log, metrics
from tgserve.adapters import push as kinds
from tgserve.adapters.contract import (
    AdapterError,
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

Spawn = Callable[[Coroutine[Any, Any, None]], object]
Make = Callable[[Provider], PushSender]


class Station:
    """A provider and its sender. Retired ones end when the last push has left them."""

    def __init__(self, provider: Provider, sender: PushSender, clock: Clock, seconds: float) -> None:
        self.provider = provider
        self.sender = sender
        self.busy = 0
        self.sent = 0
        self.failed = 0
        self.fault = ""
        self._clock = clock
        self._seconds = seconds
        self._retired = False
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
        self.busy += 1
        try:
            async with asyncio.timeout(self._seconds):
                result = await self.sender.send(push)
        except TimeoutError:
            result = Later(f"no answer within {self._seconds:g} s")
        finally:
            self.busy -= 1
            if self._retired and not self.busy:
                await self.sender.close()
        self._note(result, push.token_type, now)
        return result

    async def retire(self) -> None:
        self._retired = True
        if not self.busy:
            await self.sender.close()

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


class Routes:
    """All stations. `use` again whenever the providers' rows have changed."""

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
        self._clock = clock
        self._spawn = spawn
        self._seconds = seconds
        self._make = make or self._from_shelf
        self.stations: list[Station] = []
        self.direct = [
            Station(Provider(name=name, adapter=name), made(), clock, seconds) for name, made in direct
        ]
        self.broken: dict[str, str] = {}
        self.session: PushSender | None = None
        """Token type 7: whoever holds the connections."""

    def use(self, providers: Sequence[Provider]) -> None:
        """From now on these, in this order. Who has not changed keeps its connections."""
        before = {station.provider.name: station for station in self.stations}
        self.stations = []
        self.broken = {}
        for provider in providers:
            if not provider.enabled:
                continue
            kept = before.get(provider.name)
            if kept is not None and kept.provider == provider:
                self.stations.append(before.pop(provider.name))
                continue
            try:
                self.stations.append(Station(provider, self._make(provider), self._clock, self._seconds))
            except AdapterError as fault:
                self.broken[provider.name] = str(fault)
                LOG.error("push.broken", provider=provider.name, reason=str(fault))
        for station in before.values():
            self._spawn(station.retire())

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

    def _from_shelf(self, provider: Provider) -> PushSender:
        return PUSH.factory(provider.adapter)(provider.options, self._clock)
