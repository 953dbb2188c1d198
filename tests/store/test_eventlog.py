"""pts are gapless whatever happens; what is told, and what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.engine import Engine, Row
from tgserve.store.engines.lmdb import LmdbSnapshot
from tgserve.store.engines.logged import open_logged
from tgserve.store.engines.memory import Disks
from tgserve.store.keyspaces import BOXES, EVENTS
from tgserve.store.retention import Retention
from tgserve.store.transaction import Reader, Txn

ME = 7


class Box:
    """One box on a memory engine, one transaction after another."""

    def __init__(self, retention: Retention | None = None, engine: Engine | None = None) -> None:
        self.engine = engine or Disks().open(Path("x"), map_bytes=0)
        self.view = self.engine.snapshot()
        self.txn = Txn(self.view, retention or Retention())

    def append(self, event: ev.AnyEvent, now: int, raises: int = 1) -> eventlog.Published:
        self.begin()
        published = eventlog.append(self.txn, ME, event, now=now, raises=raises)
        self.end()
        return published

    def begin(self) -> Txn:
        self.view.renew()
        self.txn.open_group()
        self.txn.begin(3)
        return self.txn

    def end(self) -> None:
        self.txn.merge()
        self.engine.commit(self.txn.overlay)
        self.view.renew()

    @property
    def reader(self) -> Reader:
        return Reader(3, self.view)

    @property
    def head(self) -> r.BoxHead:
        return eventlog.box_head(self.reader, ME)

    def covered(self) -> list[int]:
        """Every pts the log covers, in order, with repeats if there were any."""
        pts: list[int] = []
        for (_, at, _), logged in self.reader.range(EVENTS, ME):
            pts += range(at - logged.pts_count + 1, at + 1)
        return pts


@settings(deadline=None, max_examples=60)
@given(
    raises=st.lists(st.integers(0, 5), max_size=150),
    keep=st.integers(0, 40),
    trims=st.lists(st.integers(0, 150), max_size=4),
)
def test_pts_are_covered_once_from_the_oldest_kept_on(raises: list[int], keep: int, trims: list[int]) -> None:
    box = Box()
    for number, count in enumerate(raises):
        published = box.append(ev.NewMessage(number + 1), 1000 + number, count)
        assert published.pts == box.head.pts
        if number in trims:
            eventlog.trim(box.begin(), ME, keep=keep, before=0)
            box.end()
            assert box.head.pts - box.head.oldest_pts >= min(keep, 0)
        assert box.covered() == list(range(box.head.oldest_pts + 1, box.head.pts + 1))
    assert box.head.pts == 1 + sum(raises)


def test_events_without_pts_keep_their_order_and_their_place() -> None:
    box = Box()
    box.append(ev.DraftChanged(1), 10, raises=0)
    box.append(ev.DraftChanged(2), 11, raises=0)
    box.append(ev.NewMessage(1), 12)
    box.append(ev.DraftChanged(3), 13, raises=0)
    told = eventlog.read(box.reader, ME, 1, since_date=10, limit=100)
    assert [(pts, logged.event) for pts, logged in told] == [
        (1, ev.DraftChanged(1)),
        (1, ev.DraftChanged(2)),
        (2, ev.NewMessage(1)),
        (2, ev.DraftChanged(3)),
    ]


def test_events_without_pts_come_again_when_they_are_not_older_than_the_clients_date() -> None:
    box = Box()
    box.append(ev.NewMessage(1), 10)
    box.append(ev.DraftChanged(1), 11, raises=0)
    box.append(ev.DraftChanged(2), 15, raises=0)
    box.append(ev.NewMessage(2), 16)
    assert [logged.event for _, logged in eventlog.read(box.reader, ME, 3, since_date=12, limit=9)] == [
        ev.DraftChanged(2)
    ]
    assert eventlog.read(box.reader, ME, 3, since_date=17, limit=9) == []
    assert eventlog.read(box.reader, ME, 3, limit=9) == []


def test_a_slice_ends_at_the_limit() -> None:
    box = Box()
    for number in range(10):
        box.append(ev.NewMessage(number + 1), 10)
    told = eventlog.read(box.reader, ME, 3, limit=4)
    assert [pts for pts, _ in told] == [4, 5, 6, 7]
    assert [pts for pts, _ in eventlog.read(box.reader, ME, told[-1][0], limit=100)] == [8, 9, 10, 11]


def test_message_ids_follow_the_events() -> None:
    box = Box()
    for expected in (1, 2, 3):
        assert eventlog.next_msg_id(box.begin(), ME) == expected
        box.end()
        box.append(ev.NewMessage(expected), 5)
    box.append(ev.DeleteMessages((1, 2)), 6, raises=2)
    assert (box.head.msg_id, box.head.pts, box.head.date) == (3, 6, 6)


def test_a_given_head_is_stored_as_it_is_raised() -> None:
    box = Box()
    txn = box.begin()
    eventlog.append(txn, ME, ev.NewMessage(9), now=5, head=r.BoxHead(4, 9, 3))
    box.end()
    assert box.head == r.BoxHead(5, 9, 3, 5, 1, 0)


def test_old_events_go_by_count_and_by_age() -> None:
    box = Box()
    for number in range(30):
        box.append(ev.NewMessage(number + 1), 1000 + number)
    eventlog.trim(box.begin(), ME, keep=20, before=0)
    box.end()
    assert (box.head.oldest_pts, box.covered()[0]) == (11, 12)
    eventlog.trim(box.begin(), ME, keep=1000, before=1015)
    box.end()
    assert (box.head.oldest_pts, box.covered()[0]) == (16, 17)
    assert eventlog.trim(box.begin(), ME, keep=0, before=0, rows=5) == 21
    box.end()
    assert box.covered() == list(range(22, 32))


def test_a_long_log_shrinks_by_itself() -> None:
    """Appending keeps the log near its size, a batch of rows at a time."""
    box = Box(Retention(events=100, seconds=10**6))
    for number in range(700):
        box.append(ev.NewMessage(number + 1), 1000)
    assert 100 <= box.head.pts - box.head.oldest_pts < 100 + 2 * eventlog.TRIM_EVERY
    assert box.covered() == list(range(box.head.oldest_pts + 1, box.head.pts + 1))


@settings(deadline=None, max_examples=60)
@given(
    raises=st.lists(st.integers(0, 3), min_size=100, max_size=400),
    steps=st.lists(st.integers(0, 40), min_size=400, max_size=400),
    kept=st.integers(1, 200),
    seconds=st.integers(1, 4_000),
)
def test_what_goes_is_what_is_beyond_the_count_or_too_old(
    raises: list[int], steps: list[int], kept: int, seconds: int
) -> None:
    """Row by row from the first of all on, as one look after another: nothing is left below, nothing young goes."""
    box = Box(Retention(events=kept, seconds=seconds))
    rows: list[tuple[int, int, int]] = []  # pts, sub, date
    now, pts, sub, oldest = 1_000_000, 1, 0, 1

    def stays(pts: int, row: tuple[int, int, int]) -> bool:
        behind = pts - row[0]
        return behind < kept and (row[2] >= now - seconds or behind < eventlog.QUIET_ROWS)

    for number, (count, step) in enumerate(zip(raises, steps, strict=False)):
        now += step
        if (pts + count) % eventlog.TRIM_EVERY < count:
            first = next((row for row in rows if row[:2] == (oldest + 1, 0)), None)
            due = rows[: eventlog.TRIM_ROWS] if first is None or not stays(pts, first) else []
            for row in due:
                if stays(pts, row):
                    break
                rows.remove(row)
                oldest = max(oldest, row[0])
        pts, sub = pts + count, 0 if count else sub + 1
        rows.append((pts, sub, now))
        box.append(ev.NewMessage(number + 1) if count else ev.DraftChanged(number + 1), now, count)
        assert box.head.oldest_pts == oldest
    found = [(at, n, logged.date) for (_, at, n), logged in box.reader.range(EVENTS, ME)]
    assert found == rows


def write_messages(box: Box, count: int) -> None:
    """Fifty a commit."""
    for start in range(0, count, 50):
        txn = box.begin()
        for _ in range(start, min(count, start + 50)):
            eventlog.append(txn, ME, ev.NewMessage(eventlog.next_msg_id(txn, ME)), now=1000)
        box.end()


def test_a_look_at_the_old_end_does_not_step_over_what_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the environment until a batch comes there: a full log cost twice as much to write to."""
    stepped = 0
    scan = LmdbSnapshot.scan

    def counted(self: LmdbSnapshot, lo: bytes, hi: bytes, reverse: bool = False) -> Iterator[Row]:
        nonlocal stepped
        for row in scan(self, lo, hi, reverse):
            stepped += 1
            yield row

    monkeypatch.setattr(LmdbSnapshot, "scan", counted)
    engine = open_logged(tmp_path, map_bytes=1 << 26)
    box = Box(Retention(events=1_000, seconds=10**6), engine)
    write_messages(box, 1_000)
    while engine.untidy:
        box.view.reset()
        engine.tidy(True)
    stepped = 0
    write_messages(box, 700)
    gone = box.head.oldest_pts - 1
    box.view.close()
    engine.close()
    assert gone > 600
    assert stepped < gone * 1.1


def test_the_newest_events_of_a_quiet_box_stay() -> None:
    """However old they are; they go when as many have come behind them."""
    box = Box(Retention(events=10_000, seconds=1_000))
    for number in range(60):
        box.append(ev.NewMessage(number + 1), 1)
    for number in range(60, 130):
        box.append(ev.NewMessage(number + 1), 10**6)
    assert box.head.oldest_pts == 1
    for number in range(130, 400):
        box.append(ev.NewMessage(number + 1), 10**6)
    assert box.head.oldest_pts == 61  # behind the last old one
    assert box.covered() == list(range(box.head.oldest_pts + 1, box.head.pts + 1))


def test_a_box_nobody_wrote_to_has_a_fresh_head() -> None:
    box = Box()
    assert box.head == r.BoxHead(1, 0, 1)
    assert eventlog.read(box.reader, ME, 1, limit=5) == []
    assert eventlog.trim(box.begin(), ME, keep=0, before=0) == 1
    assert box.reader.get(BOXES, ME) is None
