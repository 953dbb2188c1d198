"""The chat list and what is set on its lines: pins, unread marks, drafts, the bar of a new chat."""

from __future__ import annotations

from typing import Any

from tgserve import errors, limits
from tgserve.api.messages.drafting import reply_to
from tgserve.api.messages.entities import compose
from tgserve.render import dialogs as render
from tgserve.render import topics
from tgserve.render import user as render_user
from tgserve.render.chat import chats
from tgserve.render.message import entities_of
from tgserve.render.peers import dialog_peer
from tgserve.render.peers import peer as peer_object
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels.register import is_channel
from tgserve.services.dialogs import Place
from tgserve.services.messaging import ReplyTo
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

MAIN, ARCHIVE = 0, 1


def _folder(number: int | None) -> int:
    if number not in (None, MAIN, ARCHIVE):
        raise errors.FOLDER_ID_INVALID()
    return number or MAIN


def _of_dialog(call: Call, named: t.AnyInputDialogPeer) -> int:
    """The peer of an InputDialogPeer. PEER_ID_INVALID for folders and communities: those are no chats."""
    if not isinstance(named, t.InputDialogPeer):
        raise errors.PEER_ID_INVALID()
    return peers.resolve(call, named.peer)


@rpc(messages.GetDialogs)
async def get_dialogs(call: Call, request: messages.GetDialogs) -> t.AnyMessagesDialogs:
    folder = None if request.folder_id is None else _folder(request.folder_id)
    if request.limit < 0:
        raise errors.LIMIT_INVALID()
    below = peers.position(call, request.offset_peer)
    place = Place(max(request.offset_date, 0), max(request.offset_id, 0), below)
    found = call.services.dialogs.page(
        call.me,
        place,
        min(request.limit, limits.DIALOGS_PER_CALL),
        exclude_pinned=request.exclude_pinned,
        folder=folder,
    )
    lines = [render.dialog(chat) for chat in found.chats]
    who = render.people_of(call.services, call.me, found.chats)
    groups = render.groups_of(call.services, call.me, found.chats)
    if found.whole:
        return t.MessagesDialogs(
            dialogs=lines, messages=render.tops(call.services, found.chats), chats=groups, users=who
        )
    return t.MessagesDialogsSlice(
        count=found.count,
        dialogs=lines,
        messages=render.tops(call.services, found.chats),
        chats=groups,
        users=who,
    )


@rpc(messages.GetPinnedDialogs)
async def get_pinned_dialogs(call: Call, request: messages.GetPinnedDialogs) -> t.AnyMessagesPeerDialogs:
    folder = _folder(request.folder_id)
    found = call.services.dialogs.pinned(call.me, folder)
    archive = []
    if folder == MAIN:
        archive = call.services.dialogs.page(call.me, Place(), limits.DIALOGS_PER_CALL, folder=ARCHIVE).chats
    # here and not in getDialogs, where Telethon would stumble over it
    answer = render.peer_dialogs(call.services, call.me, archive[:1] + found)
    answer.dialogs[: len(archive[:1])] = render.archive(archive, call.now)
    return answer


@rpc(messages.GetPeerDialogs)
async def get_peer_dialogs(call: Call, request: messages.GetPeerDialogs) -> t.AnyMessagesPeerDialogs:
    """A line for every chat asked, with or without messages: clients cannot open a chat otherwise."""
    if len(request.peers) > limits.DIALOGS_PER_CALL:
        raise errors.LIMIT_INVALID()
    named = [_of_dialog(call, one) for one in request.peers if not isinstance(one, t.InputDialogPeerFolder)]
    return render.peer_dialogs(call.services, call.me, call.services.dialogs.of_peers(call.me, named))


@rpc(messages.ToggleDialogPin)
async def toggle_dialog_pin(call: Call, request: messages.ToggleDialogPin) -> bool:
    await call.services.dialogs.pin(
        call.me, _of_dialog(call, request.peer), request.pinned, origin=call.session
    )
    return True


@rpc(messages.ReorderPinnedDialogs)
async def reorder_pinned_dialogs(call: Call, request: messages.ReorderPinnedDialogs) -> bool:
    if len(request.order) > limits.DIALOGS_PER_CALL:
        raise errors.PINNED_DIALOGS_TOO_MUCH()
    order = [_of_dialog(call, one) for one in request.order]
    await call.services.dialogs.reorder_pinned(
        call.me, order, force=request.force, folder=_folder(request.folder_id), origin=call.session
    )
    return True


