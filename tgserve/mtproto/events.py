"""What a session tells its gateway about the packet it was given. Read-only values; all ids are unsigned 64-bit.

The session has answered everything it could by itself; an event is what needs a socket, a store or a handler.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct


class Invoke(Struct, gc=False):
    """Run this call and give the outcome to `Session.answer(msg_id, ...)`, once. `body` begins with the method's
    constructor and is inflated already. A struct, unlike the others: making a dataclass costs 0.4 us, and this is the
    hot path."""

    msg_id: int
    seq_no: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Acked:
    """The client has these messages of ours (our msg_ids, only those that were still kept)."""

    msg_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NewSession:
    """The first message of this session was accepted (new_session_created is queued)."""

    first_msg_id: int
    unique_id: int


@dataclass(frozen=True, slots=True)
class DestroySession:
    """Forget another session of the same key, then call `Session.session_destroyed(session_id, found)`."""

    session_id: int
    msg_id: int


@dataclass(frozen=True, slots=True)
class DestroyAuthKey:
    """Delete the auth key durably, then call `Session.auth_key_destroyed(outcome)` and flush before closing."""

    msg_id: int


@dataclass(frozen=True, slots=True)
class DisconnectAfter:
    """Close this connection unless another message comes within so many seconds (already capped)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class DropAnswer:
    """The client no longer wants the answer to this running call; it may be given up (its answer is ignored)."""

    msg_id: int


@dataclass(frozen=True, slots=True)
class HttpWait:
    """Non-duplex transports: hold the response. Milliseconds, already capped: wait at most `max_wait` for anything to
    send; once something is pending wait `wait_after` for more, but not above `max_delay` from the first."""

    max_delay: int
    wait_after: int
    max_wait: int


Event = (
    Invoke | Acked | NewSession | DestroySession | DestroyAuthKey | DisconnectAfter | DropAnswer | HttpWait
)
