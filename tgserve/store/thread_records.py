"""What is stored of threads: forum topics, answers to a message of a supergroup, comments on a post.

A thread is named by the message it begins with; General, the topic every forum has, by 1.
"""

from __future__ import annotations

from tgserve.store.records import Record

GENERAL = 1


class Topic(Record, frozen=True):
    """A topic of a forum, keyed by (channel, topic) in the channel's slot."""

    title: str
    icon_color: int
    creator: int
    """Who it is shown as being from: a user, or the channel for an anonymous admin."""
    date: int
    icon_emoji: int = 0
    closed: bool = False
    hidden: bool = False
    pinned: int = 0
    """Place among the pinned topics, growing towards the top; 0 = not pinned."""
    maker: int = 0
    """The user who made it."""


PINNED_FROM = 1 << 31
"""Places of pinned topics: above every message id."""


def place_of(topic_id: int, pinned: int, max_id: int) -> int:
    """A topic's place in the order of a forum, growing towards the top: the pinned ones, then by the newest message."""
    return PINNED_FROM + pinned if pinned else max(max_id, topic_id)


class Thread(Record, frozen=True):
    """Counters of a thread, keyed by (channel, first message) in the channel's slot. `replies` and `max_id` say what
    THREAD_ROWS holds; under a post of a channel they are a copy of the discussion group's."""

    replies: int = 0
    max_id: int = 0
    recent: tuple[int, ...] = ()
    """Who has answered last, as shown, the newest first."""
    pts: int = 1
    """Of the channel, at the last change."""
    read_max: int = 0
    """The newest message somebody but its author has read."""
    channel: int = 0
    """In a discussion group, of a post that was forwarded into it: the channel; under a post: the discussion group."""
    post: int = 0
    """The message in `channel`."""


class TopicHead(Record, frozen=True):
    """What is a reader's own of a thread, keyed by (user, channel, first message) in his slot; under 0 of the whole
    forum."""

    read_inbox_max: int = 0
    read_outbox_max: int = 0
    draft: bytes = b""
    """TL draftMessage of `draft_layer`, or empty."""
    draft_layer: int = 0
    draft_date: int = 0
    notify: bytes = b""
    """TL peerNotifySettings, or empty."""
    notify_layer: int = 0
    as_messages: bool = False
    """The forum is shown as one chat."""
