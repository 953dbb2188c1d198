"""The operator's providers of one kind at work: a station each, in their order, changed while messages are under way.

The lines of a kind (line.py: SMS, push/routes.py: push) say what a station is and who is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, Protocol, TypeVar

from tgserve import log
from tgserve.adapters.contract import AdapterError, Provider

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class Closing(Protocol):
    """What every sender offers."""

    async def close(self) -> None: ...


SenderT = TypeVar("SenderT", bound=Closing)
R = TypeVar("R")


class BareStation(Generic[SenderT]):
    """A provider, its sender and its figures. A retired one ends when the last message has left it."""

    def __init__(self, provider: Provider, sender: SenderT) -> None:
        self.provider = provider
        self.sender = sender
        self.busy = 0
        self.sent = 0
        self.failed = 0
        self.fault = ""
        self._retired = False

    async def retire(self) -> None:
        self._retired = True
        if not self.busy:
            await self.sender.close()

    async def _through(self, sending: Awaitable[R]) -> R:
        self.busy += 1
        try:
            return await sending
        finally:
            self.busy -= 1
            if self._retired and not self.busy:
                await self.sender.close()


StationT = TypeVar("StationT", bound=BareStation[Any])


class Stations(ABC, Generic[StationT]):
    """All stations. `use` again whenever the providers' rows have changed."""

    def __init__(self, kind: str, spawn: Spawn) -> None:
        """`kind` names the log's area: sms, push."""
        self.stations: list[StationT] = []
        self.broken: dict[str, str] = {}
        """Providers no sender could be made of, and why."""
        self._spawn = spawn
        self._kind = kind
        self._log = log.get(kind)

    @abstractmethod
    def _station(self, provider: Provider) -> StationT:
        """AdapterError: no sender can be made of it."""

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
                self.stations.append(self._station(provider))
            except AdapterError as fault:
                self.broken[provider.name] = str(fault)
                self._log.error(f"{self._kind}.broken", provider=provider.name, reason=str(fault))
        for station in before.values():
            self._spawn(station.retire())
