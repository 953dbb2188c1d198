"""user export, channel export, channel import: in a module of their own, since they wait for jobs."""

from __future__ import annotations

from pathlib import Path

import click

from tgserve.admin.schema.exports import ChannelExport, ChannelImport, UserExport

from .. import client, progress
from ..options import common, example

folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
media_option = click.option("--no-media", is_flag=True, help="Leave files out.")
wait_option = click.option("--no-wait", is_flag=True, help="Begin, and do not wait for the end.")


@click.command("export", epilog=example("tgserve user export @ann /srv/ann-2026"))
@click.argument("who", metavar="ID|@USERNAME|PHONE")
@folder_argument
@media_option
@wait_option
@common
def export_user(data: Path, as_json: bool, who: str, folder: Path, no_media: bool, no_wait: bool) -> int:
    """Write all of an account into the empty folder DIR, as Telegram Desktop's JSON export does.

    Contacts, sessions, profile pictures, every chat with all its messages and files. The server writes it, as its own
    user.
    """
    job = client.call(data, UserExport(who, str(folder.absolute()), not no_media))
    return progress.finish(data, job, as_json, wait=not no_wait)


@click.command(
    "export",
    epilog=example("tgserve channel export @choir /srv/choir-2026"),
    context_settings={"ignore_unknown_options": True},
)
@click.argument("which", metavar="ID|@USERNAME")
@folder_argument
@media_option
@wait_option
@common
def export_channel(data: Path, as_json: bool, which: str, folder: Path, no_media: bool, no_wait: bool) -> int:
    """Write a channel or group into the empty folder DIR, as Telegram Desktop's JSON export of one chat does."""
    job = client.call(data, ChannelExport(which, str(folder.absolute()), not no_media))
    return progress.finish(data, job, as_json, wait=not no_wait)


@click.command("import", epilog=example("tgserve channel import ~/ChatExport_2026-11-23 --into @choir"))
@folder_argument
@click.option(
    "--into", required=True, metavar="ID|@USERNAME|PHONE", help="A channel or group, or a person with --as."
)
@click.option("--as", "who", default="", metavar="ID|@USERNAME|PHONE", help="Who sends them; else the owner.")
@click.option("--chat", default="", metavar="NAME|ID", help="Which chat, of an export that has several.")
@wait_option
@common
def import_chat(
    data: Path, as_json: bool, folder: Path, into: str, who: str, chat: str, no_wait: bool
) -> int:
    """Put the messages of a Telegram Desktop export (JSON) into a chat, under their writers' names and dates.

    The export is checked as a whole before anything is done. Repeated, it adds what is missing.
    """
    job = client.call(data, ChannelImport(str(folder.absolute()), into, who, chat))
    return progress.finish(data, job, as_json, wait=not no_wait)
