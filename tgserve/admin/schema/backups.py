"""backup.*: what the commands about backups take and give. All but `create` work without a daemon."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers
from tgserve.admin.schema.jobs import JobRow


@dataclass(frozen=True, slots=True)
class BackupBegun:
    """A backup under way."""

    job: JobRow
    key: str = ""
    """The backup key, if it was made just now: to be written down."""


@answers("backup.create", BackupBegun)
@dataclass(frozen=True, slots=True)
class BackupCreate(Command[BackupBegun]):
    """Begin a backup."""

    target: str = ""
    """Empty: backup.target of the settings."""
    passphrase: str = field(default="", repr=False)
    """Opens the target besides its key; set at the first time it is given."""


@dataclass(frozen=True, slots=True)
class BackupRow:
    """A backup of a target."""

    name: str
    made: int
    """Unix seconds of the moment it holds."""
    tgserve: str
    rows: int
    row_bytes: int
    chunks: int
    chunk_bytes: int
    new_bytes: int
    """Written to the target for it."""
    lost: int
    """Chunks of files that had no good copy."""
    seconds: float


@dataclass(frozen=True, slots=True)
class BackupMade:
    """A backup that is done: by the server as a job, or without one."""

    key: str = ""
    """The backup key, if it was made for this one."""
    job: JobRow | None = None
    backup: BackupRow | None = None


@dataclass(frozen=True, slots=True)
class BackupPage:
    """What a target holds, oldest first."""

    target: str
    server: str
    passphrase: bool
    """Whether it has one."""
    backups: list[BackupRow] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Manifests that cannot be read."""
    stored_bytes: int = 0
    """Of all together."""


@dataclass(frozen=True, slots=True)
class BackupVerdict:
    """Everything of a target was read. No `problems`: every backup can be restored."""

    target: str
    backups: int
    packs: int
    blocks: int
    bytes: int
    strangers: int
    """Files that nothing names: of a run that was cut short; `prune` removes them."""
    problems: list[str] = field(default_factory=list)
    found: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BackupRestored:
    """A data directory, ready to start."""

    name: str
    data: str
    made: int
    rows: int
    chunks: int
    lost: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BackupPruned:
    """What went."""

    kept: int
    dropped: int
    packs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BackupKey:
    """The key of all backups of a data directory."""

    key: str
    file: str
