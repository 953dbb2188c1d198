"""kill -9 of a channel with comments: posts are acknowledged, commented, voted on and marked as read, members are kept
out and let in again. Afterwards everything acknowledged holds, each post has one copy in the
discussion group, both count the same comments, votes count once, and who has missed something is told all of it by
getChannelDifference (SECURITY 6.2, 6.12, 10.5). TGSERVE_KILL_ROUNDS and TGSERVE_KILL_SEED as in test_kill.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults import test_kill
from tests.faults.people import LOST, UNLIMITED, Message, Person, company
from tests.faults.test_kill import CHECK_EVERY, SEED
from tests.faults.test_kill_channels import Town
from tests.journeys.daemon import Daemon
from tests.waiting import until
from tgserve.errors import RpcError
from tgserve.tl import functions as f
from tgserve.tl import types as t

ROUNDS = test_kill.ROUNDS * 2 // 5
"""Dearer ones than those with messages alone, which run in full."""
MEMBERS = 4
ANSWERS = (b"y", b"n")
KEPT_OUT = ("CHANNEL_PRIVATE", "USER_BANNED_IN_CHANNEL", "CHANNEL_INVALID")


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * ROUNDS)
def test_10_5_comments_votes_and_seats_survive_kill_9(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SECURITY 6.2, 6.12, 10.5."""
    daemon = Daemon(tmp_path / "data", config=UNLIMITED)
    daemon.start()
    try:
        told = asyncio.run(_rounds(daemon))
    finally:
        daemon.end()
    with capsys.disabled():
        print(f"\n{told}")


class Copy:
    """Somebody's copy of the group, kept up to date by getChannelDifference alone."""

    def __init__(self) -> None:
        self.pts = 1
        self.box: dict[int, str] = {}


