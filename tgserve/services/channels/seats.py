"""Places in a channel: somebody comes in or goes, is made admin, restricted or removed. Parts of transactions.

A seat is a PARTICIPANTS row in the channel's slot, counted in the channel's record and listed by role; the user's own
slot hears of it by the outbox (JOINED, the chat in his list). Whoever has gone is sent nothing from the next commit on:
`Seat` is published with this one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tgserve.services import archive
from tgserve.services.boxes import NO_DIALOG
from tgserve.services.channels import rights
from tgserve.services.channels.register import Listed, Seat
from tgserve.services.groups.invites import count_request
from tgserve.services.messaging import Origin
from tgserve.store import channel_records as c
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store.keyspaces import (
    ARCHIVED_BY,
    BY_ROLE,
    CHANNEL_MENTIONS,
    DIALOGS,
    IMPORTERS,
    JOINED,
    PARTICIPANTS,
    TOPIC_HEADS,
    UNREAD_REACTIONS,
    USERS,
)
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

NOTHING = b""


@dataclass(slots=True)
class Moving:
    """A call that waits until its user's own list of chats has followed. Travels as memo, in memory only."""

    origin: Origin
    done: asyncio.Future[None]


@dataclass(slots=True, frozen=True)
class Moved:
    """Published with the commit of the user's slot."""

    moving: Moving


def resolve(batch: list[Any]) -> None:
    """Bus subscriber: calls go on."""
    for item in batch:
        if type(item) is Moved and not item.moving.done.done():
            item.moving.done.set_result(None)


def seat_of(txn: Txn, channel: int, user: int, now: int) -> c.Participant | None:
    """The row of a user, with what has run out taken off it."""
    found = txn.get(PARTICIPANTS, channel, user)
    return None if found is None else rights.current(found, now)


def put_seat(
    txn: Txn, channel: int, record: c.Channel, user: int, made: c.Participant, now: int, memo: Any = None
) -> c.Channel:
    """Store somebody's row; returns the channel with its counters as they must be stored after it (not yet put).
    The user's slot and the bus are told; `memo` is the session that did it, or the Moving of a call that waits for its
    own seat."""
    was = txn.get(PARTICIPANTS, channel, user)
    before, after = _roles(was), _roles(made)
    for role in before - after:
        txn.delete(BY_ROLE, channel, role, user)
    for role in after - before:
        txn.put(BY_ROLE, channel, role, user, value=NOTHING)
    txn.put(PARTICIPANTS, channel, user, value=made)
    was_here, is_here = rights.is_member(was), rights.is_member(made)
    record = replace(
        record,
        members=record.members + is_here - was_here,
        admins=record.admins + _counts(after, before, rights.ROLE_ADMIN),
        kicked=record.kicked + _counts(after, before, rights.ROLE_KICKED),
        restricted=record.restricted + _counts(after, before, rights.ROLE_RESTRICTED),
    )
    if was_here != is_here:
        txn.publish(Seat(channel, user, is_here))
        top = txn.get(DIALOGS, channel, channel)
        read_max = top.top_message if top is not None else 0
        word = pl.SeatChanged(user, channel, is_here, now, read_max, record.version + 1)
        txn.outbox(slot_of(user), word, memo)
        if not is_here:
            txn.delete(ARCHIVED_BY, channel, user)
    elif was != made and user > 0:
        txn.outbox(slot_of(user), pl.TellChannelChanged(user, channel, now), memo)
    return record


def _counts(after: set[int], before: set[int], role: int) -> int:
    return (role in after) - (role in before)


def _roles(one: c.Participant | None) -> set[int]:
    if one is None:
        return set()
    if one.state == c.KICKED:
        return {rights.ROLE_KICKED}
    roles: set[int] = set()
    if one.banned:
        roles.add(rights.ROLE_RESTRICTED)
    if one.admin and one.state == c.MEMBER:
        roles.add(rights.ROLE_ADMIN)
    return roles


def joined(record: c.Channel, was: c.Participant | None, inviter: int, now: int, top: int) -> c.Participant:
    """The row of one who comes in; what he was denied stays with him, but for the ban that kept him out."""
    kept = was or c.Participant(now)
    if kept.state == c.KICKED:
        kept = replace(kept, banned=0, until=0, banned_by=0)
    return replace(
        kept,
        date=now,
        inviter=inviter,
        state=c.MEMBER,
        admin=0,
        rank="",
        promoted_by=0,
        hidden_until=top if record.prehistory_hidden else 0,
        next_post=0,
    )


