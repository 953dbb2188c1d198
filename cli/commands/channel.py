"""channel list | show | members | delete | transfer | add-username | remove-username."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.channels import (
    ChannelAddUsername,
    ChannelDelete,
    ChannelDetails,
    ChannelList,
    ChannelMembers,
    ChannelRemoveUsername,
    ChannelShow,
    ChannelTransfer,
)

from .. import client, output
from ..asking import sure, yes_option
from ..options import common, example
from .transfer import export_channel, import_chat

which_argument = click.argument("which", metavar="ID|@USERNAME")
NEGATIVE_IDS = {"ignore_unknown_options": True}
"""Ids may stand as bots know them: -1001234567890."""


@click.group()
def channel() -> None:
    """Channels, supergroups and basic groups: list, show, members, usernames, delete, transfer, export, import."""


channel.add_command(export_channel)
channel.add_command(import_chat)


@channel.command("list", epilog=example("tgserve channel list --search choir"))
@click.option("--search", default="", metavar="TEXT", help="Part of a title, username or id.")
@click.option("--kind", type=click.Choice(["channel", "supergroup", "group"]), help="`group`: a basic one.")
@click.option("--deleted", is_flag=True, help="Deleted ones too.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--offset", default=0, type=click.IntRange(0), metavar="N", help="Pass over the first N.")
@common
def list_channels(
    data: Path, as_json: bool, search: str, kind: str | None, deleted: bool, limit: int, offset: int
) -> None:
    """List channels and groups, newest first."""
    page = client.call(data, ChannelList(search, kind or "", limit, offset, deleted))
    if as_json:
        return output.result(to_plain(page))
    output.table(
        ("ID", "KIND", "TITLE", "USERNAME", "MEMBERS", "MESSAGES", "OWNER", "CREATED", "STATE"),
        [
            (
                row.id,
                row.kind,
                row.title,
                row.username and f"@{row.username}",
                row.members,
                "-" if row.kind == "group" else row.messages,
                row.owner,
                output.when(row.created),
                row.state,
            )
            for row in page.channels
        ],
    )
    if page.total > len(page.channels):
        output.note(f"{len(page.channels)} of {page.total}: --limit and --offset show more")


@channel.command(epilog=example("tgserve channel show @choir"), context_settings=NEGATIVE_IDS)
@which_argument
@common
def show(data: Path, as_json: bool, which: str) -> None:
    """Show one channel or group."""
    details = client.call(data, ChannelShow(which))
    if as_json:
        return output.result(to_plain(details))
    _fields(details)


@channel.command(epilog=example("tgserve channel members @choir --limit 20"), context_settings=NEGATIVE_IDS)
@which_argument
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--offset", default=0, type=click.IntRange(0), metavar="N", help="Pass over the first N.")
@common
def members(data: Path, as_json: bool, which: str, limit: int, offset: int) -> None:
    """List the members: owner and admins first, then the last to come."""
    page = client.call(data, ChannelMembers(which, limit, offset))
    if as_json:
        return output.result(to_plain(page))
    output.table(
        ("ID", "NAME", "USERNAME", "ROLE", "SINCE", "TITLE"),
        [
            (
                row.id,
                row.name,
                row.username and f"@{row.username}",
                row.role,
                output.when(row.since),
                row.rank,
            )
            for row in page.members
        ],
    )
    if page.total > len(page.members):
        output.note(f"{len(page.members)} of {page.total}: --limit and --offset show more")


@channel.command(epilog=example("tgserve channel delete @choir"), context_settings=NEGATIVE_IDS)
@which_argument
@yes_option
@common
def delete(data: Path, as_json: bool, which: str, yes: bool) -> None:
    """End a channel or group for everybody, with all its messages: for good."""
    sure(f"Delete {which} for all its members, for good?", yes)
    row = client.call(data, ChannelDelete(which))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"{row.kind} {row.id} ({row.title}) is deleted")


@channel.command(
    "add-username",
    epilog=example("tgserve channel add-username @choir singers"),
    context_settings=NEGATIVE_IDS,
)
@which_argument
@click.argument("username", metavar="USERNAME")
@common
def add_username(data: Path, as_json: bool, which: str, username: str) -> None:
    """Give a channel or supergroup one more username.

    Its owner may hide it, and puts it in order with the one that he edits himself.
    """
    details = client.call(data, ChannelAddUsername(which, username))
    if as_json:
        return output.result(to_plain(details))
    _fields(details)


@channel.command(
    "remove-username",
    epilog=example("tgserve channel remove-username @choir singers"),
    context_settings=NEGATIVE_IDS,
)
@which_argument
@click.argument("username", metavar="USERNAME")
@common
def remove_username(data: Path, as_json: bool, which: str, username: str) -> None:
    """Take a username away from a channel or supergroup."""
    details = client.call(data, ChannelRemoveUsername(which, username))
    if as_json:
        return output.result(to_plain(details))
    _fields(details)


@channel.command(epilog=example("tgserve channel transfer @choir @ann"), context_settings=NEGATIVE_IDS)
@which_argument
@click.argument("who", metavar="ID|@USERNAME|PHONE")
@yes_option
@common
def transfer(data: Path, as_json: bool, which: str, who: str, yes: bool) -> None:
    """Make a member the owner. Who was it stays as an admin, if he is still there."""
    sure(f"Make {who} the owner of {which}?", yes)
    details = client.call(data, ChannelTransfer(which, who))
    if as_json:
        return output.result(to_plain(details))
    output.write(f"{details.channel.title} belongs to {details.owner_name} ({details.channel.owner})")


def _fields(details: ChannelDetails) -> None:
    row = details.channel
    output.fields(
        [
            ("id", row.id),
            ("kind", f"{row.kind}, forum" if details.forum else row.kind),
            ("title", row.title),
            ("username", " ".join(f"@{name}" for name in details.usernames)),
            ("about", details.about),
            ("state", row.state),
            ("created", output.when(row.created)),
            ("owner", f"{details.owner_name} ({row.owner})"),
            ("members", row.members),
            ("admins", details.admins),
            ("removed", details.kicked),
            ("restricted", details.restricted),
            ("requests to join", details.pending),
            ("messages", "-" if row.kind == "group" else row.messages),
            ("slow mode", output.duration(details.slow_mode_seconds) if details.slow_mode_seconds else "off"),
            ("messages live", output.duration(details.ttl_seconds) if details.ttl_seconds else "for ever"),
            ("protected", "yes" if details.noforwards else "no"),
            ("linked with", details.linked or "-"),
        ]
    )
