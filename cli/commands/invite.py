"""user invite | invites | uninvite: commands of the group `user`, in a module of their own for start-up's sake."""

from __future__ import annotations

import re
from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.invites import UserInvite, UserInvites, UserUninvite

from .. import client, output
from ..asking import sure, yes_option
from ..options import common, example

UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Period(click.ParamType):  # type: ignore[type-arg]
    """`30m`, `12h`, `7d`, `2w` -> seconds."""

    name = "period"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,6})([mhdw])", value.strip())
        if found is None:
            self.fail(f"`{value}` is no period: 30m, 12h, 7d or 2w", param, ctx)
        return int(found[1]) * UNITS[found[2]]


@click.command(epilog=example("tgserve user invite --uses 20 --expires 14d --name 'choir'"))
@click.option(
    "--uses", default=1, show_default=True, type=click.IntRange(1, 100_000), help="For so many people."
)
@click.option(
    "--expires", default="7d", show_default=True, type=Period(), metavar="PERIOD", help="30m, 12h, 7d, 2w."
)
@click.option("--name", default="", metavar="TEXT", help="For your own list.")
@click.option("--phone", default="", metavar="PHONE", help="For this number alone.")
@click.option("--no-qr", is_flag=True, help="Print no QR code.")
@common
def invite(data: Path, as_json: bool, uses: int, expires: int, name: str, phone: str, no_qr: bool) -> None:
    """Let people make an account without a code by SMS: prints a link, its QR code and eight digits.

    The digits are typed where a client asks for the login code of a number that has no account yet. The setting
    `signup = "invite"` makes the server ask for them.
    """
    made = client.call(data, UserInvite(name, uses, expires, phone))
    if as_json:
        return output.result(to_plain(made))
    if made.link and not no_qr:
        import segno

        segno.make(made.link, error="m").terminal(compact=True)
    output.fields(
        [
            ("code", f"{made.code[:4]} {made.code[4:]}"),
            ("link", made.link or "-"),
            ("for", f"+{made.invite.phone}" if made.invite.phone else f"{made.invite.uses} accounts"),
            ("until", output.when(made.invite.expires)),
            ("number", made.invite.number),
        ]
    )
    output.note("link and code are shown this once: the server keeps hashes of them")
    if made.signup != "invite":
        output.note(f'invitations are of no use while the settings say signup = "{made.signup}"')


@click.command(epilog=example("tgserve user invites"))
@common
def invites(data: Path, as_json: bool) -> None:
    """List the invitations, newest first."""
    page = client.call(data, UserInvites())
    if as_json:
        return output.result(to_plain(page))
    output.table(
        ("NUMBER", "NAME", "FOR", "USED", "MADE", "UNTIL", "STATE"),
        [
            (
                row.number,
                row.name,
                f"+{row.phone}" if row.phone else "anybody",
                f"{row.used} of {row.uses}",
                output.when(row.created),
                output.when(row.expires),
                row.state,
            )
            for row in page.invites
        ],
    )
    if page.signup != "invite":
        output.note(f'invitations are of no use while the settings say signup = "{page.signup}"')


@click.command(epilog=example("tgserve user uninvite 3 --yes"))
@click.argument("number", type=click.IntRange(1))
@yes_option
@common
def uninvite(data: Path, as_json: bool, number: int, yes: bool) -> None:
    """Withdraw an invitation. Who has come by it stays."""
    sure(f"Withdraw the invitation {number}?", yes)
    row = client.call(data, UserUninvite(number))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"invitation {row.number} is withdrawn, {row.used} accounts were made with it")
