"""What is stored of shared folders: rows in the slot of who shares, under the rules of records.py."""

from __future__ import annotations

from tgserve.store.records import Record


class SharedFolder(Record, frozen=True):
    """A link to a folder, keyed by (owner, number of the folder, slug): chats that whoever has it may join."""

    title: str
    peers: tuple[int, ...]
    date: int
