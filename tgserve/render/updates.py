"""What a committed event, or something fleeting, looks like to one viewer: the live push and the difference.

`draw` gives a whole Updates for a push, or None when there is nothing to say any more. seq is always 0: private boxes
have none. Every event kind of store/records.py has a line in _DRAWN (a test asserts it).
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from tgserve.render import chat as render_chat
from tgserve.render import dialogs as render_dialogs
from tgserve.render import folders as render_folders
from tgserve.render import polls as render_polls
from tgserve.render import privacy as render_privacy
from tgserve.render import reactions as render_reactions
from tgserve.render import scenes as render_scenes
from tgserve.render import stickers as render_stickers
from tgserve.render import topics as render_topics
from tgserve.render import user as render_user
from tgserve.render.channel import banned_rights, channel_id
from tgserve.render.message import MESSAGE_LAYER, NUMBER_AT, message, people, plain_bytes
from tgserve.render.peers import dialog_peer, peer
from tgserve.render.stored import notify_settings
from tgserve.services import Services
from tgserve.services.boxes import Letter, View
from tgserve.services.bus import (
    ChannelPollNews,
    Ephemeral,
    HistoryCleared,
    PollNews,
    PostsCounted,
    RecentReactions,
    Typing,
)
from tgserve.services.channels import rights as channel_rights
from tgserve.services.groups import rights
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw, raw

RECENT_REQUESTERS = 5
_UPDATES = Struct("<IIi").pack  # updates, vector, count
_INT = Struct("<i").pack
_TWO_INTS = Struct("<ii").pack
_MIDDLE = Struct("<iiIi").pack  # pts, pts_count, vector, count
_VECTOR = Struct("<Ii").pack
_ID = Struct("<I").pack
_NEW_MESSAGE = _ID(t.UpdateNewMessage.ID)
_EDIT_MESSAGE = _ID(t.UpdateEditMessage.ID)
_VECTOR_ID = 0x1CB5C415
_HEAD_ONE = _UPDATES(t.Updates.ID, _VECTOR_ID, 1)
_NEW_ONE = _HEAD_ONE + _NEW_MESSAGE
_NO_CHATS = _VECTOR(_VECTOR_ID, 0)
_CHATS_ONE = _VECTOR(_VECTOR_ID, 1)
_USERS_ONE = _VECTOR(_VECTOR_ID, 1)


def draw(services: Services, published: Published, viewer: int) -> t.AnyUpdates | None:
    """The Updates that tells `viewer` (whose box it is) of a published event."""
    event: Any = published.event
    kind = type(event)
    if kind is ev.NewMessage or kind is ev.EditMessage:
        view: View | None = published.memo
        if view is not None and kind is ev.NewMessage:
            made: Any = None
            if view.letter is not None:
                made = _lettered(services, view, view.letter, published.pts, published.date)
            elif view.row.peer > 0:
                made = _plain(services, view, published.pts, published.date)
            if made is not None:
                return made  # type: ignore[no-any-return]  # a Raw
        if view is None:
            view = services.history.message_or_none(viewer, event.msg_id)
        elif kind is ev.EditMessage:
            view = services.reactions.newest(view)
        if view is None:
            return _gone(published)
        if view.row.peer < 0 and view.body.action:
            return _deed(services, published, view)
        head = _NEW_MESSAGE if kind is ev.NewMessage else _EDIT_MESSAGE
        update: t.AnyUpdates = message_update(
            services, head, view, published.pts, published.pts_count, published.date
        )
        return update
    if kind is ev.ReactionsChanged and published.memo is not None:
        drawn, who = (
            render_reactions.update(services, published.memo),
            tuple(people((published.memo,), services)),
        )
    else:
        drawn, who = draw_event(services, event, viewer, published.pts, published.pts_count)
    return t.Updates(
        updates=[drawn] if drawn is not None else [],
        users=render_user.users(services, viewer, who),
        chats=render_chat.chats(services, viewer, who),
        date=published.date,
        seq=0,
    )


def _deed(services: Services, published: Published, view: View) -> t.AnyUpdates:
    """A service message of a group, with the members as they are now: clients would show their old list otherwise."""
    update = t.UpdateNewMessage(
        message=message(services, view), pts=published.pts, pts_count=published.pts_count
    )
    updates: list[Any] = [update]
    named = people((view,), services)
    roster = services.groups.rosters.get_or_none(view.row.peer)
    if roster is not None and roster.has(view.owner):
        members = render_chat.participants(roster, view.owner)
        updates.insert(0, t.UpdateChatParticipants(participants=members))
        named.update(dict.fromkeys(roster.here))
    return t.Updates(
        updates=updates,
        users=render_user.users(services, view.owner, named),
        chats=render_chat.chats(services, view.owner, named),
        date=published.date,
        seq=0,
    )


def message_update(services: Services, head: bytes, view: View, pts: int, count: int, date: int) -> Any:
    """updates{one message update, its people}, joined from bytes."""
    told = message(services, view)
    lowest = told.min_layer
    drawn: list[Any] = []
    chats: list[Any] = []
    for user_id in people((view,), services):
        if user_id < 0:
            chat = render_chat.chat(services, view.owner, user_id)
            if type(chat) is t.ChatEmpty:
                continue
            if type(chat) is not Raw:  # a channel, or a group that has become one
                chat = layers.drawn(chat)
            chats.append(chat)
            if chat.min_layer > lowest:
                lowest = chat.min_layer
        elif user_id != view.owner:
            blob = render_user.user(services, view.owner, user_id)
            if type(blob) is t.UserEmpty:
                blob = raw(layers.encode(blob), 0)
            drawn.append(blob)
            if blob.min_layer > lowest:
                lowest = blob.min_layer
    start = _HEAD_ONE + head
    middle = _TWO_INTS(pts, count) + (_USERS_ONE if len(drawn) == 1 else _VECTOR(_VECTOR_ID, len(drawn)))
    parts = [start, told.data, middle, *[blob.data for blob in drawn]]
    if chats:
        drawn += chats
        parts.append(_CHATS_ONE if len(chats) == 1 else _VECTOR(_VECTOR_ID, len(chats)))
        parts += [blob.data for blob in chats]
    else:
        parts.append(_NO_CHATS)
    parts.append(_TWO_INTS(date, 0))
    places: tuple[int, ...] = ()
    if told.dcs:
        places = tuple([len(start) + at for at in told.dcs])
    for blob in drawn:
        if blob.dcs:
            places += _placed(parts, blob)
    return raw(b"".join(parts), lowest, places)


def _plain(services: Services, view: View, pts: int, date: int) -> Any:
    """What message_update makes of a new message in a chat of two that is nothing but text; None for any other."""
    row, body, owner = view.row, view.body, view.owner
    told = plain_bytes(row.peer, view.msg_id, row.flags, body)
    if told is None or (body.author != row.peer and body.author != owner):
        return None
    other = render_user.user(services, owner, row.peer)
    if type(other) is not Raw:
        return None
    before = _NEW_ONE + told + _MIDDLE(pts, 1, _VECTOR_ID, 1)
    places: tuple[int, ...] = ()
    if other.dcs:
        places = tuple([len(before) + at for at in other.dcs])
    lowest = max(MESSAGE_LAYER, body.min_layer, other.min_layer)
    return Raw(b"%b%b%b%b" % (before, other.data, _NO_CHATS, _TWO_INTS(date, 0)), lowest, places)


def _lettered(services: Services, view: View, letter: Letter, pts: int, date: int) -> Any:
    """The same for one of many who got a new message, from what is the same for all of them; None when its parts differ
    from member to member or it names more people than its author."""
    shared = letter.drawn
    if shared is None:
        body = view.body
        alike = not (body.files or body.poll or body.reply or body.reactions or body.action or body.via_bot)
        if not alike or body.users:
            letter.drawn = ()
            return None
        told = message(services, view)
        # The message's number is the only thing in it that is the member's own.
        before, behind = _HEAD_ONE + _NEW_MESSAGE + told.data[:NUMBER_AT], told.data[NUMBER_AT + 4 :]
        size, status = len(before) + len(behind) + 20, services.presence.status(body.author)
        shared = letter.drawn = [before, behind, told.min_layer, size, status, None, b""]
    elif not shared:
        return None
    before, behind, lowest, size, status, group, end = shared
    owner = view.owner
    seen = render_chat.chat(services, owner, view.row.peer)
    author = render_user.user(services, owner, view.body.author, status)
    if type(seen) is not Raw or type(author) is not Raw:
        return None
    if seen is not group:  # most members see the same of the group
        end = _CHATS_ONE + seen.data + _TWO_INTS(date, 0)
        shared[5:] = (seen, end)
    if author.min_layer > lowest:
        lowest = author.min_layer
    if seen.min_layer > lowest:
        lowest = seen.min_layer
    places: tuple[int, ...] = ()
    if author.dcs or seen.dcs:
        behind_author = size + len(author.data) + 8
        places = (*[size + at for at in author.dcs], *[behind_author + at for at in seen.dcs])
    middle = _MIDDLE(pts, 1, _VECTOR_ID, 1)
    return Raw(b"".join((before, _INT(view.msg_id), behind, middle, author.data, end)), lowest, places)


def _placed(parts: list[bytes], blob: Any) -> tuple[int, ...]:
    """Where the data centres of `blob` stand in the parts joined, of which its bytes are one."""
    before = 0
    for part in parts:
        if part is blob.data:
            break
        before += len(part)
    return tuple([before + at for at in blob.dcs])


def _gone(published: Published) -> t.AnyUpdates:
    """The message is deleted by now: its pts must be told all the same."""
    event: Any = published.event
    update = t.UpdateDeleteMessages(messages=[event.msg_id], pts=published.pts, pts_count=published.pts_count)
    return t.Updates(updates=[update], users=[], chats=[], date=published.date, seq=0)


# -- one update for each event kind ---------------------------------------------------------------------------------

Drawn = tuple[Any, tuple[int, ...]]
"""The update (None: only the people are news) and the users that go with it."""


def draw_event(services: Services, event: ev.Event, viewer: int, pts: int, count: int) -> Drawn:
    """One event as an Update, with the users it speaks of."""
    return _DRAWN[type(event)](services, event, viewer, pts, count)


def _message(services: Services, event: Any, viewer: int, pts: int, count: int) -> Drawn:
    view = services.history.message_or_none(viewer, event.msg_id)
    if view is None:
        return t.UpdateDeleteMessages(messages=[event.msg_id], pts=pts, pts_count=count), ()
    kind = t.UpdateNewMessage if type(event) is ev.NewMessage else t.UpdateEditMessage
    return kind(message=message(services, view), pts=pts, pts_count=count), tuple(people((view,), services))


def _deleted(services: Services, event: ev.DeleteMessages, viewer: int, pts: int, count: int) -> Drawn:
    return t.UpdateDeleteMessages(messages=list(event.msg_ids), pts=pts, pts_count=count), event.chats


def _read_inbox(services: Services, event: ev.ReadInbox, viewer: int, pts: int, count: int) -> Drawn:
    update = t.UpdateReadHistoryInbox(
        peer=peer(event.peer),
        max_id=event.max_id,
        still_unread_count=event.still_unread,
        pts=pts,
        pts_count=count,
    )
    return update, (event.peer,)


def _read_outbox(services: Services, event: ev.ReadOutbox, viewer: int, pts: int, count: int) -> Drawn:
    update = t.UpdateReadHistoryOutbox(peer=peer(event.peer), max_id=event.max_id, pts=pts, pts_count=count)
    return update, (event.peer,)


def _read_contents(services: Services, event: ev.ReadContents, viewer: int, pts: int, count: int) -> Drawn:
    return (
        t.UpdateReadMessagesContents(
            messages=list(event.msg_ids), date=event.date or None, pts=pts, pts_count=count
        ),
        (),
    )


def _draft(services: Services, event: ev.DraftChanged, viewer: int, pts: int, count: int) -> Drawn:
    head = services.dialogs.head(viewer, event.peer)
    return t.UpdateDraftMessage(peer=peer(event.peer), draft=render_dialogs.draft(head)), (event.peer,)


def _pinned(services: Services, event: ev.DialogPinned, viewer: int, pts: int, count: int) -> Drawn:
    folder = services.dialogs.head(viewer, event.peer).folder or None
    update = t.UpdateDialogPinned(pinned=event.pinned, folder_id=folder, peer=dialog_peer(event.peer))
    return update, (event.peer,)


def _pinned_order(services: Services, event: ev.PinnedOrder, viewer: int, pts: int, count: int) -> Drawn:
    order = [dialog_peer(one) for one in event.peers]
    return t.UpdatePinnedDialogs(folder_id=event.folder or None, order=order), event.peers


def _unread_mark(services: Services, event: ev.DialogUnreadMark, viewer: int, pts: int, count: int) -> Drawn:
    return t.UpdateDialogUnreadMark(unread=event.unread, peer=dialog_peer(event.peer)), (event.peer,)


def _notify(services: Services, event: ev.NotifyChanged, viewer: int, pts: int, count: int) -> Drawn:
    head = services.dialogs.head(viewer, event.peer)
    target = t.NotifyPeer(peer=peer(event.peer))
    return (
        t.UpdateNotifySettings(peer=target, notify_settings=notify_settings(head)),
        (event.peer,),
    )


def _blocked(services: Services, event: ev.PeerBlocked, viewer: int, pts: int, count: int) -> Drawn:
    return t.UpdatePeerBlocked(blocked=event.blocked, peer_id=peer(event.peer)), (event.peer,)


def _contact(services: Services, event: ev.ContactChanged, viewer: int, pts: int, count: int) -> Drawn:
    # the user object beside it is the news; the bar above the chat changes with it
    settings = render_user.settings(services, viewer, event.user_id)
    return t.UpdatePeerSettings(peer=peer(event.user_id), settings=settings), (event.user_id,)


def _user(services: Services, event: ev.UserChanged, viewer: int, pts: int, count: int) -> Drawn:
    record = services.users.get_or_none(event.user_id)
    if record is None:
        return None, ()
    update: Any = t.UpdateUser(user_id=event.user_id)
    if event.what == "name":
        names = [t.Username(editable=True, active=True, username=record.username)] if record.username else []
        shown = services.contacts.get_or_none(viewer, event.user_id) or record
        update = t.UpdateUserName(
            user_id=event.user_id,
            first_name=shown.first_name,
            last_name=shown.last_name,
            usernames=list(names),
        )
    elif event.what == "phone" and viewer == event.user_id:
        update = t.UpdateUserPhone(user_id=event.user_id, phone=record.phone)
    return update, (event.user_id,)


def _authorization(
    services: Services, event: ev.NewAuthorization, viewer: int, pts: int, count: int
) -> Drawn:
    if not event.unconfirmed:
        return t.UpdateNewAuthorization(hash=event.hash), ()
    update = t.UpdateNewAuthorization(
        unconfirmed=True, hash=event.hash, date=event.date, device=event.device, location=event.location
    )
    return update, ()


def _settings(services: Services, event: ev.PeerSettingsChanged, viewer: int, pts: int, count: int) -> Drawn:
    settings = render_user.settings(services, viewer, event.peer) if event.peer > 0 else t.PeerSettings()
    return t.UpdatePeerSettings(peer=peer(event.peer), settings=settings), (event.peer,)


def _privacy(services: Services, event: ev.PrivacyChanged, viewer: int, pts: int, count: int) -> Drawn:
    rules, named = render_privacy.rules(services, viewer, event.key)
    return t.UpdatePrivacy(key=render_privacy.key(event.key), rules=rules), named


def _default_notify(
    services: Services, event: ev.DefaultNotifyChanged, viewer: int, pts: int, count: int
) -> Drawn:
    kinds = {"users": t.NotifyUsers, "chats": t.NotifyChats, "broadcasts": t.NotifyBroadcasts}
    stored = services.settings.get_or_none(viewer, f"notify:{event.kind}")
    settings: Any = raw(stored, layers.CURRENT) if stored else t.PeerNotifySettings()
    return t.UpdateNotifySettings(peer=kinds[event.kind](), notify_settings=settings), ()


def _chat(services: Services, event: ev.ChatChanged, viewer: int, pts: int, count: int) -> Drawn:
    roster = services.groups.rosters.get_or_none(event.peer)
    if roster is None or not roster.has(viewer):
        return t.UpdateChat(chat_id=-event.peer), (event.peer,)
    if event.what == "members":
        update: Any = t.UpdateChatParticipants(participants=render_chat.participants(roster, viewer))
        return update, (event.peer, *roster.here)
    if event.what == "rights":
        banned = banned_rights(roster.group.banned)
        update = t.UpdateChatDefaultBannedRights(
            peer=peer(event.peer), default_banned_rights=banned, version=roster.group.version
        )
        return update, (event.peer,)
    if event.what == "requests" and rights.is_admin(roster, viewer):
        latest = render_chat.recent_requesters(services, viewer, event.peer)
        update = t.UpdatePendingJoinRequests(
            peer=peer(event.peer), requests_pending=roster.group.pending, recent_requesters=latest
        )
        return update, (event.peer, *latest)
    return t.UpdateChat(chat_id=-event.peer), (event.peer,)


def _channel_requests(
    services: Services, event: ev.ChannelRequests, viewer: int, pts: int, count: int
) -> Drawn:
    """For admins; who is none any more draws the channel again."""
    record = services.channels.register.get_or_none(event.peer)
    seat = services.channels.register.participant(event.peer, viewer)
    if record is None or not channel_rights.has(record, viewer, seat, channel_rights.INVITE):
        return t.UpdateChannel(channel_id=channel_id(event.peer)), (event.peer,)
    latest = [one.user for one in services.channels.doors.waiting(event.peer)[:RECENT_REQUESTERS]]
    update = t.UpdatePendingJoinRequests(
        peer=peer(event.peer), requests_pending=record.pending, recent_requesters=latest
    )
    return update, (event.peer, *latest)


def _folder(services: Services, event: ev.FolderChanged, viewer: int, pts: int, count: int) -> Drawn:
    made = render_folders.folder_or_none(services, viewer, event.number)
    who = render_folders.users_of(made) if made is not None else ()
    return t.UpdateDialogFilter(id=event.number, filter=made), who


def _folders(services: Services, event: ev.FoldersChanged, viewer: int, pts: int, count: int) -> Drawn:
    if event.what == "order":
        return t.UpdateDialogFilterOrder(order=services.folders.order(viewer)), ()
    return t.UpdateDialogFilters(), ()


def _saved_pinned(services: Services, event: ev.SavedPinned, viewer: int, pts: int, count: int) -> Drawn:
    return t.UpdateSavedDialogPinned(pinned=event.pinned, peer=dialog_peer(event.peer)), (event.peer,)


def _saved_order(services: Services, event: ev.SavedOrder, viewer: int, pts: int, count: int) -> Drawn:
    order = [dialog_peer(one) for one in event.peers]
    return t.UpdatePinnedSavedDialogs(order=order), event.peers


def _archived(services: Services, event: ev.Archived, viewer: int, pts: int, count: int) -> Drawn:
    moved: list[Any] = [t.FolderPeer(peer=peer(one), folder_id=event.folder) for one in event.peers]
    return t.UpdateFolderPeers(folder_peers=moved, pts=pts, pts_count=count), event.peers


def _scheduled(services: Services, event: ev.ScheduledChanged, viewer: int, pts: int, count: int) -> Drawn:
    view = services.scheduling.get_or_none(viewer, event.peer, event.number)
    if view is None:
        return t.UpdateDeleteScheduledMessages(peer=peer(event.peer), messages=[event.number]), (event.peer,)
    return t.UpdateNewScheduledMessage(message=message(services, view)), tuple(people((view,), services))


def _scheduled_gone(services: Services, event: ev.ScheduledGone, viewer: int, pts: int, count: int) -> Drawn:
    sent = [event.msg_id] if event.msg_id else None
    update = t.UpdateDeleteScheduledMessages(
        peer=peer(event.peer), messages=[event.number], sent_messages=sent
    )
    return update, (event.peer,)


def _scene(services: Services, event: ev.SceneChanged, viewer: int, pts: int, count: int) -> Drawn:
    return render_scenes.update(services, viewer, event.peer), (event.peer,)


def _shelf(services: Services, event: ev.ShelfChanged, viewer: int, pts: int, count: int) -> Drawn:
    return render_stickers.update(services, viewer, event.shelf, event.what, event.number), ()


def _timer(services: Services, event: ev.TimerChanged, viewer: int, pts: int, count: int) -> Drawn:
    period = services.dialogs.head(viewer, event.peer).ttl_period
    return t.UpdatePeerHistoryTTL(peer=peer(event.peer), ttl_period=period or None), (event.peer,)


def _messages_pinned(
    services: Services, event: ev.MessagesPinned, viewer: int, pts: int, count: int
) -> Drawn:
    update = t.UpdatePinnedMessages(
        pinned=event.pinned, peer=peer(event.peer), messages=list(event.msg_ids), pts=pts, pts_count=count
    )
    return update, (event.peer,)


def _reactions(services: Services, event: ev.ReactionsChanged, viewer: int, pts: int, count: int) -> Drawn:
    view = services.history.message_or_none(viewer, event.msg_id)
    if view is None:
        return None, ()
    return render_reactions.update(services, view), tuple(people((view,), services))


def _poll(services: Services, event: ev.PollChanged, viewer: int, pts: int, count: int) -> Drawn:
    ballot = services.polls.ballot_or_none(viewer, event.poll)
    if ballot is None:
        return None, ()
    who = (*(user for _, user in ballot.poll.recent), *ballot.poll.users)
    return render_polls.update(ballot), who


def _channel(services: Services, event: ev.ChannelChanged, viewer: int, pts: int, count: int) -> Drawn:
    return t.UpdateChannel(channel_id=channel_id(event.peer)), (event.peer,)


def _channel_read(services: Services, event: ev.ChannelRead, viewer: int, pts: int, count: int) -> Drawn:
    head = services.dialogs.head(viewer, event.peer)
    register = services.channels.register
    update = t.UpdateReadChannelInbox(
        folder_id=head.folder or None,
        channel_id=channel_id(event.peer),
        max_id=event.max_id,
        still_unread_count=register.unread(event.peer, viewer, event.max_id),
        pts=register.top(event.peer).pts,
    )
    return update, (event.peer,)


def _channel_read_outbox(
    services: Services, event: ev.ChannelReadOutbox, viewer: int, pts: int, count: int
) -> Drawn:
    update = t.UpdateReadChannelOutbox(channel_id=channel_id(event.peer), max_id=event.max_id)
    return update, (event.peer,)


def _channel_contents(
    services: Services, event: ev.ChannelContentsRead, viewer: int, pts: int, count: int
) -> Drawn:
    update = t.UpdateChannelReadMessagesContents(
        channel_id=channel_id(event.peer), messages=list(event.msg_ids)
    )
    return update, (event.peer,)


_DRAWN: dict[type, Callable[[Services, Any, int, int, int], Drawn]] = {
    ev.NewMessage: _message,
    ev.ShelfChanged: _shelf,
    ev.SceneChanged: _scene,
    ev.EditMessage: _message,
    ev.DeleteMessages: _deleted,
    ev.ReadInbox: _read_inbox,
    ev.ReadOutbox: _read_outbox,
    ev.ReadContents: _read_contents,
    ev.DraftChanged: _draft,
    ev.DialogPinned: _pinned,
    ev.PinnedOrder: _pinned_order,
    ev.DialogUnreadMark: _unread_mark,
    ev.NotifyChanged: _notify,
    ev.PeerBlocked: _blocked,
    ev.ContactChanged: _contact,
    ev.UserChanged: _user,
    ev.NewAuthorization: _authorization,
    ev.PeerSettingsChanged: _settings,
    ev.MessagesPinned: _messages_pinned,
    ev.FolderChanged: _folder,
    ev.ChannelRequests: _channel_requests,
    ev.ScheduledChanged: _scheduled,
    ev.ScheduledGone: _scheduled_gone,
    ev.TimerChanged: _timer,
    ev.FoldersChanged: _folders,
    ev.Archived: _archived,
    ev.ChatChanged: _chat,
    ev.ReactionsChanged: _reactions,
    ev.PollChanged: _poll,
    ev.ChannelChanged: _channel,
    ev.ChannelRead: _channel_read,
    ev.ChannelReadOutbox: _channel_read_outbox,
    ev.ChannelContentsRead: _channel_contents,
    ev.ThreadRead: render_topics.read,
    ev.ThreadReadOutbox: render_topics.read_outbox,
    ev.TopicDraftChanged: render_topics.draft_changed,
    ev.TopicNotifyChanged: render_topics.notify_changed,
    ev.ForumShownChanged: render_topics.shown,
    ev.TopicPinned: render_topics.pinned,
    ev.TopicsOrder: render_topics.order,
    ev.PrivacyChanged: _privacy,
    ev.SavedPinned: _saved_pinned,
    ev.SavedOrder: _saved_order,
    ev.DefaultNotifyChanged: _default_notify,
}


# -- fleeting --------------------------------------------------------------------------------------------------------


def draw_ephemeral(services: Services, news: Ephemeral, viewer: int) -> t.AnyUpdates | None:
    """updateShort of something that is not kept: typing, a status."""
    now = int(services.clock.now())
    if type(news) is Typing and news.chat <= -r.CHANNEL_BASE:
        update: Any = t.UpdateChannelUserTyping(
            channel_id=channel_id(news.chat),
            top_msg_id=news.top or None,
            from_id=peer(news.user),
            action=raw(news.action, news.min_layer),
        )
    elif type(news) is Typing and news.chat:
        update = t.UpdateChatUserTyping(
            chat_id=-news.chat, from_id=peer(news.user), action=raw(news.action, news.min_layer)
        )
    elif type(news) is Typing:
        update = t.UpdateUserTyping(user_id=news.user, action=raw(news.action, news.min_layer))
    elif isinstance(news, RecentReactions):
        update = t.UpdateRecentReactions()
    elif isinstance(news, HistoryCleared):
        number = channel_id(news.channel)
        update = t.UpdateChannelAvailableMessages(channel_id=number, available_min_id=news.upto)
    elif isinstance(news, PollNews):
        drawn, who = _poll(services, ev.PollChanged(news.poll), viewer, 0, 0)
        if drawn is None:
            return None
        people_ = render_user.users(services, viewer, who)
        return t.Updates(updates=[drawn], users=people_, chats=[], date=now, seq=0)
    elif isinstance(news, ChannelPollNews):
        ballot = services.polls.ballot_or_none(0, news.poll)
        if ballot is None:
            return None
        named = [
            render_user.minimal(services, one)
            for one in dict.fromkeys((*render_polls.faces(services, news.poll), *ballot.poll.users))
        ]
        return t.Updates(updates=[render_polls.update(ballot)], users=named, chats=[], date=now, seq=0)
    elif isinstance(news, PostsCounted):
        return t.Updates(updates=_counts(news), users=[], chats=[], date=now, seq=0)
    else:
        update = t.UpdateUserStatus(user_id=news.user, status=render_user.status(services, viewer, news.user))
    return t.UpdateShort(update=update, date=now)


def _counts(news: PostsCounted) -> list[t.AnyUpdate]:
    number = channel_id(news.channel)
    grown: list[t.AnyUpdate] = []
    for msg_id, views, forwards in news.counts:
        grown.append(t.UpdateChannelMessageViews(channel_id=number, id=msg_id, views=views))
        if forwards:
            grown.append(t.UpdateChannelMessageForwards(channel_id=number, id=msg_id, forwards=forwards))
    return grown
