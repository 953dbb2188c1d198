"""Marks of sends live as long as a client may repeat them, and no longer."""

from __future__ import annotations

from tests.community import community, run
from tgserve import limits
from tgserve.services.messaging import Draft
from tgserve.services.repeats import MARKS_AT_ONCE
from tgserve.store.check import check_store
from tgserve.store.keyspaces import SENT
from tgserve.store.slots import slot_of

ANN, BEN = 1_000_001, 1_000_002


def test_old_marks_go_and_young_ones_know_their_message() -> None:
    async def story() -> None:
        async with community() as c:
            send = c.services.messaging.send
            for number in range(MARKS_AT_ONCE + 5):
                await send(ANN, BEN, Draft(b"old"), 1 + number)
            await c.settle()
            c.clock.advance(limits.SENT_KEPT_SECONDS - 60)
            young = await send(ANN, BEN, Draft(b"young"), -7)
            repeats = c.services.upkeep.repeats
            slot = slot_of(ANN)
            assert await repeats.sweep(slot) == 0, "all may still be repeated"
            c.clock.advance(120)
            assert await repeats.sweep(slot) == MARKS_AT_ONCE + 5
            assert await repeats.sweep(slot) == 0
            with c.store.read(slot) as reader:
                assert [key for key, _ in reader.range(SENT)] == [(ANN, -7)]
            again = await send(ANN, BEN, Draft(b"young"), -7)
            assert (again.msg_id, again.repeated) == (young.msg_id, True)
            await c.settle()
            assert check_store(c.store).problems == []

    run(story())


def test_the_upkeep_of_a_slot_sweeps_its_marks() -> None:
    async def story() -> None:
        async with community() as c:
            await c.services.messaging.send(ANN, BEN, Draft(b"old"), 5)
            await c.settle()
            c.clock.advance(limits.SENT_KEPT_SECONDS + 60)
            await c.services.upkeep.look(slot_of(ANN))
            with c.store.read(slot_of(ANN)) as reader:
                assert reader.get(SENT, ANN, 5) is None

    run(story())
