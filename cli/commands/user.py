"""user list | show | create | edit | code | mailcode | ban | unban | delete | reset-2fa | limits."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema import to_plain
from tgserve.admin.schema.users import (
    LoginCode,
    UserBan,
    UserCode,
    UserCreate,
    UserDelete,
    UserEdit,
    UserLimits,
    UserList,
    UserMailCode,
    UserReset2fa,
    UserRow,
    UserShow,
    UserUnban,
)

from .. import client, output
from ..asking import sure, yes_option
from ..options import common, example
from .invite import invite, invites, uninvite
from .transfer import export_user

who_argument = click.argument("who", metavar="ID|@USERNAME|PHONE")


@click.group()
def user() -> None:
    """Accounts: list, show, create, edit, code, mailcode, invite, invites, uninvite, ban, unban,
    delete, reset-2fa, limits, export.

    An account is named by its id, @username or phone number.
    """


for one in (export_user, invite, invites, uninvite):
    user.add_command(one)


@user.command("list", epilog=example("tgserve user list --search ann"))
@click.option("--search", default="", metavar="TEXT", help="Part of a name, username or phone number.")
@click.option("--state", type=click.Choice(["active", "banned", "deleted", "bot"]))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--offset", default=0, type=click.IntRange(0), metavar="N", help="Pass over the first N.")
@common
def list_users(data: Path, as_json: bool, search: str, state: str | None, limit: int, offset: int) -> None:
    """List accounts, newest first."""
    page = client.call(data, UserList(search, limit, offset, state or ""))
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
        output.note(f"{len(page.users)} of {page.total}: --limit and --offset show more")


@user.command(epilog=example("tgserve user show @ann"))
@who_argument
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
            ("state", ", ".join([row.state, *row.marks])),
            ("two-step verification", "on" if details.password else "off"),
            ("created", output.when(row.created)),
            ("last online", output.when(row.last_online)),
            ("contacts", details.contacts),
            ("chats", details.dialogs),
            ("groups", details.groups),
            ("channels", details.channels),
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
@who_argument
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


@user.command(epilog=example("tgserve user edit @ann --last-name Lee --about 'Away until May' --verified"))
@who_argument
@click.option("--first-name", metavar="TEXT")
@click.option("--last-name", metavar="TEXT", help="Empty for none.")
@click.option("--username", metavar="NAME", help="Empty for none.")
@click.option("--about", metavar="TEXT", help="Empty for none.")
@click.option("--phone", metavar="PHONE", help="Its number from now on: login codes go there.")
@click.option("--verified/--not-verified", default=None, help="The mark of what is what it says.")
@click.option("--scam/--not-scam", default=None, help="Clients warn of it.")
@click.option("--fake/--not-fake", default=None, help="Clients warn that it passes for another.")
@common
def edit(data: Path, as_json: bool, who: str, **changes: str | bool | None) -> None:
    """Change an account. Its devices and those who know it see it at once."""
    if all(value is None for value in changes.values()):
        raise click.UsageError("nothing to change: give at least one option")
    row = client.call(data, UserEdit(who, **changes))  # type: ignore[arg-type]
    _told(row, as_json, f"account {row.id}: {_name(row)}, +{row.phone}{_at(row)}")


@user.command(epilog=example("tgserve user ban @spammer --yes"))
@who_argument
@yes_option
@common
def ban(data: Path, as_json: bool, who: str, yes: bool) -> None:
    """Sign an account out everywhere and let nobody in any more; its number gets no codes.

    A number without an account, written with its +, is kept out too. Messages stay.
    """
    sure(f"Ban {who}?", yes)
    done = client.call(data, UserBan(who))
    if as_json:
        return output.result(to_plain(done))
    output.write(f"{done.who} is banned, {done.sessions} sessions ended")


@user.command(epilog=example("tgserve user unban @ann"))
@who_argument
@common
def unban(data: Path, as_json: bool, who: str) -> None:
    """Take a ban back: the account may sign in again."""
    done = client.call(data, UserUnban(who))
    if as_json:
        return output.result(to_plain(done))
    output.write(f"{done.who} is no longer banned")


@user.command(epilog=example("tgserve user delete +999661234"))
@who_argument
@yes_option
@common
def delete(data: Path, as_json: bool, who: str, yes: bool) -> None:
    """Delete an account, as its owner could: for good. What others have of its messages stays theirs."""
    sure(f"Delete the account {who} for good?", yes)
    row = client.call(data, UserDelete(who))
    _told(row, as_json, f"account {row.id} ({_name(row)}) is deleted")


@user.command("reset-2fa", epilog=example("tgserve user reset-2fa @ann"))
@who_argument
@yes_option
@common
def reset_2fa(data: Path, as_json: bool, who: str, yes: bool) -> None:
    """Remove the password of two-step verification that somebody has forgotten. He is told in his chat with 777000."""
    sure(f"Remove the password of {who}? A login code is enough then.", yes)
    row = client.call(data, UserReset2fa(who))
    _told(row, as_json, f"account {row.id} has no password any more, and is told so")


@user.command(epilog=example("tgserve user limits +999661234 --lift"))
@who_argument
@click.option("--lift", is_flag=True, help="Forget what was counted: no waiting any more.")
@common
def limits(data: Path, as_json: bool, who: str, lift: bool) -> None:
    """Show what flood limits count of an account, and which are full."""
    report = client.call(data, UserLimits(who, lift))
    if as_json:
        return output.result(to_plain(report))
    output.table(
        ("LIMIT", "COUNT", "MOST", "ENDS IN", "STATE"),
        [
            (row.what, row.count, row.most, output.duration(row.seconds), "waiting" if row.waiting else "")
            for row in report.limits
        ],
    )
    if lift:
        output.note(f"lifted: {report.lifted} were full")


def _told(row: UserRow, as_json: bool, text: str) -> None:
    if as_json:
        return output.result(to_plain(row))
    output.write(text)


def _name(row: UserRow) -> str:
    return f"{row.first_name} {row.last_name}".strip()


def _at(row: UserRow) -> str:
    return f", @{row.username}" if row.username else ""
