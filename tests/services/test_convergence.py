"""Whatever two people do, in whatever order: counters say what the rows hold, bodies go with their last holder, and a
device that was away ends with what a device that was there has."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.community import Community, community, run
from tgserve.errors import RpcError
from tgserve.services import boxes
from tgserve.services.deleting import Clearing
from tgserve.services.editing import Change
from tgserve.services.history import Window
from tgserve.services.messaging import Draft, ReplyTo
from tgserve.services.updates import Span
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.check import check_store
from tgserve.store.keyspaces import BACKREFS, BODIES, DIALOGS, PEER_ROWS, ROWS
from tgserve.store.slots import slot_of

ANN, BOB = 1_000_001, 1_000_002
people = st.sampled_from([(ANN, BOB), (BOB, ANN), (ANN, ANN)])
ids = st.integers(0, 12)
deeds = st.one_of(
    st.tuples(st.just("send"), people, ids),
    st.tuples(st.just("send"), people, ids),
    st.tuples(st.just("edit"), people, ids),
    st.tuples(st.just("delete"), people, st.lists(ids, max_size=4), st.booleans()),
    st.tuples(st.just("read"), people, ids),
    st.tuples(st.just("clear"), people, ids, st.booleans(), st.booleans()),
    st.tuples(st.just("draft"), people, ids),
    st.tuples(st.just("pin"), people, st.booleans()),
    st.tuples(st.just("settle"), people, ids),
)


class Deeds:
    def __init__(self, c: Community) -> None:
        self.c = c
        self.random_id = 0

    async def do(self, deed: tuple[Any, ...]) -> None:
        s = self.c.services
        match deed:
            case ("send", (me, peer), reply):
                self.random_id += 1
                draft = Draft(b"%d" % self.random_id, reply=ReplyTo(reply) if reply > 6 else None)
                await s.messaging.send(me, peer, draft, self.random_id)
            case ("edit", (me, peer), msg_id):
                self.random_id += 1
                await s.editing.edit(me, peer, msg_id, Change(b"e%d" % self.random_id))
            case ("delete", (me, _), msg_ids, revoke):
                await s.deleting.delete(me, msg_ids, revoke=revoke)
            case ("read", (me, peer), max_id):
                await s.reading.read_history(me, peer, max_id)
            case ("clear", (me, peer), max_id, just_clear, revoke):
                what = Clearing(max_id, just_clear=just_clear, revoke=revoke, marker=b"\x95\xdb\xa0\x9f")
                await s.deleting.delete_history(me, peer, what)
            case ("draft", (me, peer), number):
                await s.dialogs.save_draft(me, peer, b"d" * (number % 3), 232)
            case ("pin", (me, peer), pinned):
                await s.dialogs.pin(me, peer, pinned)
            case ("settle", _, _):
                await self.c.settle()


def check_box(c: Community, user: int) -> None:
    with c.store.read(slot_of(user)) as reader:
        rows = {key[1]: row for key, row in reader.range(ROWS, user)}
        packed = {key[2]: (key[1], value) for key, value in reader.range(PEER_ROWS, user)}
        assert rows.keys() == packed.keys()
        for msg_id, row in rows.items():
            assert boxes.unpack_row(user, packed[msg_id][0], msg_id, packed[msg_id][1]) == row
        back = {(key[1], key[2]): int.from_bytes(value, "big") for key, value in reader.range(BACKREFS, user)}
        assert back == {(row.author, row.author_msg_id): i for i, row in rows.items() if row.author != user}
        for (_, peer), dialog in reader.range(DIALOGS, user):
            mine = {i: row for i, row in rows.items() if row.peer == peer}
            unread = [i for i, row in mine.items() if boxes.unread(dialog, i, row.flags)]
            assert dialog.count == len(mine)
            assert dialog.top_message == max(mine, default=0)
            assert dialog.unread_count == len(unread)


def check_bodies(c: Community) -> None:
    holders: dict[tuple[int, int], int] = {}
    bodies: dict[tuple[int, int], r.Body] = {}
    for user in (ANN, BOB):
        with c.store.read(slot_of(user)) as reader:
            for _, row in reader.range(ROWS, user):
                holders[row.author, row.author_msg_id] = holders.get((row.author, row.author_msg_id), 0) + 1
            bodies |= {key: body for key, body in reader.range(BODIES, user)}
    assert {key: body.holders for key, body in bodies.items()} == holders


class Device:
    """A client's copy of a box, kept by what it is told."""

    def __init__(self, c: Community, user: int) -> None:
        self.c = c
        self.user = user
        self.pts = 1
        self.date = 1
        self.messages: dict[int, bytes] = {}
        self.settings: dict[Any, Any] = {}

    def catch_up(self) -> None:
        while True:
            missed = self.c.services.updates.difference(self.user, self.pts, self.date, pts_limit=3)
            if missed.span is Span.EMPTY:
                return
            assert missed.span in (Span.WHOLE, Span.SLICE)
            reached = self.pts
            for pts, logged in missed.events:
                if logged.pts_count:
                    assert pts == reached + logged.pts_count, "a hole in pts"
                    reached = pts
                self.apply(logged.event)
            assert missed.state.pts == reached
            assert missed.span is Span.WHOLE or reached > self.pts
            self.pts, self.date = reached, missed.state.date
            if missed.span is Span.WHOLE:
                return

    def apply(self, event: ev.Event) -> None:
        match event:
            case ev.NewMessage(msg_id) | ev.EditMessage(msg_id):
                view = self.c.services.history.message_or_none(self.user, msg_id)
                if view is not None:
                    self.messages[msg_id] = view.body.text
            case ev.DeleteMessages(msg_ids):
                for msg_id in msg_ids:
                    self.messages.pop(msg_id, None)
            case ev.DialogPinned(peer, pinned):
                self.settings["pin", peer] = pinned
            case ev.DraftChanged(peer):
                self.settings["draft", peer] = self.c.services.dialogs.head(self.user, peer).draft

    def check(self) -> None:
        """What it has is what the server has."""
        for peer in (ANN, BOB):
            page = self.c.services.history.page(self.user, peer, Window())
            for view in page.views:
                assert self.messages.pop(view.msg_id) == view.body.text
            head = self.c.services.dialogs.head(self.user, peer)
            assert self.settings.get(("pin", peer), False) == bool(head.pinned)
            assert self.settings.get(("draft", peer), b"") == head.draft
        assert not self.messages


@given(st.lists(deeds, max_size=40), st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_boxes_agree_and_devices_converge(story: list[tuple[Any, ...]], data: st.DataObject) -> None:
    async def play() -> None:
        async with community() as c:
            deeds = Deeds(c)
            devices = [Device(c, user) for user in (ANN, BOB) for _ in range(2)]
            present, away = devices[::2], devices[1::2]
            for deed in story:
                c.clock.advance(1)
                try:
                    await deeds.do(deed)
                except RpcError as error:
                    assert error.code in (400, 403)
                for device in present:
                    if data.draw(st.booleans()):
                        device.catch_up()
            await c.settle()
            for user in (ANN, BOB):
                check_box(c, user)
            check_bodies(c)
            assert not check_store(c.store).problems
            for device in (*present, *away):
                device.catch_up()
                device.check()

    run(play())
