"""What is alive: auth keys in use and the sessions on them. They outlive sockets.

A session is (the key its packets come under, session_id). Its permanent key is its login: sessions over temporary keys
share it once they are bound. Objects here are small and slotted: there is one of each for every idle client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Protocol

from tgserve.mtproto.cipher import AuthKey, seal_kit
from tgserve.mtproto.salts import Salts
from tgserve.mtproto.session import Session
from tgserve.mtproto.transport.detect import Channel
from tgserve.rpc.context import Caller, Login, SessionRef
from tgserve.services.keys import KeyInfo


class Wire(Protocol):
    """A connection, as sessions and the gateway see it."""

    channel: Channel
    head: Callable[[int], bytes] | None
    live: LiveSession | None

    def send(self, data: bytes) -> None:
        """Write now, behind what was said."""

    def say(self, data: bytes) -> None:
        """Queue bytes; they are written once, at the end of the loop's turn."""

    def finish(self) -> None:
        """Close when all that is queued has been written."""

    def hold(self, seconds: float) -> None:
        """Answer the HTTP requests that wait now after so many seconds at the latest; none waits any more with 0."""


class Keeper(Protocol):
    """The gateway, as a session sees it."""

    online: Online

    def soil(self, live: LiveSession) -> None:
        """Something of this session waits to be written."""

    def tell(self, sessions: Iterable[LiveSession], bodies: Sequence[bytes]) -> None:
        """Push the same updates to each of a crowd."""

    def session_due(self, live: LiveSession, now: float) -> float | None:
        """The wheel looks at the session."""


class LiveLogin(Login):
    """A permanent key's login and the keys its sessions use: itself, and temporary ones bound to it."""

    __slots__ = ("keys",)

    def __init__(self, auth_key_id: int) -> None:
        super().__init__(auth_key_id)
        self.keys: list[LiveKey] = []

    def sessions(self) -> list[LiveSession]:
        return [live for key in self.keys for live in key.sessions.values()]


class LiveKey:
    """A key some session uses: cipher, whose login it is, and its sessions by session_id."""

    __slots__ = ("cipher", "dc_id", "info", "login", "salt", "salt_until", "sessions")

    def __init__(self, info: KeyInfo, login: LiveLogin) -> None:
        self.info = info
        self.cipher = AuthKey(info.raw)
        self.login = login
        self.sessions: dict[int, LiveSession] = {}
        self.dc_id = 0
        """The DC named in the key exchange, 0 when none was."""
        self.salt = 0
        self.salt_until = 0.0


