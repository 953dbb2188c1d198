"""When an archived chat comes back by itself: with a new message, unless it is silent or its owner keeps it there.

Asked inside the transaction that delivers the message, and only for chats that are archived.
"""

from __future__ import annotations

from msgspec.structs import replace

from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.keyspaces import FOLDERS, USER_SETTINGS
from tgserve.store.transaction import Txn

MUTED = "muted:"
"""With a kind of chats (users, chats) the name of a setting: until when those are silent that have no own setting."""
KEEP = "archive_keep"
"""Name of the setting: `all` archived chats stay where they are, or those that are in `folders`; not set: none."""


def woken(txn: Txn, user: int, peer: int, dialog: r.Dialog, now: int) -> r.Dialog:
    """The head of an archived chat that gets a message: taken out of the archive when it may be."""
    if _silent(txn, user, peer, dialog, now) or _kept(txn, user, peer):
        return dialog
    eventlog.append(txn, user, ev.Archived((peer,), 0), now=now)
    return replace(dialog, folder=0, pinned=0)


def _silent(txn: Txn, user: int, peer: int, dialog: r.Dialog, now: int) -> bool:
    until = dialog.muted_until
    if until < 0:
        kind = "users" if peer > 0 else "chats"
        stored = txn.get(USER_SETTINGS, user, MUTED + kind)
        until = int(stored) if stored else 0
    return until > now


def _kept(txn: Txn, user: int, peer: int) -> bool:
    wish = txn.get(USER_SETTINGS, user, KEEP)
    if wish == b"folders":
        folders = txn.get(FOLDERS, user)
        return folders is not None and any(peer in one.peers for one in folders.items)
    return wish == b"all"
