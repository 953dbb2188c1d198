"""top, log.tail."""

from __future__ import annotations

import resource

from tgserve import log, metrics
from tgserve.admin.commands.disks import unwell
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.seeing import LogLines, LogTail, Top, TopDisk, TopReport, TopShard
from tgserve.server.process import rss_bytes

SENDING = (
    "messages.sendMessage",
    "messages.sendMedia",
    "messages.sendMultiMedia",
    "messages.forwardMessages",
)
MOST_LINES = 1000
METHODS_SHOWN = 40


@command(Top)
async def top(daemon: Daemon, params: Top) -> TopReport:
    used = resource.getrusage(resource.RUSAGE_SELF)
    calls = _counted("tgserve_rpc_calls_total")
    seconds = metrics.METRICS.get("tgserve_rpc_seconds")
    taken = seconds if isinstance(seconds, metrics.Histogram) else metrics.Histogram("none", "")
    now = daemon.clock.monotonic()
    most = sorted(calls, key=lambda name: -calls[name])[:METHODS_SHOWN]
    return TopReport(
        at=now,
        uptime_seconds=now - daemon.started,
        cpu_seconds=used.ru_utime + used.ru_stime,
        rss_bytes=rss_bytes(),
        connections=_figure("tgserve_connections"),
        sessions=_figure("tgserve_sessions"),
        users_online=_figure("tgserve_users_online"),
        calls=sum(calls.values()),
        messages=sum(calls.get(name, 0) for name in SENDING),
        updates=_figure("tgserve_updates_pushed_total"),
        bytes_in=_figure("tgserve_bytes_received_total"),
        bytes_out=_figure("tgserve_bytes_sent_total"),
        faults=_figure("tgserve_rpc_faults_total"),
        errors=_counted("tgserve_rpc_errors_total"),
        latency_bounds=list(taken.bounds),
        latency_counts=list(taken.counts),
        methods={name: calls[name] for name in most},
        shards=[
            TopShard(
                number=one.number,
                queue=one.queue,
                commits=one.commits,
                rows=one.rows,
                commit_seconds=one.commit_seconds,
                last_commit_seconds=one.last_commit_seconds,
                parked=one.parked_streams,
                bytes=one.bytes,
            )
            for one in daemon.store.stats()
        ],
        disks=[
            TopDisk(disk.number, disk.row.path, disk.health, disk.room.free)
            for _, disk in sorted(daemon.keeper.chunks.disks.items())
        ],
        jobs=[
            f"{job.kind} {job.done * 100 // job.total} %" if job.total else job.kind
            for job in daemon.jobs.running.values()
        ],
        trouble=unwell(daemon.keeper),
    )


@command(LogTail)
async def log_tail(daemon: Daemon, params: LogTail) -> LogLines:
    if params.level not in log.LEVELS:
        raise Refusal(f"{params.level} is none of {', '.join(log.LEVELS)}")
    kept = log.KEPT
    wanted = [
        line
        for line in kept.after(params.after)
        if line.severity >= log.severity(params.level) and params.contains in line.text
    ]
    count = max(0, min(params.count if params.after < 0 else MOST_LINES, MOST_LINES))
    shown = wanted[-count:] if params.after < 0 else wanted[:count]
    # what did not fit is asked for the next time
    last = shown[-1].number if params.after >= 0 and len(wanted) > len(shown) else kept.last
    return LogLines([line.text for line in shown], last, kept.lost(params.after))


def _figure(name: str) -> int:
    metric = metrics.METRICS.get(name)
    if isinstance(metric, metrics.Counter):
        return int(metric.total())
    return int(metric.read()) if isinstance(metric, metrics.Gauge) else 0


def _counted(name: str) -> dict[str, int]:
    """A counter with one label, by its value."""
    metric = metrics.METRICS.get(name)
    if not isinstance(metric, metrics.Counter):
        return {}
    return {values[0]: int(child.value) for values, child in metric.children.items()}
