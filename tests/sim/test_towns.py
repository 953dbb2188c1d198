"""Channels in the simulation: SECURITY 6.2, 10.3. One seed again with TGSERVE_SIM_SEED=n, more with
TGSERVE_SIM_SEEDS=n. Below: servers with one thing broken, which must be found out."""

from __future__ import annotations

import os
from itertools import count
from typing import Any

import pytest
from msgspec import structs

from tests.sim import towns
from tests.sim.town import FORUM, PAPER
from tests.sim.world import Wrong
from tgserve import errors
from tgserve.services.channels import changing, journal, threads
from tgserve.services.channels.audience import Audience
from tgserve.services.channels.counters import Counters
from tgserve.services.channels.posting import Posting
from tgserve.services.channels.reading import ChannelReading, Missed
from tgserve.services.channels.register import Register, Seat
from tgserve.services.files import holding
from tgserve.services.polls import counting
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store.keyspaces import VOTES
from tgserve.store.moving import Mover

SEEDS = 24
NUMBERS = count(1)
BATCH = 8


def seeds() -> list[range]:
    one = os.environ.get("TGSERVE_SIM_SEED")
    if one:
        return [range(int(one), int(one) + 1)]
    many = int(os.environ.get("TGSERVE_SIM_SEEDS", SEEDS))
    return [range(first, min(first + BATCH, many)) for first in range(0, many, BATCH)]


@pytest.mark.parametrize("some", seeds(), ids=lambda some: f"{some[0]}-{some[-1]}")
def test_10_3_members_of_channels_agree(some: range) -> None:
    """SECURITY 6.2, 6.12, 10.3: through crashes and lost lines, every member has what the channel's box has."""
    wrong = []
    for seed in some:
        try:
            told = towns.run(seed)
        except Wrong as fault:
            wrong.append(str(fault))
            continue
        assert told.city.posts and told.city.differences
    assert not wrong, "\n\n".join(wrong)


def complaint(seeds_tried: int = 25, kind: str = "", first: int = 0, moving: bool = False) -> str:
    """What the first seed that finds anything says; only of those with such a channel. `first`: one that did. `moving`:
    slots are moved all the time, and nothing else happens."""
    for seed in (first, *range(seeds_tried)):
        told = towns.TownStory(seed)
        if kind and kind not in [town.kind for town in told.city.towns]:
            told.world.discard()
            continue
        if moving:
            told.faults, told.world.slow_moves = [(0.3, told.world.move_slots)], 0.5
        try:
            told.play()
        except Wrong as fault:
            return str(fault).partition("\nlast events")[0]
    return ""


# -- who hears what, and what was missed -----------------------------------------------------------------------------


def test_one_who_was_removed_and_hears_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 6.2."""
    heard = Audience.after_commit

    def loyal(self: Any, batch: list[Any]) -> None:
        heard(self, [item for item in batch if type(item) is not Seat or item.here])

    monkeypatch.setattr(Audience, "after_commit", loyal)
    assert "was removed and is told" in complaint(first=3)


def test_one_who_was_removed_and_reads_on_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 6.2."""
    monkeypatch.setattr(Register, "may_see", lambda self, me, channel, record, seat: seat is not None)
    assert "was removed and is answered" in complaint()


def test_devices_that_are_not_told_to_look_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChannelReading, "changed_since", lambda self, me, date: [])
    assert complaint(60, first=17)


def test_a_difference_with_a_hole_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    difference = ChannelReading.difference

    def holed(self: Any, *asked: Any) -> Missed:
        found = difference(self, *asked)
        return Missed(found.pts, found.events[:-1], found.final, found.too_long)

    monkeypatch.setattr(ChannelReading, "difference", holed)
    assert "the server" in complaint()


def test_a_difference_that_does_not_say_that_it_is_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    difference = ChannelReading.difference

    def short(self: Any, *asked: Any) -> Missed:
        found = difference(self, *asked)
        return Missed(found.pts, found.events, found.final)

    monkeypatch.setattr(ChannelReading, "difference", short)
    assert "the server" in complaint()


def test_an_audience_that_forgets_who_comes_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever arrives has to be looked up: his channels' posts are told to him from then on."""
    monkeypatch.setattr(Audience, "arrived", lambda self, user: self._channels.setdefault(user, set()))
    assert complaint()


# -- messages --------------------------------------------------------------------------------------------------------


def test_posts_sent_twice_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Posting.send

    def forgetful(self: Any, me: int, channel: int, draft: Any, random_id: int, **more: Any) -> Any:
        return send(self, me, channel, draft, next(NUMBERS), **more)

    monkeypatch.setattr(Posting, "send", forgetful)
    assert complaint()


