"""What is found, by whom, and in which order; edits, deletions, crashes, rebuilds, faults."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.community import community, run
from tests.services.search.indexed import bodies, find, find_all, indexed, naive, say, search_of
from tests.waiting import until
from tgserve.errors import RpcError
from tgserve.services.boxes import NO_BOX, NO_DIALOG, View, insert
from tgserve.services.deleting import Clearing
from tgserve.services.editing import Change
from tgserve.services.history import Window
from tgserve.services.search import feed as feed_module
from tgserve.services.search import finding
from tgserve.services.search.feed import State
from tgserve.services.search.finding import Asked, Chats, Search
from tgserve.services.search.index import IndexFault
from tgserve.services.search.words import wanted
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import BODIES, BOXES, DIALOGS
from tgserve.store.slots import slot_of

ANN, BOB, EVE = 1_000_001, 1_000_002, 1_000_003
GROUP = -77


def test_6_4_each_finds_what_is_in_his_box(tmp_path: Path) -> None:
    """SECURITY 6.4: the index is one for all, answers come from one's own rows."""

    async def story() -> None:
        async with indexed(tmp_path) as c:
            one = await say(c, ANN, BOB, "a private Word for Bob")
            await say(c, ANN, ANN, "my own word")
            await say(c, EVE, BOB, "word of Eve, \u0080u1 \u0080ud4241 \u0080kphoto")
            assert await find(c, ANN, BOB, "word") == [one]
            assert await find(c, BOB, ANN, "word priv") == [1]
            assert await find(c, ANN, ANN, "word") == [2]
            assert await find_all(c, ANN, "word") == [2, 1]
            assert await find_all(c, BOB, "word") == [2, 1]
            assert await find_all(c, EVE, "word") == [1]
            assert await find(c, EVE, ANN, "word") == [] and await find(c, EVE, BOB, "private") == []
            assert await find_all(c, BOB, kinds=("photo",)) == []

    run(story())


