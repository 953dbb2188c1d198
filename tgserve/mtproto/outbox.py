"""What a session has to send: queue, acknowledgements, and the messages the client has not acknowledged yet.

Rules (SECURITY 3.15, 3.16, 4A-2):
- own msg_ids rise strictly for the life of the session; 1 mod 4 in answers, 3 mod 4 in notifications; seq_no is twice
  the content messages before it, plus one when it is one itself. Both are given when a message is first sent.
- a content message is kept until the client acknowledges it, and sent again on the next connection: same msg_id, inside
  a container, before anything newer and in rising order (Kurigram drops what follows an id lower than all it knows;
  TDLib and Telethon refuse an outer id older than 300 s). After RENEW_SECONDS an answer gets a new msg_id instead; of
  updates one updatesTooLong is made: under another msg_id the client would not know those it has had, and take what
  stands in them of people and groups for news.
- memory is bounded: sent messages go first by age; then what waits. A lost push makes one updatesTooLong, a lost answer
  is marked so that the client is told to ask again.
- acknowledgements wait up to ACK_DELAY_SECONDS for the answer, which makes them needless.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from msgspec import Struct

from tgserve.limits import SESSION_OFFLINE_BYTES, SESSION_UNACKED_BYTES
from tgserve.mtproto.constructors import (
    BAD_MSG_NOTIFICATION,
    BAD_SERVER_SALT,
    MSG_CONTAINER,
    MSGS_ACK,
    NEW_SESSION_CREATED,
    UPDATES_TOO_LONG,
    VECTOR,
    container_head,
    message_head,
    u32,
    vector_head,
)
from tgserve.mtproto.containers import PACK_BYTES, PACK_MESSAGES, Packet, join

ACK_DELAY_SECONDS: Final = 0.8
"""Below limits.ACK_SECONDS, which is the promise: timers are late."""
ACKS_AT_ONCE: Final = 1024
"""So many waiting acknowledgements are sent without waiting."""
RENEW_SECONDS: Final = 240
"""Below the 300 s after which clients refuse a msg_id."""
HTTP_RESEND_SECONDS: Final = 15
KEPT_MESSAGES: Final = 512
"""Sent and unacknowledged; enough for Kurigram's habit of acknowledging by tens and TDLib's of waiting 30 s."""
WAITING_MESSAGES: Final = 2048
"""Not yet sent; a container full of calls answered in one turn fits twice."""
WAITING_ANSWER_BYTES: Final = 16 << 20
"""Answers not yet sent: 16 parts of a file at once. Only calls still running can add to it once the client is gone."""

ANSWER: Final = 1
NOTICE: Final = 3


class Outgoing(Struct, gc=False, eq=False):
    """A message of ours. `request`: msg_id of the call it answers, else 0. `content`: the client acknowledges it."""

    body: bytes
    kind: int
    content: bool
    request: int
    msg_id: int = 0
    seq_no: int = 0


class Outbox:
    __slots__ = (
        "ack_since",
        "acks",
        "again",
        "answers",
        "busy",
        "contents",
        "deaf",
        "gap",
        "kept",
        "kept_bytes",
        "last_id",
        "lost",
        "push_bytes",
        "queue",
        "waiting_bytes",
    )

    def __init__(self, floor: int) -> None:
        """`floor`: no msg_id at or below it will be given (0 when the clock can be trusted)."""
        self.busy = True
        """Something may wait: a message, one to be sent again, an acknowledgement, an answer that was lost. False only
        when nothing does, so that who tells a crowd something need not look at each of them."""
        self.last_id = floor
        self.contents = 0
        self.queue: list[Outgoing] = []
        self.waiting_bytes = 0
        self.push_bytes = 0
        self.deaf = False
        """An updatesTooLong waits: what is pushed behind it the client asks for anyway."""
        self.again: dict[int, Outgoing] = {}
        self.kept: dict[int, Outgoing] = {}
        self.kept_bytes = 0
        self.answers: dict[int, Outgoing] = {}
        self.acks: dict[int, None] = {}
        self.ack_since = 0.0
        self.gap = False
        self.lost: list[int] = []

    # what goes in

    def put(self, body: bytes, kind: int, content: bool, request: int = 0) -> None:
        out = Outgoing(body, kind, content, request)
        queue = self.queue
        queue.append(out)
        self.busy = True
        size = len(body)
        self.waiting_bytes += size
        if request:
            self.answers[request] = out
        elif kind != ANSWER:
            self.push_bytes += size
        if (
            len(queue) > WAITING_MESSAGES
            or self.push_bytes > SESSION_OFFLINE_BYTES
            or self.waiting_bytes - self.push_bytes > WAITING_ANSWER_BYTES
        ):
            self._shed()

    def push(self, body: bytes) -> None:
        """As `put` of a notice that the client acknowledges: what a crowd is told goes this way."""
        if self.deaf:
            return
        queue = self.queue
        queue.append(Outgoing(body, NOTICE, True, 0))
        self.busy = True
        size = len(body)
        self.waiting_bytes += size
        self.push_bytes += size
        if self.push_bytes > SESSION_OFFLINE_BYTES or len(queue) > WAITING_MESSAGES:
            self._shed()

    def need_ack(self, msg_id: int, now: float) -> None:
        if not self.acks:
            self.ack_since = now
        self.acks[msg_id] = None
        self.busy = True

    def acknowledged(self, msg_ids: tuple[int, ...]) -> tuple[int, ...]:
        """The client has these; those that were still kept."""
        known = []
        kept, again, freed = self.kept, self.again, 0
        for msg_id in msg_ids:
            out = kept.pop(msg_id, None)
            if out is not None:
                known.append(msg_id)
                freed += len(out.body)
                if again:
                    again.pop(msg_id, None)
                if out.request:
                    self.answers.pop(out.request, None)
        self.kept_bytes -= freed
        if known and not self.kept:
            # A dict keeps the room it once had: of an idle session these are a tenth of its memory.
            self.kept, self.answers = {}, dict(self.answers)
            if not self.acks:
                self.acks = {}
        return tuple(known)

    def send_again(self, out: Outgoing) -> None:
        """Send a kept message once more (one still waiting goes out anyway)."""
        if out.msg_id in self.kept:
            self.again[out.msg_id] = out
            self.busy = True

    def send_all_again(self, now: float, older_than: float = 0.0) -> None:
        """A new connection: everything kept that was first sent `older_than` seconds ago or more."""
        if self.gap:
            self.gap = False
            self.put(u32(UPDATES_TOO_LONG), NOTICE, content=True)
        if not self.kept:
            return
        self.busy = True
        newest = int((now - older_than) * 4294967296)
        self.again = {msg_id: out for msg_id, out in self.kept.items() if not older_than or msg_id <= newest}

    def withdraw(self, request: int, now: float) -> Outgoing | None:
        """Take back the answer to a call; it is given its msg_id and seq_no if it had none. None: there is none."""
        out = self.answers.pop(request, None)
        if out is None:
            return None
        if not out.msg_id:
            self.queue.remove(out)
            self.waiting_bytes -= len(out.body)
            self._stamp(out, now)
        self.acknowledged((out.msg_id,))
        return out

    def forget(self) -> None:
        """The session was destroyed by its owner: nothing of it is sent any more; ids go on rising."""
        self.queue = []
        self.deaf = False
        self.waiting_bytes = self.push_bytes = self.kept_bytes = 0
        self.again, self.kept, self.answers, self.acks = {}, {}, {}, {}
        self.gap = False

    # what comes out

    def next_id(self, now: float, kind: int) -> int:
        msg_id = (int(now * 4294967296) & ~3) | kind
        if msg_id <= self.last_id:
            msg_id = ((self.last_id | 3) + 1) | kind
        self.last_id = msg_id
        return msg_id

    def ack_due(self, now: float) -> bool:
        return bool(self.acks) and (
            now >= self.ack_since + ACK_DELAY_SECONDS or len(self.acks) >= ACKS_AT_ONCE
        )

    def single(self, now: float) -> Outgoing | None:
        """The only message that waits, if it can go as it is; None: ask `take`. Most packets carry one message."""
        queue = self.queue
        if len(queue) != 1 or self.acks or self.again:
            return None
        out = queue.pop()
        self.deaf = False
        self.waiting_bytes = self.push_bytes = 0
        self._stamp(out, now)
        return out

    def direct(self, body: bytes, msg_id: int) -> Packet | None:
        """As `push`, to be sent at once by the caller; None: something waits, and it waits with it. `msg_id`: notice_id
        of now, the same number for a whole crowd, taken where it is above all before it."""
        if self.busy and (self.queue or self.acks or self.again):
            self.push(body)
            return None
        self.busy = False
        # as _stamp, written out: a post goes this way to each of its readers
        if msg_id <= self.last_id:
            msg_id = ((self.last_id | 3) + 1) | NOTICE
        self.last_id = msg_id
        contents = self.contents
        seq_no = contents * 2 + 1
        self.contents = contents + 1
        kept = self.kept
        kept[msg_id] = out = Outgoing(body, NOTICE, True, 0, msg_id, seq_no)
        self.kept_bytes += len(body)
        if self.kept_bytes > SESSION_UNACKED_BYTES or len(kept) > KEPT_MESSAGES:
            self._thin(out)
        return msg_id, seq_no, body

    def direct_all(self, bodies: Sequence[bytes], msg_id: int) -> Packet | None:
        """The same for several, which fit into one container."""
        if self.busy and (self.queue or self.acks or self.again):
            for body in bodies:
                self.push(body)
            return None
        self.busy = False
        msg_id = max(msg_id, ((self.last_id | 3) + 1) | NOTICE)
        seq_no = self.contents * 2 + 1
        kept = self.kept
        pieces = [container_head(MSG_CONTAINER, len(bodies))]
        for body in bodies:
            kept[msg_id] = out = Outgoing(body, NOTICE, True, 0, msg_id, seq_no)
            size = len(body)
            self.kept_bytes += size
            pieces += (message_head(msg_id, seq_no, size), body)
            msg_id += 4
            seq_no += 2
        self.contents += len(bodies)
        self.last_id = msg_id - NOTICE + ANSWER
        if self.kept_bytes > SESSION_UNACKED_BYTES or len(kept) > KEPT_MESSAGES:
            self._thin(out)
        return self.last_id, seq_no - 1, b"".join(pieces)

    def take(self, now: float, acks: bool) -> list[Packet]:
        """Everything that can be sent now, as packets; `acks`: also acknowledgements that could still wait."""
        queue = self.queue
        acks = bool(self.acks) and (acks or self.ack_due(now))
        ready: list[Packet] = []
        if (
            0 < len(queue) <= PACK_MESSAGES
            and self.waiting_bytes + 16 * len(queue) <= PACK_BYTES
            and not (acks or self.again)
        ):
            # nothing but new messages, and they fit into one packet: the usual case
            self.queue = []
            self.deaf = False
            self.waiting_bytes = self.push_bytes = 0
            self._stamp_all(queue, now)
            return [self._close([(out.msg_id, out.seq_no, out.body) for out in queue], False, now)]
        oldest = int((now - RENEW_SECONDS) * 4294967296)
        waiting: list[Outgoing] = []
        stale = False
        for out in sorted(self.again.values(), key=_by_id):
            if out.msg_id >= oldest:
                ready.append((out.msg_id, out.seq_no, out.body))
                continue
            self._release(out)
            if out.kind == ANSWER or out.body[:4] == _NEW_SESSION:
                waiting.append(out)
            else:
                stale = True
        if stale:
            waiting.append(Outgoing(u32(UPDATES_TOO_LONG), NOTICE, content=True, request=0))
        must_wrap = len(ready)
        self.again = {}
        waiting += queue
        self.queue = []
        self.deaf = False
        self.waiting_bytes = self.push_bytes = 0
        for out in waiting:
            self._stamp(out, now)
            ready.append((out.msg_id, out.seq_no, out.body))
        if acks:
            ready.append((self.next_id(now, NOTICE), self.contents * 2, self._ack_body()))
        return self._pack(ready, must_wrap, now)

    def take_refusals(self, now: float) -> list[Packet]:
        """Only the bad_msg_notifications and bad_server_salts that wait."""
        ready: list[Packet] = []
        others: list[Outgoing] = []
        for out in self.queue:
            if out.body[:4] in _REFUSALS:
                self.waiting_bytes -= len(out.body)
                self._stamp(out, now)
                ready.append((out.msg_id, out.seq_no, out.body))
            else:
                others.append(out)
        self.queue = others
        return self._pack(ready, 0, now)

    def _pack(self, ready: list[Packet], must_wrap: int, now: float) -> list[Packet]:
        """Put messages into containers bounded in count and bytes; the first `must_wrap` may not stand alone."""
        packets: list[Packet] = []
        group: list[Packet] = []
        size = 0
        for index, message in enumerate(ready):
            length = len(message[2]) + 16
            if group and (size + length > PACK_BYTES or len(group) >= PACK_MESSAGES):
                packets.append(self._close(group, index - len(group) < must_wrap, now))
                group, size = [], 0
            group.append(message)
            size += length
        if group:
            packets.append(self._close(group, len(ready) - len(group) < must_wrap, now))
        return packets

    def _close(self, group: list[Packet], wrap: bool, now: float) -> Packet:
        if len(group) == 1 and not wrap:
            return group[0]
        return (self.next_id(now, ANSWER), self.contents * 2, join(group))

    def _stamp(self, out: Outgoing, now: float) -> None:
        """Give a message its msg_id and seq_no; keep it when the client has to acknowledge it."""
        msg_id = (int(now * 4294967296) & ~3) | out.kind
        if msg_id <= self.last_id:
            msg_id = ((self.last_id | 3) + 1) | out.kind
        self.last_id = out.msg_id = msg_id
        if not out.content:
            out.seq_no = self.contents * 2
            return
        out.seq_no = self.contents * 2 + 1
        self.contents += 1
        self.kept[msg_id] = out
        self.kept_bytes += len(out.body)
        if self.kept_bytes > SESSION_UNACKED_BYTES or len(self.kept) > KEPT_MESSAGES:
            self._thin(out)

    def _stamp_all(self, queue: list[Outgoing], now: float) -> None:
        """As _stamp of each."""
        least = int(now * 4294967296) & ~3
        last, contents, kept, size = self.last_id, self.contents, self.kept, self.kept_bytes
        for out in queue:
            msg_id = least | out.kind
            if msg_id <= last:
                msg_id = ((last | 3) + 1) | out.kind
            last = out.msg_id = msg_id
            if out.content:
                out.seq_no = contents * 2 + 1
                contents += 1
                kept[msg_id] = out
                size += len(out.body)
            else:
                out.seq_no = contents * 2
        self.last_id, self.contents, self.kept_bytes = last, contents, size
        if size > SESSION_UNACKED_BYTES or len(kept) > KEPT_MESSAGES:
            self._thin(out)

    def _release(self, out: Outgoing) -> None:
        """Too old to be taken under its msg_id: it will be kept under a new one."""
        if self.kept.pop(out.msg_id, None) is not None:
            self.kept_bytes -= len(out.body)

    def _ack_body(self) -> bytes:
        ids = list(islice(self.acks, 8192))
        for msg_id in ids:
            del self.acks[msg_id]
        return vector_head(MSGS_ACK, VECTOR, len(ids)) + b"".join(i.to_bytes(8, "little") for i in ids)

    def _thin(self, newest: Outgoing) -> None:
        """Let go of the oldest quarter of what was sent, then of more until it fits; never of the newest."""
        spare = len(self.kept) // 4 if len(self.kept) > KEPT_MESSAGES else 0
        for msg_id in list(self.kept):
            if spare <= 0 and self.kept_bytes <= SESSION_UNACKED_BYTES * 3 // 4:
                break
            out = self.kept[msg_id]
            if out is newest:
                break
            spare -= 1
            self.acknowledged((msg_id,))
            if out.request:
                self.lost.append(out.request)
                self.busy = True
            else:
                self.gap = True

    def _shed(self) -> None:
        """Too much waits: pushes are replaced by one updatesTooLong; if that is not enough the oldest answers go."""
        left: list[Outgoing] = []
        pushed = False
        for out in self.queue:
            if out.kind == ANSWER or out.body[:4] == _NEW_SESSION:
                left.append(out)
            else:
                pushed = True
        self.waiting_bytes -= self.push_bytes
        self.push_bytes = 0
        cut = 0
        while self.waiting_bytes > WAITING_ANSWER_BYTES // 2 or len(left) - cut > WAITING_MESSAGES // 2:
            if cut == len(left) - 1:
                break
            out = left[cut]
            cut += 1
            self.waiting_bytes -= len(out.body)
            if out.request:
                self.answers.pop(out.request, None)
                self.lost.append(out.request)
        self.queue = left[cut:]
        if pushed:
            self.queue.append(Outgoing(u32(UPDATES_TOO_LONG), NOTICE, content=True, request=0))
            self.waiting_bytes += 4
            self.deaf = True


_NEW_SESSION: Final = u32(NEW_SESSION_CREATED)
_REFUSALS: Final = (u32(BAD_MSG_NOTIFICATION), u32(BAD_SERVER_SALT))


def notice_id(now: float) -> int:
    """The msg_id of a notice made now."""
    return int(now * 4294967296) | NOTICE


def _by_id(out: Outgoing) -> int:
    return out.msg_id
