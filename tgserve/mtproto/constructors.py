"""Constructor ids and byte layouts of MTProto's own messages (tl/schema/mtproto.tl), as sessions read and write them.

The session works on bytes by hand: these few dozen layouts never change with the layer, and pings and acks are the most
frequent messages of all, so no TL object is made for them (CLIENTS C.9: 250 pings a second from 500 idle web clients).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

BAD_MSG_NOTIFICATION: Final = 0xA7EFF811
BAD_SERVER_SALT: Final = 0xEDAB447B
DESTROY_AUTH_KEY: Final = 0xD1435160
DESTROY_AUTH_KEY_FAIL: Final = 0xEA109B13
DESTROY_AUTH_KEY_NONE: Final = 0x0A9F2259
DESTROY_AUTH_KEY_OK: Final = 0xF660E1D4
DESTROY_SESSION: Final = 0xE7512126
DESTROY_SESSION_NONE: Final = 0x62D350C9
DESTROY_SESSION_OK: Final = 0xE22045FC
FUTURE_SALTS: Final = 0xAE500895
GET_FUTURE_SALTS: Final = 0xB921BD04
GZIP_PACKED: Final = 0x3072CFA1
HTTP_WAIT: Final = 0x9299359F
MSG_CONTAINER: Final = 0x73F1F8DC
MSG_COPY: Final = 0xE06046B2
MSG_DETAILED_INFO: Final = 0x276D3EC6
MSG_NEW_DETAILED_INFO: Final = 0x809DB6DF
MSG_RESEND_ANS_REQ: Final = 0x8610BAEB
MSG_RESEND_REQ: Final = 0x7D861A08
MSGS_ACK: Final = 0x62D6B459
MSGS_ALL_INFO: Final = 0x8CC0D131
MSGS_STATE_INFO: Final = 0x04DEB57D
MSGS_STATE_REQ: Final = 0xDA69FB52
NEW_SESSION_CREATED: Final = 0x9EC20908
PING: Final = 0x7ABE77EC
PING_DELAY_DISCONNECT: Final = 0xF3427B8C
PONG: Final = 0x347773C5
RPC_ANSWER_DROPPED: Final = 0xA43AD8B7
RPC_ANSWER_DROPPED_RUNNING: Final = 0xCD78E586
RPC_ANSWER_UNKNOWN: Final = 0x5E2AD36E
RPC_DROP_ANSWER: Final = 0x58E4A740
RPC_ERROR: Final = 0x2144CA19
RPC_RESULT: Final = 0xF35C6D01
UPDATES_TOO_LONG: Final = 0xE317AF7E
"""The one API constructor here: `updates were lost, ask for the difference`; its id is the same in every layer."""
VECTOR: Final = 0x1CB5C415

u32 = Struct("<I").pack
read_u32 = Struct("<I").unpack_from
read_i32 = Struct("<i").unpack_from
read_u64 = Struct("<Q").unpack_from
read_pair = Struct("<II").unpack_from
read_three_i32 = Struct("<iii").unpack_from
read_ping_delay = Struct("<Qi").unpack_from
read_header = Struct("<QQQII").unpack_from
"""salt, session_id, msg_id, seq_no, length: what every decrypted packet begins with."""
HEADER_BYTES: Final = 32
read_message = Struct("<QII").unpack_from
"""msg_id, seqno, bytes: what every message in a container begins with."""
MESSAGE_BYTES: Final = 16

bad_msg = Struct("<IQII").pack
bad_salt = Struct("<IQIIQ").pack
container_head = Struct("<II").pack
detailed_info = Struct("<IQQII").pack
destroy_session_result = Struct("<IQ").pack
dropped = Struct("<IQII").pack
future_salts_head = Struct("<IQII").pack
future_salt = Struct("<IIQ").pack
message_head = Struct("<QII").pack
new_session = Struct("<IQQQ").pack
pong = Struct("<IQQ").pack
result_head = Struct("<IQ").pack
state_info_head = Struct("<IQ").pack
vector_head = Struct("<III").pack
"""constructor of the message, of Vector, count."""


def tl_bytes(data: bytes) -> bytes:
    """`data` as a TL string: length in 1 or 4 bytes, padded with zeros to a multiple of 4."""
    size = len(data)
    if size < 254:
        return bytes((size,)) + data + bytes(-(size + 1) % 4)
    return b"\xfe" + size.to_bytes(3, "little") + data + bytes(-size % 4)


def rpc_error(code: int, name: str) -> bytes:
    """The body of rpc_error#2144ca19."""
    return u32(RPC_ERROR) + code.to_bytes(4, "little", signed=True) + tl_bytes(name.encode())
