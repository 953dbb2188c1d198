"""Client side of an encrypted session, sans-IO: numbers and seals what is sent, opens and explains what comes.

    session = ClientSession(key, salt, ids, clock)
    message = session.message(body)            # msg_id and seq_no as an honest client gives them
    payload = session.seal(message)            # every field of the packet can be forged by keyword
    for event in session.open(answer): ...

Honest where nothing else is asked for, and strict: what a server may not send raises ServerFault.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from struct import pack, unpack_from

from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.mtproto import constructors as c
from tgserve.mtproto.cipher import HEADER, AuthKey
from tgserve.mtproto.ige import decrypt_ige, encrypt_ige

_U64 = 0xFFFFFFFFFFFFFFFF


class ServerFault(Exception):
    """The server broke a rule of MTProto that clients are told to check."""


@dataclass(frozen=True, slots=True)
class Message:
    """As it stands in a packet or container."""

    msg_id: int
    seq_no: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """rpc_result; `body` is what it holds, inflated."""

    req_msg_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """rpc_result with an rpc_error."""

    req_msg_id: int
    code: int
    name: str


@dataclass(frozen=True, slots=True)
class Update:
    """Anything that is not MTProto's own: an Updates object, boxed, inflated."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    msg_id: int
    ping_id: int


@dataclass(frozen=True, slots=True)
class Acks:
    msg_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BadMessage:
    msg_id: int
    seq_no: int
    code: int


@dataclass(frozen=True, slots=True)
class BadSalt:
    msg_id: int
    seq_no: int
    code: int
    salt: int


@dataclass(frozen=True, slots=True)
class NewSession:
    first_msg_id: int
    unique_id: int
    salt: int


@dataclass(frozen=True, slots=True)
class FutureSalts:
    req_msg_id: int
    now: int
    salts: tuple[tuple[int, int, int], ...]
    """(valid_since, valid_until, salt)."""


@dataclass(frozen=True, slots=True)
class StateInfo:
    req_msg_id: int
    info: bytes


@dataclass(frozen=True, slots=True)
class DetailedInfo:
    """msg_detailed_info, or msg_new_detailed_info with msg_id 0."""

    msg_id: int
    answer_msg_id: int
    size: int
    status: int


@dataclass(frozen=True, slots=True)
class Service:
    """Another message of MTProto's own, by its constructor (destroy_session_ok …)."""

    constructor: int
    body: bytes


Event = (
    Result
    | Failure
    | Update
    | Pong
    | Acks
    | BadMessage
    | BadSalt
    | NewSession
    | FutureSalts
    | StateInfo
    | DetailedInfo
    | Service
)
_SERVICE = (
    c.DESTROY_SESSION_OK,
    c.DESTROY_SESSION_NONE,
    c.DESTROY_AUTH_KEY_OK,
    c.DESTROY_AUTH_KEY_NONE,
    c.DESTROY_AUTH_KEY_FAIL,
    c.MSGS_ALL_INFO,
    c.MSGS_STATE_REQ,
    c.MSG_RESEND_REQ,
)