class LiveSession(Caller):
    """A session with its connections. `connection` is the one last heard of; answers and updates go there."""

    __slots__ = (
        "connection",
        "core",
        "dirty",
        "gateway",
        "held",
        "key",
        "kit",
        "left",
        "more",
        "outbox",
        "over",
        "period",
        "present",
        "tick",
    )

    def __init__(self, gateway: Keeper, key: LiveKey, session_id: int, core: Session) -> None:
        Caller.__init__(self, key.login, session_id)
        self.tick = 0
        self.gateway = gateway
        self.key = key
        self.core = core
        self.outbox = core.outbox
        self.kit = b""
        """What sealing takes, in one piece (cipher.seal_kit), with the salt of half-hour `period`."""
        self.period = -1
        self.connection: Wire | None = None
        self.more: list[Wire] | None = None
        self.dirty = False
        self.over = False
        """Its login ended: the connections are cut when nothing is left to be said."""
        self.left = 0.0
        """When the last connection went, monotonic; 0.0 while there is one."""
        self.present = 0
        """The user whose presence this session's socket was reported for, 0 for none."""
        self.held: list[tuple[int, int, bytes]] | None = None
        """Packets that no HTTP request was there to carry."""

    def answer(self, msg_id: int, body: bytes) -> None:
        self.core.answer(msg_id, body)
        if not self.dirty:
            self.gateway.soil(self)

    def push(self, body: bytes) -> None:
        """Queue an update, encoded for this session's layer."""
        core = self.core
        if core.outbox.deaf:
            return  # it is told to ask for everything as it is
        core.outbox.push(body)
        if core.outbox.lost:
            core.mark_lost()
        if not self.dirty:
            self.gateway.soil(self)

    def equip(self, salts: Salts, period: int) -> None:
        """Make the kit for another half-hour."""
        cipher = self.key.cipher
        self.kit = seal_kit(cipher, salts.of_period(cipher.id, period), self.core.session_id)
        self.period = period

    def temp_key(self) -> tuple[int, bytes, int] | None:
        info = self.key.info
        return (info.auth_key_id, info.raw, info.expires) if info.expires else None

    def subscribe(self) -> None:
        self.subscribed = True
        self.gateway.online.add(self)

    def speaks(self, layer: int) -> None:
        super().speaks(layer)
        self.gateway.online.changed(self.login.user_id)

    def rebind(self, login: LiveLogin) -> None:
        """The temporary key was bound: what this session said belongs to the permanent key from now on."""
        self.login = login
        self.ref = SessionRef(login.auth_key_id, self.ref.session_id)
        self.gateway.online.add(self)

    def attach(self, connection: Wire) -> bool:
        """Make `connection` the one to answer on; True when the session had none."""
        current = self.connection
        self.connection = connection
        if current is None:
            self.left = 0.0
            return True
        if self.more is None:
            self.more = [current]
        else:
            if connection in self.more:
                self.more.remove(connection)
            self.more.append(current)
        return False

    def detach(self, connection: Wire, now: float) -> bool:
        """`connection` is gone; True when it was the last one."""
        if self.more is not None:
            if connection in self.more:
                self.more.remove(connection)
            if self.connection is connection and self.more:
                self.connection = self.more.pop()
            if not self.more:
                self.more = None
        if self.connection is connection:
            self.connection = None
            self.left = now
            return True
        return False

    def connections(self) -> list[Wire]:
        """All of them, the one last heard of first."""
        first = [] if self.connection is None else [self.connection]
        return first + (self.more or [])

    def due(self, now: float) -> float | None:
        return self.gateway.session_due(self, now)


def _nobody_asks(user: int) -> None:
    """Until the app has wired who wants to know."""


class Online:
    """user id -> the sessions that take his updates, with or without a socket."""

    __slots__ = ("_sessions", "arrived", "changed", "departed", "of_key")

    def __init__(self) -> None:
        self._sessions: dict[int, list[LiveSession]] = {}
        self.arrived: Callable[[int], None] = _nobody_asks
        """Called with a user whose first session takes updates."""
        self.departed: Callable[[int], None] = _nobody_asks
        self.changed: Callable[[int], None] = _nobody_asks
        """Called with a user who has a session more or less that takes updates, or one that takes them otherwise."""
        self.of_key: Callable[[int], Iterable[LiveSession]] = self._of_key
        """The sessions of a permanent key."""

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, live: LiveSession) -> None:
        """Called whenever something of (signed in, subscribed) may have become true; twice is once."""
        user = live.login.user_id
        if not user or not live.subscribed:
            return
        of_user = self._sessions.get(user)
        if of_user is None:
            self._sessions[user] = [live]
            self.arrived(user)
        elif live not in of_user:
            of_user.append(live)
            self.changed(user)

    def remove(self, live: LiveSession, user: int) -> None:
        of_user = self._sessions.get(user)
        if of_user is not None and live in of_user:
            of_user.remove(live)
            if of_user:
                self.changed(user)
            else:
                del self._sessions[user]
                self.departed(user)

    def _of_key(self, auth_key_id: int) -> Iterable[LiveSession]:
        everybody = chain.from_iterable(self._sessions.values())
        return [live for live in everybody if live.ref.auth_key_id == auth_key_id]

    def of(self, user: int) -> list[LiveSession] | tuple[()]:
        return self._sessions.get(user, ())

    def connected(self) -> int:
        """Users of whom a session has a socket now."""
        sessions = self._sessions.values()
        return sum(1 for of_user in sessions if any(live.connection is not None for live in of_user))

    def users(self) -> list[int]:
        return list(self._sessions)
