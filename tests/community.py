"""A server's services on the memory engine, without sockets: for tests of rules and handlers."""

from __future__ import annotations

import asyncio
import atexit
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from tgserve.adapters.contract import Sms
from tgserve.config import Config, LimitsConfig
from tgserve.ids import Ids
from tgserve.imaging.pool import Imaging
from tgserve.mtproto.cipher import AuthKey
from tgserve.render import forward, kinds, post, reactions, stickers
from tgserve.rpc.context import Call, Device, SessionRef
from tgserve.services import Services, build
from tgserve.store.shards import Store
from tgserve.testing.clock import FakeClock
from tgserve.tl import layers

SECRET = bytes(range(32))


@dataclass
class Desk:
    """Keeps what would have been sent."""

    sent: list[Sms] = field(default_factory=list)
    full: bool = False

    def post(self, sms: Sms) -> bool:
        if not self.full:
            self.sent.append(sms)
        return not self.full

    @property
    def code(self) -> str:
        return self.sent[-1].code


@dataclass
class Community:
    store: Store
    clock: FakeClock
    ids: Ids
    services: Services
    desk: Desk
    config: Config
    heard: list[Any] = field(default_factory=list)
    """Everything published, in order."""
    _keys: int = 0

    async def key(self) -> int:
        """A fresh auth key; its id."""
        self._keys += 1
        key = AuthKey(self._keys.to_bytes(8, "big") * 32)
        assert await self.services.auth.add_key(key.id, key.raw)
        return key.id

    async def settle(self) -> None:
        assert await self.store.settled()

    async def sign_up(self, phone: str, first_name: str = "Ann", last_name: str = "") -> tuple[int, int]:
        """(user id, auth key id) of a new account."""
        key = await self.key()
        auth = self.services.auth
        sent = await auth.send_code(phone, key, "127.0.0.1")
        assert await auth.sign_in(phone, sent.phone_code_hash, self.desk.code, key) == 0
        user_id = await auth.sign_up(phone, sent.phone_code_hash, first_name, last_name, key)
        await self.settle()
        return user_id, key

    async def sign_in(self, phone: str) -> tuple[int, int]:
        """(user id, auth key id) of one more session."""
        key = await self.key()
        sent = await self.services.auth.send_code(phone, key, "127.0.0.1")
        user_id = await self.services.auth.sign_in(phone, sent.phone_code_hash, self.desk.code, key)
        assert user_id
        await self.settle()
        return user_id, key

    def call(self, me: int = 0, key: int = 1, **changes: Any) -> Call:
        values: dict[str, Any] = {
            "me": me,
            "session": SessionRef(key, 77),
            "layer": layers.CURRENT,
            "device": Device(api_id=1, device_model="Test"),
            "ip": "127.0.0.1",
            "dc_id": 2,
            "now": int(self.clock.now()),
            "msg_id": 1,
            "services": self.services,
        }
        return Call(**values | changes)


@cache
def imaging() -> Imaging:
    """One for all communities of the process: its children take longer to start than most tests."""
    made = Imaging()
    atexit.register(made.close)
    return made


@asynccontextmanager
async def community(
    *, seed: int = 1, limits: dict[str, int] | None = None, **settings: Any
) -> AsyncIterator[Community]:
    config = Config(**settings)
    if limits:
        config = replace(config, limits=LimitsConfig(**limits))
    clock, ids, desk = FakeClock(), Ids(seed), Desk()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), engine="memory", clock=clock, ids=ids, secret=SECRET, threaded=False)
        services = build(store, clock, ids, config, desk, secret=SECRET, imaging=imaging())  # type: ignore[arg-type]
        made = Community(store, clock, ids, services, desk, config)
        services.search.feed.describe = kinds.describe
        services.stock.attributes = partial(stickers.of_stock, services.access)
        services.messaging.right_for = kinds.right_for
        services.channels.comments.header = forward.of_post
        services.channels.tallies.original = partial(post.original, services)
        services.reactions.custom_known = reactions.custom_known(services)
        services.bus.subscribe(made.heard.extend)
        await store.start()
        try:
            yield made
        finally:
            await store.close()


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run one test's coroutine."""
    asyncio.run(asyncio.wait_for(story, 250))
