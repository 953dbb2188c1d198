"""Which target, which key: what config, environment and command line say, put together."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.adapters.objects.contract import Objects, ObjectsError
from tgserve.adapters.objects.folder import FolderObjects
from tgserve.adapters.objects.loading import open_objects
from tgserve.backup.faults import BackupError
from tgserve.clock import Clock
from tgserve.config import Config

KEY_FILE = "backup.key"


@dataclass(frozen=True, slots=True)
class Access:
    """`key_file` and `passphrase`: empty = keys/backup.key of the data directory."""

    target: str = ""
    key_file: str = ""
    passphrase: str = field(default="", repr=False)
    config: str = ""
    """A settings file instead of the data directory's: a new machine has none yet, S3 targets have options."""


def target_of(config: Config, target: str, clock: Clock) -> Objects:
    """The named target, or the configured one. BackupError, ObjectsError."""
    chosen = target or config.backup.target
    if not chosen:
        raise BackupError("which target? Give --target, or set backup.target in tgserve.toml")
    try:
        objects = open_objects(chosen, config.backup.options.get("s3", {}), clock)
    except ObjectsError as fault:
        raise BackupError(str(fault)) from fault
    if isinstance(objects, FolderObjects) and objects.path.absolute().is_relative_to(config.data.absolute()):
        raise BackupError(
            f"{objects.path} lies inside of {config.data}: a backup lives elsewhere, best on another disk"
        )
    return objects
