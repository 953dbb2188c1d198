"""methods."""

from __future__ import annotations

from pathlib import Path

import click

from .. import output
from ..options import common, example


@click.command(epilog=example("tgserve methods messages.sendMessage"))
@click.argument("name", default="")
@click.option("--missing", is_flag=True, help="Only methods of the schema that are not served.")
@common
def methods(data: Path, as_json: bool, name: str, missing: bool) -> None:
    """List the methods of the protocol: what is REAL, EMPTY (a harmless answer), REFUSED or missing.

    NAME is a method or the beginning of some; one method is shown with the place of its code. Needs no server and no
    data directory.
    """
    from tgserve.admin import offline

    found = offline.methods()
    if name:
        wanted = name.casefold()
        exact = [one for one in found if one.name.casefold() == wanted]
        found = exact or [one for one in found if one.name.casefold().startswith(wanted)]
        if not found:
            raise output.Refused(f"the schema has no method {name}")
    if missing:
        found = [one for one in found if one.status == "missing"]
    if as_json:
        return output.result({"methods": [offline.plain(one) for one in found]})
    if len(found) == 1:
        one = found[0]
        return output.fields(
            [
                ("method", one.name),
                ("status", one.status),
                ("needed", f"{one.need} ({one.area})"),
                ("layers", f"{one.layers[0]} to {one.layers[1]}"),
                ("for", one.who or "-"),
                ("code", f"tgserve/{one.where}" if one.where else "-"),
            ]
        )
    output.table(
        ("METHOD", "STATUS", "FOR", "CODE"), [(one.name, one.status, one.who, one.where) for one in found]
    )
