"""Every engine passes the public kit; the log in front of LMDB is torn, damaged and failed on purpose."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from tgserve.errors import StoreError, StoreFull
from tgserve.store.engine import Engine, NeedsRoom, Rows
from tgserve.store.engines import logged, merger
from tgserve.store.engines.lmdb import LmdbEngine, open_lmdb
from tgserve.store.engines.logged import LoggedEngine, open_logged
from tgserve.store.engines.memory import Disks
from tgserve.store.packing import after
from tgserve.testing.engine_suite import EngineSuite, content

MAP = 1 << 28


class TestLogged(EngineSuite):
    def open(self, path: Path) -> Engine:
        return open_logged(path, map_bytes=MAP)


class TestLoggedInSmallBatches(EngineSuite):
    """A batch is always on its way into the environment, by the child."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logged, "BATCH_ROWS", 5)
        monkeypatch.setattr(logged, "FEW_ROWS", 2)

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
            engine.commit(dict(changes))
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
    rows: Rows = {b"\0%05d" % number: b"x" * 900 for number in range(3000)}
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


def _row(number: int) -> Rows:
    return {b"\0\0\1%03d" % number: b"%d" % number}


def _content_of_a_copy(path: Path, to: Path) -> dict[bytes, bytes]:
    """What the next start would find if the server died now."""
    shutil.copytree(path, to)
    (to / "lock.mdb").unlink()
    engine = open_logged(to, map_bytes=MAP)
    try:
        return dict(content(engine))
    finally:
        _crash(engine)


