"""tgserve/mtproto/replay.py: the window against a plain model that forgets nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.mtproto.client_packets import START, msg_id_at
from tgserve.mtproto.replay import REMEMBERED, Window


def test_3_6_edges() -> None:
    window = Window()
    second = 1 << 32
    now = 1_700_000_000.0
    base = 1_700_000_000 * second
    assert window.refuses(base - 300 * second, now) == 0
    assert window.refuses(base - 300 * second - 4, now) == 16
    assert window.refuses(base + 31 * second - 4, now) == 0
    assert window.refuses(base + 31 * second, now) == 17
    assert window.refuses(base + 1, now) == 18


def test_3_7_remembers_at_least_300_s() -> None:
    window = Window()
    first = msg_id_at(START)
    window.add(first, 1, 0, START)
    for step in range(1, 300):
        window.add(msg_id_at(START + step), 2 * step + 1, 0, START + step)
    assert first in window.state
    late = START + 800
    for step in range(300, 800):
        window.add(msg_id_at(START + step), 2 * step + 1, 0, START + step)
    assert first not in window.state and window.refuses(first, late) == 16


def test_3_7_floor_rises_with_what_is_forgotten() -> None:
    window = Window()
    ids = [msg_id_at(START, step) for step in range(REMEMBERED)]
    for place, msg_id in enumerate(ids):
        window.add(msg_id, 2 * place + 1, 0, START)
    assert len(window.state) == len(window.ids) == len(window.seqs) == REMEMBERED // 2
    for msg_id in ids:
        assert msg_id in window.state or window.refuses(msg_id, START) == 20


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(-290, 25)), max_size=200))
def test_3_7_nothing_is_new_twice(arrivals: list[tuple[int, int]]) -> None:
    """Whatever order and time messages arrive in: once accepted, never accepted again."""
    window = Window()
    accepted: set[int] = set()
    now = START
    for step, ahead in arrivals:
        now += step / 100
        msg_id = msg_id_at(now + ahead)
        new = msg_id not in window.state and window.refuses(msg_id, now) == 0
        if new:
            assert msg_id not in accepted
            accepted.add(msg_id)
            window.add(msg_id, 0, 0, now)
            assert window.ids == sorted(window.state)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=60))
def test_3_8_order_agrees_with_the_definition(messages: list[tuple[int, int]]) -> None:
    """32: a lower msg_id has a higher, or equal and odd, seq_no; 33: a higher msg_id a lower, or equal and odd."""
    window = Window()
    known: dict[int, int] = {}
    for step, seq_no in messages:
        msg_id = msg_id_at(START, step)
        if msg_id in known:
            continue
        below = [s for i, s in known.items() if i < msg_id]
        above = [s for i, s in known.items() if i > msg_id]
        code = window.misordered(msg_id, seq_no)
        if any(s > seq_no or (s == seq_no and s & 1) for s in below):
            assert code == 32
        elif any(s < seq_no or (s == seq_no and s & 1) for s in above):
            assert code == 33
        else:
            assert code == 0
            known[msg_id] = seq_no
            window.add(msg_id, seq_no, 0, START)


def test_idle_window_is_small() -> None:
    """A client that pings once a minute for a day keeps a handful of entries."""
    window = Window()
    for minute in range(24 * 60):
        when = START + 60 * minute
        window.add(msg_id_at(when), 0, 0, when)
    assert len(window.state) < 64
