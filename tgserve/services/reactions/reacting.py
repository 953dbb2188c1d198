"""Reactions: given, taken back, listed, seen by the author.

A reaction is decided in the slot of the message's body, in one transaction: the reactor's row, the body's summary, the
author's mark. Everybody who holds the message hears of it by the outbox, as an event without pts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.boxes import SERVICE_USER, View
from tgserve.services.channels import rights as channel_rights
from tgserve.services.channels.bundle import Channels
from tgserve.services.channels.life import admitted
from tgserve.services.channels.register import is_channel
from tgserve.services.deleting import Affected
from tgserve.services.groups import rights
from tgserve.services.groups.roster import Roster, Rosters
from tgserve.services.history import TOP_ID, History, Page, Window
from tgserve.services.messaging import Messaging, Origin
from tgserve.services.reactions import awaiting, tally, tastes
from tgserve.services.reactions.stock import EMOJIS, FAVOURITE, STOCK
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import group_records as g
from tgserve.store import payloads as pl
from tgserve.store import reaction_records as rr
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import (
    BODIES,
    BOXES,
    DIALOGS,
    GIVEN,
    REACTORS,
    ROWS,
    UNREAD_REACTIONS,
    USER_SETTINGS,
)
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

SLICE = 200
"""Messages whose reactions one call marks as seen; clients repeat it while `left` is not 0."""
TAGS_WALKED = 20_000
"""Reactions in Saved Messages that are looked at for the list of tags."""
TAGS_OFFERED = 16
_TAG = "tag:"


@dataclass(slots=True, frozen=True)
class ReactorsPage:
    """`next` is where the list goes on, "" at its end."""

    count: int
    items: list[r.Reacted]
    next: str


class Reactions:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        rosters: Rosters,
        messaging: Messaging,
        history: History,
        channels: Channels,
    ) -> None:
        self._channels = channels
        self._store = store
        self._clock = clock
        self._rosters = rosters
        self._messaging = messaging
        self._history = history
        self.custom_known: Callable[[int], bool] = lambda document_id: False
        """Is there a custom emoji of this id?"""
        store.on_outbox(pl.Reacted, _reacted)
        store.on_outbox(pl.DeliverReactions, _deliver)
        store.on_outbox(pl.DropReactors, tally.drop)
        store.on_outbox(pl.ForgetGiven, _forget_given)
        store.on_outbox(pl.TakeBack, _take_back)
        store.on_outbox(pl.ChannelReacted, awaiting.waiting)
        store.on_outbox(pl.ChannelReactionsSeen, awaiting.seen)

    # -- giving -----------------------------------------------------------------------------------------------------

    def known(self, kind: str) -> bool:
        """May this be a reaction at all: of the stock, or a custom emoji there is?"""
        return kind in EMOJIS or (kind.isdecimal() and kind.isascii() and self.custom_known(int(kind)))

    async def react(
        self,
        me: int,
        peer: int,
        msg_id: int,
        kinds: Sequence[str],
        *,
        big: bool = False,
        recent: bool = False,
        origin: Origin = None,
    ) -> View:
        """Make `kinds` (none: take back) what `me` gives a message of his box; the message as it is then, also when it
        was so already. MESSAGE_ID_INVALID, REACTION_INVALID, REACTIONS_TOO_MANY, CHAT_WRITE_FORBIDDEN,
        USER_IS_BLOCKED, YOU_BLOCKED_USER, CHAT_FORBIDDEN."""
        given = tuple(dict.fromkeys(kinds))
        if len(given) > limits.REACTIONS_PER_USER:
            raise errors.REACTIONS_TOO_MANY()
        if not all(self.known(kind) for kind in given):
            raise errors.REACTION_INVALID()
        if is_channel(peer):
            return await self._react_in_channel(me, peer, msg_id, given, big, recent, origin)
        row = self._row(me, peer, msg_id)
        told, most = self._told(me, peer, row, given)
        now = int(self._clock.now())

        def work(txn: Txn) -> r.Body:
            body = _reactable(txn, row, given, most)
            changed = tally.change(txn, row.author, row.author_msg_id, body, me, given, now, big)
            if changed is None:
                return body
            _tell_author(txn, row, changed, me, now, origin)
            for user in told:
                if user not in (me, row.author):
                    news = pl.DeliverReactions(user, row.author, row.author_msg_id, now)
                    txn.outbox(slot_of(user), news)
            mine = pl.Reacted(me, row.author, row.author_msg_id, given, now, recent)
            if me == row.author:
                _remember(txn, mine)
            else:
                txn.outbox(slot_of(me), mine, origin)
            return changed

        body = await self._store.transact(slot_of(row.author), work)
        return self.newest(View(me, msg_id, row, body))

    def newest(self, view: View) -> View:
        """A message as a commit made it, with the reactions it has by now: a push of what came behind that commit may
        have gone out already, and would be undone."""
        row = view.row
        with self._store.read(slot_of(row.author)) as reader:
            body = reader.get(BODIES, row.author, row.author_msg_id)
        if body is None or body.reactions == view.body.reactions:
            return view
        return replace(view, body=replace(view.body, reactions=body.reactions))

    async def _react_in_channel(
        self,
        me: int,
        channel: int,
        msg_id: int,
        given: tuple[str, ...],
        big: bool,
        recent: bool,
        origin: Origin,
    ) -> View:
        """In a channel's box: who of its members is online hears of it by its log; posts of channels name nobody."""
        record, seat = self._channels.register.writer(me, channel)
        row = self._row(me, channel, msg_id)
        if given:
            if channel_rights.denied(record, me, seat) & rights.REACT:
                raise errors.CHAT_WRITE_FORBIDDEN()
            _check_kinds(record.reactions_rule, record.reactions_some, given)
        most = min(record.reactions_limit or limits.REACTION_KINDS, limits.REACTION_KINDS)
        now = int(self._clock.now())

        def work(txn: Txn) -> r.Body:
            body = _reactable(txn, row, given, most)
            changed = _change_in_channel(txn, channel, msg_id, body, me, given, now, big, record, origin)
            if changed is None:
                return body
            txn.outbox(slot_of(me), pl.Reacted(me, channel, msg_id, given, now, recent))
            return changed

        body = await self._store.transact(slot_of(channel), work)
        return self.newest(View(channel, msg_id, row, body, viewer=me))

    async def clear(
        self, me: int, channel: int, user: int, msg_id: int = 0, *, origin: Origin = None
    ) -> View | None:
        """An admin of a supergroup takes away what `user` has given a message, or with 0 all there; the message as it
        is then. PEER_ID_INVALID, CHAT_ADMIN_REQUIRED, MESSAGE_ID_INVALID."""
        record, _ = self._channels.register.seat(me, channel)
        if not record.megagroup:
            raise errors.PEER_ID_INVALID()
        now = int(self._clock.now())
        if msg_id:
            asked = [self._row(me, channel, msg_id).author_msg_id]
        else:
            with self._store.read(slot_of(user)) as reader:
                asked = [key[2] for key, _ in reader.range(GIVEN, user, channel)]

        def work(txn: Txn, part: list[int]) -> None:
            record, seat = admitted(txn, channel, me, now)
            if not channel_rights.has(record, me, seat, channel_rights.DELETE):
                raise errors.CHAT_ADMIN_REQUIRED()
            for one in part:
                body = txn.get(BODIES, channel, one)
                if body is None:
                    continue
                if (
                    _change_in_channel(txn, channel, one, body, user, (), now, False, record, origin)
                    is not None
                ):
                    txn.outbox(slot_of(user), pl.Reacted(user, channel, one, (), now, False))

        for start in range(0, max(len(asked), 1), SLICE):
            await self._store.transact(slot_of(channel), partial(work, part=asked[start : start + SLICE]))
        return self._channels.reading.message_or_none(me, channel, msg_id) if msg_id else None

    def _row(self, me: int, peer: int, msg_id: int) -> r.Row:
        if is_channel(peer):
            found = self._channels.reading.message_or_none(me, peer, msg_id)
            if found is None:
                raise errors.MESSAGE_ID_INVALID()
            return found.row
        with self._store.read(slot_of(me)) as reader:
            row = reader.get(ROWS, me, msg_id) if 0 < msg_id <= TOP_ID else None
        if row is None or row.peer != peer:
            raise errors.MESSAGE_ID_INVALID()
        return row

    def _told(self, me: int, peer: int, row: r.Row, given: tuple[str, ...]) -> tuple[tuple[int, ...], int]:
        """Who else may hold the message, and how many kinds it may have; raises what forbids `given`."""
        if peer in (me, SERVICE_USER):
            return (), limits.REACTION_KINDS
        if peer > 0:
            if given:
                self._messaging.check_may_write(me, peer)
            return (peer,), limits.REACTION_KINDS
        roster = self._rosters.of_member(me, peer)
        if given:
            _check_allowed(roster, me, given)
        return roster.here, min(roster.group.reactions_limit or limits.REACTION_KINDS, limits.REACTION_KINDS)

    # -- reading ----------------------------------------------------------------------------------------------------

    def chosen(self, viewer: int, row: r.Row, reactions: r.Reactions) -> tuple[str, ...]:
        """What `viewer` has given the message of `row`, in his order."""
        mine = tuple(one.kind for one in reactions.recent if one.user == viewer)
        if mine or len({one.user for one in reactions.recent}) >= reactions.users:
            return mine
        with self._store.read(slot_of(row.author)) as reader:
            reactor = reader.get(REACTORS, row.author, row.author_msg_id, viewer)
        return reactor.kinds if reactor is not None else ()

    def reactors(
        self, me: int, peer: int, msg_id: int, kind: str, offset: str, limit: int
    ) -> tuple[View, ReactorsPage]:
        """Who has reacted to a message, newest first; of one kind when given. MESSAGE_ID_INVALID, OFFSET_INVALID,
        BROADCAST_FORBIDDEN for posts of channels."""
        if offset and not (offset.isascii() and offset.isdecimal() and len(offset) <= 10):
            raise errors.OFFSET_INVALID()
        if is_channel(peer):
            record, _ = self._channels.register.view(me, peer)
            if not record.megagroup:
                raise errors.BROADCAST_FORBIDDEN()
        elif peer < 0:
            self._rosters.of_member(me, peer)
        row = self._row(me, peer, msg_id)
        box, number = row.author, row.author_msg_id
        limit = max(1, min(limit, limits.OPINIONS_PAGE))
        with self._store.read(slot_of(box)) as reader:
            body = reader.get(BODIES, box, number)
            if body is None:
                raise errors.MESSAGE_ID_INVALID()
            view = View(peer if is_channel(peer) else me, msg_id, row, body, viewer=me)
            if body.reactions is None:
                return view, ReactorsPage(0, [], "")
            below = int(offset) if offset else None
            walk = tally.listed(reader, box, number, body.reactions, kind, below)
            found = list(islice(walk, limit + limits.REACTIONS_PER_USER))
            # what one user gave at once stays on one page: a page ends between two numbers
            cut = limit
            while cut < len(found) and found[cut].number == found[cut - 1].number:
                cut += 1
            items = []
            for given in found[:cut]:
                reactor = reader.get(REACTORS, box, number, given.user)
                if reactor is not None:
                    items.append(r.Reacted(given.user, given.kind, reactor.date, given.number, reactor.big))
        counts = dict(body.reactions.counts)
        count = counts.get(kind, 0) if kind else sum(counts.values())
        return view, ReactorsPage(count, items, str(found[cut - 1].number) if cut < len(found) else "")

    def unread(self, me: int, peer: int, window: Window, topic: int = 0) -> Page:
        """My messages in a chat with reactions that I have not seen, newest first; of one topic when given."""
        with self._store.read(slot_of(me)) as reader:
            waiting = [key[2] for key, _ in reader.range(UNREAD_REACTIONS, me, peer, reverse=True)]
        if topic:
            waiting = self._channels.threads.within(peer, topic, waiting) if is_channel(peer) else []
        low, high = window.min_id, window.max_id or TOP_ID
        fits = [msg_id for msg_id in waiting if low < msg_id < high]
        at = sum(1 for msg_id in fits if window.offset_id and msg_id >= window.offset_id)
        start = max(at + window.add_offset, 0)
        taken = fits[start : start + max(window.limit, 0)]
        if is_channel(peer):
            views = self._channels.reading.messages(me, peer, taken)
        else:
            views = self._history.messages(me, taken)
        found = [view for view in views if view is not None]
        return Page(found, len(waiting), len(found) == len(waiting))

    # -- seen by the author -----------------------------------------------------------------------------------------

    def read(self, me: int, peer: int, topic: int = 0, *, origin: Origin = None) -> Commit[Affected]:
        """I have seen the reactions to my messages in a chat, or in one thread of it; SLICE messages at most."""
        now = int(self._clock.now())
        meant: list[int] = []
        if topic and is_channel(peer):
            with self._store.read(slot_of(me)) as reader:
                meant = [key[2] for key, _ in reader.range(UNREAD_REACTIONS, me, peer)]
            meant = self._channels.threads.within(peer, topic, meant)

        def work(txn: Txn) -> Affected:
            if topic and is_channel(peer):
                waiting = [one for one in meant if txn.get(UNREAD_REACTIONS, me, peer, one) is not None]
            else:
                waiting = [key[2] for key, _ in txn.range(UNREAD_REACTIONS, me, peer, limit=SLICE + 1)]
            left = max(len(waiting) - SLICE, 0)
            if is_channel(peer):
                awaiting.see(txn, me, peer, waiting[:SLICE], now, origin)
                return Affected(self._channels.register.top(peer).pts, 0, left)
            done = see(txn, me, waiting[:SLICE], now, origin)
            return Affected(done.pts, done.count, left)

        return self._store.transact(slot_of(me), work)

    # -- tastes -----------------------------------------------------------------------------------------------------

    def recent(self, me: int, limit: int) -> list[str]:
        return list(self._tastes(me).recent[: max(limit, 0)])

    def top(self, me: int, limit: int) -> list[str]:
        return tastes.top(self._tastes(me), max(limit, 0))

    def favourite(self, me: int) -> str:
        """What a double tap sends."""
        return self._tastes(me).favourite or FAVOURITE

    def stock_tags(self) -> list[str]:
        """What is offered for Saved Messages before one has tags of one's own."""
        return [emoji for emoji, _ in STOCK[:TAGS_OFFERED]]

    def _tastes(self, me: int) -> rr.Tastes:
        with self._store.read(slot_of(me)) as reader:
            return tastes.tastes_of(reader, me)

    def forget_recent(self, me: int) -> Commit[None]:
        def work(txn: Txn) -> None:
            tastes.keep(txn, me, replace(tastes.tastes_of(txn, me), recent=()))

        return self._store.transact(slot_of(me), work)

    def set_favourite(self, me: int, kind: str) -> Commit[None]:
        """REACTION_INVALID."""
        if not self.known(kind):
            raise errors.REACTION_INVALID()

        def work(txn: Txn) -> None:
            tastes.keep(txn, me, replace(tastes.tastes_of(txn, me), favourite=kind))

        return self._store.transact(slot_of(me), work)

    # -- tags of Saved Messages -------------------------------------------------------------------------------------

    def tagged(self, me: int, kinds: Collection[str]) -> list[int]:
        """My Saved Messages that have one of these tags, newest first."""
        with self._store.read(slot_of(me)) as reader:
            found = []
            for key, _ in reader.range(GIVEN, me, me, limit=TAGS_WALKED, reverse=True):
                body = reader.get(BODIES, me, key[2])
                if body is None or body.peer != me or body.reactions is None:
                    continue
                if any(kind in kinds for kind, _ in body.reactions.counts):
                    found.append(key[2])
        return found

    def tags(self, me: int, fits: Callable[[View], bool] | None = None) -> list[tuple[str, str, int]]:
        """(kind, its title, how many) of what I have marked my Saved Messages with, or those that fit, most used
        first."""
        counts: dict[str, int] = {}
        with self._store.read(slot_of(me)) as reader:
            for key, _ in reader.range(GIVEN, me, me, limit=TAGS_WALKED):
                body = reader.get(BODIES, me, key[2])
                if body is None or body.peer != me or body.reactions is None:
                    continue
                row = reader.get(ROWS, me, key[2])
                if fits is not None and (row is None or not fits(View(me, key[2], row, body))):
                    continue
                for kind, count in body.reactions.counts:
                    counts[kind] = counts.get(kind, 0) + count
            found = []
            for kind, count in sorted(counts.items(), key=lambda one: -one[1]):
                title = reader.get(USER_SETTINGS, me, _TAG + kind)
                found.append((kind, title.decode() if title else "", count))
        return found

    def name_tag(self, me: int, kind: str, title: str) -> Commit[None]:
        """Give a tag a title; "" takes it away. REACTION_INVALID."""
        if not self.known(kind):
            raise errors.REACTION_INVALID()

        def work(txn: Txn) -> None:
            if title:
                txn.put(USER_SETTINGS, me, _TAG + kind, value=title.encode())
            else:
                txn.delete(USER_SETTINGS, me, _TAG + kind)

        return self._store.transact(slot_of(me), work)


