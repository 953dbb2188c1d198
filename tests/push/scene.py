"""People with devices, and a push service that keeps what it is given: for tests of what is pushed to whom, when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.community import Community
from tests.talk import Person, talk
from tgserve import api
from tgserve.adapters import push as kinds
from tgserve.adapters.contract import Push, PushResult, Sent
from tgserve.adapters.push.routes import Routes
from tgserve.render import pushes
from tgserve.tl.functions import account

APPLE = "ab" * 32


@dataclass
class Service:
    """Takes every type of token. `answers` are given in turn, then Sent."""

    answers: list[PushResult] = field(default_factory=list)
    taken: list[Push] = field(default_factory=list)
    types: frozenset[int] = frozenset(kinds.NAMES) - {kinds.MTPROTO}

    async def send(self, push: Push) -> PushResult:
        answer = self.answers.pop(0) if self.answers else Sent()
        if isinstance(answer, Sent):
            self.taken.append(push)
        return answer

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def keys(self) -> list[str]:
        return [push.payload["loc_key"] for push in self.taken]

    @property
    def last(self) -> dict[str, Any]:
        return dict(self.taken[-1].payload)


class Scene:
    def __init__(self, c: Community, people: list[Person], service: Service) -> None:
        self.c = c
        self.people = people
        self.service = service
        self.push = c.services.push
        self.connected: dict[int, set[int]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.routes = Routes(c.clock, self.spawn, direct=[("service", lambda: service)])

    def spawn(self, work: Any) -> Any:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _connected(self, user: int) -> Collection[int]:
        return self.connected.get(user, set())

    async def start(self) -> None:
        services = self.c.services
        services.push.drawing.describe = pushes.describe
        services.push.loudness.hear = pushes.hear
        services.push.loudness.reactions = pushes.reactions
        services.push.sending.seal = pushes.sealing(self.c.ids.padding)
        self.push.connect(self._connected)
        await self.push.start(self.routes, self.spawn, services.providers)

    async def quiet(self) -> list[str]:
        """Wait until everything that is due is sent; the keys of what came since the last look."""
        while True:
            await self.c.settle()
            self.push.sending._look()
            await asyncio.sleep(0)
            if self.push.feed.idle and not self._tasks and not self.push.sending._busy:
                await self.c.settle()
                if not self.push.queue.ready(self.c.clock.now()):
                    break
                self.push.sending._look()
        found = self.service.keys[getattr(self, "_seen", 0) :]
        self._seen = len(self.service.taken)
        return found

    async def later(self, seconds: float) -> list[str]:
        self.c.clock.advance(seconds)
        return await self.quiet()

    async def register(self, who: Person, token: str = "", token_type: int = kinds.FCM, **more: Any) -> None:
        asked: dict[str, Any] = {"app_sandbox": False, "secret": b"", "other_uids": [], **more}
        token = token or f"token-of-{who.id}-{who.session.auth_key_id}"
        assert await who(account.RegisterDevice(token_type=token_type, token=token, **asked))

    def online(self, who: Person) -> None:
        self.connected.setdefault(who.id, set()).add(who.session.auth_key_id)

    def offline(self, who: Person) -> None:
        self.connected.get(who.id, set()).discard(who.session.auth_key_id)

    async def another(self, who: Person) -> Person:
        """A second session of somebody."""
        phone = f"+{self.c.services.users.get(who.id).phone}"
        user, key = await self.c.sign_in(phone)
        assert user == who.id
        return Person(self.c, user, type(who.session)(key, 78))


@asynccontextmanager
async def scene(people: int = 2, **settings: Any) -> AsyncIterator[Scene]:
    api.load()
    async with talk(people, **settings) as (c, made):
        played = Scene(c, made, Service())
        await played.start()
        try:
            yield played
        finally:
            for task in list(played._tasks):
                task.cancel()
            played.push.sending.stop()
