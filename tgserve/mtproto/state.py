"""What a session is made of, for the functions that answer service messages (service.py) and for the session itself.

Nothing here reads bytes; `flags_of` is the one place that says what is known of a message of the client's.
"""

from __future__ import annotations

from tgserve.limits import MSG_ID_PAST_SECONDS
from tgserve.mtproto.constructors import BAD_MSG_NOTIFICATION, RPC_RESULT, bad_msg, result_head
from tgserve.mtproto.constructors import rpc_error as error_body
from tgserve.mtproto.outbox import ANSWER, Outbox
from tgserve.mtproto.replay import ANSWERED, FORGOTTEN, NO_ACK, RPC, Window

RECEIVED_UNKNOWN = 1
"""Nothing is known of the message: too old, or forgotten. The client sends the call again under a new msg_id."""
RECEIVED_NOT = 2
RECEIVED_NOT_YET = 3
RECEIVED = 4
ACKNOWLEDGED = 8


class State:
    """(auth_key_id, session_id) and what was received and is to be sent."""

    __slots__ = ("key_id", "outbox", "session_id", "window")

    def __init__(self, key_id: int, session_id: int, floor: int, not_before: int) -> None:
        self.key_id = key_id
        self.session_id = session_id
        self.window = Window(not_before)
        self.outbox = Outbox(floor)

    def reply(self, body: bytes) -> None:
        """A service answer: not kept, the client asks again if it is lost."""
        self.outbox.put(body, ANSWER, content=False)

    def refuse(self, msg_id: int, seq_no: int, code: int) -> None:
        """bad_msg_notification: the message was not accepted."""
        self.outbox.put(bad_msg(BAD_MSG_NOTIFICATION, msg_id, seq_no, code), ANSWER, content=False)

    def result(self, request: int, body: bytes) -> None:
        """rpc_result for a call: kept until acknowledged, and its waiting acknowledgement is needless now."""
        state = self.window.state
        bits = state.get(request)
        if bits is not None:
            state[request] = bits | ANSWERED
        self.outbox.acks.pop(request, None)
        self.outbox.put(result_head(RPC_RESULT, request) + body, ANSWER, True, request)

    def fail(self, request: int, code: int, name: str) -> None:
        self.result(request, error_body(code, name))

    def flags_of(self, msg_id: int, now: float) -> int:
        """One byte of msgs_state_info."""
        bits = self.window.state.get(msg_id)
        if bits is None:
            if msg_id & 1:  # one of ours
                return RECEIVED if msg_id in self.outbox.kept else RECEIVED_UNKNOWN
            ids = self.window.ids
            if (
                msg_id <= self.window.floor
                or msg_id >> 32 < now - MSG_ID_PAST_SECONDS
                or not ids
                or msg_id < ids[0]
            ):
                return RECEIVED_UNKNOWN
            return RECEIVED_NOT_YET if msg_id > ids[-1] else RECEIVED_NOT
        if bits & FORGOTTEN:
            return RECEIVED_UNKNOWN
        if not bits & NO_ACK and msg_id not in self.outbox.acks:
            bits |= ACKNOWLEDGED
        return RECEIVED | bits & (ACKNOWLEDGED | NO_ACK | RPC | ANSWERED)
