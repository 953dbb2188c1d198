"""Scheduled messages: kept in their author's slot until their time, then sent as any other message. Posts of a channel
are kept in the channel's, in one list for all who may post.

Sending and forgetting are two commits; between them the message's random_id keeps a repeat from sending it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct as Record
from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.errors import RpcError
from tgserve.services import alarms, boxes
from tgserve.services.alarms import SEND, WHEN_ONLINE, Alarms, Due
from tgserve.services.boxes import View
from tgserve.services.channels import rights
from tgserve.services.channels.life import admitted
from tgserve.services.channels.posting import Author, Place, Posting
from tgserve.services.channels.register import is_channel
from tgserve.services.files import holding
from tgserve.services.messaging import Draft, Messaging, Origin, ReplyTo
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import (
    BY_ROLE,
    CHANNELS,
    PARTICIPANTS,
    ROWS,
    SCHEDULED,
    USER_SETTINGS,
)
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn
from tgserve.store.waiting_records import Later

MOST = 100
"""Scheduled messages of one chat, as Telegram's."""
AHEAD_SECONDS = 367 * 86_400
LAST_NUMBER = (1 << 18) - 1
"""TDLib knows no larger number of a scheduled message."""
_COUNTER = "scheduled"


class Made(Record, frozen=True, gc=False):
    random_id: int
    view: View


