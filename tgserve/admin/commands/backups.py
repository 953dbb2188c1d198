"""backup.create: the others need no daemon."""

from __future__ import annotations

from tgserve.admin.commands.jobs import row
from tgserve.admin.registry import Daemon, command
from tgserve.admin.schema.backups import BackupBegun, BackupCreate


@command(BackupCreate)
async def backup_create(daemon: Daemon, params: BackupCreate) -> BackupBegun:
    job, key = daemon.backups.begin(params.target, params.passphrase)
    return BackupBegun(row(daemon.jobs, job), key)
