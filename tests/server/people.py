"""Signing up over the wire, with the mini client."""

from __future__ import annotations

from typing import Any

from tgserve.testing.miniclient import MiniClient
from tgserve.testing.server import FIXED_CODE
from tgserve.tl import types as t
from tgserve.tl.functions import auth, contacts, messages


async def sign_up(client: MiniClient, phone: str, name: str = "Ann") -> Any:
    """The client's own user, signed up or in."""
    sent = await client.call(
        auth.SendCode(phone_number=phone, api_id=1, api_hash="", settings=t.CodeSettings())
    )
    code_hash = sent.phone_code_hash
    answer = await client.call(
        auth.SignIn(phone_number=phone, phone_code_hash=code_hash, phone_code=FIXED_CODE)
    )
    if isinstance(answer, t.AuthAuthorizationSignUpRequired):
        answer = await client.call(
            auth.SignUp(phone_number=phone, phone_code_hash=code_hash, first_name=name, last_name="")
        )
    return answer.user


async def meet(client: MiniClient, phone: str) -> t.InputPeerUser:
    """The user of a phone number, as this client may name him."""
    entry = t.InputPhoneContact(client_id=1, phone=phone, first_name="Friend", last_name="")
    found = (await client.call(contacts.ImportContacts(contacts=[entry]))).users[0]
    return t.InputPeerUser(user_id=found.id, access_hash=found.access_hash)


def message(peer: Any, text: str, number: int) -> messages.SendMessage:
    return messages.SendMessage(peer=peer, message=text, random_id=number)


async def next_text(client: MiniClient) -> str:
    """The text of the next new message; other updates are passed over."""
    while True:
        update = await client.next_update()
        for one in getattr(update, "updates", []):
            if isinstance(one, t.UpdateNewMessage):
                return str(getattr(one.message, "message", ""))
