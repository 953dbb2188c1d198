"""start."""

from __future__ import annotations

from pathlib import Path

import click

from .. import serving
from ..options import config_option, data_option, example, listen_option


@click.command(epilog=example("tgserve start --data /srv/tgserve --listen 0.0.0.0:4430"))
@config_option
@listen_option
@data_option
def start(data: Path, file: Path | None, listen: str | None) -> int:
    """Run the server until SIGTERM or Ctrl-C.

    The first start makes DIR with keys, settings and store. When clients can come in, one line on standard output
    says `ready` and the address; the log goes to standard error.
    """
    return serving.serve(data, file, listen=listen)
