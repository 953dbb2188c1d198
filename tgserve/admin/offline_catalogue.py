"""`backup list` and `backup key`: what needs neither a key nor the store, and so imports neither of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tgserve import config as settings
from tgserve.admin.refusal import Refusal
from tgserve.admin.schema.backups import BackupKey, BackupPage, BackupRow
from tgserve.backup.catalogue import catalogue, existing_header
from tgserve.backup.keys import load_key, spell
from tgserve.backup.manifest import Manifest
from tgserve.backup.targets import KEY_FILE, Access, target_of
from tgserve.clock import SystemClock
from tgserve.config import Config, ConfigError
from tgserve.errors import StoreError

__all__ = ["Access", "Refusal", "config_of", "key", "list_backups", "or_refuse", "row"]

T = TypeVar("T")


def list_backups(data: Path, access: Access) -> BackupPage:
    """Needs no key."""
    clock = SystemClock()

    def look() -> BackupPage:
        objects = target_of(config_of(data, access), access.target, clock)
        header = existing_header(objects)
        found = catalogue(objects, header)
        return BackupPage(
            target=objects.where,
            server=header.server,
            passphrase=header.wrap is not None,
            backups=[row(one) for one in found.found],
            problems=found.problems,
            stored_bytes=sum(entry.size for entry in objects.entries("")),
        )

    return or_refuse(look)


def key(data: Path) -> BackupKey:
    """What opens the backups of this data directory."""

    def look() -> BackupKey:
        path = data / "keys" / KEY_FILE
        found = load_key(path)
        if found is None:
            raise Refusal(f"{path} is not there: the first `tgserve backup create` makes it")
        return BackupKey(spell(found), str(path))

    return or_refuse(look)


def row(manifest: Manifest) -> BackupRow:
    return BackupRow(
        name=manifest.name,
        made=manifest.made,
        tgserve=manifest.tgserve,
        rows=manifest.rows,
        row_bytes=manifest.row_bytes,
        chunks=manifest.chunks,
        chunk_bytes=manifest.chunk_bytes,
        new_bytes=manifest.new_bytes,
        lost=manifest.lost,
        seconds=manifest.seconds,
    )


def config_of(data: Path, access: Access) -> Config:
    """Settings of the data directory or the named file; on a new machine there are none, and defaults serve."""
    return settings.load(data, Path(access.config) if access.config else None)


def or_refuse(work: Callable[[], T]) -> T:
    try:
        return work()
    except (ConfigError, StoreError) as fault:
        raise Refusal(str(fault)) from None
