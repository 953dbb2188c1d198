"""Auth keys for the simulation: made once a process by the real key exchange, in memory, the same in every process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tgserve.ids import Ids
from tgserve.mtproto.handshake import Handshakes, Reply
from tgserve.mtproto.rsa import RsaKey
from tgserve.testing.miniclient import KeyExchange

SECRET = bytes(range(32))


@cache
def rsa() -> RsaKey:
    """A fixed key, of no use anywhere else."""
    return RsaKey.from_pem((Path(__file__).parent / "rsa.pem").read_text())


@cache
def auth_key(number: int) -> bytes:
    """The 256 bytes of key `number`."""
    ids = Ids(1000 + number)
    server = Handshakes(rsa(), Ids(2000 + number))
    client = KeyExchange(rsa().public, ids)
    body: bytes | None = client.start()
    while body is not None:
        step = server.receive(body, now=1_800_000_000.0)
        while not isinstance(step, Reply):
            step = step.finish(step.run(), 1_800_000_000.0)
        assert step.body is not None
        body = client.receive(step.body)
    assert client.key is not None
    return client.key.raw
