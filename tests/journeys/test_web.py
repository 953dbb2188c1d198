"""What Web K (layer 201 and 227) and Web A (227) send from the first socket to the first message, in their order, over
the WebSocket of the one port: no 5xx, nothing lost beside a call that nobody knows (CLIENTS C).
"""

from __future__ import annotations

import asyncio

import pytest

from tests.waiting import until
from tgserve.errors import RpcError
from tgserve.mtproto.constructors import PING_DELAY_DISCONNECT
from tgserve.testing.miniclient import MiniClient
from tgserve.testing.miniclient.session import Failure, Result
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import (
    account,
    auth,
    contacts,
    help,
    langpack,
    messages,
    payments,
    stories,
    updates,
    users,
)

pytestmark = pytest.mark.asyncio
LAYERS = (201, 227)
WRONG_SALT = 0x1234567
SELF = t.InputPeerSelf()
PAGE = {"offset_id": 0, "offset_date": 0, "add_offset": 0, "limit": 50, "max_id": 0, "min_id": 0, "hash": 0}

BEFORE_LOGIN = [
    help.GetConfig(),
    help.GetNearestDc(),
    langpack.GetLangPack(lang_pack="webk", lang_code="en"),
    langpack.GetStrings(lang_pack="weba", lang_code="en", keys=["Login.Title"]),
    langpack.GetLanguages(lang_pack="weba"),
    help.GetAppConfig(hash=0),
    help.GetCountriesList(lang_code="en", hash=0),
]
AFTER_LOGIN = [
    messages.GetSavedReactionTags(hash=0),
    help.GetAppConfig(hash=0),
    messages.GetAttachMenuBots(hash=0),
    account.GetThemes(format="macos", hash=0),
    payments.GetStarsStatus(peer=SELF),
    contacts.GetTopPeers(correspondents=True, offset=0, limit=30, hash=0),
    help.GetPeerProfileColors(hash=0),
    help.GetPeerColors(hash=0),
    messages.GetDialogFilters(),
    stories.GetAllStories(),
    stories.GetAllStories(hidden=True),
    *[
        account.GetNotifySettings(peer=kind())
        for kind in (t.InputNotifyUsers, t.InputNotifyChats, t.InputNotifyBroadcasts)
    ],
    messages.GetDialogs(offset_date=0, offset_id=0, offset_peer=t.InputPeerEmpty(), limit=100, hash=0),
    messages.GetDialogs(
        folder_id=1, offset_date=0, offset_id=0, offset_peer=t.InputPeerEmpty(), limit=100, hash=0
    ),
    messages.GetPinnedDialogs(folder_id=0),
    updates.GetState(),
    messages.GetAllDrafts(),
    *[
        messages.GetStickerSet(stickerset=kind(), hash=0)
        for kind in (
            t.InputStickerSetAnimatedEmoji,
            t.InputStickerSetEmojiGenericAnimations,
            t.InputStickerSetAnimatedEmojiAnimations,
        )
    ],
    contacts.GetContacts(hash=0),
    updates.GetDifference(pts=0, date=0, qts=-1),
    updates.GetDifference(pts=1, date=1, qts=-1),
    messages.GetStickers(emoticon="👋⭐️", hash=0),
    messages.GetAvailableReactions(hash=0),
    messages.GetTopReactions(limit=75, hash=0),
    messages.GetFavedStickers(hash=0),
    messages.GetSavedGifs(hash=0),
    messages.GetPaidReactionPrivacy(),
    account.UpdateStatus(offline=False),
    account.UpdateStatus(offline=True),
    users.GetFullUser(id=t.InputUserSelf()),
]


def in_chat(peer: t.InputPeerUser) -> list:
    return [
        users.GetFullUser(id=t.InputUser(user_id=peer.user_id, access_hash=peer.access_hash)),
        messages.GetPeerSettings(peer=peer),
        messages.GetHistory(peer=peer, **PAGE),
        messages.GetSavedHistory(peer=peer, **PAGE),
        messages.SaveDraft(peer=peer, message="half a thought"),
        messages.SetTyping(peer=peer, action=t.SendMessageTypingAction()),
        messages.SendMessage(peer=peer, message="hello from the web", random_id=5, clear_draft=True),
        messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=peer)]),
        messages.ReceivedMessages(max_id=1),
    ]