class Scheduling:
    def __init__(
        self, store: Store, clock: Clock, messaging: Messaging, alarms_: Alarms, posting: Posting
    ) -> None:
        self._store = store
        self._clock = clock
        self._messaging = messaging
        self._posting = posting
        alarms_.on(SEND, self._due, self._met)
        store.on_outbox(pl.TellScheduled, _tell)
        store.on_outbox(pl.ScheduledMoved, _moved)

    # -- what waits -----------------------------------------------------------

    def of_chat(self, me: int, peer: int) -> list[View]:
        """What is scheduled in a chat, the latest first; of a channel, for those who may post there."""
        owner = self._owner(me, peer)
        if owner != me and not self._posting.may_post(me, peer):
            return []
        with self._store.read(slot_of(owner)) as reader:
            rows = reader.range(SCHEDULED, owner, peer)
            found = [_view(reader, me, peer, key[2], one) for key, one in rows]
        return sorted(found, key=lambda view: (view.body.date, view.msg_id), reverse=True)

    def get_or_none(self, me: int, peer: int, number: int) -> View | None:
        owner = self._owner(me, peer)
        if owner != me and not self._posting.may_post(me, peer):
            return None
        with self._store.read(slot_of(owner)) as reader:
            found = reader.get(SCHEDULED, owner, peer, number)
            return _view(reader, me, peer, number, found) if found is not None else None

    def has_any(self, me: int, peer: int) -> bool:
        owner = self._owner(me, peer)
        if owner != me and not self._posting.may_post(me, peer):
            return False
        with self._store.read(slot_of(owner)) as reader:
            return reader.first(SCHEDULED, owner, peer) is not None

    def _owner(self, me: int, peer: int) -> int:
        """Whose list it is."""
        return peer if is_channel(peer) and self._posting.shares_list(peer) else me

    # -- changes -----------------------------------------------------------

    def add(
        self,
        me: int,
        peer: int,
        drafts: Sequence[tuple[int, Draft]],
        date: int,
        *,
        send_as: int = 0,
        origin: Origin = None,
    ) -> Commit[list[Made]]:
        """Keep (random_id, draft) pairs until `date`. Raises what sending would, RANDOM_ID_EMPTY,
        SCHEDULE_DATE_TOO_LATE; the commit raises SCHEDULE_TOO_MUCH, REPLY_MESSAGE_ID_INVALID. Those for a channel
        stand under the name they would have now."""
        if not all(random_id for random_id, _ in drafts):
            raise errors.RANDOM_ID_EMPTY()
        if peer > 0:
            self._messaging.check_may_write(me, peer)
        author, places, owner = Author(me), [Place()] * len(drafts), self._owner(me, peer)
        if is_channel(peer):
            author, places = self._posting.check(me, peer, drafts, send_as=send_as)
        now = int(self._clock.now())
        _check_date(date, now)

        def work(txn: Txn) -> list[Made]:
            _check_right(txn, owner, me, now)
            here = {one.random_id: (key[2], one) for key, one in txn.range(SCHEDULED, owner, peer)}
            made: list[Made] = []
            for (random_id, draft), place in zip(drafts, places, strict=True):
                known = here.get(random_id)
                if known is not None:
                    made.append(Made(random_id, _view(txn, me, peer, *known)))
                    continue
                if len(here) + 1 > MOST:
                    raise errors.SCHEDULE_TOO_MUCH()
                number = _next_number(txn, owner, peer)
                body = _body(txn, me, peer, draft, author, place, now)
                later = Later(date, random_id, body, draft.mentions, draft.kind, draft.media_unread)
                holding.hold_body(txn, body)
                here[random_id] = (number, later)
                txn.put(SCHEDULED, owner, peer, number, value=later)
                alarms.set_alarm(txn, owner, date, SEND, peer, number)
                _say(txn, owner, me, ev.ScheduledChanged(peer, number), now, origin)
                made.append(Made(random_id, _view(txn, me, peer, number, later)))
            return made

        return self._store.transact(slot_of(owner), work)

    def edit(
        self,
        me: int,
        peer: int,
        number: int,
        change: Callable[[r.Body], r.Body],
        date: int,
        *,
        origin: Origin = None,
    ) -> Commit[Published]:
        """Change the body, the time or both. The commit raises MESSAGE_ID_INVALID, CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())
        _check_date(date, now)
        owner = self._owner(me, peer)

        def work(txn: Txn) -> Published:
            _check_right(txn, owner, me, now)
            return _changed(txn, owner, me, peer, number, change, date, now, origin)

        return self._store.transact(slot_of(owner), work)

    def delete(
        self, me: int, peer: int, numbers: Sequence[int], *, origin: Origin = None
    ) -> Commit[list[Published]]:
        """Those that are not there are passed over. The commit raises CHAT_ADMIN_REQUIRED."""
        now = int(self._clock.now())
        owner = self._owner(me, peer)

        def work(txn: Txn) -> list[Published]:
            _check_right(txn, owner, me, now)
            gone = [
                _forget(txn, owner, me, peer, number, 0, now, origin) for number in dict.fromkeys(numbers)
            ]
            return [one for one in gone if one is not None]

        return self._store.transact(slot_of(owner), work)

    async def send_now(self, me: int, peer: int, numbers: Sequence[int]) -> None:
        """Send before their time. MESSAGE_ID_INVALID, and what sending raises."""
        views = [self.get_or_none(me, peer, number) for number in dict.fromkeys(numbers)]
        if None in views:
            raise errors.MESSAGE_ID_INVALID()
        owner = self._owner(me, peer)
        for view in sorted((one for one in views if one is not None), key=lambda one: one.body.date):
            await self._send(owner, peer, view.msg_id)

    async def _due(self, owner: int, items: list[Due]) -> None:
        """Alarm handler."""
        now = int(self._clock.now())
        for _, peer, number in items:
            with self._store.read(slot_of(owner)) as reader:
                later = reader.get(SCHEDULED, owner, peer, number)
            if later is None or now < later.date < WHEN_ONLINE:
                continue
            try:
                await self._send(owner, peer, number)
            except RpcError as refusal:
                if refusal.code >= 500:
                    raise
                wait = 0
                if refusal.code == 420:  # slow mode
                    wait = now + int(refusal.name.rpartition("_")[2])
                await self._put_off(owner, peer, number, wait, now)

    def _met(self, owner: int, peer: int, number: int) -> None:
        """At the start: a post that an older version kept with its author goes into the list of its channel."""
        if owner > 0 and is_channel(peer) and self._posting.shares_list(peer):
            now = int(self._clock.now())
            self._store.transact(slot_of(owner), lambda txn: _hand_over(txn, owner, peer, number, now))

    async def _put_off(self, owner: int, peer: int, number: int, date: int, now: int) -> None:
        """It could not be sent: later then, or with 0 never (blocked meanwhile, or the group is gone). An album stays
        together."""

        def work(txn: Txn) -> None:
            for one, _ in _together(txn, owner, peer, number):
                if date:
                    _changed(txn, owner, 0, peer, one, lambda body: body, date, now, None)
                else:
                    _forget(txn, owner, 0, peer, one, 0, now, None)

        await self._store.transact(slot_of(owner), work)

    async def _send(self, owner: int, peer: int, number: int) -> None:
        """With all of its album, which is one post for the slow mode, too."""
        with self._store.read(slot_of(owner)) as reader:
            found = _together(reader, owner, peer, number)
            drafts = [replace(_draft(reader, owner, one), mentions=one.mentions) for _, one in found]
        if not found:
            return
        body = found[0][1].body
        send_as, wrote = 0, _writer(owner, body)
        if is_channel(peer):
            drafts = [replace(one, reply=self._still_there(peer, one.reply)) for one in drafts]
            send_as = body.author if body.author not in (wrote, peer) else 0
        now = int(self._clock.now())
        pairs = [(later.random_id, draft) for (_, later), draft in zip(found, drafts, strict=True)]
        sent = await self._messaging.send_many(wrote, peer, pairs, send_as=send_as)

        def work(txn: Txn) -> None:
            for (waited, _), one in zip(found, sent, strict=True):
                _forget(txn, owner, 0, peer, waited, one.msg_id, now, None)

        await self._store.transact(slot_of(owner), work)

    def _still_there(self, channel: int, reply: ReplyTo | None) -> ReplyTo | None:
        if reply is None or reply.foreign or not reply.msg_id:
            return reply
        with self._store.read(slot_of(channel)) as reader:
            if reader.get(ROWS, channel, reply.msg_id) is not None:
                return reply
        return ReplyTo(0, top=reply.top) if reply.top else None


def _together(reader: Reader, owner: int, peer: int, number: int) -> list[tuple[int, Later]]:
    """What is to be sent with one that waits: the parts of its album that wait for the same time, in order; itself."""
    one = reader.get(SCHEDULED, owner, peer, number)
    if one is None or not one.body.grouped_id:
        return [] if one is None else [(number, one)]
    mine = (one.date, one.body.grouped_id, _writer(owner, one.body))
    rows = ((key[2], other) for key, other in reader.range(SCHEDULED, owner, peer))
    return [
        (at, other)
        for at, other in rows
        if (other.date, other.body.grouped_id, _writer(owner, other.body)) == mine
    ]


def _check_date(date: int, now: int) -> None:
    if date != WHEN_ONLINE and date > now + AHEAD_SECONDS:
        raise errors.SCHEDULE_DATE_TOO_LATE()


def _check_right(txn: Txn, owner: int, me: int, now: int) -> None:
    """The list of a channel is for those who may post there. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED."""
    if owner != me:
        record, seat = admitted(txn, owner, me, now)
        if not rights.has(record, me, seat, rights.POST):
            raise errors.CHAT_ADMIN_REQUIRED()


def _say(
    txn: Txn, owner: int, me: int, event: ev.ScheduledChanged | ev.ScheduledGone, now: int, origin: Origin
) -> Published:
    """Whose list it is hears of it: its owner, or all who may post in a channel (`origin` is of `me`, who did it)."""
    if not is_channel(owner):
        return eventlog.append(txn, owner, event, now=now, raises=0, origin=origin)
    record = txn.get(CHANNELS, owner)
    gone = isinstance(event, ev.ScheduledGone)
    msg_id = event.msg_id if isinstance(event, ev.ScheduledGone) else 0
    for key, _ in txn.range(BY_ROLE, owner, rights.ROLE_ADMIN):
        user = key[2]
        seat = txn.get(PARTICIPANTS, owner, user)
        if record is not None and rights.has(record, user, seat, rights.POST):
            word = pl.TellScheduled(user, owner, event.number, now, gone, msg_id)
            txn.outbox(slot_of(user), word, origin if user == me else None)
    return Published(me, 0, 0, event, now)


def _hand_over(txn: Txn, owner: int, channel: int, number: int, now: int) -> None:
    """What names its files is the same body as before: nothing is counted."""
    was = txn.get(SCHEDULED, owner, channel, number)
    if was is None:
        return
    txn.delete(SCHEDULED, owner, channel, number)
    alarms.drop_alarm(txn, owner, was.date, SEND, number)
    body = was.body if was.body.author == owner else replace(was.body, signer=owner)
    txn.outbox(slot_of(channel), pl.ScheduledMoved(channel, replace(was, body=body), now))
    _say(txn, owner, owner, ev.ScheduledGone(channel, number, 0), now, None)


def _moved(txn: Txn, word: pl.ScheduledMoved, memo: object) -> None:
    """Outbox, the channel's slot."""
    channel, later = word.channel, word.later
    number = _next_number(txn, channel, channel)
    txn.put(SCHEDULED, channel, channel, number, value=later)
    alarms.set_alarm(txn, channel, later.date, SEND, channel, number)
    _say(txn, channel, 0, ev.ScheduledChanged(channel, number), word.date, None)


