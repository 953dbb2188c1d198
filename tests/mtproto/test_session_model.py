"""A session against a simple model: a client, a network that loses, doubles and reorders, connections that break.

Whatever happens: no call runs twice; every call that arrived is answered, and every answer and push reaches the client
once it has a working connection; our ids rise; a message is the same each time it is sent.
"""

from __future__ import annotations

from struct import pack

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.mtproto.client_packets import (
    CALL,
    SALTS,
    START,
    Client,
    Message,
    container,
    invoked,
    long_vector,
    open_packets,
    packet,
)

RESULT, NEW_SESSION, ACK = 0xF35C6D01, 0x9EC20908, 0x62D6B459
BAD_MSG, BAD_SALT = 0xA7EFF811, 0xEDAB447B
PICK = st.integers(0, 1 << 30)


class Sessions(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.client = Client()
        self.up: list[bytes] = []
        self.recorded: list[bytes] = []
        self.down: list[Message] = []
        self.connected = True
        self.calls: dict[int, int] = {}  # msg_id -> seq_no, as the client sent them
        self.runs: dict[int, int] = {}
        self.running: list[int] = []
        self.answers: dict[int, bytes] = {}  # what the client got
        self.pushed = 0
        self.got_pushes: dict[bytes, int] = {}  # body -> msg_id
        self.seen: dict[int, tuple[int, bytes]] = {}
        self.to_ack: list[int] = []
        self.highest = 0

    # the client

    def put_up(self, msg_id: int, seq_no: int, body: bytes, salt: int | None = None) -> None:
        plain = packet(msg_id, seq_no, body, salt=self.client.salt() if salt is None else salt)
        self.up.append(plain)
        self.recorded.append(plain)

    def new_call(self) -> tuple[int, int, bytes]:
        msg_id, seq_no = self.client.next_id(), self.client.next_seq(True)
        self.calls[msg_id] = seq_no
        return msg_id, seq_no, CALL

    @rule(count=st.integers(1, 4), wrong_salt=st.booleans())
    def send_calls(self, count: int, wrong_salt: bool) -> None:
        calls = [self.new_call() for _ in range(count)]
        salt = 12345 if wrong_salt else None
        if count == 1:
            self.put_up(*calls[0], salt=salt)
        else:
            self.put_up(self.client.next_id(), self.client.next_seq(False), container(*calls), salt=salt)

    def send_unanswered(self) -> None:
        """As Web K does after a reconnect or a wrong salt: the same msg_ids in a new container."""
        waiting = [(i, s, CALL) for i, s in self.calls.items() if i not in self.answers]
        if waiting:
            self.put_up(self.client.next_id(), self.client.next_seq(False), container(*waiting))

    @rule()
    def send_acks(self) -> None:
        if self.to_ack:
            body = long_vector(ACK, self.to_ack)
            self.to_ack = []
            self.put_up(self.client.next_id(), self.client.next_seq(False), body)

    @rule()
    def ping(self) -> None:
        self.put_up(self.client.next_id(), self.client.next_seq(False), pack("<IQ", 0x7ABE77EC, 1))

    def take(self, message: Message) -> None:
        body = message.body
        if message.seq_no & 1:
            known = self.seen.setdefault(message.msg_id, (message.seq_no, body))
            assert known == (message.seq_no, body), "one msg_id, one message"
            self.to_ack.append(message.msg_id)
        if message.constructor == RESULT:
            request = message.u64(4)
            assert body[12:] == pack("<Q", request)
            assert self.answers.setdefault(request, body) == body
        elif message.constructor == BAD_SALT:
            self.send_unanswered()
        elif message.constructor not in (NEW_SESSION, ACK, 0x347773C5):
            assert message.constructor != BAD_MSG, f"refused with {message.u32(16)}"
            assert self.got_pushes.setdefault(body, message.msg_id) == message.msg_id, (
                "a push came as two messages"
            )

    # the network

    def arrive(self, plain: bytes) -> None:
        session = self.client.session
        events = session.receive(plain, now=self.client.now, salts=SALTS)
        if not self.connected and session.accepted:
            self.connected = True
            session.on_connected(self.client.now)
        for msg_id in invoked(events):
            self.runs[msg_id] = self.runs.get(msg_id, 0) + 1
            self.running.append(msg_id)

    @precondition(lambda self: self.up)
    @rule(pick=PICK)
    def deliver_up(self, pick: int) -> None:
        self.arrive(self.up.pop(pick % len(self.up)))

    @precondition(lambda self: self.recorded)
    @rule(pick=PICK)
    def play_back(self, pick: int) -> None:
        """A recorded packet comes a second time, or out of its turn."""
        self.arrive(self.recorded[pick % len(self.recorded)])

    @precondition(lambda self: self.down)
    @rule(pick=PICK)
    def deliver_down(self, pick: int) -> None:
        self.take(self.down.pop(pick % len(self.down)))

    @rule()
    def break_connection(self) -> None:
        self.up.clear()
        self.down.clear()
        self.connected = False
        self.send_unanswered()

    @precondition(lambda self: self.client.now < START + 200)
    @rule(seconds=st.sampled_from([0.05, 0.5, 2.0, 15.0]))
    def wait(self, seconds: float) -> None:
        self.client.now += seconds

    # the server

    @precondition(lambda self: self.running)
    @rule(pick=PICK)
    def finish_call(self, pick: int) -> None:
        msg_id = self.running.pop(pick % len(self.running))
        self.client.session.answer(msg_id, pack("<Q", msg_id))

    @rule()
    def push(self) -> None:
        self.pushed += 1
        self.client.session.push(pack("<II", 0x5E5E5E5E, self.pushed))

    @precondition(lambda self: self.connected)
    @rule()
    def flush(self) -> None:
        packets = self.client.session.outgoing(self.client.now)
        for msg_id, _, _ in packets:
            assert msg_id > self.highest, "packets rise"
            self.highest = msg_id
        self.down += open_packets(packets)

    # what must hold

    @invariant()
    def nothing_runs_twice(self) -> None:
        assert all(times == 1 for times in getattr(self, "runs", {}).values())

    @invariant()
    def bookkeeping_adds_up(self) -> None:
        if not hasattr(self, "client"):
            return
        outbox = self.client.session.outbox
        assert outbox.kept_bytes == sum(len(out.body) for out in outbox.kept.values())
        assert outbox.waiting_bytes == sum(len(out.body) for out in outbox.queue)
        assert set(outbox.again) <= set(outbox.kept)

    def teardown(self) -> None:
        if not hasattr(self, "client"):
            return
        self.break_connection()
        self.ping()
        for _ in range(4):
            while self.up:
                self.arrive(self.up.pop(0))
            while self.running:
                self.finish_call(0)
            self.client.now += 1.0
            self.flush()
            while self.down:
                self.take(self.down.pop(0))
            self.send_acks()
        assert set(self.answers) == set(self.calls) == set(self.runs)
        assert sorted(self.got_pushes) == sorted(pack("<II", 0x5E5E5E5E, n + 1) for n in range(self.pushed))
        assert self.client.session.outbox.kept == {}
        assert self.client.session.deadline(self.client.now) is None


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
