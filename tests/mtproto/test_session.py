"""tgserve/mtproto/session.py: what is accepted, what is refused and how, and that nothing is executed twice."""

from __future__ import annotations

from struct import pack

import pytest

from tests.mtproto.client_packets import (
    CALL,
    KEY_ID,
    SALTS,
    SESSION_ID,
    START,
    Client,
    container,
    gzipped,
    invoked,
    long_vector,
    make_session,
    msg_id_at,
    packet,
    zlibbed,
)
from tgserve.mtproto.events import Invoke, NewSession
from tgserve.mtproto.salts import Salts

PONG = 0x347773C5
PING = pack("<IQ", 0x7ABE77EC, 0x0102030405060708)


def refusal(client: Client) -> tuple[int, int, int]:
    """The one bad_msg_notification that was sent: bad_msg_id, bad_msg_seqno, error_code."""
    (message,) = [m for m in client.read() if m.constructor == 0xA7EFF811]
    assert message.seq_no % 2 == 0 and message.msg_id % 4 == 1
    return message.u64(4), message.u32(12), message.u32(16)


# salts


def test_3_5_wrong_salt_is_told_the_right_one_and_nothing_runs() -> None:
    client = Client()
    msg_id = client.next_id()
    assert client.receive(msg_id, 1, CALL, salt=0) == []
    assert not client.session.accepted
    (told,) = client.read()
    assert told.body == pack("<IQIIQ", 0xEDAB447B, msg_id, 1, 48, SALTS.current(KEY_ID, START))
    assert told.seq_no == 0  # Kurigram sets its clock by messages numbered 0
    assert invoked(client.receive(msg_id, 1, CALL)) == [msg_id]  # Web K sends again under the same msg_id


def test_3_5_wrong_salt_around_a_container_runs_none_of_it() -> None:
    client = Client()
    first, second = client.next_id(), client.next_id()
    body = container((first, 1, CALL), (second, 2, long_vector(0x62D6B459, [5])))
    assert client.receive(client.next_id(), 2, body, salt=77) == []
    (told,) = client.read()
    assert told.constructor == 0xEDAB447B


def test_3_5_salt_of_the_half_hour_before_is_good_for_one_more() -> None:
    client = Client()
    old = client.salt()
    client.now += 1800
    assert client.salt() != old
    assert invoked(client.receive(client.next_id(), 1, CALL, salt=old))
    client.now += 1800
    assert client.receive(client.next_id(), 3, CALL, salt=old) == []


# the window of msg_ids


OUTSIDE = [
    (0, 1, 18),
    (0, 2, 18),
    (0, 3, 18),
    (-301, 0, 16),
    (-100_000, 0, 16),
    (32, 0, 17),
    (100_000, 0, 17),
]


@pytest.mark.parametrize(("offset", "low_bits", "code"), OUTSIDE)
def test_3_6_msg_id_outside_the_window(offset: int, low_bits: int, code: int) -> None:
    client = Client()
    msg_id = msg_id_at(START + offset) | low_bits
    assert client.receive(msg_id, 1, CALL) == []
    assert refusal(client) == (msg_id, 1, code)
    assert not client.session.accepted


@pytest.mark.parametrize(("offset", "low_bits", "code"), OUTSIDE)
def test_3_6_msg_id_outside_the_window_behind_a_call_that_was_good(
    offset: int, low_bits: int, code: int
) -> None:
    client = Client()
    client.now = START + min(offset, 0) - 10
    assert invoked(client.receive(msg_id_at(client.now), 1, CALL))
    client.read()
    client.now = START
    msg_id = msg_id_at(START + offset) | low_bits
    assert client.receive(msg_id, 3, CALL) == []
    assert refusal(client) == (msg_id, 3, code)
    assert not client.session.accepted


@pytest.mark.parametrize("offset", [-299, -1, 0, 1, 30])
def test_3_6_msg_id_inside_the_window(offset: int) -> None:
    client = Client()
    msg_id = msg_id_at(START + offset)
    assert invoked(client.receive(msg_id, 1, CALL)) == [msg_id]


