"""What goes to and fro on a login's sessions, for `tgserve session trace`: names, ids, sizes, errors, never content
(SECURITY 7.2).

While nobody traces, packets pass by without so much as a question: the gateway's two doors are replaced only as long as
a trace is open. A trace that nobody reads ends by itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tgserve.clock import Clock
from tgserve.errors import RpcError
from tgserve.mtproto import events as ev
from tgserve.mtproto.constructors import (
    GZIP_PACKED,
    MSG_CONTAINER,
    RPC_ERROR,
    RPC_RESULT,
    VECTOR,
    read_message,
    read_u32,
    read_u64,
)
from tgserve.mtproto.containers import Packet
from tgserve.rpc.wrappers import unwrap
from tgserve.server.connection import Connection
from tgserve.server.gateway import Gateway
from tgserve.server.live import LiveSession
from tgserve.tl.definitions import schema

KEPT = 2000
UNREAD_SECONDS = 15.0
MOST = 8
"""Traces open at once."""


@dataclass(frozen=True, slots=True)
class Step:
    """`way`: in, out."""

    number: int
    at: float
    session_id: int
    address: str
    way: str
    what: str
    msg_id: int
    bytes: int


@dataclass(slots=True)
class Trace:
    id: int
    user_id: int
    """0: one login only."""
    auth_key_id: int
    read_at: float
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=KEPT))
    count: int = 0

    def wants(self, live: LiveSession) -> bool:
        login = live.login
        return login.auth_key_id == self.auth_key_id if self.auth_key_id else login.user_id == self.user_id

    def after(self, number: int) -> list[Step]:
        return [step for step in self.steps if step.number > number]


class Tracing:
    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._traces: dict[int, Trace] = {}
        self._given = 0

    def start(self, user_id: int = 0, auth_key_id: int = 0) -> Trace | None:
        """None when too many are open."""
        self._tidy()
        if len(self._traces) >= MOST:
            return None
        self._given += 1
        trace = Trace(self._given, user_id, auth_key_id, self._clock.monotonic())
        self._traces[trace.id] = trace
        self._place()
        return trace

    def read(self, number: int) -> Trace | None:
        """An open trace; reading keeps it open."""
        self._tidy()
        trace = self._traces.get(number)
        if trace is not None:
            trace.read_at = self._clock.monotonic()
        return trace

    def stop(self, number: int) -> None:
        self._traces.pop(number, None)
        self._place()

    def _tidy(self) -> None:
        old = self._clock.monotonic() - UNREAD_SECONDS
        for number in [one.id for one in self._traces.values() if one.read_at < old]:
            del self._traces[number]
        self._place()

    def _place(self) -> None:
        """The instance's own attributes win over the methods of its class: there while there is a trace, else not."""
        own: dict[str, Any] = vars(self._gateway)
        if self._traces:
            own["_act"], own["_send"] = self._act, self._send
        else:
            own.pop("_act", None)
            own.pop("_send", None)

    def _act(self, connection: Connection, live: LiveSession, events: list[ev.Event]) -> None:
        wanted = self._wanted(live)
        if wanted:
            for event in events:
                if type(event) is ev.Invoke:
                    self._note(
                        wanted, live, connection, "in", called(event.body), event.msg_id, len(event.body)
                    )
                elif type(event) is not ev.Acked:
                    self._note(wanted, live, connection, "in", type(event).__name__, 0, 0)
        Gateway._act(self._gateway, connection, live, events)

    def _send(self, connection: Any, live: LiveSession, packet: Packet) -> None:
        wanted = self._wanted(live)
        if wanted:
            msg_id, _, body = packet
            for inner_id, what, size in said(msg_id, body):
                self._note(wanted, live, connection, "out", what, inner_id, size)
        Gateway._send(self._gateway, connection, live, packet)

    def _wanted(self, live: LiveSession) -> list[Trace]:
        old = self._clock.monotonic() - UNREAD_SECONDS
        return [trace for trace in self._traces.values() if trace.read_at >= old and trace.wants(live)]

    def _note(
        self,
        wanted: list[Trace],
        live: LiveSession,
        connection: Any,
        way: str,
        what: str,
        msg_id: int,
        size: int,
    ) -> None:
        now = self._clock.now()
        for trace in wanted:
            trace.count += 1
            trace.steps.append(
                Step(trace.count, now, live.core.session_id, connection.address, way, what, msg_id, size)
            )


def called(body: bytes | memoryview) -> str:
    """A call's method, and the layer it came in."""
    try:
        opened = unwrap(body)
        name = named(read_u32(opened.body)[0])
    except RpcError as error:
        return f"a call that cannot be read ({error.name})"
    return f"{name} (layer {opened.layer})" if opened.layer else name


def said(msg_id: int, body: bytes) -> list[tuple[int, str, int]]:
    """What a packet of ours has in it: (msg_id, name, bytes)."""
    if len(body) < 4:
        return [(msg_id, "nothing", len(body))]
    constructor = read_u32(body)[0]
    if constructor == MSG_CONTAINER:
        found: list[tuple[int, str, int]] = []
        at = 8
        for _ in range(read_u32(body, 4)[0]):
            inner_id, _, size = read_message(body, at)
            found += said(inner_id, body[at + 16 : at + 16 + size])
            at += 16 + size
        return found
    if constructor == RPC_RESULT:
        return [(msg_id, f"answer to {read_u64(body, 4)[0]}: {_result(body[12:])}", len(body))]
    return [(msg_id, named(constructor), len(body))]


def _result(body: bytes) -> str:
    constructor = read_u32(body)[0] if len(body) >= 4 else 0
    if constructor == RPC_ERROR:
        size = body[8]
        return f"error {read_u32(body, 4)[0]} {body[9 : 9 + size].decode('ascii', 'replace')}"
    if constructor == GZIP_PACKED:
        return "packed"
    return named(constructor)


def named(constructor: int) -> str:
    """Name of a method or constructor of any layer."""
    if constructor == VECTOR:
        return "vector"
    known = schema()
    return known[constructor].name if constructor in known else f"{constructor:08x}"
