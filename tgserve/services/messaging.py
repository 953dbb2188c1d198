"""Sending: new messages and forwards, in one transaction of the sender's slot; the other side by the outbox.

Rules: message ids, pts, the idempotence mark and the message are written together or not at all. A repeated random_id
writes nothing and answers as the first send did, after that is durable. The body is written once, in the author's slot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from struct import Struct
from typing import Protocol

from msgspec import Struct as Record
from msgspec.msgpack import Encoder
from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services import alarms, archive, boxes
from tgserve.services.blocking import Blocks
from tgserve.services.boxes import NO_BOX, NO_DIALOG, SERVICE_USER, View
from tgserve.services.files import holding
from tgserve.services.groups import rights
from tgserve.services.groups.roster import Rosters
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import BODIES, BOXES, DIALOGS, ROWS, SENT, USER_SETTINGS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import SMALL_BYTES, Txn

Origin = tuple[int, int] | None
"""The session a change came from: it has the answer and is not told again."""

DEFAULT_TIMER = "default_history_ttl"
"""Name of the setting: seconds that messages live in chats which its owner begins."""
_SENT = Struct(">III")  # msg_id, pts, date
_encode = Encoder().encode
_body_key, _box_key, _dialog_key, _sent_key = BODIES.pack, BOXES.pack, DIALOGS.pack, SENT.pack
_BODY, _BOX, _DIALOG, _SENT_TAG = BODIES.tag, BOXES.tag, DIALOGS.tag, SENT.tag
_dialog, _box = DIALOGS.decode, BOXES.decode


class ReplyTo(Record, frozen=True, gc=False):
    """What a new message answers, in the sender's numbering. A quote must occur in it: the caller has checked."""

    msg_id: int
    quote_text: str = ""
    quote_entities: bytes = b""
    quote_offset: int = 0
    foreign: bytes = b""
    """For a message of another chat, instead of all that: TL messageReplyHeader, which needs `foreign_layer`."""
    foreign_layer: int = 0
    users: tuple[int, ...] = ()
    """Named in it."""
    top: int = 0
    """In a supergroup: the topic or thread it shall stand in; msg_id may be 0 then."""


class Draft(Record, frozen=True, gc=False):
    """A message to be sent. `text` is clean UTF-8; the other bytes are TL of `layer`, as Body has them; `users` are
    those named inside them."""

    text: bytes = b""
    entities: bytes = b""
    media: bytes = b""
    markup: bytes = b""
    fwd: bytes = b""
    layer: int = 0
    min_layer: int = 0
    users: tuple[int, ...] = ()
    reply: ReplyTo | None = None
    silent: bool = False
    noforwards: bool = False
    invert_media: bool = False
    media_unread: bool = False
    grouped_id: int = 0
    effect: int = 0
    action: bytes = b""
    """TL MessageAction of a service message: pinned, timer set."""
    scheduled: bool = False
    """It waited for its time."""
    mentions: tuple[int, ...] = ()
    """Users named in the text, in a group: it waits in their list of unread mentions."""
    poll: int = 0
    """Id of the poll it shows; `media` is the poll as it is sent."""
    kind: str = ""
    """Of its media, for the rights of who sends it: photo video round gif voice music file sticker geo contact venue
    dice poll game web; "" = no media."""
    files: tuple[tuple[int, int, int], ...] = ()
    media_ttl: int = 0
    media_after: bytes = b""
    """As in Body."""


class Audience(Record, frozen=True, gc=False):
    """Who else is in the group a message goes to, and the group's version by which that is so."""

    others: tuple[int, ...]
    version: int
    ttl_period: int = 0


class Sent(Record, frozen=True, gc=False):
    """A message that is in the sender's box. `view` is None when a repeat finds the message deleted since."""

    msg_id: int
    pts: int
    date: int
    view: View | None
    repeated: bool = False


class Elsewhere(Protocol):
    """Whoever sends to channels (services/channels/posting.py)."""

    def send_many(
        self,
        me: int,
        channel: int,
        drafts: Sequence[tuple[int, Draft]],
        *,
        send_as: int = 0,
        origin: Origin = None,
    ) -> Commit[list[Sent]]: ...

    def send(
        self,
        me: int,
        channel: int,
        draft: Draft,
        random_id: int,
        *,
        send_as: int = 0,
        origin: Origin = None,
        clear_draft: bool = False,
    ) -> Commit[Sent]: ...


