"""How much of an event log is kept for devices to catch up with."""

from __future__ import annotations

from dataclasses import dataclass

from tgserve import limits


@dataclass(frozen=True, slots=True)
class Retention:
    """An event goes when it is beyond the newest `events` pts OR older than `seconds`."""

    events: int = limits.EVENTS_KEPT
    seconds: int = limits.EVENTS_KEPT_SECONDS
