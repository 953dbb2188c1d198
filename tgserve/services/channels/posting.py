"""Messages in a channel: written once, in the channel's own box, by whoever may (SECURITY 6.2, 6.3).

Rules: right, slow mode, id, pts, the idempotence mark and the message are one transaction of the channel's slot. No row
is written for a reader; who is named in a message hears of it by the outbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from struct import Struct

from msgspec import Struct as Record
from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services import alarms, archive, boxes
from tgserve.services.boxes import NO_BOX, NO_DIALOG, View
from tgserve.services.channels import journal, rights, threads
from tgserve.services.channels.register import Register, opened
from tgserve.services.channels.seats import seat_of
from tgserve.services.files import holding
from tgserve.services.groups import rights as kinds
from tgserve.services.groups.life import Action
from tgserve.services.history import TOP_ID
from tgserve.services.messaging import Draft, Origin, ReplyTo, Sent, body_of
from tgserve.services.users import Users
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import (
    BODIES,
    BOXES,
    CHANNELS,
    DIALOGS,
    PARTICIPANTS,
    ROWS,
    SENT,
    TOPIC_HEADS,
    TOPICS,
)
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.thread_records import GENERAL
from tgserve.store.transaction import Reader, Txn

_SENT = Struct(">III")
_ASKED = Struct(">qq").pack
MENTIONS = 50
"""Users whom one message can call."""


class MentionSent(Record, frozen=True, gc=False):
    """Published when a message names a member: its mark is on its way to his slot."""

    user: int
    channel: int
    msg_id: int


class Author(Record, frozen=True, gc=False):
    """Under whose name a message stands: `shown` the user, the channel itself, or a channel he sends as; `signer` the
    user, when he is not the one shown; `signature` a name under a post."""

    shown: int
    signer: int = 0
    signature: str = ""


class Place(Record, frozen=True, gc=False):
    """Where a new message stands: what it answers, and in which thread."""

    reply: r.Reply | None = None
    topic: int = 0
    in_topic: bool = False
    answered: int = 0
    """Who wrote what it answers."""


class Posting:
    """New messages in channels and supergroups."""

    def __init__(self, store: Store, clock: Clock, users: Users, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._register = register
        self.right_for: Callable[[bytes], int] = lambda media: kinds.MEDIA
        """As in Messaging."""
        self._choosing: dict[tuple[int, int], list[int]] = {}
        """(user, channel) -> whom he has just chosen to write as, until that is written: what he asks for behind it, in
        the same packet even, must find it chosen."""
        store.on_outbox(pl.ChannelWritten, _written)

    def send_many(
        self,
        me: int,
        channel: int,
        drafts: Sequence[tuple[int, Draft]],
        *,
        send_as: int = 0,
        name: str = "",
        origin: Origin = None,
    ) -> Commit[list[Sent]]:
        """Send (random_id, draft) pairs in order, in one commit. `name` is what posts are signed with; `send_as` one of
        `guises`, 0 for what the sender has chosen for this chat. RANDOM_ID_EMPTY; the commit raises CHANNEL_PRIVATE,
        CHAT_WRITE_FORBIDDEN, CHAT_SEND_..._FORBIDDEN of what is in them, SLOWMODE_WAIT_%d,
        SLOWMODE_MULTI_MSGS_DISABLED, SEND_AS_PEER_INVALID, REPLY_MESSAGE_ID_INVALID, USER_BANNED_IN_CHANNEL."""
        if not all(random_id for random_id, _ in drafts):
            raise errors.RANDOM_ID_EMPTY()
        work = self._work(me, channel, drafts, send_as, name or self._name(me), origin)
        return self._store.transact(slot_of(channel), work)

    def guises(self, me: int, channel: int) -> list[int]:
        """Whom a member may write as, the usual one first: himself; an anonymous admin the group; in a public group,
        or one that belongs to a channel, the public channels he has made and that channel."""
        record, seat = self._register.writer(me, channel)
        if not record.megagroup and not rights.has(record, me, seat, rights.POST):
            return [me]
        if not record.megagroup:
            return [me, channel] if record.signatures and record.profiles else [channel]
        found = [me]
        if rights.has(record, me, seat, rights.ANONYMOUS):
            found = [channel]
        if not rights.is_public(record) and not record.linked:
            return found
        for other in self._register.of_user(me):
            made = self._register.get_or_none(other)
            if made is None or made.deleted or made.megagroup or made.creator != me:
                continue
            if not rights.is_public(made) and other != record.linked:
                continue
            there = self._register.participant(channel, other)
            if there is None or there.state != c.KICKED:
                found.append(other)
        return found

    def usual_guise(self, me: int, channel: int) -> int:
        """Whom a member writes as when he says nothing, where he could be told to choose; else 0. TDLib lets its user
        choose only where it hears this."""
        record, seat = self._view(me, channel)
        if seat is None or not rights.is_member(seat):
            return 0
        if record.megagroup:
            choice = bool(seat.anonymous_as or record.linked) or rights.is_public(record)
        else:
            choice = record.signatures and record.profiles and rights.has(record, me, seat, rights.POST)
        if not choice:
            return 0
        found = self.guises(me, channel)
        return seat.anonymous_as if seat.anonymous_as in found else found[0]

    async def set_guise(self, me: int, channel: int, guise: int, *, origin: Origin = None) -> None:
        """What `me` writes as there from now on. CHANNEL_PRIVATE, SEND_AS_PEER_INVALID."""
        if guise not in self.guises(me, channel):
            raise errors.SEND_AS_PEER_INVALID()
        now = int(self._clock.now())
        choice = self._choosing[me, channel] = [guise]

        def work(txn: Txn) -> None:
            opened(txn, channel)
            seat = seat_of(txn, channel, me, now)
            if seat is None or not rights.is_member(seat):
                raise errors.CHANNEL_PRIVATE()
            made = replace(seat, anonymous_as=guise)
            if made != seat:
                txn.put(PARTICIPANTS, channel, me, value=made)
                txn.outbox(slot_of(me), pl.TellChannelChanged(me, channel, now), origin)

        try:
            await self._store.transact(slot_of(channel), work)
        finally:
            if self._choosing.get((me, channel)) is choice:
                del self._choosing[me, channel]

    def _view(self, me: int, channel: int) -> tuple[c.Channel, c.Participant | None]:
        """As Register.view, with the name that `me` has just chosen."""
        record, seat = self._register.view(me, channel)
        choice = self._choosing.get((me, channel))
        if choice is not None and seat is not None:
            seat = replace(seat, anonymous_as=choice[0])
        return record, seat

    def check(
        self, me: int, channel: int, drafts: Sequence[tuple[int, Draft]], *, send_as: int = 0
    ) -> tuple[Author, list[Place]]:
        """Raise what keeps `me` from sending these later, but for the slow mode; else under whose name and where they
        would stand now. As send_many."""
        record, seat = self._view(me, channel)
        author = author_of(
            record, channel, me, seat, send_as, self._name(me), self.foreign(me, channel, send_as)
        )
        _check_member(record, seat, self._register.writing_guest(me, channel))
        check_rights(record, me, seat, self._needed(record, drafts))
        with self._store.read(slot_of(channel)) as reader:
            places = [_place(reader, record, channel, me, seat, draft.reply) for _, draft in drafts]
        return author, places

    def types(self, me: int, channel: int) -> bool:
        """Would what `me` writes there stand under his own name, so that others may be told that he is writing? Raises
        what keeps him from it, as send_many."""
        record, seat = self._view(me, channel)
        _check_member(record, seat, self._register.writing_guest(me, channel))
        check_rights(record, me, seat, ())
        if not record.megagroup:
            return False
        return author_of(record, channel, me, seat, 0, "", self.foreign(me, channel, 0)).shown == me

    def shares_list(self, channel: int) -> bool:
        """Are its scheduled messages a list of all who may post? Those for a supergroup are their writer's own."""
        record = self._register.get_or_none(channel)
        return record is not None and not record.megagroup

    def may_post(self, me: int, channel: int) -> bool:
        """Is `me` an admin of a channel who may post?"""
        record = self._register.get_or_none(channel)
        if record is None or record.deleted:
            return False
        return rights.has(record, me, self._register.participant(channel, me), rights.POST)

    def foreign(self, me: int, channel: int, send_as: int) -> frozenset[int]:
        """Other channels that `me` may write as there, if he does."""
        if send_as in (0, me, channel):
            if send_as:
                return NOBODY
            choice = self._choosing.get((me, channel))
            seat = self._register.participant(channel, me) if choice is None else None
            if (choice[0] if choice else seat.anonymous_as if seat else 0) in (0, me, channel):
                return NOBODY
        return frozenset(self.guises(me, channel)) - {me, channel}

    def _needed(self, record: c.Channel | None, drafts: Sequence[tuple[int, Draft]]) -> tuple[int, ...]:
        """The right that each of the drafts needs in a supergroup."""
        if record is None or not record.megagroup:
            return ()
        return tuple(self.right_for(draft.media) if draft.media else kinds.PLAIN for _, draft in drafts)

    def _work(
        self,
        me: int,
        channel: int,
        drafts: Sequence[tuple[int, Draft]],
        send_as: int,
        name: str,
        origin: Origin,
    ) -> Callable[[Txn], list[Sent]]:
        now = int(self._clock.now())
        foreign = self.foreign(me, channel, send_as)
        known = self._register.get_or_none(channel)
        needed = self._needed(known, drafts)
        guest = bool(known is not None and known.linked) and self._register.writing_guest(me, channel)

        def work(txn: Txn) -> list[Sent]:
            record = opened(txn, channel)
            seat = seat_of(txn, channel, me, now)
            author = author_of(record, channel, me, seat, send_as, name, foreign)
            if author.shown < 0 and author.shown != channel:
                _check_guise(txn, channel, author.shown, now)
            again = [txn.get(SENT, channel, mark_of(me, random_id)) for random_id, _ in drafts]
            if not any(again):
                _check(txn, record, channel, me, seat, guest, drafts, needed, now)
            elif not all(again):  # what was sent before opens no door to what is new beside it
                new = [at for at, mark in enumerate(again) if mark is None]
                rest = [needed[at] for at in new] if needed else ()
                _check(txn, record, channel, me, seat, guest, [drafts[at] for at in new], rest, now)
            sent: list[Sent] = []
            for (random_id, draft), mark in zip(drafts, again, strict=True):
                if mark is not None:
                    sent.append(sent_again(txn, channel, me, mark))
                    continue
                body = _body(txn, record, channel, author, seat, draft, now)
                late = r.ROW_SCHEDULED if draft.scheduled else 0
                made = put_message(txn, channel, body, now, viewer=me, flags=late, origin=origin)
                txn.put(SENT, channel, mark_of(me, random_id), value=packed_mark(made))
                if author.shown == channel or not record.megagroup:
                    line = c.LogEntry(now, me, journal.SEND, msg_id=made.msg_id, body_before=body)
                    journal.note_sent(txn, channel, line, made.pts)
                sent.append(made)
            return sent

        return work

    def send(
        self,
        me: int,
        channel: int,
        draft: Draft,
        random_id: int,
        *,
        send_as: int = 0,
        name: str = "",
        origin: Origin = None,
        clear_draft: bool = False,
    ) -> Commit[Sent]:
        """One message; raises as send_many. `clear_draft`: what the sender was writing there is gone with it."""
        if not random_id:
            raise errors.RANDOM_ID_EMPTY()
        drafts = ((random_id, draft),)
        work = self._work(me, channel, drafts, send_as, name or self._name(me), origin)
        now = int(self._clock.now())

        def one(txn: Txn) -> Sent:
            sent = work(txn)[0]
            if clear_draft and not sent.repeated:
                body = sent.view.body if sent.view is not None else None
                topic = body.topic if body is not None and body.in_topic else 0
                txn.outbox(slot_of(me), pl.ChannelWritten(me, channel, now, topic), origin)
            return sent

        return self._store.transact(slot_of(channel), one)

    def _name(self, me: int) -> str:
        user = self._users.get_or_none(me)
        return f"{user.first_name} {user.last_name}".strip() if user is not None else ""


