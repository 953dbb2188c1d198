"""Snapshots for other threads: opened and closed as often as one likes."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tgserve.errors import StoreError
from tgserve.store.engine import OpenEngine
from tgserve.store.engines.lmdb import open_lmdb
from tgserve.store.engines.logged import open_logged


@pytest.mark.parametrize("open_engine", [open_lmdb, open_logged])
def test_a_closed_snapshot_gives_its_place_back(open_engine: OpenEngine, tmp_path: Path) -> None:
    """LMDB has places for 512 readers; garbage collection is rare in a server."""
    engine = open_engine(tmp_path, map_bytes=1 << 24)
    engine.commit({b"\0\1k": b"v"})
    gc.disable()
    try:
        for _ in range(1200):
            snapshot = engine.snapshot()
            assert snapshot.get(b"\0\1k") == b"v" and list(snapshot.scan(b"\0", b"\1"))
            snapshot.close()
    finally:
        gc.enable()
        engine.close()


def test_a_closed_snapshot_says_so(tmp_path: Path) -> None:
    engine = open_logged(tmp_path, map_bytes=1 << 24)
    snapshot = engine.snapshot()
    snapshot.close()
    with pytest.raises(StoreError, match="closed"):
        snapshot.get(b"\0\1k")
    engine.close()