def _change_in_channel(
    txn: Txn,
    channel: int,
    msg_id: int,
    body: r.Body,
    user: int,
    given: tuple[str, ...],
    now: int,
    big: bool,
    record: c.Channel,
    origin: Origin,
) -> r.Body | None:
    """What `user` gives a message becomes `given`, and everybody hears of it; None when it was so."""
    waited = record.megagroup and tally.unseen(txn, channel, msg_id, body)
    changed = tally.change(txn, channel, msg_id, body, user, given, now, big, record.megagroup)
    if changed is None:
        return None
    if record.megagroup:
        awaiting.changed(txn, channel, msg_id, waited, changed)
    view = View(channel, msg_id, r.Row(channel, channel, msg_id), changed)
    tally.log(txn, channel, view, ev.ReactionsChanged(channel, msg_id), now, origin)
    return changed


def _check_allowed(roster: Roster, me: int, given: tuple[str, ...]) -> None:
    """What the group's admins allow. CHAT_WRITE_FORBIDDEN, REACTION_INVALID."""
    if not rights.may(roster, me, rights.REACT):
        raise errors.CHAT_WRITE_FORBIDDEN()
    _check_kinds(roster.group.reactions_rule, roster.group.reactions_some, given)


def _check_kinds(rule: str, some: tuple[str, ...], given: tuple[str, ...]) -> None:
    if rule == g.REACTIONS_NONE or (rule == g.REACTIONS_SOME and not set(some).issuperset(given)):
        raise errors.REACTION_INVALID()
    if not rule and any(kind not in EMOJIS for kind in given):
        raise errors.REACTION_INVALID()


