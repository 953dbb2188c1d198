"""Every transport of one port, by the mini client over real sockets: exchange, sign-up, a message live, quick ack."""

from __future__ import annotations

import asyncio

import pytest

from tests.waiting import until
from tgserve.testing.miniclient import KINDS, MiniClient
from tgserve.tl import types as t
from tgserve.tl.functions import auth, contacts, messages

pytestmark = pytest.mark.asyncio


async def sign_up(daemon, pem, phone, kind, **options) -> MiniClient:
    client = MiniClient(kind, rsa_public=pem, **options)
    client.heard = []
    client.on_update = client.heard.append
    await client.connect(daemon.host, daemon.port)
    settings = t.CodeSettings()
    sent = await client.call(auth.SendCode(phone_number=phone, api_id=1, api_hash="x", settings=settings))
    code = await asyncio.to_thread(daemon.code, phone)
    code_hash = sent.phone_code_hash
    answer = await client.call(auth.SignIn(phone_number=phone, phone_code_hash=code_hash, phone_code=code))
    assert isinstance(answer, t.AuthAuthorizationSignUpRequired)
    done = await client.call(
        auth.SignUp(phone_number=phone, phone_code_hash=code_hash, first_name=kind, last_name="")
    )
    client.me = done.user
    return client


def texts(client) -> list[str]:
    found = []
    for update in client.heard:
        for one in getattr(update, "updates", []):
            if isinstance(one, t.UpdateNewMessage) and isinstance(one.message, t.Message):
                found.append(one.message.message)
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_live(daemon, pem, new_phone, kind):
    phone = new_phone()
    ann = await sign_up(daemon, pem, new_phone(), kind)
    bob = await sign_up(daemon, pem, phone, kind)
    contact = t.InputPhoneContact(client_id=1, phone=phone, first_name="Bob", last_name="")
    found = await ann.call(contacts.ImportContacts(contacts=[contact]))
    peer = t.InputPeerUser(user_id=found.users[0].id, access_hash=found.users[0].access_hash)
    quick = kind != "http" and "full" not in kind
    text = f"over {kind}"
    await ann.call(messages.SendMessage(peer=peer, message=text, random_id=1), quick_ack=quick)
    await until(lambda: text in texts(bob))
    assert bool(ann.quick_acks) == quick
    assert (await ann.ping()).ping_id
    await ann.disconnect()
    await bob.disconnect()


async def test_temporary_keys(daemon, pem, new_phone):
    """PFS: permanent and temporary key, bound in the first container, then everything as ever."""
    ann = await sign_up(daemon, pem, new_phone(), "obf-intermediate", pfs=True)
    await ann.call(messages.SendMessage(peer=t.InputPeerSelf(), message="kept", random_id=1))
    await ann.disconnect()
    await ann.connect(daemon.host, daemon.port)
    history = await ann.call(
        messages.GetHistory(
            peer=t.InputPeerSelf(),
            offset_id=0,
            offset_date=0,
            add_offset=0,
            limit=10,
            max_id=0,
            min_id=0,
            hash=0,
        )
    )
    assert [m.message for m in history.messages if isinstance(m, t.Message)] == ["kept"]
    await ann.disconnect()