def _tell(txn: Txn, word: pl.TellScheduled, origin: Origin) -> None:
    """Outbox, the slot of one who may post."""
    event: ev.ScheduledChanged | ev.ScheduledGone = ev.ScheduledChanged(word.channel, word.number)
    if word.gone:
        event = ev.ScheduledGone(word.channel, word.number, word.msg_id)
    eventlog.append(txn, word.user, event, now=word.date, raises=0, origin=origin)


def _changed(
    txn: Txn,
    owner: int,
    me: int,
    peer: int,
    number: int,
    change: Callable[[r.Body], r.Body],
    date: int,
    now: int,
    origin: Origin,
) -> Published:
    was = txn.get(SCHEDULED, owner, peer, number)
    if was is None:
        raise errors.MESSAGE_ID_INVALID()
    body = change(was.body)
    if body.files != was.body.files:
        holding.hold_body(txn, body)
        holding.drop_body(txn, was.body)
    txn.put(SCHEDULED, owner, peer, number, value=replace(was, date=date, body=body))
    if date != was.date:
        alarms.drop_alarm(txn, owner, was.date, SEND, number)
        alarms.set_alarm(txn, owner, date, SEND, peer, number)
    return _say(txn, owner, me, ev.ScheduledChanged(peer, number), now, origin)


