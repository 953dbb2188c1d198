"""Unencrypted messages: the envelope, and the layouts of the key exchange, the only thing that may come in one.

message = 0 (8) msg_id (8) length (4) body (length)

Telegram Desktop puts padding behind the body, TDLib into it: both are cut off (`parse_plain`, `without_padding`).
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from tgserve.errors import ProtocolError
from tgserve.mtproto.constructors import VECTOR, tl_bytes

REQ_PQ: Final = 0x60469778
REQ_PQ_MULTI: Final = 0xBE7E8EF1
REQ_DH_PARAMS: Final = 0xD712E4BE
SET_CLIENT_DH_PARAMS: Final = 0xF5045F1F
RES_PQ: Final = 0x05162463
P_Q_INNER_DATA: Final = 0x83C95AEC
P_Q_INNER_DATA_DC: Final = 0xA9F55F95
P_Q_INNER_DATA_TEMP: Final = 0x3C6A84D4
P_Q_INNER_DATA_TEMP_DC: Final = 0x56FDDF88
SERVER_DH_PARAMS_OK: Final = 0xD0E8075C
SERVER_DH_INNER_DATA: Final = 0xB5890DBA
CLIENT_DH_INNER_DATA: Final = 0x6643B654
DH_GEN_OK: Final = 0x3BCBF734
DH_GEN_RETRY: Final = 0x46DC1FB9
DH_GEN_FAIL: Final = 0xA69DAE02

KEY_ID_NONE = bytes(8)
_ENVELOPE = Struct("<QQI")
_TRAILING_MAX = 1024
"""Desktop pads plain messages by up to 63 words, the padded transport by 15 bytes."""
u32 = Struct("<I").pack
i32 = Struct("<i").pack
u64 = Struct("<Q").pack
read_u32 = Struct("<I").unpack_from
read_i32 = Struct("<i").unpack_from
read_u64 = Struct("<Q").unpack_from


def refused(reason: str) -> ProtocolError:
    """The one answer of the key exchange to everything it does not take."""
    return ProtocolError(f"key exchange: {reason}", -404)


def plain(msg_id: int, body: bytes) -> bytes:
    """An unencrypted message."""
    return _ENVELOPE.pack(0, msg_id, len(body)) + body


def parse_plain(payload: bytes) -> tuple[int, bytes]:
    """(msg_id, body) of an unencrypted message. Raises ProtocolError(-404) when its length does not fit (1.12)."""
    if len(payload) < _ENVELOPE.size + 4:
        raise refused("short message")
    key_id, msg_id, length = _ENVELOPE.unpack_from(payload)
    excess = len(payload) - _ENVELOPE.size - length
    if key_id or length < 4 or length & 3 or not 0 <= excess <= _TRAILING_MAX:
        raise refused("length does not fit")
    return msg_id, payload[_ENVELOPE.size : _ENVELOPE.size + length]


def read_bytes(body: bytes, at: int) -> tuple[bytes, int]:
    """A TL string at `at` and where it ends. Raises ProtocolError(-404)."""
    if at >= len(body):
        raise refused("string outside the message")
    size = body[at]
    start = at + 1
    if size == 255:
        raise refused("string longer than any message")
    if size == 254:
        size = int.from_bytes(body[at + 1 : at + 4], "little")
        start = at + 4
    stop = start + size
    end = stop + (at - stop) % 4
    if end > len(body):
        raise refused("string outside the message")
    return body[start:stop], end


def without_padding(body: bytes) -> bytes:
    """A request of the exchange up to its own end: TDLib counts up to 255 random bytes behind it into message_length,
    Desktop puts them behind the message. Raises ProtocolError(-404) for more than that, or a request cut short."""
    constructor = read_u32(body)[0]
    end = len(body)
    if constructor in (REQ_PQ, REQ_PQ_MULTI):
        end = 20
    elif constructor == REQ_DH_PARAMS:
        end = read_bytes(body, read_bytes(body, read_bytes(body, 36)[1])[1] + 8)[1]
    elif constructor == SET_CLIENT_DH_PARAMS:
        end = read_bytes(body, 36)[1]
    if not 0 <= len(body) - end <= _TRAILING_MAX:
        raise refused("length does not fit")
    return body[:end]


class ReqDhParams(NamedTuple):
    p: bytes
    q: bytes
    fingerprint: int
    encrypted_data: bytes


def parse_req_dh_params(body: bytes) -> ReqDhParams:
    """What follows the nonces of req_DH_params#d712e4be."""
    p, at = read_bytes(body, 36)
    q, at = read_bytes(body, at)
    if at + 8 > len(body):
        raise refused("short message")
    encrypted, _ = read_bytes(body, at + 8)
    return ReqDhParams(p, q, read_u64(body, at)[0], encrypted)


def res_pq(nonce: bytes, server_nonce: bytes, pq: bytes, fingerprint: int) -> bytes:
    """resPQ#05162463 with one fingerprint."""
    return u32(RES_PQ) + nonce + server_nonce + tl_bytes(pq) + u32(VECTOR) + u32(1) + u64(fingerprint)


def server_dh_inner_data(
    nonce: bytes, server_nonce: bytes, g: int, prime: bytes, g_a: bytes, server_time: int
) -> bytes:
    """server_DH_inner_data#b5890dba."""
    numbers = i32(g) + tl_bytes(prime) + tl_bytes(g_a) + u32(server_time)
    return u32(SERVER_DH_INNER_DATA) + nonce + server_nonce + numbers
