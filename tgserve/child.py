"""Processes of our own that do one kind of work for the daemon: asked on stdin, answering on stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def start_child(module: str) -> subprocess.Popen[bytes]:
    """`python -m module` with the modules this process has, and nothing else of its surroundings: no environment, no
    working directory of the user's, no descriptors. Ctrl-C is the server's business, not the child's."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(str(Path(one).resolve()) for one in sys.path)},
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )
