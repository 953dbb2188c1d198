"""tgserve/mtproto/salts.py"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tgserve.mtproto.salts import FIRST_SALTS, Salts

NOW = 1_700_000_000.0
SALTS = Salts(b"s" * 32)


@given(st.integers(0, 2**64 - 1), st.floats(1.6e9, 2.0e9))
def test_3_5_salt_lives_for_its_half_hour_and_one_more(key_id: int, now: float) -> None:
    salt = SALTS.current(key_id, now)
    begin = now // 1800 * 1800
    assert 0 <= salt < 2**64
    assert SALTS.valid(key_id, salt, now) and SALTS.valid(key_id, salt, begin + 3599)
    assert not SALTS.valid(key_id, salt, begin + 3600)
    assert not SALTS.valid(key_id, salt, begin - 301)
    assert SALTS.valid(key_id, salt, begin - 299), "clients switch by their own clock"
    assert SALTS.valid_until(key_id, salt, now) == begin + 3600


def test_3_5_salts_differ_by_key_period_and_start() -> None:
    other = Salts(b"t" * 32)
    drawn = {s.of_period(key, period) for s in (SALTS, other) for key in range(20) for period in range(20)}
    assert len(drawn) == 800
    assert not SALTS.valid(1, other.current(1, NOW), NOW)


def test_1_14_first_salt_of_a_fresh_key() -> None:
    salts = Salts(b"s" * 32)
    assert not salts.valid(5, 99, NOW)
    salts.remember_first(5, 99, NOW)
    assert salts.valid(5, 99, NOW) and salts.valid(5, 99, NOW + 3599)
    assert not salts.valid(5, 99, NOW + 3600) and not salts.valid(6, 99, NOW)


def test_first_salts_are_bounded() -> None:
    salts = Salts(b"s" * 32)
    for key_id in range(FIRST_SALTS + 10):
        salts.remember_first(key_id, 1, NOW)
    assert len(salts._first) <= FIRST_SALTS
    assert salts.valid(FIRST_SALTS + 9, 1, NOW) and not salts.valid(0, 1, NOW)
    salts.remember_first(7, 1, NOW + 4000)
    assert len(salts._first) == 1


def test_future_salts_follow_one_another() -> None:
    rows = SALTS.future(5, 64, NOW)
    assert len(rows) == 64 and rows[0][2] == SALTS.current(5, NOW)
    for (since, until, salt), (next_since, _, _) in pairwise(rows):
        assert next_since - since == 1800 and until - since == 3600
        assert SALTS.valid(5, salt, since) and SALTS.valid(5, salt, until - 1)
