"""Random calls of every method that names a chat, by an owner, an admin, a member and a stranger: an answer that every
layer can say or an error below 500, and a store that holds together (SECURITY 6.14, 7.4)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.api import requests
from tests.api.channels.test_channel_security import naming
from tests.api.requests import smallest
from tests.community import run
from tests.places import Place, place, publish, sound
from tests.talk import Person, talk
from tgserve.errors import RpcError
from tgserve.tl import layers
from tgserve.tl import types as t

CALLS = 400
INTS = [0, 1, 2, 3, 4, 5, 60, 86_400, -1, 2**31 - 1]
TEXTS = ["", " ", "hi", "a_public_name", "see example.com @a_public_name #tag", "\x00\u202e", "x" * 4097]
LAST = {"channels.deleteChannel", "channels.deleteHistory", "messages.deleteHistory", "messages.migrateChat"}
"""Now and then only: little is left to be called afterwards."""


def values(rng: random.Random) -> dict[str, Any]:
    number = rng.choice(INTS)
    return {
        "int": number,
        "long": rng.choice([number, rng.getrandbits(62) + 1]),
        "double": 1.5,
        "string": rng.choice(TEXTS),
        "bytes": rng.choice(TEXTS).encode(),
        "Bool": rng.random() < 0.5,
        "#": 0,
    }


@pytest.mark.parametrize("seed", range(4))
def test_7_4_no_call_of_a_channel_is_a_fault_of_ours(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        rng = random.Random(seed)
        async with talk(4) as (com, people):
            ann, bob, eve, joe = people
            here = await place(com, ann, bob, eve, megagroup=bool(seed % 2))
            other = await place(com, bob, ann)
            if seed >= 2:
                await publish(here, ann, "a_public_name")
            await here.promote(ann, bob, delete_messages=True, invite_users=True, change_info=True)
            for number in range(4):
                await here.post(ann, f"post {number}")
            methods = naming()
            faults = []
            for _ in range(CALLS):
                method = rng.choice(methods)
                name = method.request.NAME
                if name in LAST and rng.random() < 0.9:
                    continue
                who: Person = rng.choice(people)
                _name(monkeypatch, rng, rng.choice([here, here, here, other]), who, people)
                request = smallest(method.request, 0, values(rng), rng.random() < 0.5)
                try:
                    answer = await method.run(com.call(who.id, session=who.session), request)
                    for layer in (152, 200, layers.CURRENT):
                        layers.encode_result(method.request, answer, layer)
                except RpcError as error:
                    if error.code >= 500:
                        faults.append(f"{name}: {error!r}")
                except Exception as fault:
                    faults.append(f"{name} {request!r}: {fault!r}")
                await com.settle()
            assert not faults, "\n".join(faults)
            sound(com)

    run(story())


def _name(
    monkeypatch: pytest.MonkeyPatch, rng: random.Random, at: Place, who: Person, people: list[Person]
) -> None:
    """Which chat and whom the next request names."""
    user = rng.choice(people)
    peer: Any = at.peer(who) if rng.random() < 0.8 else who.peer(user)
    named = t.InputUser(user_id=user.id, access_hash=who.c.services.views.user_hash(who.id, user.id))
    monkeypatch.setitem(requests.PICKED, "InputPeer", lambda: peer)
    monkeypatch.setitem(requests.PICKED, "InputUser", lambda: named)
    monkeypatch.setitem(requests.PICKED, "InputChannel", lambda: at.input(who))
    monkeypatch.setitem(requests.PICKED, "InputDialogPeer", lambda: t.InputDialogPeer(peer=peer))
    monkeypatch.setitem(requests.PICKED, "InputNotifyPeer", lambda: t.InputNotifyPeer(peer=peer))
