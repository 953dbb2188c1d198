"""Two real daemons that are one server: DC 2, which was there first, and DC 4."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.journeys.daemon import Daemon
from tests.ports import free_port
from tests.waiting import until_now


def settings(dc: int, extra: str = "", node: str = "") -> str:
    return f'dc_id = {dc}\n{extra}\n[node]\nlink = "127.0.0.1:{free_port()}"\n{node}\n'


def rows(daemon: Daemon) -> dict[int, Any]:
    """node list --json by DC; a node that is away makes it end with 1, which is no failure here."""
    return {row["dc"]: row for row in json.loads(_list(daemon))["nodes"]}


def _list(daemon: Daemon) -> str:
    import subprocess

    from tests.journeys.daemon import ROOT

    done = subprocess.run(daemon.command("node", "list", "--json"), cwd=ROOT, capture_output=True, text=True)
    return done.stdout


def connected(*daemons: Daemon) -> None:
    """Wait until each sees all others."""
    until_now(lambda: all(row["state"] != "away" for daemon in daemons for row in rows(daemon).values()))


@contextmanager
def pair(folder: Path, *, first: str = "", second: str = "") -> Iterator[tuple[Daemon, Daemon]]:
    """DC 2 and DC 4, joined as their operator would; `first` and `second`: more settings under [node]."""
    two = Daemon(folder / "two", config=settings(2, node=first))
    four = Daemon(folder / "four", config=settings(4, node=second))
    try:
        two.start()
        four.start()
        token = two.run("node", "invite").strip()
        four.run("node", "add", token, "--yes")
        connected(two, four)
        yield two, four
    finally:
        two.end()
        four.end()
