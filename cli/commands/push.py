"""push list | adapters | add | set | test | stats | remove."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.push import PushStats

from .. import client, output
from ..options import common, example
from ..providers import attach


@click.group()
def push() -> None:
    """Pushes to devices that are not connected: list, adapters, add, set, test, stats, remove.

    Web push and UnifiedPush work without a provider; FCM, APNs and the others are added with the credentials of your
    own project.
    """


attach(
    push,
    "push",
    "fcm --secret-file credentials=service-account.json",
    "WHO",
    "+999661234",
    country=False,
)


@push.command(epilog=example("tgserve push stats --json | jq .waiting"))
@common
def stats(data: Path, as_json: bool) -> None:
    """Show devices by type, who serves them, and what waits."""
    report = client.call(data, PushStats())
    if as_json:
        return output.result(to_plain(report))
    output.table(
        ("TYPE", "NAME", "DEVICES", "VIA"),
        [
            (row.token_type, row.name, row.devices, ", ".join(row.via) or "nobody: tgserve push add")
            for row in report.types
            if row.devices or row.via
        ],
    )
    output.table(
        ("WAY", "SENT", "FAILED", "LAST FAULT"),
        [(row.name, row.sent, row.failed, row.fault or "-") for row in report.ways],
    )
    output.fields(
        [
            ("waiting", report.waiting),
            ("oldest", f"{report.oldest_seconds} s"),
            ("judged", ", ".join(f"{count} {name}" for name, count in report.decided.items())),
            ("dropped", ", ".join(f"{count} {name}" for name, count in report.dropped.items())),
            ("web push key", report.web_key or "-"),
        ]
    )
