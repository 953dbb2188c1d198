"""completion bash | zsh | fish."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from .. import output
from ..options import example

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
VARIABLE = "_TGSERVE_COMPLETE"
"""click answers a shell that sets it, before any command runs."""


@click.command(epilog=example("tgserve completion bash > /etc/bash_completion.d/tgserve"))
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, options and their values.

    bash: source it from ~/.bashrc, or keep it in /etc/bash_completion.d/. zsh: as _tgserve in a folder of $fpath.
    fish: as ~/.config/fish/completions/tgserve.fish.
    """
    output.write(script(shell))


def script(shell: str) -> str:
    """The template itself: click would start the shell to ask for its version."""
    kind = SHELLS[shell]
    made = kind(click.Command("tgserve"), {}, "tgserve", VARIABLE)
    return (kind.source_template % made.source_vars()).strip()