def _reactable(txn: Txn, row: r.Row, given: tuple[str, ...], most: int) -> r.Body:
    """The body of `row`, if it may have `given` beside what it has. MESSAGE_ID_INVALID, REACTIONS_TOO_MANY."""
    body = txn.get(BODIES, row.author, row.author_msg_id)
    if body is None or body.action:
        raise errors.MESSAGE_ID_INVALID()
    here = {kind for kind, _ in body.reactions.counts} if body.reactions is not None else set()
    if not here.issuperset(given) and len(here.union(given)) > most:
        raise errors.REACTIONS_TOO_MANY()
    return body


def see(txn: Txn, me: int, msg_ids: Sequence[int], now: int, origin: Origin) -> Affected:
    """The author has seen the reactions to these messages of his."""
    done = [(msg_id, found) for msg_id in msg_ids if (found := tally.see(txn, me, msg_id)) is not None]
    if not done:
        head = txn.get(BOXES, me) or r.BoxHead()
        return Affected(head.pts, 0)
    ids = tuple(msg_id for msg_id, _ in done)
    published = eventlog.append(txn, me, ev.ReadContents(ids, now), now=now, origin=origin)
    for msg_id, (row, body) in done:
        event = ev.ReactionsChanged(row.peer, msg_id)
        eventlog.append(txn, me, event, now=now, raises=0, memo=View(me, msg_id, row, body), origin=origin)
    return Affected(published.pts, 1)