@rpc(messages.MarkDialogUnread)
async def mark_dialog_unread(call: Call, request: messages.MarkDialogUnread) -> bool:
    await call.services.dialogs.mark_unread(
        call.me, _of_dialog(call, request.peer), request.unread, origin=call.session
    )
    return True


@rpc(messages.GetDialogUnreadMarks)
async def get_dialog_unread_marks(
    call: Call, request: messages.GetDialogUnreadMarks
) -> list[t.AnyDialogPeer]:
    return [dialog_peer(peer) for peer in call.services.dialogs.unread_marked(call.me)]


@rpc(messages.GetPeerSettings)
async def get_peer_settings(call: Call, request: messages.GetPeerSettings) -> t.AnyMessagesPeerSettings:
    peer = peers.resolve(call, request.peer)
    settings = render_user.settings(call.services, call.me, peer) if peer > 0 else t.PeerSettings()
    groups = chats(call.services, call.me, (peer,))
    return t.MessagesPeerSettings(
        settings=settings, chats=groups, users=users(call.services, call.me, (peer,))
    )


@rpc(messages.HidePeerSettingsBar)
async def hide_peer_settings_bar(call: Call, request: messages.HidePeerSettingsBar) -> bool:
    await call.services.dialogs.hide_settings(call.me, peers.resolve(call, request.peer), origin=call.session)
    return True


@rpc(messages.SaveDraft, flood=per_minute(600))
async def save_draft(call: Call, request: messages.SaveDraft) -> bool:
    """What is being written, on all devices of its writer, with the link preview chosen for it. Other media are not
    kept: it may be sent without."""
    peer = peers.resolve(call, request.peer)
    text = compose(call, request.message, request.entities, links=False)
    reply = reply_to(call, peer, request.reply_to)
    kept: Any = b""
    topic = draft_topic(call, peer, reply)
    if reply is not None and not reply.foreign and reply.msg_id in (0, topic):
        reply = None  # it only says in which topic
    page = request.media if isinstance(request.media, t.InputMediaWebPage) else None
    if page is not None and not 0 < len(page.url) <= limits.URL_CHARS:
        page = None
    if text.text or reply is not None:
        kept = layers.encode(
            t.DraftMessage(
                no_webpage=request.no_webpage,
                invert_media=request.invert_media,
                reply_to=request.reply_to if reply is not None else None,
                message=text.text.decode(),
                entities=entities_of(text.entities) or None,
                media=page,
                date=call.now,
            )
        )
    if topic:
        await call.services.channels.thread_reading.save_draft(
            call.me, peer, topic, kept, layers.CURRENT, origin=call.session
        )
        return True
    await call.services.dialogs.save_draft(call.me, peer, kept, layers.CURRENT, origin=call.session)
    return True


def draft_topic(call: Call, peer: int, reply: ReplyTo | None) -> int:
    """The topic of a forum that a draft is for; 0 for the chat."""
    if reply is None or not is_channel(peer):
        return 0
    record = call.services.channels.register.get_or_none(peer)
    asked = reply.top or reply.msg_id
    if record is None or not record.forum or not asked:
        return 0
    found = call.services.channels.thread_reading.some(call.me, peer, [asked])[0]
    return asked if found is not None else 0


@rpc(messages.GetAllDrafts)
async def get_all_drafts(call: Call, request: messages.GetAllDrafts) -> t.AnyUpdates:
    found = call.services.dialogs.drafts(call.me)
    updates: list[t.AnyUpdate] = [
        t.UpdateDraftMessage(peer=peer_object(peer), draft=render.draft(dialog)) for peer, dialog in found
    ]
    who = [peer for peer, _ in found]
    for channel, topic, head in call.services.channels.threads.drafts(call.me):
        written = topics.draft(head)
        updates.append(t.UpdateDraftMessage(peer=peer_object(channel), top_msg_id=topic, draft=written))
        who.append(channel)
    return t.Updates(
        updates=updates,
        users=users(call.services, call.me, who),
        chats=chats(call.services, call.me, who),
        date=call.now,
        seq=0,
    )


@rpc(messages.ClearAllDrafts)
async def clear_all_drafts(call: Call, request: messages.ClearAllDrafts) -> bool:
    await call.services.dialogs.clear_drafts(call.me, origin=call.session)
    return True
