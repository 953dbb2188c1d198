"""client snippet."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from tgserve.admin.schema.daemon import Status

from .. import client as daemon
from .. import endpoint, output
from ..options import common, example
from .key import read_public

LIBRARIES = ("telethon", "kurigram", "tdlib", "mtcute", "gramjs")


@click.group()
def client() -> None:
    """Point clients at this server."""


@client.command(epilog=example("tgserve client snippet telethon > chat.py"))
@click.argument("library", type=click.Choice(LIBRARIES))
@click.option(
    "--address", default="", metavar="HOST:PORT", help="How clients reach the server, if not as it listens."
)
@common
def snippet(data: Path, as_json: bool, library: str, address: str) -> None:
    """Print a program for LIBRARY, ready to run, with this server's key and address in it."""
    at = endpoint.of_data(data, read_public(data), address or _running(data))
    code = render(library, at)
    if as_json:
        return output.result({"library": library, "host": at.host, "port": at.port, "code": code})
    output.write(code.rstrip("\n"))


def render(library: str, at: endpoint.Endpoint) -> str:
    package = (__package__ or "").rpartition(".")[0]
    return endpoint.fill((files(package) / "snippets" / f"{library}.txt").read_text(encoding="utf-8"), at)


def _running(data: Path) -> str:
    """The address of the running server, which --listen may have set; empty when none runs or it has a public one."""
    from ..settings import load

    if load(data).public_host:
        return ""
    try:
        return daemon.call(data, Status()).address
    except output.Refused:
        return ""
