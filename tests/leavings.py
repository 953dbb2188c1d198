"""What a test may not leave behind. Which tests ran before in the same process differs from run to run: a worker takes the
next file when it is free."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGPIPE)


def state() -> dict[str, object]:
    """Of the process: whatever one test could change for the next, as far as it is quickly asked."""
    return {
        **{f"${name}": value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "the current directory": Path.cwd(),
        "signal handlers": [signal.getsignal(number) for number in SIGNALS],
        "what gc does": (gc.isenabled(), gc.get_threshold()),
        "the switch interval": sys.getswitchinterval(),
        "the depth of recursion": sys.getrecursionlimit(),
        "sys.path": list(sys.path),
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook),
        "the time limit of sockets": socket.getdefaulttimeout(),
        "what logging leaves out": logging.root.manager.disable,
    }


def difference(before: dict[str, object], after: dict[str, object]) -> list[str]:
    return [
        f"{name} was {before.get(name)!r} and is {after.get(name)!r}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Logging is put back, as every command sets it up when it is run in this process; of the rest nothing may differ."""
    root, ours = logging.getLogger(), logging.getLogger("tgserve")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    before = state()
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    assert not difference(before, state()), "left behind: " + "; ".join(difference(before, state()))


@pytest.fixture(autouse=True, scope="module")
def no_garbage() -> Iterator[None]:
    """What a file leaves unclosed is found while its last test ends, and not under the name of some later one. What is
    left then stays and is not looked at again: each time costs 5 ms."""
    yield
    gc.collect()
    gc.freeze()
