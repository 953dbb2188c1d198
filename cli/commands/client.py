"""client snippet | patch | endpoints."""

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


@client.command(epilog=example("tgserve client patch libtdjson.so --address 203.0.113.5 --output ours.so"))
@click.argument("program", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--output", "to", metavar="FILE", type=click.Path(path_type=Path), help="Default: PROGRAM.patched."
)
@click.option(
    "--address", default="", metavar="IP", help="Where clients come first, if not the public address."
)
@click.option("--ipv6", default="", metavar="IP", help="The same over IPv6.")
@click.option(
    "--keep-fallback", is_flag=True, help="Leave the hosts that the client asks when nobody answers."
)
@click.option("--force", is_flag=True, help="Write over FILE.")
@common
def patch(
    data: Path,
    as_json: bool,
    program: Path,
    to: Path | None,
    address: str,
    ipv6: str,
    keep_fallback: bool,
    force: bool,
) -> None:
    """Make a copy of a stock client that knows this server only: TDLib, Telegram Desktop, what is built on them.

    The copy comes to port 443 first, then to the public port of the settings.
    """
    from dataclasses import asdict

    from .. import patching

    target = to or program.with_name(program.name + ".patched")
    if not program.is_file():
        raise output.Refused(f"{program}: there is no such file")
    if target.exists() and not force:
        raise output.Refused(f"{target} is there already: --force writes over it")
    pem = read_public(data)
    at = endpoint.of_data(data, pem, f"{address}:443" if address else "")
    is_v6 = ":" in at.host
    made, report = patching.patch(
        program.read_bytes(),
        pem,
        "" if is_v6 else at.host,
        ipv6 or (at.host if is_v6 else ""),
        fallback=not keep_fallback,
    )
    try:
        target.write_bytes(made)
        target.chmod(program.stat().st_mode & 0o777)
    except OSError as error:
        raise output.Refused(f"{target}: {error.strerror}") from None
    if as_json:
        return output.result({"file": str(target), "host": at.host, **asdict(report)})
    output.fields(
        [
            ("written", target),
            ("keys", ", ".join(report.keys)),
            ("addresses", f"{report.addresses} lead to {at.host}, {report.loopback} nowhere"),
            ("fall-back hosts", "kept" if keep_fallback else f"{len(report.hosts)} taken away"),
        ]
    )
    if not keep_fallback and not report.hosts:
        report.notes.append("no fall-back hosts were found")
    for note in dict.fromkeys(report.notes):
        output.note(note)
    output.note("its first contact is on port 443: `tgserve doctor` looks whether that leads here")


@client.command(epilog=example("tgserve client endpoints > community.tdesktop-endpoints"))
@click.option(
    "--address", default="", metavar="HOST:PORT", help="How clients reach the server, if not as it listens."
)
@common
def endpoints(data: Path, as_json: bool, address: str) -> None:
    """Print a .tdesktop-endpoints file: Telegram Desktop with this server's key takes its addresses from it."""
    from ipaddress import ip_address

    at = endpoint.of_data(data, read_public(data), address or _running(data))
    try:
        ip_address(at.host)
    except ValueError:
        raise output.Refused(
            f"{at.host} is not an IP address, and the file takes no names: --address IP:PORT"
        ) from None
    lines = [f"{dc} {at.host} {at.port}" for dc in range(1, 6)]
    if as_json:
        return output.result({"host": at.host, "port": at.port, "file": "\n".join(lines) + "\n"})
    output.write("\n".join(lines))


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
