"""The SMS line: the operator's providers, asked in their order until one has taken the message.

Built from the inside: adapter < Timed (one try) < Limited (its own rate) < Observed, one such station a provider; over
them the order, the countries and the rounds; over all of it the rate of the whole server. A provider that refuses a
message is not asked about it again; one that says `Later` is, in the next round, after the shortest of their pauses.
Without any provider in use the adapter of tgserve.toml is the only station.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

import phonenumbers

from tgserve import log, metrics
from tgserve.adapters.contract import Later, Provider, Refused, Sent, Sms, SmsResult, SmsSender
from tgserve.adapters.loading import SMS
from tgserve.adapters.stations import BareStation, Spawn, Stations
from tgserve.adapters.wrap import BACKOFF_SECONDS, LONGEST_WAIT_SECONDS, Limited, Observed, Sleep, Timed
from tgserve.clock import Clock
from tgserve.config import Config

LOG = log.get("sms")
UNDELIVERED = metrics.counter("tgserve_sms_undelivered_total", "Login codes that no provider has taken")
GIVE_UP_SECONDS: Final = 120.0
"""No further provider is asked for a message so old: its reader has asked for another code by then."""


class Make(Protocol):
    """Makes the bare sender of a provider; AdapterError."""

    def __call__(self, provider: Provider) -> SmsSender: ...


class Station(BareStation[SmsSender]):
    """A provider and its sender."""

    def serves(self, country: str) -> bool:
        return not self.provider.countries or country in self.provider.countries

    async def send(self, sms: Sms) -> SmsResult:
        result = await self._through(self.sender.send(sms))
        if isinstance(result, Sent):
            self.sent += 1
            self.fault = ""
        else:
            self.failed += 1
            self.fault = result.reason
        return result


class Line(Stations[Station]):
    """An SmsSender over all providers."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        spawn: Spawn,
        make: Make | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """AdapterError: the adapter of the config cannot be made."""
        super().__init__("sms", spawn)
        self._config = config.sms
        self._clock = clock
        self._sleep = sleep
        self._make = make or self._from_shelf
        self.default = Provider(
            name=config.sms.adapter,
            adapter=config.sms.adapter,
            options=config.sms.options.get(config.sms.adapter, {}),
        )
        self.fallback = self._station(self.default)
        self._limited = Limited(_Bound(self._rounds), config.sms.per_minute, clock)

    def station_or_none(self, name: str) -> Station | None:
        if not self.stations and not self.broken and name == self.fallback.provider.name:
            return self.fallback
        return next((one for one in self.stations if one.provider.name == name), None)

    def for_number(self, phone: str) -> list[Station]:
        """Who would be asked, in order; `phone` is digits."""
        country = country_of(phone)
        if not self.stations and not self.broken:
            return [self.fallback]
        return [station for station in self.stations if station.serves(country)]

    async def send(self, sms: Sms) -> SmsResult:
        result = await self._limited.send(sms)
        if not isinstance(result, Sent):
            UNDELIVERED.of().inc()
            LOG.error("sms.undelivered", to=log.phone(sms.phone), reason=result.reason)
        return result

    async def close(self) -> None:
        for station in (*self.stations, self.fallback):
            await station.retire()

    async def _rounds(self, sms: Sms) -> SmsResult:
        asked = self.for_number(sms.phone)
        if not asked:
            return Refused(f"no provider serves {country_of(sms.phone) or 'numbers of no country'}")
        result: Later | Refused = Refused("no try allowed")
        end = self._clock.monotonic() + GIVE_UP_SECONDS
        for attempt in range(1, self._config.tries + 1):
            pauses: list[float] = []
            left: list[Station] = []
            for station in asked:
                if self._clock.monotonic() >= end:
                    return Later(f"given up after {GIVE_UP_SECONDS:.0f} s: {result.reason}")
                answer = await station.send(sms)
                if isinstance(answer, Sent):
                    return answer
                if isinstance(answer, Later):
                    left.append(station)
                    pauses.append(answer.after_seconds)
                    result = answer
                elif not left:
                    result = answer
            if not left or attempt == self._config.tries:
                break
            pause = min(one or BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS)) - 1] for one in pauses)
            if pause > LONGEST_WAIT_SECONDS:
                break
            await self._sleep(pause)
            asked = left
        return result

    def _station(self, provider: Provider) -> Station:
        sender: SmsSender = Timed(self._make(provider), self._config.seconds)
        if provider.per_minute:
            sender = Limited(sender, provider.per_minute, self._clock)
        return Station(provider, Observed(sender, provider.name, self._clock))

    def _from_shelf(self, provider: Provider) -> SmsSender:
        return SMS.factory(provider.adapter)(provider.options, self._clock)


class _Bound:
    """A function as a sender."""

    def __init__(self, send: Callable[[Sms], Coroutine[Any, Any, SmsResult]]) -> None:
        self._send = send

    async def send(self, sms: Sms) -> SmsResult:
        return await self._send(sms)

    async def close(self) -> None:
        """Whoever made it closes what is behind it."""


def country_of(phone: str) -> str:
    """ISO code of the country of these digits; empty for numbers of none, as 999... and satellites' are."""
    try:
        number = phonenumbers.parse("+" + phone)
    except phonenumbers.NumberParseException:
        return ""
    found = phonenumbers.region_code_for_number(number)
    if found is None:  # a number that no operator has given out yet, of a country all the same
        found = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return found if found in phonenumbers.SUPPORTED_REGIONS else ""


def is_country(code: str) -> bool:
    return code in phonenumbers.SUPPORTED_REGIONS
