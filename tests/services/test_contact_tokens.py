from __future__ import annotations

import pytest

from tests.community import SECRET, run
from tests.talk import talk
from tgserve import limits
from tgserve.api import contacts as _contacts
from tgserve.api import users as _users
from tgserve.errors import RpcError
from tgserve.services.contact_tokens import ContactTokens
from tgserve.testing.clock import FakeClock
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import contacts, users

SERVED = (_contacts, _users)


def test_a_link_finds_its_owner_for_a_day() -> None:
    """Also one who has no username, lets nobody find him by number and has never been seen by the other."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            made = await ann(contacts.ExportContactToken())
            assert made.url.startswith("https://t.me/contact/")
            assert made.expires == int(c.clock.now()) + limits.CONTACT_TOKEN_SECONDS
            token = made.url.rpartition("/")[2]
            found = await bob(contacts.ImportContactToken(token=token))
            assert (found.id, found.phone) == (ann.id, None)
            named = t.InputUser(user_id=found.id, access_hash=found.access_hash)
            (again,) = await bob(users.GetUsers(id=[named]))
            again = layers.decode(layers.encode(again))
            assert isinstance(again, t.User) and again.id == ann.id
            c.clock.advance(limits.CONTACT_TOKEN_SECONDS)
            with pytest.raises(RpcError, match="IMPORT_TOKEN_INVALID"):
                await bob(contacts.ImportContactToken(token=token))

    run(story())


def test_6_1_nobody_makes_a_token_of_somebody_else() -> None:
    clock = FakeClock()
    tokens = ContactTokens(clock, SECRET)
    token, _ = tokens.make(1_000_001)
    assert tokens.read(token) == 1_000_001
    forged, _ = ContactTokens(clock, b"x" * 32).make(1_000_001)
    for wrong in (
        forged,
        token[:-1],
        token[:-4],
        "B" + token[1:],
        token + "AAAA",
        "",
        "\u20ac",
        "a" * 32,
        "%%%",
    ):
        with pytest.raises(RpcError, match="IMPORT_TOKEN_INVALID"):
            tokens.read(wrong)
