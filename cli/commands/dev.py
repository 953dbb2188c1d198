"""dev."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from .. import serving
from ..options import example, listen_option

CODE = "12345"


@click.command(epilog=example("tgserve dev --listen 127.0.0.1:0 > dev.log &"))
@listen_option
@click.option(
    "--snippet", "library", default="telethon", show_default=True, help="Library of the printed program."
)
def dev(listen: str | None, library: str) -> int:
    """Run a throw-away server for tests and first steps.

    Data lives in a temporary directory and is gone at the end; the login code is always 12345; flood limits on codes
    are off. Port 0 takes any free port; the `ready` line tells it.
    """
    with TemporaryDirectory(prefix="tgserve-dev-") as folder:
        return serving.serve(
            Path(folder) / "data",
            listen=listen or "127.0.0.1:4430",
            dev=True,
            fixed_code=CODE,
            library=library,
        )
