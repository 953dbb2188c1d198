"""A story of channels: supergroups, forums, channels with a group for comments. Members post, edit, delete, pin, read,
vote, react, send files, come by a link, leave, are removed and let in again, made admins and not any more, while lines
break, slots move between shards and the server dies.

In the end every member's devices have what the channel's box has and count what the server counts; who was removed was
told nothing that was sent behind his removal; see checks_towns.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from tests.sim import checks_towns
from tests.sim.place import Place, Shown
from tests.sim.story import Story
from tests.sim.town import FORUM, GENERAL, GROUP, PAPER, SQUARE, City, Post, Town
from tests.sim.townsman import ANSWERS, Townsman
from tgserve import limits
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import functions as f

EMOJI = ("", "👍", "🔥")
RECENT = 6
"""Deeds are about the last messages."""


class TownStory(Story):
    """One seed's story of some channels."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self.world.rng
        self.with_groups = self.with_settings = False
        self.city = City(files=[rng.randbytes(rng.choice((1, 900, 20_000))) for _ in range(3)])
        kinds = rng.choice(((GROUP,), (FORUM,), (PAPER,), (PAPER,), (GROUP, FORUM)))
        self.city.towns = [Town(kind) for kind in kinds]
        if PAPER in kinds:
            paper = self.city.towns[0]
            paper.partner = Town(SQUARE, partner=paper)
            self.city.towns.append(paper.partner)
        self.actions += 40
        self.behind = rng.choice((limits.CHANNEL_BEHIND, limits.CHANNEL_BEHIND, 12))
        """Events that a device may have missed and still be told of."""
        self.world.died = self._crashed
        self.world.test = "test_towns.py"

    def play(self) -> None:
        """Raises Wrong with the seed."""
        before = limits.CHANNEL_BEHIND
        setattr(limits, "CHANNEL_BEHIND", self.behind)  # noqa: B010 - it is Final for everybody else
        try:
            self.world.run(self._story)
        finally:
            setattr(limits, "CHANNEL_BEHIND", before)  # noqa: B010

    def counted(self) -> dict[str, int]:
        """What it was made of."""
        city, world = self.city, self.world
        sums = {"posts": len(city.posts), "crashes": world.crashes, "moved": world.moved}
        sums |= {"differences": city.differences, "told to look": city.too_long, "reloads": city.reloads}
        return sums | city.done

    async def _story(self) -> None:
        world, rng = self.world, self.world.rng
        await world.start()
        await self._settle_in()
        world.owners = lambda: [*self.users, *(town.channel for town in self.city.towns)]
        for town in self.city.towns:
            await self._found(town)
        self._begin()
        await self._gather()
        for _ in range(self.actions):
            await asyncio.sleep(rng.expovariate(1.0) * self.pause)
            for chance, fault in self.faults:
                if rng.random() < chance:
                    fault()
            self._deed(rng.choice(self.townsmen))
        await self._peace()
        await checks_towns.everything(world, self.city, self.townsmen)

    @property
    def townsmen(self) -> list[Townsman]:
        return [one for one in self.devices if isinstance(one, Townsman)]

    def member(self, *given: Any) -> Townsman:
        made = Townsman(*given)
        made.city = self.city
        return made

    def _crashed(self) -> None:
        """Who was counted as a viewer is forgotten, with what was not yet written."""
        for post in self.city.posts:
            post.viewers.clear()

    # -- before the trouble begins -----------------------------------------------------------------------------------

    async def _found(self, town: Town) -> None:
        first = self.townsmen[0]
        town.creator = first.me
        made = await first.ask(
            f.channels.CreateChannel(
                title="Town",
                about="",
                megagroup=town.kind != PAPER,
                broadcast=town.kind == PAPER,
                forum=town.kind == FORUM,
            )
        )
        town.title.possible = {"Town"}
        town.channel = -CHANNEL_BASE - made.chats[0].id
        first.updates(made)
        place = first.place(town.channel)
        assert place is not None
        place.look()
        link = await first.ask(f.messages.ExportChatInvite(peer=place.peer))
        town.link = link.link
        for _ in range(2 if town.kind == FORUM else 0):
            first.begin_topic(place)
        if town.kind == SQUARE:
            assert town.partner is not None
            paper = first.place(town.partner.channel)
            assert paper is not None
            await first.ask(f.channels.SetDiscussionGroup(broadcast=paper.input, group=place.input))

    async def _gather(self) -> None:
        for town in self.city.towns:
            for device in self.townsmen:
                place = device.place(town.channel)
                if device.me == town.creator and place is not None:
                    place.look()  # it was told of the channel before this story knew its number
                elif device.name.endswith("/0"):
                    device.enter(town)
        await asyncio.sleep(5.0)

    # -- what people do ----------------------------------------------------------------------------------------------

    def _deed(self, device: Townsman) -> None:
        rng = self.world.rng
        town = rng.choice(self.city.towns)
        place = device.place(town.channel)
        if place is None or town.channel not in device.peers or not place.inside:
            if rng.random() < 0.5:
                device.enter(town)
            return
        at = At(device, place, self)
        choice = rng.random()
        if choice < 0.42:
            for _ in range(rng.choice((1, 1, 2, 5))):
                at.say()
        elif choice < 0.60:
            at.change()
        elif choice < 0.74:
            at.read()
        elif choice < 0.86:
            at.judge()
        elif device.me == town.creator:
            at.govern([user for user in self.users if user != town.creator])
        elif choice > 0.96:
            device.leave(place)


