"""tgserve/mtproto/outbox.py through a session: ids, acknowledgements, sending again, bounds."""

from __future__ import annotations

from struct import pack

from tests.mtproto.client_packets import (
    CALL,
    START,
    Client,
    Message,
    gzipped,
    long_vector,
    make_session,
    msg_id_at,
    open_packets,
)
from tgserve.mtproto.containers import inflate
from tgserve.mtproto.outbox import KEPT_MESSAGES, WAITING_MESSAGES, notice_id

PING = pack("<IQ", 0x7ABE77EC, 1)
ACK = 0x62D6B459
RESULT = 0xF35C6D01
UPDATES_TOO_LONG = pack("<I", 0xE317AF7E)


def connected(client: Client) -> list[Message]:
    """The client comes again over another connection and pings; what it is sent."""
    client.send(PING, content=False)
    client.session.on_connected(client.now)
    return client.read()


def busy(client: Client) -> bool:
    return client.session.outbox.busy


def pushes(messages: list[Message]) -> list[bytes]:
    return [m.body for m in messages if m.msg_id % 4 == 3 and m.constructor != 0x9EC20908]


# 3.16: ids


def test_3_16_own_ids_rise_and_tell_answers_from_notices() -> None:
    client = Client()
    seen: list[Message] = []
    for step in range(50):
        msg_id = client.call()
        client.session.push(b"push")
        client.session.answer(msg_id, b"answ")
        client.send(PING, content=False)
        seen += client.read()
        if step == 20:
            client.now -= 25  # the server's clock is set back; ids must not follow
    ids = [m.msg_id for m in seen]
    assert ids == sorted(set(ids))
    assert {m.msg_id % 4 for m in seen if m.constructor in (RESULT, 0x347773C5)} == {1}
    assert {m.msg_id % 4 for m in seen if m.body == b"push"} == {3}
    outer = [m.packet for m in seen]
    assert outer == sorted(outer)


def test_3_16_seq_no_counts_content() -> None:
    client = Client()
    contents = 0
    for _ in range(20):
        msg_id = client.call()
        client.send(PING, content=False)
        client.session.answer(msg_id, b"answ")
        for message in client.read():
            content = message.constructor in (RESULT, 0x9EC20908)
            assert message.seq_no == 2 * contents + content
            contents += content


def test_3_16_what_is_written_at_once_counts_and_is_kept_like_all_else() -> None:
    client = Client()
    client.settle()
    outbox = client.session.outbox
    seen: list[Message] = []
    for step in range(6):
        one = outbox.direct(b"one.", notice_id(client.now))
        several = outbox.direct_all([b"two.", b"three...", b"four"], notice_id(client.now))
        assert one is not None and several is not None
        seen += open_packets([one, several])
        client.session.push(b"push")
        seen += client.read()
        if step == 3:
            client.now -= 25
    bodies = [m.body for m in seen]
    assert bodies == [b"one.", b"two.", b"three...", b"four", b"push"] * 6
    ids = [m.msg_id for m in seen]
    assert ids == sorted(set(ids)) and {msg_id % 4 for msg_id in ids} == {3}
    assert all(m.packet == m.msg_id or (m.packet > m.msg_id and m.packet % 4 == 1) for m in seen)
    numbers = [m.seq_no for m in seen]
    assert numbers == list(range(numbers[0], numbers[0] + 60, 2)) and numbers[0] & 1
    client.ack(*ids[:4])
    assert pushes(connected(client)) == bodies[4:], "what was not acknowledged comes again"


def test_what_cannot_be_written_at_once_waits_in_order() -> None:
    client = Client()
    client.settle()
    outbox = client.session.outbox
    client.session.push(b"1st.")
    assert outbox.direct(b"2nd.", notice_id(client.now)) is None
    assert outbox.direct_all([b"3rd.", b"4th."], notice_id(client.now)) is None
    assert [m.body for m in client.read()] == [b"1st.", b"2nd.", b"3rd.", b"4th."]


