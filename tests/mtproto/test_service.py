"""tgserve/mtproto/service.py: every message of MTProto's own, its answer byte by byte, and its broken forms."""

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
    Message,
    container,
    invoked,
    long_vector,
    msg_id_at,
    tl_bytes,
)
from tgserve.errors import ProtocolError
from tgserve.mtproto.constructors import DESTROY_AUTH_KEY_OK
from tgserve.mtproto.events import (
    Acked,
    DestroyAuthKey,
    DestroySession,
    DisconnectAfter,
    DropAnswer,
    HttpWait,
)
from tgserve.mtproto.service import SERVICE

ACK, STATE_REQ, RESEND, RESEND_ANSWER = 0x62D6B459, 0xDA69FB52, 0x7D861A08, 0x8610BAEB
STATE_INFO = 0x04DEB57D
RESULT = 0xF35C6D01


@pytest.fixture
def client() -> Client:
    client = Client()
    client.settle()
    return client


def answered(client: Client, body: bytes = b"answ") -> tuple[int, Message]:
    msg_id = client.call()
    client.session.answer(msg_id, body)
    return msg_id, client.read()[-1]


def ask(client: Client, body: bytes) -> tuple[int, list[Message]]:
    msg_id, events = client.send(body)
    assert events == []
    return msg_id, client.read()


def states(client: Client, ids: list[int]) -> list[int]:
    query, (told,) = ask(client, long_vector(STATE_REQ, ids))
    assert told.constructor == STATE_INFO and told.u64(4) == query and told.seq_no % 2 == 0
    assert told.body[12] == len(ids)
    return list(told.body[13 : 13 + len(ids)])


# pings


def test_ping(client: Client) -> None:
    msg_id, (told,) = ask(client, pack("<IQ", 0x7ABE77EC, 0xFEDCBA9876543210))
    assert told.body == pack("<IQQ", 0x347773C5, msg_id, 0xFEDCBA9876543210)
    assert told.seq_no % 2 == 0 and told.msg_id % 4 == 1
    client.now += 10
    assert client.read() == [], "the pong acknowledges"


@pytest.mark.parametrize(("asked", "given"), [(35, 35), (0, 0), (-5, 0), (60_000, 300)])
def test_ping_delay_disconnect(client: Client, asked: int, given: int) -> None:
    msg_id, events = client.send(pack("<IQi", 0xF3427B8C, 7, asked), content=False)
    assert events == [DisconnectAfter(given)]
    assert client.read()[0].body == pack("<IQQ", 0x347773C5, msg_id, 7)


# acknowledgements and states


def test_3_15_msgs_ack_forgets_what_is_acknowledged(client: Client) -> None:
    _, message = answered(client)
    assert client.ack(message.msg_id, 5, message.msg_id) == [Acked((message.msg_id,))]
    assert client.session.outbox.kept == {} and client.session.outbox.kept_bytes == 0
    assert client.session.outbox.answers == {}
    assert client.ack(message.msg_id) == []


def test_3_15_msgs_state_req(client: Client) -> None:
    done, _ = answered(client)
    running = client.call()
    between = client.next_id()
    ping, _ = client.send(pack("<IQ", 0x7ABE77EC, 1), content=False)
    client.read()
    old, ahead = msg_id_at(START - 400), msg_id_at(START + 20)
    assert states(client, [done, running, ping, between, old, ahead]) == [
        4 | 8 | 32 | 64,
        4 | 32,
        4 | 16 | 64,
        2,
        1,
        3,
    ]
    client.now += 1
    client.read()
    assert states(client, [running]) == [4 | 8 | 32]


def test_3_15_states_in_a_session_the_server_does_not_know() -> None:
    """After a restart: 1, upon which TDLib sends its calls again."""
    client = Client()
    asked = client.next_id()
    client.send(long_vector(STATE_REQ, [asked]))
    assert client.read()[-1].body[13] == 1


def test_3_15_msg_resend_req(client: Client) -> None:
    _, first = answered(client)
    _, second = answered(client)
    _, got = ask(client, long_vector(RESEND, [second.msg_id, first.msg_id]))
    assert [(m.msg_id, m.body) for m in got] == [(m.msg_id, m.body) for m in (first, second)]