def _tell_author(txn: Txn, row: r.Row, body: r.Body, reactor: int, now: int, origin: Origin) -> None:
    """The author's own box, in whose slot the body is: his mark and his devices."""
    author, msg_id = row.author, row.author_msg_id
    own = txn.get(ROWS, author, msg_id)
    if own is None:
        return  # he has deleted it for himself
    dialog = txn.get(DIALOGS, author, own.peer)
    left = dialog is not None and dialog.left_date
    if author == body.author and author > 0:
        waiting = tally.unseen(txn, author, msg_id, body)
        if not left or not waiting:  # who has left waits for nothing new, nor for what was taken back
            tally.mark(txn, author, own, msg_id, waiting)
    if left:
        return
    event = ev.ReactionsChanged(own.peer, msg_id)
    view = View(author, msg_id, own, body)
    mine = origin if author == reactor else None
    tally.log(txn, author, view, event, now, mine)


def _remember(txn: Txn, mine: pl.Reacted) -> None:
    if mine.kinds:
        txn.put(GIVEN, mine.user, mine.author, mine.author_msg_id, value=b"")
        tastes.remember(txn, mine.user, mine.kinds, mine.recent)
    else:
        txn.delete(GIVEN, mine.user, mine.author, mine.author_msg_id)


def _reacted(txn: Txn, mine: pl.Reacted, origin: Origin) -> None:
    """Outbox: the reactor's own box."""
    _remember(txn, mine)
    _tell(txn, mine.user, mine.author, mine.author_msg_id, mine.date, origin)


