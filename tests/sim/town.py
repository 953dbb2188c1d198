"""Channels as a story knows them, outside of all devices: what was tried in them and what is certain of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

OUT = ("CHANNEL_PRIVATE", "CHANNEL_INVALID", "USER_NOT_PARTICIPANT")
REFUSED = (
    *OUT,
    "CHAT_WRITE_FORBIDDEN",
    "USER_BANNED_IN_CHANNEL",
    "CHAT_ADMIN_REQUIRED",
    "MESSAGE_ID_INVALID",
    "MESSAGE_NOT_MODIFIED",
    "MESSAGE_DELETE_FORBIDDEN",
    "MESSAGE_AUTHOR_REQUIRED",
    "INVITE_HASH_EXPIRED",
    "USER_ALREADY_PARTICIPANT",
    "CHAT_NOT_MODIFIED",
)
"""What others' deeds, or an earlier try, may make the server say to a right request."""
FORUM, GROUP, PAPER, SQUARE = "forum", "group", "paper", "square"
"""A paper is a channel without members' posts; its comments stand in its square."""
GENERAL = 1

Over = Callable[[bool], None]


@dataclass(slots=True)
class Latest:
    """What a value may be, when changes of it may overlap or get lost."""

    possible: set[Any]
    under_way: int = 0
    murky: bool = False
    """Two changes were under way at once."""

    def begin(self, value: Any) -> Over:
        """A change is asked for; call the result with whether it was acknowledged. A change whose client was killed
        is never over."""
        self.under_way += 1
        self.murky |= self.under_way > 1
        self.possible.add(value)

        def over(done: bool) -> None:
            self.under_way -= 1
            if done and not self.murky:
                self.possible = {value}
            self.murky &= self.under_way > 0

        return over


@dataclass(slots=True, eq=False)
class Post:
    """A message somebody has tried to send. Its text is its token, edits append ~1, ~2 ..."""

    token: str
    author: int
    barred: dict[str, frozenset[tuple[int, int]]] = field(default_factory=dict)
    """Text -> who was removed for sure when it was sent, and how often he had been let in again before."""
    top: int = 0
    """The message whose thread it was sent into."""
    msg_id: int = 0
    texts: list[str] = field(default_factory=list)
    sure: str = ""
    """The text last acknowledged, when every edit so far was."""
    editing: int = 0
    murky: bool = False
    """Two edits were under way at once: either may have been the last."""
    deleting: bool = False
    gone: bool = False
    """Its deletion was acknowledged."""
    refused: bool = False
    later: int = 0
    """When it is to be sent, Unix seconds; 0 = at once."""
    kept: bool = False
    """The server has taken it for later."""
    file: bytes = b""
    """What lies in the file it comes with."""
    votes: dict[int, Latest] | None = None
    """Of a poll: user -> the answer he has chosen, None = none."""
    closing: bool = False
    closed: bool = False
    """Of a poll: that was acknowledged."""
    reactions: dict[int, Latest] = field(default_factory=dict)
    """User -> emoji."""
    looks: int = 0
    """How often somebody may have been counted as a viewer."""
    viewers: set[int] = field(default_factory=set)
    """Who was, in a process that is still alive."""


@dataclass(slots=True, eq=False)
class Town:
    """A channel."""

    kind: str = GROUP
    channel: int = 0
    link: str = ""
    creator: int = 0
    partner: Town | None = None
    """Of a paper its square, of a square its paper."""
    posts: dict[str, Post] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    """Their removal was acknowledged, and nobody has begun to lift it."""
    lifting: Counter[int] = field(default_factory=Counter)
    """Calls under way that let somebody in again."""
    lifted: Counter[int] = field(default_factory=Counter)
    """How many have begun."""
    unsteady: set[int] = field(default_factory=set)
    """Who may have been out of it for a while, or not allowed to post."""
    admins: dict[int, Latest] = field(default_factory=dict)
    topics: dict[str, Post] = field(default_factory=dict)
    """Of a forum, as the messages they begin with."""
    titles: dict[str, bool] = field(default_factory=dict)
    """Titles that were tried, and whether that was acknowledged."""
    mixed: set[str] = field(default_factory=set)
    """Of them: others were tried meanwhile, so that a second try may have changed something again."""
    title: Latest = field(default_factory=lambda: Latest({""}))

    def barred(self) -> frozenset[tuple[int, int]]:
        return frozenset((user, self.lifted[user]) for user in self.removed)

    def attempt(self, token: str, author: int, top: int = 0) -> Post:
        """Somebody sends a message."""
        post = Post(token, author, {token: self.barred()}, top, texts=[token], sure=token)
        self.posts[token] = post
        return post


@dataclass(slots=True)
class City:
    """All channels of a story."""

    towns: list[Town] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    """What may lie in files."""
    differences: int = 0
    too_long: int = 0
    """Times somebody was told to look."""
    reloads: int = 0
    """Answers channelDifferenceTooLong."""
    done: Counter[str] = field(default_factory=Counter)

    def of(self, channel: int) -> Town | None:
        return next((town for town in self.towns if town.channel == channel), None)

    @property
    def posts(self) -> list[Post]:
        return [post for town in self.towns for post in town.posts.values()]


def text_of(message: Any) -> str:
    """What a message says: a poll its question, a service message what it is."""
    action = getattr(message, "action", None)
    if action is not None:
        return f"!{type(action).__name__}"
    poll = getattr(message.media, "poll", None)
    return str(poll.question.text if poll is not None else message.message)


def token_of(text: str) -> str:
    return text.partition("~")[0]
