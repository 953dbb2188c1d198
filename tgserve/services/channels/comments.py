"""Discussion groups: a channel's posts are forwarded into its group, and what answers them there are its comments.

The channel decides and checks the right in its own transaction; the group checks again in its own, and undoes the link
when it may not be. Everything between the two slots goes by the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.boxes import View
from tgserve.services.channels import journal, rights, threads
from tgserve.services.channels.changing import remove, set_pinned
from tgserve.services.channels.life import admitted
from tgserve.services.channels.posting import put_message
from tgserve.services.channels.register import Register, save
from tgserve.services.channels.seats import Moved, Moving, seat_of
from tgserve.services.channels.threads import NONE, ThreadKnown
from tgserve.services.messaging import Origin
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import BODIES, CHANNELS, ROWS, THREADS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

Header = Callable[[int, int, r.Body], tuple[bytes, int]]


def no_header(channel: int, post: int, body: r.Body) -> tuple[bytes, int]:
    return b"", 0


class Comments:
    def __init__(self, store: Store, clock: Clock, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._register = register
        self.header: Header = no_header
        """(channel, post, body) -> TL messageFwdHeader of the copy in the group, and the layer it needs; who knows TL
        sets it."""
        store.on_outbox(pl.ForwardPost, self._forward)
        store.on_outbox(pl.PostForwarded, _forwarded)
        store.on_outbox(pl.PostEdited, self._edited)
        store.on_outbox(pl.PostDeleted, _deleted)
        store.on_outbox(pl.LinkGroup, _link)
        store.on_outbox(pl.UnlinkGroup, _unlink)

    async def set_group(self, me: int, channel: int, group: int, *, origin: Origin = None) -> None:
        """Make `group` the discussion group of a channel; 0 for one of the two: none any more. BROADCAST_ID_INVALID,
        MEGAGROUP_ID_INVALID, MEGAGROUP_PREHISTORY_HIDDEN, CHAT_DISCUSSION_UNALLOWED, LINK_NOT_MODIFIED,
        CHAT_ADMIN_REQUIRED, CHANNEL_PRIVATE."""
        now = int(self._clock.now())
        if not channel:
            record = self._register.get_or_none(group)
            if record is None or not record.megagroup:
                raise errors.MEGAGROUP_ID_INVALID()
            await self._store.transact(slot_of(group), lambda txn: _leave(txn, me, group, now))
            return
        if group:
            await self._store.transact(slot_of(group), lambda txn: _check_group(txn, me, group, now))
        moving = Moving(origin, asyncio.get_running_loop().create_future())

        def work(txn: Txn) -> None:
            record, seat = admitted(txn, channel, me, now)
            if record.megagroup:
                raise errors.BROADCAST_ID_INVALID()
            if not rights.has(record, me, seat, rights.INFO):
                raise errors.CHAT_ADMIN_REQUIRED()
            if record.linked == group:
                raise errors.LINK_NOT_MODIFIED()
            _set(txn, channel, record, group, me, now)
            if record.linked:
                txn.outbox(slot_of(record.linked), pl.UnlinkGroup(record.linked, channel, me, now))
            if group:
                txn.outbox(slot_of(group), pl.LinkGroup(group, channel, me, now), moving)

        await self._store.transact(slot_of(channel), work)
        if group:
            await moving.done

    def may_be_linked(self, me: int) -> list[int]:
        """The supergroups of `me` that he can make discussion groups."""
        found: list[int] = []
        for group in self._register.of_user(me):
            record = self._register.get_or_none(group)
            if record is None or record.deleted or not record.megagroup or record.forum or record.gigagroup:
                continue
            if _may_link(record, me, self._register.participant(group, me)):
                found.append(group)
        return found

    # -- outbox: the group's slot -----------------------------------------------------------

    def _copy(self, channel: int, post: int, body: r.Body) -> r.Body:
        fwd, layer = self.header(channel, post, body)
        return replace(body, fwd=fwd, min_layer=max(body.min_layer, layer))

    def _forward(self, txn: Txn, word: pl.ForwardPost, memo: Any) -> None:
        """A post comes into the group, pinned; its comments begin."""
        group, channel = word.group, word.channel
        record = txn.get(CHANNELS, group)
        if record is None or record.deleted or record.linked != channel:
            return
        body = self._copy(channel, word.post, word.body)
        body = replace(
            body,
            author=channel,
            signer=0,
            peer=group,
            reply=None,
            holders=1,
            reactions=None,
            ttl_period=record.ttl_period,
            silent=True,
        )
        sent = put_message(txn, group, body, word.date)
        row = txn.get(ROWS, group, sent.msg_id)
        if row is not None:
            set_pinned(txn, group, {sent.msg_id: row}, True)
            event = ev.MessagesPinned(group, (sent.msg_id,), True)
            eventlog.append(txn, group, event, now=word.date)
        thread = replace(NONE, channel=channel, post=word.post, pts=sent.pts)
        txn.put(THREADS, group, sent.msg_id, value=thread)
        txn.publish(ThreadKnown(group, sent.msg_id, thread))
        threads.tell_post(txn, group, sent.msg_id, thread)
        # whoever sees the copy finds the comments at once, not only when the channel's row has followed
        txn.publish(ThreadKnown(channel, word.post, replace(thread, channel=group, post=sent.msg_id)))

    def _edited(self, txn: Txn, word: pl.PostEdited, memo: Any) -> None:
        group, root = word.group, word.root
        row, old = txn.get(ROWS, group, root), txn.get(BODIES, group, root)
        if row is None or old is None:
            return
        new = self._copy(word.channel, word.post, word.body)
        made = replace(
            old,
            text=new.text,
            layer=new.layer,
            min_layer=new.min_layer,
            entities=new.entities,
            markup=new.markup,
            fwd=new.fwd,
            edit_date=new.edit_date,
            edit_hide=new.edit_hide,
            invert_media=new.invert_media,
            users=new.users,
        )
        if old.files == new.files and not old.poll:
            made = replace(made, media=new.media)
        txn.put(BODIES, group, root, value=made)
        view = View(group, root, row, made, boxes.reply_id(txn, group, made))
        eventlog.append(txn, group, ev.EditMessage(root), now=word.date, memo=view)


def _may_link(record: c.Channel, me: int, seat: c.Participant | None) -> bool:
    return rights.has(record, me, seat, rights.PIN)


def _check_group(txn: Txn, me: int, group: int, now: int) -> None:
    record, seat = admitted(txn, group, me, now)
    if not record.megagroup:
        raise errors.MEGAGROUP_ID_INVALID()
    if not _may_link(record, me, seat):
        raise errors.CHAT_ADMIN_REQUIRED()
    if record.forum:
        raise errors.CHAT_DISCUSSION_UNALLOWED()
    if record.prehistory_hidden:
        raise errors.MEGAGROUP_PREHISTORY_HIDDEN()


def _set(txn: Txn, channel: int, record: c.Channel, other: int, me: int, now: int) -> None:
    """The one belongs to the other from now on (0: to none)."""
    first = eventlog.box_head(txn, channel).msg_id + 1 if other and not record.megagroup else 0
    save(txn, channel, replace(record, linked=other, linked_from=first))
    line = c.LogEntry(now, me, journal.LINKED, before=record.linked, after=other)
    journal.note(txn, channel, line)
    eventlog.append(txn, channel, ev.ChannelChanged(channel), now=now, raises=0)


def _leave(txn: Txn, me: int, group: int, now: int) -> None:
    """A group gives up its channel."""
    record, seat = admitted(txn, group, me, now)
    if not _may_link(record, me, seat):
        raise errors.CHAT_ADMIN_REQUIRED()
    if not record.linked:
        raise errors.LINK_NOT_MODIFIED()
    _set(txn, group, record, 0, me, now)
    txn.outbox(slot_of(record.linked), pl.UnlinkGroup(record.linked, group, me, now))


def _link(txn: Txn, word: pl.LinkGroup, memo: Any) -> None:
    """The group follows its channel, or says no."""
    if type(memo) is Moving:
        txn.publish(Moved(memo))
    group, channel = word.group, word.channel
    record = txn.get(CHANNELS, group)
    seat = seat_of(txn, group, word.me, word.date)
    fits = record is not None and not record.deleted and record.megagroup and not record.forum
    if record is None or not fits or not _may_link(record, word.me, seat):
        txn.outbox(slot_of(channel), pl.UnlinkGroup(channel, group, word.me, word.date))
        return
    if record.linked == channel:
        return
    _set(txn, group, record, channel, word.me, word.date)
    if record.linked:
        txn.outbox(slot_of(record.linked), pl.UnlinkGroup(record.linked, group, word.me, word.date))


def _unlink(txn: Txn, word: pl.UnlinkGroup, memo: Any) -> None:
    record = txn.get(CHANNELS, word.channel)
    if record is not None and record.linked == word.other:
        _set(txn, word.channel, record, 0, word.me, word.date)


def _deleted(txn: Txn, word: pl.PostDeleted, memo: Any) -> None:
    """The posts are gone: their copies go, the comments stay."""
    roots: list[int] = []
    for root in word.roots:
        thread = txn.get(THREADS, word.group, root)
        if thread is not None and thread.channel == word.channel:
            made = replace(thread, channel=0, post=0)
            txn.put(THREADS, word.group, root, value=made)
            txn.publish(ThreadKnown(word.group, root, made))
            roots.append(root)
    remove(txn, word.group, roots, word.date, None)


def word_date(txn: Txn, channel: int) -> int:
    return eventlog.box_head(txn, channel).date


# -- outbox: the channel's slot -----------------------------------------------------------


def _forwarded(txn: Txn, word: pl.PostForwarded, memo: Any) -> None:
    """How many comments a post has."""
    channel, post = word.channel, word.post
    if txn.get(ROWS, channel, post) is None:
        known = txn.get(THREADS, channel, post)
        if known is not None:
            txn.delete(THREADS, channel, post)
            txn.publish(ThreadKnown(channel, post, None))
        txn.outbox(
            slot_of(word.group), pl.PostDeleted(word.group, channel, (word.root,), word_date(txn, channel))
        )
        return
    there = txn.get(THREADS, channel, post)
    body = txn.get(BODIES, channel, post) if there is None else None
    if body is not None and body.edit_date:
        # edited while it was on its way into the group, when nobody knew yet where its copy would stand
        date = word_date(txn, channel)
        txn.outbox(slot_of(word.group), pl.PostEdited(word.group, channel, post, word.root, body, date))
    known = there or NONE
    made = replace(
        known,
        replies=word.replies,
        max_id=word.max_id,
        recent=word.recent,
        pts=max(known.pts, eventlog.box_head(txn, channel).pts),
        channel=word.group,
        post=word.root,
    )
    txn.put(THREADS, channel, post, value=made)
    txn.publish(ThreadKnown(channel, post, made))
