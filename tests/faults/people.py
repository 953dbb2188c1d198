"""People with one device each, over real sockets, who remember everything: what they tried, what was acknowledged, what
they were told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.journeys.daemon import Daemon
from tests.waiting import until
from tgserve.errors import RpcError
from tgserve.ids import Ids
from tgserve.testing.miniclient import MiniClient, Refused
from tgserve.tl import functions as f
from tgserve.tl import types as t

UNLIMITED = """
[limits]
calls_per_minute = 0
handshakes_per_address_per_minute = 0
handshakes_per_minute = 0
codes_per_address_per_hour = 100000
"""
LOST = (ConnectionError, TimeoutError, Refused, OSError)


@dataclass(eq=False)
class Message:
    text: str
    random_id: int
    msg_id: int = 0
    """Once acknowledged; in the sender's box."""
    given_up: bool = False


@dataclass(eq=False)
class Person:
    daemon: Daemon
    phone: str
    pem: str
    ids: Ids
    me: int = 0
    partner: Person | None = None
    peer: Any = None
    pts: int = 1
    date: int = 1
    told: dict[int, tuple[int, str]] = field(default_factory=dict)
    """pts -> (message id, text), as it came live, by answer or by difference; 0 and "" for what is no message."""
    sent: list[Message] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    client: MiniClient = field(init=False)
    refused: list[str] = field(default_factory=list)
    """Errors that sends were answered with."""

    def __post_init__(self) -> None:
        self.client = MiniClient("abridged", rsa_public=self.pem, ids=self.ids)
        self.client.on_update = self._updates

    async def sign_up(self) -> None:
        client = self.client
        await client.connect(self.daemon.host, self.daemon.port)
        settings = t.CodeSettings()
        sent = await client.call(
            f.auth.SendCode(phone_number=self.phone, api_id=1, api_hash="x", settings=settings)
        )
        code = await asyncio.to_thread(self.daemon.code, self.phone)
        where = {"phone_number": self.phone, "phone_code_hash": sent.phone_code_hash}
        await client.call(f.auth.SignIn(phone_code=code, **where))
        answer = await client.call(f.auth.SignUp(first_name="P" + self.phone[-3:], last_name="", **where))
        self.me = answer.user.id
        await self.catch_up()

    async def meet(self, partner: Person) -> None:
        """Learn to write to `partner`, by phone number."""
        self.partner = partner
        contact = t.InputPhoneContact(client_id=1, phone=partner.phone, first_name="C", last_name="")
        found = await self.client.call(f.contacts.ImportContacts(contacts=[contact]))
        user = next(one for one in found.users if one.id == partner.me)
        self.peer = t.InputPeerUser(user_id=user.id, access_hash=user.access_hash)

    async def connect(self, new_session: bool) -> None:
        """With the key made once; "same keys still signed in"."""
        await self.client.disconnect()
        if new_session:
            self.client.new_session()
        await self.client.connect(self.daemon.host, self.daemon.port)
        await self.catch_up()

    # -- sending -----------------------------------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """Raises what became of the connection; an error of the server's is noted."""
        assert self.peer is not None
        request = f.messages.SendMessage(peer=self.peer, message=message.text, random_id=message.random_id)
        try:
            answer = await self.client.call(request)
        except RpcError as fault:
            self.refused.append(fault.name)
            return
        if message.msg_id and message.msg_id != answer.id:
            self.trouble.append(f"{message.text} acknowledged as {message.msg_id} and as {answer.id}")
        message.msg_id = answer.id
        self._tell(answer.pts, answer.pts_count, answer.id, message.text)

    def new_message(self, text: str) -> Message:
        message = Message(text, self.ids.i64() or 1)
        self.sent.append(message)
        return message

    async def chatter(self, name: str, window: int) -> None:
        """Send, `window` at a time, until the connection breaks."""
        count = 0

        async def stream(lane: int) -> None:
            nonlocal count
            with suppress(*LOST):
                while True:
                    count += 1
                    await self.send(self.new_message(f"{self.phone[-3:]} {name} {lane} {count}"))

        await asyncio.gather(*(stream(lane) for lane in range(window)))

    async def repeat(self) -> None:
        """What was not acknowledged is sent again, with the same random_id, as apps do; every third is given up."""
        for number, message in enumerate(m for m in self.sent if not m.msg_id and not m.given_up):
            if number % 3 == 2:
                message.given_up = True
            else:
                await self.send(message)

    # -- what comes --------------------------------------------------------------------------------------------------

    def _updates(self, update: Any) -> None:
        one: Any
        for one in getattr(update, "updates", ()):
            if isinstance(one, t.UpdateNewMessage):
                message: Any = one.message
                self._tell(one.pts, one.pts_count, message.id, getattr(message, "message", ""))
            elif getattr(one, "pts_count", 0):
                self._tell(one.pts, one.pts_count, 0, "")

    def _tell(self, pts: int, count: int, msg_id: int, text: str) -> None:
        for at in range(pts - count + 1, pts + 1):
            before = self.told.setdefault(at, (msg_id, text))
            if before != (msg_id, text):
                self.trouble.append(f"pts {at} was told as {before} and as {(msg_id, text)}")

    async def catch_up(self) -> None:
        """getDifference from the last pts without a gap."""
        while True:
            while self.pts + 1 in self.told:
                self.pts += 1
            missed = await self.client.call(f.updates.GetDifference(pts=self.pts, date=self.date, qts=0))
            if isinstance(missed, t.UpdatesDifferenceEmpty):
                return
            if isinstance(missed, t.UpdatesDifferenceTooLong):
                self.trouble.append("differenceTooLong")
                return
            whole = isinstance(missed, t.UpdatesDifference)
            state = missed.state if whole else missed.intermediate_state
            others = sum(getattr(one, "pts_count", 0) for one in missed.other_updates)
            if state.pts - self.pts != len(missed.new_messages) + others:
                self.trouble.append(
                    f"the difference {self.pts}..{state.pts} holds {len(missed.new_messages)} + {others} events"
                )
            if not others:  # messages only: each is one pts, in order
                for at, message in enumerate(missed.new_messages, self.pts + 1):
                    self._tell(at, 1, message.id, getattr(message, "message", ""))
            self.pts, self.date = state.pts, state.date
            if whole:
                return

    async def history(self) -> dict[int, str]:
        """All messages of the chat with the partner, by getHistory."""
        found: dict[int, str] = {}
        offset = 0
        while True:
            page = await self.client.call(
                f.messages.GetHistory(
                    peer=self.peer,
                    offset_id=offset,
                    offset_date=0,
                    add_offset=0,
                    limit=100,
                    max_id=0,
                    min_id=0,
                    hash=0,
                )
            )
            if not page.messages:
                return found
            for message in page.messages:
                if message.id in found:
                    self.trouble.append(f"message {message.id} is in the history twice")
                found[message.id] = message.message
            offset = page.messages[-1].id