def test_a_scheduled_post_that_is_forgotten_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Posting.send_many

    def lazy(self: Any, me: int, channel: int, drafts: Any, **more: Any) -> Any:
        if drafts[0][1].scheduled and next(NUMBERS) % 3 == 0:
            raise errors.CHAT_WRITE_FORBIDDEN()
        return send(self, me, channel, drafts, **more)

    monkeypatch.setattr(Posting, "send_many", lazy)
    assert "and is lost" in complaint(first=3)


def test_a_pin_that_is_not_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    append = eventlog.append

    def quiet(txn: Any, user: int, event: Any, **more: Any) -> Any:
        return None if type(event) is ev.MessagesPinned else append(txn, user, event, **more)

    monkeypatch.setattr(eventlog, "append", quiet)
    assert "pinned=" in complaint()


def test_a_history_that_is_not_deleted_whole_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    remove = changing.remove

    def some(txn: Any, channel: int, msg_ids: Any, now: int, origin: Any) -> Any:
        return remove(txn, channel, list(msg_ids)[:-1] if len(msg_ids) > 1 else msg_ids, now, origin)

    monkeypatch.setattr(changing, "remove", some)
    assert "was deleted" in complaint(60, first=2)


# -- comments, topics ------------------------------------------------------------------------------------------------


def test_a_read_mark_of_a_thread_that_other_devices_are_not_told_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = eventlog.append

    def quiet(txn: Any, user: int, event: Any, **more: Any) -> Any:
        return None if type(event) is ev.ThreadRead else append(txn, user, event, **more)

    monkeypatch.setattr(eventlog, "append", quiet)
    assert "unread" in complaint(60, first=12)


@pytest.mark.parametrize(("kind", "words"), [(FORUM, "in topic"), (PAPER, "comments on")])
def test_own_messages_that_count_as_unread_are_found(
    monkeypatch: pytest.MonkeyPatch, kind: str, words: str
) -> None:
    unread = threads.unread

    def blind(reader: Any, channel: int, top: int, viewer: int, read_max: int) -> int:
        return unread(reader, channel, top, 0, read_max)

    monkeypatch.setattr(threads, "unread", blind)
    assert words in complaint(kind=kind)


def test_comments_that_are_counted_and_gone_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    take = threads.take
    monkeypatch.setattr(threads, "take", lambda txn, channel, gone, pts: take(txn, channel, (), pts))
    assert complaint(kind=PAPER)


def test_a_post_that_is_not_told_of_its_comments_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tell = threads.tell_post

    def lossy(txn: Any, group: int, root: int, thread: Any) -> None:
        if thread.replies < 2:
            tell(txn, group, root, thread)

    monkeypatch.setattr(threads, "tell_post", lossy)
    assert "its copy" in complaint(kind=PAPER)


# -- opinions --------------------------------------------------------------------------------------------------------


def test_votes_that_are_counted_twice_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier vote of who votes again stays in the count."""
    change = counting.change

    def again(txn: Any, poll_id: int, poll: Any, user: int, places: Any, now: int) -> Any:
        was = txn.get(VOTES, poll_id, user)
        made = change(txn, poll_id, poll, user, places, now)
        if was is None:
            return made
        counts = tuple(count + (place in was.places) for place, count in enumerate(made.counts))
        return counting.put(txn, poll_id, structs.replace(made, counts=counts))

    monkeypatch.setattr(counting, "change", again)
    assert "voted" in complaint()


def test_a_poll_that_takes_votes_after_its_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    put = counting.put

    def open_again(txn: Any, poll_id: int, poll: Any) -> Any:
        return put(txn, poll_id, structs.replace(poll, closed=False))

    monkeypatch.setattr(counting, "put", open_again)
    assert "closed" in complaint(first=3)


def test_views_that_are_counted_twice_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    view = Counters.view

    def twice(self: Any, me: int, channel: int, msg_ids: Any) -> None:
        view(self, me, channel, msg_ids)
        for msg_id in msg_ids:
            self._add(channel, msg_id, 2, 0)

    monkeypatch.setattr(Counters, "view", twice)
    assert "views are" in complaint(kind=PAPER)


# -- files, slots, the admin log -------------------------------------------------------------------------------------


@pytest.mark.parametrize("forgotten", ["hold_body", "drop_body"])
def test_files_that_are_not_counted_are_found(monkeypatch: pytest.MonkeyPatch, forgotten: str) -> None:
    """They go while a message names them, or stay for ever."""
    monkeypatch.setattr(holding, forgotten, lambda txn, body: None)
    assert complaint()


def test_a_move_that_loses_what_is_written_meanwhile_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mover, "_tail", lambda self, source, batch: {})
    assert complaint(moving=True)


def test_a_title_that_the_admin_log_does_not_tell_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    note = journal.note

    def forgetful(txn: Any, channel: int, entry: Any) -> None:
        if entry.kind != journal.TITLE:
            note(txn, channel, entry)

    monkeypatch.setattr(journal, "note", forgetful)
    assert "admin log" in complaint(60, first=4)