class Messaging:
    """New messages of users to users and to basic groups; those to channels are handed on."""

    def __init__(self, store: Store, clock: Clock, blocks: Blocks, rosters: Rosters) -> None:
        self._store = store
        self._clock = clock
        self._blocks = blocks
        self._rosters = rosters
        self.channels: Elsewhere | None = None
        self.takes_voice: Callable[[int, int], bool] = lambda peer, me: True
        """Does `peer` take voice messages of `me`? The privacy rules say."""
        self.check_bot: Callable[[int, int], None] = lambda me, peer: None
        """Raises what stops a bot `me` from writing to `peer`; services/bots.py knows."""
        self.far: Callable[[int], bool] = lambda user_id: False
        """Is this a user of another node?"""
        self.right_for: Callable[[bytes], int] = lambda media: rights.MEDIA
        """Which of rights.REFUSALS a message with these media (TL) needs; who knows TL sets it."""
        store.on_outbox(pl.Deliver, deliver)

    def send(
        self,
        me: int,
        peer: int,
        draft: Draft,
        random_id: int,
        *,
        origin: Origin = None,
        clear_draft: bool = False,
        send_as: int = 0,
    ) -> Commit[Sent]:
        """Send one message to a user or group; `send_as` is for channels. Raises YOU_BLOCKED_USER, USER_IS_BLOCKED,
        CHAT_WRITE_FORBIDDEN, CHAT_ID_INVALID, CHAT_FORBIDDEN, RANDOM_ID_EMPTY; the commit raises
        REPLY_MESSAGE_ID_INVALID."""
        if not random_id:
            raise errors.RANDOM_ID_EMPTY()
        if self.channels is not None and peer <= -r.CHANNEL_BASE:
            return self.channels.send(
                me, peer, draft, random_id, send_as=send_as, origin=origin, clear_draft=clear_draft
            )
        audience = None
        if peer > 0:
            self.check_may_write(me, peer)
            if draft.media:
                self.check_voice(me, peer, (draft,))
        else:
            audience = self._audience(me, peer, (draft,))
        now = int(self._clock.now())
        if peer > 0 and peer != me and _is_plain(draft):
            plain = partial(_send_plain, me, peer, random_id, draft, now, origin, clear_draft)
            return self._store.transact(slot_of(me), plain)
        single = partial(_send_one, me, peer, ((random_id, draft),), now, origin, clear_draft, audience)
        return self._store.transact(slot_of(me), single)

    def part(
        self, me: int, peer: int, draft: Draft, random_id: int, *, origin: Origin = None
    ) -> Callable[[Txn], Sent]:
        """What sends a message to a user or basic group as a part of another transaction of `me`'s slot: a service
        message with what it tells of. Raises as `send`."""
        audience = None
        if peer > 0:
            self.check_may_write(me, peer)
        else:
            audience = self._audience(me, peer, (draft,))
        now = int(self._clock.now())
        return partial(_send_one, me, peer, ((random_id, draft),), now, origin, False, audience)

    def send_many(
        self,
        me: int,
        peer: int,
        drafts: Sequence[tuple[int, Draft]],
        *,
        origin: Origin = None,
        send_as: int = 0,
    ) -> Commit[list[Sent]]:
        """Send (random_id, draft) pairs in order, in one commit: forwards, albums. Raises as `send`."""
        if not all(random_id for random_id, _ in drafts):
            raise errors.RANDOM_ID_EMPTY()
        if self.channels is not None and peer <= -r.CHANNEL_BASE:
            return self.channels.send_many(me, peer, drafts, send_as=send_as, origin=origin)
        audience = None
        if peer > 0:
            self.check_may_write(me, peer)
            self.check_voice(me, peer, [draft for _, draft in drafts])
        else:
            audience = self._audience(me, peer, [draft for _, draft in drafts])
        now = int(self._clock.now())
        return self._store.transact(
            slot_of(me), lambda txn: _send(txn, me, peer, drafts, now, origin, False, audience)
        )

    def _audience(self, me: int, chat: int, drafts: Sequence[Draft]) -> Audience:
        """The others in a group that `me` may send these to (SECURITY 6.2, 6.3). CHAT_ID_INVALID, CHAT_FORBIDDEN,
        CHAT_WRITE_FORBIDDEN, CHAT_SEND_..._FORBIDDEN of what is in them."""
        roster = self._rosters.of_member(me, chat)
        if roster.group.banned and not rights.is_admin(roster, me):
            for draft in drafts:
                needed = self.right_for(draft.media) if draft.media else rights.PLAIN
                refusal = rights.refusal_or_none(roster.group.banned, needed)
                if refusal is not None:
                    raise refusal()
        return Audience(roster.others(me), roster.group.version, roster.group.ttl_period)

    def check_voice(self, me: int, peer: int, drafts: Sequence[Draft]) -> None:
        """Voice and video messages go to nobody who does not want them: VOICE_MESSAGES_FORBIDDEN (SECURITY 6.13)."""
        far = self.far(peer)
        for draft in drafts:
            if far and (draft.poll or draft.media_ttl):
                raise errors.MEDIA_INVALID()  # votes and views are counted at one node
            heard = draft.media and self.right_for(draft.media) in (rights.VOICES, rights.ROUNDS)
            if heard and not self.takes_voice(peer, me):
                raise errors.VOICE_MESSAGES_FORBIDDEN()

    def check_may_write(self, me: int, peer: int) -> None:
        """Raise what stops `me` from writing to `peer`."""
        if peer == me:
            return
        if peer == SERVICE_USER:
            raise errors.CHAT_WRITE_FORBIDDEN()
        self.check_bot(me, peer)
        if self._blocks.between(me, peer):
            raise (
                errors.YOU_BLOCKED_USER() if self._blocks.has_blocked(me, peer) else errors.USER_IS_BLOCKED()
            )