class ClientSession:
    """(auth key, session_id) as a client has it. `offset`: seconds the client's clock is told to be off."""

    def __init__(self, key: AuthKey, salt: int, ids: Ids, clock: Clock) -> None:
        self.key = key
        self.salt = salt
        self.session_id = ids.u64()
        self.offset = 0.0
        self.acks: list[int] = []
        """msg_ids of the server's content-related messages not acknowledged yet."""
        self.seen: set[int] = set()
        """msg_ids received, so that a resent message is told only once."""
        self.server_time = 0
        """Seconds since 1970, by the last msg_id of the server."""
        self._ids = ids
        self._clock = clock
        self._last_id = 0
        self._content = 0

    # -- out ----------------------------------------------------------------------------------------------------------

    def next_id(self) -> int:
        msg_id = int((self._clock.now() + self.offset) * 4294967296) & ~3
        self._last_id = msg_id if msg_id > self._last_id else self._last_id + 4
        return self._last_id

    def correct_clock(self) -> None:
        """Follow the server's clock from here on, also backwards."""
        self.offset = self.server_time - self._clock.now()
        self._last_id = 0

    def next_seq_no(self, content: bool) -> int:
        seq_no = self._content * 2 + content
        self._content += content
        return seq_no

    def message(
        self, body: bytes, content: bool = True, *, msg_id: int | None = None, seq_no: int | None = None
    ) -> Message:
        """A message with the next numbers; `content`: it is to be acknowledged."""
        return Message(
            self.next_id() if msg_id is None else msg_id,
            self.next_seq_no(content) if seq_no is None else seq_no,
            body,
        )

    def container(
        self, messages: list[Message], *, msg_id: int | None = None, seq_no: int | None = None
    ) -> Message:
        """msg_container of messages that have their numbers already."""
        parts = [pack("<II", c.MSG_CONTAINER, len(messages))]
        for message in messages:
            parts += (pack("<QII", message.msg_id, message.seq_no, len(message.body)), message.body)
        return self.message(b"".join(parts), False, msg_id=msg_id, seq_no=seq_no)

    def acknowledge(self) -> Message | None:
        """msgs_ack for all that waits for one; None when nothing does."""
        if not self.acks:
            return None
        ids, self.acks = self.acks, []
        return self.message(pack(f"<III{len(ids)}Q", c.MSGS_ACK, c.VECTOR, len(ids), *ids), False)

    def seal(
        self,
        message: Message,
        *,
        salt: int | None = None,
        session_id: int | None = None,
        length: int | None = None,
        padding: int | None = None,
        msg_key: bytes | None = None,
        key_id: bytes | None = None,
        reflected: bool = False,
    ) -> bytes:
        """One packet. By keyword: another salt, session, length field, count of padding bytes, msg_key, key id, or the
        server's direction (x = 8)."""
        body = message.body
        header = HEADER.pack(
            (self.salt if salt is None else salt) & _U64,
            (self.session_id if session_id is None else session_id) & _U64,
            message.msg_id,
            message.seq_no,
            (len(body) if length is None else length) & 0xFFFFFFFF,
        )
        count = 12 + -(len(body) + 44) % 16 if padding is None else padding
        plain = header + body + self._ids.random_bytes(count)
        return self.seal_plain(plain, msg_key=msg_key, key_id=key_id, reflected=reflected)

    def seal_plain(
        self,
        plain: bytes,
        *,
        msg_key: bytes | None = None,
        key_id: bytes | None = None,
        reflected: bool = False,
    ) -> bytes:
        """One packet of a plaintext that is complete already."""
        x = 8 if reflected else 0
        raw = self.key.raw
        true_key = sha256(raw[88 + x : 120 + x] + plain).digest()[8:24]
        msg_key = true_key if msg_key is None else msg_key
        sealed = encrypt_ige(plain, *_aes(raw, msg_key, x))
        return (self.key.id_bytes if key_id is None else key_id) + msg_key + sealed

    def quick_ack_token(self, payload: bytes) -> int:
        """The token a server must give for a packet of ours."""
        raw = self.key.raw
        plain = decrypt_ige(payload[24:], *_aes(raw, payload[8:24], 0))
        token: int = unpack_from("<I", sha256(raw[88:120] + plain).digest())[0]
        return token | 0x80000000

    # -- in -----------------------------------------------------------------------------------------------------------

    def open(self, payload: bytes) -> list[Event]:
        """What the server says in one packet, containers and gzip taken apart. Raises ServerFault."""
        events: list[Event] = []
        for message in self.open_messages(payload):
            self.server_time = message.msg_id >> 32
            if message.seq_no & 1:
                self.acks.append(message.msg_id)
            if message.msg_id in self.seen:
                continue
            self.seen.add(message.msg_id)
            events += explain(message.body)
        for event in events:
            if isinstance(event, BadSalt | NewSession):
                self.salt = event.salt
        return events

    def open_messages(self, payload: bytes) -> list[Message]:
        """The messages of one packet with their numbers, a container as its contents. Raises ServerFault."""
        if payload[:8] != self.key.id_bytes:
            raise ServerFault("another auth_key_id")
        raw, msg_key = self.key.raw, payload[8:24]
        plain = decrypt_ige(payload[24:], *_aes(raw, msg_key, 8))
        if not compare_digest(sha256(raw[96:128] + plain).digest()[8:24], msg_key):
            raise ServerFault("msg_key")
        _, session_id, msg_id, seq_no, length = HEADER.unpack_from(plain)
        if session_id != self.session_id & _U64:
            raise ServerFault("another session_id")
        if length % 4 or not 12 <= len(plain) - HEADER.size - length <= 1024:
            raise ServerFault("length or padding")
        if not msg_id & 1:
            raise ServerFault("an even msg_id")
        return list(_unpacked(Message(msg_id, seq_no, plain[HEADER.size : HEADER.size + length])))


