"""job.*: long work of the daemon, started by other commands."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it stands."""

    id: int
    kind: str
    state: str
    """running, done, failed, cancelled."""
    done: int = 0
    total: int = 0
    """0 while it is not known."""
    unit: str = ""
    """Of done and total: `bytes`, else what is counted."""
    note: str = ""
    """What is being done, or what came of it."""
    seconds: float = 0.0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class JobPage:
    """What is under way."""

    jobs: list[JobRow] = field(default_factory=list)


@answers("job.list", JobPage)
@dataclass(frozen=True, slots=True)
class JobList(Command[JobPage]):
    """What is under way."""


@answers("job.show", JobRow)
@dataclass(frozen=True, slots=True)
class JobShow(Command[JobRow]):
    """How far a job is."""

    id: int


@answers("job.cancel", JobRow)
@dataclass(frozen=True, slots=True)
class JobCancel(Command[JobRow]):
    """Ask it to end; what it has half done it takes back or leaves for its next run."""

    id: int