def test_3_15_msg_resend_req_of_what_is_gone_is_a_state_req(client: Client) -> None:
    _, first = answered(client)
    client.ack(first.msg_id)
    _, second = answered(client)
    query, got = ask(client, long_vector(RESEND, [first.msg_id, second.msg_id]))
    assert got[0].body == second.body
    assert got[1].body == pack("<IQ", STATE_INFO, query) + b"\x02\x01\x04\0"


def test_3_15_msg_resend_ans_req(client: Client) -> None:
    call, answer = answered(client)
    _, got = ask(client, long_vector(RESEND_ANSWER, [call]))
    assert [m.body for m in got] == [answer.body]
    running = client.call()
    _, got = ask(client, long_vector(RESEND_ANSWER, [running]))
    assert got[0].body[12:14] == bytes([1, 4 | 32])


def test_msgs_all_info(client: Client) -> None:
    _, first = answered(client)
    _, second = answered(client)
    body = long_vector(0x8CC0D131, [first.msg_id, second.msg_id, 5]) + tl_bytes(b"\x04\x01\x04")
    _, events = client.send(body, content=False)
    assert events == [Acked((first.msg_id,))]
    assert [m.msg_id for m in client.read()] == [second.msg_id]


@pytest.mark.parametrize(
    "body",
    [
        pack("<IQI", STATE_INFO, 1, 1) + b"\x04\0\0\0",
        pack("<IQII", 0xA7EFF811, 1, 2, 16),
        pack("<IQIIQ", 0xEDAB447B, 1, 2, 48, 3),
        pack("<IQQII", 0x276D3EC6, 1, 2, 3, 0),
        pack("<IQII", 0x809DB6DF, 1, 2, 0),
    ],
)
def test_notices_from_a_client_change_nothing(client: Client, body: bytes) -> None:
    _, message = answered(client)
    assert client.send(body, content=False)[1] == []
    assert client.read() == []
    assert list(client.session.outbox.kept) == [message.msg_id]


# rpc_drop_answer


def drop(client: Client, request: int) -> tuple[Message, list[object], list[Message]]:
    """The answer to rpc_drop_answer, the events, and what else was sent."""
    msg_id, events = client.send(pack("<IQ", 0x58E4A740, request))
    got = client.read()
    (answer,) = [m for m in got if m.constructor == RESULT and m.u64(4) == msg_id]
    assert answer.seq_no & 1
    return answer, list(events), [m for m in got if m is not answer]


def test_3_15_drop_unknown(client: Client) -> None:
    answer, events, rest = drop(client, 4)
    assert answer.body[12:] == pack("<I", 0x5E2AD36E)
    assert (events, rest) == ([], [])


def test_3_15_drop_running(client: Client) -> None:
    call = client.call()
    answer, events, (also,) = drop(client, call)
    assert answer.body[12:] == pack("<I", 0xCD78E586)
    assert also.body == pack("<IQI", RESULT, call, 0xCD78E586)
    assert events == [DropAnswer(call)]
    client.session.answer(call, b"late")
    assert client.read() == []


def test_3_15_drop_answered(client: Client) -> None:
    call, message = answered(client)
    answer, events, rest = drop(client, call)
    assert answer.body[12:] == pack("<IQII", 0xA43AD8B7, message.msg_id, message.seq_no, len(message.body))
    assert (events, rest) == ([], [])
    client.session.on_connected(client.now)
    assert all(m.msg_id != message.msg_id for m in client.read())


def test_3_15_drop_answer_that_was_not_sent_yet(client: Client) -> None:
    call = client.call()
    client.session.answer(call, b"answ")
    answer, _, rest = drop(client, call)
    assert answer.body[12:16] == pack("<I", 0xA43AD8B7)
    assert rest == []
    assert answer.u64(16) < answer.msg_id


def test_3_15_drop_acknowledged(client: Client) -> None:
    call, message = answered(client)
    client.ack(message.msg_id)
    answer, _, _ = drop(client, call)
    assert answer.body[12:] == pack("<I", 0x5E2AD36E)


# salts, sessions, keys, HTTP


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (3, 3), (0, 1), (-1, 1), (1000, 64)])
def test_get_future_salts(client: Client, asked: int, given: int) -> None:
    msg_id, (told,) = ask(client, pack("<Ii", 0xB921BD04, asked))
    assert told.body[:20] == pack("<IQII", 0xAE500895, msg_id, int(START), given)
    assert len(told.body) == 20 + 16 * given
    assert told.u64(28) == SALTS.current(KEY_ID, START)
    assert told.u32(20) <= START < told.u32(24)


