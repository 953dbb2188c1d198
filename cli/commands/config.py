"""config show | check."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve import config as settings

from .. import output
from ..options import common, config_option, example
from ..settings import load


@click.group()
def config() -> None:
    """Settings: show, check."""


@config.command(epilog=example("tgserve config show | grep sms"))
@click.option("--default", is_flag=True, help="The commented default file instead.")
@config_option
@common
def show(data: Path, as_json: bool, file: Path | None, default: bool) -> None:
    """Print the settings as they would be in force, defaults included."""
    if default:
        text = settings.describe()
        return output.result({"toml": text}) if as_json else output.write(text.rstrip("\n"))
    found = settings.effective(load(data, file))
    if as_json:
        return output.result(found)
    output.fields(found.items())


@config.command(epilog=example("tgserve config check --config new.toml"))
@config_option
@common
def check(data: Path, as_json: bool, file: Path | None) -> None:
    """Read the settings as the server will; exit code 1 when something is wrong."""
    load(data, file)
    place = file or data / settings.CONFIG_FILE
    if as_json:
        return output.result({"file": str(place), "problems": []})
    output.write(f"{place}: fine" if place.exists() else f"{place} is not there: all defaults")