def test_what_waits_for_its_turn_is_known_to_wait() -> None:
    """`busy` is what a crowd's sessions are asked alone."""
    for waits in range(5):
        client = Client()
        client.settle()
        outbox = client.session.outbox
        first = outbox.direct(b"1st.", notice_id(client.now))
        assert first is not None and not busy(client)
        if waits == 0:
            client.session.push(b"wait")
        elif waits == 1:
            client.session.answer(client.call(), b"answ")
        elif waits == 2:
            client.call()  # an acknowledgement
        elif waits == 3:
            client.send(gzipped(CALL))
        else:
            client.session.on_connected(client.now)  # the first one, again
        assert busy(client), waits
        assert outbox.direct(b"2nd.", notice_id(client.now)) is None
        seen = client.read()
        assert [m.body for m in seen if m.msg_id % 4 == 3][-1] == b"2nd."
        client.now += 1
        seen += client.read()  # acknowledgements, which wait for an answer that long
        third = outbox.direct(b"3rd.", notice_id(client.now))
        assert third is not None and third[0] > max(m.packet for m in seen) and not busy(client)


def test_what_is_sent_in_vain_is_thinned_out_on_the_direct_way_too() -> None:
    client = Client()
    client.settle()
    request = client.call()
    client.session.answer(request, b"answ")
    client.read()
    outbox = client.session.outbox
    for _ in range(KEPT_MESSAGES):
        assert outbox.direct(b"post", notice_id(client.now)) is not None
    assert outbox.lost == [request] and outbox.busy and len(outbox.kept) <= KEPT_MESSAGES
    assert outbox.kept_bytes == sum(len(out.body) for out in outbox.kept.values())


def test_3_16_ids_start_above_the_floor() -> None:
    """After a restart with the clock set back the gateway gives the floor."""
    floor = msg_id_at(START + 50) | 3
    client = Client(make_session(floor=floor))
    client.call()
    assert all(m.msg_id > floor for m in client.read())


def test_3_16_ids_rise_over_destruction() -> None:
    client = Client()
    client.call()
    before = client.read()[-1].msg_id
    client.session.destroy()
    client.call()
    assert client.read()[0].msg_id > before


# 4A-2: acknowledgements


def test_4A_2_acknowledged_within_a_second() -> None:
    client = Client()
    client.settle()
    first = client.call()
    client.now += 0.5
    second = client.call()
    assert client.read() == []
    due = client.session.deadline(client.now)
    assert due is not None and due - START < 1.0
    client.now = due
    (told,) = client.read()
    assert told.body == long_vector(ACK, [first, second])
    assert told.seq_no % 2 == 0
    assert client.session.deadline(client.now) is None


def test_4A_2_answer_is_the_acknowledgement() -> None:
    client = Client()
    client.settle()
    msg_id = client.call()
    client.session.answer(msg_id, b"answ")
    (message,) = client.read()
    assert message.packet == message.msg_id, "one message needs no container"
    client.now += 5
    assert client.read() == []


def test_4A_2_other_traffic_does_not_put_off_the_acknowledgement() -> None:
    client = Client()
    client.settle()
    waiting = client.call()
    for _ in range(12):
        client.now += 0.1
        client.session.answer(client.call(), b"answ")
        if any(m.body == long_vector(ACK, [waiting]) for m in client.read()):
            break
    assert client.now - START <= 1.0


def test_4A_2_odd_service_message_without_an_answer_is_acknowledged() -> None:
    client = Client()
    client.settle()
    msg_id, _ = client.send(pack("<IQI", 0x04DEB57D, 1, 0))
    client.now += 1
    (told,) = client.read()
    assert told.body == long_vector(ACK, [msg_id])


def test_4A_2_sent_again_as_it_was_not_run_again() -> None:
    """A new packet msg_id, so the encryption differs; inside it the same answer."""
    client = Client()
    msg_id = client.call()
    client.session.answer(msg_id, b"answ")
    (before,) = [m for m in client.read() if m.constructor == RESULT]
    client.now += 1
    (after,) = [m for m in connected(client) if m.constructor == RESULT]
    assert (after.msg_id, after.seq_no, after.body) == (before.msg_id, before.seq_no, before.body)
    assert after.packet != before.packet


# 3.15: sending again


