"""top, log.tail: what the server does now."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class TopShard:
    """A shard; counters since the start."""

    number: int
    queue: int
    commits: int
    rows: int
    commit_seconds: float
    last_commit_seconds: float
    parked: int
    """Streams of payloads that stand because one of them failed."""
    bytes: int


@dataclass(frozen=True, slots=True)
class TopDisk:
    """A disk of files."""

    number: int
    path: str
    health: str
    free_bytes: int


@dataclass(frozen=True, slots=True)
class TopReport:
    """Counters since the start and figures of now: whoever wants rates asks twice."""

    at: float
    """Monotonic seconds of the server."""
    uptime_seconds: float
    cpu_seconds: float
    rss_bytes: int
    connections: int
    sessions: int
    users_online: int
    calls: int
    messages: int
    """Calls that send: sendMessage, sendMedia, sendMultiMedia, forwardMessages."""
    updates: int
    bytes_in: int
    bytes_out: int
    faults: int
    errors: dict[str, int] = field(default_factory=dict)
    """Answers that were errors, by code; 420 are flood waits."""
    latency_bounds: list[float] = field(default_factory=list)
    latency_counts: list[int] = field(default_factory=list)
    """Calls by how long they took: up to each bound, then beyond the last."""
    methods: dict[str, int] = field(default_factory=dict)
    shards: list[TopShard] = field(default_factory=list)
    disks: list[TopDisk] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


@answers("top", TopReport)
@dataclass(frozen=True, slots=True)
class Top(Command[TopReport]):
    """What the server does."""


@dataclass(frozen=True, slots=True)
class LogLines:
    """Lines of the daemon's log, in its format."""

    lines: list[str] = field(default_factory=list)
    last: int = 0
    """Number of the last line; ask with it for those after."""
    lost: int = 0
    """Lines after the one asked for that are no longer kept."""


@answers("log.tail", LogLines)
@dataclass(frozen=True, slots=True)
class LogTail(Command[LogLines]):
    """What the daemon has logged: the last `count` lines, or those after number `after`."""

    count: int = 20
    after: int = -1
    level: str = "debug"
    """The least level that is shown."""
    contains: str = ""


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One message, or one event of the protocol, of a traced login; never its content."""

    number: int
    at: float
    """Unix time."""
    session: str
    address: str
    way: str
    """in or out."""
    what: str
    msg_id: int
    bytes: int


@dataclass(frozen=True, slots=True)
class TraceSteps:
    """What went to and fro since the step asked for."""

    id: int
    steps: list[TraceStep] = field(default_factory=list)
    lost: int = 0
    """Steps that came too fast to be kept."""


@answers("trace.start", TraceSteps)
@dataclass(frozen=True, slots=True)
class TraceStart(Command[TraceSteps]):
    """Trace one login (`auth_key_id`, 16 hexadecimal digits), or all of an account (`who`)."""

    who: str = ""
    auth_key_id: str = ""


@answers("trace.read", TraceSteps)
@dataclass(frozen=True, slots=True)
class TraceRead(Command[TraceSteps]):
    """Steps after number `after`; a trace that is not read for 15 seconds ends."""

    id: int
    after: int = 0
    stop: bool = False
    """These are the last that are wanted."""
