"""backup create | list | verify | restore | prune | key."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.backups import BackupCreate, BackupMade, BackupPage
from tgserve.admin.schema.jobs import JobRow

from .. import client, output, progress
from ..options import common, config_option, example

T = TypeVar("T")
Function = Callable[..., Any]
LOOK_SECONDS = 0.2
LINE_SECONDS = 5.0
KEY_NOTE = """The key of your backups was made: {key}
Write it down and keep it elsewhere. Without it (or a passphrase, --passphrase) no backup can be restored.
`tgserve backup key` shows it again as long as this server lives; it stands in keys/backup.key."""


@click.group()
def backup() -> None:
    """Backups: create, list, verify, restore, prune, key.

    Sealed, incremental, of everything (keys, settings, messages, files), made while the server runs.
    """


def target_option(function: Function) -> Function:
    return click.option(
        "--target",
        default="",
        metavar="WHERE",
        help="A folder or s3://bucket/prefix; without it backup.target of the settings.",
    )(function)


def access_options(function: Function) -> Function:
    """What opens a target."""
    for option in (
        click.option(
            "--passphrase-file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="A file whose first line is the passphrase.",
        ),
        click.option("--passphrase", is_flag=True, help="Ask for the backup's passphrase."),
        click.option(
            "--key-file",
            default="",
            metavar="FILE",
            help="A file with the backup key, if it is not DIR/keys/backup.key.",
        ),
    ):
        function = option(function)
    return function


@backup.command(epilog=example("tgserve backup create --target /mnt/elsewhere/backup"))
@target_option
@click.option(
    "--passphrase", is_flag=True, help="Ask for a passphrase that opens the target besides its key."
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file whose first line is that passphrase.",
)
@click.option("--no-wait", is_flag=True, help="Only begin it; `tgserve status` tells how it went.")
@common
def create(
    data: Path, as_json: bool, target: str, passphrase: bool, passphrase_file: Path | None, no_wait: bool
) -> int:
    """Make a backup. With a running server the server does it, else the store is opened here, under its lock.

    The first one copies everything, later ones what is new. A passphrase is set when it is given for the first time.
    """
    chosen = _whole(target)
    secret = _passphrase(passphrase, passphrase_file, confirm=True)
    try:
        begun = client.call(data, BackupCreate(chosen, secret))
    except client.NotRunning:
        return _create_here(data, as_json, chosen, secret)
    if begun.key and not as_json:
        output.note(KEY_NOTE.format(key=begun.key))
    if not as_json or no_wait:
        if as_json:
            output.result(to_plain(begun))
            return 0
        return progress.finish(data, begun.job, as_json, wait=not no_wait)
    row = progress.follow(data, begun.job.id, quiet=True)
    if row.state != "done":
        raise output.Refused(row.fault or f"the backup was {row.state}")
    output.result(to_plain(BackupMade(begun.key, job=row)))
    return 0


@backup.command("list", epilog=example("tgserve backup list --json | jq -r '.backups[-1].name'"))
@target_option
@config_option
@common
def list_backups(data: Path, as_json: bool, target: str, file: Path | None) -> int:
    """List the backups of a target. Needs no key. Exit code 1 when one of them is damaged."""
    page = _page(data, target, file)
    if as_json:
        output.result(to_plain(page))
        return 1 if page.problems else 0
    output.table(
        ("BACKUP", "MADE", "ROWS", "MESSAGES", "PIECES", "FILES", "NEW", "LOST", "TOOK"),
        [
            (
                row.name,
                output.when(row.made),
                row.rows,
                output.size(row.row_bytes),
                row.chunks,
                output.size(row.chunk_bytes),
                output.size(row.new_bytes),
                row.lost,
                output.duration(row.seconds),
            )
            for row in page.backups
        ],
    )
    for problem in page.problems:
        output.write(problem)
    count = len(page.backups)
    output.note(
        f"{count} backup{'s'[: count != 1]} in {page.target}, {output.size(page.stored_bytes)} together"
    )
    return 1 if page.problems else 0


@backup.command(epilog=example("tgserve backup verify --target /mnt/elsewhere/backup"))
@target_option
@access_options
@config_option
@common
def verify(data: Path, as_json: bool, target: str, file: Path | None, **access: Any) -> int:
    """Read everything of a target: every file, every block, every name. Exit code 1 when something is wrong."""
    offline = _offline()
    given = _access(target, file, **access)
    found = _watched(
        "verify", lambda steps, stop: offline.verify(data, offline.Access(**given), steps, stop), as_json
    )
    if as_json:
        output.result(to_plain(found))
        return 1 if found.found else 0
    for problem in found.problems:
        output.write(problem)
    verdict = (
        f"{found.found} problem{'s'[: found.found != 1]}"
        if found.found
        else "everything is as it was written"
    )
    if found.strangers:
        verdict += f", {found.strangers} files of a run that was cut short (`backup prune` removes them)"
    output.write(
        f"{found.backups} backups, {found.blocks} blocks in {found.packs} packs, {output.size(found.bytes)},"
        f" {output.duration(found.seconds)}: {verdict}"
    )
    return 1 if found.found else 0


@backup.command(
    epilog=example("tgserve backup restore --target /mnt/elsewhere/backup --data /srv/tgserve --passphrase")
)
@click.argument("name", default="", metavar="[BACKUP]")
@target_option
@access_options
@config_option
@common
def restore(data: Path, as_json: bool, name: str, target: str, file: Path | None, **access: Any) -> None:
    """Make the data directory DIR from a backup, the newest if none is named. DIR must be empty or not there.

    Every client stays signed in. The search index is built by the first start. Never start the old server again beside
    the restored one: they would be the same server twice.
    """
    offline = _offline()
    given = _access(target, file, **access)
    done = _watched(
        "restore",
        lambda steps, stop: offline.restore(data, offline.Access(**given), name, steps, stop),
        as_json,
    )
    if as_json:
        return output.result(to_plain(done))
    if done.lost:
        output.note(f"{done.lost} pieces of files had no good copy when the backup was made")
    output.write(
        f"{done.data} is as it was on {output.when(done.made)} ({done.name}): {done.rows} rows, {done.chunks} pieces"
        f" of files, {output.duration(done.seconds)}. Start it with `tgserve start --data {done.data}`"
    )


@backup.command(epilog=example("tgserve backup prune --keep 14"))
@click.option("--keep", required=True, type=click.IntRange(1), help="So many of the newest stay.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@target_option
@access_options
@config_option
@common
def prune(
    data: Path, as_json: bool, keep: int, yes: bool, target: str, file: Path | None, **access: Any
) -> None:
    """Remove old backups, and what only they need."""
    offline = _offline()
    given = _access(target, file, **access)
    if not yes:
        page = _page(data, target, file)
        gone = max(0, len(page.backups) - keep)
        if gone and not click.confirm(
            f"Remove {gone} of {len(page.backups)} backups of {page.target}?", err=True
        ):
            raise output.Refused("nothing was done")
    done = _watched(
        "prune", lambda steps, stop: offline.prune(data, offline.Access(**given), keep, steps, stop), as_json
    )
    if as_json:
        return output.result(to_plain(done))
    output.write(f"{done.dropped} backups removed, {done.kept} kept, {output.size(max(0, done.bytes))} won")


@backup.command(epilog=example("tgserve backup key > /media/usb/backup.key"))
@common
def key(data: Path, as_json: bool) -> None:
    """Show the key of this server's backups, to be kept elsewhere."""
    from tgserve.admin import offline_catalogue

    found = _refused(lambda: offline_catalogue.key(data))
    if as_json:
        return output.result(to_plain(found))
    output.write(found.key)