def test_3_15_unacknowledged_comes_first_on_the_next_connection() -> None:
    client = Client()
    client.settle()
    msg_id = client.call()
    client.session.answer(msg_id, b"answ")
    client.session.push(b"push")
    lost = client.read()
    client.session.push(b"then")
    client.now += 60
    got = connected(client)
    assert [m.msg_id for m in got[:2]] == [m.msg_id for m in lost]
    assert [m.msg_id for m in got] == sorted(m.msg_id for m in got), "Kurigram drops what comes out of order"
    assert pushes(got) == [b"push", b"then"]
    client.ack(*[m.msg_id for m in got])
    assert pushes(connected(client)) == []


def test_3_15_a_single_old_message_is_wrapped() -> None:
    """TDLib and Telethon refuse a packet whose own msg_id is old."""
    client = Client()
    client.settle()
    client.session.push(b"push")
    client.read()
    client.now += 200
    client.session.on_connected(client.now)
    ((msg_id, _, body),) = client.session.outgoing(client.now)
    assert msg_id >> 32 == int(client.now) and body[:4] == pack("<I", 0x73F1F8DC)


def test_3_15_after_four_minutes_a_message_gets_a_new_id() -> None:
    """Of answers, which a client knows by their call. Pushes it would take for news: one updatesTooLong for them."""
    client = Client()
    client.settle()
    asked = [client.call(), client.call()]
    client.session.answer(asked[0], b"one.")
    client.session.push(b"push")
    client.session.answer(asked[1], b"two.")
    client.session.push(b"more")
    old = client.read()
    client.now += 500
    got = connected(client)
    assert [m.u64(4) for m in got if m.constructor == RESULT] == asked
    assert pushes(got) == [UPDATES_TOO_LONG]
    assert all(m.msg_id >> 32 == int(client.now) for m in got)
    assert client.ack(*[m.msg_id for m in old]) == []
    client.ack(*[m.msg_id for m in got])
    assert pushes(connected(client)) == []
    assert client.session.outbox.kept_bytes == sum(len(o.body) for o in client.session.outbox.kept.values())


def test_3_15_pushes_wait_for_the_next_connection() -> None:
    client = Client()
    client.settle()
    for step in range(10):
        client.session.push(pack("<I", step))
    client.now += 100
    got = connected(client)
    assert pushes(got) == [pack("<I", step) for step in range(10)]
    assert all(m.msg_id >> 32 == int(client.now) for m in got)


def test_http_does_not_repeat_what_is_on_its_way() -> None:
    """Each request may come over another connection."""
    client = Client()
    client.settle()
    client.session.push(b"push")
    open_packets(client.session.response(client.now))
    client.now += 1
    client.session.on_connected(client.now, duplex=False)
    assert client.session.response(client.now) == []
    client.now += 15
    client.session.on_connected(client.now, duplex=False)
    assert pushes(open_packets(client.session.response(client.now))) == [b"push"]


def test_http_response_holds_everything_in_one_packet() -> None:
    client = Client()
    waiting = client.call()
    answered = client.call()
    client.session.answer(answered, b"answ")
    (packet,) = client.session.response(client.now)
    kinds = [m.constructor for m in open_packets([packet])]
    assert kinds == [0x9EC20908, RESULT, ACK]
    assert long_vector(ACK, [waiting]) in packet[2]


# packing


def test_containers_of_ours_are_bounded() -> None:
    client = Client()
    client.settle()
    ids = [client.call() for _ in range(1500)]
    for msg_id in ids:
        client.session.answer(msg_id, b"answ")
    packets = client.session.outgoing(client.now)
    counts = [int.from_bytes(body[4:8], "little") for _, _, body in packets]
    assert counts == [1020, 480]
    assert [m.u64(4) for m in open_packets(packets)] == ids


def test_large_answers_are_not_packed_together() -> None:
    client = Client()
    client.settle()
    for _ in range(4):
        client.session.answer(client.call(), client.session._ids.random_bytes(300 << 10))
    sizes = [len(body) for _, _, body in client.session.outgoing(client.now)]
    assert len(sizes) == 4 and max(sizes) < 310 << 10


