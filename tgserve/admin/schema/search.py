"""search.status, search.rebuild."""

from __future__ import annotations

from dataclasses import dataclass

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class SearchReport:
    state: str
    """ready, building, failed or off."""
    documents: int = -1
    """Messages that can be found; -1 while that cannot be said."""
    bytes: int = 0
    waiting: int = 0
    """Changes that are committed and not in the index yet."""
    lag_seconds: float = 0.0
    boxes_done: int = 0
    boxes_total: int = 0
    """Of the last building or catching up."""
    fault: str = ""


@answers("search.status", SearchReport)
@dataclass(frozen=True, slots=True)
class SearchStatus(Command[SearchReport]):
    """How the search index is."""


@answers("search.rebuild", SearchReport)
@dataclass(frozen=True, slots=True)
class SearchRebuild(Command[SearchReport]):
    """Throw the search index away and build it anew, while the server goes on."""