def _aes(raw: bytes, msg_key: bytes, x: int) -> tuple[bytes, bytes]:
    a = sha256(msg_key + raw[x : x + 36]).digest()
    b = sha256(raw[x + 40 : x + 76] + msg_key).digest()
    return a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:]


def _unpacked(message: Message) -> list[Message]:
    body = message.body
    if unpack_from("<I", body)[0] != c.MSG_CONTAINER:
        return [message]
    found: list[Message] = []
    (count,) = unpack_from("<I", body, 4)
    at = 8
    for _ in range(count):
        msg_id, seq_no, size = unpack_from("<QII", body, at)
        inner = Message(msg_id, seq_no, body[at + 16 : at + 16 + size])
        if len(inner.body) != size or size % 4 or msg_id >= message.msg_id or not msg_id & 1:
            raise ServerFault("a container that does not hold what it says")
        if unpack_from("<I", inner.body)[0] == c.MSG_CONTAINER:
            raise ServerFault("a container in a container")
        found.append(inner)
        at += 16 + size
    if at != len(body):
        raise ServerFault("bytes behind a container")
    return found


def packed(body: bytes, *, stream: str = "gzip") -> bytes:
    """gzip_packed; `stream` is gzip or zlib (as TDLib and mtcute write it)."""
    data = gzip.compress(body) if stream == "gzip" else zlib.compress(body)
    return pack("<I", c.GZIP_PACKED) + c.tl_bytes(data)


def inflated(body: bytes) -> bytes:
    """The body of a gzip_packed, or the body itself."""
    if unpack_from("<I", body)[0] != c.GZIP_PACKED:
        return body
    return zlib.decompress(_string(body, 4)[0], wbits=47)


def _string(body: bytes, at: int) -> tuple[bytes, int]:
    size, start = body[at], at + 1
    if size == 254:
        size, start = int.from_bytes(body[at + 1 : at + 4], "little"), at + 4
    end = start + size
    return body[start:end], end + (at - end) % 4


def explain(body: bytes) -> list[Event]:
    """One message of the server as events: one, but for msgs_ack and the like never none."""
    body = inflated(body)
    (constructor,) = unpack_from("<I", body)
    if constructor == c.RPC_RESULT:
        (req_msg_id,) = unpack_from("<Q", body, 4)
        result = inflated(body[12:])
        if unpack_from("<I", result)[0] == c.RPC_ERROR:
            (code,) = unpack_from("<i", result, 4)
            return [Failure(req_msg_id, code, _string(result, 8)[0].decode())]
        return [Result(req_msg_id, result)]
    if constructor == c.MSGS_ACK:
        (count,) = unpack_from("<I", body, 8)
        return [Acks(unpack_from(f"<{count}Q", body, 12))]
    if constructor == c.PONG:
        return [Pong(*unpack_from("<QQ", body, 4))]
    if constructor == c.BAD_MSG_NOTIFICATION:
        return [BadMessage(*unpack_from("<QIi", body, 4))]
    if constructor == c.BAD_SERVER_SALT:
        return [BadSalt(*unpack_from("<QIiQ", body, 4))]
    if constructor == c.NEW_SESSION_CREATED:
        return [NewSession(*unpack_from("<QQQ", body, 4))]
    if constructor == c.FUTURE_SALTS:
        req_msg_id, now, count = unpack_from("<QII", body, 4)
        salts = tuple(unpack_from("<IIQ", body, 20 + 16 * i) for i in range(count))
        return [FutureSalts(req_msg_id, now, salts)]
    if constructor == c.MSGS_STATE_INFO:
        return [StateInfo(unpack_from("<Q", body, 4)[0], _string(body, 12)[0])]
    if constructor == c.MSG_DETAILED_INFO:
        return [DetailedInfo(*unpack_from("<QQIi", body, 4))]
    if constructor == c.MSG_NEW_DETAILED_INFO:
        return [DetailedInfo(0, *unpack_from("<QIi", body, 4))]
    if constructor in _SERVICE:
        return [Service(constructor, body)]
    return [Update(body)]
