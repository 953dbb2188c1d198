"""start and dev: settings, data directory, then the server in this process until it is told to stop."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

from . import endpoint, output
from .settings import load


def serve(data: Path, file: Path | None = None, *, library: str = "", **changes: Any) -> int:
    """Run the server; the exit code. `library`: print that program when the server is ready."""
    gc.disable()  # nothing of 600 modules is garbage, and looking for it is an eighth of the start
    from tgserve import app

    gc.enable()
    config = load(data, file, **changes)

    def ready(address: str) -> None:
        output.write(f"ready {address}")
        if library:
            _introduce(data, address, library, config.fixed_code)
        output.flush()

    try:
        app.serve(config, ready)
    except app.StartError as error:
        raise output.Refused(str(error)) from None
    return 0


def _introduce(data: Path, address: str, library: str, code: str) -> None:
    from .commands.client import render
    from .commands.key import read_public

    at = endpoint.of_data(data, read_public(data), address)
    output.write(f"public key: {data / 'keys' / 'public.pem'}")
    output.write(f"login code: {code}, for any number such as +999661001")
    output.write(f"\n{render(library, at)}")
