"""Lines of the chat list, drafts, and the notify settings of a chat, as TL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tgserve.render.message import message
from tgserve.render.peers import peer
from tgserve.render.user import users
from tgserve.services import Services
from tgserve.services.dialogs import Chat
from tgserve.services.updates import State
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import raw


def stored(data: bytes, layer: int) -> Any:
    """A boxed object as it was stored in the words of `layer`."""
    if layer != layers.CURRENT:
        return layers.decode(data)
    return raw(data, layers.CURRENT)


def notify_settings(dialog: r.Dialog) -> Any:
    """The chat's own peerNotifySettings; empty when it follows the defaults."""
    return stored(dialog.notify, dialog.notify_layer) if dialog.notify else t.PeerNotifySettings()


def draft(dialog: r.Dialog) -> Any:
    """The chat's draft; draftMessageEmpty with the date it went."""
    if dialog.draft:
        return stored(dialog.draft, dialog.draft_layer)
    return t.DraftMessageEmpty(date=dialog.draft_date or None)


def dialog(chat: Chat) -> t.AnyDialog:
    """One line. `pts` is for channels alone: clients refuse the whole list when a user or group carries it."""
    head = chat.dialog
    return t.Dialog(
        pinned=bool(head.pinned),
        unread_mark=head.unread_mark,
        peer=peer(chat.peer),
        top_message=head.top_message if chat.top is not None else 0,
        read_inbox_max_id=head.read_inbox_max,
        read_outbox_max_id=head.read_outbox_max,
        unread_count=head.unread_count,
        unread_mentions_count=head.unread_mentions,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        notify_settings=notify_settings(head),
        draft=draft(head) if head.draft else None,
        folder_id=head.folder or None,
        ttl_period=head.ttl_period or None,
    )


def archive(chats: list[Chat], now: int) -> list[t.AnyDialog]:
    """The line that stands for the archive above the list, for these archived chats, the newest first; none for none."""
    if not chats:
        return []
    unread = [(chat.dialog.unread_count, _muted(chat.dialog, now)) for chat in chats]
    muted = [count for count, quiet in unread if count and quiet]
    loud = [count for count, quiet in unread if count and not quiet]
    return [
        t.DialogFolder(
            pinned=True,
            folder=t.Folder(id=1, title="Archived Chats"),
            peer=peer(chats[0].peer),
            top_message=chats[0].top.msg_id if chats[0].top is not None else 0,
            unread_muted_peers_count=len(muted),
            unread_unmuted_peers_count=len(loud),
            unread_muted_messages_count=sum(muted),
            unread_unmuted_messages_count=sum(loud),
        )
    ]


def _muted(head: r.Dialog, now: int) -> bool:
    settings = layers.decode(head.notify) if head.notify else None
    return isinstance(settings, t.PeerNotifySettings) and (settings.mute_until or 0) > now


def tops(chats: Iterable[Chat]) -> list[Any]:
    """The newest messages of these chats."""
    return [message(chat.top) for chat in chats if chat.top is not None]


def people_of(services: Services, me: int, chats: Iterable[Chat]) -> list[Any]:
    """Everybody these lines speak of, and oneself."""
    ids: dict[int, None] = {me: None}
    for chat in chats:
        if chat.peer > 0:
            ids[chat.peer] = None
        if chat.top is not None:
            ids[chat.top.body.author] = None
            ids.update(dict.fromkeys(chat.top.body.users))
    return users(services, me, ids)


def state(of: State) -> t.UpdatesState:
    return t.UpdatesState(pts=of.pts, qts=of.qts, date=of.date, seq=0, unread_count=of.unread)


def peer_dialogs(services: Services, me: int, chats: list[Chat]) -> t.MessagesPeerDialogs:
    return t.MessagesPeerDialogs(
        dialogs=[dialog(chat) for chat in chats],
        messages=tops(chats),
        chats=[],
        users=people_of(services, me, chats),
        state=state(services.updates.state(me)),
    )
