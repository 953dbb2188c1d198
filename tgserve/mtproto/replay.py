"""Which messages a session has received: the memory that keeps every message from being executed twice.

Rules (SECURITY 3.6-3.8): a msg_id is divisible by 4 (else 18), at most 300 s old (16) and 30 s ahead (17), and not
below what was forgotten (20: nobody can tell any more). A known one is a repeat, never new. seq_no grows with msg_id
(32, 33). The memory is bounded by count; what is cut off raises `floor`, so forgetting never opens the door again.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from tgserve.limits import MSG_ID_FUTURE_SECONDS, MSG_ID_PAST_SECONDS

REMEMBERED: Final = 2048
"""Messages kept; at this number the older half goes. Telethon keeps 500, TDLib 1000 to 2000 of ours."""
TIDY_FROM: Final = 32
"""Below this many entries forgetting by age is not worth the work."""

# What is known of a received message: the public bits of msgs_state_info, then our own.
NO_ACK: Final = 16
RPC: Final = 32
ANSWERED: Final = 64
CONTAINER: Final = 256
CANCELLED: Final = 512
FORGOTTEN: Final = 1024


class Window:
    """Received msg_ids of one session. `state`: msg_id -> bits above; `ids` rising with `seqs` beside it."""

    __slots__ = ("floor", "ids", "not_before", "seqs", "state")

    def __init__(self, not_before: int = 0) -> None:
        """`not_before`: the lowest msg_id that can be new (the time of this process's start, or what an earlier
        session of the key has forgotten)."""
        self.state: dict[int, int] = {}
        self.ids: list[int] = []
        self.seqs: list[int] = []
        self.floor = 0
        self.not_before = not_before

    def refuses(self, msg_id: int, now: float) -> int:
        """The bad_msg_notification code for an id that is not known here, 0 when it may be new."""
        if msg_id & 3:
            return 18
        seconds = msg_id >> 32
        if seconds < now - MSG_ID_PAST_SECONDS or msg_id < self.not_before:
            return 16
        if seconds > now + MSG_ID_FUTURE_SECONDS:
            return 17
        return 20 if msg_id <= self.floor else 0

    def misordered(self, msg_id: int, seq_no: int) -> int:
        """32 or 33 when the seq_no contradicts a neighbour by msg_id, else 0."""
        ids = self.ids
        if not ids:
            return 0
        at = len(ids) if msg_id > ids[-1] else bisect_left(ids, msg_id)
        if at:
            before = self.seqs[at - 1]
            if before > seq_no or (before == seq_no and seq_no & 1):
                return 32
        if at < len(ids):
            after = self.seqs[at]
            if after < seq_no or (after == seq_no and seq_no & 1):
                return 33
        return 0

    def add(self, msg_id: int, seq_no: int, bits: int, now: float) -> None:
        """Remember a message that was accepted."""
        ids = self.ids
        self.state[msg_id] = bits
        if not ids or msg_id > ids[-1]:
            ids.append(msg_id)
            self.seqs.append(seq_no)
        else:
            at = bisect_left(ids, msg_id)
            ids.insert(at, msg_id)
            self.seqs.insert(at, seq_no)
        count = len(ids)
        if count >= REMEMBERED:
            self._forget(count // 2)
        elif count >= TIDY_FROM and ids[count // 2] >> 32 < now - MSG_ID_PAST_SECONDS - MSG_ID_FUTURE_SECONDS:
            self.tidy(now)

    def tidy(self, now: float) -> None:
        """Forget what the age rule refuses anyway."""
        horizon = int(now - MSG_ID_PAST_SECONDS - MSG_ID_FUTURE_SECONDS) << 32
        self._forget(bisect_left(self.ids, horizon))

    def _forget(self, count: int) -> None:
        if count <= 0:
            return
        self.floor = max(self.floor, self.ids[count - 1])
        self.ids = self.ids[count:]
        self.seqs = self.seqs[count:]
        state = self.state
        self.state = {msg_id: state[msg_id] for msg_id in self.ids}
