"""Commands that destroy something ask, or take --yes."""

from __future__ import annotations

import click

from .output import Refused

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def sure(question: str, yes: bool) -> None:
    """Refused unless the operator says yes; in a pipe without --yes there is nobody to say it."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise Refused("nothing was done: answer y, or give --yes")
