"""Editing a sent message: the body changes in place, every box that holds it hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services import boxes
from tgserve.services.boxes import View
from tgserve.services.files import holding
from tgserve.services.groups import rights
from tgserve.services.groups.roster import Rosters
from tgserve.services.messaging import Origin
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import BODIES, DIALOGS, ROWS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn


@dataclass(slots=True, frozen=True)
class Change:
    """New text and entities, and new media where `media` is not None; other parts of the message stay. Fields as in
    messaging.Draft; `quiet`: nobody is told that it was edited (a live location moves)."""

    text: bytes
    entities: bytes = b""
    layer: int = 0
    min_layer: int = 0
    users: tuple[int, ...] = ()
    invert_media: bool = False
    media: bytes | None = None
    files: tuple[tuple[int, int, int], ...] = ()
    quiet: bool = False


@dataclass(slots=True, frozen=True)
class Edited:
    view: View
    pts: int
    date: int


class Elsewhere(Protocol):
    """Whoever edits in channels (services/channels/changing.py)."""

    def edit(
        self, me: int, channel: int, msg_id: int, change: Change, *, origin: Origin = None
    ) -> Commit[Edited]: ...

    def check_editable(self, me: int, channel: int, msg_id: int) -> View: ...


class Editing:
    """Only the author edits, and not for ever."""

    def __init__(self, store: Store, clock: Clock, rosters: Rosters) -> None:
        self._store = store
        self._clock = clock
        self._rosters = rosters
        self.channels: Elsewhere | None = None
        self.right_for: Callable[[bytes], int] = lambda media: rights.MEDIA
        """As in Messaging."""
        store.on_outbox(pl.DeliverEdit, deliver_edit)

    def edit(
        self, me: int, peer: int, msg_id: int, change: Change, *, origin: Origin = None
    ) -> Commit[Edited]:
        """The commit raises MESSAGE_ID_INVALID, MESSAGE_AUTHOR_REQUIRED, MESSAGE_EDIT_TIME_EXPIRED,
        MESSAGE_NOT_MODIFIED. In groups: CHAT_ID_INVALID, CHAT_FORBIDDEN, and what keeps one from sending it so:
        CHAT_WRITE_FORBIDDEN, CHAT_SEND_..._FORBIDDEN."""
        if self.channels is not None and peer <= -r.CHANNEL_BASE:
            return self.channels.edit(me, peer, msg_id, change, origin=origin)
        now = int(self._clock.now())
        roster = self._rosters.of_member(me, peer) if peer < 0 else None

        def work(txn: Txn) -> Edited:
            row, body = editable(txn, me, peer, msg_id, now, late=change.quiet)
            if roster is not None and not change.quiet and not rights.is_admin(roster, me):
                for right in needed(self.right_for, body, change) or (0,):
                    refusal = rights.refusal_or_none(roster.group.banned, right)
                    if refusal is not None:
                        raise refusal()
            body = changed(txn, body, change, now)
            txn.put(BODIES, me, msg_id, value=body)
            view = View(me, msg_id, row, body, boxes.reply_id(txn, me, body))
            published = eventlog.append(txn, me, ev.EditMessage(msg_id), now=now, memo=view, origin=origin)
            if roster is not None:
                version = roster.group.version
                for other in roster.others(me):
                    txn.outbox(slot_of(other), pl.DeliverEdit(other, me, msg_id, now, version), body)
            elif peer != me:
                txn.outbox(slot_of(peer), pl.DeliverEdit(peer, me, msg_id, now), body)
            return Edited(view, published.pts, now)

        return self._store.transact(slot_of(me), work)

    def check_editable(self, me: int, peer: int, msg_id: int, *, late: bool = False) -> View:
        """The message, if `me` may edit it now; raises as `edit`. `late`: however old it is."""
        if self.channels is not None and peer <= -r.CHANNEL_BASE:
            return self.channels.check_editable(me, peer, msg_id)
        with self._store.read(slot_of(me)) as reader:
            row, body = editable(reader, me, peer, msg_id, int(self._clock.now()), late=late)
            return View(me, msg_id, row, body)


def needed(right_for: Callable[[bytes], int], body: r.Body, change: Change) -> tuple[int, ...]:
    """The right (groups.rights) that a member needs for this change beside that to write: the one for new media, or for
    plain text; none for another caption."""
    media = body.media if change.media is None else change.media
    right = right_for(media) if media else rights.PLAIN
    return (right,) if change.media or right == rights.PLAIN else ()


def changed(txn: Txn, body: r.Body, change: Change, now: int) -> r.Body:
    """The body after an edit, with its files counted. MESSAGE_NOT_MODIFIED, MESSAGE_EMPTY."""
    media, files = body.media, body.files
    if change.media is not None:
        media, files = change.media, change.files
    after = (change.text, change.entities, change.invert_media, media, files)
    if after == (body.text, body.entities, body.invert_media, body.media, body.files):
        raise errors.MESSAGE_NOT_MODIFIED()
    if not change.text and not media:
        raise errors.MESSAGE_EMPTY()
    rich = bool((media and change.media is None) or body.fwd)
    made = replace(
        body,
        text=change.text,
        entities=change.entities,
        layer=change.layer,
        min_layer=max(change.min_layer, body.min_layer if rich else 0),
        users=tuple(dict.fromkeys((*change.users, *(body.users if rich else ())))),
        invert_media=change.invert_media,
        media=media,
        files=files,
        edit_date=now,
        edit_hide=change.quiet and (body.edit_hide or not body.edit_date),
    )
    if made.files != body.files:
        holding.hold_body(txn, made)
        holding.drop_body(txn, body)
    return made


def editable(
    reader: Reader, me: int, peer: int, msg_id: int, now: int, *, late: bool = False
) -> tuple[r.Row, r.Body]:
    """Row and body of a message that `me` may edit."""
    row = reader.get(ROWS, me, msg_id)
    if row is None or row.peer != peer:
        raise errors.MESSAGE_ID_INVALID()
    body = reader.get(BODIES, me, msg_id) if row.author == me else None
    if body is None or body.author != me or body.fwd or body.via_bot:
        raise errors.MESSAGE_AUTHOR_REQUIRED()
    if body.action:
        raise errors.MESSAGE_ID_INVALID()
    if peer != me and not late and now - body.date > limits.EDIT_SECONDS:
        raise errors.MESSAGE_EDIT_TIME_EXPIRED()
    return row, body


def deliver_edit(txn: Txn, edit: pl.DeliverEdit, body: r.Body | None) -> None:
    """Outbox: a message in `user`'s box was edited by its author."""
    msg_id = boxes.own_id(txn, edit.user, edit.author, edit.author_msg_id)
    row = txn.get(ROWS, edit.user, msg_id) if msg_id else None
    if row is None:
        return
    if edit.version:
        dialog = txn.get(DIALOGS, edit.user, row.peer)
        if dialog is not None and edit.version <= dialog.left_at:
            return
    view = None
    if body is None and edit.user < 0:
        # by it a channel's crowd knows whom to tell in his own form
        body = txn.get(BODIES, edit.user, msg_id)
    if body is not None:
        view = View(edit.user, msg_id, row, body, boxes.reply_id(txn, edit.user, body))
    eventlog.append(txn, edit.user, ev.EditMessage(msg_id), now=edit.date, memo=view)