class Paper(Town):
    """A channel; the town is its discussion group."""

    def __init__(self, people: list[Person]) -> None:
        super().__init__(people)
        self.paper: dict[int, t.InputPeerChannel] = {}
        self.news: list[Message] = []
        self.copies: dict[int, Copy] = {}
        self.votes: dict[int, set[bytes]] = {}
        """User -> the answers he may have given: what was acknowledged last, and what he has tried since."""
        self.poll = 0
        self.reads: dict[int, int] = {}
        self.out: set[int] = set()
        """Kept out: that was acknowledged, and nobody has tried to let them in."""
        self.guests: Person | None = None

    async def begin(self) -> None:
        await self.found()
        first = self.people[0]
        made = await first.client.call(f.channels.CreateChannel(title="Paper", about="", broadcast=True))
        await first.client.call(
            f.channels.SetDiscussionGroup(
                broadcast=_channel(_peer(made.chats[0])), group=_channel(self.peers[first.me])
            )
        )
        self.paper[first.me] = _peer(made.chats[0])
        link = await first.client.call(f.messages.ExportChatInvite(peer=self.paper[first.me]))
        for person in self.people[1:]:
            hash_ = link.link.rpartition("/")[2].lstrip("+")
            came: Any = await person.client.call(f.messages.ImportChatInvite(hash=hash_))
            self.paper[person.me] = _peer(came.updates.chats[0])
        answers: list[Any] = [t.PollAnswer(text=_words(one.decode()), option=one) for one in ANSWERS]
        poll = t.Poll(id=0, question=_words("Tea?"), answers=answers, hash=0)
        sent: Any = await first.client.call(
            f.messages.SendMedia(
                peer=self.peers[first.me], media=t.InputMediaPoll(poll=poll), message="", random_id=7
            )
        )
        self.poll = next(one.id for one in sent.updates if isinstance(one, t.UpdateMessageID))

    # -- what they do ------------------------------------------------------------------------------------------------

    async def publish(self, message: Message) -> None:
        first = self.people[0]
        request = f.messages.SendMessage(
            peer=self.paper[first.me], message=message.text, random_id=message.random_id
        )
        answer = await first.client.call(request)
        self.acknowledged(message, answer)

    async def press(self, name: str) -> None:
        """News, until the connection breaks."""
        with suppress(*LOST):
            while True:
                message = Message(f"news {name} {len(self.news)}", self.people[0].ids.i64() or 1)
                self.news.append(message)
                await self.publish(message)
                await asyncio.sleep(0.02)

    async def live(self, person: Person, rng: random.Random, name: str) -> None:
        """Comment, vote, read, until the connection breaks."""
        with suppress(*LOST):
            while True:
                try:
                    await self._one(person, rng, name)
                except RpcError as refused:
                    if refused.name not in KEPT_OUT and refused.name != "MSG_ID_INVALID":
                        self.wrong.append(f"{person.phone}: {refused.name}")
                    await asyncio.sleep(0.02)

    async def _one(self, person: Person, rng: random.Random, name: str) -> None:
        choice = rng.random()
        posts = [one for one in self.news if one.msg_id]
        if choice < 0.6 and posts:
            await self.comment(person, rng.choice(posts[-4:]), name)
        elif choice < 0.75:
            answer = rng.choice(ANSWERS)
            self.votes.setdefault(person.me, set()).add(answer)
            await person.client.call(
                f.messages.SendVote(peer=self.peers[person.me], msg_id=self.poll, options=[answer])
            )
            self.votes[person.me] = {answer}
        elif choice < 0.9:
            top = max(self.copies[person.me].box, default=1) if person.me in self.copies else 1
            await person.client.call(
                f.channels.ReadHistory(channel=_channel(self.peers[person.me]), max_id=top)
            )
            self.reads[person.me] = max(self.reads.get(person.me, 0), top)
        else:
            message = Message(
                f"{person.phone[-3:]} {name} {len(self.posts[person.me])}", person.ids.i64() or 1
            )
            self.posts[person.me].append(message)
            await self.post(person, message)

    async def comment(self, person: Person, post: Message, name: str) -> None:
        found: Any = await person.client.call(
            f.messages.GetDiscussionMessage(peer=self.paper[person.me], msg_id=post.msg_id)
        )
        message = Message(f"{person.phone[-3:]} {name} {len(self.posts[person.me])}", person.ids.i64() or 1)
        self.posts[person.me].append(message)
        request = f.messages.SendMessage(
            peer=self.peers[person.me],
            message=message.text,
            random_id=message.random_id,
            reply_to=t.InputReplyToMessage(reply_to_msg_id=found.messages[0].id),
        )
        answer = await person.client.call(request)
        message.msg_id = next(one.id for one in answer.updates if isinstance(one, t.UpdateMessageID))

    async def rule(self, rng: random.Random) -> None:
        """Somebody is kept out, or let in again (he comes back by himself after the round)."""
        with suppress(*LOST):
            while True:
                await asyncio.sleep(rng.uniform(0.0, 0.1))
                person = rng.choice(self.people[1:])
                await self.keep_out(person, rng.random() < 0.5)

    async def keep_out(self, person: Person, out: bool) -> None:
        first = self.people[0]
        self.out.discard(person.me)
        user = await self._user(person)
        request = f.channels.EditBanned(
            channel=_channel(self.peers[first.me]),
            participant=user,
            banned_rights=t.ChatBannedRights(view_messages=out, until_date=0),
        )
        try:
            await first.client.call(request)
        except RpcError as refused:
            if refused.name not in ("CHAT_NOT_MODIFIED", "USER_NOT_PARTICIPANT"):
                raise
        if out:
            self.out.add(person.me)

    async def _user(self, person: Person) -> Any:
        first = self.people[0]
        if person is first.partner:
            return first.peer
        if person.me not in self.peers_of_first:
            contact = t.InputPhoneContact(client_id=1, phone=person.phone, first_name="C", last_name="")
            found: Any = await first.client.call(f.contacts.ImportContacts(contacts=[contact]))
            user = next(one for one in found.users if one.id == person.me)
            self.peers_of_first[person.me] = t.InputPeerUser(user_id=user.id, access_hash=user.access_hash)
        return self.peers_of_first[person.me]

    # -- what must hold ----------------------------------------------------------------------------------------------

    async def seats(self) -> None:
        """Who was kept out for sure reads nothing; the others are let in and come."""
        for person in self.people[1:]:
            if person.me in self.out:
                for request in self._looks(person):
                    try:
                        await person.client.call(request)
                    except RpcError as refused:
                        if refused.name not in KEPT_OUT:
                            self.wrong.append(f"{person.phone} was kept out: {refused.name}")
                    else:
                        self.wrong.append(f"{person.phone} was kept out and reads")
            await self.keep_out(person, False)
            with suppress(RpcError):  # he is in already
                await person.client.call(f.messages.ImportChatInvite(hash=self.hash))

    def _looks(self, person: Person) -> list[Any]:
        peer = self.peers[person.me]
        zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
        return [
            f.messages.GetHistory(peer=peer, limit=10, **zeros),
            f.updates.GetChannelDifference(
                channel=_channel(peer), filter=t.ChannelMessagesFilterEmpty(), pts=1, limit=10
            ),
        ]

    async def catch_up(self, person: Person) -> None:
        """From where his copy stands."""
        copy = self.copies.setdefault(person.me, Copy())
        while True:
            request = f.updates.GetChannelDifference(
                channel=_channel(self.peers[person.me]),
                filter=t.ChannelMessagesFilterEmpty(),
                pts=copy.pts,
                limit=100,
            )
            news: Any = await person.client.call(request)
            if isinstance(news, t.UpdatesChannelDifferenceTooLong):
                dialog: Any = news.dialog
                copy.box, copy.pts = await self.history(person), dialog.pts
                return
            for one in getattr(news, "new_messages", ()):
                if one.id in copy.box:
                    self.wrong.append(f"{person.phone} is told of {one.id} twice")
                copy.box[one.id] = getattr(one, "message", "")
            if news.pts < copy.pts:
                self.wrong.append(f"{person.phone} is led back from {copy.pts} to {news.pts}")
            copy.pts = news.pts
            if news.final:
                return

    async def again(self, message: Message) -> None:
        if not message.msg_id:
            await self.publish(message)

    async def agree(self) -> None:
        """Copies, comments, votes, marks, once those that are on their way have come."""
        self.wrong += await _at_rest(self._copies)
        self.wrong += await _at_rest(self._polled)
        for person in self.people:
            await self.catch_up(person)
            box = await self.history(person)
            copy = self.copies[person.me].box
            if copy != box:
                odd = sorted(set(copy.items()) ^ set(box.items()))[:4]
                self.wrong.append(f"{person.phone} was told of other posts than there are: {odd}")
        news = await self.messages(self.people[1], self.paper)
        texts = Counter(one.message for one in news.values() if isinstance(one, t.Message))
        for message in self.news:
            if texts[message.text] != 1 and message.msg_id:
                self.wrong.append(f"{message.text} is there {texts[message.text]} times")

    async def _copies(self) -> list[str]:
        wrong: list[str] = []
        full = await self.messages(self.people[0], self.peers)
        heads: dict[int, list[Any]] = {}
        for one in full.values():
            header = getattr(one, "fwd_from", None)
            if header is not None and header.channel_post:
                heads.setdefault(header.channel_post, []).append(one)
        news = await self.messages(self.people[1], self.paper)
        for msg_id, one in news.items():
            if isinstance(one, t.MessageService):
                continue
            roots = heads.get(msg_id, [])
            if len(roots) != 1 or roots[0].message != one.message:
                wrong.append(f"post {msg_id} has {len(roots)} copies")
                continue
            answers = [
                other.id
                for other in full.values()
                if other.reply_to is not None
                and roots[0].id in (other.reply_to.reply_to_top_id, other.reply_to.reply_to_msg_id)
                and isinstance(other, t.Message)
            ]
            if not one.replies.replies == roots[0].replies.replies == len(answers):
                wrong.append(
                    f"post {msg_id}: {len(answers)} comments, it says {one.replies.replies}, "
                    f"its copy {roots[0].replies.replies}"
                )
        return wrong

    async def _polled(self) -> list[str]:
        wrong: list[str] = []
        votes: Counter[bytes] = Counter()
        total = 0
        for person in self.people:
            one = (await self.messages(person, self.peers))[self.poll]
            results: Any = one.media.results
            total = results.total_voters or 0
            mine = {answer.option for answer in results.results or () if answer.chosen}
            votes.update(mine)
            may = self.votes.get(person.me, set())
            if len(mine) > 1 or mine - may or (len(may) == 1 and not mine):
                wrong.append(f"{person.phone} has voted {mine}, he tried {may}")
        if votes.total() != total:
            wrong.append(f"{votes} voted, {total} are counted")
        return wrong

    async def messages(self, person: Person, where: dict[int, t.InputPeerChannel]) -> dict[int, Any]:
        found: dict[int, Any] = {}
        offset = 0
        while True:
            zeros = dict.fromkeys(("offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
            request = f.messages.GetHistory(peer=where[person.me], offset_id=offset, limit=100, **zeros)
            page: Any = await person.client.call(request)
            if not page.messages:
                return found
            found.update({one.id: one for one in page.messages})
            offset = page.messages[-1].id

    hash = ""
    peers_of_first: dict[int, Any]


async def _rounds(daemon: Daemon) -> str:
    rng = random.Random(SEED)
    people = await company(daemon, MEMBERS // 2, SEED)
    paper = Paper(people)
    paper.peers_of_first = {}
    await paper.begin()
    first = people[0]
    link: Any = await first.client.call(f.messages.ExportChatInvite(peer=paper.peers[first.me]))
    paper.hash = link.link.rpartition("/")[2].lstrip("+")
    for number in range(ROUNDS):
        work: list[Callable[[], Any]] = [lambda: paper.press(f"r{number}")]  # noqa: B023 - begun at once
        if rng.random() < 0.5:
            work.append(lambda: paper.rule(rng))
        load = [asyncio.ensure_future(one()) for one in work]
        load += [asyncio.ensure_future(paper.live(person, rng, f"r{number}")) for person in people[1:]]
        await asyncio.sleep(rng.uniform(0.05, 0.5))
        daemon.kill()
        await asyncio.gather(*load)
        if number % CHECK_EVERY == CHECK_EVERY - 1:
            await asyncio.to_thread(daemon.run, "check")
        await asyncio.to_thread(daemon.start)
        await asyncio.gather(*(person.connect(new_session=rng.random() < 0.5) for person in people))
        await paper.seats()
        for message in paper.news:
            await paper.again(message)
        await asyncio.gather(*(paper.repeat(person) for person in people))
        if number % 5 == 4:
            await paper.agree()
        else:
            for person in people[2:]:
                await paper.catch_up(person)
        assert not paper.wrong, f"round {number} of seed {SEED}: {paper.wrong[:5]}"
    await paper.agree()
    for person in people:
        await person.client.disconnect()
    daemon.stop()
    daemon.run("check")
    assert not paper.wrong, f"seed {SEED}: " + "\n".join(paper.wrong[:20])
    comments = sum(1 for posts in paper.posts.values() for one in posts if one.msg_id)
    return f"kill -9: {ROUNDS} rounds, {len(paper.news)} posts, {comments} comments and messages acknowledged"


async def _at_rest(ask: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """What is wrong and stays so: what one commit begins, others end."""
    wrong: list[str] = []

    async def good() -> bool:
        wrong[:] = await ask()
        return not wrong

    with suppress(AssertionError):
        await until(good)
    return wrong


def _peer(chat: Any) -> t.InputPeerChannel:
    return t.InputPeerChannel(channel_id=chat.id, access_hash=chat.access_hash)


def _channel(peer: t.InputPeerChannel) -> t.InputChannel:
    return t.InputChannel(channel_id=peer.channel_id, access_hash=peer.access_hash)


def _words(text: str) -> t.TextWithEntities:
    return t.TextWithEntities(text=text, entities=[])