def gone(was: c.Participant, kicked_by: int = 0, until: int = 0) -> c.Participant:
    """The row of one who has left, or was removed by `kicked_by`."""
    made = replace(was, admin=0, rank="", promoted_by=0, anonymous_as=0)
    if not kicked_by:
        return replace(made, state=c.LEFT)
    return replace(made, state=c.KICKED, banned=rights.NO_VIEW, banned_by=kicked_by, until=until)


# -- outbox: the user's own slot -----------------------------------------------------------


def seat_changed(txn: Txn, word: pl.SeatChanged, memo: Any) -> None:
    """`memo`: the Moving of a call that waits, or the session that caused it."""
    user, channel = word.user, word.channel
    origin = memo
    if type(memo) is Moving:
        origin = memo.origin
        txn.publish(Moved(memo))
    dialog = txn.get(DIALOGS, user, channel) or NO_DIALOG
    if word.version <= dialog.left_at:
        return
    txn.publish(Listed(channel, user))
    if word.here:
        txn.put(JOINED, user, channel, value=word.date.to_bytes(4, "big"))
        dialog = replace(
            dialog, hidden=False, left_at=word.version, left_date=0, read_inbox_max=max(word.read_max, 0)
        )
        archive.listen(txn, user, channel, dialog)
    else:
        txn.delete(JOINED, user, channel)
        for key, _ in list(txn.range(CHANNEL_MENTIONS, user, channel)):
            txn.delete(CHANNEL_MENTIONS, *key)
        for key, _ in list(txn.range(UNREAD_REACTIONS, user, channel)):
            txn.delete(UNREAD_REACTIONS, *key)
        for key, _ in list(txn.range(TOPIC_HEADS, user, channel)):
            txn.delete(TOPIC_HEADS, *key)
        dialog = replace(
            dialog,
            hidden=True,
            left_at=word.version,
            left_date=word.date,
            pinned=0,
            unread_mark=False,
            unread_mentions=0,
            unread_reactions=0,
        )
    txn.put(DIALOGS, user, channel, value=dialog)
    eventlog.append(txn, user, ev.ChannelChanged(channel), now=word.date, raises=0, origin=origin)
    account = txn.get(USERS, user)
    if account is not None and account.bot:
        txn.outbox(slot_of(channel), pl.BotSeated(channel, user))


def bot_seated(txn: Txn, word: pl.BotSeated, memo: Any) -> None:
    """Outbox, the channel's slot."""
    if rights.is_member(txn.get(PARTICIPANTS, word.channel, word.user)):
        txn.put(BY_ROLE, word.channel, rights.ROLE_BOT, word.user, value=NOTHING)
    else:
        txn.delete(BY_ROLE, word.channel, rights.ROLE_BOT, word.user)


def tell_inviters(
    txn: Txn, channel: int, record: c.Channel, now: int, origin: Origin = None, me: int = 0
) -> None:
    """Those who answer requests to come in hear that there is one more, or one less."""
    for key, _ in txn.range(BY_ROLE, channel, rights.ROLE_ADMIN):
        user = key[2]
        if rights.has(record, user, txn.get(PARTICIPANTS, channel, user), rights.INVITE):
            word = pl.TellChannelRequests(user, channel, now)
            txn.outbox(slot_of(user), word, origin if user == me else None)


def drop_request(txn: Txn, channel: int, record: c.Channel, user: int, now: int) -> c.Channel:
    """Whatever `user` has asked for is over: he comes in, or may not any more. The record is not put yet."""
    asked = txn.get(IMPORTERS, channel, user)
    if asked is None or not asked.requested:
        return record
    txn.delete(IMPORTERS, channel, user)
    count_request(txn, channel, asked.hash, -1)
    record = replace(record, pending=max(record.pending - 1, 0))
    tell_inviters(txn, channel, record, now)
    return record


def requests_changed(txn: Txn, word: pl.TellChannelRequests, origin: Any) -> None:
    if txn.get(JOINED, word.user, word.channel) is not None:
        event = ev.ChannelRequests(word.channel)
        eventlog.append(txn, word.user, event, now=word.date, raises=0, origin=origin)


def tell(txn: Txn, word: pl.TellChannelChanged, origin: Any) -> None:
    eventlog.append(txn, word.user, ev.ChannelChanged(word.channel), now=word.date, raises=0, origin=origin)
