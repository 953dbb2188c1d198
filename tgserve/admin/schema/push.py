"""push.*: what is pushed, and what waits. Providers of pushes: schema/providers.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class PushTypeRow:
    token_type: int
    name: str
    devices: int
    """Registered for it."""
    via: list[str] = field(default_factory=list)
    """Who is asked, in order; empty: nobody serves these devices."""


@dataclass(frozen=True, slots=True)
class PushWayRow:
    name: str
    adapter: str
    sent: int
    failed: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class PushReport:
    types: list[PushTypeRow]
    """All token types; those without devices too."""
    ways: list[PushWayRow]
    """Since the start."""
    waiting: int
    """Pushes that wait to be sent."""
    oldest_seconds: int
    """How long the oldest of them has waited; 0 when there is none."""
    decided: dict[str, int]
    """People judged since the start: push, muted, nothing."""
    dropped: dict[str, int]
    """Pushes that became void before they were sent, by reason: connected, old, void."""
    web_key: str
    """The server's own VAPID key, as pages give it (applicationServerKey); empty when [push] direct is off."""


@answers("push.stats", PushReport)
@dataclass(frozen=True, slots=True)
class PushStats(Command[PushReport]):
    """Devices, ways, and what waits."""
