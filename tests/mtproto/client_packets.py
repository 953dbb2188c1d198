"""The client's end of a session in plaintext: builds decrypted packets and takes apart what the session sends.

Written from the description of the protocol, not from the code under test.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from struct import pack, unpack_from

from tgserve.ids import Ids
from tgserve.mtproto.events import Event, Invoke
from tgserve.mtproto.salts import Salts
from tgserve.mtproto.session import Session

KEY_ID = 0x1122334455667788
SESSION_ID = 0x99AABBCCDDEEFF00
START = 1_700_000_000.25
CALL = pack("<I", 0xC4F9186B)  # help.getConfig, for the session any call that is not MTProto's own
SALTS = Salts(b"0123456789abcdef")


@dataclass
class Message:
    """One message of the server's, out of its container. `packet`: msg_id of the packet it came in."""

    msg_id: int
    seq_no: int
    body: bytes
    packet: int

    @property
    def constructor(self) -> int:
        return int(unpack_from("<I", self.body)[0])

    def u64(self, at: int) -> int:
        return int(unpack_from("<Q", self.body, at)[0])

    def u32(self, at: int) -> int:
        return int(unpack_from("<I", self.body, at)[0])


def open_packets(packets: list[tuple[int, int, bytes]]) -> list[Message]:
    messages = []
    for msg_id, seq_no, body in packets:
        if unpack_from("<I", body)[0] != 0x73F1F8DC:
            messages.append(Message(msg_id, seq_no, body, msg_id))
            continue
        assert seq_no % 2 == 0, "a container is never acknowledged"
        at = 8
        for _ in range(unpack_from("<I", body, 4)[0]):
            inner, inner_seq, size = unpack_from("<QII", body, at)
            assert inner < msg_id, "a container is newer than what it holds"
            messages.append(Message(inner, inner_seq, body[at + 16 : at + 16 + size], msg_id))
            at += 16 + size
        assert at == len(body)
    return messages


def make_session(**given: int) -> Session:
    return Session(KEY_ID, SESSION_ID, ids=Ids(seed=1), **given)


def msg_id_at(when: float, step: int = 0) -> int:
    return (int(when * 2**32) & ~3) + 4 * step


def packet(msg_id: int, seq_no: int, body: bytes, *, salt: int, session_id: int = SESSION_ID) -> bytes:
    padding = 12 + (-(32 + len(body) + 12)) % 16
    return pack("<QQQII", salt, session_id, msg_id, seq_no, len(body)) + body + b"\xa5" * padding


def container(*messages: tuple[int, int, bytes]) -> bytes:
    parts = [pack("<QII", msg_id, seq_no, len(body)) + body for msg_id, seq_no, body in messages]
    return pack("<II", 0x73F1F8DC, len(messages)) + b"".join(parts)


def long_vector(constructor: int, ids: list[int]) -> bytes:
    return pack(f"<III{len(ids)}Q", constructor, 0x1CB5C415, len(ids), *ids)


def tl_bytes(data: bytes) -> bytes:
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)


def gzipped(body: bytes) -> bytes:
    return pack("<I", 0x3072CFA1) + tl_bytes(gzip.compress(body))


def zlibbed(body: bytes) -> bytes:
    """As TDLib and mtcute pack: a zlib stream where the description says gzip."""
    return pack("<I", 0x3072CFA1) + tl_bytes(zlib.compress(body))


class Client:
    """A well-behaved client on one session, with time in its hand."""

    def __init__(self, session: Session | None = None, salts: Salts = SALTS) -> None:
        self.session = session or make_session()
        self.salts = salts
        self.now = START
        self.contents = 0
        self.last = 0

    def next_id(self) -> int:
        self.last = max(self.last + 4, msg_id_at(self.now))
        return self.last

    def next_seq(self, content: bool) -> int:
        seq_no = self.contents * 2 + content
        self.contents += content
        return seq_no

    def salt(self) -> int:
        return self.salts.current(KEY_ID, self.now)

    def receive(self, msg_id: int, seq_no: int, body: bytes, salt: int | None = None) -> list[Event]:
        plain = packet(msg_id, seq_no, body, salt=self.salt() if salt is None else salt)
        return self.session.receive(plain, now=self.now, salts=self.salts)

    def send(self, body: bytes, *, content: bool = True) -> tuple[int, list[Event]]:
        """Send one message; its msg_id and what the session made of it."""
        msg_id = self.next_id()
        return msg_id, self.receive(msg_id, self.next_seq(content), body)

    def call(self, body: bytes = CALL) -> int:
        msg_id, events = self.send(body)
        assert invoked(events) == [msg_id]
        return msg_id

    def ack(self, *msg_ids: int) -> list[Event]:
        return self.send(long_vector(0x62D6B459, list(msg_ids)), content=False)[1]

    def read(self) -> list[Message]:
        return open_packets(self.session.outgoing(self.now))

    def settle(self) -> None:
        """Open the session and forget what that made it say."""
        self.send(pack("<IQ", 0x7ABE77EC, 0), content=False)
        self.ack(*[m.msg_id for m in self.read() if m.seq_no & 1])
        assert self.read() == []


def invoked(events: list[Event]) -> list[int]:
    return [event.msg_id for event in events if isinstance(event, Invoke)]