def test_3_6_notification_carries_the_servers_time() -> None:
    """Clients an hour off set their clock by the msg_id of the notification (CLIENTS B.10)."""
    client = Client()
    client.receive(msg_id_at(START - 3600), 1, CALL)
    (message,) = client.read()
    assert message.msg_id >> 32 == int(START)


# repeats


def test_3_7_repeat_of_a_running_call_is_not_run_again() -> None:
    client = Client()
    msg_id = client.call()
    assert client.receive(msg_id, 1, CALL) == []
    assert not client.session.accepted


def test_3_7_repeat_gets_the_answer_again() -> None:
    client = Client()
    msg_id = client.call()
    client.session.answer(msg_id, b"answ")
    first = client.read()[-1]
    assert client.receive(msg_id, 1, CALL) == []
    (again,) = client.read()
    assert (again.msg_id, again.seq_no, again.body) == (first.msg_id, first.seq_no, first.body)
    assert again.packet > again.msg_id  # under an old msg_id only inside a container


def test_3_7_repeat_of_a_call_with_a_large_answer_gets_its_description() -> None:
    client = Client()
    msg_id = client.call()
    client.session.answer(msg_id, bytes(range(256)) * 64 + b"\x00" * 4)
    answer = client.read()[-1]
    size = len(answer.body)
    client.session.answer(msg_id2 := client.call(), client.session._ids.random_bytes(20_000))
    large = client.read()[-1]
    client.receive(msg_id2, 3, CALL)
    (told,) = client.read()
    assert told.body == pack("<IQQII", 0x276D3EC6, msg_id2, large.msg_id, len(large.body), 0)
    assert size < 4096  # the first one was packed, so it would simply be sent again


def test_3_7_repeat_after_the_answer_was_acknowledged_is_only_acknowledged() -> None:
    client = Client()
    msg_id = client.call()
    client.session.answer(msg_id, b"answ")
    client.ack(*[m.msg_id for m in client.read()])
    assert client.receive(msg_id, 1, CALL) == []
    assert client.read() == []
    client.now += 1
    (told,) = client.read()
    assert told.body == long_vector(0x62D6B459, [msg_id])


def test_3_7_destroyed_session_remembers_what_it_received() -> None:
    client = Client()
    msg_id = client.call()
    client.session.answer(msg_id, b"answ")
    client.session.destroy()
    assert client.receive(msg_id, 1, CALL) == []
    assert client.read() == []  # and its answers are gone
    fresh, events = client.send(CALL)
    assert [type(event) for event in events] == [NewSession, Invoke] and invoked(events) == [fresh]


def test_3_7_packet_recorded_before_a_restart_never_runs() -> None:
    """Every start draws its own salts, so the recorded packet is met with bad_server_salt whatever its age."""
    before = Client()
    msg_id = msg_id_at(START + 29)
    plain = packet(msg_id, 1, CALL, salt=before.salt())
    assert invoked(before.session.receive(plain, now=START, salts=SALTS)) == [msg_id]
    restarted = make_session()
    assert restarted.receive(plain, now=START + 1, salts=Salts(b"another start's ")) == []


def test_3_7_msg_id_from_before_the_start_is_refused() -> None:
    client = Client(make_session(not_before=msg_id_at(START)))
    msg_id = msg_id_at(START - 1)
    assert client.receive(msg_id, 1, CALL) == []
    assert refusal(client) == (msg_id, 1, 16)
    assert client.call()


def test_3_7_forgetting_by_count_never_reopens_the_door() -> None:
    client = Client()
    first = client.call()
    for _ in range(5000):
        client.call()
    assert len(client.session.window.state) <= 2048
    client.read()
    assert client.receive(first, 1, CALL) == []
    assert refusal(client) == (first, 1, 20)


# sequence numbers


def test_3_8_call_with_even_seq_no() -> None:
    client = Client()
    msg_id = client.next_id()
    assert client.receive(msg_id, 0, CALL) == []
    assert refusal(client) == (msg_id, 0, 35)


def test_3_8_container_with_odd_seq_no() -> None:
    client = Client()
    inner, msg_id = client.next_id(), client.next_id()
    client.receive(msg_id, 3, container((inner, 1, CALL)))
    assert refusal(client) == (msg_id, 3, 34)