async def company(daemon: Daemon, pairs: int, seed: int) -> list[Person]:
    """`pairs` couples, signed up, who know each other."""
    pem = daemon.pem
    people = [
        Person(daemon, f"+9996630{number:04d}", pem, Ids(seed * 100 + number)) for number in range(2 * pairs)
    ]
    await asyncio.gather(*(person.sign_up() for person in people))
    for one, other in zip(people[::2], people[1::2], strict=True):
        await one.meet(other)
        await other.meet(one)
    return people


async def arrived(people: list[Person]) -> None:
    """Wait until what was sent last stands on the other side too. What never comes, `compare` names."""

    async def both() -> bool:
        boxes = {person.me: set((await person.history()).values()) for person in people}
        return all(boxes[person.me] == boxes[person.partner.me] for person in people if person.partner)

    with suppress(AssertionError):
        await until(both)


async def compare(people: list[Person]) -> list[str]:
    """Everything acknowledged is on both sides once and in the sender's order; nothing is there that nobody sent; what
    was told live is what the history says; every box's pts is where its owner is."""
    wrong: list[str] = []
    boxes = {person.me: await person.history() for person in people}
    for person in people:
        assert person.partner is not None
        name = person.phone
        await person.catch_up()
        state = await person.client.call(f.updates.GetState())
        if state.pts != person.pts:
            wrong.append(f"{name} is at pts {person.pts}, the box at {state.pts}")
        wrong += [f"{name}: {text}" for text in person.trouble]
        mine, theirs = boxes[person.me], boxes[person.partner.me]
        tried = {message.text for message in person.sent}
        here = [text for _, text in sorted(mine.items()) if text in tried]
        there = [text for _, text in sorted(theirs.items()) if text in tried]
        if here != there:
            lost = sorted(set(here) ^ set(there))[:5]
            wrong.append(f"{name}: {len(here)} messages here and {len(there)} there, different: {lost}")
        if len(set(here)) != len(here):
            wrong.append(f"{name}: a message is there twice")
        for message in person.sent:
            if message.msg_id and mine.get(message.msg_id) != message.text:
                wrong.append(f"{name}: {message.text} was acknowledged as {message.msg_id} and is not there")
        others = {message.text for message in person.partner.sent}
        strangers = [text for text in mine.values() if text not in tried and text not in others]
        if strangers:
            wrong.append(f"{name}: messages from nowhere: {strangers[:5]}")
        for msg_id, text in person.told.values():
            if text in tried or text in others:
                if mine.get(msg_id) != text:
                    wrong.append(f"{name} was told {text} as {msg_id}, the history has {mine.get(msg_id)}")
    return wrong


def size(folder: Path) -> int:
    """Bytes in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