def body_of(
    draft: Draft,
    author: int,
    now: int,
    *,
    peer: int,
    reply: r.Reply | None,
    ttl_period: int,
    holders: int,
    signer: int = 0,
    signature: str = "",
    topic: int = 0,
    mentions: tuple[int, ...] = (),
    in_topic: bool = False,
) -> r.Body:
    """What is stored of a draft; the last five are for channels (Body says what they mean)."""
    return r.Body(
        author,
        now,
        draft.text,
        draft.layer,
        draft.min_layer,
        draft.entities,
        draft.media,
        draft.action,
        draft.fwd,
        draft.markup,
        reply,
        silent=draft.silent,
        noforwards=draft.noforwards,
        invert_media=draft.invert_media,
        grouped_id=draft.grouped_id,
        ttl_period=ttl_period,
        effect=draft.effect,
        holders=holders,
        peer=peer,
        users=draft.users,
        files=draft.files,
        media_ttl=draft.media_ttl,
        media_after=draft.media_after,
        poll=draft.poll,
        signer=signer,
        signature=signature,
        topic=topic,
        mentions=mentions,
        in_topic=in_topic,
    )


def _plain_body(draft: Draft, author: int, now: int, peer: int) -> r.Body:
    """What body_of makes for a chat of two of a draft that _is_plain: most fields are as they are by default."""
    return r.Body(
        author,
        now,
        draft.text,
        draft.layer,
        draft.min_layer,
        draft.entities,
        draft.media,
        draft.action,
        draft.fwd,
        draft.markup,
        None,
        0,
        False,
        draft.silent,
        draft.noforwards,
        draft.invert_media,
        draft.grouped_id,
        0,
        0,
        draft.effect,
        2,
        peer,
        draft.users,
        media_ttl=draft.media_ttl,
        media_after=draft.media_after,
    )


