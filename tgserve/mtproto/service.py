"""MTProto's own messages, one function each, and the table that says who handles what.

A handler gets the session's state, the packet, where the body's fields begin and end, the msg_id and seq_no, the time
and the salts. It queues the answer itself and returns an event only when somebody else must act. Malformed bytes raise
Malformed (the session answers rpc_error 400); more ids than allowed raise ProtocolError -429 (SECURITY 3.10).
Answers that are not rpc_result, as clients expect: pong, future_salts, msgs_state_info, destroy_session_*,
destroy_auth_key_*. rpc_drop_answer alone is answered inside rpc_result.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from
from typing import Final

from tgserve.errors import ProtocolError
from tgserve.limits import HTTP_WAIT_SECONDS, PING_DISCONNECT_SECONDS, SERVICE_IDS
from tgserve.mtproto import constructors as c
from tgserve.mtproto.containers import Malformed
from tgserve.mtproto.events import (
    Acked,
    DestroyAuthKey,
    DestroySession,
    DisconnectAfter,
    DropAnswer,
    Event,
    HttpWait,
)
from tgserve.mtproto.outbox import ANSWER
from tgserve.mtproto.replay import ANSWERED, CANCELLED, RPC
from tgserve.mtproto.salts import Salts
from tgserve.mtproto.state import RECEIVED, State

HTTP_DELAY_MAX_MS: Final = 3_000

Handler = Callable[[State, bytes, int, int, int, int, float, Salts], Event | None]


def ping(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> None:
    """ping#7abe77ec ping_id:long = Pong"""
    if end - at != 8:
        raise Malformed
    state.outbox.put(c.pong(c.PONG, msg_id, c.read_u64(data, at)[0]), ANSWER, False)


