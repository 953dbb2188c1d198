"""The bus between what was committed and who must hear of it.

Three laws:
1. Nothing is published before its commit is durable: the store calls `Bus.publish` after the commit.
2. Publishing keeps commit order per box: batches come in commit order and are handed on in that order.
3. Nobody writes to a socket or awaits a client while a transaction is open: subscribers run on the loop thread, after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from tgserve.store import events as ev
from tgserve.store.eventlog import Published

BatchFn = Callable[[list[Any]], None]


@dataclass(slots=True, frozen=True)
class Typing:
    """`user` is doing something in the chat with the one who is told; `action` is a boxed TL SendMessageAction."""

    user: int
    action: bytes
    min_layer: int = 0
    chat: int = 0
    """The group it happens in; 0 = the private chat."""
    top: int = 0
    """The thread of a supergroup it happens in; 0 = the whole chat."""


@dataclass(slots=True, frozen=True)
class StatusChanged:
    """`user` came online (`when` = until when, Unix seconds) or went offline (`when` = last seen)."""

    user: int
    online: bool
    when: int


@dataclass(slots=True, frozen=True)
class RecentReactions:
    """The reactions one has used of late have changed: other devices ask for them anew."""


@dataclass(slots=True, frozen=True)
class PollNews:
    """Somebody voted in a poll that is in a chat of the one who is told."""

    poll: int


@dataclass(slots=True, frozen=True)
class ChannelPollNews:
    """Somebody voted in a poll that is in a channel: the same for all who are told."""

    poll: int


@dataclass(slots=True, frozen=True)
class PostsCounted:
    """Posts that the one who is told looks at in a channel have been seen or forwarded by others."""

    channel: int
    counts: tuple[tuple[int, int, int], ...]
    """(message, views, forwards)"""


@dataclass(slots=True, frozen=True)
class HistoryCleared:
    """One has emptied a channel for oneself: other devices that are there do the same."""

    channel: int
    upto: int


Ephemeral = (
    Typing | StatusChanged | RecentReactions | PollNews | ChannelPollNews | PostsCounted | HistoryCleared
)
TellFn = Callable[[Collection[int], Ephemeral], None]


class Bus:
    """Hands committed records and ephemeral news to whoever subscribed. One thread: the loop's."""

    def __init__(self) -> None:
        self._batch: list[tuple[BatchFn, bool]] = []
        self._tell: list[TellFn] = []

    def subscribe(self, fn: BatchFn, *, but_messages: bool = False) -> None:
        """`fn` is given every batch as it was committed: Published and whatever else a transaction published.
        `but_messages`: without the new messages in people's boxes, and not at all when nothing is left. Of those a
        busy server has thousands a second, and most subscribers wait for something else."""
        self._batch.append((fn, but_messages))

    def subscribe_ephemeral(self, fn: TellFn) -> None:
        """`fn` is given (user ids to tell, Typing or StatusChanged); nothing of it is stored."""
        self._tell.append(fn)

    def publish(self, batch: list[Any]) -> None:
        """Called by the store on the loop thread after a commit, with what it published, in order."""
        rest = [
            item
            for item in batch
            if type(item) is not Published or type(item.event) is not ev.NewMessage or item.user_id < 0
        ]
        for fn, but_messages in self._batch:
            if not but_messages:
                fn(batch)
            elif rest:
                fn(rest)

    def tell(self, users: Collection[int], news: Ephemeral) -> None:
        """Tell the online devices of `users`; those offline never hear of it."""
        if users:
            for fn in self._tell:
                fn(users, news)
