"""The front of the daemon: packets to sessions, calls to the dispatcher, answers and updates back to sockets.

Everything runs on the loop's thread without waiting, from the bytes of a packet to the queue of the store. Sessions
with something to say are noted and written once at the end of the loop's turn; their deadlines are on one wheel.

Rules: no packet is looked into before its msg_key is verified (SECURITY 3.1); a key nobody knows is -404, a fault of
ours never is (2.6); a session outlives its sockets for limits.SESSION_SECONDS and is what answers and updates are kept
in; a login's end cuts its sockets, after the answer when its own client asked (5.6, CLIENTS A.5.9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Any

from tgserve import limits, log, metrics
from tgserve.clock import Clock
from tgserve.errors import ProtocolError, StoreError
from tgserve.ids import Ids
from tgserve.mtproto import events as ev
from tgserve.mtproto.cipher import open_frame, padding_of, quick_ack_token, seal_frame, seal_with
from tgserve.mtproto.constructors import DESTROY_AUTH_KEY_FAIL, DESTROY_AUTH_KEY_NONE, DESTROY_AUTH_KEY_OK
from tgserve.mtproto.containers import PACK_BYTES, PACK_MESSAGES, Packet, join
from tgserve.mtproto.handshake import NewKey
from tgserve.mtproto.outbox import ACK_DELAY_SECONDS, ACKS_AT_ONCE, Outgoing, notice_id
from tgserve.mtproto.salts import PERIOD_SECONDS, Salts
from tgserve.mtproto.session import Session
from tgserve.mtproto.transport.detect import Frame
from tgserve.rpc.context import Caller, Device
from tgserve.rpc.dispatcher import Dispatcher
from tgserve.rpc.driver import Driver
from tgserve.server.budgets import Sockets, holder
from tgserve.server.connection import Connection
from tgserve.server.doors import Doors
from tgserve.server.exchange import Exchange
from tgserve.server.lifecycle import contain
from tgserve.server.live import LiveKey, LiveLogin, LiveSession, Online, Wire
from tgserve.server.proxies import Proxies
from tgserve.server.timers import Wheel
from tgserve.services.auth import Auth
from tgserve.services.keys import KeyInfo, SessionEnded, SignedInKey
from tgserve.services.login_tokens import TokenAccepted
from tgserve.services.presence import Presence
from tgserve.tl import layers
from tgserve.tl import types as t

_U64 = Struct("<Q").unpack_from
_PLAIN = bytes(8)
_SESSION_AT = 8
_log = log.get("gateway")
_packets = metrics.counter("tgserve_packets_total", "encrypted packets received")
_unknown_keys = metrics.counter("tgserve_unknown_keys_total", "packets under keys this server does not have")
_forged = metrics.counter("tgserve_forged_packets_total", "packets whose msg_key was wrong")
_forgotten = metrics.counter("tgserve_sessions_forgotten_total", "sessions dropped, by reason", ("reason",))


class Gateway:
    """`dispatcher` and `exchange` need the gateway: the composition root sets them before the first connection."""

    dispatcher: Dispatcher
    exchange: Exchange
    doors: Doors

    def __init__(
        self,
        auth: Auth,
        presence: Presence,
        clock: Clock,
        ids: Ids,
        driver: Driver,
        *,
        home_dc: int,
        sockets_per_address: int = limits.CONNECTIONS_PER_ADDRESS,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self.clock = clock
        self.wheel = Wheel(clock)
        self.online = Online()
        self.online.of_key = self.sessions_of
        self.sockets = Sockets(sockets_per_address)
        self.proxies = Proxies(trusted_proxies)
        self.connections: set[Connection] = set()
        self.salts = Salts(ids.random_bytes(32))
        self.sessions = 0
        self.draining = False
        """The server stops: what comes now is left for the next start, clients send it again."""
        self._auth = auth
        self._keys = auth.keys
        self._presence = presence
        self._ids = ids
        self._driver = driver
        self._home_dc = home_dc
        self._live: dict[int, LiveKey] = {}
        self._logins: dict[int, LiveLogin] = {}
        self._floors: dict[int, int] = {}
        self._named_dc: dict[int, int] = {}
        self._soiled: list[LiveSession] = []
        self._spoken: list[Connection] = []
        self._turn = False
        self._loop: asyncio.AbstractEventLoop | None = None
        metrics.gauge("tgserve_connections", "open sockets", lambda: len(self.connections))
        metrics.gauge("tgserve_sessions", "sessions kept, with and without a socket", lambda: self.sessions)
        metrics.gauge(
            "tgserve_users_online",
            "users with a connected session that takes updates",
            lambda: self.online.connected(),
        )
        self._idle: dict[LiveSession, None] = {}
        self.parted: Callable[[LiveSession], None] = _nobody_minds
        """Called with a session whose last connection is gone."""

    # -- connections ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.wheel.start()

    def stop(self) -> None:
        self.wheel.stop()
        self.flush()
        for connection in list(self.connections):
            connection.finish()
        self.flush()

    def met(self, connection: Connection, address: str) -> bool:
        """A socket was accepted. One of too many of its address is told so when it speaks; False: of far too many."""
        self.connections.add(connection)
        connection.address = address
        return self.proxies.trusts(address) or self.named(connection, address)

    def named(self, connection: Connection, address: str) -> bool:
        """Count the socket for `address`; as `met`."""
        if connection.counted:
            self.sockets.leave(holder(connection.counted))
        connection.address = connection.counted = address
        count = self.sockets.enter(holder(address))
        connection.crowded = 0 < self.sockets.most < count
        return not connection.crowded or count <= 2 * self.sockets.most

    def lost(self, connection: Connection) -> None:
        if connection not in self.connections:
            return
        self.connections.discard(connection)
        if connection.counted:
            self.sockets.leave(holder(connection.counted))
        now = self.clock.monotonic()
        live, connection.live = connection.live, None
        others, connection.others = connection.others, None
        for one in (live, *(others or ())):
            if one is not None and one.detach(connection, now):
                self._left(one, now)

    def leaves(self, connection: Connection, transport: Any, data: bytes) -> None:
        self.doors.leaves(connection, transport, data)

    # -- packets ----------------------------------------------------------------------------------------------------

    def packet(self, connection: Connection, frame: Frame) -> None:
        """One packet of a client. Hot: nothing here waits or logs."""
        if self.draining:
            return
        payload = frame.payload
        key_id = payload[:8]
        live = connection.live
        if live is not None and live.key.cipher.id_bytes == key_id:
            key = live.key
            if key.info.expires and key.info.expires <= self.clock.now():
                connection.refuse(-404)
                self._drop_key(key)
                return
        elif key_id == _PLAIN:
            self.exchange.receive(connection, payload)
            return
        else:
            try:
                found = self._key(_U64(payload)[0]) if len(payload) >= 8 else None
            except StoreError as fault:
                _log.error("key.unread", exc=fault, ip=connection.address)
                connection.refuse(None)  # never -404: the client would throw its key away (SECURITY 2.6)
                return
            if found is None:
                _unknown_keys.inc()
                connection.refuse(-404)
                return
            key = found
        _packets.value += 1
        try:
            plain = open_frame(key.cipher, payload)
        except ProtocolError as fault:
            _forged.inc()
            connection.refuse(fault.code)
            return
        session_id: int = _U64(plain, _SESSION_AT)[0]
        if live is None or live.key is not key or live.core.session_id != session_id:
            known = key.sessions.get(session_id) or self._new_session(key, session_id)
            if known is None:
                connection.refuse(-429)
                return
            live = known
        if frame.quick_ack:
            token = connection.channel.quick_ack(quick_ack_token(key.cipher, plain))
            if token:
                connection.say(token)
        connection.proven = True
        if live.connection is connection and not live.left:
            self._receive(connection, live, plain)
        else:
            self._receive_elsewhere(connection, live, plain)

    def _receive(self, connection: Connection, live: LiveSession, plain: bytes) -> None:
        """A packet over the session's own connection."""
        try:
            events = live.core.receive(plain, now=self.clock.now(), salts=self.salts)
        except ProtocolError as fault:
            connection.refuse(fault.code)
            return
        self._act(connection, live, events)

    def _receive_elsewhere(self, connection: Connection, live: LiveSession, plain: bytes) -> None:
        """A packet over a connection that is not (any more) the session's: it becomes that when the packet is new, or
        when there is no other; so a recorded packet draws nothing away. A refusal is told where the packet came."""
        core = live.core
        now = self.clock.now()
        try:
            events = core.receive(plain, now=now, salts=self.salts)
        except ProtocolError as fault:
            connection.refuse(fault.code)
            return
        if not core.accepted and live.connection is not None:
            for packet in core.refusals(now):
                if connection.channel.duplex or connection.channel.waiting:
                    self._send(connection, live, packet)
            if connection.channel.waiting:
                connection.hold(limits.HTTP_WAIT_SECONDS)
            return
        self._attach(connection, live)
        core.on_connected(now, duplex=connection.channel.duplex)
        self._act(connection, live, events)

    def _act(self, connection: Connection, live: LiveSession, events: list[ev.Event]) -> None:
        for event in events:
            if type(event) is ev.Invoke:
                if not live.login.auth_key_id and live.key.info.permanent is not None:
                    self._rebind(live.key)
                self.dispatcher.invoke(live, event.msg_id, event.body)
            else:
                self._event(connection, live, event)
        outbox = live.core.outbox
        if live.dirty:
            return
        if outbox.queue or outbox.again or live.over or connection.channel.kind == "http":
            self.soil(live)
        elif outbox.acks:
            # Nothing to say yet: the acknowledgement waits for the answer, the wheel sees to it that not for long.
            if len(outbox.acks) >= ACKS_AT_ONCE:
                self.soil(live)
            else:
                self.wheel.arm(live, self.clock.monotonic() + ACK_DELAY_SECONDS)

    def _attach(self, connection: Connection, live: LiveSession) -> None:
        connection.head = connection.channel.head
        if live.attach(connection):
            self._idle.pop(live, None)
            self._tell_presence(live)
        live.over = False
        if live.ip != connection.address:
            live.ip = connection.address
        live.host = connection.host
        dc_id = self._dc(connection, live.key)
        if live.dc_id != dc_id:
            live.dc_id = dc_id
            self.online.changed(live.login.user_id)
        current = connection.live
        if current is not live:
            if current is not None:
                if connection.others is None:
                    connection.others = []
                if live in connection.others:
                    connection.others.remove(live)
                if current not in connection.others:
                    connection.others.append(current)
            connection.live = live

    def _dc(self, connection: Connection, key: LiveKey) -> int:
        """The DC this client believes it talks to: the transport says, or the key exchange did, or it is home."""
        named = connection.channel.dc_id or key.dc_id
        return named if 1 <= named <= 5 else self._home_dc

    def _event(self, connection: Connection, live: LiveSession, event: ev.Event) -> None:
        """What is not a call: rare enough for a ladder."""
        kind = type(event)
        if kind is ev.DisconnectAfter:
            connection.disconnect_after(min(event.seconds, limits.PING_DISCONNECT_SECONDS))  # type: ignore[union-attr]
        elif kind is ev.HttpWait:
            connection.hold(min(event.max_wait / 1000, limits.HTTP_WAIT_SECONDS))  # type: ignore[union-attr]
        elif kind is ev.DestroySession:
            self._destroy_session(live, event.session_id)  # type: ignore[union-attr]
        elif kind is ev.DestroyAuthKey:
            self._destroy_key(live)

    # -- writing ----------------------------------------------------------------------------------------------------

    def soil(self, live: LiveSession) -> None:
        """The session may have something to say: it is asked at the end of this turn of the loop."""
        live.dirty = True
        self._soiled.append(live)
        if not self._turn:
            self._turn = True
            if self._loop is not None:
                self._loop.call_soon(self.flush)

    def spoken(self, connection: Connection) -> None:
        self._spoken.append(connection)
        if not self._turn:
            self._turn = True
            if self._loop is not None:
                self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what all sessions and connections have to say, one write for each socket."""
        self._turn = False
        now = self.clock.now()
        soiled, self._soiled = self._soiled, []
        rest = iter(soiled)
        while not contain("session.write", self._write_all, rest, now):
            pass  # a fault costs its session alone: the others are left in the iterator
        spoken, self._spoken = self._spoken, []
        for each in spoken:
            each.flush()

    def _write_all(self, sessions: Iterator[LiveSession], now: float) -> None:
        """Most sessions have one message to send: that goes the short way."""
        watched = "_send" in vars(self)  # a trace stands in its place (tracing.py)
        for live in sessions:
            live.dirty = False
            connection = live.connection
            if connection is None:
                continue
            out = live.core.outbox.single(now) if connection.channel.kind != "http" and not watched else None
            if out is None:
                self._write(live, now)
                continue
            self._send_out(connection, live, out)
            if live.over and not live.running:
                for one in live.connections():
                    one.finish()

    def tell(self, sessions: Iterable[LiveSession], bodies: Sequence[bytes]) -> None:
        """Push the same updates to each of a crowd and write them at once: what a session is made of is touched once,
        not now and again at the end of the turn. Who has something waiting, or no socket, gets them as by `push`."""
        if not bodies:
            return
        rest = iter(sessions)
        fits = len(bodies) <= PACK_MESSAGES and sum(len(body) + 16 for body in bodies) <= PACK_BYTES
        while not contain("session.write", self._tell_all, rest, bodies, fits, self.clock.now()):
            pass

    def _tell_all(
        self, sessions: Iterator[LiveSession], bodies: Sequence[bytes], fits: bool, now: float
    ) -> None:
        """Thousands of sessions that nobody has looked at since the last post: each object touched here is a wait for
        memory, so what they have in common is made once, and the rest of what sealing takes is one piece (live.kit)."""
        slow = not fits or "_send" in vars(self)  # a trace stands in its place (tracing.py)
        notice, period = notice_id(now), int(now // PERIOD_SECONDS)
        body = bodies[0] if len(bodies) == 1 else None
        rest, size = (self._padded(body), len(body)) if body is not None else (b"", 0)
        kind: Callable[[int], bytes] | None = None
        front = b""
        for live in sessions:
            connection, outbox = live.connection, live.outbox
            head = connection.head if connection is not None else None
            if (
                connection is None
                or live.dirty
                or slow
                or (head is None and connection.channel.kind == "http")
            ):
                for each in bodies:
                    live.push(each)
                continue
            packet = outbox.direct(body, notice) if body is not None else outbox.direct_all(bodies, notice)
            if outbox.busy and outbox.lost:
                live.core.mark_lost()
            if packet is None:
                self.soil(live)
                continue
            msg_id, seq_no, content = packet
            if live.period != period:
                live.equip(self.salts, period)
            if body is None:
                rest, size = self._padded(content), len(content)
            sealed = seal_with(live.kit, msg_id, seq_no, size, rest)
            if head is None:
                connection.send(connection.channel.wrap(sealed))
                continue
            if head is not kind:
                kind, front = head, head(len(sealed))  # they all have one size
            connection.send(front + sealed)

    def _padded(self, body: bytes) -> bytes:
        return body + self._ids.padding(padding_of(len(body)))

    def _send_out(self, connection: Wire, live: LiveSession, out: Outgoing) -> None:
        """Send the only message that waited."""
        core, key, msg_id = live.core, live.key, out.msg_id
        if core.outbox.lost:
            core.mark_lost()
        if msg_id >> 32 >= key.salt_until:
            self._renew_salt(key)
        packet = seal_frame(
            key.cipher, key.salt, core.session_id, msg_id, out.seq_no, out.body, self._ids.padding
        )
        connection.send(connection.channel.wrap(packet))

    def _write(self, live: LiveSession, now: float) -> None:
        connection = live.connection
        if connection is None:
            return
        if connection.channel.duplex:
            for packet in live.core.outgoing(now):
                self._send(connection, live, packet)
            if live.core.outbox.acks:
                deadline = live.core.deadline(now)
                if deadline is not None:
                    self.wheel.arm(live, self.clock.monotonic() + deadline - now)
        else:
            self._respond(live, now)
        if live.over and not live.running:
            for one in live.connections():
                one.finish()

    def _send(self, connection: Any, live: LiveSession, packet: Packet) -> None:
        key = live.key
        msg_id, seq_no, body = packet
        if msg_id >> 32 >= key.salt_until:
            self._renew_salt(key)
        connection.say(
            connection.channel.wrap(
                seal_frame(
                    key.cipher, key.salt, live.core.session_id, msg_id, seq_no, body, self._ids.padding
                )
            )
        )

    def _renew_salt(self, key: LiveKey) -> None:
        now = self.clock.now()
        key.salt = self.salts.current(key.cipher.id, now)
        key.salt_until = (now // PERIOD_SECONDS + 1) * PERIOD_SECONDS

    # -- HTTP: one packet for each request that waits ---------------------------------------------------------------

    def _respond(self, live: LiveSession, now: float) -> None:
        """Give the waiting requests of this session what there is to say; the rest of them go on waiting."""
        waiting = [one for one in live.connections() if one.channel.waiting]
        held = live.held or []
        if waiting and (held or live.core.pending):
            held += live.core.response(now)
        while held and waiting:
            self._send(waiting[0], live, held.pop(0))
            if not waiting[0].channel.waiting:
                waiting.pop(0).hold(0)
        live.held = held or None
        for one in waiting:
            one.hold(limits.HTTP_WAIT_SECONDS)

    def overdue(self, connection: Connection) -> None:
        """Requests have waited long enough: acknowledgements, or an empty container, are an answer too."""
        live = connection.live
        now = self.clock.now()
        if live is None:
            connection.finish()
            return
        told = live.core.response(now)
        while connection.channel.waiting:
            if told:
                self._send(connection, live, told.pop(0))
            else:
                outbox = live.core.outbox
                self._send(connection, live, (outbox.next_id(now, 3), outbox.contents * 2, join([])))
        if told:
            live.held = (live.held or []) + told

    # -- keys and sessions ------------------------------------------------------------------------------------------

    def _key(self, key_id: int) -> LiveKey | None:
        """A key by its id: in use, or known to the store. One that was dropped or has expired is not known."""
        info = self._keys.key_or_none(key_id)
        key = self._live.get(key_id)
        if key is not None:
            if key.info is info:
                return key
            self._drop_key(key)
        return None if info is None else LiveKey(info, _NOBODY)

    def _adopt(self, key: LiveKey) -> None:
        """The key's first session: from now on it is one of those in use."""
        key_id = key.cipher.id
        self._live[key_id] = key
        key.dc_id = self._named_dc.get(key_id, 0)
        key.login = self._login(key.info)
        key.login.keys.append(key)

    def _login(self, info: KeyInfo) -> LiveLogin:
        """The login of a key, the same object for all keys bound to one permanent key."""
        if not info.bound:
            return LiveLogin(0)
        owner = info.owner
        login = self._logins.get(owner.auth_key_id)
        if login is None:
            record = owner.record
            login = LiveLogin(owner.auth_key_id)
            login.user_id = record.user_id
            login.bot = self._auth.is_bot(record.user_id)
            login.layer = record.layer
            login.ip = record.ip
            login.device = Device(
                record.api_id,
                record.device_model,
                record.system_version,
                record.app_version,
                "",
                record.lang_pack,
                record.lang_code,
            )
            self._logins[owner.auth_key_id] = login
        return login

    def _rebind(self, key: LiveKey) -> None:
        """A temporary key was bound since its sessions began."""
        before = key.login
        key.login = login = self._login(key.info)
        login.keys.append(key)
        for live in key.sessions.values():
            live.rebind(login)
            self._tell_presence(live)
        if before.layer:
            login.layer = before.layer
            login.device = before.device
            login.ip = before.ip
            self._keys.touch(key.info, login.layer, login.device, login.ip)
        self.online.changed(login.user_id)

    def _new_session(self, key: LiveKey, session_id: int) -> LiveSession | None:
        """None when the key has too many sessions with sockets (SECURITY 2.8)."""
        if not key.sessions:
            self._adopt(key)
        elif len(key.sessions) >= limits.SESSIONS_PER_KEY:
            oldest = min(
                (one for one in key.sessions.values() if one.connection is None),
                key=lambda one: one.left,
                default=None,
            )
            if oldest is None:
                return None
            self._forget(oldest, "per_key")
        if self.sessions >= limits.SESSIONS and self._idle:
            self._forget(next(iter(self._idle)), "all")
        core = Session(
            key.cipher.id, session_id, ids=self._ids, not_before=self._floors.get(key.cipher.id, 0)
        )
        live = LiveSession(self, key, session_id, core)
        live.left = self.clock.monotonic()
        key.sessions[session_id] = live
        self.sessions += 1
        self._left(live, live.left)
        return live

    def _left(self, live: LiveSession, now: float) -> None:
        """The session has no socket any more: it waits for the next one, for a while."""
        self._tell_presence(live)
        self.parted(live)
        self._idle[live] = None
        self.wheel.arm(live, now + limits.SESSION_SECONDS)

    def session_due(self, live: LiveSession, now: float) -> float | None:
        if live.connection is None:
            end = live.left + limits.SESSION_SECONDS
            if now >= end:
                self._forget(live, "expired")
                return None
            return end
        deadline = live.core.deadline(self.clock.now())
        if deadline is None:
            return None
        wait = deadline - self.clock.now()
        if wait <= 0:
            if not live.dirty:
                self.soil(live)
            return None
        return now + wait

    def _forget(self, live: LiveSession, reason: str) -> None:
        """Drop a session. A message it had received is never taken again: by its age when the session has expired,
        else by a floor under the key's msg_ids (SECURITY 3.7)."""
        key = live.key
        if key.sessions.pop(live.core.session_id, None) is None:
            return
        _forgotten.of(reason).inc()
        self.sessions -= 1
        self._idle.pop(live, None)
        self.online.remove(live, live.login.user_id)
        if live.present:
            self._presence.disconnected(live.present)
            live.present = 0
        received = live.core.window.ids
        if received and reason != "expired":
            self._raise_floor(key.cipher.id, received[-1] + 4)
        for one in live.connections():
            if one.live is live:
                one.live = None
            one.finish()
        if not key.sessions:
            self._drop_key(key)

    def _raise_floor(self, key_id: int, msg_id: int) -> None:
        floors = self._floors
        if len(floors) >= limits.KEYS_CACHED:
            young = (int(self.clock.now()) - limits.REPLAY_SECONDS) << 32
            self._floors = floors = {key: floor for key, floor in floors.items() if floor > young}
            while len(floors) >= limits.KEYS_CACHED:
                del floors[next(iter(floors))]
        floors[key_id] = max(msg_id, floors.get(key_id, 0))

    def _drop_key(self, key: LiveKey) -> None:
        """No session uses the key any more, or none may."""
        for live in list(key.sessions.values()):
            self._forget(live, "key")
        if self._live.pop(key.cipher.id, None) is not None:
            login = key.login
            login.keys.remove(key)
            if not login.keys:
                self._logins.pop(login.auth_key_id, None)

    def _destroy_session(self, live: LiveSession, session_id: int) -> None:
        other = live.key.sessions.get(session_id)
        if other is not None:
            other.core.destroy()
            other.subscribed = False
            self.online.remove(other, other.login.user_id)
        live.core.session_destroyed(session_id, other is not None)

    def _destroy_key(self, live: LiveSession) -> None:
        """destroy_auth_key: gone from the disk first, then said; the key's sockets end behind the answer."""

        def ended(gone: bool | None, fault: BaseException | None) -> None:
            if fault is not None:
                _log.error("key.destroy", exc=fault)
                live.core.auth_key_destroyed(DESTROY_AUTH_KEY_FAIL)
            else:
                live.core.auth_key_destroyed(DESTROY_AUTH_KEY_OK if gone else DESTROY_AUTH_KEY_NONE)
                live.over = True
            if not live.dirty:
                self.soil(live)

        self._driver.start(self._destroyed(live.key.info), ended)

    async def _destroyed(self, info: KeyInfo) -> bool:
        if not info.temporary:
            return await self._auth.destroy_key(info.auth_key_id)
        if info.permanent is None:
            self._keys.forget(info.auth_key_id)
        else:
            others = set(info.permanent.record.temporary) - {info.auth_key_id}
            await self._keys.drop_temporary(info.permanent.auth_key_id, others)
        return True

    # -- logins -----------------------------------------------------------------------------------------------------

    def touch(self, caller: Caller) -> None:
        """The dispatcher's: a client told of its layer or device."""
        if isinstance(caller, LiveSession) and caller.login.auth_key_id:
            login = caller.login
            self._keys.touch(caller.key.info, login.layer, login.device, login.ip)

    def key_made(self, made: NewKey) -> None:
        """The exchange's: a key is kept; its first salt is good from now on (SECURITY 1.14)."""
        now = self.clock.now()
        self.salts.remember_first(made.key.id, made.salt, now)
        if made.dc_id:
            if len(self._named_dc) >= limits.HANDSHAKES_OPEN:
                self._named_dc.pop(next(iter(self._named_dc)))
            self._named_dc[made.key.id] = made.dc_id

    def sessions_of(self, auth_key_id: int) -> list[LiveSession]:
        """The sessions of a permanent key, with and without sockets."""
        login = self._logins.get(auth_key_id)
        return login.sessions() if login is not None else []

    def in_use(self, auth_key_id: int) -> bool:
        """Whether a client with this permanent key has a socket now."""
        login = self._logins.get(auth_key_id)
        return login is not None and any(live.connection is not None for live in login.sessions())

    def committed(self, batch: list[Any]) -> None:
        """Bus subscriber, in front of the fan-out: sign-ins and ends of logins."""
        for item in batch:
            kind = type(item)
            if kind is SignedInKey:
                self._signed_in(item.auth_key_id, item.user_id)
            elif kind is SessionEnded:
                self._ended(item.auth_key_id, item.own)
            elif kind is TokenAccepted:
                self._token_accepted(item.auth_key_id)

    def _signed_in(self, auth_key_id: int, user_id: int) -> None:
        login = self._logins.get(auth_key_id)
        if login is None:
            return
        for live in login.sessions():
            self.online.remove(live, login.user_id)
        login.user_id = user_id
        login.bot = self._auth.is_bot(user_id)
        for live in login.sessions():
            self.online.add(live)
            self._tell_presence(live)

    def _token_accepted(self, auth_key_id: int) -> None:
        """Another device has accepted the QR code that this key's client shows: it is told to ask again."""
        login = self._logins.get(auth_key_id)
        for live in login.sessions() if login is not None else ():
            if live.subscribed:
                news = t.UpdateShort(update=t.UpdateLoginToken(), date=int(self.clock.now()))
                live.push(layers.encode(news, live.layer or live.login.layer or layers.CURRENT))

    def _ended(self, auth_key_id: int, own: bool) -> None:
        login = self._logins.get(auth_key_id)
        if login is None:
            return
        for live in login.sessions():
            self.online.remove(live, login.user_id)
            if live.subscribed and not own:
                # An idle client calls nothing, and would learn of it hours later: so it asks at once, and hears 401.
                live.push(TOO_LONG)
            live.over = True
            if not live.dirty:
                self.soil(live)
        login.user_id = 0
        for live in login.sessions():
            self._tell_presence(live)

    def _tell_presence(self, live: LiveSession) -> None:
        """Whom this session's socket stands for, when that has changed."""
        user = live.login.user_id if live.connection is not None else 0
        before = live.present
        if user != before:
            live.present = user
            if before:
                self._presence.disconnected(before)
            if user:
                self._presence.connected(user)


def _nobody_minds(live: LiveSession) -> None:
    """Until the app has wired who does."""


TOO_LONG = layers.encode(t.UpdatesTooLong())
_NOBODY = LiveLogin(0)
"""Stands in a key that is looked at and not in use."""
