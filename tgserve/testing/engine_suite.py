"""Conformance kit of a storage engine, for ours and for third parties: subclass and say how to open one.

    class TestMine(EngineSuite):
        def open(self, path): return open_mine(path, map_bytes=1 << 30)

`durable = False` when nothing survives a close. The suite needs pytest and hypothesis.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tgserve.store.engine import Engine, Row

OPEN_END = b"\xff" * 8

_keys = st.binary(min_size=1, max_size=14).map(lambda raw: b"\0\1" + raw)
_values = st.binary(max_size=60)
_changes = st.dictionaries(_keys, st.none() | _values, max_size=12)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), _changes),
        st.tuples(st.just("tidy"), st.booleans()),
        st.tuples(st.just("snapshot"), st.none()),
        st.tuples(st.just("reopen"), st.none()),
    ),
    max_size=25,
)


def content(engine: Engine, lo: bytes = b"", hi: bytes = OPEN_END, reverse: bool = False) -> list[Row]:
    """Everything in [lo, hi) of the newest commit."""
    snapshot = engine.snapshot()
    try:
        return list(snapshot.scan(lo, hi, reverse))
    finally:
        snapshot.close()


class EngineSuite:
    durable = True

    def open(self, path: Path) -> Engine:
        """Open or create the environment at `path`."""
        raise NotImplementedError

    @pytest.fixture
    def engine(self, tmp_path: Path) -> Engine:
        return self.open(tmp_path / "env")

    def test_what_was_committed_is_there_and_nothing_else(self, engine: Engine) -> None:
        engine.commit({b"\0a": b"1", b"\0b": b""})
        snapshot = engine.snapshot()
        assert snapshot.get(b"\0a") == b"1"
        assert snapshot.get(b"\0b") == b""
        assert snapshot.get(b"\0c") is None
        snapshot.close()
        engine.close()

    def test_bulk_rows_beside_commits(self, tmp_path: Path) -> None:
        """Another thread writes rows that no commit is about; a snapshot made afterwards sees both, and so does the
        next open."""
        engine = self.open(tmp_path / "env")
        bulk = {b"\1%05d" % n: b"moved" for n in range(3000)}

        def move() -> None:
            for key, value in list(bulk.items())[:40]:
                engine.bulk({key: value})

        thread = threading.Thread(target=move)
        thread.start()
        for n in range(40):
            engine.commit({b"\0%03d" % n: b"own"})
        thread.join()
        engine.bulk(dict(bulk))
        engine.bulk({key: None for key in list(bulk)[::2]})
        engine.commit({b"\0more": b"own"})
        wanted = [(b"\0%03d" % n, b"own") for n in range(40)] + [(b"\0more", b"own")]
        wanted += sorted(bulk.items())[1::2]
        assert content(engine) == wanted
        assert 0 < engine.used() <= engine.size() and engine.rows() > 0
        engine.tidy(True)
        assert content(engine) == wanted
        engine.close()
        if self.durable:
            engine = self.open(tmp_path / "env")
            assert content(engine) == wanted
            engine.close()

    def test_deletions_and_overwrites(self, engine: Engine) -> None:
        engine.commit({b"\0a": b"1", b"\0b": b"2"})
        engine.commit({b"\0a": None, b"\0b": b"3", b"\0never": None})
        assert content(engine) == [(b"\0b", b"3")]
        engine.close()

    def test_ranges_run_in_key_order_both_ways(self, engine: Engine) -> None:
        keys = [bytes((0, 1, 2, n)) for n in (5, 1, 9, 3, 7)]
        engine.commit({key: key for key in keys})
        lo, hi = bytes((0, 1, 2, 3)), bytes((0, 1, 2, 9))
        inside = [bytes((0, 1, 2, n)) for n in (3, 5, 7)]
        assert [key for key, _ in content(engine, lo, hi)] == inside
        assert [key for key, _ in content(engine, lo, hi, reverse=True)] == inside[::-1]
        assert [key for key, _ in content(engine, reverse=True)] == sorted(keys)[::-1]
        engine.close()

    def test_a_snapshot_stays_where_it_was_taken(self, engine: Engine) -> None:
        engine.commit({b"\0a": b"old", b"\0gone": b"x"})
        before = engine.snapshot()
        assert before.get(b"\0a") == b"old"
        for number in range(3):
            engine.commit({b"\0a": b"new%d" % number, b"\0gone": None, b"\0more": b"y"})
            assert before.get(b"\0a") == b"old"
            assert [key for key, _ in before.scan(b"", OPEN_END)] == [b"\0a", b"\0gone"]
        before.renew()
        assert before.get(b"\0a") == b"new2"
        assert before.get(b"\0gone") is None
        before.reset()
        engine.commit({b"\0a": b"last"})
        before.renew()
        assert before.get(b"\0a") == b"last"
        before.close()
        engine.close()

    def test_a_view_that_stays_is_what_it_was(self, engine: Engine) -> None:
        """Whatever is committed after it, in whatever state the engine was when it was taken."""
        before = {b"\0\0\1" + bytes((n,)): bytes((n,)) for n in range(100)}
        older = engine.snapshot()
        engine.commit({**before})
        engine.commit({b"\0\0\1\5": None, b"\0\0\1\6": b"other"})
        view = engine.snapshot()
        wanted = sorted((k, b"other" if k[-1] == 6 else v) for k, v in before.items() if k[-1] != 5)
        view.stay()
        assert list(older.scan(b"", b"\xff")) == []
        older.close()
        for n in range(20):
            engine.commit({b"\0\0\1" + bytes((n, 1)): b"new", b"\0\0\1" + bytes((n + 50,)): None})
            engine.tidy(n == 10)
            assert list(view.scan(b"", b"\xff")) == wanted
            assert list(view.scan(b"\0\0\1\4", b"\0\0\1\7", reverse=True)) == [wanted[5], wanted[4]]
            assert view.get(b"\0\0\1\6") == b"other" and view.get(b"\0\0\1\5") is None
        view.renew()
        assert view.get(b"\0\0\1\0\1") == b"new" and len(list(view.scan(b"", b"\xff"))) == 20 + 99 - 20
        view.close()

    def test_large_values_and_large_commits(self, engine: Engine) -> None:
        large = bytes(range(256)) * 390
        engine.commit({b"\0" + bytes((n,)): large for n in range(60)})
        engine.commit({b"\0z": b"small"})
        assert content(engine)[-1] == (b"\0z", b"small")
        assert content(engine)[59][1] == large
        assert engine.size() > 0
        engine.close()

    def test_reopening_finds_what_was_committed(self, tmp_path: Path) -> None:
        if not self.durable:
            pytest.skip("this engine keeps nothing")
        engine = self.open(tmp_path / "env")
        engine.commit({b"\0a": b"1", b"\0b": b"2"})
        engine.close()
        engine = self.open(tmp_path / "env")
        assert content(engine) == [(b"\0a", b"1"), (b"\0b", b"2")]
        engine.commit({b"\0a": None})
        engine.tidy(idle=True)
        engine.commit({b"\0c": b"3"})
        engine.close()
        engine = self.open(tmp_path / "env")
        assert content(engine) == [(b"\0b", b"2"), (b"\0c", b"3")]
        engine.close()

    def test_a_reader_in_another_thread_never_sees_half_a_commit(self, engine: Engine) -> None:
        """Two rows that are always written together are always equal in one snapshot, whatever is tidied meanwhile."""
        left, right = b"\0\1\2left" + bytes(8), b"\0\1\2right" + bytes(8)
        engine.commit({left: b"0", right: b"0"})
        torn: list[object] = []
        ready, stop = threading.Event(), threading.Event()

        def read() -> None:
            snapshot = engine.snapshot()
            last = 0
            ready.set()
            while not stop.is_set():
                snapshot.renew()
                one, two = snapshot.get(left), snapshot.get(right)
                rows = dict(snapshot.scan(b"\0\1\2", b"\0\1\3"))
                if one != two or rows.get(left) != one or rows.get(right) != one or int(one or b"-1") < last:
                    torn.append((last, one, two, rows))
                last = int(one or b"0")
                snapshot.reset()
            snapshot.close()

        reader = threading.Thread(target=read)
        reader.start()
        ready.wait()
        for number in range(1, 300):
            filling = {b"\0\1\2fill%d" % (number * 31 % 57): b"x" * (number % 50)}
            engine.commit({left: b"%d" % number, right: b"%d" % number, **filling})
            engine.tidy(idle=number % 7 == 0)
        stop.set()
        reader.join()
        engine.close()
        assert torn == []

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=_steps)
    def test_any_history_equals_a_dict(
        self, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
    ) -> None:
        path = tmp_path_factory.mktemp("env") / "env"
        engine = self.open(path)
        model: dict[bytes, bytes] = {}
        kept: list[tuple[object, dict[bytes, bytes]]] = []
        for what, given_value in steps:
            if what == "commit":
                changes = given_value
                assert isinstance(changes, dict)
                engine.commit(changes)
                for key, value in changes.items():
                    model.pop(key, None)
                    if value is not None:
                        model[key] = value
            elif what == "tidy":
                engine.tidy(idle=bool(given_value))
            elif what == "snapshot":
                kept.append((engine.snapshot(), dict(model)))
            elif self.durable:
                for snapshot, _ in kept:
                    snapshot.close()  # type: ignore[attr-defined]
                kept.clear()
                engine.close()
                engine = self.open(path)
            assert content(engine) == sorted(model.items())
        for snapshot, then in kept:
            assert list(snapshot.scan(b"", OPEN_END)) == sorted(then.items())  # type: ignore[attr-defined]
            assert all(snapshot.get(key) == then.get(key) for key in [*model, *then])  # type: ignore[attr-defined]
            snapshot.close()  # type: ignore[attr-defined]
        engine.close()