@pytest.mark.parametrize("seq_no", [2, 1])
def test_3_8_acknowledgements_are_numbered_both_ways(seq_no: int) -> None:
    """mtcute numbers them odd; 34 would reset its session for ever."""
    client = Client()
    client.receive(client.next_id(), seq_no, long_vector(0x62D6B459, [1]))
    assert not [m for m in client.read() if m.constructor == 0xA7EFF811]


@pytest.mark.parametrize("seq_no", [4, 5])
def test_3_8_pings_are_numbered_both_ways_by_stock_clients(seq_no: int) -> None:
    """Telethon and Telegram Desktop odd, TDLib and Kurigram even."""
    client = Client()
    client.receive(client.next_id(), seq_no, PING)
    assert [m.constructor for m in client.read()] == [0x9EC20908, PONG]


@pytest.mark.parametrize(
    ("id_step", "seq_no", "code"), [(10, 3, 32), (10, 5, 32), (-10, 7, 33), (-10, 5, 33)]
)
def test_3_8_seq_no_contradicts_msg_id(id_step: int, seq_no: int, code: int) -> None:
    client = Client()
    msg_id = msg_id_at(START)
    assert client.receive(msg_id, 5, CALL)
    client.read()
    other = msg_id + 4 * id_step
    assert client.receive(other, seq_no, CALL) == []
    assert refusal(client) == (other, seq_no, code)
    assert client.receive(other, 7 if id_step > 0 else 3, CALL)  # not remembered: the right number is welcome


def test_3_8_messages_may_arrive_out_of_order() -> None:
    """Two connections of one session: the order of msg_ids counts, not of arrival."""
    client = Client()
    ids = [msg_id_at(START, step) for step in range(6)]
    for place in (3, 0, 5, 1, 4, 2):
        assert invoked(client.receive(ids[place], place * 2 + 1, CALL)) == [ids[place]]


# containers


def test_3_9_messages_of_a_container_run_in_order() -> None:
    client = Client()
    ids = [client.next_id() for _ in range(4)]
    body = container((ids[0], 1, CALL), (ids[1], 2, PING), (ids[2], 3, CALL + b"abcd"))
    events = client.receive(ids[3], 4, body)
    assert events[1:] == [Invoke(ids[0], 1, CALL), Invoke(ids[2], 3, CALL + b"abcd")]
    assert [m.constructor for m in client.read()] == [0x9EC20908, PONG]


def test_3_9_container_of_1024_is_taken_and_of_1025_refused() -> None:
    for count, runs in ((1024, True), (1025, False)):
        client = Client()
        ids = [client.next_id() for _ in range(count)]
        body = container(*[(one, place * 2 + 1, CALL) for place, one in enumerate(ids)])
        msg_id = client.next_id()
        events = client.receive(msg_id, 2 * count, body)
        assert invoked(events) == (ids if runs else [])
        if not runs:
            assert refusal(client) == (msg_id, 2 * count, 64)


@pytest.mark.parametrize(
    "fault", ["nested", "above", "equal", "cut", "trailing", "odd length", "count", "empty"]
)
def test_3_9_broken_container_is_refused_as_a_whole(fault: str) -> None:
    client = Client()
    good, other, msg_id = client.next_id(), client.next_id(), client.next_id()
    body = container((good, 1, CALL), (other, 3, CALL))
    if fault == "nested":
        body = container((good, 1, CALL), (other, 2, container((good - 4, 1, CALL))))
    elif fault == "above":
        body = container((good, 1, CALL), (msg_id + 4, 3, CALL))
    elif fault == "equal":
        body = container((good, 1, CALL), (msg_id, 3, CALL))
    elif fault == "cut":
        body = body[:-4]
    elif fault == "trailing":
        body += bytes(4)
    elif fault == "odd length":
        body = container((good, 1, CALL), (other, 3, CALL + b"abc")) + b"\0"
    elif fault == "count":
        body = body[:4] + pack("<I", 3) + body[8:]
    elif fault == "empty":
        body = container((good, 1, CALL), (other, 3, b""))
    assert client.receive(msg_id, 4, body) == []
    assert refusal(client) == (msg_id, 4, 64)
    assert not client.session.established
    assert client.receive(msg_id, 4, container((good, 1, CALL), (other, 3, CALL)))