def _deliver(txn: Txn, news: pl.DeliverReactions, memo: object) -> None:
    """Outbox: somebody else holds the message."""
    _tell(txn, news.user, news.author, news.author_msg_id, news.date, None)


def _tell(txn: Txn, user: int, author: int, author_msg_id: int, now: int, origin: Origin) -> None:
    """Drawn as they are when it is pushed, not as they were when this was sent: he may have reacted himself meanwhile,
    and his device has been answered with what is newer."""
    msg_id = boxes.own_id(txn, user, author, author_msg_id)
    row = txn.get(ROWS, user, msg_id) if msg_id else None
    if row is None:
        return
    dialog = txn.get(DIALOGS, user, row.peer)
    if dialog is not None and dialog.left_date:
        return
    tally.log(txn, user, None, ev.ReactionsChanged(row.peer, msg_id), now, origin)


def _forget_given(txn: Txn, gone: pl.ForgetGiven, memo: object) -> None:
    txn.delete(GIVEN, gone.user, gone.owner, gone.number)


def _take_back(txn: Txn, gone: pl.TakeBack, memo: object) -> None:
    """Outbox: a deleted account's reaction goes; who holds the message is told of the next change."""
    body = txn.get(BODIES, gone.author, gone.author_msg_id)
    if body is None:
        return
    row = r.Row(body.peer, gone.author, gone.author_msg_id)
    faces = body.reactions is not None and bool(body.reactions.recent)
    waited = faces and tally.unseen(txn, gone.author, gone.author_msg_id, body)
    changed = tally.change(txn, gone.author, gone.author_msg_id, body, gone.user, (), gone.date, False, faces)
    if changed is not None:
        if is_channel(gone.author) and faces:
            awaiting.changed(txn, gone.author, gone.author_msg_id, waited, changed)
        _tell_author(txn, row, changed, gone.user, gone.date, None)
