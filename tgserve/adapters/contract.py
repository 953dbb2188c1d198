"""What the outside world must offer: SMS and push senders, and the kinds of result both can give.

An adapter is a factory `(options, clock) -> sender`; `options` is its own table of the config. It tries once and says
what happened; retry, rate, timeout, log and metrics are wrappers (wrap.py), never code inside an adapter. Third
parties register theirs under the entry point groups `tgserve.sms` and `tgserve.push` and prove them with the kits of
tgserve.testing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tgserve.clock import Clock


@dataclass(frozen=True, slots=True)
class Sent:
    """Handed over. `reference` is the provider's own id of it, if any."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: full, busy, timed out. `after_seconds` 0 means: whenever the caller likes."""

    reason: str
    after_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """Never, as things stand: wrong credentials, a number that cannot be reached. Trying again changes nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The device token is dead: forget it (push only)."""

    reason: str = ""


SmsResult = Sent | Later | Refused
PushResult = Sent | Later | Refused | Gone


@dataclass(frozen=True, slots=True)
class Sms:
    """A login code on its way. `phone` is digits with country code, without the plus."""

    phone: str
    code: str = field(repr=False)
    text: str = field(repr=False)
    """The whole message as the user shall read it, with the code in it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One of the operator's ways out: which adapter with which options, and when it is asked."""

    name: str
    adapter: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    order: int = 100
    """Lower ones are asked first; the next when one has failed."""
    countries: tuple[str, ...] = ()
    """ISO codes of the numbers it is for; empty: all."""
    enabled: bool = True
    per_minute: int = 0
    """Most messages in any minute; 0: as many as come."""
    added: int = 0
    """Unix seconds."""


class Probing(Protocol):
    """What a sender may offer besides: to be asked whether it would work."""

    async def probe(self) -> Sent | Later | Refused:
        """Reach the provider and let it check the credentials, without sending anything. Raises nothing."""


class SmsSender(Protocol):
    async def send(self, sms: Sms) -> SmsResult:
        """Try once. Raises nothing but CancelledError: what goes wrong is a result."""

    async def close(self) -> None:
        """Give back connections. Called once, after the last send."""


@dataclass(frozen=True, slots=True)
class Push:
    """Something for a device that is not connected. `payload` is what the device's own app understands: the documented
    object, or {"p": ...} when the app has asked for encryption."""

    token: str = field(repr=False)
    token_type: int
    payload: Mapping[str, Any] = field(repr=False)
    badge: int = 0
    silent: bool = False
    shows: bool = True
    """False: for the app alone, its user is shown nothing."""
    title: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    """For those who show a push without knowing the payload; empty where nobody but the app shall read it."""
    collapse: str = ""
    """Pushes to a device with the same word replace one another; says nothing by itself."""
    seconds: int = 86_400
    """For so long it is worth being delivered."""
    sandbox: bool = False
    """The token is one of Apple's development environment."""


class PushSender(Protocol):
    @property
    def types(self) -> frozenset[int]:
        """Token types (account.registerDevice) whose tokens it understands."""

    async def send(self, push: Push) -> PushResult:
        """Try once. Raises nothing but CancelledError: what goes wrong is a result."""

    async def close(self) -> None:
        """Give back connections. Called once, after the last send."""


Options = Mapping[str, Any]
SmsFactory = Callable[[Options, Clock], SmsSender]
PushFactory = Callable[[Options, Clock], PushSender]


class AdapterError(Exception):
    """The config names an adapter that is not there, or gives it options it does not take."""
