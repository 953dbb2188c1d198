"""The five commands every kind of provider has (sms, push): attach(group, kind, ...) puts them into a click group.

Secrets are read from a prompt, from standard input or from a file, so that they stand in no shell history and no list
of processes: `--secret token`, `--secret-file token=FILE` (`-` is standard input).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.providers import (
    AdapterRow,
    ProviderAdapters,
    ProviderAdd,
    ProviderList,
    ProviderRemove,
    ProviderRow,
    ProviderSet,
    ProviderTest,
)

from . import client, output
from .options import common, example

SECRET_BYTES = 64 * 1024
OPTION = click.option(
    "-o",
    "--option",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the adapter; NAME:=JSON for tables and lists.",
)
SECRETS = click.option(
    "--secret",
    "asked",
    multiple=True,
    metavar="NAME",
    help="Ask for this option without showing it; not on a terminal: a line of standard input each.",
)
SECRET_FILES = click.option(
    "--secret-file",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="Read this option from a file; - is standard input.",
)
COUNTRY = click.option(
    "--country",
    "countries",
    multiple=True,
    metavar="CODE",
    help="Only for numbers of this country (DE); again.",
)
PER_MINUTE = click.option(
    "--per-minute",
    type=click.IntRange(0),
    metavar="N",
    help="Most messages in any minute; 0: as many as come.",
)
ORDER = click.option("--order", type=click.IntRange(0), metavar="N", help="Lower ones are asked first.")
NO_CHECK = click.option(
    "--no-check", is_flag=True, help="Do not ask the provider first whether the options are right."
)
FORCE = click.option("--force", is_flag=True, help="Although it is the last one in use.")


def attach(group: click.Group, kind: str, example_add: str, to: str, example_to: str, country: bool) -> None:
    """`example_add`: what follows `tgserve KIND add`; `to`: what `test` sends to, as metavar; `country`: whether
    providers are chosen by the country of the number."""

    @group.command("list", epilog=example(f"tgserve {kind} list --json | jq -r '.providers[].name'"))
    @common
    def list_providers(data: Path, as_json: bool) -> int:
        """List the providers in the order in which they are asked. Exit code 1 when one cannot be used."""
        table = client.call(data, ProviderList(kind))
        if as_json:
            output.result(to_plain(table))
        else:
            output.table(
                ("NAME", "ADAPTER", "ORDER", "FOR", "STATE", "PER MINUTE", "SENT", "FAILED", "LAST FAULT"),
                [
                    (
                        row.name,
                        row.adapter,
                        row.order if row.added else "-",
                        " ".join(row.countries) or "all",
                        _state(row),
                        row.per_minute or "-",
                        row.sent,
                        row.failed,
                        row.fault or "-",
                    )
                    for row in table.providers
                ],
            )
        return 1 if any(row.enabled and row.fault for row in table.providers) else 0

    @group.command("adapters", epilog=example(f"tgserve {kind} adapters"))
    @click.argument("name", default="", metavar="[ADAPTER]")
    @common
    def adapters(data: Path, as_json: bool, name: str) -> None:
        """List the adapters that are installed and the options they take."""
        table = client.call(data, ProviderAdapters(kind, name))
        if as_json:
            return output.result(to_plain(table))
        output.table(
            ("ADAPTER", "OPTION", "", "WHAT"),
            [cells for row in table.adapters for cells in _option_cells(row)],
        )

    @group.command(epilog=example(f"tgserve {kind} add {example_add}"))
    @click.argument("name")
    @click.option("--adapter", default="", help="Which one; NAME when it is left out.")
    @OPTION
    @SECRETS
    @SECRET_FILES
    @ORDER
    @COUNTRY
    @PER_MINUTE
    @click.option("--disabled", is_flag=True, help="Do not use it yet.")
    @NO_CHECK
    @common
    def add(
        data: Path,
        as_json: bool,
        name: str,
        adapter: str,
        pairs: tuple[str, ...],
        asked: tuple[str, ...],
        files: tuple[str, ...],
        order: int | None,
        countries: tuple[str, ...],
        per_minute: int | None,
        disabled: bool,
        no_check: bool,
    ) -> None:
        """Take a provider into use. Required secrets that are not given are asked for on a terminal."""
        options = _options(pairs, asked, files)
        (row,) = client.call(data, ProviderAdapters(kind, adapter or name)).adapters
        if sys.stdin.isatty():
            missing = [
                one.name for one in row.options if one.required and one.secret and one.name not in options
            ]
            options |= _ask(missing)
        _warn(row, pairs)
        made = client.call(
            data,
            ProviderAdd(
                kind,
                name,
                adapter or name,
                options,
                order,
                list(countries),
                not disabled,
                per_minute or 0,
                not no_check,
            ),
        )
        _told(made, as_json)

    @group.command("set", epilog=example(f"tgserve {kind} set NAME --order 5 --per-minute 30"))
    @click.argument("name")
    @OPTION
    @SECRETS
    @SECRET_FILES
    @click.option("--unset", multiple=True, metavar="NAME", help="Back to the default of an option.")
    @ORDER
    @COUNTRY
    @click.option("--all-countries", is_flag=True, help="For every number again.")
    @PER_MINUTE
    @click.option("--enable/--disable", "enabled", default=None, help="Use it, or keep it unused.")
    @NO_CHECK
    @FORCE
    @common
    def change(
        data: Path,
        as_json: bool,
        name: str,
        pairs: tuple[str, ...],
        asked: tuple[str, ...],
        files: tuple[str, ...],
        unset: tuple[str, ...],
        order: int | None,
        countries: tuple[str, ...],
        all_countries: bool,
        per_minute: int | None,
        enabled: bool | None,
        no_check: bool,
        force: bool,
    ) -> None:
        """Change a provider: what is not named stays as it is."""
        options = _options(pairs, asked, files)
        chosen = [] if all_countries else list(countries) or None
        given = (order, chosen, enabled, per_minute)
        if not options and not unset and all(one is None for one in given):
            raise click.UsageError("nothing to change was named")
        made = client.call(
            data,
            ProviderSet(
                kind,
                name,
                options,
                list(unset),
                order,
                chosen,
                enabled,
                per_minute,
                not no_check,
                force,
            ),
        )
        _told(made, as_json)

    @group.command(epilog=example(f"tgserve {kind} test {example_to}"))
    @click.argument("to", metavar=to)
    @click.option(
        "--via", default="", metavar="NAME", help="This provider; without it whoever would be asked."
    )
    @common
    def test(data: Path, as_json: bool, to: str, via: str) -> int:
        """Send a test now. Exit code 1 when no provider has taken it."""
        tested = client.call(data, ProviderTest(kind, to, via))
        if as_json:
            output.result(to_plain(tested))
            return 0 if tested.ok else 1
        if not tested.ok:
            raise output.Refused(f"{tested.via}: {tested.reason} ({tested.seconds:.1f} s)")
        reference = f", its number is {tested.reference}" if tested.reference else ""
        output.write(f"{tested.via} has taken it ({tested.seconds:.1f} s{reference})")
        return 0

    @group.command(epilog=example(f"tgserve {kind} remove NAME --yes"))
    @click.argument("name")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @FORCE
    @common
    def remove(data: Path, as_json: bool, name: str, yes: bool, force: bool) -> None:
        """Forget a provider with its options and secrets."""
        if not yes and not click.confirm(f"Forget {name} with its options and secrets?", err=True):
            raise output.Refused("nothing was done")
        row = client.call(data, ProviderRemove(kind, name, force))
        if as_json:
            return output.result(to_plain(row))
        output.write(f"{row.name} ({row.adapter}) is forgotten")

    if not country:
        for command in (add, change):
            command.params = [one for one in command.params if one.name not in ("countries", "all_countries")]
            callback = command.callback
            command.callback = _without_countries(callback)


def _without_countries(callback: Any) -> Any:
    def call(**given: Any) -> Any:
        extra = {"all_countries": False} if "unset" in given else {}
        return callback(countries=(), **extra, **given)

    return call


def _options(pairs: tuple[str, ...], asked: tuple[str, ...], files: tuple[str, ...]) -> dict[str, Any]:
    """All that was typed, read or asked for; a name given twice is wrong usage."""
    found: dict[str, Any] = {}

    def enter(name: str, value: Any) -> None:
        if not name or name in found:
            raise click.UsageError(f"option {name or '(no name)'} is given twice or has no name")
        found[name] = value

    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise click.UsageError(f"`{pair}` is not NAME=VALUE")
        if name.endswith(":"):
            try:
                enter(name[:-1], json.loads(text))
            except ValueError as error:
                raise click.UsageError(f"{name[:-1]}: not JSON: {error}") from None
        else:
            enter(name, text)
    for pair in files:
        name, equals, path = pair.partition("=")
        if not equals:
            raise click.UsageError(f"`{pair}` is not NAME=FILE")
        enter(name, _read(path))
    for name, value in _ask(asked).items():
        enter(name, value)
    return found


def _read(path: str) -> str:
    try:
        raw = sys.stdin.buffer.read(SECRET_BYTES + 1) if path == "-" else Path(path).read_bytes()
        if len(raw) > SECRET_BYTES:
            raise output.Refused(f"{path} is longer than {SECRET_BYTES} bytes")
        return raw.decode().strip()
    except OSError as error:
        raise output.Refused(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise output.Refused(f"{path} is no text") from None


def _ask(names: list[str] | tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        if sys.stdin.isatty():
            found[name] = click.prompt(name, hide_input=True, err=True)
            continue
        line = sys.stdin.readline(SECRET_BYTES)
        if not line.strip():
            raise output.Refused(f"{name}: a line of standard input is needed")
        found[name] = line.strip()
    return found


def _warn(row: AdapterRow, pairs: tuple[str, ...]) -> None:
    typed = {pair.partition("=")[0].rstrip(":") for pair in pairs}
    for one in row.options:
        if one.secret and one.name in typed:
            output.note(
                f"{one.name} now stands in the shell's history: --secret {one.name} asks for it instead"
            )


def _told(row: ProviderRow, as_json: bool) -> None:
    if as_json:
        return output.result(to_plain(row))
    output.fields(
        [
            ("name", row.name),
            ("adapter", row.adapter),
            ("state", _state(row)),
            ("order", row.order),
            ("for", " ".join(row.countries) or "all"),
            ("per minute", row.per_minute or "no limit of its own"),
            *((name, value) for name, value in row.options.items()),
        ]
    )


def _state(row: ProviderRow) -> str:
    return "in use" if row.enabled and row.added else "tgserve.toml" if row.enabled else "disabled"


def _option_cells(row: AdapterRow) -> list[tuple[str, str, str, str]]:
    if not row.described:
        return [(row.name, "?", "", "does not say what it takes: its own documentation does")]
    if not row.options:
        return [(row.name, "-", "", "takes no options")]
    cells = []
    for one in row.options:
        word = "required" if one.required else f"= {one.default}" if one.default else ""
        more = f" ({', '.join(one.choices)})" if one.choices else ""
        cells.append(
            (row.name, one.name, f"{word}{', secret' if one.secret else ''}".strip(", "), one.doc + more)
        )
    return cells
