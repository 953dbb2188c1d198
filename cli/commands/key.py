"""key public."""

from __future__ import annotations

from pathlib import Path

import click

from .. import output
from ..options import common, example


@click.group()
def key() -> None:
    """The server's public key, which every client must carry."""


@key.command(epilog=example("tgserve key public > server.pem"))
@common
def public(data: Path, as_json: bool) -> None:
    """Print the public key as PKCS#1 PEM, the form all clients take."""
    pem = read_public(data)
    if as_json:
        return output.result({"pem": pem})
    output.write(pem.rstrip("\n"))


def read_public(data: Path) -> str:
    path = data / "keys" / "public.pem"
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise output.Refused(f"{data} has no key yet: `tgserve init --data {data}` makes one") from None
    except OSError as error:
        raise output.Refused(f"{path}: {error.strerror}") from None
