"""What the server remembers of its own backups."""

from __future__ import annotations

from tgserve.store.records import Record

MARKS_OWNER = "backups"
"""They live in the slot of this text, which is the name of the mark of the last backup of all, too."""
PLANNED = "planned"
"""The mark of the last one to the target of the settings."""


class BackupMark(Record, frozen=True):
    """How the last backup went. Times in Unix seconds."""

    began: int
    ended: int = 0
    good: int = 0
    """When the last one that was finished began."""
    name: str = ""
    """Of that one."""
    fault: str = ""
    """Why the last one failed; empty: it did not."""
    target: str = ""
    """Where the last good one lies."""