def test_3_9_container_id_that_was_a_message() -> None:
    client = Client()
    inner, msg_id = client.next_id(), client.next_id()
    client.receive(msg_id, 1, CALL)
    client.read()
    assert client.receive(msg_id, 2, container((inner, 1, CALL))) == []
    assert refusal(client) == (msg_id, 2, 19)


def test_3_9_repeated_container_is_a_repeat_of_each_message() -> None:
    """Not 19, which ends TDLib's connection: a packet that the network doubled is no fault of the client's."""
    client = Client()
    inner, msg_id = client.next_id(), client.next_id()
    body = container((inner, 1, CALL))
    client.receive(msg_id, 2, body)
    client.session.answer(inner, b"answ")
    sent = client.read()[-1]
    assert client.receive(msg_id, 2, body) == []
    (again,) = client.read()
    assert again.body == sent.body


def test_3_9_unknown_constructor_costs_its_message_alone() -> None:
    """Web A 227 puts auth.initPasskeyLogin into one container with its next query (CLIENTS C.1)."""
    client = Client()
    a, b, c, msg_id = (client.next_id() for _ in range(4))
    unknown = pack("<I", 0x518AD0B7) + b"\xff" * 12
    events = client.receive(msg_id, 6, container((a, 1, CALL), (b, 3, unknown), (c, 5, CALL)))
    assert invoked(events) == [a, b, c]
    assert events[2] == Invoke(b, 3, unknown)


@pytest.mark.parametrize(("when", "code"), [(-400, 20), (-301, 20), (40, 64)])
def test_3_9_message_of_a_container_outside_the_window(when: int, code: int) -> None:
    """An old message inside a new container is unverifiable, 20; the container is named, so that all is sent again."""
    client = Client()
    fresh, msg_id = client.next_id(), client.next_id()
    stale = msg_id_at(START + when)
    assert client.receive(msg_id, 4, container((stale, 1, CALL), (fresh, 3, CALL))) == []
    assert refusal(client) == (msg_id, 4, code)


def test_3_9_wrong_seq_no_inside_refuses_the_whole() -> None:
    client = Client()
    a, b, msg_id = (client.next_id() for _ in range(3))
    for body, code in (
        (container((a, 1, CALL), (b, 2, CALL)), 35),
        (container((a, 3, CALL), (b, 1, CALL)), 32),
    ):
        assert client.receive(msg_id, 4, body) == []
        assert refusal(client) == (msg_id, 4, code)


def test_messages_of_a_container_in_any_order() -> None:
    """Web K writes what it sends again behind what is new."""
    client = Client()
    a, b, msg_id = (client.next_id() for _ in range(3))
    assert invoked(client.receive(msg_id, 4, container((b, 3, CALL), (a, 1, CALL)))) == [b, a]


# gzip_packed


@pytest.mark.parametrize("packing", [gzipped, zlibbed])
def test_3_11_packed_call_alone_and_in_a_container(packing: type) -> None:
    client = Client()
    text = CALL + b"text" * 100
    first = client.next_id()
    assert client.receive(first, 1, packing(text))[-1] == Invoke(first, 1, text)
    inner, msg_id = client.next_id(), client.next_id()
    assert client.receive(msg_id, 4, container((inner, 3, packing(text)))) == [Invoke(inner, 3, text)]


def test_3_11_packed_container() -> None:
    client = Client()
    inner, msg_id = client.next_id(), client.next_id()
    assert invoked(client.receive(msg_id, 2, gzipped(container((inner, 1, CALL))))) == [inner]