@dataclass(slots=True)
class At:
    """Somebody at a place, who is about to do something."""

    device: Townsman
    place: Place
    story: TownStory

    @property
    def town(self) -> Town:
        return self.place.town

    def posts(self) -> list[Post]:
        """The last ones that this device has and nobody deletes."""
        here = self.place.posts
        return [post for post in self.town.posts.values() if post.msg_id in here and not post.deleting][
            -RECENT * 3 :
        ]

    def mine(self) -> list[Post]:
        return [post for post in self.posts() if post.author == self.device.me][-RECENT:]

    def thread(self) -> tuple[int, int]:
        """What to answer, and the first message of the thread that it stands in."""
        rng, posts = self.story.world.rng, self.place.posts
        if self.town.kind == SQUARE and rng.random() < 0.8:
            roots = [msg_id for msg_id, one in posts.items() if one.top == msg_id]
            if roots:
                top = rng.choice(roots[-RECENT:])
                inside = [msg_id for msg_id, one in posts.items() if one.top == top]
                return rng.choice(inside[-RECENT:]), top
        if self.town.kind == FORUM and rng.random() < 0.8:
            tops = sorted({one.top for one in posts.values()} - {GENERAL, 0})
            if tops:
                top = rng.choice(tops)
                return top, top
        return 0, GENERAL if self.town.kind == FORUM else 0

    def say(self) -> None:
        device, place, rng = self.device, self.place, self.story.world.rng
        if self.town.kind == PAPER and device.me != self.town.creator:
            role = self.town.admins.get(device.me)
            if role is None or True not in role.possible:
                self.judge()
                return
        reply, top = self.thread()
        choice = rng.random()
        if choice < 0.1:
            device.send_file(place, rng.choice(self.story.city.files), reply=reply, top=top)
        elif choice < 0.18:
            device.ask_all(place, reply, top)
        elif choice < 0.22:
            date = int(self.story.world.clock.now()) + rng.choice((15, 30, 60))
            device.post(place, top=GENERAL if self.town.kind == FORUM else 0, later=date)
        else:
            named = rng.choice(self.story.users) if rng.random() < 0.3 else 0
            device.post(place, reply=reply, top=top, named=named)

    def change(self) -> None:
        """What one has written oneself."""
        device, place, rng = self.device, self.place, self.story.world.rng
        mine = self.mine()
        choice = rng.random()
        if not mine:
            return
        if choice < 0.5:
            words = [post for post in mine if post.votes is None]
            polls = [post for post in mine if post.votes is not None]
            if polls and rng.random() < 0.4:
                device.close_poll(place, rng.choice(polls))
            elif words:
                device.edit_post(place, rng.choice(words))
        elif choice < 0.75:
            device.delete_posts(place, rng.sample(mine, min(len(mine), rng.choice((1, 1, 3)))))
        elif choice < 0.88:
            device.pin_post(place, rng.choice(mine).msg_id, rng.random() < 0.4)
        else:
            files = [post for post in mine if post.file]
            to = [one for one in device.places.values() if one.inside and one.town.kind != PAPER]
            if files and to:
                device.forward(place, rng.choice(files).msg_id, rng.choice(to))

    def read(self) -> None:
        device, place, rng = self.device, self.place, self.story.world.rng
        tops = sorted({one.top for one in place.posts.values() if _begins(place, one)} - {0})
        files = [post for post in self.posts() if post.file]
        choice = rng.random()
        if choice < 0.4 and tops:
            device.read_thread(place, rng.choice(tops[-RECENT:]))
        elif choice < 0.55 and files:
            device.read_file(place, rng.choice(files).msg_id)
        elif choice < 0.7:
            device.see_named(place)
        elif place.posts:
            device.read_all(place)

    def judge(self) -> None:
        """Vote, react, look at what others have written."""
        device, place, rng = self.device, self.place, self.story.world.rng
        posts = self.posts()
        polls = [post for post in posts if post.votes is not None]
        choice = rng.random()
        if posts and self.town.partner is not None and self.town.kind == PAPER and rng.random() < 0.3:
            square = device.places.get(self.town.partner.channel)
            if square is None or not square.inside:
                device.comment(place, rng.choice(posts[-RECENT:]).msg_id)
                return
        if polls and choice < 0.6:
            device.vote(place, rng.choice(polls), rng.choice((None, *ANSWERS, *ANSWERS)))
        elif posts and choice < 0.85:
            device.like(place, rng.choice(posts[-RECENT:]), rng.choice(EMOJI))
        elif posts and self.town.kind == PAPER:
            device.look_at(place, posts[-RECENT:])

    def govern(self, others: list[int]) -> None:
        """Of the creator."""
        device, place, rng, town = self.device, self.place, self.story.world.rng, self.town
        choice = rng.random()
        user = rng.choice(others)
        if town.kind == FORUM and rng.random() < 0.5:
            self.order()
        elif choice < 0.45:
            device.keep_out(place, user, user not in town.removed)
        elif choice < 0.7:
            device.make_admin(place, user, rng.random() < 0.7)
        elif choice < 0.8:
            device.rename_town(place)
        elif choice < 0.87 and town.kind != PAPER:
            device.delete_all_of(place, user)
        else:
            others_posts = [post for post in self.posts() if post.author != device.me]
            if others_posts:
                device.delete_posts(place, [rng.choice(others_posts)])

    def order(self) -> None:
        """Of a forum's creator."""
        device, place, rng = self.device, self.place, self.story.world.rng
        topics = [post for post in self.town.topics.values() if post.msg_id and not post.deleting]
        choice = rng.random()
        if topics and choice < 0.15:
            device.delete_topic(place, rng.choice(topics))
        elif topics and choice < 0.4:
            device.close_topic(place, rng.choice(topics).msg_id, rng.random() < 0.4)
        else:
            device.begin_topic(place)


def _begins(place: Place, one: Shown) -> bool:
    """Is the message that its thread begins with among those this device has?"""
    return one.top in place.posts or one.top == GENERAL


def run(seed: int) -> TownStory:
    """Raises Wrong with the seed."""
    told = TownStory(seed)
    told.play()
    return told
