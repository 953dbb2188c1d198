"""A client's MTProto: one key, sessions, one line at a time, calls that are sent again until they are answered.

Built on the mini client's cores. What a good client does: a call without answer for ANSWER_SECONDS, or an idle line
whose ping is not answered, costs the connection; on the next one everything unanswered is sent again, with the same
msg_id in the same session, or with a new one, or in a new session, as clients differ in that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from struct import pack
from typing import Any

from tests.sim.world import World
from tgserve.ids import Ids
from tgserve.mtproto.cipher import AuthKey
from tgserve.testing.miniclient import ClientSession, Message, ServerFault, Wire
from tgserve.testing.miniclient import session as told
from tgserve.testing.miniclient.results import decode_result
from tgserve.testing.miniclient.wire import Packet, TransportError
from tgserve.testing.virtual import Line
from tgserve.tl import functions, layers
from tgserve.tl.base import Request

ANSWER_SECONDS = 12.0
TICK_SECONDS = 3.0
PING_SECONDS = 50.0
CHAINS_AGAIN_SECONDS = 5.0
"""After a call was refused because of the one it named."""
PACKETED = ("abridged", "intermediate", "padded")
"""Transports on which a lost packet harms nothing but itself; the others break, as they must."""
KINDS = (*PACKETED, "full", "obf-abridged", "obf-intermediate", "obf-padded")

Answered = Callable[[Any, str], None]
"""(the decoded answer or None, the error's name or "")"""


@dataclass(eq=False)
class Call:
    request: Request[Any]
    answered: Answered
    body: bytes
    msg_ids: list[int] = field(default_factory=list)
    message: Message | None = None
    sent: float = 0.0
    tries: int = 0
    done: bool = False
    about: Any = None
    """What the device wants to remember of it."""


class Link(asyncio.Protocol):
    def __init__(self, world: World, name: str, key: bytes) -> None:
        self.world = world
        self.name = name
        self.key = AuthKey(key)
        self.ids = Ids(world.rng.getrandbits(64))
        self.session: ClientSession | None = None
        self.line: Line | None = None
        self.online = True
        """Whether the device wants to be connected."""
        self.stopped = False
        self.harmed = False
        """Something was lost or held back on this line: a gap in pts is nobody's fault."""
        self.calls: dict[int, Call] = {}
        self.open_calls: list[Call] = []
        self.chains = world.rng.random() < 0.5
        self.unchained = world.loop.time() if self.chains else float("inf")
        """Until then its sends do not name the one before."""
        self.said: list[tuple[float, bytes]] = []
        """The last packets sent over this line and when, for those who replay them."""
        self.sessions = 0
        self.lost_in = self.lost_out = self.doubled = 0.0
        """Chances of a packet towards the client, towards the server, and of one more copy."""
        self._wire: Wire | None = None
        self._containers: dict[int, list[int]] = {}
        self._inited = False
        self._heard = 0.0
        self._pinged = 0.0
        self._acks_at: asyncio.TimerHandle | None = None
        world.loop.call_later(world.rng.random() * TICK_SECONDS, self._tick)

    # -- the line ----------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Open a line if there is none and one is wanted; a refusal is tried again."""
        world, rng = self.world, self.world.rng
        if self.line is not None or not self.online or self.stopped:
            return
        self._wire = Wire(rng.choice(KINDS), self.ids, dc_id=2)
        fresh = self.session is None or rng.random() < 0.4
        if fresh:
            self._new_session()
        try:
            self.line = world.network.connect(self)
        except ConnectionRefusedError:
            self._later()
            return
        world.note(f"{self.name} connects, {self._wire.kind}{', new session' if fresh else ''}")
        self.line.client.tap = self._tap_out
        self.line.server.tap = self._tap_in
        self._heard = self._pinged = world.loop.time()
        self.harmed = False
        same_ids = not fresh and rng.random() < 0.5
        for call in list(self.open_calls):
            if not call.done:  # an answer may have come while sending
                self._send(call, again=same_ids)
        self.connected()

    def _new_session(self) -> None:
        salt = 0 if self.session is None else self.session.salt
        self.session = ClientSession(self.key, salt, self.ids, self.world.clock)
        self.sessions += 1
        self._inited = False
        self._containers.clear()

    def recorded(self) -> list[bytes]:
        """Packets the server has received over this line. (One it never got is no replay: whoever brings it, brings
        the session to his line, as a client that changes lines does.)"""
        line, now = self.line, self.world.loop.time()
        if line is None or not line.open or self.lost_out:
            return []
        return [packet for at, packet in self.said if now - at > 1.0]

    def cut(self) -> None:
        """The network takes the line away."""
        if self.line is not None:
            self.line.cut()

    def go_away(self) -> None:
        """Airplane mode: the line is gone and no other is wanted."""
        self.online = False
        self.cut()

    def come_back(self) -> None:
        self.online = True
        self.connect()

    def _later(self) -> None:
        self.world.loop.call_later(self.world.rng.uniform(0.05, 1.5), self.connect)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) and self._wire is not None
        hello = self._wire.hello()
        if hello:
            transport.write(hello)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.line is not None and not self.line.client.open:
            self.line = None
            self.said.clear()
            self.disconnected()
            self._later()

    def _tap_out(self, data: bytes) -> Iterable[bytes]:
        return self._copies(data, self.lost_out)

    def _tap_in(self, data: bytes) -> Iterable[bytes]:
        assert self._wire is not None
        copies = self._copies(data, self.lost_in)
        if not copies:
            self.harmed = True
        return copies

    def _copies(self, data: bytes, lost: float) -> list[bytes]:
        assert self._wire is not None
        if not (lost or self.doubled) or self._wire.kind not in PACKETED or len(data) < 8:
            return [data]
        if self.world.rng.random() < lost:
            return []
        return [data, data] if self.world.rng.random() < self.doubled else [data]

    # -- calls -------------------------------------------------------------------------------------------------------

    def call(self, request: Request[Any], answered: Answered, about: Any = None) -> Call:
        call = Call(request, answered, layers.encode(request), about=about)
        self.open_calls.append(call)
        if self.line is not None and self.line.client.open:
            self._send(call)
        return call

    def _send(self, call: Call, again: bool = False) -> None:
        """`again`: as it was sent before, if it was sent in this session."""
        session = self.session
        assert session is not None
        call.sent = self.world.loop.time()
        call.tries += 1
        if again and call.message is not None and call.msg_ids[-1] in self.calls:
            self.say(session.seal(call.message))
            return
        body = self._chained(call) + call.body
        if not self._inited:
            self._inited = True
            body = _wrapped(body)
        call.message = message = session.message(body)
        call.msg_ids.append(message.msg_id)
        self.calls[message.msg_id] = call
        if session.acks and self.world.rng.random() < 0.7:
            acks = session.acknowledge()
            assert acks is not None
            container = session.container([message, acks])
            self._containers[container.msg_id] = [message.msg_id]
            message = container
        self.say(session.seal(message))

    def _chained(self, call: Call) -> bytes:
        """invokeAfterMsg of the send before this one, if that has no answer yet: as TDLib keeps the order of a chat."""
        if not isinstance(call.request, functions.messages.SendMessage):
            return b""
        before = [one for one in self.open_calls if isinstance(one.request, functions.messages.SendMessage)]
        at = before.index(call) if call in before else 0
        if not at:
            return b""
        ids = before[at - 1].msg_ids
        if self.world.loop.time() < self.unchained or not ids or ids[-1] not in self.calls:
            self.loose(call)
            return b""
        return pack("<IQ", functions.core.InvokeAfterMsg.ID, ids[-1])

    def say(self, packet: bytes) -> None:
        if self.line is not None and self._wire is not None:
            self.said.append((self.world.loop.time(), packet))
            del self.said[:-8]
            self.line.client.write(self._wire.wrap(packet))

    def _end(self, call: Call) -> None:
        call.done = True
        if call in self.open_calls:
            self.open_calls.remove(call)
        for msg_id in call.msg_ids:
            self.calls.pop(msg_id, None)

    def _tick(self) -> None:
        """Unanswered for too long: the line is dead, or something was lost on it."""
        if self.stopped:
            return
        now = self.world.loop.time()
        self.world.loop.call_later(TICK_SECONDS, self._tick)
        if self.line is None:
            return
        oldest = min((call.sent for call in self.open_calls), default=now)
        if now - oldest > ANSWER_SECONDS or now - self._heard > PING_SECONDS + ANSWER_SECONDS:
            self.world.note(f"{self.name} gives the line up")
            self.cut()
        elif now - max(self._heard, self._pinged) > PING_SECONDS and self.session is not None:
            self._pinged = now
            self.say(self.session.seal(self.session.message(pack("<IQ", 0x7ABE77EC, 1))))

    # -- what comes --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.line is None or self._wire is None or self.stopped:
            return
        try:
            received = self._wire.receive(data)
        except (ValueError, KeyError):
            if not self.harmed:
                self.world.wrong(f"{self.name}: the transport {self._wire.kind} broke")
            self.cut()
            return
        self._heard = self.world.loop.time()
        for one in received:
            if isinstance(one, Packet):
                self._packet(one.payload)
            elif isinstance(one, TransportError):
                self.transport_error(one.code)
        session = self.session
        if session is not None and session.acks and self._acks_at is None:
            self._acks_at = self.world.loop.call_later(self.world.rng.uniform(0.1, 1.0), self._acknowledge)

    def transport_error(self, code: int) -> None:
        self.world.wrong(f"{self.name}: transport error {code}")

    def _acknowledge(self) -> None:
        self._acks_at = None
        if self.line is not None and self.session is not None and not self.stopped:
            acks = self.session.acknowledge()
            if acks is not None:
                self.say(self.session.seal(acks))

    def _packet(self, payload: bytes) -> None:
        if self.session is None:
            return
        try:
            events = self.session.open(payload)
        except ServerFault as fault:
            self.world.wrong(f"{self.name}: {fault}")
            return
        for event in events:
            if self.session is not None:
                self._event(event)

    def _event(self, event: told.Event) -> None:
        if isinstance(event, told.Result):
            call = self.calls.get(event.req_msg_id)
            if call is None:
                # of a call that had its answer by another try: what this one did is told by the difference
                self.harmed = True
                self.session_began()
            else:
                self._end(call)
                call.answered(decode_result(type(call.request), event.body, layers.CURRENT), "")
        elif isinstance(event, told.Failure):
            call = self.calls.get(event.req_msg_id)
            if event.name.startswith("MSG_WAIT"):
                self.unchained = max(self.unchained, self.world.loop.time() + CHAINS_AGAIN_SECONDS)
            if call is not None:
                self._end(call)
                call.answered(None, event.name)
        elif isinstance(event, told.Update):
            self.updates(layers.decode(event.body))
        elif isinstance(event, told.BadSalt):
            self._repeat(event.msg_id)
        elif isinstance(event, told.BadMessage):
            self._bad(event)
        elif isinstance(event, told.NewSession):
            self.session_began()

    def _bad(self, event: told.BadMessage) -> None:
        assert self.session is not None
        offset = self.session.server_time - self.world.clock.now()
        if event.code in (16, 17) and abs(offset - self.session.offset) > 1.0:
            self.session.offset = offset
        elif event.code in (16, 17, 32, 33):
            # The numbers of this session have gone astray, after losses or when clocks were set: another one's will do.
            self.session = None
            self.cut()
            return
        elif event.code != 20:
            self.world.wrong(f"{self.name}: bad_msg_notification {event.code}")
        self._repeat(event.msg_id)

    def _repeat(self, msg_id: int) -> None:
        for member in self._containers.pop(msg_id, [msg_id]):
            call = self.calls.get(member)
            if call is not None and not call.done and member == call.msg_ids[-1]:
                self.overtaken(call)
                self._send(call)

    def drop_calls(self, which: Callable[[Call], bool]) -> list[Call]:
        """The app was killed before it was answered: these calls are never sent again."""
        gone = [call for call in self.open_calls if which(call)]
        for call in gone:
            self._end(call)
        return gone

    # -- for the device ----------------------------------------------------------------------------------------------

    def overtaken(self, call: Call) -> None:
        """It was not taken as it was sent, and is sent again behind others."""

    def loose(self, call: Call) -> None:
        """It is sent behind another that is open, and does not say so."""

    def connected(self) -> None:
        """A line is open."""

    def disconnected(self) -> None:
        """The line is gone."""

    def session_began(self) -> None:
        """new_session_created: the server knows nothing of what it told us before."""

    def updates(self, update: Any) -> None:
        """An Updates object was pushed."""


def _wrapped(body: bytes) -> bytes:
    init = functions.core.InitConnection(
        api_id=1,
        device_model="Sim",
        system_version="1",
        app_version="1",
        system_lang_code="en",
        lang_pack="",
        lang_code="en",
        query=body,
    )
    return pack("<II", functions.core.InvokeWithLayer.ID, layers.CURRENT) + layers.encode(init)
