"""Contract of a place for objects: whole files by name, put durably, read in part, listed, deleted. S3's common part.

All methods block and may be called from any thread. Names are relative, with slashes. What goes wrong is an
ObjectsError whose text says where and what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tgserve.errors import StoreError


class ObjectsError(StoreError):
    """The place cannot be used: not reachable, not writable, no credentials."""


class NotThere(ObjectsError):
    """No object of this name (or it ends before)."""


class NoRoom(ObjectsError):
    """The place is full; nothing of the object counts."""


class InUse(ObjectsError):
    """Somebody else holds the lock."""


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    size: int
    modified: float
    """Unix seconds."""


class Objects(Protocol):
    where: str
    """For sentences: the folder, or s3://bucket/prefix."""

    def prepare(self) -> None:
        """Before the first put: make the folder, see that it can be written."""

    def put(self, name: str, data: bytes) -> None:
        """Write or replace the whole object, durable on return: a crash leaves the old one or the new one."""

    def get(self, name: str, offset: int = 0, length: int = -1) -> bytes:
        """From `offset`, `length` bytes (-1: to the end). NotThere."""

    def entries(self, prefix: str) -> list[Entry]:
        """All objects below a folder, by name."""

    def delete(self, name: str) -> None:
        """Nothing happens when it is not there."""

    def lock(self) -> AbstractContextManager[Callable[[], None]]:
        """Alone here, until the end of the with statement; InUse names who is. Call what it gives now and then: a lock
        that nobody renews is void after a while."""
