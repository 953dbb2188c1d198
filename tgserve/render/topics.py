"""Topics of forums as TL, and what becomes of threads as updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tgserve.render.chat import chats
from tgserve.render.message import message, people
from tgserve.render.peers import peer
from tgserve.render.stored import stored
from tgserve.render.user import users
from tgserve.services import Services
from tgserve.services.channels.thread_reading import Seen
from tgserve.store import events as ev
from tgserve.store import thread_records as th
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import types as t

NO_HEAD = th.TopicHead()
Drawn = tuple[Any, tuple[int, ...]]


def draft(head: th.TopicHead) -> Any:
    """The topic's draft; draftMessageEmpty with the date it went."""
    if head.draft:
        return stored(head.draft, head.draft_layer)
    return t.DraftMessageEmpty(date=head.draft_date or None)


def notify(head: th.TopicHead) -> Any:
    return stored(head.notify, head.notify_layer) if head.notify else t.PeerNotifySettings()


def topic(channel: int, viewer: int, one: Seen) -> t.ForumTopic:
    """A topic as one reader has it."""
    of = one.topic
    return t.ForumTopic(
        my=of.maker == viewer and one.topic_id != th.GENERAL,
        closed=of.closed,
        pinned=bool(of.pinned),
        hidden=of.hidden,
        id=one.topic_id,
        date=of.date,
        peer=peer(channel),
        title=of.title,
        icon_color=of.icon_color,
        icon_emoji_id=of.icon_emoji or None,
        top_message=one.top,
        read_inbox_max_id=one.read_inbox,
        read_outbox_max_id=max(one.read_outbox, 0),
        unread_count=one.unread,
        unread_mentions_count=one.mentions,
        unread_reactions_count=one.reactions,
        unread_poll_votes_count=0,
        from_id=peer(of.creator),
        notify_settings=notify(one.head),
        draft=draft(one.head) if one.head.draft else None,
    )


def of_log(channel: int, topic_id: int, of: th.Topic) -> t.ForumTopic:
    """A topic in the admin log: what it is, nothing of anybody's own."""
    return topic(channel, 0, Seen(topic_id, of, 0, 0, 0, 0, 0, 0, NO_HEAD))


def page(
    services: Services, viewer: int, channel: int, found: Sequence[Seen | int], count: int
) -> t.MessagesForumTopics:
    """messages.forumTopics; an int stands for a topic that is not there."""
    tops = [one.top for one in found if isinstance(one, Seen) and one.top]
    views = [view for view in services.channels.reading.messages(viewer, channel, tops) if view is not None]
    here = {view.msg_id for view in views}
    who: dict[int, None] = {viewer: None, channel: None, **people(views, services)}
    drawn: list[Any] = []
    for one in found:
        if isinstance(one, int):
            drawn.append(t.ForumTopicDeleted(id=one))
            continue
        who[one.topic.creator] = None
        made = topic(channel, viewer, one)
        if made.top_message not in here:
            made.top_message = 0
        drawn.append(made)
    return t.MessagesForumTopics(
        count=count,
        topics=drawn,
        messages=[message(services, view) for view in views],
        chats=chats(services, viewer, who),
        users=users(services, viewer, who),
        pts=services.channels.register.top(channel).pts,
    )


# -- updates -----------------------------------------------------------


def _number(peer_number: int) -> int:
    return -peer_number - CHANNEL_BASE


def read(services: Services, event: ev.ThreadRead, viewer: int, pts: int, count: int) -> Drawn:
    update = t.UpdateReadChannelDiscussionInbox(
        channel_id=_number(event.peer),
        top_msg_id=event.topic,
        read_max_id=event.max_id,
        broadcast_id=_number(event.channel) if event.channel else None,
        broadcast_post=event.post or None,
    )
    return update, (event.peer, event.channel) if event.channel else (event.peer,)


def read_outbox(services: Services, event: ev.ThreadReadOutbox, viewer: int, pts: int, count: int) -> Drawn:
    update = t.UpdateReadChannelDiscussionOutbox(
        channel_id=_number(event.peer), top_msg_id=event.topic, read_max_id=event.max_id
    )
    return update, (event.peer,)


def draft_changed(
    services: Services, event: ev.TopicDraftChanged, viewer: int, pts: int, count: int
) -> Drawn:
    head = services.channels.threads.head(viewer, event.peer, event.topic)
    update = t.UpdateDraftMessage(peer=peer(event.peer), top_msg_id=event.topic, draft=draft(head))
    return update, (event.peer,)


def notify_changed(
    services: Services, event: ev.TopicNotifyChanged, viewer: int, pts: int, count: int
) -> Drawn:
    head = services.channels.threads.head(viewer, event.peer, event.topic)
    named = t.NotifyForumTopic(peer=peer(event.peer), top_msg_id=event.topic)
    return t.UpdateNotifySettings(peer=named, notify_settings=notify(head)), (event.peer,)


def shown(services: Services, event: ev.ForumShownChanged, viewer: int, pts: int, count: int) -> Drawn:
    update = t.UpdateChannelViewForumAsMessages(channel_id=_number(event.peer), enabled=event.as_messages)
    return update, (event.peer,)


def pinned(services: Services, event: ev.TopicPinned, viewer: int, pts: int, count: int) -> Drawn:
    update = t.UpdatePinnedForumTopic(pinned=event.pinned, peer=peer(event.peer), topic_id=event.topic)
    return update, (event.peer,)


def order(services: Services, event: ev.TopicsOrder, viewer: int, pts: int, count: int) -> Drawn:
    return t.UpdatePinnedForumTopics(peer=peer(event.peer), order=list(event.topics)), (event.peer,)
