"""The command table. A command's module is imported when it is called: start-up is most of what a command costs."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from tgserve import __version__

from .output import fail

# name -> (module of cli.commands, what it does); a group's own table is in its module
COMMANDS: dict[str, tuple[str, str]] = {
    "start": ("start", "Run the server (makes keys, settings and store at the first start)."),
    "init": ("init", "Make the data directory without serving."),
    "dev": ("dev", "Run a throw-away server with a fixed login code."),
    "stop": ("daemon", "Stop the running server."),
    "status": ("daemon", "Show how the running server is."),
    "job": ("job", "Long work of the running server: list, show, cancel."),
    "top": ("top", "Watch the running server: rates, latency, shards, disks."),
    "log": ("log", "The running server's log: tail."),
    "doctor": ("doctor", "Examine machine, settings, certificate, disks and the way in."),
    "check": ("check", "Verify every invariant of the store."),
    "search": ("search", "The search index: status, rebuild."),
    "shard": ("shard", "Shards of the store: list, stats, add, move, drain, remove, verify, compact."),
    "disk": ("disk", "Disks for files: list, status, add, drain, remove, scrub, repair."),
    "push": ("push", "Pushes to devices: list, adapters, add, set, test, stats, remove."),
    "sms": ("sms", "Providers of login codes: list, adapters, add, set, test, remove."),
    "backup": ("backup", "Backups: create, list, verify, restore, prune, key."),
    "user": (
        "user",
        "Accounts: list, show, create, edit, code, invite, ban, delete, reset-2fa, limits, export.",
    ),
    "channel": ("channel", "Channels and groups: list, show, members, delete, transfer, export, import."),
    "bot": ("bot", "Bots: list, show, create, token, revoke, delete."),
    "session": ("session", "Signed-in devices: list, terminate."),
    "node": ("node", "Several nodes as one server: list, show, invite, add, drain."),
    "key": ("key", "The server's public key."),
    "client": ("client", "Point clients at this server."),
    "web": ("web", "A web client of your own build: check."),
    "config": ("config", "Settings: show, check."),
    "methods": ("methods", "What of the protocol is served."),
    "completion": ("completion", "Completion for bash, zsh or fish."),
}


class Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"{__package__}.commands.{COMMANDS[name][0]}")
        found: click.Command = getattr(module, name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table: --help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """From the table, too."""
        found = [
            click.shell_completion.CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean `{near[0]}`?", ctx) from None
            raise


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tgserve")
def tgserve() -> None:
    """A self-hosted Telegram server. `tgserve start` runs it; every command takes --help.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """


def run(arguments: list[str] | None = None) -> int:
    """Run a command line; the exit code. What the commands refuse is shown by `output.fail`."""
    from .output import Refused

    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    try:
        result: Any = tgserve.main(args=given, prog_name="tgserve", standalone_mode=False)
    except Refused as error:
        return fail("refused", str(error), as_json)
    except click.UsageError as error:
        if error.ctx is not None and not as_json:
            click.echo(error.ctx.get_usage(), err=True)
        return fail("usage", error.format_message(), as_json)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return fail("refused", "interrupted", as_json)
    except BrokenPipeError:
        # The reader of our output has gone (`tgserve user list | head`): nobody is left to be told.
        sys.stderr.close()
        return 1
    return result if isinstance(result, int) else 0
