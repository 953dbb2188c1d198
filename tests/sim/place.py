"""A device's copy of one channel.

It takes what is told live in the order of the channel's pts, and asks getChannelDifference when something is missing,
when getDifference says updateChannelTooLong, and from the start whenever it has come (back) in; after
channelDifferenceTooLong it forgets what it had and reads the history anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tests.sim.link import Answered, Call
from tests.sim.town import FORUM, GENERAL, OUT, REFUSED, SQUARE, City, Town, text_of, token_of
from tests.sim.world import World
from tgserve.tl import functions as f
from tgserve.tl import types as t

GAP_SECONDS = 0.5
PAGE = 50


@dataclass(slots=True, frozen=True)
class Shown:
    """A message as a device has it."""

    text: str
    out: bool
    top: int
    """The first message of its thread; 0: it stands in none."""
    pinned: bool
    named: bool
    """It names this user."""
    file: int
    """Number of the document."""
    closed: bool
    """A poll that takes no votes any more."""


class Host(Protocol):
    """The device."""

    world: World
    city: City
    name: str
    me: int
    peers: dict[int, t.AnyInputPeer]

    def call(self, request: Any, answered: Answered) -> Call: ...

    def again(self, error: str, go: Callable[[], None]) -> bool: ...

    def chats_told(self, chats: list[Any]) -> None: ...


class Place:
    def __init__(self, device: Host, town: Town) -> None:
        self.device = device
        self.world = device.world
        self.town = town
        self.inside = False
        self.stay = 0
        """Grows whenever it comes in or goes: what was asked in an earlier stay is news no more."""
        self.posts: dict[int, Shown] = {}
        self.at = 0
        """pts of the channel; 0 = nothing is known of it."""
        self.title = ""
        self.mark = 0
        """Read up to here."""
        self.marks: dict[int, int] = {}
        """First message of a thread -> read up to here."""
        self._asks = self._asks_again = False
        self._looks = self._looks_again = False
        self._learns = 0
        self._loaded: set[int] = set()
        """Read in the history: the difference from there on may tell of them again."""
        self._ahead: list[tuple[int, int, Callable[[], None]]] = []

    @property
    def busy(self) -> bool:
        return bool(self._asks or self._looks or self._ahead or self._learns)

    def restarted(self) -> None:
        """The app has forgotten what it had asked for."""
        self._asks = self._asks_again = self._looks = self._looks_again = False
        self._learns = 0
        self._ahead.clear()
        self.look()

    # -- what is told ------------------------------------------------------------------------------------------------

    def update(self, update: Any) -> None:
        kind = type(update)
        if kind is t.UpdateReadChannelInbox:
            self.mark = max(self.mark, update.max_id)
        elif kind is t.UpdateReadChannelDiscussionInbox:
            self.read(update.top_msg_id, update.read_max_id)
        else:
            if kind in (t.UpdateNewChannelMessage, t.UpdateEditChannelMessage):
                self._bars(update.message)
            self.turn(update.pts, update.pts_count, lambda: self._take(update))

    def read(self, top: int, max_id: int) -> None:
        self.marks[top] = max(self.marks.get(top, 0), max_id)

    def _bars(self, message: Any) -> None:
        town, me = self.town, self.device.me
        text = text_of(message)
        post = town.posts.get(token_of(text))
        barred = post.barred.get(text, frozenset()) if post is not None else frozenset()
        if (me, town.lifted[me]) in barred and me in town.removed:
            self.world.wrong(
                f"{self.device.name} was removed and is told of {text}, which was sent behind that"
            )

    def turn(self, pts: int, count: int, apply: Callable[[], None]) -> None:
        """Now, when it is the next; later, when something before it is missing."""
        if self._asks or not self.at:
            if self.inside or self._asks:
                self._ahead.append((pts, count, apply))
        elif self.at + count == pts:
            self.at = pts
            apply()
            self._go_on_here()
        elif self.at + count < pts:
            self._ahead.append((pts, count, apply))
            self.world.loop.call_later(GAP_SECONDS, self._still_missing)

    def _still_missing(self) -> None:
        if self._ahead and not self._asks:
            self.missed()

    def _go_on_here(self) -> None:
        waiting, self._ahead = sorted(self._ahead, key=lambda one: one[:2]), []
        for pts, count, apply in waiting:
            if self.at + count == pts:
                self.at = pts
                apply()
            elif self.at + count < pts:
                self._ahead.append((pts, count, apply))
        if self._ahead:
            self.world.loop.call_later(GAP_SECONDS, self._still_missing)

    def _take(self, update: Any) -> None:
        kind = type(update)
        if kind is t.UpdateNewChannelMessage:
            self._came(update.message)
        elif kind is t.UpdateEditChannelMessage:
            if update.message.id not in self.posts:
                self.world.wrong(
                    f"{self.device.name}: edit of post {update.message.id}, which was never told"
                )
            self.posts[update.message.id] = self.shown(update.message)
        elif kind is t.UpdateDeleteChannelMessages:
            self.gone(update.messages)
        elif kind is t.UpdatePinnedChannelMessages:
            for msg_id in update.messages:
                if msg_id in self.posts:
                    self.posts[msg_id] = replace(self.posts[msg_id], pinned=update.pinned)

    def _came(self, message: Any) -> None:
        if message.id in self.posts and message.id not in self._loaded:
            self.world.wrong(f"{self.device.name}: post {message.id} was told twice")
        self._loaded.discard(message.id)
        self.posts[message.id] = self.shown(message)
        if isinstance(getattr(message, "action", None), t.MessageActionChatEditTitle):
            self.look()

    def gone(self, msg_ids: list[int]) -> None:
        for msg_id in msg_ids:
            self.posts.pop(msg_id, None)

    def shown(self, message: Any) -> Shown:
        """A message object as a device keeps it."""
        text = text_of(message)
        media = getattr(message, "media", None)
        document = getattr(media, "document", None)
        poll = getattr(media, "poll", None)
        return Shown(
            text,
            message.out,
            self._top(message, text),
            bool(getattr(message, "pinned", False)),
            message.mentioned,
            document.id if document is not None else 0,
            poll is not None and poll.closed,
        )

    def _top(self, message: Any, text: str) -> int:
        header = message.reply_to
        if self.town.kind == FORUM:
            if isinstance(getattr(message, "action", None), t.MessageActionTopicCreate):
                return int(message.id)
            if isinstance(header, t.MessageReplyHeader) and header.forum_topic:
                return header.reply_to_top_id or header.reply_to_msg_id or 0
            return GENERAL
        if self.town.kind == SQUARE and getattr(message, "fwd_from", None) is not None:
            return int(message.id)
        post = self.town.posts.get(token_of(text))
        return post.top if post is not None else 0

    def unread(self, top: int = 0) -> int:
        """Messages (of a thread) that the user has not read."""
        mark = max(self.mark, self.marks.get(top, 0))
        if self.town.kind == SQUARE:
            mark = max(mark, top)  # what they are the comments on is none
        if not top and self.town.kind == FORUM:
            return sum(self.unread(one) for one in {one.top for one in self.posts.values()})
        return sum(
            1
            for msg_id, one in self.posts.items()
            if msg_id > mark and not one.out and (not top or one.top == top)
        )

    # -- asking ------------------------------------------------------------------------------------------------------

    @property
    def peer(self) -> t.AnyInputPeer:
        return self.device.peers[self.town.channel]

    @property
    def input(self) -> t.InputChannel:
        peer: Any = self.peer
        return t.InputChannel(channel_id=peer.channel_id, access_hash=peer.access_hash)

    def look(self) -> None:
        """Am I in it, and what is it called?"""
        if self.town.channel not in self.device.peers:
            return
        if self._looks:
            self._looks_again = True
            return
        self._looks = True
        calls: list[Call] = []

        def go() -> None:
            calls.append(self.device.call(f.channels.GetChannels(id=[self.input]), answered))

        def answered(answer: Any, error: str) -> None:
            if not self._looks or self.device.again(error, go):
                return
            self._looks = False
            chat = None if error else answer.chats[0]
            if error and error not in REFUSED:
                self.world.wrong(f"{self.device.name}: getChannels refused with {error}")
            inside = isinstance(chat, t.Channel) and not chat.left
            if isinstance(chat, t.Channel):
                self.title = chat.title
            if inside and not self.inside:
                self.inside, self.at = True, 0
                self.stay += 1
                self.posts.clear()
            elif not inside:
                self.outside()
            if inside:  # maybe it was out for a while, and has not heard of it
                self.missed()
                self._learn()
            if self._looks_again or calls[-1].tries > 1:
                self._looks_again = False
                self.look()

        go()

    def outside(self) -> None:
        self.inside, self.at = False, 0
        self.stay += 1
        self.posts.clear()
        self._ahead.clear()

    def _learn(self) -> None:
        """How far was it read before this device came?"""

        def ask(request: Any, use: Callable[[Any], None]) -> None:
            def go() -> None:
                self.device.call(request, answered)

            def answered(answer: Any, error: str) -> None:
                if self.device.again(error, go):
                    return
                self._learns = max(self._learns - 1, 0)
                if error and error not in REFUSED:
                    self.world.wrong(f"{self.device.name}: {type(request).__name__} refused with {error}")
                if not error:
                    use(answer)

            self._learns += 1
            go()

        def dialogs(answer: Any) -> None:
            for dialog in answer.dialogs:
                self.mark = max(self.mark, dialog.read_inbox_max_id)

        def topics(answer: Any) -> None:
            for topic in answer.topics:
                self.read(topic.id, topic.read_inbox_max_id)

        ask(f.messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=self.peer)]), dialogs)
        if self.town.kind == FORUM:
            ask(
                f.messages.GetForumTopics(
                    peer=self.peer, offset_date=0, offset_id=0, offset_topic=0, limit=100
                ),
                topics,
            )

    def missed(self) -> None:
        """getChannelDifference until nothing is left."""
        if self.town.channel not in self.device.peers or not self.inside:
            return
        if self._asks:
            self._asks_again = True
            return
        self._asks = True
        self.device.city.differences += 1
        stay = self.stay
        limit = self.world.rng.choice((3, 10, 100))

        def go() -> None:
            request = f.updates.GetChannelDifference(
                channel=self.input,
                filter=t.ChannelMessagesFilterEmpty(),
                pts=self.at or 1,
                limit=limit,
            )
            self.device.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if not self._asks or self.device.again(error, go):
                return
            if not self._still(stay, error, "getChannelDifference"):
                return
            if isinstance(answer, t.UpdatesChannelDifferenceTooLong):
                dialog: Any = answer.dialog
                self._reload(dialog.pts, stay)
                return
            self._asks = False
            if isinstance(answer, t.UpdatesChannelDifference):
                for message in answer.new_messages:
                    self._came(message)
                for update in answer.other_updates:
                    self._take(update)
            if answer.pts < self.at:
                self.world.wrong(f"{self.device.name}: the channel's difference leads back to {answer.pts}")
            self.at = answer.pts
            if not answer.final or self._asks_again:
                self._asks_again = False
                self.missed()
                return
            self._loaded.clear()
            self._go_on_here()

        go()

    def _still(self, stay: int, error: str, what: str) -> bool:
        """Is an answer news to who asked in that stay?"""
        if stay == self.stay and not error and self.inside:
            return True
        self._asks = False
        if not self.inside:
            self._ahead.clear()
        if stay != self.stay:
            self._asks_again = False
            self.missed()
        elif error:
            if error not in OUT:
                self.world.wrong(f"{self.device.name}: {what} refused with {error}")
            self.outside()
            self.look()
        return False

    def _reload(self, pts: int, stay: int) -> None:
        """Too much was missed: the history as it is now, then the difference from `pts`, which is older."""
        self.device.city.reloads += 1
        found: dict[int, Shown] = {}
        offset = 0

        def go() -> None:
            self.device.call(history(self.peer, offset), answered)

        def answered(answer: Any, error: str) -> None:
            nonlocal offset
            if not self._asks or self.device.again(error, go) or not self._still(stay, error, "getHistory"):
                return
            for message in answer.messages:
                found[message.id] = self.shown(message)
                offset = message.id
            if answer.messages:
                go()
                return
            self.posts, self._loaded, self.at = found, set(found), pts
            self._asks = False
            self.look()
            self.missed()

        go()


def history(peer: t.AnyInputPeer, offset: int) -> f.messages.GetHistory:
    """A page below a message."""
    zeros = dict.fromkeys(("offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
    return f.messages.GetHistory(peer=peer, offset_id=offset, limit=PAGE, **zeros)
