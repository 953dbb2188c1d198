"""A whole key exchange over the simulated wire: in some worlds one device makes its key like that."""

from __future__ import annotations

import asyncio

from tests.sim import keys
from tests.sim.world import World
from tgserve.ids import Ids
from tgserve.mtproto.plain import parse_plain, plain
from tgserve.testing.miniclient import KeyExchange, Wire
from tgserve.testing.miniclient.wire import Packet


class Maker(asyncio.Protocol):
    """A client without a key."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ids = Ids(world.rng.getrandbits(64))
        self._wire = Wire("obf-intermediate", self._ids, dc_id=2)
        self._exchange = KeyExchange(keys.rsa().public, self._ids)
        self._made: asyncio.Future[bytes] = world.loop.create_future()

    async def key(self) -> bytes:
        """The 256 bytes of a key that the server has kept."""
        line = self._world.network.connect(self)
        self._transport = line.client
        line.client.write(self._wire.hello())
        self._say(self._exchange.start())
        key = await self._made
        line.cut()
        return key

    def _say(self, body: bytes) -> None:
        msg_id = int(self._world.clock.now() * 4294967296) & ~3
        self._transport.write(self._wire.wrap(plain(msg_id, body)))

    def data_received(self, data: bytes) -> None:
        for one in self._wire.receive(data):
            assert isinstance(one, Packet), f"the key exchange was refused: {one}"
            body = self._exchange.receive(parse_plain(one.payload)[1])
            if body is not None:
                self._say(body)
            elif not self._made.done():
                assert self._exchange.outcome == "ok" and self._exchange.key is not None
                self._made.set_result(self._exchange.key.raw)
