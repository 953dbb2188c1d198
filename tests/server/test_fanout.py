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
        self.got: list[Any] = []

    def push(self, body: bytes) -> None:
        self.got.append(layers.decode(body))


class Rig:
    def __init__(self, *sessions: FakeSession) -> None:
        self.online = Online()
        self.sessions = sessions
        self.drawn: list[Published] = []
        self.encoded: list[int] = []
        for session in sessions:
            self.online.add(cast(LiveSession, session))
        self.fanout = Fanout(self.online, self.draw, self.draw_ephemeral)

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
