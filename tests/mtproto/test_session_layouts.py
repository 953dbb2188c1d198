"""Byte layouts: golden packets of a whole conversation, and stock libraries reading every answer we write."""

from __future__ import annotations

import hashlib
from io import BytesIO
from struct import pack
from typing import Any

import pyrogram.raw.core as pyrogram_core
from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import types as telethon_types
from telethon.tl.core import MessageContainer
from telethon.tl.functions import PingRequest
from telethon.tl.functions.help import GetConfigRequest

from tests.mtproto.client_packets import (
    CALL,
    KEY_ID,
    SALTS,
    START,
    Client,
    container,
    gzipped,
    long_vector,
    msg_id_at,
)
from tgserve.mtproto.session import Session

GOLDEN_HEADS = [(1, 0, 28), (9, 2, 88), (21, 6, 60), (45, 10, 248)]
"""msg_id after the start of time, seq_no, length of each packet."""
GOLDEN_SHA256 = "70ac7b80a84cbe3efeb4157785b010040fce6657182611fb93b94efbe032e954"


def conversation() -> tuple[Session, list[tuple[int, int, bytes]]]:
    """A fixed client: wrong salt, a container with a call and a ping, an answer, a push, states, salts, an error."""
    client = Client()
    sent: list[tuple[int, int, bytes]] = []

    def flush() -> None:
        sent.extend(client.session.outgoing(client.now))

    client.receive(client.next_id(), 0, pack("<IQ", 0x7ABE77EC, 5), salt=1)
    flush()
    call, ping = client.next_id(), client.next_id()
    client.receive(client.next_id(), 2, container((call, 1, CALL), (ping, 2, pack("<IQ", 0x7ABE77EC, 6))))
    flush()
    client.session.answer(call, pack("<I", 0x997275B5))
    client.session.push(pack("<I", 0xE317AF7E))
    flush()
    client.receive(client.next_id(), 2, long_vector(0xDA69FB52, [call, ping, 4]))
    client.receive(client.next_id(), 2, pack("<Ii", 0xB921BD04, 2))
    client.receive(client.next_id(), 3, pack("<IQ", 0x58E4A740, call))
    client.receive(client.next_id(), 5, gzipped(b"xy"))
    client.receive(msg_id_at(START - 500), 7, CALL)
    flush()
    return client.session, sent


def test_golden_conversation() -> None:
    """Every byte the session sent. A change here is a change on the wire: say why in the commit."""
    _, sent = conversation()
    wire = b"".join(pack("<QII", *head, len(body)) + body for *head, body in sent)
    assert [(msg_id - msg_id_at(START), seq_no, len(body)) for msg_id, seq_no, body in sent] == GOLDEN_HEADS
    assert hashlib.sha256(wire).hexdigest() == GOLDEN_SHA256


def test_golden_bad_server_salt() -> None:
    _, sent = conversation()
    salt = SALTS.current(KEY_ID, START)
    assert sent[0] == (
        msg_id_at(START) + 1,
        0,
        bytes.fromhex("7b44abed")
        + pack("<Q", msg_id_at(START))
        + bytes.fromhex("0000000030000000")
        + pack("<Q", salt),
    )


def telethon_reads(body: bytes) -> list[Any]:
    with BinaryReader(body) as reader:
        read = reader.tgread_object()
        assert reader.tell_position() == len(body) or type(read).__name__ == "RpcResult"
    if type(read).__name__ == "MessageContainer":
        return [message.obj for message in read.messages]
    return [read]


def test_telethon_reads_every_answer() -> None:
    _, sent = conversation()
    read = [one for _, _, body in sent for one in telethon_reads(body)]
    names = [type(one).__name__ for one in read]
    assert names == [
        "BadServerSalt",
        "NewSessionCreated",
        "Pong",
        "RpcResult",
        "UpdatesTooLong",
        "MsgsStateInfo",
        "FutureSalts",
        "RpcResult",
        "RpcResult",
        "BadMsgNotification",
    ]
    by_name = dict(zip(names, read, strict=True))
    assert by_name["Pong"].ping_id == 6
    salts = by_name["FutureSalts"].salts
    assert [type(salt) for salt in salts] == [telethon_types.FutureSalt] * 2
    assert (salts[1].valid_since - salts[0].valid_since).total_seconds() == 1800
    assert salts[0].salt % 2**64 == SALTS.current(KEY_ID, START)
    errors = [one.error for one in read if type(one).__name__ == "RpcResult" and one.error]
    assert [(error.error_code, error.error_message) for error in errors] == [(400, "INPUT_FETCH_FAIL")]


def test_kurigram_reads_every_answer() -> None:
    _, sent = conversation()
    names: list[str] = []
    for msg_id, seq_no, body in sent:
        raw = pack("<qii", msg_id, seq_no, len(body)) + body
        message = pyrogram_core.Message.read(BytesIO(raw))
        inner = message.body.messages if isinstance(message.body, pyrogram_core.MsgContainer) else [message]
        names += [type(one.body).__name__ for one in inner]
    assert names[:3] == ["BadServerSalt", "NewSessionCreated", "Pong"]
    assert names[5:7] == ["MsgsStateInfo", "FutureSalts"]
    assert len(names) == 10


def test_packed_results_are_read_by_stock_libraries() -> None:
    client = Client()
    client.settle()
    text = pack("<I", 0x2144CA19) + b"\x04\0\0\0" + b"\xfe\x00\x20\x00" + b"A" * 8192
    client.session.answer(client.call(), text)
    ((msg_id, seq_no, body),) = client.session.outgoing(client.now)
    assert len(body) < len(text) // 20
    raw = pack("<qii", msg_id, seq_no, len(body)) + body
    assert pyrogram_core.Message.read(BytesIO(raw)).body.result.error_message == "A" * 8192
    (result,) = telethon_reads(body)
    assert result.body is not None or result.error is not None


def test_telethons_own_packets_are_understood() -> None:
    """Its packer, its container, its gzip, its numbering, against our session."""
    state = MTProtoState(None, {"telethon.network.mtprotostate": None})
    client = Client()
    inner = BytesIO()
    calls = [
        bytes(GetConfigRequest()),
        bytes(GetConfigRequest()) + bytes(600),
        bytes(PingRequest(7)),
        bytes(telethon_types.MsgsAck([1, 2])),
    ]
    ids = [state.write_data_as_message(inner, data, place != 3) for place, data in enumerate(calls)]
    outer = BytesIO()
    head = pack("<Ii", MessageContainer.CONSTRUCTOR_ID, len(calls))
    state.write_data_as_message(outer, head + inner.getvalue(), content_related=False)
    client.now = (ids[-1] >> 32) + 0.5
    plain = pack("<QQ", client.salt(), client.session.session_id) + outer.getvalue() + bytes(16)
    events = client.session.receive(plain, now=client.now, salts=SALTS)
    assert [event.body for event in events[1:]] == calls[:2]
    assert [
        type(one).__name__ for _, _, b in client.session.outgoing(client.now) for one in telethon_reads(b)
    ] == [
        "NewSessionCreated",
        "Pong",
    ]
