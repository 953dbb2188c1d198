"""Ports of tests: no worker takes one of another's."""

from __future__ import annotations

import pytest

from tests import ports


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(ports, "WORKERS", workers)
    monkeypatch.setattr(ports, "_given", set())
    given: list[set[int]] = []
    for worker in range(workers):
        monkeypatch.setattr(ports, "WORKER", worker)
        given.append({ports.free_port() for _ in range(50)})
    assert [len(one) for one in given] == [50] * workers
    assert [{(port - ports.FIRST) % workers for port in one} for one in given] == [
        {n} for n in range(workers)
    ]
