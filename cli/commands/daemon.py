"""status, stop: of the running server."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.daemon import Metrics, Status, StatusReport, Stop

from .. import client, output
from ..options import common, example


@click.command(epilog=example("tgserve status --json | jq .connections"))
@click.option("--metrics", is_flag=True, help="All metrics, in Prometheus' text format.")
@common
def status(data: Path, as_json: bool, metrics: bool) -> None:
    """Show how the running server is. Exit code 1 when none runs."""
    if metrics:
        text = client.call(data, Metrics())
        if as_json:
            return output.result(to_plain(text))
        return output.write(text.text.rstrip("\n"))
    report = client.call(data, Status())
    if as_json:
        return output.result(to_plain(report))
    output.fields(
        [
            ("server", f"tgserve {report.version}{' (dev)' if report.dev else ''}, process {report.pid}"),
            ("address", report.address),
            ("data", report.data),
            ("up for", output.duration(report.uptime_seconds)),
            ("connections", f"{report.connections} ({report.sessions} sessions)"),
            ("users online", report.users_online),
            (
                "calls",
                f"{report.calls} (median {_ms(report.call_p50_seconds)}, p99 {_ms(report.call_p99_seconds)})",
            ),
            ("faults", report.faults),
            ("store", f"{output.size(report.store_bytes)} in {report.shards} shards"),
            (
                "files",
                f"{output.size(report.chunk_bytes)} in {report.chunks} chunks on {report.disks} disk(s)",
            ),
            *(("disk trouble", sentence) for sentence in report.disks_unwell),
            ("last backup", _backup(report)),
            *((("backup trouble", report.backup_fault),) if report.backup_fault else ()),
            ("memory", output.size(report.rss_bytes)),
        ]
    )


@click.command(epilog=example("tgserve stop --data /srv/tgserve"))
@common
def stop(data: Path, as_json: bool) -> None:
    """Stop the running server and wait until it is gone."""
    with client.connect(data) as connection:
        stopping = client.ask(connection, Stop())
        connection.ended()
    _wait(stopping.pid)
    if as_json:
        return output.result(to_plain(stopping))
    output.write(f"stopped (process {stopping.pid})")


def _backup(report: StatusReport) -> str:
    if not report.backup_good:
        return "never" if report.backup_target else "never, and none is planned (backup.target)"
    return f"{output.when(report.backup_good)} ({report.backup_name})"


def _ms(seconds: float) -> str:
    return f"<= {seconds * 1000:g} ms"


def _wait(pid: int, seconds: float = 30) -> None:
    """Until the process is gone. The admin socket goes first, the store is closed after it."""
    import os
    import time

    for _ in range(int(seconds * 50)):
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        if _dead(pid):
            return
        time.sleep(0.02)
    raise output.Refused(f"process {pid} has not ended within {seconds:.0f} s: its log says why")


def _dead(pid: int) -> bool:
    """Ended but not yet collected by its parent."""
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists()