def test_commits_go_on_while_a_batch_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of both memories are read, in order, and a crash at any of these moments loses none of them."""
    monkeypatch.setattr(logged, "BATCH_BYTES", 45)  # four rows, also while a view keeps versions
    go, at_it, done = threading.Event(), threading.Event(), merger.MERGER.merge

    def slow(batch: merger.Batch) -> merger.Outcome:
        at_it.set()
        assert go.wait(10)
        return done(batch)

    monkeypatch.setattr(merger.MERGER, "merge", slow)
    here = tmp_path / "here"
    engine = open_logged(here, map_bytes=MAP)
    expected: dict[bytes, bytes] = {}

    def commit(rows: Rows) -> None:
        engine.commit(rows)
        engine.tidy(idle=False)
        for key, value in rows.items():
            if value is None:
                expected.pop(key, None)
            else:
                expected[key] = value

    for turn in range(4):
        before = engine.snapshot()
        seen = dict(expected)
        for number in range(4):
            commit(_row(turn * 10 + number))
        assert at_it.wait(10) and engine.untidy
        commit({b"\0\0\1%03d" % (turn * 10): None, b"\0\0\1%03d" % (turn * 10 + 1): b"newer"})
        assert content(engine) == sorted(expected.items())
        assert content(engine, reverse=True) == sorted(expected.items())[::-1]
        now = engine.snapshot()
        assert now.get(b"\0\0\1%03d" % (turn * 10)) is None
        assert now.get(b"\0\0\1%03d" % (turn * 10 + 1)) == b"newer"
        assert now.get(b"\0\0\1%03d" % (turn * 10 + 2)) == b"%d" % (turn * 10 + 2)
        now.close()
        assert dict(before.scan(b"", b"\xff" * 8)) == seen
        assert _content_of_a_copy(here, tmp_path / f"under-way-{turn}") == expected
        go.set()
        assert engine._leaving is not None and engine._leaving.thread is not None
        engine._leaving.thread.join()
        assert content(engine) == sorted(expected.items())
        assert _content_of_a_copy(here, tmp_path / f"written-{turn}") == expected
        commit(_row(turn * 10 + 5))
        assert _content_of_a_copy(here, tmp_path / f"arrived-{turn}") == expected
        assert dict(before.scan(b"", b"\xff" * 8)) == seen
        before.close()
        engine.tidy(idle=True)
        go.clear()
        at_it.clear()
    go.set()
    engine.close()
    engine = open_logged(here, map_bytes=MAP)
    assert dict(content(engine)) == expected
    engine.close()


def test_a_batch_whose_child_dies_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged, "BATCH_ROWS", 4)
    engine = open_logged(tmp_path, map_bytes=MAP)
    expected: Rows = {}
    for turn in range(3):
        for number in range(8):
            row = _row(turn * 10 + number)
            engine.commit(row)
            expected |= row
            engine.tidy(idle=False)
            if merger.MERGER._child is not None:
                merger.MERGER._child.kill()
        assert dict(content(engine)) == expected
    _crash(engine)
    engine = open_logged(tmp_path, map_bytes=MAP)
    assert dict(content(engine)) == expected
    engine.close()


def test_no_child_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logged, "BATCH_ROWS", 4)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    engine = open_logged(tmp_path, map_bytes=MAP)
    begun = 0
    for number in range(20):
        engine.commit(_row(number))
        engine.tidy(idle=False)
        begun += engine._leaving is not None  # a quick thread has ended by the next look
    assert begun
    while engine._leaving is not None:
        assert engine._leaving.thread is not None
        engine._leaving.thread.join()
        engine.tidy(idle=False)
    assert dict(content(engine)) == {
        key: value for number in range(20) for key, value in _row(number).items()
    }
    view = engine.base.snapshot()
    assert view.get(next(iter(_row(2)))) == b"2"
    view.close()
    engine.close()


def test_a_batch_that_needs_room_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logged, "BATCH_ROWS", 500)
    engine = open_logged(tmp_path, map_bytes=1 << 20)
    expected = {b"\0%05d" % number: b"x" * 900 for number in range(3000)}
    keys, grown = list(expected), 0

    def tidy() -> None:
        nonlocal grown
        while True:
            try:
                return engine.tidy(idle=False)
            except NeedsRoom:
                grown += 1
                engine.grow()

    for at in range(0, 3000, 100):
        engine.commit({key: expected[key] for key in keys[at : at + 100]})
        tidy()
    while engine._leaving is not None:
        assert engine._leaving.thread is None or engine._leaving.thread.join() is None  # type: ignore[func-returns-value]
        tidy()
    assert grown >= 2 and dict(content(engine)) == expected
    _crash(engine)
    engine = open_logged(tmp_path, map_bytes=1 << 24)
    assert dict(content(engine)) == expected
    engine.close()


def test_a_child_writes_nothing_for_a_server_that_is_gone(tmp_path: Path) -> None:
    _three_commits(tmp_path)
    batch = merger.Batch(str(tmp_path), MAP, "log", 0, 3)
    other = os.getppid() + 1  # a fixed number might be the one: run by the first process of all it is 1
    assert merger.take_in(batch, parent=other).kind == merger.ORPHAN
    engine = open_lmdb(tmp_path, map_bytes=MAP)
    assert content(engine) == []
    engine.close()
    late = open_logged(tmp_path, map_bytes=MAP)  # takes the log in, and raises the epoch
    late.commit({b"\0k1": b"newer"})
    outcome = merger.take_in(batch, parent=os.getppid())
    assert outcome.kind == merger.FAILED and outcome.sound
    assert dict(content(late))[b"\0k1"] == b"newer"
    _crash(late)


def test_a_log_damaged_at_its_start_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records of the next epoch say that there were some of this one."""
    monkeypatch.setattr(logged, "BATCH_ROWS", 4)

    def never(batch: merger.Batch) -> merger.Outcome:
        return merger.Outcome(merger.FULL, "no room")

    monkeypatch.setattr(merger.MERGER, "merge", never)
    engine = open_logged(tmp_path, map_bytes=MAP)
    for number in range(7):
        engine.commit(_row(number))
        with contextlib.suppress(StoreFull):
            engine.tidy(idle=False)
    assert (tmp_path / "log-2").stat().st_size
    _crash(engine)
    whole = bytearray((tmp_path / "log").read_bytes())
    whole[20] ^= 1
    (tmp_path / "log").write_bytes(whole)
    with pytest.raises(StoreError, match="damaged"):
        open_logged(tmp_path, map_bytes=MAP)
    whole[20] ^= 1
    (tmp_path / "log").write_bytes(whole)
    engine = open_logged(tmp_path, map_bytes=MAP)
    assert len(content(engine)) == 7
    engine.close()


def test_both_logs_are_kept_when_the_environment_takes_nothing_at_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged, "BATCH_ROWS", 4)

    def full(*_: object) -> merger.Outcome:
        raise StoreFull("no room")

    expected: Rows = {}
    with monkeypatch.context() as patched:
        patched.setattr(merger.MERGER, "merge", full)
        patched.setattr(LmdbEngine, "commit", full)
        engine = open_logged(tmp_path, map_bytes=MAP)
        for number in range(20):
            if number % 7 == 6:
                _crash(engine)
                engine = open_logged(tmp_path, map_bytes=MAP)
            row = _row(number)
            engine.commit(row)
            expected |= row
            with contextlib.suppress(StoreFull):
                engine.tidy(idle=False)
            assert dict(content(engine)) == expected
    _crash(engine)
    engine = open_logged(tmp_path, map_bytes=MAP)
    assert dict(content(engine)) == expected
    engine.close()
