"""What can be wrong with a backup, in sentences."""

from __future__ import annotations

from tgserve.errors import StoreError


class BackupError(StoreError):
    """It cannot be done; nothing was changed."""


class WrongKey(BackupError):
    """The key or passphrase is another one's."""


class Damaged(BackupError):
    """A file of the backup is not what was written; the text begins with its name."""


class Stopped(BackupError):
    """Somebody asked for it."""