def mark_of(me: int, random_id: int) -> int:
    """The idempotence key of a send: a random_id is its sender's own (SECURITY 6.12)."""
    digest = hashlib.blake2b(_ASKED(me, random_id), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def packed_mark(sent: Sent) -> bytes:
    """The value kept under it."""
    return _SENT.pack(sent.msg_id, sent.pts, sent.date)


NOBODY: frozenset[int] = frozenset()


def author_of(
    record: c.Channel,
    channel: int,
    me: int,
    seat: c.Participant | None,
    send_as: int,
    name: str,
    foreign: frozenset[int] = NOBODY,
) -> Author:
    """`foreign`: channels that `me` may write as. SEND_AS_PEER_INVALID."""
    chosen = seat.anonymous_as if seat is not None else 0
    if not record.megagroup:
        if send_as not in (0, me, channel):
            raise errors.SEND_AS_PEER_INVALID()
        signature = name if record.signatures else ""
        if record.profiles and record.signatures and (send_as or chosen) != channel:
            return Author(me, 0, signature)
        return Author(channel, me, signature)
    anonymous = bool(rights.admin_rights(record, me, seat) & rights.ANONYMOUS)
    if not send_as and chosen in foreign:
        send_as = chosen
    if send_as in (0, me):
        return Author(channel, me, seat.rank if seat is not None else "") if anonymous else Author(me)
    if send_as == channel and anonymous:
        return Author(channel, me, seat.rank if seat is not None else "")
    if send_as in foreign:
        return Author(send_as, me)
    raise errors.SEND_AS_PEER_INVALID()


def _check(
    txn: Txn,
    record: c.Channel,
    channel: int,
    me: int,
    seat: c.Participant | None,
    guest: bool,
    drafts: Sequence[tuple[int, Draft]],
    needed: Sequence[int],
    now: int,
) -> None:
    """Raise what keeps `me` from sending these now; counts the slow mode."""
    _check_member(record, seat, guest)
    if check_rights(record, me, seat, needed):
        return
    if record.slow_mode_seconds:
        seat = seat or c.Participant(now, state=c.LEFT)
        if seat.next_post > now:
            raise errors.SLOWMODE_WAIT(seat.next_post - now)
        albums = {draft.grouped_id for _, draft in drafts}
        if len(drafts) > 1 and (len(albums) > 1 or not drafts[0][1].grouped_id):
            raise errors.SLOWMODE_MULTI_MSGS_DISABLED()
        kept = txn.get(PARTICIPANTS, channel, me) or seat  # with a ban that has run out, as it is listed
        txn.put(PARTICIPANTS, channel, me, value=replace(kept, next_post=now + record.slow_mode_seconds))


def _check_guise(txn: Txn, channel: int, guise: int, now: int) -> None:
    """A channel that was put out of a group is nobody's name there. USER_BANNED_IN_CHANNEL."""
    seat = seat_of(txn, channel, guise, now)
    if seat is not None and seat.state == c.KICKED:
        raise errors.USER_BANNED_IN_CHANNEL()


def _check_member(record: c.Channel, seat: c.Participant | None, guest: bool) -> None:
    """`guest`: as Register.writing_guest has it."""
    if rights.guest_or_member(record, seat, guest):
        return
    if seat is not None and seat.state == c.KICKED:
        raise errors.USER_BANNED_IN_CHANNEL()
    if record.linked and record.join_to_send and record.megagroup:
        raise errors.CHAT_GUEST_SEND_FORBIDDEN()
    if rights.may_see(record, seat):
        raise errors.CHAT_WRITE_FORBIDDEN()
    raise errors.CHANNEL_PRIVATE()


def check_rights(record: c.Channel, me: int, seat: c.Participant | None, needed: Sequence[int]) -> bool:
    """True for those whom no restriction binds. CHAT_ADMIN_REQUIRED, USER_BANNED_IN_CHANNEL, CHAT_WRITE_FORBIDDEN,
    CHAT_SEND_..._FORBIDDEN."""
    if not record.megagroup:
        if not rights.has(record, me, seat, rights.POST):
            raise errors.CHAT_ADMIN_REQUIRED()
        return True
    if rights.is_admin(record, me, seat):
        return True
    denied = rights.denied(record, me, seat)
    if denied & rights.NO_SEND or record.gigagroup:
        if seat is not None and seat.banned & rights.NO_SEND:
            raise errors.USER_BANNED_IN_CHANNEL()
        raise errors.CHAT_WRITE_FORBIDDEN()
    for right in needed if denied else ():
        refusal = kinds.refusal_or_none(denied, right)
        if refusal is not None:
            raise refusal()
    return False


def _place(
    txn: Reader,
    record: c.Channel,
    channel: int,
    wrote: int,
    seat: c.Participant | None,
    asked: ReplyTo | None,
) -> Place:
    """REPLY_MESSAGE_ID_INVALID, TOPIC_DELETED, TOPIC_CLOSED."""
    msg_id, top = (asked.msg_id, asked.top) if asked is not None else (0, 0)
    topic = 0
    if record.forum:
        topic, msg_id = _topic(txn, record, channel, wrote, seat, msg_id, top)
    elif not msg_id and asked is not None and not asked.foreign:
        msg_id = top
    if asked is None:
        return Place()
    in_topic = topic not in (0, GENERAL)
    if asked.foreign:
        reply = r.Reply(channel, 0, foreign=asked.foreign)
        return Place(reply, topic if in_topic else 0, in_topic)
    if not msg_id:
        return Place(None, topic if in_topic else 0, in_topic)
    target = txn.get(BODIES, channel, msg_id) if 0 < msg_id <= TOP_ID else None
    hidden = record.prehistory_hidden and msg_id <= rights.hidden_below(record, wrote, seat)
    if target is None or hidden or txn.get(ROWS, channel, msg_id) is None:
        raise errors.REPLY_MESSAGE_ID_INVALID()
    reply = r.Reply(channel, msg_id, asked.quote_text, asked.quote_entities, asked.quote_offset)
    answered = target.signer or target.author
    if in_topic:
        return Place(reply, topic, True, answered)
    return Place(reply, (0 if target.in_topic else target.topic) or msg_id, False, answered)


def _topic(
    txn: Reader,
    record: c.Channel,
    channel: int,
    wrote: int,
    seat: c.Participant | None,
    msg_id: int,
    top: int,
) -> tuple[int, int]:
    """The topic of a forum that a new message goes to, and what it answers in it (0 = nothing): topics are named by
    top_msg_id, by an answer to the message they begin with, or to one that is in them."""
    topic = GENERAL
    if 0 < top <= TOP_ID and txn.get(TOPICS, channel, top) is not None:
        topic = top
    elif top and top != GENERAL and (top > TOP_ID or txn.get(ROWS, channel, top) is None):
        raise errors.TOPIC_DELETED()
    elif 0 < msg_id <= TOP_ID:
        target = txn.get(BODIES, channel, msg_id)
        if txn.get(TOPICS, channel, msg_id) is not None:
            topic = msg_id
        elif target is not None and target.in_topic:
            topic = target.topic
    if msg_id == topic:
        msg_id = 0
    known = threads.topic_of(txn, record, channel, topic)
    if known is None:
        raise errors.TOPIC_DELETED()
    if known.closed or known.hidden:
        if known.maker != wrote and not rights.has(record, wrote, seat, rights.TOPICS):
            raise errors.TOPIC_CLOSED()
    return topic, msg_id


def _body(
    txn: Txn,
    record: c.Channel,
    channel: int,
    author: Author,
    seat: c.Participant | None,
    draft: Draft,
    now: int,
) -> r.Body:
    wrote = author.signer or author.shown
    place = _place(txn, record, channel, wrote, seat, draft.reply)
    called = dict.fromkeys((*draft.mentions, place.answered))
    mentions = tuple(user for user in called if user > 0 and user != wrote)[:MENTIONS]
    return body_of(
        draft,
        author.shown,
        now,
        peer=channel,
        reply=place.reply,
        ttl_period=record.ttl_period,
        holders=1,
        signer=author.signer,
        signature=author.signature,
        topic=place.topic if record.megagroup else 0,
        mentions=mentions if record.megagroup else (),
        in_topic=place.in_topic,
    )


def put_message(
    txn: Txn,
    channel: int,
    body: r.Body,
    now: int,
    *,
    viewer: int = 0,
    flags: int = 0,
    origin: Origin = None,
) -> Sent:
    """Write a message into the channel's box. The view published is nobody's in particular; the one returned is
    `viewer`'s. `flags`: of the row, ROW_SCHEDULED for one that waited."""
    head = txn.get(BOXES, channel) or NO_BOX
    dialog = txn.get(DIALOGS, channel, channel) or NO_DIALOG
    msg_id = head.msg_id + 1
    row = r.Row(channel, channel, msg_id, r.ROW_OUT | flags)  # counts as unread with nobody
    if body.ttl_period:
        alarms.set_alarm(txn, channel, now + body.ttl_period, alarms.EXPIRE, channel, msg_id)
    txn.put(BODIES, channel, msg_id, value=body)
    if body.poll:
        txn.outbox(slot_of(body.poll), pl.PollPlaced(body.poll, channel, msg_id, channel, now))
    holding.hold_body(txn, body)
    txn.put(DIALOGS, channel, channel, value=boxes.insert(txn, channel, msg_id, row, dialog, now))
    reply_id = body.reply.author_msg_id if body.reply is not None else 0
    view = View(channel, msg_id, row, body, reply_id)
    published = eventlog.append(
        txn, channel, ev.NewMessage(msg_id), now=now, head=head, memo=view, origin=origin
    )
    record = txn.get(CHANNELS, channel)
    if record is not None and record.megagroup:
        for top in threads.tops_of(record, msg_id, body):
            threads.add(txn, channel, top, msg_id, body, published.pts)
    elif record is not None and record.linked and not body.action:
        txn.outbox(slot_of(record.linked), pl.ForwardPost(record.linked, channel, msg_id, body, now))
    if dialog.folder:
        kind = "broadcasts" if record is not None and not record.megagroup else "chats"
        archive.posted(txn, channel, kind, body.signer or body.author, now)
    for user in body.mentions:
        seat = txn.get(PARTICIPANTS, channel, user)
        if rights.is_member(seat):
            txn.outbox(slot_of(user), pl.ChannelMentioned(user, channel, msg_id))
            txn.publish(MentionSent(user, channel, msg_id))
    return Sent(msg_id, published.pts, now, personal(view, viewer) if viewer else view)


def put_action(
    txn: Txn,
    channel: int,
    record: c.Channel,
    me: int,
    action: Action,
    now: int,
    *,
    reply: int = 0,
    topic: int = 0,
    in_topic: bool = False,
    shown: int = 0,
    silent: bool = False,
    origin: Origin = None,
) -> Sent:
    """A service message: of who acted in a supergroup, of the group itself when he is an anonymous admin of it, of the
    channel elsewhere; `shown` instead of that. It stands in the topic of what it answers, or in `topic`; `in_topic`
    without that: a topic begins with it."""
    if not shown:
        seat = txn.get(PARTICIPANTS, channel, me) if record.megagroup else None
        hidden = rights.admin_rights(record, me, seat) & rights.ANONYMOUS
        shown = me if record.megagroup and not hidden else channel
    target = txn.get(BODIES, channel, reply) if reply else None
    if target is not None and target.in_topic:
        topic = target.topic or reply
    body = r.Body(
        shown,
        now,
        layer=action.layer,
        min_layer=action.min_layer,
        action=action.data,
        silent=silent,
        holders=1,
        peer=channel,
        users=action.users,
        signer=0 if shown == me else me,
        reply=r.Reply(channel, reply) if reply else None,
        files=action.files,
        topic=topic,
        in_topic=in_topic or bool(topic),
    )
    return put_message(txn, channel, body, now, viewer=me, origin=origin)


def personal(view: View, viewer: int, unread: bool = False) -> View:
    """A message of a channel's box as `viewer` sees it; `unread`: it names him and he has not seen it yet."""
    body, flags = view.body, view.row.flags & (r.ROW_PINNED | r.ROW_SCHEDULED)
    if viewer and viewer in (body.author, body.signer):
        flags |= r.ROW_OUT
    elif viewer in body.mentions:
        flags |= r.ROW_MENTIONED | (r.ROW_MEDIA_UNREAD if unread else 0)
    row = replace(view.row, flags=flags)
    return View(view.owner, view.msg_id, row, body, view.reply_id, viewer, view.repliers)


def _written(txn: Txn, word: pl.ChannelWritten, origin: Origin) -> None:
    """Outbox, the writer's slot: his draft has become a message."""
    if word.topic:
        head = txn.get(TOPIC_HEADS, word.user, word.channel, word.topic)
        if head is not None and head.draft and head.draft_date <= word.date:
            kept = replace(head, draft=b"", draft_layer=0, draft_date=word.date)
            txn.put(TOPIC_HEADS, word.user, word.channel, word.topic, value=kept)
            event = ev.TopicDraftChanged(word.channel, word.topic)
            eventlog.append(txn, word.user, event, now=word.date, raises=0, origin=origin)
        return
    dialog = txn.get(DIALOGS, word.user, word.channel)
    if dialog is None or not dialog.draft or dialog.draft_date > word.date:
        return
    made = replace(dialog, draft=b"", draft_layer=0, draft_date=word.date)
    txn.put(DIALOGS, word.user, word.channel, value=made)
    eventlog.append(txn, word.user, ev.DraftChanged(word.channel), now=word.date, raises=0, origin=origin)


def sent_again(txn: Txn, channel: int, me: int, mark: bytes) -> Sent:
    """The answer to a send that was done before."""
    msg_id, pts, date = _SENT.unpack(mark)
    row, body = txn.get(ROWS, channel, msg_id), txn.get(BODIES, channel, msg_id)
    view = None
    if row is not None and body is not None:
        view = personal(View(channel, msg_id, row, body, boxes.reply_id(txn, channel, body)), me)
    return Sent(msg_id, pts, date, view, repeated=True)
