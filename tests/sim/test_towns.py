"""Supergroups in the simulation: SECURITY 6.2, 10.3. One seed again with TGSERVE_SIM_SEED=n, more with
TGSERVE_SIM_SEEDS=n."""

from __future__ import annotations

import os
from itertools import count
from typing import Any

import pytest

from tests.sim import towns
from tests.sim.world import Wrong
from tgserve.services.channels.audience import Audience
from tgserve.services.channels.posting import Posting
from tgserve.services.channels.reading import ChannelReading, Missed
from tgserve.services.channels.register import Seat

SEEDS = 30
NUMBERS = count(1)
BATCH = 10


def seeds() -> list[range]:
    one = os.environ.get("TGSERVE_SIM_SEED")
    if one:
        return [range(int(one), int(one) + 1)]
    many = int(os.environ.get("TGSERVE_SIM_SEEDS", SEEDS))
    return [range(first, min(first + BATCH, many)) for first in range(0, many, BATCH)]


@pytest.mark.parametrize("some", seeds(), ids=lambda some: f"{some[0]}-{some[-1]}")
def test_10_3_members_of_a_supergroup_agree(some: range) -> None:
    """SECURITY 6.2, 6.12, 10.3: through crashes and lost lines, every member has what the channel's box has."""
    wrong = []
    for seed in some:
        try:
            told = towns.run(seed)
        except Wrong as fault:
            wrong.append(str(fault))
            continue
        assert told.town.posts and told.town.differences
    assert not wrong, "\n\n".join(wrong)


def complaint(seeds_tried: int = 15) -> str:
    """What the first seed that finds anything says."""
    for seed in range(seeds_tried):
        try:
            towns.run(seed)
        except Wrong as fault:
            return str(fault)
    return ""


def test_one_who_was_removed_and_hears_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 6.2."""
    heard = Audience.after_commit

    def loyal(self: Any, batch: list[Any]) -> None:
        heard(self, [item for item in batch if type(item) is not Seat or item.here])

    monkeypatch.setattr(Audience, "after_commit", loyal)
    assert "was removed and is told" in complaint()


def test_devices_that_are_not_told_to_look_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChannelReading, "changed_since", lambda self, me, date: [])
    assert complaint(60)


def test_a_difference_with_a_hole_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    difference = ChannelReading.difference

    def holed(self: Any, *asked: Any) -> Missed:
        found = difference(self, *asked)
        return Missed(found.pts, found.events[:-1], found.final, found.too_long)

    monkeypatch.setattr(ChannelReading, "difference", holed)
    assert "the server" in complaint()


def test_posts_sent_twice_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Posting.send

    def forgetful(self: Any, me: int, channel: int, draft: Any, random_id: int, **more: Any) -> Any:
        return send(self, me, channel, draft, next(NUMBERS), **more)

    monkeypatch.setattr(Posting, "send", forgetful)
    assert complaint()


def test_an_audience_that_forgets_who_comes_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever arrives has to be looked up: his channels' posts are told to him from then on."""
    monkeypatch.setattr(Audience, "arrived", lambda self, user: self._channels.setdefault(user, set()))
    assert complaint()
