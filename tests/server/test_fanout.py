"""Committed events to sessions: once drawn, once encoded a layer, in order, faults contained."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tgserve.rpc.context import Login, SessionRef
from tgserve.server.fanout import Fanout
from tgserve.server.live import LiveSession, Online
from tgserve.services.bus import ChannelPollNews, StatusChanged
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t


class FakeSession:
    def __init__(self, user: int, key: int, layer: int = 0, connected: bool = True) -> None:
        self.login = Login(key, user)
        self.ref = SessionRef(key, 1)
        self.layer = layer
        self.dc_id = 2
        self.subscribed = True
        self.connection = object() if connected else None
        self.gateway = self
        self.got: list[Any] = []
        self.packets = 0

    def push(self, body: bytes) -> None:
        self.got.append(layers.decode(body))

    def tell(self, sessions: list[FakeSession], bodies: list[bytes]) -> None:
        """As the gateway: all of them in one packet."""
        for session in sessions:
            session.packets += 1
            for body in bodies:
                session.push(body)


class FakeCrowd:
    """All users 1 to 9 are in every channel; 6 is told in a form of his own what stands at an even pts."""

    def __init__(self) -> None:
        self.drawn: list[tuple[int, int]] = []
        self.ranks: dict[int, Any] = {}

    def members(self, channel: int) -> set[int]:
        return set(range(1, 10))

    of = members

    def special(self, item: Published) -> tuple[int, ...]:
        return (6,) if item.pts % 2 == 0 else ()

    def draw(self, item: Published, viewer: int) -> Any:
        self.drawn.append((item.pts, viewer))
        if item.pts == 13:
            raise ValueError("unlucky")
        return t.UpdateShort(update=t.UpdatePtsChanged(), date=item.pts * 100 + viewer)


class Rig:
    def __init__(self, *sessions: FakeSession) -> None:
        self.online = Online()
        self.sessions = sessions
        self.drawn: list[Published] = []
        self.encoded: list[int] = []
        for session in sessions:
            self.online.add(cast(LiveSession, session))
        self.crowd = FakeCrowd()
        self.fanout = Fanout(self.online, self.draw, self.draw_ephemeral, crowd=self.crowd)

    def draw(self, item: Published, viewer: int) -> Any:
        self.drawn.append(item)
        if item.pts == 13:
            raise ValueError("unlucky")
        if item.pts == 14:
            return None
        return t.UpdateShort(update=t.UpdatePtsChanged(), date=item.pts)

    def draw_ephemeral(self, news: Any, viewer: int) -> Any:
        return t.UpdateShort(update=t.UpdatePtsChanged(), date=viewer)


def published(user: int, pts: int, origin: SessionRef | None = None) -> Published:
    return Published(
        user_id=user, pts=pts, pts_count=1, event=ev.NewMessage(msg_id=pts), date=0, origin=origin
    )


def dates(session: FakeSession) -> list[int]:
    return [update.date for update in session.got]


def test_each_device_but_the_origin_is_told_in_order() -> None:
    one, two, other = FakeSession(5, 1), FakeSession(5, 2), FakeSession(6, 3)
    rig = Rig(one, two, other)
    rig.fanout.committed([published(5, 2), "something else", published(5, 3, one.ref), published(6, 2)])
    assert (dates(one), dates(two), dates(other)) == ([2], [2, 3], [2])


def test_nobody_online_costs_no_drawing() -> None:
    one = FakeSession(5, 1)
    rig = Rig(one)
    rig.fanout.committed([published(9, 2), published(5, 2, one.ref)])
    assert rig.drawn == [] and one.got == []


def test_drawn_once_and_encoded_once_a_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = [FakeSession(5, key, layer) for key, layer in enumerate((0, 232, 200, 200, 152))]
    rig = Rig(*sessions)
    seen: list[int] = []
    encode = layers.encode

    def counting(update: Any, layer: int = layers.CURRENT, dc: int = 0) -> bytes:
        seen.append(layer)
        return encode(update, layer, dc)

    monkeypatch.setattr(layers, "encode", counting)
    rig.fanout.committed([published(5, 2)])
    assert len(rig.drawn) == 1 and sorted(seen) == [152, 200, 232]
    assert all(dates(session) == [2] for session in sessions)


def test_a_fault_costs_its_own_update_only(caplog: pytest.LogCaptureFixture) -> None:
    one = FakeSession(5, 1)
    Rig(one).fanout.committed([published(5, pts) for pts in (12, 13, 14, 15)])
    assert dates(one) == [12, 15]
    assert [record.getMessage() for record in caplog.records] == ["fanout.draw"]


def test_what_is_fleeting_reaches_only_those_with_a_socket() -> None:
    here, away = FakeSession(5, 1), FakeSession(5, 2, connected=False)
    Rig(here, away).fanout.tell({5, 6}, StatusChanged(7, True, 100))
    assert dates(here) == [5] and away.got == []


def test_online_forgets_users_without_sessions() -> None:
    online = Online()
    one = cast(LiveSession, FakeSession(5, 1))
    online.add(one)
    online.add(one)
    assert list(online.of(5)) == [one] and len(online) == 1
    online.remove(one, 5)
    assert len(online) == 0 and list(online.of(5)) == []


def test_votes_in_a_channel_are_drawn_once_for_all_with_a_socket() -> None:
    here, there, away = FakeSession(5, 1), FakeSession(6, 2), FakeSession(7, 3, connected=False)
    Rig(here, there, away).fanout.tell({5, 6, 7}, ChannelPollNews(9))
    assert (dates(here), dates(there), dates(away)) == ([0], [0], [])


def test_posts_of_one_channel_go_to_its_crowd_in_one_packet() -> None:
    author, other_device = FakeSession(5, 1), FakeSession(5, 2)
    reader, named, away = FakeSession(7, 3, 200), FakeSession(6, 4), FakeSession(40, 5)
    rig = Rig(author, other_device, reader, named, away)
    rig.fanout.committed([published(-100, 11, author.ref), published(-100, 12), published(-100, 15)])
    assert dates(author) == [1200, 1500], "the device that posted is told of the others' posts alone"
    assert dates(other_device) == dates(reader) == [1100, 1200, 1500]
    assert dates(named) == [1100, 1206, 1500], "in order, with his own form where there is one"
    assert (other_device.packets, reader.packets, away.got) == (1, 1, [])
    assert rig.crowd.drawn == [(11, 0), (12, 0), (15, 0), (12, 6)]


def test_posts_among_other_news_keep_their_order() -> None:
    reader, named = FakeSession(7, 1), FakeSession(6, 2)
    Rig(reader, named).fanout.committed([published(-100, 11), published(7, 3), published(-200, 12)])
    assert dates(reader) == [1100, 3, 1200] and dates(named) == [1100, 1206]


def test_a_post_that_cannot_be_drawn_costs_itself_alone(caplog: pytest.LogCaptureFixture) -> None:
    reader = FakeSession(7, 1)
    Rig(reader).fanout.committed([published(-100, pts) for pts in (12, 13, 14)])
    assert dates(reader) == [1200, 1400]
    assert [record.getMessage() for record in caplog.records] == ["fanout.draw"]