def ping_delay_disconnect(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> Event:
    """ping_delay_disconnect#f3427b8c ping_id:long disconnect_delay:int = Pong"""
    if end - at != 12:
        raise Malformed
    ping_id, delay = c.read_ping_delay(data, at)
    state.outbox.put(c.pong(c.PONG, msg_id, ping_id), ANSWER, False)
    return DisconnectAfter(min(max(delay, 0), PING_DISCONNECT_SECONDS))


def msgs_ack(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> Event | None:
    """msgs_ack#62d6b459 msg_ids:Vector<long> = MsgsAck"""
    known = state.outbox.acknowledged(_ids(data, at, end))
    return Acked(known) if known else None


def msgs_state_req(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> None:
    """msgs_state_req#da69fb52 msg_ids:Vector<long> = MsgsStateReq"""
    _state_info(state, msg_id, _ids(data, at, end), now)


def msg_resend_req(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> None:
    """msg_resend_req#7d861a08 msg_ids:Vector<long> = MsgResendReq: our messages, by our msg_ids"""
    ids = _ids(data, at, end)
    outbox = state.outbox
    missing = False
    for wanted in ids:
        out = outbox.kept.get(wanted)
        if out is None:
            missing = True
        else:
            outbox.send_again(out)
    if missing:
        _state_info(state, msg_id, ids, now)


def msg_resend_ans_req(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> None:
    """msg_resend_ans_req#8610baeb msg_ids:Vector<long> = MsgResendReq: our answers, by the msg_ids of the calls"""
    ids = _ids(data, at, end)
    outbox = state.outbox
    missing = False
    for wanted in ids:
        out = outbox.answers.get(wanted)
        if out is None:
            missing = True
        else:
            outbox.send_again(out)
    if missing:
        _state_info(state, msg_id, ids, now)


def msgs_all_info(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> Event | None:
    """msgs_all_info#8cc0d131 msg_ids:Vector<long> info:bytes = MsgsAllInfo: what the client knows of ours"""
    count = _count(data, at, end)
    middle = at + 8 + 8 * count
    if middle + 4 > end:
        raise Malformed
    ids = _ids(data, at, middle)
    info = _bytes(data, middle, end)
    if len(info) != count:
        raise Malformed
    received = []
    for known, flags in zip(ids, info, strict=True):
        out = state.outbox.kept.get(known)
        if out is None:
            continue
        if flags & 7 == RECEIVED:
            received.append(known)
        elif flags & 7:
            state.outbox.send_again(out)
    known_ids = state.outbox.acknowledged(tuple(received))
    return Acked(known_ids) if known_ids else None


def rpc_drop_answer(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> Event | None:
    """rpc_drop_answer#58e4a740 req_msg_id:long = RpcDropAnswer"""
    if end - at != 8:
        raise Malformed
    request = c.read_u64(data, at)[0]
    known = state.window.state
    bits = known.get(request, 0)
    out = state.outbox.withdraw(request, now)
    if out is not None:
        state.result(msg_id, c.dropped(c.RPC_ANSWER_DROPPED, out.msg_id, out.seq_no, len(out.body)))
        return None
    if not bits & RPC or bits & ANSWERED:
        state.result(msg_id, c.u32(c.RPC_ANSWER_UNKNOWN))
        return None
    running = c.u32(c.RPC_ANSWER_DROPPED_RUNNING)
    state.result(request, running)
    known[request] |= CANCELLED
    state.result(msg_id, running)
    return DropAnswer(request)


def get_future_salts(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> None:
    """get_future_salts#b921bd04 num:int = FutureSalts; the vector and its items are bare"""
    if end - at != 4:
        raise Malformed
    rows = salts.future(state.key_id, c.read_i32(data, at)[0], now)
    head = c.future_salts_head(c.FUTURE_SALTS, msg_id, int(now), len(rows))
    state.reply(head + b"".join(c.future_salt(since, until, salt) for since, until, salt in rows))


def destroy_session(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> Event | None:
    """destroy_session#e7512126 session_id:long = DestroySessionRes; of itself a session is not destroyed"""
    if end - at != 8:
        raise Malformed
    session_id = c.read_u64(data, at)[0]
    if session_id == state.session_id:
        state.reply(c.destroy_session_result(c.DESTROY_SESSION_NONE, session_id))
        return None
    return DestroySession(session_id, msg_id)


def destroy_auth_key(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> Event:
    """destroy_auth_key#d1435160 = DestroyAuthKeyRes"""
    if end != at:
        raise Malformed
    return DestroyAuthKey(msg_id)


def http_wait(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> Event:
    """http_wait#9299359f max_delay:int wait_after:int max_wait:int = HttpWait"""
    if end - at != 12:
        raise Malformed
    max_delay, wait_after, max_wait = c.read_three_i32(data, at)
    return HttpWait(
        min(max(max_delay, 0), HTTP_DELAY_MAX_MS),
        min(max(wait_after, 0), HTTP_DELAY_MAX_MS),
        min(max(max_wait, 0), HTTP_WAIT_SECONDS * 1000),
    )


def ignored(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> None:
    """bad_msg_notification, bad_server_salt, msgs_state_info, msg_detailed_info, msg_new_detailed_info from a client.
    We ask no states, and our ids, order and salts are right by definition: what was not received comes again on the
    next connection; sending it under another id because a client asks would be a loop in the client's hands."""


def msg_copy(
    state: State, data: bytes, at: int, end: int, msg_id: int, seq_no: int, now: float, salts: Salts
) -> None:
    """msg_copy#e06046b2: no client sends it, and it would be a way round the duplicate check."""
    raise Malformed


SERVICE: Final[dict[int, Handler]] = {
    c.BAD_MSG_NOTIFICATION: ignored,
    c.BAD_SERVER_SALT: ignored,
    c.DESTROY_AUTH_KEY: destroy_auth_key,
    c.DESTROY_SESSION: destroy_session,
    c.GET_FUTURE_SALTS: get_future_salts,
    c.HTTP_WAIT: http_wait,
    c.MSG_COPY: msg_copy,
    c.MSG_DETAILED_INFO: ignored,
    c.MSG_NEW_DETAILED_INFO: ignored,
    c.MSG_RESEND_ANS_REQ: msg_resend_ans_req,
    c.MSG_RESEND_REQ: msg_resend_req,
    c.MSGS_ACK: msgs_ack,
    c.MSGS_ALL_INFO: msgs_all_info,
    c.MSGS_STATE_INFO: ignored,
    c.MSGS_STATE_REQ: msgs_state_req,
    c.PING: ping,
    c.PING_DELAY_DISCONNECT: ping_delay_disconnect,
    c.RPC_DROP_ANSWER: rpc_drop_answer,
}
# mtcute numbers its msgs_ack as if they had to be acknowledged: 34 would reset its session again and again.
MUST_BE_EVEN: Final = frozenset((c.MSG_CONTAINER,))
"""Never acknowledged, so an odd seq_no is an error (34). Of all other service messages both parities are in use:
Telethon and Telegram Desktop number pings and state requests odd, TDLib and Kurigram even."""
UNANSWERED: Final = frozenset(
    (
        c.BAD_MSG_NOTIFICATION,
        c.BAD_SERVER_SALT,
        c.HTTP_WAIT,
        c.MSG_DETAILED_INFO,
        c.MSG_NEW_DETAILED_INFO,
        c.MSGS_ALL_INFO,
        c.MSGS_STATE_INFO,
    )
)
"""Acknowledged when numbered odd; of the rest the answer is the acknowledgement."""


def _ids(data: bytes, at: int, end: int) -> tuple[int, ...]:
    """A boxed Vector<long> that fills at..end exactly; the count is checked before anything is made of it."""
    count = _count(data, at, end)
    if end - at - 8 != 8 * count:
        raise Malformed
    return unpack_from(f"<{count}Q", data, at + 8)


def _count(data: bytes, at: int, end: int) -> int:
    """How many items the boxed Vector at `at` claims to have; more than anybody may ask for ends the connection."""
    if end - at < 8:
        raise Malformed
    vector, count = c.read_pair(data, at)
    if vector != c.VECTOR:
        raise Malformed
    if count > SERVICE_IDS:
        raise ProtocolError("too many msg_ids", -429)
    return int(count)


def _bytes(data: bytes, at: int, end: int) -> bytes:
    size, start = data[at], at + 1
    if size == 254:
        size, start = int.from_bytes(data[at + 1 : at + 4], "little"), at + 4
    if start + size > end:
        raise Malformed
    return data[start : start + size]


def _state_info(state: State, msg_id: int, ids: tuple[int, ...], now: float) -> None:
    flags = bytes(state.flags_of(one, now) for one in ids)
    state.reply(c.state_info_head(c.MSGS_STATE_INFO, msg_id) + c.tl_bytes(flags))