def test_words_sender_dates(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            start = int(c.clock.now())
            texts = ["Über den Wolken", "the cloud is über us", "你好世界", "uber and over", "и Ёлка"]
            for number, text in enumerate(texts):
                await say(c, *((ANN, BOB) if number % 2 else (BOB, ANN)), text)
                c.clock.advance(10)
            assert await find(c, ANN, BOB, "UBER") == [4, 2, 1]
            assert await find(c, ANN, BOB, "us ub") == [2]
            assert await find(c, ANN, BOB, "好世") == [3] and await find(c, ANN, BOB, "елка") == [5]
            assert await find(c, ANN, BOB, "u") == [4, 2, 1]
            assert await find(c, ANN, BOB, "uber", author=ANN) == [4, 2]
            assert await find(c, ANN, BOB, "uber", author=EVE) == []
            assert await find(c, ANN, BOB, "", author=BOB) == [5, 3, 1]
            assert await find(c, ANN, BOB, "uber", since=start + 5, until=start + 30) == [2]
            assert await find(c, ANN, BOB, "..!") == []
            assert await find(c, ANN, BOB, '" OR tags:"') == []

    run(story())


def test_edits_and_deletions(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            s = c.services
            for number in range(4):
                await say(c, ANN, BOB, f"apple {number}")
            await s.editing.edit(ANN, BOB, 2, Change(b"pear"))
            await c.settle()
            # not yet indexed: an edited message is looked at once more
            found = await s.search.in_chat(ANN, BOB, Asked(wanted("apple")), Window())
            assert 2 not in [view.msg_id for view in found.page.views]
            assert await find(c, BOB, ANN, "apple") == [4, 3, 1] and await find(c, BOB, ANN, "pear") == [2]
            await s.deleting.delete(ANN, [1])
            await c.settle()
            assert await find(c, ANN, BOB, "apple") == [4, 3] and await find(c, BOB, ANN, "apple") == [
                4,
                3,
                1,
            ]
            await s.deleting.delete(BOB, [3], revoke=True)
            await c.settle()
            assert await find(c, ANN, BOB, "apple") == [4] and await find(c, BOB, ANN, "apple") == [4, 1]
            await s.deleting.delete_history(BOB, ANN, Clearing())
            await c.settle()
            assert await find(c, BOB, ANN, "apple") == [] and await find(c, ANN, BOB, "apple") == [4]
            assert s.search.feed.index.count() == len(bodies(c)) == 2
            await s.deleting.delete_history(ANN, BOB, Clearing(revoke=True))
            await c.settle()
            s.search.feed.step()
            assert s.search.feed.index.count() == 0

    run(story())


def test_pages(tmp_path: Path) -> None:
    """Every addressing, below and above what one question takes in."""

    async def story(most: int) -> None:
        async with indexed(tmp_path / str(most)) as c:
            for number in range(60):
                await say(
                    c, *((ANN, BOB) if number % 3 else (BOB, ANN)), "odd" if number % 2 else "even word"
                )
                c.clock.advance(number % 2 * 200)
            c.services.search.feed.step()
            every = naive(c, ANN, BOB, Asked(wanted("even")))
            assert len(every) == 30
            for offset in (0, 1, 20, 21, 40, 60, 99):
                for add in (-8, -3, 0, 2):
                    for low, high in ((0, 0), (10, 50)):
                        kept = [one for one in every if low < one < (high or 999)]
                        at = sum(1 for one in kept if one >= offset) if offset else 0
                        start = at + add
                        expected = kept[max(start, 0) : max(start + 5, 0)]
                        window = Window(offset, 0, add, 5, high, low)
                        assert await find(c, ANN, BOB, "even", window) == expected, (most, window)
            found = await c.services.search.in_chat(ANN, BOB, Asked(wanted("even")), Window(limit=5))
            assert found.page.count == 30 and not found.page.whole and found.inexact == (most < 30)

    with pytest.MonkeyPatch.context() as patch:
        run(story(2000))
        patch.setattr(finding, "HITS", 12)
        run(story(12))


def test_everywhere_pages_by_date(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            for number in range(30):
                await say(c, ANN, (BOB, EVE, ANN)[number % 3], f"word {number}")
                c.clock.advance(number % 4 // 2)
            every = await find_all(c, ANN, "word")
            assert every == list(range(30, 0, -1))
            before, seen = None, []
            while True:
                found = await c.services.search.everywhere(ANN, Asked(wanted("word")), limit=7, before=before)
                if not found.page.views:
                    break
                seen += [view.msg_id for view in found.page.views]
                last = found.page.views[-1]
                before = (last.body.date, last.msg_id)
                assert found.page.count == 30
            assert seen == every
            assert await find_all(c, ANN, "word", author=BOB) == []
            assert await find_all(c, ANN, "word", chats=Chats.GROUPS) == []
            assert await find_all(c, ANN, "word", folder=1) == []
            assert len(await find_all(c, ANN, "word", folder=0, limit=4)) == 4

    run(story())


def test_groups_by_their_rows(tmp_path: Path) -> None:
    """A group's message is one document; members find it by their own rows, others do not, nor those who deleted it."""

    async def story() -> None:
        async with indexed(tmp_path) as c:
            await post(c, ANN, [BOB], "meeting at noon")
            await post(c, BOB, [ANN, EVE], "meeting moved")
            assert c.services.search.feed.index.count() == 0
            assert await find(c, ANN, GROUP, "meet") == [2, 1]
            assert c.services.search.feed.index.count() == 2
            assert await find(c, ANN, GROUP, "meet", author=BOB) == [2]
            assert await find(c, EVE, GROUP, "meet") == [1]
            assert await find_all(c, EVE, "meet") == [1] and await find_all(c, EVE, "noon") == []
            assert await find_all(c, BOB, "meet", chats=Chats.GROUPS) == [2, 1]
            assert await find_all(c, BOB, "meet", chats=Chats.USERS) == []
            await c.services.deleting.delete(BOB, [2])
            assert await find(c, BOB, GROUP, "meet") == [1] and await find(c, ANN, GROUP, "meet") == [2, 1]

    run(story())


async def post(c: Any, author: int, others: list[int], text: str) -> None:
    """A group's message as its service will write it: the body once, a row in every member's box."""

    def work(txn: Any) -> tuple[int, r.Body]:
        box = txn.get(BOXES, author) or NO_BOX
        msg_id = box.msg_id + 1
        body = r.Body(author, int(c.clock.now()), text.encode(), holders=1 + len(others), peer=GROUP)
        row = r.Row(GROUP, author, msg_id, r.ROW_OUT)
        txn.put(BODIES, author, msg_id, value=body)
        dialog = txn.get(DIALOGS, author, GROUP) or NO_DIALOG
        txn.put(DIALOGS, author, GROUP, value=insert(txn, author, msg_id, row, dialog, body.date))
        view = View(author, msg_id, row, body)
        eventlog.append(txn, author, ev.NewMessage(msg_id), now=body.date, head=box, memo=view)
        for user in others:
            txn.outbox(slot_of(user), pl.Deliver(user, GROUP, author, msg_id, body.date), body)
        return msg_id, body

    await c.store.transact(slot_of(author), work)
    await c.settle()


def test_a_crash_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            s = c.services
            await say(c, ANN, BOB, "before one")
            await say(c, ANN, BOB, "before two")
            await say(c, ANN, BOB, "before three")
            s.search.feed.step()
            await say(c, BOB, ANN, "unseen new")
            await s.editing.edit(ANN, BOB, 1, Change(b"unseen edit"))
            await s.deleting.delete(ANN, [2], revoke=True)
            await c.settle()
            search_of(c, tmp_path)  # the queue of the old one is lost
            assert await find(c, ANN, BOB, "unseen") == [4, 1]
            assert await find(c, ANN, BOB, "before") == [3]
            assert s.search.feed.index.count() == len(bodies(c))
            assert s.search.feed.progress.total == 2
            again = search_of(c, tmp_path)
            again.feed.flush_marks()
            assert search_of(c, tmp_path).feed.progress.total == 0

    run(story())


def test_a_log_that_was_trimmed_means_the_box_anew(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            for number in range(6):
                await say(c, ANN, BOB, f"word {number}")
            c.services.search.feed.step()
            await c.services.deleting.delete(ANN, [1, 2], revoke=True)
            await say(c, ANN, BOB, "word 7")
            await c.store.transact(slot_of(ANN), lambda txn: eventlog.trim(txn, ANN, keep=0, before=2**31))
            search_of(c, tmp_path)
            assert await find(c, ANN, BOB, "word") == [7, 6, 5, 4, 3]
            assert c.services.search.feed.index.count() == len(bodies(c)) == 5

    run(story())


def test_a_queue_too_long_is_read_from_the_store(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(feed_module, "QUEUE_ITEMS", 5)
            async with indexed(tmp_path) as c:
                for number in range(20):
                    await say(c, ANN, BOB, f"word {number}")
                assert c.services.search.feed.waiting <= 8
                assert len(await find(c, ANN, BOB, "word")) == 20
                await say(c, ANN, BOB, "word more")
                assert len(await find(c, BOB, ANN, "word")) == 21

    run(story())


def test_rebuild_and_what_stands_in_while_there_is_no_index(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            search = c.services.search
            for number in range(6):
                await say(c, ANN, BOB, f"word {number}")
            assert len(await find(c, ANN, BOB, "word")) == 6
            search.feed.rebuild()
            assert search.feed.state is State.BUILDING
            found = await search.in_chat(ANN, BOB, Asked(wanted("word")), Window(limit=4))
            assert len(found.page.views) == 4 and found.inexact
            assert (await search.everywhere(ANN, Asked(wanted("word")), limit=4)).inexact
            search.feed.step()
            assert search.feed.state is State.READY and len(await find(c, ANN, BOB, "word")) == 6

    run(story())


def test_a_rebuild_that_is_asked_for_while_the_file_is_opened_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rebuild --wait` just behind a start on a slow disk."""

    async def story() -> None:
        async with community() as c:
            c.services.search = search = Search(
                c.store,
                c.clock,
                c.services.bus,
                c.services.history,
                tmp_path,
                c.services.channels.register,
                c.services.channels.reading,
            )
            feed, go = search.feed, threading.Event()
            real = feed.index.open

            def slow() -> None:
                go.wait(100)
                real()

            monkeypatch.setattr(feed.index, "open", slow)
            search.start()
            try:
                feed.rebuild()
                assert feed.state is State.BUILDING
                go.set()
                await until(lambda: feed.state is State.READY)
                assert not feed._rebuild
            finally:
                go.set()
                await search.stop()

    run(story())


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            await say(c, ANN, BOB, "word")
            assert await find(c, ANN, BOB, "word") == [1]
            await c.services.search.stop()
            c.services.search.feed.index.close()
            path = c.services.search.feed.index.path
            path.write_bytes(b"this is no database" * 1000)
            search_of(c, tmp_path)
            assert await find(c, ANN, BOB, "word") == [1]
            assert path.stat().st_mode & 0o777 == 0o600

    run(story())


def test_a_full_disk_pauses_the_index_and_nothing_else(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            feed = c.services.search.feed
            await say(c, ANN, BOB, "word one")
            feed.step()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(feed.index, "write", full)
                await say(c, ANN, BOB, "word two")
                with pytest.raises(IndexFault) as raised:
                    feed.step()
            feed.failed(raised.value)  # as the thread does
            assert feed.state is State.FAILED and "full" in feed.fault
            await say(c, ANN, BOB, "word three")
            found = await c.services.search.in_chat(ANN, BOB, Asked(wanted("word")), Window())
            assert [view.msg_id for view in found.page.views] == [3, 2, 1]
            feed.open()
            assert feed.fault == "" and await find_all(c, BOB, "word") == [3, 2, 1]

    run(story())


def full(*_: Any, **__: Any) -> None:
    raise IndexFault(Path("index.sqlite"), sqlite3.OperationalError("database or disk is full"))


def test_another_version_is_made_anew(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            await say(c, ANN, BOB, "word")
            c.services.search.feed.step()
            c.services.search.feed.index.close()
            base = sqlite3.connect(c.services.search.feed.index.path)
            base.execute("PRAGMA user_version=99")
            base.close()
            search_of(c, tmp_path)
            assert await find(c, ANN, BOB, "word") == [1]

    run(story())


def test_documents_without_bodies_are_scrubbed(tmp_path: Path) -> None:
    async def story() -> None:
        async with indexed(tmp_path) as c:
            for number in range(3):
                await say(c, ANN, BOB, f"word {number}")
            # Bob's copy goes last, and nobody hears of the body's end: his log does not name it
            await c.services.deleting.delete(ANN, [2])
            c.services.search.feed.step()
            c.services.search.feed.flush_marks()
            await c.services.deleting.delete(BOB, [2])
            await c.settle()
            search_of(c, tmp_path)
            index = c.services.search.feed.index
            c.services.search.feed.step()
            assert index.count() == 3
            assert await find(c, ANN, BOB, "word") == [3, 1]
            c.services.search.feed.scrub()
            assert index.count() == len(bodies(c)) == 2

    run(story())


people = st.sampled_from([(ANN, BOB), (BOB, ANN), (ANN, EVE), (ANN, ANN)])
texts = st.lists(
    st.sampled_from(["red", "Réd", "blue", "blu", "你好", "好", "👍", "b", "!"]), min_size=1, max_size=4
).map(" ".join)
ids = st.integers(1, 12)
deeds = st.one_of(
    st.tuples(st.just("send"), people, texts),
    st.tuples(st.just("send"), people, texts),
    st.tuples(st.just("edit"), people, ids, texts),
    st.tuples(st.just("delete"), people, st.lists(ids, max_size=4), st.booleans()),
    st.tuples(st.just("clear"), people, ids, st.booleans()),
    st.tuples(st.just("step")),
    st.tuples(st.just("crash")),
    st.tuples(st.just("rebuild")),
    st.tuples(st.just("wait"), st.integers(1, 90)),
)


@given(st.lists(deeds, max_size=25))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_index_finds_what_looking_finds(tmp_path_factory: Any, story_: list[tuple[Any, ...]]) -> None:
    folder = tmp_path_factory.mktemp("search")

    async def story() -> None:
        async with indexed(folder) as c:
            for deed in story_:
                with suppress(RpcError):
                    await do(c, folder, deed)
                await c.settle()
            c.services.search.feed.step()
            for me, peer in ((ANN, BOB), (BOB, ANN), (ANN, EVE), (EVE, ANN), (ANN, ANN)):
                for query in ("red", "bl", "b", "好", "你好", "👍", "red blue", "blu "):
                    asked = Asked(wanted(query))
                    assert await find(c, me, peer, query) == naive(c, me, peer, asked), (me, peer, query)
            for me in (ANN, BOB, EVE):
                expected = sorted(
                    one for peer in (ANN, BOB, EVE) for one in naive(c, me, peer, Asked(wanted("red")))
                )
                assert sorted(await find_all(c, me, "red")) == expected
            c.services.search.feed.scrub()
            held = {key for key in bodies(c) if c.services.search.feed.stored(*key) is not None}
            assert set(c.services.search.feed.index.bodies_after(0, 0, 10_000)) == held

    run(story())


async def do(c: Any, folder: Path, deed: tuple[Any, ...]) -> None:
    s = c.services
    match deed:
        case ("send", (me, peer), text):
            await say(c, me, peer, text)
        case ("edit", (me, peer), msg_id, text):
            await s.editing.edit(me, peer, msg_id, Change(text.encode()))
        case ("delete", (me, _), msg_ids, revoke):
            await s.deleting.delete(me, msg_ids, revoke=revoke)
        case ("clear", (me, peer), max_id, revoke):
            await s.deleting.delete_history(me, peer, Clearing(max_id, revoke=revoke))
        case ("step",):
            s.search.feed.step()
        case ("crash",):
            s.search.feed.index.close()
            search_of(c, folder)
        case ("rebuild",):
            s.search.feed.rebuild()
        case ("wait", seconds):
            c.clock.advance(seconds)


def test_without_a_start_chats_are_looked_through(tmp_path: Path) -> None:
    async def story() -> None:
        async with community() as c:
            await say(c, ANN, BOB, "word")
            found = await c.services.search.in_chat(BOB, ANN, Asked(wanted("wo")), Window())
            assert [view.msg_id for view in found.page.views] == [1] and not found.inexact
            assert await c.services.search.count(BOB, ANN, Asked(kinds=("photo",))) == (0, False)

    run(story())


def test_a_body_that_cannot_be_read_is_found_by_its_text(tmp_path: Path) -> None:
    """Media of a constructor that this version does not know end neither the thread nor a search."""

    async def story() -> None:
        async with indexed(tmp_path) as c:
            ann, _ = await c.sign_up("+9996620001", "Ann")
            unknown = b"\xde\xad\xbe\xef" * 4
            c.services.messaging.right_for = lambda media: 0  # a later version took it
            before = feed_module._undescribed.value
            odd = await say(c, ann, ann, "strange lemon", media=unknown, layer=1)
            even = await say(c, ann, ann, "plain lemon")
            assert await find(c, ann, ann, "lemon") == [even, odd]
            assert feed_module._undescribed.value > before
            c.services.search.feed.rebuild()
            assert await find_all(c, ann, "strange") == [odd]

    run(story())
