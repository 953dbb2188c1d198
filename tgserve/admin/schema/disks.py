"""disk.*: disks of files."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class DiskRow:
    number: int
    path: str
    state: str
    """active or draining"""
    health: str
    """ok, full, missing (not there), foreign (another disk lies there), failing"""
    weight: int
    chunks: int = 0
    """This and the next five as of the last count."""
    bytes: int = 0
    packs: int = 0
    garbage_bytes: int = 0
    only_here: int = 0
    """Chunks that somebody needs and that no other readable disk has."""
    counted: int = 0
    """Unix seconds."""
    free_bytes: int = -1
    faults: int = 0
    """Since the start, as the next."""
    bad_copies: int = 0
    fault: str = ""
    """The last thing that went wrong, while it is not ok."""


@dataclass(frozen=True, slots=True)
class DiskJob:
    """A walk over all chunks."""

    kind: str
    """repair, drain, scrub, rebuild or count"""
    disk: int = 0
    state: str = ""
    """waiting, running, done, failed"""
    done: int = 0
    total: int = 0
    chunks: int = 0
    bytes: int = 0
    bad: int = 0
    made: int = 0
    """Copies made anew."""
    lost: int = 0
    """Chunks somebody needs and that have no good copy."""
    stuck: int = 0
    """Chunks for whose copies no disk could be found."""
    seconds: float = 0.0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class DiskReport:
    disks: list[DiskRow]
    copies: int = 0
    least_copies: int = 0
    chunks: int = 0
    held: int = 0
    content_bytes: int = 0
    shared_bytes: int = 0
    """What was saved because equal content is kept once."""
    stored_bytes: int = 0
    lacking: int = 0
    lost: int = 0
    scrub_percent: float = 0.0
    """Of the walk that reads everything; `scrub_ended`: when the last one was through."""
    scrub_ended: int = 0
    jobs: list[DiskJob] = field(default_factory=list)
    """The latest of each kind."""


@answers("disk.status", DiskReport)
@dataclass(frozen=True, slots=True)
class DiskStatus(Command[DiskReport]):
    """How the disks for files are."""


@answers("disk.add", DiskRow)
@dataclass(frozen=True, slots=True)
class DiskAdd(Command[DiskRow]):
    """Take an empty folder into use. `path`: absolute, or relative to the data directory."""

    path: str
    weight: int = 100


@answers("disk.drain", DiskJob)
@dataclass(frozen=True, slots=True)
class DiskDrain(Command[DiskJob]):
    """Move everything from a disk to the others; `cancel`: use it again."""

    number: int
    cancel: bool = False


@answers("disk.remove", DiskRow)
@dataclass(frozen=True, slots=True)
class DiskRemove(Command[DiskRow]):
    """Forget a disk. Refused while chunks lie on it, unless `force`."""

    number: int
    force: bool = False


@answers("disk.scrub", DiskJob)
@dataclass(frozen=True, slots=True)
class DiskScrub(Command[DiskJob]):
    """Read every copy now, heal what is bad."""


@answers("disk.repair", DiskJob)
@dataclass(frozen=True, slots=True)
class DiskRepair(Command[DiskJob]):
    """Make the copies that are missing. `rebuild`: enter into the table what the packs hold and it does not know."""

    rebuild: bool = False


@answers("disk.count", DiskJob)
@dataclass(frozen=True, slots=True)
class DiskCount(Command[DiskJob]):
    """Count everything and tidy the packs now."""
