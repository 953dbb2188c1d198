"""status, stop, metrics: of the running server."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tgserve import __version__, metrics
from tgserve.admin.commands.disks import unwell
from tgserve.admin.registry import Daemon, command
from tgserve.admin.schema.daemon import Metrics, MetricsText, Status, StatusReport, Stop, Stopping
from tgserve.server import exposition
from tgserve.server.process import rss_bytes

STOP_AFTER_SECONDS = 0.05
"""The answer to `stop` goes out before the stop begins."""


@command(Status)
async def status(daemon: Daemon, params: Status) -> StatusReport:
    calls = metrics.METRICS.get("tgserve_rpc_seconds")
    backup = daemon.backups.last()
    store = daemon.store
    numbers = [shard.number for shard in store.shards]
    measured = calls if isinstance(calls, metrics.Histogram) else metrics.Histogram("none", "")
    return StatusReport(
        version=__version__,
        pid=os.getpid(),
        address=daemon.address,
        data=str(daemon.config.data.resolve()),
        uptime_seconds=daemon.clock.monotonic() - daemon.started,
        connections=_figure("tgserve_connections"),
        sessions=_figure("tgserve_sessions"),
        users_online=_figure("tgserve_users_online"),
        calls=_figure("tgserve_rpc_calls_total"),
        faults=_figure("tgserve_rpc_faults_total"),
        call_p50_seconds=measured.quantile(0.5),
        call_p99_seconds=measured.quantile(0.99),
        shards=len(numbers),
        store_bytes=await asyncio.to_thread(_bytes_below, [*map(store.folder, numbers)]),
        rss_bytes=rss_bytes(),
        dev=daemon.config.dev,
        newer_layers=_by_label("tgserve_newer_layers_total"),
        disks=len(daemon.keeper.chunks.disks),
        disks_unwell=unwell(daemon.keeper),
        chunks=daemon.keeper.census.chunks if daemon.keeper.census else 0,
        chunk_bytes=daemon.keeper.census.stored_bytes if daemon.keeper.census else 0,
        backup_target=daemon.config.backup.target,
        backup_good=backup.good if backup else 0,
        backup_name=backup.name if backup else "",
        backup_fault=backup.fault if backup else "",
    )


@command(Stop)
async def stop(daemon: Daemon, params: Stop) -> Stopping:
    asyncio.get_running_loop().call_later(STOP_AFTER_SECONDS, os.kill, os.getpid(), signal.SIGTERM)
    return Stopping(os.getpid())


@command(Metrics)
async def metrics_text(daemon: Daemon, params: Metrics) -> MetricsText:
    return MetricsText(exposition.text())


def _by_label(name: str) -> dict[str, int]:
    metric = metrics.METRICS.get(name)
    if not isinstance(metric, metrics.Counter):
        return {}
    return {values[0]: int(child.value) for values, child in metric.children.items()}


def _figure(name: str) -> int:
    metric = metrics.METRICS.get(name)
    if isinstance(metric, metrics.Counter):
        return int(metric.total())
    return int(metric.read()) if isinstance(metric, metrics.Gauge) else 0


def _bytes_below(folders: list[Path]) -> int:
    """Disk blocks, not file lengths: LMDB files are sparse."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_blocks * 512 for path in files)
