"""A story of supergroups: members post, edit, delete, pin and read, come by a link, leave, are removed and let in again,
while lines break and the server dies.

A device takes what is told live in the order of the channel's pts, and asks getChannelDifference when something is
missing, when getDifference says updateChannelTooLong, and from the start whenever it has come (back) in. In the end every
member's devices have what the channel's box has; who was removed was told nothing that was sent behind his removal.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.sim import checks
from tests.sim.device import GAP_SECONDS
from tests.sim.link import Call
from tests.sim.member import LINK, Member
from tests.sim.story import Story
from tgserve.store import channel_records as c
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import functions as f
from tgserve.tl import types as t

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


@dataclass(slots=True)
class Post:
    token: str
    author: int
    barred: frozenset[tuple[int, int]]
    """Who was removed for sure when it was sent, and how often he had been let in again before."""
    msg_id: int = 0
    texts: list[str] = field(default_factory=list)
    sure: str = ""
    """The text last acknowledged, when every edit so far was."""
    editing: int = 0
    murky: bool = False
    """Two edits were under way at once: either may have been the last."""
    deleting: bool = False
    refused: bool = False


@dataclass(slots=True)
class Town:
    """What is known of the supergroup outside of all devices."""

    channel: int = 0
    link: str = ""
    creator: int = 0
    posts: dict[str, Post] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    """Their removal was acknowledged, and nobody has begun to lift it."""
    lifting: Counter[int] = field(default_factory=Counter)
    """Calls under way that let somebody in again."""
    lifted: Counter[int] = field(default_factory=Counter)
    """How many have begun."""
    differences: int = 0
    too_long: int = 0


class Townsman(Member):
    """A device in a town."""

    town: Town

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.inside = False
        self.stay = 0
        """Grows whenever it comes in or goes: what was asked in an earlier stay is news no more."""
        self.posts: dict[int, str] = {}
        self.at = 0
        """pts of the channel; 0 = nothing is known of it."""
        self._asks = self._asks_again = False
        self._looks = self._looks_again = False
        self._ahead: list[tuple[int, int, Callable[[], None]]] = []

    @property
    def busy(self) -> bool:
        return bool(super().busy or self._asks or self._looks or self._ahead)

    def restart_app(self, keep_unsent: bool) -> None:
        super().restart_app(False)  # deeds go with the app
        self._asks = self._asks_again = self._looks = self._looks_again = False
        self._ahead.clear()
        if self.town.channel:
            self.look_at_town()

    # -- what is told ------------------------------------------------------------------------------------------------

    def chats_told(self, chats: list[Any]) -> None:
        super().chats_told([one for one in chats if not isinstance(one, t.Channel | t.ChannelForbidden)])
        for one in chats:
            if isinstance(one, t.Channel) and not one.min:
                peer = t.InputPeerChannel(channel_id=one.id, access_hash=one.access_hash or 0)
                self.peers[-CHANNEL_BASE - one.id] = peer

    def _update(self, update: Any) -> None:
        kind = type(update)
        if kind is t.UpdateChannel:
            self.look_at_town()
        elif kind is t.UpdateChannelTooLong:
            self.town.too_long += 1
            self.missed()
        elif kind in (
            t.UpdateNewChannelMessage,
            t.UpdateEditChannelMessage,
            t.UpdateDeleteChannelMessages,
            t.UpdatePinnedChannelMessages,
        ):
            if kind is t.UpdateNewChannelMessage:
                self._bars(update.message)
            self._turn(update.pts, update.pts_count, lambda: self._take(update))
        elif kind not in (
            t.UpdateReadChannelInbox,
            t.UpdateReadChannelOutbox,
            t.UpdateChannelReadMessagesContents,
            t.UpdateMessageID,
        ):
            super()._update(update)

    def _bars(self, message: Any) -> None:
        post = self.town.posts.get(getattr(message, "message", "").partition("~")[0])
        removal = (self.me, self.town.lifted[self.me])
        if post is not None and removal in post.barred and self.me in self.town.removed:
            self.world.wrong(
                f"{self.name} was removed and is told of {post.token}, which was sent behind that"
            )

    def _turn(self, pts: int, count: int, apply: Callable[[], None]) -> None:
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
                self.world.wrong(f"{self.name}: edit of post {update.message.id}, which was never told")
            self.posts[update.message.id] = _text(update.message)
        elif kind is t.UpdateDeleteChannelMessages:
            for msg_id in update.messages:
                self.posts.pop(msg_id, None)

    def _came(self, message: Any) -> None:
        if message.id in self.posts:
            self.world.wrong(f"{self.name}: post {message.id} was told twice")
        self.posts[message.id] = _text(message)

    # -- asking ------------------------------------------------------------------------------------------------------

    def _input(self) -> Any:
        peer: Any = self.peers[self.town.channel]
        return t.InputChannel(channel_id=peer.channel_id, access_hash=peer.access_hash)

    def look_at_town(self) -> None:
        """Am I in it?"""
        if self.town.channel not in self.peers:
            return
        if self._looks:
            self._looks_again = True
            return
        self._looks = True
        calls: list[Call] = []

        def go() -> None:
            calls.append(self.call(f.channels.GetChannels(id=[self._input()]), answered))

        def answered(answer: Any, error: str) -> None:
            if not self._looks or self.again(error, go):
                return
            self._looks = False
            chat = None if error else answer.chats[0]
            if error and error not in REFUSED:
                self.world.wrong(f"{self.name}: getChannels refused with {error}")
            inside = isinstance(chat, t.Channel) and not chat.left
            if inside and not self.inside:
                self.inside, self.at = True, 0
                self.stay += 1
                self.posts.clear()
                self.missed()
            elif not inside:
                self._outside()
            if self._looks_again or calls[-1].tries > 1:
                self._looks_again = False
                self.look_at_town()

        go()

    def _outside(self) -> None:
        self.inside, self.at = False, 0
        self.stay += 1
        self.posts.clear()
        self._ahead.clear()

    def missed(self) -> None:
        """getChannelDifference until nothing is left."""
        if self.town.channel not in self.peers or not self.inside:
            return
        if self._asks:
            self._asks_again = True
            return
        self._asks = True
        self.town.differences += 1
        stay = self.stay
        limit = self.world.rng.choice((3, 10, 100))

        def go() -> None:
            request = f.updates.GetChannelDifference(
                channel=self._input(),
                filter=t.ChannelMessagesFilterEmpty(),
                pts=self.at or 1,
                limit=limit,
            )
            self.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if not self._asks or self.again(error, go):
                return
            self._asks = False
            if stay != self.stay:
                self._asks_again = False
                self.missed()
                return
            if error:
                if error not in OUT:
                    self.world.wrong(f"{self.name}: getChannelDifference refused with {error}")
                self._outside()
                self.look_at_town()
                return
            if isinstance(answer, t.UpdatesChannelDifferenceTooLong):
                self.world.wrong(f"{self.name}: channelDifferenceTooLong")
                return
            if not self.inside:
                return
            if isinstance(answer, t.UpdatesChannelDifference):
                for message in answer.new_messages:
                    self._came(message)
                for update in answer.other_updates:
                    self._take(update)
            if answer.pts < self.at:
                self.world.wrong(f"{self.name}: the channel's difference leads back to {answer.pts}")
            self.at = answer.pts
            if not answer.final or self._asks_again:
                self._asks_again = False
                self.missed()
                return
            self._go_on_here()

        go()

    # -- what its user does ------------------------------------------------------------------------------------------

    def do(self, request: Any, done: Callable[[Any, str], None] | None = None) -> None:
        """A deed in the town; who does it hears how it ended."""

        def go() -> None:
            self.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if self.again(error, go):
                return
            if error and error not in REFUSED:
                self.world.wrong(f"{self.name}: {type(request).__name__} refused with {error}")
            told = getattr(answer, "updates", None)
            if isinstance(answer, t.Updates):
                self.updates(answer)
            elif isinstance(told, t.Updates):
                self.updates(told)
            if done is not None:
                done(answer, error)

        go()

    def post(self, named: int = 0) -> None:
        self.count += 1
        town = self.town
        barred = frozenset((user, town.lifted[user]) for user in town.removed)
        post = Post(f"{self.name}#{self.count}", self.me, barred)
        post.texts.append(post.token)
        post.sure = post.token
        town.posts[post.token] = post
        request = f.messages.SendMessage(
            peer=self.peers[town.channel], message=post.token, random_id=self.ids.i64() or 1
        )
        if named and named != self.me:
            user = self.input_user(named)
            request.entities = [t.InputMessageEntityMentionName(offset=0, length=1, user_id=user)]

        def done(answer: Any, error: str) -> None:
            if error:
                post.refused = True
                return
            ids = [one.id for one in answer.updates if isinstance(one, t.UpdateMessageID)]
            if len(ids) != 1:
                self.world.wrong(f"{post.token} was answered without its id")
            post.msg_id = ids[0]

        self.do(request, done)

    def edit_post(self, post: Post) -> None:
        text = f"{post.token}~{len(post.texts)}"
        post.texts.append(text)
        post.sure = ""
        post.murky |= post.editing > 0
        post.editing += 1

        def done(answer: Any, error: str) -> None:
            post.editing -= 1
            if not error and not post.murky:
                post.sure = text

        self.do(
            f.messages.EditMessage(peer=self.peers[self.town.channel], id=post.msg_id, message=text), done
        )

    def delete_posts(self, posts: list[Post]) -> None:
        for post in posts:
            post.deleting = True
        ids = [post.msg_id for post in posts]

        def gone() -> None:
            for msg_id in ids:
                self.posts.pop(msg_id, None)

        def done(answer: Any, error: str) -> None:
            if not error and answer.pts_count:
                self._turn(answer.pts, answer.pts_count, gone)

        self.do(f.channels.DeleteMessages(channel=self._input(), id=ids), done)

    def enter(self) -> None:
        self.do(
            f.messages.ImportChatInvite(hash=self.town.link.removeprefix(LINK)),
            lambda a, e: self.look_at_town(),
        )

    def leave(self) -> None:
        self.do(f.channels.LeaveChannel(channel=self._input()), lambda answer, error: self.look_at_town())

    def keep_out(self, user: int, out: bool) -> None:
        """Of the creator: keep somebody out, or let him in again."""
        town = self.town
        if not out:
            town.removed.discard(user)
            town.lifting[user] += 1
            town.lifted[user] += 1
        begun = town.lifted[user]
        rights = t.ChatBannedRights(view_messages=out, until_date=0)
        peer = self.peers[user]
        request = f.channels.EditBanned(channel=self._input(), participant=peer, banned_rights=rights)

        def done(answer: Any, error: str) -> None:
            if not out:
                town.lifting[user] -= 1
            elif not error and begun == town.lifted[user] and not town.lifting[user]:
                town.removed.add(user)  # else the one that lifts it may have been done behind this one

        self.do(request, done)


class TownStory(Story):
    """One seed's story of a town."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.with_groups = self.with_settings = False
        self.town = Town()
        self.actions += 40

    async def _story(self) -> None:
        await self.world.start()
        await self._settle_in()
        await self._found()
        rng = self.world.rng
        for _ in range(self.actions):
            await asyncio.sleep(rng.expovariate(1.0) * self.pause)
            for chance, fault in self.faults:
                if rng.random() < chance:
                    fault()
            self._deed(rng.choice(self.townsmen))
        await self._peace()
        await self._agree()
        checks.walk(self.world)

    @property
    def townsmen(self) -> list[Townsman]:
        return [one for one in self.devices if isinstance(one, Townsman)]

    def member(self, *given: Any) -> Townsman:
        made = Townsman(*given)
        made.town = self.town
        return made

    async def _found(self) -> None:
        town, first = self.town, self.townsmen[0]
        town.creator = first.me
        made = await first.ask(f.channels.CreateChannel(title="Town", about="", megagroup=True))
        town.channel = -CHANNEL_BASE - made.chats[0].id
        first.updates(made)
        first.look_at_town()
        link = await first.ask(f.messages.ExportChatInvite(peer=first.peers[town.channel]))
        town.link = link.link
        for device in self.townsmen:
            if device.me != town.creator and device.name.endswith("/0"):
                device.enter()
        await asyncio.sleep(5.0)

    def _deed(self, device: Townsman) -> None:
        rng, town = self.world.rng, self.town
        if town.channel not in device.peers or not device.inside:
            if rng.random() < 0.5:
                device.enter()
            return
        choice = rng.random()
        mine = [
            post
            for post in town.posts.values()
            if post.author == device.me and post.msg_id in device.posts and not post.deleting
        ]
        if choice < 0.5 or not mine:
            for _ in range(rng.choice((1, 1, 2, 5))):
                device.post(rng.choice(self.users) if rng.random() < 0.3 else 0)
        elif choice < 0.62:
            device.edit_post(rng.choice(mine[-6:]))
        elif choice < 0.7:
            device.delete_posts(rng.sample(mine, min(len(mine), rng.choice((1, 1, 3)))))
        elif choice < 0.76:
            device.do(f.channels.ReadHistory(channel=device._input(), max_id=max(device.posts)))
        elif choice < 0.8:
            device.do(f.messages.ReadMentions(peer=device.peers[town.channel]))
        elif choice < 0.86:
            pinned = f.messages.UpdatePinnedMessage(
                peer=device.peers[town.channel], id=rng.choice(mine).msg_id, unpin=rng.random() < 0.4
            )
            device.do(pinned)
        elif device.me != town.creator:
            if choice > 0.93:
                device.leave()
        else:
            others = [user for user in self.users if user != town.creator]
            user = rng.choice(others)
            device.keep_out(user, user not in town.removed)

    async def _agree(self) -> None:
        world, town = self.world, self.town
        assert world.app is not None
        known = world.app.services.channels.register
        boxes: dict[int, dict[int, str]] = {}
        for device in self.townsmen:
            seat = known.participant(town.channel, device.me)
            member = seat is not None and seat.state == c.MEMBER
            if member != device.inside:
                world.wrong(f"{device.name} thinks it is in: {device.inside}, it is: {member}")
            if not member or not device.inside:
                continue
            box = boxes.get(device.me)
            if box is None:
                box = boxes[device.me] = await self._history(device)
            for msg_id in sorted(box.keys() | device.posts.keys()):
                if device.posts.get(msg_id) != box.get(msg_id):
                    has = device.posts.get(msg_id)
                    world.wrong(f"{device.name} has {has} as post {msg_id}, the server {box.get(msg_id)}")
        if len({tuple(sorted(box.items())) for box in boxes.values()}) > 1:
            world.wrong("members have different histories of one channel")
        for box in list(boxes.values())[:1]:
            self._kept(box)

    def _kept(self, box: dict[int, str]) -> None:
        world, town = self.world, self.town
        times = Counter(text.partition("~")[0] for text in box.values() if not text.startswith("!"))
        for token, count in times.items():
            if count > 1 or token not in town.posts:
                world.wrong(f"{token} is there {count} times")
        for post in town.posts.values():
            text = box.get(post.msg_id) if post.msg_id else None
            if post.msg_id and text is None and not post.deleting:
                world.wrong(f"{post.token} was acknowledged as {post.msg_id} and is gone")
            if text is not None and (text not in post.texts or (post.sure and text != post.sure)):
                world.wrong(f"{post.token} says {text}, it should say {post.sure or post.texts}")

    async def _history(self, device: Townsman) -> dict[int, str]:
        found: dict[int, str] = {}
        offset = 0
        while True:
            zeros = dict.fromkeys(("offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
            peer = device.peers[self.town.channel]
            page = await device.ask(f.messages.GetHistory(peer=peer, offset_id=offset, limit=50, **zeros))
            if not page.messages:
                return found
            found.update({one.id: _text(one) for one in page.messages})
            offset = page.messages[-1].id


def _text(message: Any) -> str:
    return f"!{type(message.action).__name__}" if isinstance(message, t.MessageService) else message.message


def run(seed: int) -> TownStory:
    """Raises Wrong with the seed."""
    told = TownStory(seed)
    told.world.run(told._story)
    return told
