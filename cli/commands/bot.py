"""bot list | show | create | token | revoke | delete."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.bots import (
    BotCreate,
    BotDelete,
    BotList,
    BotNewToken,
    BotRevoke,
    BotShow,
    BotToken,
)

from .. import client, output
from ..asking import sure, yes_option
from ..options import common, example

who_argument = click.argument("who", metavar="ID|@USERNAME")


@click.group()
def bot() -> None:
    """Bots: list, show, create, token, revoke, delete."""


@bot.command("list", epilog=example("tgserve bot list"))
@common
def list_bots(data: Path, as_json: bool) -> None:
    """List the bots, newest first."""
    page = client.call(data, BotList())
    if as_json:
        return output.result(to_plain(page))
    output.table(
        ("ID", "USERNAME", "NAME", "CREATED", "SESSIONS", "CHATS", "STATE"),
        [
            (
                row.id,
                f"@{row.username}",
                row.name,
                output.when(row.created),
                row.sessions,
                row.chats,
                row.state,
            )
            for row in page.bots
        ],
    )


@bot.command(epilog=example("tgserve bot show @newsbot"))
@who_argument
@common
def show(data: Path, as_json: bool, who: str) -> None:
    """Show one bot."""
    row = client.call(data, BotShow(who))
    if as_json:
        return output.result(to_plain(row))
    output.fields(
        [
            ("id", row.id),
            ("username", f"@{row.username}"),
            ("name", row.name),
            ("about", row.about),
            ("created", output.when(row.created)),
            ("state", row.state),
            ("sessions", row.sessions),
            ("chats", row.chats),
        ]
    )


@bot.command(epilog=example("tgserve bot create News newsbot --about 'What is new'"))
@click.argument("name")
@click.argument("username")
@click.option("--about", default="", metavar="TEXT", help="What people read before they write to it.")
@common
def create(data: Path, as_json: bool, name: str, username: str, about: str) -> None:
    """Make a bot and print its token: this once, for the server keeps a hash of it."""
    _shown(client.call(data, BotCreate(name, username, about)), as_json)


@bot.command(epilog=example("tgserve bot token @newsbot --yes"))
@who_argument
@yes_option
@common
def token(data: Path, as_json: bool, who: str, yes: bool) -> None:
    """Print a new token. The old one, and every session made with it, ends."""
    sure(f"Make a new token for {who}? The old one ends at once.", yes)
    _shown(client.call(data, BotNewToken(who)), as_json)


@bot.command(epilog=example("tgserve bot revoke @newsbot --yes"))
@who_argument
@yes_option
@common
def revoke(data: Path, as_json: bool, who: str, yes: bool) -> None:
    """End a bot's token and its sessions; the bot and its chats stay. `bot token` brings it back."""
    sure(f"End the token of {who}?", yes)
    row = client.call(data, BotRevoke(who))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"no token of @{row.username} works any more")


@bot.command(epilog=example("tgserve bot delete @newsbot"))
@who_argument
@yes_option
@common
def delete(data: Path, as_json: bool, who: str, yes: bool) -> None:
    """Delete a bot for good."""
    sure(f"Delete the bot {who} for good?", yes)
    row = client.call(data, BotDelete(who))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"@{row.username} is deleted")


def _shown(made: BotToken, as_json: bool) -> None:
    if as_json:
        return output.result(to_plain(made))
    output.write(made.token)
    output.note(f"token of @{made.bot.username}: keep it, it is not shown again")
