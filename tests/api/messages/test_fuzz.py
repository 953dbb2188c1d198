"""Mutated calls of every message method: an answer that every layer can say or an error below 500, and boxes whose
counters still say what they hold (SECURITY 6.14, 7.4)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.community import run
from tests.services.test_convergence import check_box
from tests.talk import SERVED, Person, talk
from tests.tl.samples import SCHEMA, Layer
from tgserve.errors import RpcError
from tgserve.render import updates as render
from tgserve.rpc.registry import METHODS
from tgserve.store.check import check_store
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject
from tgserve.tl.functions import messages

MINE = [
    method.request
    for method in METHODS.values()
    if any(
        method.where.startswith(module.__name__.replace(".", "/").removeprefix("tgserve/"))
        for module in SERVED
    )
]
NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 50, 100, -1, -3, 2**31 - 1, -(2**31)]
TEXTS = ["", " ", "hi", "see example.com @name #tag /cmd 👍👍", "\x00\u202e", "x" * 4097, "two"]


class Mutant:
    def __init__(self, seed: int, me: Person, others: list[Person]) -> None:
        self.rng = random.Random(seed)
        self.me = me
        self.others = others
        self.layer = Layer(layers.CURRENT)

    def request(self, kind: type[TLObject]) -> Any:
        body = self.layer.body(SCHEMA[kind.ID], self.rng, share=0.3)
        return self.changed(layers.decode_request(body))

    def changed(self, value: Any) -> Any:
        """The same shape with peers that exist, ids that may, and texts worth reading."""
        rng = self.rng
        if isinstance(value, t.AnyInputPeer) and rng.random() < 0.8:
            return self.me.peer(rng.choice([self.me, *self.others]))
        if isinstance(value, t.AnyInputReplyTo) and rng.random() < 0.5:
            return t.InputReplyToMessage(
                reply_to_msg_id=rng.choice(NUMBERS), quote_text=rng.choice([None, "hi"])
            )
        if isinstance(value, t.AnyInputMessage):
            return t.InputMessageID(id=rng.choice(NUMBERS))
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int) and rng.random() < 0.9:
            return rng.choice(NUMBERS)
        if isinstance(value, str) and rng.random() < 0.9:
            return rng.choice(TEXTS)
        if isinstance(value, list):
            return [self.changed(one) for one in value]
        if isinstance(value, TLObject):
            for name in value.__slots__:
                setattr(value, name, self.changed(getattr(value, name)))
            for name in (
                "schedule_date",
                "schedule_repeat_period",
            ):  # what waits, or is refused, tries nothing else
                if getattr(value, name, None):
                    setattr(value, name, None)
        return value


def test_all_methods_are_in() -> None:
    assert len(MINE) > 35


@pytest.mark.parametrize("seed", range(3))
def test_7_4_mutated_calls(seed: int) -> None:
    """SECURITY 7.4"""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            for number in range(3):
                await ann.send(bob, f"hi {number}")
                await bob.send(ann, f"two {number}")
            mutant = Mutant(seed, ann, [bob, eve])
            served = 0
            for _ in range(12):
                for kind in MINE:
                    request = mutant.request(kind)
                    name = request.NAME
                    try:
                        answer = await METHODS[kind.ID].run(c.call(ann.id, session=ann.session), request)
                    except RpcError as error:
                        assert error.code < 500, name
                        continue
                    served += 1
                    for layer in (152, 200, 229, layers.CURRENT):
                        if SCHEMA[kind.ID].key in SCHEMA.names(SCHEMA.known_layer(layer)) and (
                            layer == layers.CURRENT or kind is not messages.GetSearchCounters
                        ):  # counters carry the asked filters back, which an old layer could not have asked
                            layers.encode_result(kind, answer, layer)
            await c.settle()
            assert served > 100
            for person in (ann, bob, eve):
                check_box(c, person.id)
            assert not check_store(c.store).problems
            for item in c.heard:
                if isinstance(item, Published):
                    drawn = render.draw(c.services, item, item.user_id)
                    for layer in (152, layers.CURRENT):
                        layers.encode(drawn, layer)

    run(story())
