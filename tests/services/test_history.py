"""Every addressing of getHistory against a list and slices."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.community import Community, community, run
from tgserve.errors import RpcError
from tgserve.services.history import SKIP_ROWS, Window
from tgserve.services.messaging import Draft

ANN, BOB, EVE = 1_000_001, 1_000_002, 1_000_003


def naive(messages: list[tuple[int, int]], w: Window) -> list[int]:
    """What a page must hold, from (id, date) pairs by growing id."""
    kept = [(i, d) for i, d in reversed(messages) if i > w.min_id and (not w.max_id or i < w.max_id)]
    if w.offset_id:
        at = sum(1 for i, _ in kept if i >= w.offset_id)
    elif w.offset_date:
        at = sum(1 for _, d in kept if d >= w.offset_date)
    else:
        at = 0
    start = at + w.add_offset
    return [i for i, _ in kept[max(start, 0) : max(start + w.limit, 0)]]


async def chat(c: Community, size: int, gap: int) -> list[tuple[int, int]]:
    """A chat of both sides with holes where another chat's messages and deleted ones are; Ann's (id, date)."""
    written = []
    for number in range(size):
        c.clock.advance(number % 3)
        if number % gap == 1:
            await c.services.messaging.send(ANN, EVE, Draft(b"elsewhere"), 10_000 + number)
        author, other = (ANN, BOB) if number % 2 else (BOB, ANN)
        sent = await c.services.messaging.send(author, other, Draft(b"%d" % number), 1 + number)
        await c.settle()
        if author == ANN:
            written.append((sent.msg_id, sent.date))
        else:
            written.append((c.heard[-1].event.msg_id, sent.date))
    doomed = [i for i, _ in written[::gap]]
    await c.services.deleting.delete(ANN, doomed)
    return [one for one in written if one[0] not in doomed]


def test_pages_against_a_list() -> None:
    ids = st.integers(0, 70)

    async def story() -> None:
        async with community() as c:
            messages = await chat(c, 40, 4)
            dates = st.sampled_from([0, *(d + x for _, d in messages for x in (-1, 0, 1))])

            @given(ids, dates, st.integers(-30, 30), st.integers(0, 40), ids, ids)
            @settings(max_examples=600, deadline=None)
            def check(offset_id: int, date: int, add: int, limit: int, max_id: int, min_id: int) -> None:
                window = Window(offset_id, date, add, limit, max_id, min_id)
                page = c.services.history.page(ANN, BOB, window)
                assert [view.msg_id for view in page.views] == naive(messages, window)
                assert page.count == len(messages)
                assert page.whole == (len(page.views) == page.count)

            check()

    run(story())


def test_both_sides_read_the_same_texts() -> None:
    async def story() -> None:
        async with community() as c:
            for number in range(6):
                author, other = (ANN, BOB) if number % 2 else (BOB, ANN)
                await c.services.messaging.send(author, other, Draft(b"%d" % number), 1 + number)
                await c.settle()
            mine = c.services.history.page(ANN, BOB, Window()).views
            theirs = c.services.history.page(BOB, ANN, Window()).views
            assert [v.body.text for v in mine] == [b"5", b"4", b"3", b"2", b"1", b"0"]
            assert [v.body.text for v in theirs] == [v.body.text for v in mine]

    run(story())


def test_6_4_ids_of_others_never_resolve() -> None:
    """SECURITY 6.4"""

    async def story() -> None:
        async with community() as c:
            await c.services.messaging.send(ANN, BOB, Draft(b"private"), 1)
            await c.settle()
            assert c.services.history.messages(EVE, [1, 2, 0, -1, 2**31 - 1, 2**40]) == [None] * 6
            assert c.services.history.message_or_none(BOB, 1) is not None

    run(story())


def test_absurd_offsets() -> None:
    async def story() -> None:
        async with community() as c:
            await c.services.messaging.send(ANN, BOB, Draft(b"x"), 1)
            for add in (SKIP_ROWS + 1, -SKIP_ROWS - 1, 2**31 - 1, -(2**31)):
                with pytest.raises(RpcError, match="OFFSET_INVALID"):
                    c.services.history.page(ANN, BOB, Window(add_offset=add))
            for window in (Window(-5, -5, 0, 100, -5, -5), Window(2**31 - 1), Window(min_id=2**31 - 1)):
                assert len(c.services.history.page(ANN, BOB, window).views) in (0, 1)

    run(story())


def test_scan_finds_looks_back_and_stops() -> None:
    async def story() -> None:
        async with community() as c:
            messages = await chat(c, 30, 7)
            history = c.services.history

            def even(view: Any) -> bool:
                return int(view.body.text) % 2 == 0

            found = history.scan(ANN, BOB, Window(limit=100), even)
            assert found.whole and all(even(view) for view in found.views)
            half = history.scan(ANN, BOB, Window(limit=3), even)
            assert [v.msg_id for v in half.views] == [v.msg_id for v in found.views[:3]] and not half.whole
            middle = messages[len(messages) // 2][1]
            late = history.scan(ANN, BOB, Window(limit=100), lambda view: True, since=middle)
            assert [v.msg_id for v in late.views] == [i for i, d in reversed(messages) if d >= middle]
            early = history.scan(ANN, BOB, Window(limit=100), lambda view: True, until=middle)
            assert [v.msg_id for v in early.views] == [i for i, d in reversed(messages) if d < middle]

    run(story())
