"""status, stop, metrics, check."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class StatusReport:
    version: str
    pid: int
    address: str
    data: str
    uptime_seconds: float
    connections: int
    sessions: int
    users_online: int
    calls: int
    faults: int
    """Calls that ended in a fault of the server: should be 0."""
    call_p50_seconds: float
    call_p99_seconds: float
    shards: int
    store_bytes: int
    rss_bytes: int
    dev: bool = False
    disks: int = 0
    disks_unwell: list[str] = field(default_factory=list)
    """Disks for files that are not ok, a sentence each; then what is lost or lacks copies."""
    chunks: int = 0
    chunk_bytes: int = 0
    """Of files, with all copies, at the last count."""
    backup_target: str = ""
    """Where backups go by themselves; empty: nowhere."""
    backup_good: int = 0
    """Unix seconds of the moment that the last good backup holds; 0: there is none."""
    backup_name: str = ""
    backup_fault: str = ""
    """Why the last one failed; empty: it did not."""
    newer_layers: dict[str, int] = field(default_factory=dict)
    """Layers of clients that are newer than this version knows, and how often they were announced."""


@answers("status", StatusReport)
@dataclass(frozen=True, slots=True)
class Status(Command[StatusReport]):
    """How the server is."""


@dataclass(frozen=True, slots=True)
class Stopping:
    pid: int


@answers("stop", Stopping)
@dataclass(frozen=True, slots=True)
class Stop(Command[Stopping]):
    """End cleanly; the process is gone when its socket is."""


@dataclass(frozen=True, slots=True)
class MetricsText:
    text: str


@answers("metrics", MetricsText)
@dataclass(frozen=True, slots=True)
class Metrics(Command[MetricsText]):
    """All metrics in Prometheus' text format."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """No `problems`: every invariant of docs/DISK.md holds. They are listed up to a thousand, `found` counts all."""

    problems: list[str]
    found: int = 0
    rows: int = 0
    slots: int = 0
    waiting: int = 0
    """Outbox items on their way: normal under load."""
    parked: int = 0
    """Outbox items that could not be applied: a fault of ours, they are tried again."""
    seconds: float = 0.0
    offline: bool = False
    chunks: int = 0
    chunk_copies: int = 0
    chunk_copies_unread: int = 0
    """On disks that are away."""


@answers("check", CheckReport)
@dataclass(frozen=True, slots=True)
class Check(Command[CheckReport]):
    """Walk the whole store and verify it (docs/DISK.md); `deep`: read every chunk too."""

    deep: bool = False
