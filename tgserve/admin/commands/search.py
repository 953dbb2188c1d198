"""search.status, search.rebuild."""

from __future__ import annotations

from tgserve.admin.registry import Daemon, command
from tgserve.admin.schema.search import SearchRebuild, SearchReport, SearchStatus


@command(SearchStatus)
async def search_status(daemon: Daemon, params: SearchStatus) -> SearchReport:
    return await _report(daemon)


@command(SearchRebuild)
async def search_rebuild(daemon: Daemon, params: SearchRebuild) -> SearchReport:
    """Answers when it has begun: `search.status` tells how far it is."""
    daemon.services.search.feed.rebuild()
    return await _report(daemon)


async def _report(daemon: Daemon) -> SearchReport:
    status = await daemon.services.search.status()
    return SearchReport(
        status.state.value,
        status.documents,
        status.bytes,
        status.waiting,
        status.lag_seconds,
        status.done,
        status.total,
        status.fault,
    )
