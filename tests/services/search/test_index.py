"""The index file by itself: numbers within a second, order, replacing, removing, marks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tgserve.services.search import index as index_module
from tgserve.services.search.index import Doc, Index, IndexFault, IndexReader, Matching, owner_tag
from tgserve.services.search.words import wanted

TAG = owner_tag(7)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path)
    made.open()
    yield made
    made.close()


def doc(msg_id: int, date: int, text: str = "word") -> Doc:
    return Doc(7, msg_id, date, text, TAG)


def found(index: Index, query: str = "word", **more: int) -> list[int]:
    reader = IndexReader(index.path)
    hits = reader.hits(Matching((TAG,), wanted(query), **more), 1000)
    assert reader.count(Matching((TAG,), wanted(query), **more), 1000) == len(hits)
    reader.close()
    return [hit.msg_id for hit in hits]


def test_newest_first_whatever_the_order_of_writing(index: Index) -> None:
    index.write([doc(3, 30), doc(1, 10), doc(2, 20)])
    index.write([doc(5, 20), doc(4, 5)])
    assert found(index) == [3, 5, 2, 1, 4]
    assert found(index, since=10, until=30) == [5, 2, 1]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.integers(1, 4), max_size=12), max_size=6))
def test_numbers_within_a_second_are_never_given_twice(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    """Seconds in any order, and more of them than are remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "NUMBERS_KEPT", 1)
        index = Index(tmp_path_factory.mktemp("index"))
        index.open()
        msg_id, dates = 0, {}
        for batch in batches:
            docs = []
            for date in batch:
                msg_id += 1
                dates[msg_id] = date
                docs.append(doc(msg_id, date))
            index.write(docs)
        seen = found(index)
        assert sorted(seen) == sorted(dates)
        assert [dates[one] for one in seen] == sorted(dates.values(), reverse=True)
        index.close()


def test_anew_and_out(index: Index) -> None:
    index.write([doc(1, 10, "apple pie"), doc(2, 10, "apple")])
    index.write([doc(1, 10, "pear")], gone=[(7, 2), (7, 99)])
    assert found(index, "apple") == [] and found(index, "pear") == [1] and index.count() == 1
    index.write(boxes_gone=[7])
    assert found(index, "pear") == [] and index.count() == 0


def test_marks_only_rise(index: Index) -> None:
    index.write(marks=[(7, 5), (8, 1)])
    index.write(marks=[(7, 3), (9, 2)])
    assert index.marks() == {7: 5, 8: 1, 9: 2}


def test_a_failed_transaction_leaves_nothing(index: Index) -> None:
    index.write([doc(1, 10)])
    with pytest.raises(IndexFault):
        index.write([doc(2, 10)], marks=[("x", 1)])  # type: ignore[list-item]
    assert found(index) == [1] and index.marks() == {}
    index.write([doc(2, 10)])
    assert found(index) == [2, 1]


def test_which_faults_are_damage(tmp_path: Path) -> None:
    assert IndexFault(tmp_path, sqlite3.DatabaseError("malformed")).damaged
    assert not IndexFault(tmp_path, sqlite3.OperationalError("disk is full")).damaged
    assert not IndexFault(tmp_path, OSError("no such file")).damaged
    assert not IndexFault(tmp_path, "not open").damaged


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sets(st.integers(1, 12), max_size=5), st.sets(st.integers(1, 12), max_size=3)),
        max_size=8,
    ),
    st.sampled_from([1, 100]),
)
def test_what_is_written_again_replaces_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[set[int], set[int]]], kept: int
) -> None:
    """In any order of messages, with others deleted between, after a transaction that failed, and opened again: never
    two documents of one message."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "AUTHORS_KEPT", kept)
        index = Index(tmp_path_factory.mktemp("index"))
        index.open()
        there: set[int] = set()
        for number, (put, gone) in enumerate(batches):
            with pytest.raises(IndexFault):
                index.write([doc(13, 10), doc(14, 10)], marks=[(7, None)])  # type: ignore[list-item]
            index.write([doc(one, 10, f"word v{number}") for one in put], gone=[(7, one) for one in gone])
            there = there - gone | put
            assert sorted(found(index)) == sorted(there) and index.count() == len(there)
            assert sorted(found(index, f"v{number}")) == sorted(put)
            if number % 3 == 2:
                index.close()
                index.open()
        index.close()
