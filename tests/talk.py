"""Two people and short words for what they do: for tests of messages, over the real handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.community import Community, community
from tgserve.api import updates as _updates
from tgserve.api import upload as _upload
from tgserve.api.messages import (
    chats,
    dialogs,
    editing,
    history,
    invites,
    media,
    pinning,
    polls,
    reactions,
    reading,
    search,
    sending,
)
from tgserve.rpc.context import SessionRef
from tgserve.rpc.registry import METHODS
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

_RANDOM = count(1 << 40)
"""Far from those that tests choose themselves: a server takes each random_id of somebody once."""
SERVED = (
    _updates,
    _upload,
    chats,
    dialogs,
    editing,
    history,
    invites,
    media,
    pinning,
    polls,
    reactions,
    reading,
    search,
    sending,
)
"""Importing them fills METHODS."""


@dataclass
class Person:
    """One signed-in device of somebody."""

    c: Community
    id: int
    session: SessionRef

    async def __call__(self, request: Any) -> Any:
        """Call a method and read the answer as a client of the current layer would."""
        method = METHODS[request.ID]
        sent = layers.decode_request(layers.encode(request))
        call = self.c.call(self.id, session=self.session)
        answer = await method.run(call, sent)
        data = layers.encode_result(type(request), answer)
        await self.c.settle()
        kind = layers.result_type(type(request))
        return answer if kind == "Bool" or kind.startswith("Vector") else layers.decode(data)

    def peer(self, other: Person | int) -> t.AnyInputPeer:
        user_id = other if isinstance(other, int) else other.id
        if user_id == self.id:
            return t.InputPeerSelf()
        if user_id < 0:
            return t.InputPeerChat(chat_id=-user_id)
        return t.InputPeerUser(user_id=user_id, access_hash=self.c.services.views.user_hash(self.id, user_id))

    async def send(self, other: Person | int, text: str = "hi", **more: Any) -> int:
        """Send a text; returns its id in this box."""
        answer = await self(
            messages.SendMessage(peer=self.peer(other), message=text, **{"random_id": next(_RANDOM), **more})
        )
        if isinstance(answer, t.UpdateShortSentMessage):
            return answer.id
        return next(one.id for one in answer.updates if isinstance(one, t.UpdateMessageID))

    async def history(self, other: Person | int, **where: Any) -> list[Any]:
        zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
        found = await self(messages.GetHistory(peer=self.peer(other), **{**zeros, "limit": 100, **where}))
        return found.messages  # type: ignore[no-any-return]

    async def texts(self, other: Person | int, **where: Any) -> list[str]:
        """Newest first, without service messages."""
        return [one.message for one in await self.history(other, **where) if isinstance(one, t.Message)]

    async def line(self, other: Person | int) -> Any:
        """The chat's line in the list."""
        asked = [t.InputDialogPeer(peer=self.peer(other))]
        return (await self(messages.GetPeerDialogs(peers=asked))).dialogs[0]

    def device(self, number: int) -> Person:
        """Another session of the same person."""
        return Person(self.c, self.id, SessionRef(self.session.auth_key_id + 100_000 * number, number))


@asynccontextmanager
async def talk(people: int = 2, **settings: Any) -> AsyncIterator[tuple[Community, list[Person]]]:
    """A community of `people` who have just signed up."""
    async with community(**settings) as c:
        made = []
        for number in range(people):
            user_id, key = await c.sign_up(f"+999662{1001 + number}", f"P{number}")
            made.append(Person(c, user_id, SessionRef(key, 77)))
        yield c, made
