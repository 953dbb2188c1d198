from __future__ import annotations

from tests.community import community, run
from tgserve.services.flood_tallies import Tallies


def test_5_3_a_tally_is_full_until_its_window_ends() -> None:
    async def story() -> None:
        async with community() as c:
            tallies = Tallies(c.store, c.clock)
            assert [await tallies.count("x", 2, 60) for _ in range(3)] == [0, 0, 60]
            c.clock.advance(59)
            assert await tallies.count("x", 2, 60) == 1
            assert await tallies.count("y", 2, 60) == 0
            c.clock.advance(1)
            assert await tallies.count("x", 2, 60) == 0
            assert await tallies.count("x", 2, 60, by=2) == 60
            assert await tallies.count("x", 2, 60) == 0

    run(story())


def test_a_clock_that_went_back_does_not_lock_anybody_out() -> None:
    async def story() -> None:
        async with community() as c:
            tallies = Tallies(c.store, c.clock)
            assert await tallies.count("x", 1, 60) == 0
            c.clock.set_wall(c.clock.now() - 86_400)
            assert await tallies.count("x", 1, 60) == 0
            assert await tallies.count("x", 1, 60) == 60

    run(story())
