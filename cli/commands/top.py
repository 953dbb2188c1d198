"""top: the running server, looked at again and again."""

from __future__ import annotations

import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.seeing import Top, TopReport

from .. import client, output
from ..options import common, example

BARS = " ▁▂▃▄▅▆▇█"
WIDTH = 40


@dataclass(frozen=True, slots=True)
class Rates:
    """What lies between two reports."""

    seconds: float
    messages: float
    calls: float
    updates: float
    bytes_in: float
    bytes_out: float
    cpu_percent: float
    errors: float
    floods: float
    p50_seconds: float
    p99_seconds: float


@click.command(epilog=example("tgserve top --interval 5"))
@click.option(
    "--interval",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.2, 60),
    help="Seconds between looks.",
)
@click.option(
    "--once", is_flag=True, help="One interval, then end; so it is without a terminal and with --json."
)
@common
def top(data: Path, as_json: bool, interval: float, once: bool) -> None:
    """Watch the running server: rates, latency, shards, disks, queues, errors. Ctrl-C ends it."""
    with client.connect(data) as connection:
        before = client.ask(connection, Top())
        if once or as_json or not sys.stdout.isatty():
            time.sleep(interval)
            after = client.ask(connection, Top())
            found = rates(before, after)
            if as_json:
                from dataclasses import asdict

                return output.result({**to_plain(after), "rates": asdict(found)})
            return output.fields(lines(after, found, {}))
        _watch(connection, before, interval)


def _watch(connection: client.Connection, before: TopReport, interval: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    history: dict[str, deque[float]] = {}
    with Live(Text("..."), console=Console(), screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(interval)
                after = client.ask(connection, Top())
                found = rates(before, after)
                for name, value in (
                    ("messages", found.messages),
                    ("calls", found.calls),
                    ("latency", found.p99_seconds),
                    ("cpu", found.cpu_percent),
                ):
                    history.setdefault(name, deque(maxlen=WIDTH)).append(value)
                rows = lines(after, found, history)
                width = max(len(name) for name, _ in rows)
                text = "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
                live.update(Text(text), refresh=True)
                before = after
        except KeyboardInterrupt:
            return


def rates(before: TopReport, after: TopReport) -> Rates:
    """Of two reports of one server. A restart in between shows as the rates since it."""
    if after.at <= before.at or after.calls < before.calls:
        zero = {name: 0 for name in ("calls", "messages", "updates", "bytes_in", "bytes_out")}
        seconds = max(after.uptime_seconds, 1e-6)
        counts = list(after.latency_counts)
        old: dict[str, Any] = {**zero, "cpu": 0.0, "errors": {}}
    else:
        seconds = after.at - before.at
        counts = [b - a for a, b in zip(before.latency_counts, after.latency_counts, strict=True)]
        old = {
            "calls": before.calls,
            "messages": before.messages,
            "updates": before.updates,
            "bytes_in": before.bytes_in,
            "bytes_out": before.bytes_out,
            "cpu": before.cpu_seconds,
            "errors": before.errors,
        }
    floods = after.errors.get("420", 0) - old["errors"].get("420", 0)
    errors = sum(after.errors.values()) - sum(old["errors"].values()) - floods
    return Rates(
        seconds=seconds,
        messages=(after.messages - old["messages"]) / seconds,
        calls=(after.calls - old["calls"]) / seconds,
        updates=(after.updates - old["updates"]) / seconds,
        bytes_in=(after.bytes_in - old["bytes_in"]) / seconds,
        bytes_out=(after.bytes_out - old["bytes_out"]) / seconds,
        cpu_percent=(after.cpu_seconds - old["cpu"]) / seconds * 100,
        errors=errors / seconds,
        floods=floods / seconds,
        p50_seconds=quantile(after.latency_bounds, counts, 0.5),
        p99_seconds=quantile(after.latency_bounds, counts, 0.99),
    )


def quantile(bounds: list[float], counts: list[int], share: float) -> float:
    """Upper bound of the bucket it falls into; the last bound beyond it, 0 when there were none."""
    wanted, seen = share * sum(counts), 0
    for bound, count in zip(bounds, counts, strict=False):
        seen += count
        if seen and seen >= wanted:
            return bound
    return bounds[-1] if sum(counts) else 0.0


def lines(report: TopReport, found: Rates, history: dict[str, deque[float]]) -> list[tuple[str, str]]:
    def plot(name: str) -> str:
        return "  " + spark(history[name]) if name in history else ""

    rows = [
        ("up for", output.duration(report.uptime_seconds)),
        ("cpu", f"{found.cpu_percent:.0f} %{plot('cpu')}"),
        ("memory", output.size(report.rss_bytes)),
        (
            "connections",
            f"{report.connections}, {report.sessions} sessions, {report.users_online} users online",
        ),
        ("messages", f"{found.messages:.1f}/s{plot('messages')}"),
        ("calls", f"{found.calls:.1f}/s{plot('calls')}"),
        (
            "latency",
            f"median {found.p50_seconds * 1000:.1f} ms, p99 {found.p99_seconds * 1000:.1f} ms{plot('latency')}",
        ),
        ("updates", f"{found.updates:.1f}/s"),
        ("traffic", f"in {output.size(found.bytes_in)}/s, out {output.size(found.bytes_out)}/s"),
        ("errors", f"{found.errors:.1f}/s, flood waits {found.floods:.1f}/s, faults {report.faults} in all"),
    ]
    for shard in report.shards:
        mean = shard.commit_seconds / shard.commits * 1000 if shard.commits else 0.0
        state = (
            f"queue {shard.queue}, commits {shard.commits} (mean {mean:.1f} ms), {output.size(shard.bytes)}"
        )
        rows.append((f"shard {shard.number}", state + (f", {shard.parked} parked" if shard.parked else "")))
    for disk in report.disks:
        free = output.size(disk.free_bytes) if disk.free_bytes >= 0 else "?"
        rows.append((f"disk {disk.number}", f"{disk.health}, {free} free, {disk.path}"))
    rows += [("job", job) for job in report.jobs]
    rows += [("trouble", sentence) for sentence in report.trouble]
    busiest = sorted(
        (name for name in report.methods if report.methods[name]), key=lambda name: -report.methods[name]
    )
    rows.append(("most called", ", ".join(f"{name} {report.methods[name]}" for name in busiest[:5]) or "-"))
    return rows


def spark(values: deque[float]) -> str:
    """One character a value, the highest being full."""
    most = max(values, default=0.0)
    if most <= 0:
        return BARS[0] * len(values)
    return "".join(BARS[min(8, round(value / most * 8))] for value in values)
