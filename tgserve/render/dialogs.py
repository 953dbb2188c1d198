"""Lines of the chat list, drafts, and the notify settings of a chat, as TL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tgserve.render.chat import chats as groups
from tgserve.render.message import message, people
from tgserve.render.peers import peer
from tgserve.render.stored import notify_settings, stored
from tgserve.render.user import users
from tgserve.services import Services
from tgserve.services.dialogs import Chat
from tgserve.services.updates import State
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t


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
        unread_reactions_count=head.unread_reactions,
        unread_poll_votes_count=0,
        notify_settings=notify_settings(head),
        draft=draft(head) if head.draft else None,
        folder_id=head.folder or None,
        ttl_period=head.ttl_period or None,
        pts=chat.pts or None,
        view_forum_as_messages=chat.as_messages,
    )


def archive(chats: list[Chat], now: int) -> list[t.AnyDialog]:
    """The line that stands for the archive above the list, the newest of them first."""
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


def tops(services: Services, chats: Iterable[Chat]) -> list[Any]:
    """The newest messages of these chats."""
    return [message(services, chat.top) for chat in chats if chat.top is not None]


def _named(services: Services, me: int, chats: Iterable[Chat]) -> dict[int, None]:
    ids: dict[int, None] = {me: None}
    for chat in chats:
        ids[chat.peer] = None
        if chat.top is not None:
            ids.update(people((chat.top,), services))
    return ids


def people_of(services: Services, me: int, chats: Iterable[Chat]) -> list[Any]:
    """Everybody these lines speak of, and oneself."""
    return users(services, me, _named(services, me, chats))


def groups_of(services: Services, me: int, chats: Iterable[Chat]) -> list[Any]:
    """The groups these lines speak of."""
    return groups(services, me, _named(services, me, chats))


def state(of: State) -> t.UpdatesState:
    return t.UpdatesState(pts=of.pts, qts=of.qts, date=of.date, seq=0, unread_count=of.unread)


def peer_dialogs(services: Services, me: int, chats: list[Chat]) -> t.MessagesPeerDialogs:
    return t.MessagesPeerDialogs(
        dialogs=[dialog(chat) for chat in chats],
        messages=tops(services, chats),
        chats=groups_of(services, me, chats),
        users=people_of(services, me, chats),
        state=state(services.updates.state(me)),
    )
