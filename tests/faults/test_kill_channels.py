"""kill -9 while members of a supergroup post: what was acknowledged is there once, for all of them (SECURITY 10.5).

TGSERVE_KILL_ROUNDS and TGSERVE_KILL_SEED as in test_kill.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.people import LOST, UNLIMITED, Message, Person, company
from tests.faults.test_kill import CHECK_EVERY, ROUNDS, SEED
from tests.journeys.daemon import Daemon
from tgserve.errors import RpcError
from tgserve.tl import functions as f
from tgserve.tl import types as t

MEMBERS = 4


@pytest.mark.slow
@pytest.mark.timeout(60 + 15 * ROUNDS)
def test_10_5_nothing_posted_in_a_channel_is_lost_by_kill_9(tmp_path: Path) -> None:
    """SECURITY 6.12, 10.5: every member reads each acknowledged post once, and the same."""
    daemon = Daemon(tmp_path / "data", config=UNLIMITED)
    daemon.start()
    try:
        asyncio.run(_rounds(daemon))
    finally:
        daemon.end()


class Town:
    """A supergroup, and what was tried in it."""

    def __init__(self, people: list[Person]) -> None:
        self.people = people
        self.peers: dict[int, t.InputPeerChannel] = {}
        self.posts: dict[int, list[Message]] = {person.me: [] for person in people}
        self.wrong: list[str] = []

    async def found(self) -> None:
        """Made by the first; the others come by its link."""
        first = self.people[0].client
        made = await first.call(f.channels.CreateChannel(title="Town", about="", megagroup=True))
        chat: Any = made.chats[0]
        self._meet(self.people[0], chat)
        link = await first.call(f.messages.ExportChatInvite(peer=self.peers[self.people[0].me]))
        for person in self.people[1:]:
            hash_ = link.link.rpartition("/")[2].lstrip("+")
            came: Any = await person.client.call(f.messages.ImportChatInvite(hash=hash_))
            self._meet(person, came.updates.chats[0])

    def _meet(self, person: Person, chat: Any) -> None:
        self.peers[person.me] = t.InputPeerChannel(channel_id=chat.id, access_hash=chat.access_hash)

    async def post(self, person: Person, message: Message) -> None:
        request = f.messages.SendMessage(
            peer=self.peers[person.me], message=message.text, random_id=message.random_id
        )
        answer = await person.client.call(request)
        self.acknowledged(message, answer)

    def acknowledged(self, message: Message, answer: Any) -> None:
        msg_id = next(one.id for one in answer.updates if isinstance(one, t.UpdateMessageID))
        if message.msg_id not in (0, msg_id):
            self.wrong.append(f"{message.text} was acknowledged as {message.msg_id} and as {msg_id}")
        message.msg_id = msg_id

    async def chatter(self, person: Person, name: str) -> None:
        """Post until the connection breaks."""
        with suppress(*LOST):
            while True:
                posts = self.posts[person.me]
                message = Message(f"{person.phone[-3:]} {name} {len(posts)}", person.ids.i64() or 1)
                posts.append(message)
                await self.post(person, message)

    async def repeat(self, person: Person) -> None:
        """What was not acknowledged is sent again, as apps do; every third is given up."""
        waiting = [one for one in self.posts[person.me] if not one.msg_id and not one.given_up]
        for number, message in enumerate(waiting):
            if number % 3 == 2:
                message.given_up = True
            else:
                await self.post(person, message)

    async def history(self, person: Person) -> dict[int, str]:
        found: dict[int, str] = {}
        offset = 0
        while True:
            zeros = dict.fromkeys(("offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
            request = f.messages.GetHistory(peer=self.peers[person.me], offset_id=offset, limit=100, **zeros)
            page: Any = await person.client.call(request)
            if not page.messages:
                return found
            found.update({one.id: getattr(one, "message", "") for one in page.messages})
            offset = page.messages[-1].id

    async def missed(self, person: Person) -> dict[int, str]:
        """The new messages of getChannelDifference from the channel's first pts."""
        peer, pts = self.peers[person.me], 1
        found: dict[int, str] = {}
        while True:
            request = f.updates.GetChannelDifference(
                channel=t.InputChannel(channel_id=peer.channel_id, access_hash=peer.access_hash),
                filter=t.ChannelMessagesFilterEmpty(),
                pts=pts,
                limit=100,
            )
            news: Any = await person.client.call(request)
            if isinstance(news, t.UpdatesChannelDifferenceTooLong):
                return {}
            for one in getattr(news, "new_messages", ()):
                if one.id in found:
                    self.wrong.append(f"{person.phone} is told of {one.id} twice")
                found[one.id] = getattr(one, "message", "")
            pts = news.pts
            if news.final:
                return found

    async def compare(self) -> None:
        boxes = [await self.history(person) for person in self.people]
        for person, box in zip(self.people, boxes, strict=True):
            if box != boxes[0]:
                self.wrong.append(f"{person.phone} has other posts than the first")
            told = await self.missed(person)
            if told and told != {msg_id: text for msg_id, text in box.items() if msg_id in told}:
                self.wrong.append(f"{person.phone} is told of other posts than there are")
            for message in self.posts[person.me]:
                if message.msg_id and boxes[0].get(message.msg_id) != message.text:
                    self.wrong.append(f"{message.text} was acknowledged as {message.msg_id} and is not there")
        texts = Counter(text for text in boxes[0].values() if text)
        tried = {message.text for posts in self.posts.values() for message in posts}
        self.wrong += [f"{text} is there {times} times" for text, times in texts.items() if times > 1]
        self.wrong += [f"{text} is there and nobody posted it" for text in texts if text not in tried]


async def _rounds(daemon: Daemon) -> None:
    rng = random.Random(SEED)
    people = await company(daemon, MEMBERS // 2, SEED)
    town = Town(people)
    await town.found()
    for number in range(ROUNDS):
        load = [asyncio.ensure_future(town.chatter(person, f"r{number}")) for person in people]
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        daemon.kill()
        await asyncio.gather(*load)
        if number % CHECK_EVERY == CHECK_EVERY - 1:
            await asyncio.to_thread(daemon.run, "check")
        await asyncio.to_thread(daemon.start)
        await asyncio.gather(*(person.connect(new_session=rng.random() < 0.5) for person in people))
        try:
            await asyncio.gather(*(town.repeat(person) for person in people))
        except RpcError as fault:
            town.wrong.append(f"a repeat was refused: {fault.name}")
        assert not town.wrong, f"round {number} of seed {SEED}: {town.wrong[:5]}"
    await town.compare()
    for person in people:
        await person.client.disconnect()
    daemon.stop()
    daemon.run("check")
    assert not town.wrong, f"seed {SEED}: " + "\n".join(town.wrong[:20])
    acknowledged = sum(1 for posts in town.posts.values() for one in posts if one.msg_id)
    assert acknowledged > ROUNDS
