"""Keys sort as their parts do, come back as they went in, and ranges are cut to what a part can hold."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgserve.store import events as ev
from tgserve.store.format import all_keyspaces
from tgserve.store.keyspaces import BOXES, CONTACTS, EVENTS, LOGIN_CODES, NAMES, ROWS
from tgserve.store.packing import BYTES, I64, STR, U32, U64, Keyspace, after

_NUMBERS = {
    "I64": st.integers(-(2**63), 2**63 - 1),
    "U32": st.integers(0, 2**32 - 1),
    "U64": st.integers(0, 2**64 - 1),
    "STR": st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
    "BYTES": st.binary(max_size=20),
}
MIXED = Keyspace("mixed", 0x50, (STR, U64, BYTES), bytes)


@given(data=st.data())
def test_every_keyspace_gives_its_keys_back(data: st.DataObject) -> None:
    for keyspace in [*all_keyspaces(), MIXED]:
        parts = tuple(data.draw(_NUMBERS[part.name]) for part in keyspace.parts)
        key = keyspace.key(5, *parts)
        assert key[:3] == bytes((0, 5, keyspace.tag))
        assert keyspace.unpack(key) == parts
        for count in range(len(parts)):
            assert key.startswith(keyspace.prefix(5, *parts[:count]))


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1)), unique=True))
def test_keys_sort_as_numbers(pairs: list[tuple[int, int]]) -> None:
    assert sorted(pairs) == sorted(pairs, key=lambda pair: ROWS.key(9, *pair))


@given(st.lists(st.integers(-(2**63), -1), unique=True))
def test_negative_numbers_sort_among_themselves(numbers: list[int]) -> None:
    assert sorted(numbers) == sorted(numbers, key=lambda number: BOXES.key(9, number))


@given(
    lo=st.none() | st.integers(-5, 2**32 + 5),
    hi=st.none() | st.integers(-5, 2**32 + 5),
    at=st.integers(0, 30) | st.integers(2**32 - 30, 2**32 - 1),
)
def test_bounds_hold_what_they_say(lo: int | None, hi: int | None, at: int) -> None:
    bounds = ROWS.bounds(3, (7,), lo, hi)
    inside = (lo is None or at >= lo) and (hi is None or at < hi)
    assert inside == (bounds is not None and bounds[0] <= ROWS.key(3, 7, at) < bounds[1])
    if bounds is not None:
        assert not bounds[0] <= ROWS.key(3, 8, 0) < bounds[1]
        assert not bounds[0] <= ROWS.key(4, 7, 0) < bounds[1]


@given(
    lo=st.none() | st.integers(-9, 9),
    hi=st.none() | st.integers(-9, 9),
    at=st.integers(-9, 9),
)
def test_signed_bounds_stay_on_one_side_of_zero(lo: int | None, hi: int | None, at: int) -> None:
    if lo is not None and hi is not None and lo < 0 < hi:
        with pytest.raises(ValueError, match="crosses zero"):
            CONTACTS.bounds(3, (7,), lo, hi)
        return
    bounds = CONTACTS.bounds(3, (7,), lo, hi)
    negative = lo < 0 if lo is not None else hi is not None and hi <= 0
    one_side = (lo is None and hi is None) or (at < 0) == negative
    inside = one_side and (lo is None or at >= lo) and (hi is None or at < hi)
    assert inside == (bounds is not None and bounds[0] <= CONTACTS.key(3, 7, at) < bounds[1])


def test_text_before_a_number_has_its_length() -> None:
    """`1` + a key id must not be the prefix of `12` + another's."""
    assert not LOGIN_CODES.key(3, "12", 5).startswith(LOGIN_CODES.prefix(3, "1"))
    assert LOGIN_CODES.key(3, "12", 5).startswith(LOGIN_CODES.prefix(3, "12"))


def test_what_cannot_be_a_key_is_refused() -> None:
    for keyspace, parts in ((ROWS, (1, -1)), (ROWS, (1, 2**32)), (NAMES, ("x" * 600,)), (MIXED, ("a", 1))):
        with pytest.raises(struct.error):
            keyspace.key(3, *parts)
    with pytest.raises(struct.error):
        MIXED.unpack(MIXED.key(3, "a", 1, b"")[:-9])


def test_after_a_prefix() -> None:
    assert after(b"a") == b"b"
    assert after(b"a\xff\xff") == b"b"
    assert after(b"\xff") > b"\xff" * 500


def test_records_and_bytes_are_encoded_as_themselves() -> None:
    event = ev.LoggedEvent(ev.NewMessage(5), 1, 1)
    assert EVENTS.decode(EVENTS.encode(event)) == event
    assert MIXED.decode(MIXED.encode(b"\0raw")) == b"\0raw"


def test_kinds_of_parts() -> None:
    assert [part.name for part in (I64, U32, U64, STR, BYTES)] == ["I64", "U32", "U64", "STR", "BYTES"]
