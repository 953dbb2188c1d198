"""What the event log holds, keyed by (user, pts, sub): all that getDifference can tell and devices are pushed.

A new kind needs a line in AnyEvent here and its drawing in render/updates.py.
"""

from __future__ import annotations

from tgserve.store.records import Record


class Event(Record, tag=True, frozen=True):
    """Base of what the event log holds. `sub` 0 raised pts; others tell devices of a change that has no pts."""


class NewMessage(Event, frozen=True):
    msg_id: int


class EditMessage(Event, frozen=True):
    msg_id: int


class DeleteMessages(Event, frozen=True):
    """`chats` are the basic groups they stood in: a device that never had the message which brought it into a group, or
    out of it, learns of that by these."""

    msg_ids: tuple[int, ...]
    chats: tuple[int, ...] = ()


class ReadInbox(Event, frozen=True):
    peer: int
    max_id: int
    still_unread: int


class ReadOutbox(Event, frozen=True):
    peer: int
    max_id: int


class ReadContents(Event, frozen=True):
    msg_ids: tuple[int, ...]
    date: int


class DraftChanged(Event, frozen=True):
    peer: int


class DialogPinned(Event, frozen=True):
    peer: int
    pinned: bool


class PinnedOrder(Event, frozen=True):
    peers: tuple[int, ...]
    folder: int = 0


class DialogUnreadMark(Event, frozen=True):
    peer: int
    unread: bool


class NotifyChanged(Event, frozen=True):
    peer: int


class PeerBlocked(Event, frozen=True):
    peer: int
    blocked: bool


class ContactChanged(Event, frozen=True):
    """A contact of mine was added, renamed or removed; the viewer must draw the user again."""

    user_id: int


class UserChanged(Event, frozen=True):
    """Name, username, phone or photo of a user I know has changed. `what` names the update: name phone photo."""

    user_id: int
    what: str


class NewAuthorization(Event, frozen=True):
    hash: int
    date: int
    device: str
    location: str
    unconfirmed: bool = True


class PeerSettingsChanged(Event, frozen=True):
    peer: int


class PrivacyChanged(Event, frozen=True):
    """The rules of one privacy key of mine; `key` is one of services/privacy.py's KEYS."""

    key: str


class DefaultNotifyChanged(Event, frozen=True):
    """How loud a kind of chats is by default: users chats broadcasts."""

    kind: str


class ScheduledChanged(Event, frozen=True):
    """A message was scheduled in a chat, or a scheduled one was edited."""

    peer: int
    number: int


class ScheduledGone(Event, frozen=True):
    """A scheduled message was deleted, or sent: then it is message `msg_id` now."""

    peer: int
    number: int
    msg_id: int = 0


class TimerChanged(Event, frozen=True):
    """How long messages of a chat live."""

    peer: int


class FolderChanged(Event, frozen=True):
    """A folder of the user's was made, changed or deleted."""

    number: int


class FoldersChanged(Event, frozen=True):
    """The order of the folders, or what is not one folder's own. `what`: order tags."""

    what: str


class Archived(Event, frozen=True):
    """Chats went into the archive (folder 1) or out of it (0)."""

    peers: tuple[int, ...]
    folder: int


class MessagesPinned(Event, frozen=True):
    """Messages of a chat were pinned in it, or unpinned."""

    peer: int
    msg_ids: tuple[int, ...]
    pinned: bool


class ChatChanged(Event, frozen=True):
    """A group's members, rights or settings changed. `what`: members admin rights about requests settings."""

    peer: int
    what: str


class ChannelRequests(Event, frozen=True):
    """In a channel I am an admin of, somebody asks to come in, or was answered."""

    peer: int


class ChannelChanged(Event, frozen=True):
    """A channel of mine is not what it was, or I came to it or left it: the viewer must draw it again."""

    peer: int


class ChannelRead(Event, frozen=True):
    """I have read a channel up to here."""

    peer: int
    max_id: int


class ChannelReadOutbox(Event, frozen=True):
    """Somebody has read what I wrote in a supergroup, up to here."""

    peer: int
    max_id: int


class ChannelContentsRead(Event, frozen=True):
    """I have seen these mentions of me in a channel, or heard these voice notes."""

    peer: int
    msg_ids: tuple[int, ...]


class ThreadRead(Event, frozen=True):
    """I have read a thread up to here. `channel` and `post`: what it is the comments on, if it is."""

    peer: int
    topic: int
    max_id: int
    channel: int = 0
    post: int = 0


class ThreadReadOutbox(Event, frozen=True):
    """Somebody has read what I wrote in a thread, up to here."""

    peer: int
    topic: int
    max_id: int


class TopicDraftChanged(Event, frozen=True):
    """What I am writing in a topic."""

    peer: int
    topic: int


class TopicNotifyChanged(Event, frozen=True):
    """How loud a topic is for me."""

    peer: int
    topic: int


class ForumShownChanged(Event, frozen=True):
    """I want to see a forum as one chat, or as topics."""

    peer: int
    as_messages: bool


class TopicPinned(Event, frozen=True):
    """A topic of a forum was pinned or unpinned for all."""

    peer: int
    topic: int
    pinned: bool


class TopicsOrder(Event, frozen=True):
    """The pinned topics of a forum have another order."""

    peer: int
    topics: tuple[int, ...]


class ReactionsChanged(Event, frozen=True):
    """Somebody reacted to a message, or took it back, or the author has seen it."""

    peer: int
    msg_id: int


class PollChanged(Event, frozen=True):
    """I voted in a poll, or it was closed or changed."""

    poll: int


class ShelfChanged(Event, frozen=True):
    """What I keep of stickers, GIFs and the like has changed. `what`: items order, or new for a set that was added."""

    shelf: str
    what: str = "items"
    number: int = 0


class SavedPinned(Event, frozen=True):
    """A chat inside Saved Messages was pinned or unpinned."""

    peer: int
    pinned: bool


class SavedOrder(Event, frozen=True):
    """The pinned chats inside Saved Messages have another order."""

    peers: tuple[int, ...]


class SceneChanged(Event, frozen=True):
    """The wallpaper of a chat of mine was changed."""

    peer: int


AnyEvent = (
    NewMessage
    | EditMessage
    | DeleteMessages
    | ReadInbox
    | ReadOutbox
    | ReadContents
    | DraftChanged
    | DialogPinned
    | PinnedOrder
    | DialogUnreadMark
    | NotifyChanged
    | PeerBlocked
    | ContactChanged
    | UserChanged
    | NewAuthorization
    | PeerSettingsChanged
    | PrivacyChanged
    | DefaultNotifyChanged
    | MessagesPinned
    | FolderChanged
    | ScheduledChanged
    | ScheduledGone
    | TimerChanged
    | FoldersChanged
    | Archived
    | ChatChanged
    | ReactionsChanged
    | PollChanged
    | ChannelChanged
    | ChannelRequests
    | ChannelRead
    | ChannelReadOutbox
    | ChannelContentsRead
    | ThreadRead
    | ThreadReadOutbox
    | TopicDraftChanged
    | TopicNotifyChanged
    | ForumShownChanged
    | TopicPinned
    | TopicsOrder
    | ShelfChanged
    | SceneChanged
    | SavedPinned
    | SavedOrder
)


class LoggedEvent(Record, frozen=True):
    """A row of the event log: the event, the second it happened, how far it raised pts."""

    event: AnyEvent
    date: int
    pts_count: int = 1
