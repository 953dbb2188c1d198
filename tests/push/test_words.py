"""The pure parts: who is told and how (decide.py), in which words (payload.py), and the encrypted form."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptg import decrypt_ige

from tgserve.ids import Ids
from tgserve.render import pushes
from tgserve.services.push import decide, payload
from tgserve.services.push.decide import (
    DEFAULT,
    HIDDEN,
    MENTION,
    MUTED,
    NOT,
    OWN,
    PUSH,
    SILENT,
    UNSET,
    Loud,
    settled,
)
from tgserve.services.push.payload import CHANNEL, CHAT, USER, Content, Scene
from tgserve.store import records as r
from tgserve.store.push_records import PushWaiting
from tgserve.tl import layers
from tgserve.tl import types as t

NOW = 1000
PLAIN: dict[str, Any] = {
    "read": False,
    "outgoing": False,
    "scheduled": False,
    "quiet": False,
    "mention": False,
}
MUTE = Loud(NOW + 1, 0, 1)
QUIET = Loud(0, 1, 1)
SHY = Loud(0, 0, 0)

CASES: list[tuple[str, Loud, dict[str, Any], int]] = [
    ("a plain message", DEFAULT, {}, PUSH),
    ("read already", DEFAULT, {"read": True}, 0),
    ("from one who is blocked", DEFAULT, {"blocked": True}, 0),
    ("my own", DEFAULT, {"outgoing": True}, 0),
    ("my own, scheduled", DEFAULT, {"outgoing": True, "scheduled": True}, PUSH | OWN),
    ("my own, scheduled, in a muted chat", MUTE, {"outgoing": True, "scheduled": True}, PUSH | OWN),
    ("sent silently", DEFAULT, {"quiet": True}, PUSH | SILENT),
    ("a chat without sound", QUIET, {}, PUSH | SILENT),
    ("a chat without previews", SHY, {}, PUSH | HIDDEN),
    ("a muted chat", MUTE, {}, MUTED),
    ("a mute that has ended", Loud(NOW, 0, 1), {}, PUSH),
    ("a mention", DEFAULT, {"mention": True}, PUSH | MENTION),
    ("a mention in a muted chat", MUTE, {"mention": True}, PUSH | MENTION),
    ("a mention by one who is muted", MUTE, {"mention": True, "author_loud": MUTE}, MUTED),
    (
        "a mention by one without sound",
        MUTE,
        {"mention": True, "author_loud": QUIET},
        PUSH | MENTION | SILENT,
    ),
    (
        "a mention in a muted chat without previews",
        Loud(NOW + 1, 0, 0),
        {"mention": True},
        PUSH | MENTION | HIDDEN,
    ),
    ("a mention by one who is blocked", MUTE, {"mention": True, "blocked": True}, 0),
]


@pytest.mark.parametrize(("what", "loud", "given", "expected"), CASES, ids=[case[0] for case in CASES])
def test_who_is_told_of_a_message(what: str, loud: Loud, given: dict[str, Any], expected: int) -> None:
    assert decide.for_message(NOW, loud, **{**PLAIN, **given}) == expected


def test_the_nearest_setting_counts_for_each_thing_by_itself() -> None:
    assert settled(UNSET, UNSET, DEFAULT) == DEFAULT
    assert settled(Loud(-1, 1, -1), Loud(50, 0, -1), Loud(99, 0, 0)) == Loud(50, 1, 0)
    assert settled(Loud(0, -1, -1), Loud(50, -1, -1), DEFAULT) == DEFAULT, (
        "a topic may be louder than its chat"
    )


def test_reactions() -> None:
    loud = {"contact": False, "previews": True, "blocked": False}
    assert decide.for_reaction(NOW, DEFAULT, from_whom=decide.EVERYBODY, **loud) == PUSH
    assert decide.for_reaction(NOW, DEFAULT, from_whom=decide.CONTACTS, **loud) == 0
    assert decide.for_reaction(NOW, DEFAULT, from_whom=decide.CONTACTS, **{**loud, "contact": True}) == PUSH
    assert decide.for_reaction(NOW, DEFAULT, from_whom=decide.NOBODY, **{**loud, "contact": True}) == 0
    assert decide.for_reaction(NOW, MUTE, from_whom=decide.EVERYBODY, **loud) == 0
    assert decide.for_reaction(NOW, DEFAULT, from_whom=decide.EVERYBODY, **{**loud, "blocked": True}) == 0
    hidden = decide.for_reaction(NOW, DEFAULT, from_whom=decide.EVERYBODY, **{**loud, "previews": False})
    assert hidden == PUSH | HIDDEN


def test_devices() -> None:
    usual = {"connected": False, "no_muted": False, "wakes_app": True, "elsewhere": False, "delay": 30}
    assert decide.for_device(PUSH, **usual) == 0
    assert decide.for_device(PUSH, **{**usual, "connected": True}) == NOT
    assert decide.for_device(PUSH, **{**usual, "elsewhere": True}) == 30
    assert decide.for_device(MUTED, **usual) == 0
    assert decide.for_device(MUTED, **{**usual, "no_muted": True}) == NOT
    assert decide.for_device(MUTED, **{**usual, "wakes_app": False}) == NOT


# -- words ----------------------------------------------------------------------------------------------------------

PRIVATE = Scene(USER, "Ann", author=5)
GROUP = Scene(CHAT, "Ann", "Club", 5)
NEWS = Scene(CHANNEL, "News", "News", -(10**12) - 9)

KEYED: list[tuple[Scene, Content, str, tuple[str, ...]]] = [
    (PRIVATE, Content("TEXT", ("hi",)), "MESSAGE_TEXT", ("Ann", "hi")),
    (GROUP, Content("TEXT", ("hi",)), "CHAT_MESSAGE_TEXT", ("Ann", "Club", "hi")),
    (NEWS, Content("TEXT", ("hi",)), "CHANNEL_MESSAGE_TEXT", ("News", "hi")),
    (PRIVATE, Content("PHOTO"), "MESSAGE_PHOTO", ("Ann",)),
    (PRIVATE, Content("PHOTO_SECRET"), "MESSAGE_PHOTO_SECRET", ("Ann",)),
    (GROUP, Content("STICKER", ("🙂",)), "CHAT_MESSAGE_STICKER", ("Ann", "Club", "🙂")),
    (NEWS, Content("POLL", ("Tea?",)), "CHANNEL_MESSAGE_POLL", ("News", "Tea?")),
    (PRIVATE, Content("PHOTOS", ("3",)), "MESSAGE_PHOTOS", ("Ann", "3")),
    (PRIVATE, Content("ALBUM"), "MESSAGES", ("Ann",)),
    (GROUP, Content("ALBUM"), "CHAT_MESSAGES", ("Ann", "Club")),
    (NEWS, Content("ALBUM"), "CHANNEL_MESSAGES", ("News",)),
    (GROUP, Content("TEXT", ("hi",), pinned=True), "PINNED_TEXT", ("Ann", "Club", "hi")),
    (PRIVATE, Content("PHOTO", pinned=True), "PINNED_PHOTO", ("Ann",)),
    (NEWS, Content("TEXT", ("hi",), pinned=True), "PINNED_TEXT", ("News", "hi")),
    (GROUP, Content("CHAT_CREATED", service=True), "CHAT_CREATED", ("Ann", "Club")),
    (
        GROUP,
        Content("CHAT_ADD_MEMBER", ("Bob",), service=True, users=(8,)),
        "CHAT_ADD_MEMBER",
        ("Ann", "Club", "Bob"),
    ),
    (GROUP, Content("CHAT_ADD_MEMBER", ("Me",), service=True, users=(7,)), "CHAT_ADD_YOU", ("Ann", "Club")),
    (
        GROUP,
        Content("CHAT_DELETE_MEMBER", ("Me",), service=True, users=(7,)),
        "CHAT_DELETE_YOU",
        ("Ann", "Club"),
    ),
    (PRIVATE, Content("MESSAGE_WALLPAPER", service=True), "MESSAGE_WALLPAPER", ("Ann",)),
]


@pytest.mark.parametrize(
    ("scene", "content", "key", "args"), KEYED, ids=[f"{one[0].place}-{one[2]}" for one in KEYED]
)
def test_keys_and_arguments_are_the_documented_ones(
    scene: Scene, content: Content, key: str, args: tuple[str, ...]
) -> None:
    peer = {USER: 5, CHAT: -77, CHANNEL: -(10**12) - 9}[scene.place]
    drawn = payload.of_message(scene, content, PushWaiting("message", peer, 3, flags=PUSH), 7)
    assert (drawn.loc_key, drawn.loc_args) == (key, args)
    where = {USER: ("from_id", 5), CHAT: ("chat_id", 77), CHANNEL: ("channel_id", 9)}[scene.place]
    assert drawn.custom[where[0]] == where[1] and drawn.custom["msg_id"] == 3
    assert drawn.text
    hidden = payload.of_message(scene, content, PushWaiting("message", peer, 3, flags=PUSH | HIDDEN), 7)
    if not content.service:
        assert hidden.loc_key.endswith("_NOTEXT") and not set(content.words) & set(hidden.loc_args)
        assert not any(word in hidden.text for word in content.words if len(word) > 1)


def test_flags_are_told_in_custom() -> None:
    item = PushWaiting("message", -77, 3, flags=PUSH | SILENT | MENTION, topic=4)
    drawn = payload.of_message(GROUP, Content("TEXT", ("hi",)), item, 7)
    wanted = {"chat_id": 77, "msg_id": 3, "chat_from_id": 5, "mention": 1, "silent": 1, "top_msg_id": 4}
    assert drawn.custom == wanted
    assert "sound" not in drawn.payload(7, 2)
    assert drawn.payload(7, 2)["user_id"] == 7 and drawn.payload(7, 2)["badge"] == 2
    as_channel = Scene(CHAT, "News", "Club", -(10**12) - 9)
    drawn = payload.of_message(as_channel, Content("TEXT", ("hi",)), PushWaiting("message", -77, 3), 7)
    assert drawn.custom["chat_from_broadcast_id"] == 9 and "chat_from_id" not in drawn.custom


def test_reactions_name_what_they_are_to() -> None:
    item = PushWaiting("reaction", 5, 3, flags=PUSH, who=5, word="👍")
    assert payload.of_reaction(PRIVATE, Content("TEXT", ("mine",)), item, "👍").loc_args == (
        "Ann",
        "👍",
        "mine",
    )
    drawn = payload.of_reaction(
        GROUP, Content("PHOTO"), PushWaiting("reaction", -77, 3, flags=PUSH, who=5), "👍"
    )
    assert (drawn.loc_key, drawn.loc_args) == ("CHAT_REACT_PHOTO", ("Ann", "Club", "👍"))
    drawn = payload.of_reaction(
        PRIVATE, Content("TEXT", ("mine",)), PushWaiting("r", 5, 3, flags=HIDDEN), "👍"
    )
    assert (drawn.loc_key, drawn.loc_args) == ("REACT_HIDDEN", ())


def test_long_texts_are_cut_so_that_every_push_fits() -> None:
    body = r.Body(5, NOW, ("漢字" * 3000).encode())
    content = pushes.describe(body)
    drawn = payload.of_message(GROUP, content, PushWaiting("message", -77, 3, flags=PUSH), 7)
    assert len(json.dumps(drawn.payload(7, 1), ensure_ascii=False).encode()) < 2000
    assert drawn.loc_args[2].endswith("…")


def document(*attributes: Any) -> bytes:
    made = t.Document(
        id=1,
        access_hash=2,
        file_reference=b"",
        date=0,
        mime_type="x/y",
        size=1,
        dc_id=2,
        attributes=list(attributes),
    )
    return layers.encode(t.MessageMediaDocument(document=made))


MEDIA: list[tuple[bytes, str, tuple[str, ...]]] = [
    (layers.encode(t.MessageMediaPhoto()), "PHOTO", ()),
    (document(t.DocumentAttributeVideo(duration=1.0, w=1, h=1)), "VIDEO", ()),
    (document(t.DocumentAttributeVideo(duration=1.0, w=1, h=1, round_message=True)), "ROUND", ()),
    (document(t.DocumentAttributeVideo(duration=1.0, w=1, h=1), t.DocumentAttributeAnimated()), "GIF", ()),
    (document(t.DocumentAttributeAudio(duration=1, voice=True)), "AUDIO", ()),
    (document(t.DocumentAttributeAudio(duration=1)), "DOC", ()),
    (document(t.DocumentAttributeSticker(alt="🙂", stickerset=t.InputStickerSetEmpty())), "STICKER", ("🙂",)),
    (document(t.DocumentAttributeFilename(file_name="a.txt")), "DOC", ()),
    (
        layers.encode(
            t.MessageMediaContact(phone_number="1", first_name="Eve", last_name="T", vcard="", user_id=0)
        ),
        "CONTACT",
        ("Eve T",),
    ),
    (layers.encode(t.MessageMediaGeo(geo=t.GeoPointEmpty())), "GEO", ()),
    (layers.encode(t.MessageMediaGeoLive(geo=t.GeoPointEmpty(), period=60)), "GEOLIVE", ()),
    (layers.encode(t.MessageMediaDice(value=3, emoticon="🎲")), "TEXT", ("🎲",)),
    (layers.encode(t.MessageMediaWebPage(webpage=t.WebPageEmpty(id=1))), "TEXT", ("a link",)),
]


@pytest.mark.parametrize(("media", "kind", "words"), MEDIA)
def test_what_is_in_a_message(media: bytes, kind: str, words: tuple[str, ...]) -> None:
    assert pushes.describe(r.Body(5, NOW, b"a link", media=media)) == Content(kind, words)


def test_service_messages() -> None:
    def of(action: Any) -> Content:
        return pushes.describe(r.Body(5, NOW, action=layers.encode(action)))

    assert of(t.MessageActionChatCreate(title="Club", users=[7])).kind == "CHAT_CREATED"
    assert of(t.MessageActionPinMessage()).pinned
    assert of(t.MessageActionChatAddUser(users=[7])) == Content("CHAT_ADD_MEMBER", service=True, users=(7,))
    assert of(t.MessageActionHistoryClear()).kind == "", "nobody is told of that"
    assert (
        pushes.describe(r.Body(5, NOW, media=layers.encode(t.MessageMediaPhoto()), media_ttl=5)).kind
        == "PHOTO_SECRET"
    )


def opened(secret: bytes, text: str) -> Any:
    """As a client opens it, written from the documentation alone: MTProto 2.0 with x = 8."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert data[:8] == hashlib.sha1(secret).digest()[-8:], "auth_key_id of the secret"
    msg_key, sealed = data[8:24], data[24:]
    a = hashlib.sha256(msg_key + secret[8:44]).digest()
    b = hashlib.sha256(secret[48:84] + msg_key).digest()
    plain = decrypt_ige(sealed, a[:8] + b[8:24] + a[24:32], b[:8] + a[8:24] + b[24:32])
    assert hashlib.sha256(secret[96:128] + plain).digest()[8:24] == msg_key
    size = int.from_bytes(plain[:4], "little")
    assert 12 <= len(plain) - 4 - size < 12 + 16
    return json.loads(plain[4 : 4 + size])


@pytest.mark.parametrize("size", range(0, 40, 3))
def test_the_encrypted_form_opens_with_the_devices_secret_alone(size: int) -> None:
    secret = bytes((7 * n) % 256 for n in range(256))
    seal = pushes.sealing(Ids(1).padding)
    given = {"loc_key": "MESSAGE_TEXT", "loc_args": ["Ann", "ж" * size]}
    text = seal(secret, given)
    assert opened(secret, text) == given
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    with pytest.raises(AssertionError):
        opened(secret[::-1], text)