def _writer(owner: int, body: r.Body) -> int:
    """Who wrote what is in a list: its owner, in that of a channel each post says it."""
    return owner if owner > 0 else body.signer or body.author


def _next_number(txn: Txn, me: int, peer: int) -> int:
    """Numbers come again after a quarter of a million, and then not while they are in use."""
    last = txn.get(USER_SETTINGS, me, _COUNTER)
    number = int(last) if last else 0
    while True:
        number = number % LAST_NUMBER + 1
        if txn.get(SCHEDULED, me, peer, number) is None:
            txn.put(USER_SETTINGS, me, _COUNTER, value=b"%d" % number)
            return number


def _body(txn: Txn, me: int, peer: int, draft: Draft, author: Author, place: Place, now: int) -> r.Body:
    reply = None
    if draft.reply is not None and draft.reply.foreign:
        reply = r.Reply(0, 0, foreign=draft.reply.foreign)
    elif is_channel(peer):
        reply = place.reply
    elif draft.reply is not None:
        row = txn.get(ROWS, me, draft.reply.msg_id)
        if row is None or row.peer != peer:
            raise errors.REPLY_MESSAGE_ID_INVALID()
        quote = draft.reply
        reply = r.Reply(
            row.author, row.author_msg_id, quote.quote_text, quote.quote_entities, quote.quote_offset
        )
    return r.Body(
        author.shown,
        now,
        draft.text,
        draft.layer,
        draft.min_layer,
        draft.entities,
        draft.media,
        b"",
        draft.fwd,
        draft.markup,
        reply,
        silent=draft.silent,
        noforwards=draft.noforwards,
        invert_media=draft.invert_media,
        grouped_id=draft.grouped_id,
        effect=draft.effect,
        peer=peer,
        users=draft.users,
        files=draft.files,
        media_ttl=draft.media_ttl,
        media_after=draft.media_after,
        poll=draft.poll,
        signer=author.signer,
        signature=author.signature,
        topic=place.topic,
        in_topic=place.in_topic,
    )


def _draft(reader: Reader, me: int, later: Later) -> Draft:
    """The draft to be sent; what it answers may be gone by now."""
    body, reply = later.body, None
    top = body.topic if body.in_topic else 0
    answered = _answered(reader, me, body)
    if body.reply is not None and answered:
        quote = body.reply
        reply = ReplyTo(answered, quote.quote_text, quote.quote_entities, quote.quote_offset, top=top)
    elif body.reply is not None and body.reply.foreign:
        reply = ReplyTo(0, foreign=body.reply.foreign, foreign_layer=body.min_layer, top=top)
    elif top:
        reply = ReplyTo(0, top=top)
    return Draft(
        body.text,
        body.entities,
        body.media,
        body.markup,
        body.fwd,
        body.layer,
        body.min_layer,
        body.users,
        reply,
        body.silent,
        body.noforwards,
        body.invert_media,
        grouped_id=body.grouped_id,
        effect=body.effect,
        scheduled=True,
        poll=body.poll,
        media_unread=later.media_unread,
        kind=later.kind,
        files=body.files,
        media_ttl=body.media_ttl,
        media_after=body.media_after,
    )


def _view(reader: Reader, me: int, peer: int, number: int, later: Later) -> View:
    out = r.ROW_OUT if not is_channel(peer) or me in (later.body.author, later.body.signer) else 0
    row = r.Row(peer, me, number, r.ROW_FROM_SELF if peer == me else out)
    body = replace(later.body, date=later.date)
    return View(me, number, row, body, _answered(reader, me, body))


def _answered(reader: Reader, me: int, body: r.Body) -> int:
    """The number of what it answers, as `me` knows it; in a channel that is everybody's."""
    if body.reply is not None and is_channel(body.reply.author):
        return body.reply.author_msg_id
    return boxes.reply_id(reader, me, body)


def _forget(
    txn: Txn, owner: int, me: int, peer: int, number: int, msg_id: int, now: int, origin: Origin
) -> Published | None:
    was = txn.get(SCHEDULED, owner, peer, number)
    if was is None:
        return None
    txn.delete(SCHEDULED, owner, peer, number)
    if was.body.poll and not msg_id:
        txn.outbox(slot_of(was.body.poll), pl.PollUnplaced(was.body.poll, _writer(owner, was.body), 0))
    holding.drop_body(txn, was.body)
    alarms.drop_alarm(txn, owner, was.date, SEND, number)
    return _say(txn, owner, me, ev.ScheduledGone(peer, number, msg_id), now, origin)
