"""Every engine passes the public kit; the log in front of LMDB is torn, damaged and failed on purpose."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tgserve.errors import StoreError, StoreFull
from tgserve.store.engine import Engine, NeedsRoom
from tgserve.store.engines import logged
from tgserve.store.engines.lmdb import open_lmdb
from tgserve.store.engines.logged import LoggedEngine, open_logged
from tgserve.store.engines.memory import Disks
from tgserve.store.packing import after
from tgserve.testing.engine_suite import EngineSuite, content

MAP = 1 << 28


class TestLogged(EngineSuite):
    def open(self, path: Path) -> Engine:
        return open_logged(path, map_bytes=MAP)


class TestPlain(EngineSuite):
    def open(self, path: Path) -> Engine:
        return open_lmdb(path, map_bytes=MAP)


class TestMemory(EngineSuite):
    disks = Disks()

    def open(self, path: Path) -> Engine:
        return self.disks.open(path, map_bytes=MAP)


def _crash(engine: LoggedEngine) -> None:
    """Let go of the files without the tidying of a close."""
    engine.close_files()


def _three_commits(path: Path) -> int:
    """Bytes of the log."""
    engine = open_logged(path, map_bytes=MAP)
    for number in range(3):
        engine.commit({b"\0k%d" % number: b"v" * 40})
    _crash(engine)
    return (path / "log").stat().st_size


def test_every_cut_of_the_last_record_loses_only_that_record(tmp_path: Path) -> None:
    size = _three_commits(tmp_path)
    record = size // 3
    whole = (tmp_path / "log").read_bytes()
    for cut in range(1, record):
        (tmp_path / "log").write_bytes(whole[:-cut])
        engine = open_logged(tmp_path, map_bytes=MAP)
        assert [key for key, _ in content(engine)] == [b"\0k0", b"\0k1"], cut
        _crash(engine)


def test_a_damaged_record_before_valid_ones_is_not_passed_over(tmp_path: Path) -> None:
    size = _three_commits(tmp_path)
    whole = bytearray((tmp_path / "log").read_bytes())
    whole[size // 3 + 20] ^= 1
    (tmp_path / "log").write_bytes(whole)
    with pytest.raises(StoreError, match="damaged"):
        open_logged(tmp_path, map_bytes=MAP)


def test_records_of_a_batch_the_environment_has_are_void(tmp_path: Path) -> None:
    """A crash right after the batch's commit: the log's bytes are still there and must not go over newer rows."""
    _three_commits(tmp_path)
    old = (tmp_path / "log").read_bytes()
    engine = open_logged(tmp_path, map_bytes=MAP)
    engine.tidy(idle=True)
    engine.commit({b"\0k0": b"newer"})
    engine.tidy(idle=True)
    _crash(engine)
    (tmp_path / "log").write_bytes(old)
    engine = open_logged(tmp_path, map_bytes=MAP)
    assert dict(content(engine))[b"\0k0"] == b"newer"
    _crash(engine)


def test_a_crash_after_any_commit_keeps_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logged, "BATCH_ROWS", 7)
    expected: dict[bytes, bytes] = {}
    for number in range(40):
        engine = open_logged(tmp_path, map_bytes=MAP)
        assert dict(content(engine)) == expected
        for step in range(number % 4 + 1):
            changes = {b"\0%03d" % ((number * 7 + step) % 23): b"%d.%d" % (number, step)}
            engine.commit(changes)
            engine.tidy(idle=False)
            expected.update(changes)
        _crash(engine)


def test_a_failed_flush_keeps_nothing_and_the_next_commit_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_logged(tmp_path, map_bytes=MAP)
    engine.commit({b"\0a": b"1"})

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", refuse)
        with pytest.raises(StoreFull):
            engine.commit({b"\0a": b"lost", b"\0b": b"lost"})
    assert content(engine) == [(b"\0a", b"1")]
    _crash(engine)
    engine = open_logged(tmp_path, map_bytes=MAP)
    assert content(engine) == [(b"\0a", b"1")]
    engine.commit({b"\0b": b"2"})
    _crash(engine)
    engine = open_logged(tmp_path, map_bytes=MAP)
    assert content(engine) == [(b"\0a", b"1"), (b"\0b", b"2")]
    _crash(engine)


def test_a_full_map_asks_for_room_and_grows(tmp_path: Path) -> None:
    engine = open_lmdb(tmp_path, map_bytes=1 << 20)
    rows = {b"\0%05d" % number: b"x" * 900 for number in range(3000)}
    grown = 0
    while True:
        try:
            engine.commit(rows)
            break
        except NeedsRoom:
            engine.grow()
            grown += 1
    assert grown >= 2
    assert len(content(engine)) == 3000
    engine.close()


def test_ranges_of_any_width_see_the_waiting_rows(tmp_path: Path) -> None:
    """A whole slot, one of its tables, one owner in it, a part of that: each from what is not in the environment yet."""
    engine = open_logged(tmp_path, map_bytes=MAP)
    keys = [
        bytes((0, slot, tag)) + owner.to_bytes(8, "big") + bytes((number,))
        for slot in range(2)
        for tag in range(2)
        for owner in range(3)
        for number in range(3)
    ]
    engine.commit({key: b"" for key in keys[::2]})
    engine.commit({key: b"" for key in keys[1::2]} | {keys[0]: None})
    for size in (1, 2, 3, 7, 11, 12):
        for key in keys:
            lo, hi = key[:size], after(key[:size])
            assert [row[0] for row in content(engine, lo, hi)] == [k for k in keys[1:] if lo <= k < hi]
    _crash(engine)