def _send(
    txn: Txn,
    me: int,
    peer: int,
    drafts: Sequence[tuple[int, Draft]],
    now: int,
    origin: Origin,
    clear_draft: bool,
    audience: Audience | None,
) -> list[Sent]:
    dialog = txn.get(DIALOGS, me, peer) or NO_DIALOG
    saved = peer == me
    if dialog is NO_DIALOG and peer > 0 and not saved:
        dialog = _begun(txn, me, peer, now)
    sent: list[Sent] = []
    new = False
    for random_id, draft in drafts:
        mark = txn.get(SENT, me, random_id)
        if mark is not None:
            sent.append(_again(txn, me, mark))
            continue
        new = True
        head = txn.get(BOXES, me) or NO_BOX
        msg_id = head.msg_id + 1
        body = body_of(
            draft,
            me,
            now,
            peer=peer,
            reply=None if draft.reply is None else _reply(txn, me, peer, draft.reply),
            ttl_period=dialog.ttl_period if audience is None else audience.ttl_period,
            holders=(1 if saved else 2) if audience is None else 1 + len(audience.others),
        )
        if draft.reply is not None and draft.reply.foreign:
            lowest, named = max(body.min_layer, draft.reply.foreign_layer), (*body.users, *draft.reply.users)
            body = replace(body, min_layer=lowest, users=tuple(dict.fromkeys(named)))
        unread = r.ROW_MEDIA_UNREAD if draft.media_unread and not saved else 0
        flags = (r.ROW_FROM_SELF if saved else r.ROW_OUT) | unread
        row = r.Row(peer, me, msg_id, flags | r.ROW_SCHEDULED if draft.scheduled else flags)
        txn.put(BODIES, me, msg_id, value=body)
        if body.files:
            holding.hold_body(txn, body)
        if body.poll:
            txn.outbox(slot_of(body.poll), pl.PollPlaced(body.poll, me, msg_id, peer, now))
        if body.ttl_period:
            alarms.set_alarm(txn, me, now + body.ttl_period, alarms.EXPIRE, peer, msg_id)
        dialog = boxes.insert(txn, me, msg_id, row, dialog, now)
        view = View(me, msg_id, row, body, draft.reply.msg_id if draft.reply is not None else 0)
        event = ev.NewMessage(msg_id)
        published = eventlog.append(txn, me, event, now=now, head=head, memo=view, origin=origin)
        txn.journal[SENT.pack(txn.slot, SENT.tag, me, random_id)] = _SENT.pack(msg_id, published.pts, now)
        if audience is not None:
            _spread(txn, me, peer, msg_id, body, draft, audience)
        elif not saved:
            txn.outbox(slot_of(peer), pl.Deliver(peer, me, me, msg_id, now, unread, draft.silent), body)
        sent.append(Sent(msg_id, published.pts, now, view))
    if new:
        cleared = clear_draft and bool(dialog.draft)
        if cleared:
            dialog = replace(dialog, draft=b"", draft_layer=0, draft_date=now)
        boxes.put_dialog(txn, me, peer, dialog)
        if cleared:
            eventlog.append(txn, me, ev.DraftChanged(peer), now=now, raises=0, origin=origin)
    return sent


def _is_plain(draft: Draft) -> bool:
    """Nothing in it concerns any row but those of two boxes."""
    return (
        draft.reply is None
        and not draft.files
        and not draft.poll
        and not draft.scheduled
        and not draft.media_unread
    )


def _send_one(
    me: int,
    peer: int,
    drafts: Sequence[tuple[int, Draft]],
    now: int,
    origin: Origin,
    clear_draft: bool,
    audience: Audience | None,
    txn: Txn,
) -> Sent:
    return _send(txn, me, peer, drafts, now, origin, clear_draft, audience)[0]


def _send_plain(
    me: int,
    peer: int,
    random_id: int,
    draft: Draft,
    now: int,
    origin: Origin,
    clear_draft: bool,
    txn: Txn,
) -> Sent:
    """What `_send` does with what most messages are: a plain one, in a chat of two that has begun. Every row is named
    once, and nothing is asked that such a message has not."""
    slot, look = txn.slot, txn.look
    dialog_key, sent_key = _dialog_key(slot, _DIALOG, me, peer), _sent_key(slot, _SENT_TAG, me, random_id)
    data = look(dialog_key)
    if data is None or look(sent_key) is not None:
        return _send(txn, me, peer, ((random_id, draft),), now, origin, clear_draft, None)[0]
    dialog = _dialog(data)
    if dialog.ttl_period or dialog.draft:
        return _send(txn, me, peer, ((random_id, draft),), now, origin, clear_draft, None)[0]
    box_key = _box_key(slot, _BOX, me)
    data = look(box_key)
    head = NO_BOX if data is None else _box(data)
    msg_id = head.msg_id + 1
    body = _plain_body(draft, me, now, peer)
    data = _encode(body)
    journal = txn.journal
    if len(data) <= SMALL_BYTES:
        journal[_body_key(slot, _BODY, me, msg_id)] = data
    else:
        txn.put(BODIES, me, msg_id, value=body)
    row = r.Row(peer, me, msg_id, r.ROW_OUT)
    dialog = boxes.insert(txn, me, msg_id, row, dialog, now)
    data = _encode(dialog)
    if len(data) <= SMALL_BYTES:
        journal[dialog_key] = data
    else:
        txn.put(DIALOGS, me, peer, value=dialog)
    view = View(me, msg_id, row, body)
    published = eventlog.append_message(txn, me, box_key, head, now, view, origin)
    journal[sent_key] = _SENT.pack(msg_id, published.pts, now)
    txn.outbox(slot_of(peer), pl.Deliver(peer, me, me, msg_id, now, 0, draft.silent), body)
    return Sent(msg_id, published.pts, now, view)


