"""Reactions in supergroups that wait to be seen by who wrote the message.

The message and what was seen of it stand in the group's slot, the author's marks and their count in his own: the group
tells him when the first one comes and when none waits any more, he tells it what he has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from tgserve.services.boxes import NO_DIALOG
from tgserve.services.messaging import Origin
from tgserve.services.reactions import tally
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import BODIES, DIALOGS, JOINED, UNREAD_REACTIONS
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn


def changed(txn: Txn, channel: int, msg_id: int, waited: bool, body: r.Body) -> None:
    """After the reactions to a message have changed; `waited`: was there one to see before?"""
    if body.author <= 0:
        return
    waits = tally.unseen(txn, channel, msg_id, body)
    if waits != waited:
        txn.outbox(slot_of(body.author), pl.ChannelReacted(body.author, channel, msg_id, waits))


def see(txn: Txn, me: int, channel: int, msg_ids: Sequence[int], now: int, origin: Origin) -> None:
    """The author's slot: he has seen what waits at these messages of his."""
    for msg_id in msg_ids:
        txn.delete(UNREAD_REACTIONS, me, channel, msg_id)
    if msg_ids:
        dialog = txn.get(DIALOGS, me, channel) or NO_DIALOG
        left = dialog.unread_reactions - len(msg_ids)
        txn.put(DIALOGS, me, channel, value=replace(dialog, unread_reactions=left))
        txn.outbox(slot_of(channel), pl.ChannelReactionsSeen(me, channel, tuple(msg_ids)))
        event = ev.ChannelContentsRead(channel, tuple(msg_ids))
        eventlog.append(txn, me, event, now=now, raises=0, origin=origin)


def waiting(txn: Txn, word: pl.ChannelReacted, memo: Any) -> None:
    """Outbox, the author's slot."""
    user, channel, msg_id = word.user, word.channel, word.msg_id
    known = txn.get(UNREAD_REACTIONS, user, channel, msg_id) is not None
    if known == word.waits or txn.get(JOINED, user, channel) is None:
        return
    if word.waits:
        txn.put(UNREAD_REACTIONS, user, channel, msg_id, value=b"")
    else:
        txn.delete(UNREAD_REACTIONS, user, channel, msg_id)
    dialog = txn.get(DIALOGS, user, channel) or NO_DIALOG
    count = dialog.unread_reactions + (1 if word.waits else -1)
    txn.put(DIALOGS, user, channel, value=replace(dialog, unread_reactions=count))


def seen(txn: Txn, word: pl.ChannelReactionsSeen, memo: Any) -> None:
    """Outbox, the group's slot. He is told that nothing waits, in case more came while the word was on its way."""
    for msg_id in word.msg_ids:
        body = txn.get(BODIES, word.channel, msg_id)
        if body is None or body.author != word.user or body.reactions is None:
            continue
        made = replace(body, reactions=replace(body.reactions, seen=body.reactions.number))
        txn.put(BODIES, word.channel, msg_id, value=made)
        txn.outbox(slot_of(word.user), pl.ChannelReacted(word.user, word.channel, msg_id, waits=False))
