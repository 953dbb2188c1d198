"""web check."""

from __future__ import annotations

from pathlib import Path

import click

from .. import output, publickey
from ..options import common, example
from .key import read_public


@click.group()
def web() -> None:
    """A web client of your own build, served at / (settings: [web] root)."""


@web.command(epilog=example("tgserve web check ~/tweb/public"))
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@common
def check(data: Path, as_json: bool, folder: Path | None) -> int:
    """Look whether a build of upstream Web K or Web A can be pointed at this server. Exit code 1 when it cannot.

    Nothing is written: files are changed while they are served. Without DIR the folder of the settings is looked at.
    """
    from dataclasses import asdict

    from tgserve.webroot import build
    from tgserve.webroot.retarget import Retarget

    from ..settings import load

    config = load(data)
    if folder is None:
        if not config.web.root:
            raise output.Refused("no folder was given, and web.root is not set")
        folder = config.data / config.web.root
    key = publickey.parse(read_public(data))
    retarget = Retarget(key.n, key.fingerprint & (1 << 64) - 1, config.name, config.web.source_url)
    try:
        found = build.check(folder, retarget)
    except OSError as error:
        raise output.Refused(f"{error.filename}: {error.strerror}") from None
    if as_json:
        output.result({"folder": str(folder), **asdict(found)})
        return 1 if found.faults else 0
    output.fields(
        [
            ("folder", folder),
            ("client", found.client),
            ("files", f"{found.files}, {output.size(found.bytes)}"),
            ("keys replaced", found.keys),
            ("fingerprints replaced", found.fingerprints),
            ("addresses led here", found.addresses),
            *(("changed", name) for name in found.scripts),
            *(("warning", text) for text in found.warnings),
            *(("fault", text) for text in found.faults),
        ]
    )
    return 1 if found.faults else 0
