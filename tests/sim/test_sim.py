"""The simulation: SECURITY 10.3. 150 seeds here; more with `python -m tests.sim --seeds 10000`, one again with
TGSERVE_SIM_SEED=n."""

from __future__ import annotations

import os

import pytest

from tests.sim import story

SEEDS = 150
BATCH = 10


def seeds() -> list[range]:
    one = os.environ.get("TGSERVE_SIM_SEED")
    if one:
        return [range(int(one), int(one) + 1)]
    count = int(os.environ.get("TGSERVE_SIM_SEEDS", SEEDS))
    return [range(first, min(first + BATCH, count)) for first in range(0, count, BATCH)]


@pytest.mark.parametrize("some", seeds(), ids=lambda some: f"{some[0]}-{some[-1]}")
def test_10_3_nothing_acknowledged_is_lost_doubled_or_torn(some: range) -> None:
    """SECURITY 6.12, 10.3: the checks of tests/sim/checks.py hold after every story."""
    wrong = []
    for seed in some:
        try:
            outcome = story.run(seed)
        except AssertionError as fault:
            wrong.append(str(fault))
            continue
        assert outcome.messages
    assert not wrong, "\n\n".join(wrong)
