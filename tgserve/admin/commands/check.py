"""check: the whole store, while it serves."""

from __future__ import annotations

import asyncio

from tgserve.admin.registry import Daemon, command
from tgserve.admin.schema import Check, CheckReport
from tgserve.store.check import Report, check_store


@command(Check)
async def check(daemon: Daemon, params: Check) -> CheckReport:
    return told(await asyncio.to_thread(check_store, daemon.store))


def told(report: Report, offline: bool = False) -> CheckReport:
    return CheckReport(
        problems=[str(problem) for problem in report.problems],
        found=report.found,
        rows=report.rows,
        slots=report.slots,
        waiting=report.waiting,
        parked=report.parked,
        seconds=round(report.seconds, 3),
        offline=offline,
    )
