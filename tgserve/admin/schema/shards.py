"""shard.*: where the rows of the store lie."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers
from tgserve.admin.schema.jobs import JobRow


@dataclass(frozen=True, slots=True)
class ShardRow:
    number: int
    path: str
    """Its folder."""
    slots: int = 0
    rows: int = 0
    """About; what was written in the last second is not counted."""
    bytes: int = 0
    """On disk."""
    used_bytes: int = 0
    """Of these, what holds something; the rest is room that deleted rows have left: `shard compact`."""
    free_bytes: int = -1
    """Of its disk; -1: not known."""
    queue: int = 0
    """Transactions that wait."""
    commits: int = 0
    """Since the start, as the next."""
    transactions: int = 0
    outbox_items: int = 0
    """Payloads from other slots that were applied."""
    commit_mean_ms: float = 0.0
    commit_last_ms: float = 0.0
    failed_commits: int = 0
    parked: int = 0
    """Streams of payloads whose handler fails."""


@dataclass(frozen=True, slots=True)
class ShardReport:
    shards: list[ShardRow]
    slots: int = 0
    job: int = 0
    """Number of the job that works on the shards, 0 = none."""


@dataclass(frozen=True, slots=True)
class ShardAdded:
    shard: ShardRow
    job: JobRow | None = None
    """The rebalancing, if it was asked for."""


@dataclass(frozen=True, slots=True)
class ShardVerdict:
    """What the last `shard.verify` found."""

    rows: int = 0
    copies: int = 0
    """Rows of slots on their way: not looked at."""
    found: int = 0
    problems: list[str] = field(default_factory=list)
    """The first of them."""


@answers("shard.list", ShardReport)
@dataclass(frozen=True, slots=True)
class ShardList(Command[ShardReport]):
    """Where the rows lie, and how busy each shard is."""


@answers("shard.add", ShardAdded)
@dataclass(frozen=True, slots=True)
class ShardAdd(Command[ShardAdded]):
    """Make a shard in an empty folder, which is made if it is not there. `path` is absolute, or relative to the data
    directory. `rebalance`: begin to move slots until all shards have equally many."""

    path: str
    rebalance: bool = False


@answers("shard.move", JobRow)
@dataclass(frozen=True, slots=True)
class ShardMove(Command[JobRow]):
    """Move slots to shard `to`; or with `even` as few as possible so that all shards have equally many."""

    to: int = -1
    slots: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """Users, and groups and channels as peer numbers: their slots."""
    even: bool = False


@answers("shard.drain", JobRow)
@dataclass(frozen=True, slots=True)
class ShardDrain(Command[JobRow]):
    """Move all slots of a shard to the others; `remove` it then."""

    number: int
    remove: bool = False


@answers("shard.remove", ShardRow)
@dataclass(frozen=True, slots=True)
class ShardRemove(Command[ShardRow]):
    """Forget a shard that has no slots; its files go."""

    number: int


@answers("shard.compact", JobRow)
@dataclass(frozen=True, slots=True)
class ShardCompact(Command[JobRow]):
    """Move all slots of a shard to a new one beside it and remove it: the new one holds nothing but rows."""

    number: int


@answers("shard.verify", JobRow)
@dataclass(frozen=True, slots=True)
class ShardVerify(Command[JobRow]):
    """Read every row of a shard (-1: of all): does it decode, does it belong there? Then, with `check`, every
    invariant of the store."""

    number: int = -1
    check: bool = True


@answers("shard.verdict", ShardVerdict)
@dataclass(frozen=True, slots=True)
class ShardVerdictShow(Command[ShardVerdict]):
    """What the last verification found."""
