"""Folders of shards: which ones a new shard may take, and what is left of one that was removed.

A shard's folder is PLACE/shard-N; PLACE is the store's own folder or what `shard add` was given (docs/DISK.md 1).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import lmdb
import msgspec

from tgserve.errors import StoreError
from tgserve.store import records as r
from tgserve.store.format import Format
from tgserve.store.keyspaces import HOME
from tgserve.store.packing import META_SLOT

FILES = ("lock.mdb", "log", "log-2", "data.mdb")
"""What an environment's folder holds, of any engine of ours; data.mdb, which says whose it is, goes last."""
BARE_LOG_BYTES = 8192
"""A log that holds no more than the HOME row."""
PROBE = ".tgserve-probe"
"""Written and taken away again; a kill leaves it."""


def folder_name(number: int) -> str:
    return f"shard-{number}"


def prepare(place: Path, number: int, found: Format, store: Path, beside: bool = False) -> Path:
    """The folder for shard `number` in `place`, which is made if its parent is there; `beside`: where another shard of
    ours lies. StoreError: why not, and nothing was changed."""
    made = False
    try:
        if not place.exists():
            place.mkdir(mode=0o700)
            made = True
        elif not place.is_dir():
            raise StoreError(f"{place} is no folder")
        if not beside:
            for other, folder in found.folders(store).items():
                if place in (folder, folder.parent, store):
                    raise StoreError(f"{place} is that of shard {other} already")
            _must_be_empty(place, found)
        probe(place)
        folder = place / folder_name(number)
        _clear(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as fault:
        if made:
            with suppress(OSError):
                place.rmdir()
        raise StoreError(f"{place} cannot be written: {fault.strerror or fault}") from fault
    return folder


def probe(place: Path) -> None:
    """OSError when nothing can be written there."""
    path = place / PROBE
    try:
        with path.open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    finally:
        with suppress(OSError):
            path.unlink()


def forget(folder: Path) -> None:
    """The environment there belongs to nobody any more: its files go, and the folder if it is empty then."""
    _clear(folder)
    with suppress(OSError):
        folder.rmdir()


def name_of(folder: Path, store: Path) -> str:
    """How format.json names it."""
    return str(folder.relative_to(store) if folder.is_relative_to(store) else folder)


def free_bytes(folder: Path) -> int:
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize


def _clear(folder: Path) -> None:
    for name in FILES:
        with suppress(FileNotFoundError):
            (folder / name).unlink()


def _must_be_empty(place: Path, found: Format) -> None:
    """But for a shard of ours that is not in format.json: never entered, or taken out. All slots have owners without
    it."""
    for path in sorted(place.iterdir()):
        if path.name == "lost+found" or (path.name == PROBE and not path.is_symlink()):
            continue
        if path.name == "format.json":
            raise StoreError(f"{place} holds another server's store{_named(path)}: choose an empty folder")
        folder = path if path.is_dir() else place
        if folder is path and path.name.startswith("shard-") and _is_bare(path):
            continue
        home = _home(folder)
        if home is None:
            raise StoreError(f"{place} is not empty ({path.name}): choose an empty folder")
        if home.store != found.store:
            raise StoreError(
                f"{place} holds shard {home.number} of another server (store {home.store}): choose an empty folder"
            )


def _named(path: Path) -> str:
    try:
        return f" ({msgspec.json.decode(path.read_bytes(), type=Format).store})"
    except (OSError, msgspec.DecodeError):
        return ""


def _is_bare(folder: Path) -> bool:
    """Nothing but what the making or the removal of a shard leaves when it is cut short."""
    if not {path.name for path in folder.iterdir()} <= set(FILES):
        return False
    if not (folder / "data.mdb").is_file():
        return True
    logs = [folder / name for name in FILES if name.startswith("log")]
    if sum(log.stat().st_size for log in logs if log.is_file()) > BARE_LOG_BYTES:
        return False
    try:
        env = lmdb.open(str(folder), readonly=True, lock=False, create=False, max_dbs=0)
    except lmdb.Error:
        return False
    try:
        return int(env.stat()["entries"]) == 0
    finally:
        env.close()


def _home(folder: Path) -> r.ShardHome | None:
    """What an environment that may be anybody's says of itself; nothing in it is touched."""
    if not (folder / "data.mdb").is_file():
        return None
    try:
        env = lmdb.open(str(folder), readonly=True, lock=False, create=False, max_dbs=0)
    except lmdb.Error:
        return None
    try:
        with env.begin() as txn:
            row = txn.get(HOME.key(META_SLOT))
        return None if row is None else HOME.decode(row)
    except (lmdb.Error, msgspec.DecodeError, ValueError):
        return None
    finally:
        env.close()