def test_3_15_destroy_session(client: Client) -> None:
    msg_id, events = client.send(pack("<IQ", 0xE7512126, 77))
    assert events == [DestroySession(77, msg_id)]
    client.session.session_destroyed(77, True)
    client.session.session_destroyed(78, False)
    assert [m.body for m in client.read()] == [pack("<IQ", 0xE22045FC, 77), pack("<IQ", 0x62D350C9, 78)]


def test_3_15_destroy_session_of_itself(client: Client) -> None:
    _, (told,) = ask(client, pack("<IQ", 0xE7512126, SESSION_ID))
    assert told.body == pack("<IQ", 0x62D350C9, SESSION_ID)


def test_3_15_destroy_auth_key(client: Client) -> None:
    msg_id, events = client.send(pack("<I", 0xD1435160))
    assert events == [DestroyAuthKey(msg_id)]
    client.session.auth_key_destroyed()
    assert client.read()[0].body == pack("<I", DESTROY_AUTH_KEY_OK)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((500, 150, 3000), HttpWait(500, 150, 3000)),
        ((0, 0, 25_000), HttpWait(0, 0, 25_000)),
        ((10**6, -1, 10**8), HttpWait(3000, 0, 25_000)),
    ],
)
def test_http_wait(client: Client, asked: tuple[int, int, int], given: HttpWait) -> None:
    assert client.send(pack("<Iiii", 0x9299359F, *asked), content=False)[1] == [given]
    client.now += 1
    assert client.read() == []


# 3.10 and 3.12: counts and broken forms


@pytest.mark.parametrize("constructor", [ACK, STATE_REQ, RESEND, RESEND_ANSWER, 0x8CC0D131])
def test_3_10_too_many_ids(client: Client, constructor: int) -> None:
    """The count is looked at before anything is made of it; a true 8192 is served."""
    body = pack("<III", constructor, 0x1CB5C415, 2**31 - 1)
    with pytest.raises(ProtocolError) as fault:
        client.send(body, content=False)
    assert fault.value.code == -429
    with pytest.raises(ProtocolError):
        client.send(long_vector(constructor, [1] * 8193), content=False)


@pytest.mark.parametrize("constructor", [ACK, STATE_REQ, RESEND, RESEND_ANSWER])
def test_3_10_8192_ids_are_served(client: Client, constructor: int) -> None:
    client.send(long_vector(constructor, [1] * 8192), content=False)
    told = [m for m in client.read() if m.constructor == STATE_INFO]
    assert len(told) == (0 if constructor == ACK else 1)


@pytest.mark.parametrize("constructor", sorted(SERVICE))
@pytest.mark.parametrize(
    "rest", [b"", b"\xff\xff\xff\xff", b"\xff" * 8, b"\x01" * 13 + b"\0\0\0", b"\0" * 40]
)
def test_3_12_broken_service_message_costs_one_400(constructor: int, rest: bytes) -> None:
    """Whatever the bytes: no exception, no harm to the sibling, and nothing but an answer or a 400."""
    client = Client()
    client.settle()
    bad, good, msg_id = (client.next_id() for _ in range(3))
    body = container((bad, 0, pack("<I", constructor) + rest), (good, 1, CALL))
    events = client.receive(msg_id, 2, body)
    assert invoked(events) == [good]
    for message in client.read():
        assert message.constructor != RESULT or message.u64(4) == bad
        if message.constructor == RESULT and message.u32(12) == 0x2144CA19:
            assert message.u32(16) == 400


def test_3_10_count_that_the_message_does_not_hold(client: Client) -> None:
    _, (told,) = ask(client, pack("<IIIQ", STATE_REQ, 0x1CB5C415, 2, 5))
    assert told.constructor == RESULT and told.u32(16) == 400


def test_msg_copy_is_refused(client: Client) -> None:
    inner = pack("<QII", client.next_id(), 1, len(CALL)) + CALL
    msg_id, events = client.send(pack("<II", 0xE06046B2, 0x5BB8E511) + inner)
    assert events == []
    (told,) = client.read()
    assert told.u64(4) == msg_id and told.u32(16) == 400
