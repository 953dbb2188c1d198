"""Calls as no honest client makes them: random bodies of a layer, some with people and numbers that mean something here,
some cut or lengthened."""

from __future__ import annotations

import random
from typing import Any

from tests.tl.samples import SCHEMA, Layer
from tgserve.errors import RpcError
from tgserve.rpc.registry import METHODS, Status
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject

NUMBERS = [0, 1, 2, 3, 5, 10, 50, 100, 1000, -1, -2, 2**31 - 1, -(2**31), 777000]
TEXTS = [
    "",
    " ",
    "hi",
    "@name #tag /cmd see example.com 👍🏽",
    "\x00\u202e",
    "x" * 4097,
    "+99966",
    "Ann",
    "00000",
]
ENDS = {"auth.logOut", "account.deleteAccount", "auth.bindTempAuthKey"}
"""These end the connection's login when they are right."""


def served(layer: int) -> list[str]:
    """The names of the REAL methods that this layer has."""
    real = {method.request.NAME for method in METHODS.values() if method.status is Status.REAL}
    return sorted(name for function, name in SCHEMA.names(layer) if function and name in real - ENDS)


class Mutants:
    """Bodies of one layer's calls; `people` and `groups` are what the caller may name."""

    def __init__(self, layer: int, people: list[t.InputPeerUser], groups: list[int] | None = None) -> None:
        self.layer = Layer(layer)
        self.people = people
        self.peers = [t.InputPeerSelf(), *people, *[t.InputPeerChat(chat_id=one) for one in groups or []]]
        self.groups = groups or []

    def plain_body(self, name: str, rng: random.Random) -> bytes:
        """What the layer allows and no more."""
        definition = SCHEMA[SCHEMA.names(self.layer.layer)[(True, name)]]
        return self.layer.body(definition, rng, share=rng.choice([0.0, 0.3, 1.0]))

    def body(self, name: str, rng: random.Random) -> bytes:
        body = self.plain_body(name, rng)
        kind = rng.random()
        if kind < 0.15:
            return body[: 4 * rng.randint(1, max(1, len(body) // 4))]
        if kind < 0.2:
            return body + rng.randbytes(4 * rng.randint(1, 8))
        if kind < 0.35:
            at = 4 * rng.randint(0, len(body) // 4 - 1)
            return body[:at] + rng.choice([bytes(4), b"\xff" * 4, rng.randbytes(4)]) + body[at + 4 :]
        if kind < 0.5:
            return body
        try:
            return layers.encode(self._meant(layers.decode_request(body), rng), self.layer.layer)
        except RpcError:
            return body  # what a wrapper inside it held cannot be read

    def _meant(self, value: Any, rng: random.Random) -> Any:
        """The same shape with peers that exist, numbers that may, texts worth reading."""
        if isinstance(value, t.AnyInputPeer) and rng.random() < 0.9:
            return rng.choice(self.peers)
        if isinstance(value, t.AnyInputUser) and rng.random() < 0.9:
            one = rng.choice(self.people)
            return t.InputUser(user_id=one.user_id, access_hash=one.access_hash)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int) and rng.random() < 0.8:
            return rng.choice(NUMBERS)
        if isinstance(value, str) and rng.random() < 0.8:
            return rng.choice(TEXTS)
        if isinstance(value, list):
            return [self._meant(one, rng) for one in value] * rng.choice([0, 1, 1, 1, 3])
        if isinstance(value, TLObject):
            for name in value.__slots__:
                setattr(value, name, self._meant(getattr(value, name), rng))
                if name == "chat_id" and self.groups and rng.random() < 0.9:
                    setattr(value, name, rng.choice(self.groups))
        return value
