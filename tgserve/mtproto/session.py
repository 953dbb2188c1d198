"""One MTProto session: the state of (auth_key_id, session_id). It outlives sockets. Bytes and time in, events out.

What is done with a decrypted packet, in this order (SECURITY 3.5-3.11):
 1. salt: not valid -> bad_server_salt 48 with the right one, nothing else happens;
 2. msg_id known -> a repeat, which is never executed: its answer is sent again, or msg_detailed_info if it is large;
 3. msg_id outside the window -> 18, 16, 17, 20; 4. seq_no: parity 34, 35, order 32, 33;
 5. a container is walked by its byte lengths, checked as a whole (19, 64) before any of it is accepted, and refused as
    a whole under the container's msg_id; an unknown or broken body costs that message alone;
 6. MTProto's own messages are answered here (service.py); everything else is an Invoke event.
A refused message is not remembered: the client may send it again with the same msg_id (Web K does after 48).
No asyncio, no clock, no store here; only `unique_id` is random.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from tgserve.errors import INPUT_FETCH_ERROR, INPUT_FETCH_FAIL
from tgserve.ids import Ids
from tgserve.limits import GUNZIP_BYTES, MSG_ID_FUTURE_SECONDS, MSG_ID_PAST_SECONDS
from tgserve.mtproto import constructors as c
from tgserve.mtproto.containers import Malformed, Packet, Part, deflate, inflate, split
from tgserve.mtproto.events import Event, Invoke, NewSession
from tgserve.mtproto.outbox import ACK_DELAY_SECONDS, ANSWER, HTTP_RESEND_SECONDS, NOTICE
from tgserve.mtproto.replay import ANSWERED, CANCELLED, CONTAINER, FORGOTTEN, NO_ACK, RPC
from tgserve.mtproto.salts import Salts
from tgserve.mtproto.service import MUST_BE_EVEN, SERVICE, UNANSWERED
from tgserve.mtproto.state import State

ANSWER_REPEAT_MAX: Final = 4096
"""Bytes of an answer that is sent again unasked; of a larger one only msg_detailed_info."""


_result_head = c.result_head
_NO_CALL: Final = frozenset({0, c.GZIP_PACKED, c.MSG_CONTAINER, *SERVICE})
"""What a packet can begin with that is no call; 0: its body is broken."""


class Session(State):
    """`key_id`, `session_id`: unsigned 64-bit."""

    __slots__ = ("_ids", "_salt", "_salt_until", "accepted", "established")

    def __init__(
        self, key_id: int, session_id: int, *, ids: Ids, floor: int = 0, not_before: int = 0
    ) -> None:
        """`floor`: our msg_ids stay above it; `not_before`: the client's msg_ids below it are refused with 16 (the time
        of this start as a msg_id, or higher when an earlier session of the key was forgotten too soon)."""
        super().__init__(key_id, session_id, floor, not_before)
        self._ids = ids
        self._salt = -1
        self._salt_until = 0.0
        self.established = False
        self.accepted = False
        """Whether the last packet held anything new. Only then may its connection become the session's: a recorded
        packet played back over another connection must not draw the session's messages there."""

    # in

    def receive(self, plain: bytes, *, now: float, salts: Salts) -> list[Event]:
        """`plain`: a whole decrypted packet, salt to padding, its msg_key and length verified (cipher.open_frame), of
        this key and session. Raises ProtocolError for what ends the connection."""
        salt, _, msg_id, seq_no, length = c.read_header(plain)
        at, end = c.HEADER_BYTES, c.HEADER_BYTES + length
        self.accepted = False
        if (salt != self._salt or now >= self._salt_until) and not self._take_salt(salt, now, salts):
            body = c.bad_salt(c.BAD_SERVER_SALT, msg_id, seq_no, 48, salts.current(self.key_id, now))
            self.reply(body)
            return []
        constructor = c.read_u32(plain, at)[0] if length >= 4 else 0
        window = self.window
        ids = window.ids
        if (
            seq_no & 1
            and constructor not in _NO_CALL
            and self.established
            and ids
            and msg_id > ids[-1]
            and seq_no > window.seqs[-1]
            and not msg_id & 3
            and -MSG_ID_PAST_SECONDS <= (msg_id >> 32) - now <= MSG_ID_FUTURE_SECONDS
        ):
            # A call behind all that has come (so above what is forgotten, too): what is done with it below, for most
            # packets hold nothing else.
            self.accepted = True
            window.add(msg_id, seq_no, RPC, now)
            outbox = self.outbox
            if not outbox.acks:
                outbox.ack_since = now
            outbox.acks[msg_id] = None
            outbox.busy = True
            return [Invoke(msg_id, seq_no, plain[at:end])]
        if constructor == c.GZIP_PACKED and msg_id not in window.state:
            try:
                plain = inflate(plain, at + 4, end)
            except Malformed:
                return self._single(plain, at, end, 0, msg_id, seq_no, now, salts)
            at, end = 0, len(plain)
            constructor = c.read_u32(plain, 0)[0]
        if constructor == c.MSG_CONTAINER:
            return self._container(plain, at + 4, end, msg_id, seq_no, now, salts)
        return self._single(plain, at, end, constructor, msg_id, seq_no, now, salts)

    def _single(
        self,
        data: bytes,
        at: int,
        end: int,
        constructor: int,
        msg_id: int,
        seq_no: int,
        now: float,
        salts: Salts,
    ) -> list[Event]:
        window = self.window
        if msg_id in window.state:
            self._repeat(msg_id, seq_no, now)
            return []
        code = (
            window.refuses(msg_id, now) or _parity(constructor, seq_no) or window.misordered(msg_id, seq_no)
        )
        if code:
            self.refuse(msg_id, seq_no, code)
            return []
        events: list[Event] = []
        if not self.established:
            self._establish(msg_id, now, salts, events)
        self._deliver(data, at, end, constructor, msg_id, seq_no, now, salts, events)
        return events

    def _container(
        self, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
    ) -> list[Event]:
        window = self.window
        known = window.state.get(msg_id)
        if known is not None and not known & CONTAINER:
            self.refuse(msg_id, seq_no, 19)
            return []
        code = 0 if known else window.refuses(msg_id, now) or _parity(c.MSG_CONTAINER, seq_no)
        parts: list[Part] = []
        if not code:
            try:
                parts = split(data, at, end)
            except Malformed:
                code = 64
        code = (
            code
            or (0 if known else window.misordered(msg_id, seq_no))
            or self._check(data, parts, msg_id, now)
        )
        if code:
            self.refuse(msg_id, seq_no, code)
            return []
        events: list[Event] = []
        if not known:
            window.add(msg_id, seq_no, NO_ACK | CONTAINER, now)
            self.accepted = True  # new, even if all it holds is sent again
        if not self.established:
            self._establish(min([msg_id, *(part[0] for part in parts)]), now, salts, events)
        budget = GUNZIP_BYTES
        for inner, inner_seq, start, stop in parts:
            if inner in window.state:
                self._repeat(inner, inner_seq, now)
                continue
            body = data
            constructor = c.read_u32(data, start)[0]
            if constructor == c.GZIP_PACKED:
                try:
                    body = inflate(data, start + 4, stop, budget)
                    budget -= len(body)
                    start, stop = 0, len(body)
                    constructor = c.read_u32(body, 0)[0]
                except Malformed:
                    constructor = 0
                code = 64 if constructor == c.MSG_CONTAINER else _parity(constructor, inner_seq)
                if code:
                    self.refuse(inner, inner_seq, code)
                    continue
            self._deliver(body, start, stop, constructor, inner, inner_seq, now, salts, events)
        return events

    def _check(self, data: bytes, parts: list[Part], container_id: int, now: float) -> int:
        """The code to refuse the container with because of one of its messages, 0 if all may be accepted."""
        window = self.window
        order: list[tuple[int, int]] = []
        for msg_id, seq_no, start, _ in parts:
            if msg_id >= container_id:
                return 64
            if msg_id in window.state:
                continue
            code = window.refuses(msg_id, now)
            if code:
                return 20 if code == 16 else code
            constructor = c.read_u32(data, start)[0]
            if constructor != c.GZIP_PACKED:
                code = _parity(constructor, seq_no)
            code = code or window.misordered(msg_id, seq_no)
            if code:
                return code
            order.append((msg_id, seq_no))
        order.sort()
        for (low_id, low), (high_id, high) in pairwise(order):
            if low_id != high_id and (low > high or (low == high and low & 1)):
                return 32
        return 0

    def _deliver(
        self,
        data: bytes,
        at: int,
        end: int,
        constructor: int,
        msg_id: int,
        seq_no: int,
        now: float,
        salts: Salts,
        events: list[Event],
    ) -> None:
        """Remember and act on one accepted message. `constructor` 0: its body is broken."""
        self.accepted = True
        handler = SERVICE.get(constructor)
        if handler is None:
            bits = RPC if seq_no & 1 else RPC | NO_ACK
            self.window.add(msg_id, seq_no, bits, now)
            outbox = self.outbox
            if not outbox.acks:
                outbox.ack_since = now
            outbox.acks[msg_id] = None
            outbox.busy = True
            if constructor:
                events.append(Invoke(msg_id, seq_no, data[at:end]))
            else:
                self.fail(msg_id, INPUT_FETCH_FAIL.code, INPUT_FETCH_FAIL.name)
            return
        self.window.add(msg_id, seq_no, ANSWERED if seq_no & 1 else ANSWERED | NO_ACK, now)
        if seq_no & 1 and constructor in UNANSWERED:
            self.outbox.need_ack(msg_id, now)
        try:
            event = handler(self, data, at + 4, end, msg_id, seq_no, now, salts)
        except Malformed:
            self.fail(msg_id, INPUT_FETCH_ERROR.code, INPUT_FETCH_ERROR.name)
            return
        if event is not None:
            events.append(event)

    def _repeat(self, msg_id: int, seq_no: int, now: float) -> None:
        """A message that was received before: nothing is executed (SECURITY 3.7)."""
        if self.window.state[msg_id] & FORGOTTEN:
            self.refuse(msg_id, seq_no, 20)
            return
        out = self.outbox.answers.get(msg_id)
        if out is None:
            if seq_no & 1:
                self.outbox.need_ack(msg_id, now)
        elif not out.msg_id or len(out.body) <= ANSWER_REPEAT_MAX:
            self.outbox.send_again(out)
        else:
            size = len(out.body)
            self.reply(c.detailed_info(c.MSG_DETAILED_INFO, msg_id, out.msg_id, size, 0))

    def _take_salt(self, salt: int, now: float, salts: Salts) -> bool:
        until = salts.valid_until(self.key_id, salt, now)
        if until <= now:
            return False
        self._salt, self._salt_until = salt, until
        return True

    def _establish(self, first_msg_id: int, now: float, salts: Salts, events: list[Event]) -> None:
        """new_session_created, before anything else of this session (SECURITY 3.14)."""
        self.established = True
        unique_id = self._ids.u64()
        body = c.new_session(c.NEW_SESSION_CREATED, first_msg_id, unique_id, salts.current(self.key_id, now))
        self.outbox.put(body, NOTICE, content=True)
        events.append(NewSession(first_msg_id, unique_id))

    # out

    def answer(self, req_msg_id: int, body: bytes) -> None:
        """The outcome of an Invoke: a boxed result or rpc_error; packed when large and packable."""
        state, outbox = self.window.state, self.outbox
        bits = state.get(req_msg_id)
        if bits is not None:
            if bits & CANCELLED:
                return
            state[req_msg_id] = bits | ANSWERED
        if len(body) >= 1024:
            body = deflate(body)
        outbox.acks.pop(req_msg_id, None)
        outbox.put(_result_head(c.RPC_RESULT, req_msg_id) + body, ANSWER, True, req_msg_id)
        if outbox.lost:
            self.mark_lost()

    def push(self, body: bytes) -> None:
        """An update of the session's layer, as boxed bytes (shared between receivers, never copied)."""
        self.outbox.put(body, NOTICE, True)
        if self.outbox.lost:
            self.mark_lost()

    def session_destroyed(self, session_id: int, found: bool) -> None:
        """The answer to a DestroySession event."""
        constructor = c.DESTROY_SESSION_OK if found else c.DESTROY_SESSION_NONE
        self.reply(c.destroy_session_result(constructor, session_id))

    def auth_key_destroyed(self, outcome: int = c.DESTROY_AUTH_KEY_OK) -> None:
        """The answer to a DestroyAuthKey event: DESTROY_AUTH_KEY_OK, _NONE or _FAIL."""
        self.reply(c.u32(outcome))

    @property
    def pending(self) -> bool:
        """Something should be sent now (acknowledgements alone wait for `deadline`)."""
        return bool(self.outbox.queue or self.outbox.again)

    def deadline(self, now: float) -> float | None:
        """When `outgoing` must be called at the latest, None: nothing waits."""
        outbox = self.outbox
        if outbox.queue or outbox.again:
            return now
        return outbox.ack_since + ACK_DELAY_SECONDS if outbox.acks else None

    def outgoing(self, now: float) -> list[Packet]:
        """(msg_id, seq_no, body) of each packet to seal and send now on a duplex connection."""
        outbox = self.outbox
        if not outbox.queue and not outbox.again and not outbox.ack_due(now):
            return []
        packets = outbox.take(now, False)
        if outbox.lost:
            self.mark_lost()
        return packets

    def refusals(self, now: float) -> list[Packet]:
        """Only what was queued because the last packet was refused (bad_server_salt, bad_msg_notification), for the
        connection that packet came by when it is not the session's: `accepted` is False then."""
        return self.outbox.take_refusals(now)

    def response(self, now: float) -> list[Packet]:
        """The same for an HTTP response: acknowledgements do not wait. Normally one packet."""
        packets = self.outbox.take(now, True)
        if self.outbox.lost:
            self.mark_lost()
        return packets

    def on_connected(self, now: float, *, duplex: bool = True) -> None:
        """Another connection carries the session: call it once a packet of that connection was `accepted` (or while
        the session has no other), before anything is flushed to it. Everything unacknowledged is sent again; on HTTP,
        where each request may be another connection, only what has been on its way for long."""
        self.outbox.send_all_again(now, 0.0 if duplex else HTTP_RESEND_SECONDS)

    def destroy(self) -> None:
        """destroy_session named this session: forget everything except what was received (SECURITY 3.7). The gateway
        keeps the object until it has been idle long enough."""
        self.outbox.forget()
        self.established = False

    def mark_lost(self) -> None:
        """The client is told to ask again for answers that the outbox had no room for."""
        state = self.window.state
        for request in self.outbox.lost:
            if request in state:
                state[request] |= FORGOTTEN
        self.outbox.lost = []


def _parity(constructor: int, seq_no: int) -> int:
    """34 or 35 when the seq_no's lowest bit contradicts the kind of message, else 0."""
    if constructor in SERVICE or constructor == c.MSG_CONTAINER:
        return 34 if seq_no & 1 and constructor in MUST_BE_EVEN else 0
    return 0 if seq_no & 1 else 35