def _spread(
    txn: Txn, me: int, chat: int, msg_id: int, body: r.Body, draft: Draft, audience: Audience
) -> None:
    """Send a message on to everybody else in the group."""
    mentioned = draft.mentions
    if body.reply is not None:
        mentioned = (*mentioned, body.reply.author)
    unread = r.ROW_MEDIA_UNREAD if draft.media_unread else 0
    outbox, version, now, silent = txn.outbox, audience.version, body.date, draft.silent
    others = audience.others
    if mentioned:
        flags = r.ROW_MENTIONED | r.ROW_MEDIA_UNREAD
        for user in others:
            if user in mentioned:
                outbox(slot_of(user), pl.Deliver(user, chat, me, msg_id, now, flags, silent, version), body)
        others = tuple([user for user in others if user not in mentioned])
    if others:
        letter = boxes.Letter(r.Row(chat, me, msg_id, unread), now, body)
        txn.spread(pl.DeliverAll(others, chat, me, msg_id, now, unread, silent, version), letter)


def _begun(txn: Txn, me: int, peer: int, now: int) -> r.Dialog:
    """A chat that `me` begins: with the timer he has set for new chats, if he has."""
    timer = txn.get(USER_SETTINGS, me, DEFAULT_TIMER)
    if not timer:
        return NO_DIALOG
    period = int(timer)
    txn.outbox(slot_of(peer), pl.DeliverTimer(peer, me, period, now))
    dialog = replace(NO_DIALOG, ttl_period=period)
    txn.put(DIALOGS, me, peer, value=dialog)
    eventlog.append(txn, me, ev.TimerChanged(peer), now=now, raises=0)
    return dialog


def _again(txn: Txn, me: int, mark: bytes) -> Sent:
    """The answer to a send that was done before."""
    msg_id, pts, date = _SENT.unpack(mark)
    row, body = txn.get(ROWS, me, msg_id), txn.get(BODIES, me, msg_id)
    view = None
    if row is not None and body is not None:
        view = View(me, msg_id, row, body, boxes.reply_id(txn, me, body))
    return Sent(msg_id, pts, date, view, repeated=True)


def _reply(txn: Txn, me: int, peer: int, reply: ReplyTo) -> r.Reply:
    if reply.foreign:
        return r.Reply(0, 0, foreign=reply.foreign)
    row = txn.get(ROWS, me, reply.msg_id)
    if row is None or row.peer != peer:
        raise errors.REPLY_MESSAGE_ID_INVALID()
    return r.Reply(row.author, row.author_msg_id, reply.quote_text, reply.quote_entities, reply.quote_offset)


def deliver(txn: Txn, message: pl.Deliver, memo: r.Body | boxes.Letter | None) -> None:
    """Outbox: a message arrives in its receiver's box."""
    user, peer, date = message.user, message.peer, message.date
    dialog_key, box_key = _dialog_key(txn.slot, _DIALOG, user, peer), _box_key(txn.slot, _BOX, user)
    data = txn.look(dialog_key)
    dialog = NO_DIALOG if data is None else _dialog(data)
    if message.version:
        if message.version <= dialog.left_at:  # sent before he left, by one who did not know yet
            release = pl.ReleaseBodies(message.author, (message.author_msg_id,))
            txn.outbox(slot_of(message.author), release)
            return
        if message.leaves:
            dialog = replace(dialog, left_at=message.version, left_date=date)
        elif dialog.left_date:
            dialog = replace(dialog, left_date=0)
    if dialog.folder:
        dialog = archive.woken(txn, user, peer, dialog, date)
    data = txn.look(box_key)
    head = NO_BOX if data is None else _box(data)
    msg_id = head.msg_id + 1
    view = None
    if isinstance(memo, boxes.Letter):
        dialog = boxes.take(txn, user, msg_id, memo, dialog, date)
        body = memo.body
        reply_id = boxes.reply_id(txn, user, body) if body.reply is not None else 0
        view = View(user, msg_id, memo.row, body, reply_id, letter=memo)
    else:
        row = r.Row(peer, message.author, message.author_msg_id, message.flags)
        dialog = boxes.insert(txn, user, msg_id, row, dialog, date)
        if memo is not None:
            reply_id = boxes.reply_id(txn, user, memo) if memo.reply is not None else 0
            view = View(user, msg_id, row, memo, reply_id)
    data = _encode(dialog)
    if len(data) <= SMALL_BYTES:
        txn.journal[dialog_key] = data
    else:
        txn.put(DIALOGS, user, peer, value=dialog)
    eventlog.append_message(txn, user, box_key, head, date, view)