async def ask(client: MiniClient, requests: list) -> list[str]:
    """All in flight at once, as a page does; the errors, each below 500."""
    refused = []
    for request, future in [(request, client.start(request)) for request in requests]:
        try:
            await asyncio.wait_for(future, 60)
        except RpcError as error:
            assert error.code < 500, f"{request}: {error}"
            refused.append(f"{request.NAME} {error.name}")
    return refused


async def page(daemon, pem, layer: int) -> MiniClient:
    """A fresh key, whose first packet has a wrong salt."""
    client = MiniClient("ws-intermediate", rsa_public=pem, layer=layer)
    client.heard = []
    client.on_update = client.heard.append
    await client.connect(daemon.host, daemon.port)
    client.session.salt = WRONG_SALT
    return client


async def sign_up(client: MiniClient, daemon, phone: str) -> None:
    sent = await client.call(
        auth.SendCode(phone_number=phone, api_id=1, api_hash="x", settings=t.CodeSettings())
    )
    code = await asyncio.to_thread(daemon.code, phone)
    code_hash = sent.phone_code_hash
    await client.call(auth.SignIn(phone_number=phone, phone_code_hash=code_hash, phone_code=code))
    await client.call(
        auth.SignUp(phone_number=phone, phone_code_hash=code_hash, first_name="Web", last_name="K")
    )


@pytest.mark.parametrize("layer", LAYERS)
async def test_from_the_first_socket_to_the_first_message(daemon, pem, new_phone, layer):
    probe = await asyncio.open_connection(daemon.host, daemon.port)
    probe[1].close()  # Web K opens and closes one without a byte
    ann, bob, phone = await page(daemon, pem, layer), await page(daemon, pem, 227), new_phone()
    assert await ask(ann, BEFORE_LOGIN) == []
    token = await ann.call(auth.ExportLoginToken(api_id=1, api_hash="x", except_ids=[]))
    assert isinstance(token, t.AuthLoginToken)
    with pytest.raises(RpcError, match="AUTH_KEY_UNREGISTERED"):
        await ann.call(users.GetUsers(id=[t.InputUserSelf()]))
    await sign_up(ann, daemon, new_phone())
    await sign_up(bob, daemon, phone)
    assert await ask(ann, AFTER_LOGIN) == []
    book = t.InputPhoneContact(client_id=1, phone=phone, first_name="Bob", last_name="")
    found = (await ann.call(contacts.ImportContacts(contacts=[book]))).users[0]
    assert found.contact, "shown at once only when it says so"
    peer = t.InputPeerUser(user_id=found.id, access_hash=found.access_hash)
    assert await ask(ann, in_chat(peer)) == []
    await until(lambda: "hello from the web" in str(bob.heard))
    for seconds in (7, 60_000):
        body = PING_DELAY_DISCONNECT.to_bytes(4, "little") + bytes(8) + seconds.to_bytes(4, "little")
        ann.send(ann.session.message(body))
    assert (await ann.ping()).ping_id
    await ann.disconnect()
    await bob.disconnect()


@pytest.mark.parametrize("layer", LAYERS)
async def test_unknown_calls_keep_their_siblings(daemon, pem, layer):
    """auth.initPasskeyLogin shares a container with the call that the page waits for."""
    client = await page(daemon, pem, layer)
    told = {}

    def note(event):
        if isinstance(event, Result | Failure):
            told[event.req_msg_id] = event

    client.on_event = note
    await client.call(help.GetConfig())
    session = client.session
    passkey = session.message(layers.encode(auth.InitPasskeyLogin(api_id=1, api_hash="x")))
    unknown = session.message(bytes.fromhex("efbeadde") + bytes(8))
    nearest = session.message(layers.encode(help.GetNearestDc(), layer))
    client.send(passkey, unknown, nearest)
    await until(lambda: len(told) >= 4)
    assert isinstance(told[nearest.msg_id], Result)
    assert isinstance(told[unknown.msg_id], Failure) and told[unknown.msg_id].name == "INPUT_METHOD_INVALID"
    assert isinstance(told[passkey.msg_id], Result) or told[passkey.msg_id].code == 400
    await client.disconnect()
