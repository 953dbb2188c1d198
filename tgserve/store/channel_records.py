"""What is stored of channels and supergroups: rows in the channel's slot, under the rules of records.py.

A channel's messages lie in a box of its own, whose owner and only chat is the channel's peer number: the keyspaces of
boxes serve it as they serve people. Nothing here is written once a subscriber for a post.
"""

from __future__ import annotations

from tgserve.store.group_records import Invite
from tgserve.store.records import Body, Record, Shot
from tgserve.store.thread_records import Topic


class Channel(Record, frozen=True):
    """A channel or supergroup, under its peer number. `version` grows with every change, caches compare it."""

    title: str
    creator: int
    date: int
    megagroup: bool = False
    forum: bool = False
    version: int = 1
    about: str = ""
    banned: int = 0
    """Default rights: the flag word of chatBannedRights; a set bit is what plain members may not do."""
    usernames: tuple[tuple[str, bool], ...] = ()
    """(name, active) in the order they are shown in; one of them may be edited, those in `given` may not."""
    members: int = 0
    admins: int = 0
    kicked: int = 0
    restricted: int = 0
    pending: int = 0
    """Requests to join that wait for an answer."""
    signatures: bool = False
    profiles: bool = False
    """Signatures are the signers themselves."""
    slow_mode_seconds: int = 0
    prehistory_hidden: bool = False
    members_hidden: bool = False
    join_to_send: bool = False
    join_request: bool = False
    noforwards: bool = False
    antispam: bool = False
    gigagroup: bool = False
    linked: int = 0
    """The discussion group of a channel, the channel of a discussion group (peer number)."""
    ttl_period: int = 0
    reactions: bytes = b""
    """TL ChatReactions of `reactions_layer`; empty = all are allowed."""
    reactions_layer: int = 0
    reactions_limit: int = 0
    photo: Shot | None = None
    migrated_from: int = 0
    """The basic group it was (peer number), and the last message id there."""
    migrated_from_max: int = 0
    deleted: bool = False
    color: int = -1
    color_emoji: int = 0
    profile_color: int = -1
    profile_emoji: int = 0
    stickers: int = 0
    emoji_stickers: int = 0
    forum_tabs: bool = False
    read_max: int = 0
    """The newest message somebody but its author has read."""
    available_min: int = 0
    """Messages up to here were cleared for everybody."""
    reactions_rule: str = ""
    """One of group_records.REACTIONS_*: what `reactions` says, for the rule of who may react how."""
    reactions_some: tuple[str, ...] = ()
    linked_from: int = 0
    """Of a channel with a discussion group: the first post that has comments."""
    main_tab: str = ""
    """Which tab its profile opens with: the end of a ProfileTab's name, as `media`; empty = the first one."""
    given: tuple[str, ...] = ()
    """Usernames, in lower case, that the operator gave it beside its own."""


MEMBER = 0
LEFT = 1
KICKED = 2


class Participant(Record, frozen=True):
    """Who is, was, or may not be in a channel, keyed by (channel, user)."""

    date: int
    inviter: int = 0
    state: int = MEMBER
    admin: int = 0
    """The flag word of chatAdminRights; 0 = no admin."""
    rank: str = ""
    promoted_by: int = 0
    banned: int = 0
    """The flag word of chatBannedRights that holds for this one beyond the default ones."""
    until: int = 0
    """Unix seconds at which `banned` (or the kick) ends; 0 = never."""
    banned_by: int = 0
    via_request: bool = False
    anonymous_as: int = 0
    """The peer this member posts as by default (send-as)."""
    hidden_until: int = 0
    """With a hidden history: messages up to this id were sent before he came."""
    next_post: int = 0
    """Slow mode: not before this second."""
    cleared: int = 0
    """He has cleared the chat up to here, for himself."""


class PostStats(Record, frozen=True):
    """Counters of a post, written in batches; keyed by (channel, msg_id)."""

    views: int = 0
    forwards: int = 0
    hours: tuple[tuple[int, int], ...] = ()
    """(hour since 1970, views counted in it), growing; from when hours were kept on, the first of them only."""


class Day(Record, frozen=True):
    """What was counted in a channel on one day (UTC), keyed by (channel, day since 1970). A day without a row had
    nothing to count."""

    members: int
    """At its end."""
    joined: int = 0
    left: int = 0
    views: int = 0
    shares: int = 0
    hours: tuple[int, ...] = ()
    """Views by hour of the day, 24 of them; empty = none."""


class LogEntry(Record, frozen=True):
    """A line of a channel's admin log, keyed by (channel, number). `kind` says which of the other fields mean
    something (services/channels/journal.py)."""

    date: int
    actor: int
    kind: str
    target: int = 0
    text_before: str = ""
    text_after: str = ""
    before: int = 0
    after: int = 0
    seat_before: Participant | None = None
    seat_after: Participant | None = None
    msg_id: int = 0
    body_before: Body | None = None
    body_after: Body | None = None
    data_before: bytes = b""
    """Boxed TL of `layer`, where the change was one of stored TL bytes (reactions)."""
    data_after: bytes = b""
    layer: int = 0
    hash: str = ""
    invite_before: Invite | None = None
    invite_after: Invite | None = None
    topic_before: Topic | None = None
    topic_after: Topic | None = None