def _create_here(data: Path, as_json: bool, target: str, passphrase: str) -> int:
    offline = _offline()
    made, key = _watched(
        "backup",
        lambda steps, stop: offline.make(data, offline.Access(target, passphrase=passphrase), steps, stop),
        as_json,
    )
    if as_json:
        output.result(to_plain(BackupMade(key, backup=made)))
        return 0
    if key:
        output.note(KEY_NOTE.format(key=key))
    output.write(
        f"backup: {made.name}: {made.rows} rows and {made.chunks} pieces of files, {output.size(made.new_bytes)} of it"
        f" new, {output.duration(made.seconds)} (no server runs: opened here)"
    )
    return 0


@dataclass
class Steps:
    """How far the work here is."""

    done: int = 0
    total: int = 0
    note: str = ""


def _watched(kind: str, work: Callable[[Steps, threading.Event], T], quiet: bool) -> T:
    """Work of this process, with the bar that jobs of the daemon have. Ctrl-C stops it."""
    steps, stop = Steps(), threading.Event()
    results: list[T] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(steps, stop))
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=run, name=kind)
    began = told = time.monotonic()
    thread.start()
    bar = not quiet and sys.stderr.isatty()
    while thread.is_alive():
        try:
            thread.join(LOOK_SECONDS)
            now = time.monotonic()
            row = JobRow(0, kind, "running", steps.done, steps.total, "bytes", steps.note, now - began)
            if bar:
                sys.stderr.write("\r\x1b[K" + progress.line(row))
                sys.stderr.flush()
            elif not quiet and now - told >= LINE_SECONDS:
                told = now
                output.note(progress.line(row))
        except KeyboardInterrupt:
            stop.set()
    if bar:
        sys.stderr.write("\r\x1b[K")

    def outcome() -> T:
        if faults:
            raise faults[0]
        return results[0]

    return _refused(outcome)


def _refused(work: Callable[[], T]) -> T:
    from tgserve.admin.offline_catalogue import Refusal

    try:
        return work()
    except Refusal as fault:
        raise output.Refused(str(fault)) from None


def _offline() -> Any:
    from tgserve.admin import offline_backups

    return offline_backups


def _page(data: Path, target: str, file: Path | None) -> BackupPage:
    from tgserve.admin import offline_catalogue as offline

    return _refused(lambda: offline.list_backups(data, offline.Access(_whole(target), config=_text(file))))


def _access(
    target: str, file: Path | None, *, key_file: str, passphrase: bool, passphrase_file: Path | None
) -> dict[str, str]:
    return {
        "target": _whole(target),
        "key_file": key_file,
        "passphrase": _passphrase(passphrase, passphrase_file, confirm=False),
        "config": _text(file),
    }


def _whole(target: str) -> str:
    """The daemon has another current folder."""
    return target if not target or "://" in target else str(Path(target).expanduser().absolute())


def _text(file: Path | None) -> str:
    return str(file) if file is not None else ""


def _passphrase(ask: bool, file: Path | None, confirm: bool) -> str:
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as fault:
            raise output.Refused(f"{file}: {fault}") from None
        if not lines or not lines[0]:
            raise output.Refused(f"{file}: its first line is empty")
        return lines[0]
    if not ask:
        return ""
    found: str = click.prompt(
        "Passphrase of the backup", hide_input=True, err=True, confirmation_prompt=confirm
    )
    return found
