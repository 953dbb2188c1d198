"""A job of the daemon, watched until it ends: on a terminal a bar with rate and time left, else a line now and then."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tgserve.admin.schema.jobs import JobCancel, JobRow, JobShow

from . import client, output

LOOK_SECONDS = 0.2
LINE_SECONDS = 5.0
WIDTH = 30


def follow(data: Path, job: int, quiet: bool = False) -> JobRow:
    """Until it has ended. Ctrl-C asks once: the job goes on, unless it is pressed again, which cancels it."""
    bar = not quiet and sys.stderr.isatty()
    told = time.monotonic()
    stopping = False
    with client.connect(data) as connection:
        while True:
            try:
                row = client.ask(connection, JobShow(job))
                if row.state != "running":
                    break
                if bar:
                    sys.stderr.write("\r\x1b[K" + line(row))
                    sys.stderr.flush()
                elif not quiet and time.monotonic() - told >= LINE_SECONDS:
                    told = time.monotonic()
                    output.note(line(row))
                time.sleep(LOOK_SECONDS)
            except KeyboardInterrupt:
                if not stopping:
                    stopping = True
                    output.note(f"\njob {job} goes on; Ctrl-C once more cancels it")
                    continue
                client.call(data, JobCancel(job))
                stopping = False
    if bar:
        sys.stderr.write("\r\x1b[K")
    return row


def finish(data: Path, job: JobRow, as_json: bool, wait: bool = True) -> int:
    """Follow a job that was just begun and show how it ended; the exit code. Refused when it failed."""
    from tgserve.admin.schema import to_plain

    row = follow(data, job.id, quiet=as_json) if wait else job
    if row.state in ("failed", "cancelled"):
        raise output.Refused(row.fault or f"{row.kind} was {row.state}")
    if as_json:
        output.result(to_plain(row))
    elif row.state == "running":
        output.write(f"{row.kind} has begun: job {row.id}")
    else:
        output.write(
            f"{row.kind}: {row.note or 'done'}, {amount(row, row.done)}, {output.duration(row.seconds)}"
        )
    return 0


def line(row: JobRow) -> str:
    """One line of progress."""
    rate = row.done / row.seconds if row.seconds > 0 else 0.0
    parts = [row.kind]
    if row.total:
        share = min(1.0, row.done / row.total)
        full = int(share * WIDTH)
        parts.append(f"[{'#' * full}{'-' * (WIDTH - full)}] {share * 100:3.0f} %")
    parts.append(amount(row, row.done) + (f" of {amount(row, row.total)}" if row.total else ""))
    parts.append(f"{output.size(rate)}/s" if row.unit == "bytes" else f"{rate:.0f}/s")
    if row.total and rate:
        parts.append(f"{output.duration(max(0.0, (row.total - row.done) / rate))} left")
    if row.note:
        parts.append(row.note)
    return "  ".join(parts)


def amount(row: JobRow, count: int) -> str:
    return output.size(count) if row.unit == "bytes" else f"{count} {row.unit}".strip()
