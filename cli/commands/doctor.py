"""doctor: what is wrong, or soon will be, with the machine, the settings and the way in."""

from __future__ import annotations

from pathlib import Path

import click

from .. import examining, output
from ..options import common, example


@click.command(epilog=example("tgserve doctor --address 203.0.113.5:443"))
@click.option(
    "--address",
    default="",
    metavar="HOST:PORT",
    help="Where clients come in, if not the settings' public address.",
)
@common
def doctor(data: Path, as_json: bool, address: str) -> int:
    """Examine machine, settings, certificate, disks and the way in. Exit code 1 when something must be done.

    The way in is tried as a client does it: with the first step of a key exchange.
    """
    from dataclasses import asdict

    found = examining.all_of(data, address)
    bad = sum(one.state == "bad" for one in found)
    if as_json:
        output.result(
            {
                "bad": bad,
                "findings": [asdict(one) for one in found],
            }
        )
        return 1 if bad else 0
    for one in found:
        output.write(f"{one.state:<5} {one.subject:<12} {one.text}")
        if one.advice:
            output.write(f"{'':<19}{one.advice}")
    return 1 if bad else 0