def test_large_result_is_packed_when_it_pays() -> None:
    client = Client()
    client.settle()
    text, noise = b"hello world " * 400, client.session._ids.random_bytes(9000)
    for body in (text, noise, b"x" * 200):
        client.session.answer(client.call(), body)
    packed, plain, small = client.read()
    assert packed.body[12:16] == pack("<I", 0x3072CFA1) and inflate(packed.body, 16) == text
    assert len(packed.body) < len(text) // 20
    assert plain.body[12:] == noise and small.body[12:] == b"x" * 200


# bounds


def test_too_many_waiting_pushes_become_one_updates_too_long() -> None:
    client = Client()
    client.settle()
    msg_id = client.call()
    client.session.answer(msg_id, b"answ")
    for _ in range(WAITING_MESSAGES + 10):
        client.session.push(b"push")
    got = connected(client)
    assert [m.body[12:] for m in got if m.constructor == RESULT] == [b"answ"]
    assert pushes(got)[0] == UPDATES_TOO_LONG
    assert len(pushes(got)) < 20
    assert client.session.outbox.waiting_bytes == 0


def test_what_is_pushed_behind_an_updates_too_long_is_not_kept() -> None:
    """The client asks for all of it anyway. What comes after it has been told so is pushed as ever."""
    client = Client()
    client.settle()
    for _ in range(WAITING_MESSAGES + 1):
        client.session.outbox.push(b"push")
    waiting = len(client.session.outbox.queue)
    for _ in range(1000):
        client.session.outbox.push(b"more")
    assert len(client.session.outbox.queue) == waiting
    assert pushes(connected(client)) == [UPDATES_TOO_LONG]
    client.session.outbox.push(b"news")
    assert pushes(client.read()) == [b"news"]


def test_too_large_waiting_pushes_become_one_updates_too_long() -> None:
    client = Client()
    client.settle()
    for _ in range(100):
        client.session.push(bytes(8 << 10))
    got = pushes(connected(client))
    assert got[0] == UPDATES_TOO_LONG and sum(map(len, got)) < 256 << 10


def test_answers_that_found_no_room_are_forgotten_as_such() -> None:
    """The client learns by msgs_state_req that nothing is known and sends the call again; a repeat is told 20."""
    client = Client()
    client.settle()
    ids = [client.call() for _ in range(20)]
    noise = client.session._ids.random_bytes(1 << 20)
    for msg_id in ids:
        client.session.answer(msg_id, noise)
    answered = {m.u64(4) for m in client.read() if m.constructor == RESULT}
    lost = [msg_id for msg_id in ids if msg_id not in answered]
    assert lost and answered
    client.receive(lost[0], ids.index(lost[0]) * 2 + 1, CALL)
    assert client.read()[-1].body == pack("<IQII", 0xA7EFF811, lost[0], ids.index(lost[0]) * 2 + 1, 20)
    query, _ = client.send(long_vector(0xDA69FB52, lost[:1]))
    assert client.read()[-1].body == pack("<IQ", 0x04DEB57D, query) + b"\x01\x01\0\0"


def test_client_that_never_acknowledges_costs_bounded_memory() -> None:
    client = Client()
    for _ in range(2000):
        client.session.answer(client.call(), bytes(500))
        client.session.push(bytes(500))
        client.read()
    outbox = client.session.outbox
    assert len(outbox.kept) <= KEPT_MESSAGES + 1
    assert len(outbox.answers) <= KEPT_MESSAGES + 1
    assert outbox.kept_bytes == sum(len(out.body) for out in outbox.kept.values())
    assert UPDATES_TOO_LONG in pushes(connected(client))


def test_kept_bytes_are_bounded() -> None:
    client = Client()
    noise = client.session._ids.random_bytes(512 << 10)
    for _ in range(40):
        client.session.answer(client.call(), noise)
        client.read()
    assert client.session.outbox.kept_bytes <= 4 << 20


def test_gzipped_call_is_answered_like_any_other() -> None:
    client = Client()
    client.settle()
    msg_id, _ = client.send(gzipped(CALL + bytes(600)))
    client.session.answer(msg_id, b"answ")
    (message,) = client.read()
    assert message.u64(4) == msg_id
