"""Reading a server's cost from outside: CPU seconds and memory of a process from /proc, percentiles, JSON lines."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def cpu_seconds(pid: int) -> float:
    """CPU seconds of all threads of `pid` and of its children, to the nanosecond."""
    total = 0
    children: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
            children.update(int(child) for child in (task / "children").read_text().split())
        except OSError:
            continue
    return total / 1e9 + sum(cpu_seconds(child) for child in children if Path(f"/proc/{child}/task").exists())


def resident_bytes(pid: int) -> int:
    """Proportional memory of `pid` in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def own_bytes(pid: int) -> int:
    """Memory of `pid` that belongs to no file, in bytes: without the pages of the store that the kernel lends it."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) * 1024
    return 0


def percentile(values: list[float], share: float) -> float:
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Meter:
    """`with Meter(pid) as meter:` then `meter.report(count, latencies)`: what the server spent meanwhile."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def __enter__(self) -> Meter:
        self._cpu, self._own, self._start = cpu_seconds(self.pid), time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self.cpu = cpu_seconds(self.pid) - self._cpu
        self.own = time.process_time() - self._own

    def report(self, count: int, latencies: list[float]) -> dict[str, Any]:
        """Server CPU for each of `count` in microseconds, rate, latency in ms."""
        return {
            "count": count,
            "per_second": round(count / self.seconds, 1),
            "server_cpu_us": round(self.cpu / max(count, 1) * 1e6, 2),
            "server_cores": round(self.cpu / self.seconds, 2),
            "generator_cpu_us": round(self.own / max(count, 1) * 1e6, 2),
            "p50_ms": round(percentile(latencies, 0.5) * 1e3, 2),
            "p99_ms": round(percentile(latencies, 0.99) * 1e3, 2),
        }


def show(name: str, figures: dict[str, Any]) -> None:
    """One JSON line on stdout."""
    sys.stdout.write(json.dumps({"bench": name, **figures}) + "\n")
    sys.stdout.flush()