@pytest.mark.parametrize(
    "body",
    [
        gzipped(bytes(4 * 2**20 + 4)),
        gzipped(gzipped(CALL)),
        gzipped(CALL)[:-8],
        pack("<I", 0x3072CFA1) + b"\x07garbage",
        pack("<I", 0x3072CFA1),
        pack("<I", 0x3072CFA1) + b"\xff" * 8,
        gzipped(b"xy"),
    ],
    ids=["bomb", "twice", "cut", "garbage", "empty", "length", "too short"],
)
def test_3_11_unpackable_call_is_answered_400(body: bytes) -> None:
    for boxed in (False, True):
        client = Client()
        bad, good, msg_id = (client.next_id() for _ in range(3))
        if boxed:
            events = client.receive(msg_id, 4, container((bad, 1, body), (good, 3, CALL)))
            assert invoked(events) == [good]
        else:
            assert invoked(client.receive(bad, 1, body)) == []
        (answer,) = [m for m in client.read() if m.constructor == 0xF35C6D01]
        assert answer.u64(4) == bad
        assert answer.body[12:20] == pack("<Ii", 0x2144CA19, 400)


def test_3_11_one_packet_inflates_to_4_mib_in_all() -> None:
    client = Client()
    ids = [client.next_id() for _ in range(4)]
    large = gzipped(CALL + bytes(3 * 2**20))
    events = client.receive(ids[3], 6, container((ids[0], 1, large), (ids[1], 3, large), (ids[2], 5, CALL)))
    assert invoked(events) == [ids[0], ids[2]]


def test_packed_container_inside_a_container_is_refused_alone() -> None:
    client = Client()
    a, b, good, msg_id = (client.next_id() for _ in range(4))
    body = container((b, 2, gzipped(container((a, 1, CALL)))), (good, 3, CALL))
    assert invoked(client.receive(msg_id, 4, body)) == [good]
    assert refusal(client) == (b, 2, 64)


# bodies that are nothing


def test_empty_body_is_answered_400() -> None:
    client = Client()
    msg_id, events = client.send(b"")
    assert invoked(events) == []
    answer = client.read()[-1]
    assert answer.body[:24] == pack("<IQIiI", 0xF35C6D01, msg_id, 0x2144CA19, 400, 0x504E4910)


# new sessions


def test_3_14_new_session_is_announced_first() -> None:
    client = Client()
    inner, msg_id = client.next_id(), client.next_id()
    events = client.receive(msg_id, 2, container((inner, 1, CALL)))
    announced = events[0]
    assert isinstance(announced, NewSession) and announced.first_msg_id == inner
    client.session.answer(inner, b"answ")
    first, second = client.read()
    salt = SALTS.current(KEY_ID, START)
    assert first.body == pack("<IQQQ", 0x9EC20908, inner, announced.unique_id, salt)
    assert (first.msg_id % 4, first.seq_no) == (3, 1)
    assert (second.msg_id % 4, second.seq_no) == (1, 3)
    assert not any(isinstance(event, NewSession) for event in client.send(CALL)[1])


def test_3_14_sessions_of_one_key_share_nothing() -> None:
    one, other = Client(), Client()
    other.session = type(other.session)(KEY_ID, SESSION_ID + 1, ids=other.session._ids)
    msg_id = one.call()
    one.session.answer(msg_id, b"answ")
    plain = packet(msg_id, 1, CALL, salt=other.salt(), session_id=SESSION_ID + 1)
    events = other.session.receive(plain, now=START, salts=SALTS)
    assert invoked(events) == [msg_id]
    assert [m.constructor for m in other.read()] == [0x9EC20908]


# what the gateway needs to know


def test_refusals_can_be_taken_alone() -> None:
    """For the connection a refused packet came by, when it is not the session's: it must not draw anything else."""
    client = Client()
    client.call()
    client.session.push(b"push")
    client.receive(client.next_id(), 2, CALL)
    assert not client.session.accepted
    (told,) = client.session.refusals(client.now)
    assert told[2][:4] == pack("<I", 0xA7EFF811)
    assert client.session.refusals(client.now) == []
    assert [m.body for m in client.read()][1:] == [b"push"]


def test_accepted_says_whether_anything_was_new() -> None:
    client = Client()
    msg_id = client.call()
    assert client.session.accepted
    client.receive(msg_id, 1, CALL)
    assert not client.session.accepted
    outer, body = client.next_id(), container((msg_id, 1, CALL))
    client.receive(outer, 2, body)
    assert client.session.accepted, "the container is new: nobody else can have made it"
    client.receive(outer, 2, body)
    assert not client.session.accepted
    client.send(PING, content=False)
    assert client.session.accepted
