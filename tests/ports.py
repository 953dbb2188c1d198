"""Ports for servers of tests, below those that the system lends to outgoing connections: nobody takes one between its
choice and its use, nor while its server is down for a moment, and no client that tries again meets itself there."""

from __future__ import annotations

import os
import random
import socket

HOST = "127.0.0.1"
FIRST, LAST = 12_000, 22_000
"""Linux lends from 32,768 on; SeaweedFS takes each port + 10,000 besides."""
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Each worker has ports of its own: a server that was killed and comes back finds its port free."""
_dice = random.SystemRandom()
_given: set[int] = set()


def free_port() -> int:
    """One that this process has not given out before and nobody listens on, nor on it + 10,000."""
    while True:
        port = _dice.randrange(FIRST + WORKER, LAST, WORKERS)
        if port not in _given and _is_free(port) and _is_free(port + 10_000):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
