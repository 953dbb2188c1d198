from __future__ import annotations

from tgserve.clock import SystemClock


class Machine:
    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.running = 50.0

    def pass_(self, seconds: float, step: float = 0.0) -> None:
        self.wall += seconds + step
        self.running += seconds


def clock() -> tuple[Machine, SystemClock]:
    machine = Machine()
    return machine, SystemClock(lambda: machine.wall, lambda: machine.running)


def test_time_is_the_machines() -> None:
    machine, ours = clock()
    for seconds, step in ((1.0, 0.0), (0.5, 3600.0), (1.0, -29.0), (1.0, 0.0)):
        machine.pass_(seconds, step)
        assert ours.now() == machine.wall


def test_time_is_never_set_back_far_but_goes_slower_until_the_wall_clock_has_caught_up() -> None:
    """SECURITY 10.7: message ids and salts made before the step are not of the future after it."""
    machine, ours = clock()
    before = ours.now()
    machine.pass_(0.0, -3600.0)
    last = before
    for _ in range(70):
        assert ours.now() >= last >= before
        last = ours.now()
        machine.pass_(100.0)
    assert ours.now() == before + 3500.0 > machine.wall
    machine.pass_(300.0)
    assert ours.now() == machine.wall
    machine.pass_(1.0)
    assert ours.now() == machine.wall
    machine.pass_(0.0, -31.0)
    again = ours.now()
    machine.pass_(10.0, 86_400.0)
    assert ours.now() == machine.wall > again
