"""When an archived chat comes back by itself: with a new message, unless it is silent or its owner keeps it there.

Asked inside the transaction that delivers the message, and only for chats that are archived. A post in a channel is
delivered to nobody's slot: the channel keeps a list of those who have it in their archives and might be woken
(ARCHIVED_BY), a post takes them off it and asks the slot of each; what changes their minds puts them on it again. So a
post costs what was archived since the one before.
"""

from __future__ import annotations

from msgspec.structs import replace

from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import ARCHIVED_BY, DIALOGS, FOLDERS, USER_SETTINGS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

MUTED = "muted:"
"""With a kind of chats (users, chats) the name of a setting: until when those are silent that have no own setting."""
KEEP = "archive_keep"
"""Name of the setting: `all` archived chats stay where they are, or those that are in `folders`; not set: none."""


SLICE = 200
"""Users told of a post by one transaction."""
FOR_EVER = 2**31 - 1


def woken(txn: Txn, user: int, peer: int, dialog: r.Dialog, now: int, kind: str = "") -> r.Dialog:
    """The head of an archived chat that gets a message: taken out of the archive when it may be. `kind`: of the chat,
    where its number does not say it."""
    kind = kind or ("users" if peer > 0 else "chats")
    if quiet_until(txn, user, kind, dialog) > now or _kept(txn, user, peer):
        return dialog
    eventlog.append(txn, user, ev.Archived((peer,), 0), now=now)
    return replace(dialog, folder=0, pinned=0)


def quiet_until(reader: Reader, user: int, kind: str, dialog: r.Dialog) -> int:
    """Unix seconds until when a chat makes no sound for somebody."""
    until = dialog.muted_until
    if until < 0:
        stored = reader.get(USER_SETTINGS, user, MUTED + kind)
        until = int(stored) if stored else 0
    return until


def _kept(txn: Txn, user: int, peer: int) -> bool:
    wish = txn.get(USER_SETTINGS, user, KEEP)
    if wish == b"folders":
        folders = txn.get(FOLDERS, user)
        return folders is not None and any(peer in one.peers for one in folders.items)
    return wish == b"all"


# -- channels: the user's slot -----------------------------------------------------------


def listen(txn: Txn, user: int, peer: int, dialog: r.Dialog) -> None:
    """The chat was archived, or what keeps it there has changed: posts of a channel are to ask again."""
    if peer <= -CHANNEL_BASE and dialog.folder and not dialog.hidden:
        txn.outbox(slot_of(peer), pl.AwaitPost(peer, user))


def listen_again(txn: Txn, user: int) -> None:
    """What keeps chats in the archive has changed for all of them."""
    for key, dialog in txn.range(DIALOGS, user, hi=-CHANNEL_BASE):
        listen(txn, user, key[1], dialog)


def told(txn: Txn, word: pl.WakeArchived, memo: object) -> None:
    """Outbox: a channel has a new post."""
    user, channel, now = word.user, word.channel, word.date
    dialog = txn.get(DIALOGS, user, channel)
    if dialog is None or not dialog.folder or dialog.hidden:
        return
    made = woken(txn, user, channel, dialog, now, word.kind)
    if made != dialog:
        txn.put(DIALOGS, user, channel, value=made)
        return
    until = quiet_until(txn, user, word.kind, dialog)
    if now < until < FOR_EVER:
        txn.outbox(slot_of(channel), pl.AwaitPost(channel, user, until))


# -- channels: the channel's slot -----------------------------------------------------------


def awaited(txn: Txn, word: pl.AwaitPost, memo: object) -> None:
    """Outbox: somebody has the channel in his archive. The head of the channel's box says that there is somebody, so
    that other posts need not look."""
    head = txn.get(DIALOGS, word.channel, word.channel) or r.Dialog()
    if not head.folder:
        txn.put(DIALOGS, word.channel, word.channel, value=replace(head, folder=1))
    txn.put(ARCHIVED_BY, word.channel, word.user, value=word.quiet_until.to_bytes(4, "big"))


def posted(txn: Txn, channel: int, kind: str, author: int, now: int, after: int = -1) -> None:
    """There is a new post: those who have the channel in their archives are asked, SLICE in one transaction."""
    seen = stay = 0
    for key, quiet in list(txn.range(ARCHIVED_BY, channel, lo=after + 1, limit=SLICE)):
        seen, after = seen + 1, key[1]
        if after == author or int.from_bytes(quiet, "big") > now:
            stay += 1
            continue
        txn.delete(ARCHIVED_BY, channel, after)
        txn.outbox(slot_of(after), pl.WakeArchived(after, channel, kind, now))
    if seen == SLICE:
        txn.outbox(txn.slot, pl.WakeNext(channel, after, kind, author, now))
    elif not stay and txn.first(ARCHIVED_BY, channel) is None:
        head = txn.get(DIALOGS, channel, channel)
        if head is not None and head.folder:
            txn.put(DIALOGS, channel, channel, value=replace(head, folder=0))


def next_ones(txn: Txn, word: pl.WakeNext, memo: object) -> None:
    """Outbox: the next slice of them."""
    posted(txn, word.channel, word.kind, word.author, word.date, word.after)
