"""user list | show | code | mailcode | create."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.users import LoginCode, UserCode, UserCreate, UserList, UserMailCode, UserShow

from .. import client, output
from ..options import common, example


@click.group()
def user() -> None:
    """Accounts: list, show, code, mailcode, create."""


@user.command("list", epilog=example("tgserve user list --search ann"))
@click.option("--search", default="", metavar="TEXT", help="Part of a name, username or phone number.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@common
def list_users(data: Path, as_json: bool, search: str, limit: int) -> None:
    """List accounts, newest first."""
    page = client.call(data, UserList(search, limit))
    if as_json:
        return output.result(to_plain(page))
    output.table(
        ("ID", "PHONE", "NAME", "USERNAME", "LAST ONLINE", "STATE"),
        [
            (
                row.id,
                row.phone,
                f"{row.first_name} {row.last_name}".strip(),
                row.username and f"@{row.username}",
                output.when(row.last_online),
                row.state,
            )
            for row in page.users
        ],
    )
    if page.total > len(page.users):
        output.note(f"{len(page.users)} of {page.total}: --limit shows more")


@user.command(epilog=example("tgserve user show @ann"))
@click.argument("who", metavar="ID|@USERNAME|PHONE")
@common
def show(data: Path, as_json: bool, who: str) -> None:
    """Show one account and its devices."""
    details = client.call(data, UserShow(who))
    if as_json:
        return output.result(to_plain(details))
    row = details.user
    output.fields(
        [
            ("id", row.id),
            ("phone", row.phone),
            ("name", f"{row.first_name} {row.last_name}".strip()),
            ("username", row.username and f"@{row.username}"),
            ("about", details.about),
            ("state", row.state),
            ("created", output.when(row.created)),
            ("last online", output.when(row.last_online)),
            ("contacts", details.contacts),
            ("chats", details.dialogs),
            ("messages", details.messages),
        ]
    )
    if details.sessions:
        output.write("")
        output.table(
            ("DEVICE", "APP", "ADDRESS", "SINCE", "ACTIVE", "KEY"),
            [
                (
                    one.device,
                    one.app,
                    one.ip,
                    output.when(one.created),
                    output.when(one.active),
                    one.auth_key_id,
                )
                for one in details.sessions
            ],
        )


@user.command(epilog=example("tgserve user code +999661234"))
@click.argument("phone")
@common
def code(data: Path, as_json: bool, phone: str) -> None:
    """Print the login code that was last asked for with PHONE."""
    try:
        found = client.call(data, UserCode(phone))
    except client.NotRunning:
        found = _offline(data, phone)
    if as_json:
        return output.result(to_plain(found))
    output.write(found.code)
    output.note(f"for +{found.phone}, good for {output.duration(found.expires_seconds)}")


@user.command(epilog=example("tgserve user mailcode @ann"))
@click.argument("who", metavar="ID|@USERNAME|PHONE")
@common
def mailcode(data: Path, as_json: bool, who: str) -> None:
    """Print the e-mail code (two-step verification) that WHO has asked for."""
    found = client.call(data, UserMailCode(who))
    if as_json:
        return output.result(to_plain(found))
    output.write(found.code)
    output.note(f"for +{found.phone}, good for {output.duration(found.expires_seconds)}")


def _offline(data: Path, phone: str) -> LoginCode:
    from tgserve.admin import offline

    try:
        return offline.user_code(data, phone)
    except offline.Refusal as error:
        raise output.Refused(str(error)) from None


@user.command(epilog=example("tgserve user create +999661234 Ann --username ann"))
@click.argument("phone")
@click.argument("first_name")
@click.argument("last_name", default="")
@click.option("--username", default="", metavar="NAME")
@common
def create(data: Path, as_json: bool, phone: str, first_name: str, last_name: str, username: str) -> None:
    """Make an account before its owner's first login."""
    row = client.call(data, UserCreate(phone, first_name, last_name, username.removeprefix("@")))
    if as_json:
        return output.result(to_plain(row))
    output.write(f"account {row.id} for +{row.phone}")
