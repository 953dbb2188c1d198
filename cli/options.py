"""The options every command has: --data DIR (or TGSERVE_DATA) and --json; and the example at the end of each help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Function = Callable[..., Any]


def data_option(function: Function) -> Function:
    # The default is config.DEFAULT_DATA; importing config here would cost `status` 20 ms.
    return click.option(
        "--data",
        envvar="TGSERVE_DATA",
        show_envvar=True,
        metavar="DIR",
        default="tgserve-data",
        show_default=True,
        type=click.Path(path_type=Path),
        help="The server's directory: keys, settings, store.",
    )(function)


def json_option(function: Function) -> Function:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


def common(function: Function) -> Function:
    return data_option(json_option(function))


def example(line: str) -> str:
    """For `epilog=`."""
    return f"Example: {line}"


def config_option(function: Function) -> Function:
    return click.option(
        "--config",
        "file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Settings file instead of DIR/tgserve.toml.",
    )(function)


def listen_option(function: Function) -> Function:
    return click.option("--listen", metavar="HOST:PORT", help="Address to serve on; wins over the settings.")(
        function
    )
