"""From what was committed to the sockets of those online: drawn once for each viewer, encoded once for each layer.

The bus hands over committed batches in commit order, and each is worked off before the next, on the loop's thread: so
pts arrive at every session in order, and nobody waits for a slow one (its queue is its own and bounded). A fault while
drawing one update is logged and counted and costs that update alone: the client sees the gap in pts and asks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from tgserve import log, metrics
from tgserve.server.live import LiveSession, Online
from tgserve.services.bus import ChannelPollNews, Ephemeral
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl.base import Raw

_log = log.get("fanout")
_pushed = metrics.counter("tgserve_updates_pushed_total", "updates queued for sessions")
_faults = metrics.counter("tgserve_fanout_faults_total", "updates that could not be drawn or encoded")

Draw = Callable[[Published, int], Any]
"""(what was committed, viewer's user id) -> Updates object, or None when there is nothing to say."""
DrawEphemeral = Callable[[Ephemeral, int], Any]


Kind = tuple[int, int]
"""Layer and data centre: sessions of one kind are told the same bytes."""
Ranks = dict[Kind, list[LiveSession]]


class Crowd(Protocol):
    """Those who are told what is committed in a channel's box (`user_id` < 0)."""

    ranks: dict[int, Ranks]
    """channel -> the sessions of its members, put there here, taken out there when they are not those any more."""

    def members(self, channel: int) -> Collection[int]:
        """Its members with sessions."""

    def of(self, channel: int) -> Collection[int]:
        """These, and others who are told."""

    def special(self, item: Published) -> Collection[int]:
        """Users who are told in a form of their own."""

    def draw(self, item: Published, viewer: int) -> Any:
        """The Updates for one of those; with viewer 0 for all others."""


class _News:
    """An event of a channel as most are told it, its bytes by (layer, data centre), and who is told otherwise."""

    __slots__ = ("encoded", "general", "item", "special")

    def __init__(self, item: Published, general: Any, special: Collection[int]) -> None:
        self.item = item
        self.general = general
        self.special = special
        self.encoded: dict[tuple[int, int], bytes] = {}


class Fanout:
    def __init__(
        self,
        online: Online,
        draw: Draw,
        draw_ephemeral: DrawEphemeral,
        *,
        home_dc: int = 2,
        crowd: Crowd | None = None,
    ) -> None:
        self._home_dc = home_dc
        self._crowd = crowd
        self._online = online
        self._draw = draw
        self._draw_ephemeral = draw_ephemeral

    def committed(self, batch: list[Any]) -> None:
        """Bus subscriber, behind the gateway (which takes note of sign-ins and sign-outs first)."""
        of = self._online.of
        told = [item for item in batch if type(item) is Published]
        if told and told[0].user_id < 0:
            channel = told[0].user_id
            if all(item.user_id == channel for item in told):
                self._broadcast(told, at_once=True)
                return
        for item in told:
            if item.user_id < 0:
                self._broadcast([item], at_once=False)
                continue
            sessions = of(item.user_id)
            if sessions:
                self._publish(item, sessions)

    def _publish(self, item: Published, sessions: Collection[LiveSession]) -> None:
        origin = item.origin
        if origin is not None and len(sessions) == 1:
            for only in sessions:
                if only.ref == origin:
                    return  # the device that did it, and there is no other
        try:
            update = self._draw(item, item.user_id)
        except Exception as fault:
            self._fault(fault, item, item.user_id)
            return
        if update is not None:
            self._push(update, sessions, origin)

    def _broadcast(self, items: list[Published], at_once: bool) -> None:
        """Events of one channel, to everybody online in it: each drawn once and encoded once for each layer, whoever it
        is for. `at_once`: there is nothing else to tell just now, so it is written, in one packet for each."""
        crowd = self._crowd
        channel = items[0].user_id
        present = crowd.of(channel) if crowd is not None else ()
        if crowd is None or not present:
            return
        news = [found for item in items if (found := self._drawn(crowd, item)) is not None]
        special: set[int] = set()
        for each in news:
            special.update(each.special)
        origins = {each.item.origin for each in news}
        of = self._online.of
        aside: set[LiveSession] = {live for user in special for live in of(user)}
        own = self._origins(origins, present, aside)
        for everybody in self._ranks(crowd, channel).values():
            sessions = [live for live in everybody if live not in aside] if aside else everybody
            if not sessions:
                continue
            bodies = [body for each in news if (body := self._body(each.general, sessions[0], each.encoded))]
            _pushed.value += len(sessions) * len(bodies)
            if at_once:
                sessions[0].gateway.tell(sessions, bodies)
                continue
            for live in sessions:
                for body in bodies:
                    live.push(body)
        for each in news:
            self._push(each.general, own, each.item.origin, each.encoded)
        for user in special:
            if user not in present:
                continue
            for each in news:
                if user not in each.special:
                    self._push(each.general, of(user), each.item.origin, each.encoded)
                    continue
                try:
                    update = crowd.draw(each.item, user)
                except Exception as fault:
                    self._fault(fault, each.item, user)
                    continue
                if update is not None:
                    self._push(update, of(user), each.item.origin)

    def _ranks(self, crowd: Crowd, channel: int) -> Ranks:
        """The sessions of the channel's members, in lists of one kind each."""
        ranks = crowd.ranks.get(channel)
        if ranks is None:
            ranks = {}
            of = self._online.of
            for user in crowd.members(channel):
                for live in of(user):
                    ranks.setdefault((live.layer or live.login.layer, live.dc_id), []).append(live)
            crowd.ranks[channel] = ranks
        return ranks

    def _origins(
        self, origins: Collection[tuple[int, int] | None], present: Collection[int], aside: set[LiveSession]
    ) -> list[LiveSession]:
        """The sessions that did it, put `aside`: of those who are told as most are."""
        own: list[LiveSession] = []
        for origin in origins:
            if origin is None:
                continue
            for live in self._online.of_key(origin[0]):
                user = live.login.user_id
                if (
                    live.ref == origin
                    and live not in aside
                    and user in present
                    and live in self._online.of(user)
                ):
                    own.append(live)
        aside.update(own)
        return own

    def _drawn(self, crowd: Crowd, item: Published) -> _News | None:
        try:
            special = crowd.special(item)
            general = crowd.draw(item, 0)
        except Exception as fault:
            self._fault(fault, item, item.user_id)
            return None
        return None if general is None else _News(item, general, special)

    def _fault(self, fault: Exception, item: Published, user: int) -> None:
        _faults.inc()
        _log.error("fanout.draw", exc=fault, kind=type(item.event).__name__, user=user)

    def tell(self, users: Collection[int], news: Ephemeral) -> None:
        """Bus subscriber for what is not stored: only sessions with a socket hear of it."""
        if type(news) is ChannelPollNews:
            self._tell_all(users, news)
            return
        for user in users:
            sessions = [live for live in self._online.of(user) if live.connection is not None]
            if not sessions:
                continue
            try:
                update = self._draw_ephemeral(news, user)
            except Exception as fault:
                _faults.inc()
                _log.error("fanout.draw", exc=fault, kind=type(news).__name__, user=user)
                continue
            if update is not None:
                self._push(update, sessions)

    def _tell_all(self, users: Collection[int], news: Ephemeral) -> None:
        """What is the same for all of them: drawn once."""
        try:
            update = self._draw_ephemeral(news, 0)
        except Exception as fault:
            _faults.inc()
            _log.error("fanout.draw", exc=fault, kind=type(news).__name__, user=0)
            return
        if update is None:
            return
        encoded: dict[tuple[int, int], bytes] = {}
        for user in users:
            sessions = [live for live in self._online.of(user) if live.connection is not None]
            if sessions:
                self._push(update, sessions, None, encoded)

    def _push(
        self,
        update: Any,
        sessions: Collection[LiveSession],
        origin: tuple[int, int] | None = None,
        encoded: dict[tuple[int, int], bytes] | None = None,
    ) -> None:
        """To all of them but the one that caused it. `encoded` keeps the bytes by (layer, data centre)."""
        if encoded is None:
            encoded = {}
        for live in sessions:
            if live.ref != origin:
                body = self._body(update, live, encoded)
                if body:
                    _pushed.value += 1
                    live.push(body)

    def _body(self, update: Any, live: LiveSession, encoded: dict[tuple[int, int], bytes]) -> bytes:
        """The bytes for one session; b"" for what cannot be said in its layer."""
        layer = live.layer or live.login.layer or layers.CURRENT
        dc = live.dc_id if live.dc_id != self._home_dc else 0
        if update.__class__ is Raw and update.min_layer <= layer and not (dc and update.dcs):
            data: bytes = update.data
            return data
        body = encoded.get((layer, dc))
        if body is None:
            try:
                body = layers.encode(update, layer, dc)
            except Exception as fault:
                _faults.inc()
                _log.error("fanout.encode", exc=fault, layer=layer, user=live.login.user_id)
                body = b""
            encoded[layer, dc] = body
        return body
