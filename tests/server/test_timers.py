"""The wheel: never early, within a tick, one live entry for each object."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from tgserve.clock import Clock
from tgserve.server.timers import TICK_SECONDS, Wheel


class Hand:
    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class Thing:
    def __init__(self, again: float | None = None) -> None:
        self.tick = 0
        self.seen: list[float] = []
        self.again = again

    def due(self, now: float) -> float | None:
        self.seen.append(now)
        return None if self.again is None else now + self.again


def wheel() -> tuple[Wheel, Hand]:
    hand = Hand()
    return Wheel(cast(Clock, hand)), hand


def run(turning: Wheel, hand: Hand, seconds: float) -> None:
    end = hand.at + seconds
    while hand.at < end:
        hand.at += TICK_SECONDS
        turning.turn(hand.at)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=20))
def test_everything_is_looked_at_once_and_in_time(delays: list[float]) -> None:
    turning, hand = wheel()
    things = [(Thing(), hand.at + delay) for delay in delays]
    for thing, when in things:
        turning.arm(thing, when)
    run(turning, hand, 31)
    for thing, when in things:
        assert len(thing.seen) == 1
        assert when <= thing.seen[0] <= when + 2 * TICK_SECONDS


def test_an_earlier_deadline_replaces_a_later_one_and_not_the_other_way() -> None:
    turning, hand = wheel()
    thing = Thing()
    turning.arm(thing, hand.at + 10)
    turning.arm(thing, hand.at + 2)
    turning.arm(thing, hand.at + 5)
    run(turning, hand, 12)
    assert len(thing.seen) == 1 and thing.seen[0] <= 1002.5


def test_an_object_may_ask_to_be_looked_at_again() -> None:
    turning, hand = wheel()
    thing = Thing(again=1.0)
    turning.arm(thing, hand.at)
    run(turning, hand, 10)
    assert 7 <= len(thing.seen) <= 10


def test_a_jump_of_the_clock_is_caught_up() -> None:
    turning, hand = wheel()
    things = [Thing() for _ in range(3)]
    for number, thing in enumerate(things):
        turning.arm(thing, hand.at + 100 * number)
    hand.at += 1_000_000
    turning.turn(hand.at)
    assert [len(thing.seen) for thing in things] == [1, 1, 1]


def test_7_3_moving_deadlines_leave_nothing_behind() -> None:
    """A connection that pings for an hour has one entry, not one a ping."""
    turning, hand = wheel()
    thing = Thing()
    for _ in range(1000):
        turning.arm(thing, hand.at + 180)
        hand.at += 0.1
    assert sum(len(slot) for slot in turning._slots.values()) == 1
