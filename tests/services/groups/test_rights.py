"""What members of a group may not send, each kind by itself (SECURITY 6.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_chats import group
from tests.community import run
from tests.services.test_codes import refused
from tests.talk import talk
from tgserve.render.kinds import right_for
from tgserve.services.groups import rights
from tgserve.services.messaging import Draft
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

POINT = t.GeoPoint(long=1.0, lat=1.0, access_hash=0)


def document(*attributes: t.AnyDocumentAttribute) -> t.MessageMediaDocument:
    made = t.Document(
        id=1,
        access_hash=2,
        file_reference=b"",
        date=3,
        mime_type="x/y",
        size=4,
        dc_id=2,
        attributes=list(attributes),
    )
    return t.MessageMediaDocument(document=made)


VIDEO = t.DocumentAttributeVideo(duration=1.0, w=2, h=3)
ROUND = t.DocumentAttributeVideo(duration=1.0, w=2, h=3, round_message=True)
STICKER = t.DocumentAttributeSticker(alt="x", stickerset=t.InputStickerSetEmpty())
CASES: list[tuple[Any, str, str]] = [
    (t.MessageMediaPhoto(), "send_photos", "CHAT_SEND_PHOTOS_FORBIDDEN"),
    (document(VIDEO), "send_videos", "CHAT_SEND_VIDEOS_FORBIDDEN"),
    (document(ROUND), "send_roundvideos", "CHAT_SEND_ROUNDVIDEOS_FORBIDDEN"),
    (document(t.DocumentAttributeAudio(duration=1)), "send_audios", "CHAT_SEND_AUDIOS_FORBIDDEN"),
    (document(t.DocumentAttributeAudio(duration=1, voice=True)), "send_voices", "CHAT_SEND_VOICES_FORBIDDEN"),
    (document(), "send_docs", "CHAT_SEND_DOCS_FORBIDDEN"),
    (document(VIDEO, t.DocumentAttributeAnimated()), "send_gifs", "CHAT_SEND_GIFS_FORBIDDEN"),
    (document(STICKER), "send_stickers", "CHAT_SEND_STICKERS_FORBIDDEN"),
    (t.MessageMediaDice(value=1, emoticon="x"), "send_stickers", "CHAT_SEND_STICKERS_FORBIDDEN"),
    (t.MessageMediaGeo(geo=POINT), "send_plain", "CHAT_SEND_PLAIN_FORBIDDEN"),
    (None, "send_plain", "CHAT_SEND_PLAIN_FORBIDDEN"),
    (t.MessageMediaPhoto(), "send_media", "CHAT_SEND_MEDIA_FORBIDDEN"),
    (document(), "send_media", "CHAT_SEND_MEDIA_FORBIDDEN"),
    (None, "send_messages", "CHAT_WRITE_FORBIDDEN"),
]


@pytest.mark.parametrize(("media", "right", "error"), CASES)
def test_6_3_each_kind_of_media_has_its_right(media: Any, right: str, error: str) -> None:
    """A member without the right is refused, one with all the others is not; admins are not bound by it."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            chat = await group(ann, bob)
            draft = Draft(
                b"" if media else b"text", media=layers.encode(media) if media else b"", layer=layers.CURRENT
            )
            every = [
                f"send_{one}"
                for one in (
                    "stickers",
                    "gifs",
                    "games",
                    "polls",
                    "photos",
                    "videos",
                    "roundvideos",
                    "audios",
                    "voices",
                    "docs",
                    "plain",
                )
            ]
            others = {
                one: True for one in every if one != right and right not in ("send_media", "send_messages")
            }
            for banned, said in ((others, ""), ({right: True}, error)):
                if banned:
                    wanted = t.ChatBannedRights(until_date=0, **banned)
                    await ann(messages.EditChatDefaultBannedRights(peer=ann.peer(chat), banned_rights=wanted))
                if said:
                    await refused(_send(c, bob.id, chat, draft, 7), said)
                else:
                    await _send(c, bob.id, chat, draft, 8)
            await _send(c, ann.id, chat, draft, 9)

    run(story())


async def _send(c: Any, me: int, chat: int, draft: Draft, random_id: int) -> None:
    await c.services.messaging.send(me, chat, draft, random_id)


def test_games_polls_and_previews() -> None:
    preview = t.MessageMediaWebPage(webpage=t.WebPageEmpty(id=1))
    assert right_for(layers.encode(preview)) == rights.PLAIN
    assert rights.refusal_or_none(rights.GAMES, rights.GAMES).name == "CHAT_SEND_GAME_FORBIDDEN"  # type: ignore[union-attr]
    assert rights.refusal_or_none(rights.POLLS, rights.POLLS).name == "CHAT_SEND_POLL_FORBIDDEN"  # type: ignore[union-attr]
    assert rights.refusal_or_none(rights.MEDIA, rights.POLLS) is None


def test_6_13_voice_messages_go_to_nobody_who_does_not_want_them() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            await c.services.privacy.set_rules(bob.id, "voice_messages", (("disallow_all", ()),))
            for media in (document(t.DocumentAttributeAudio(duration=1, voice=True)), document(ROUND)):
                draft = Draft(media=layers.encode(media), layer=layers.CURRENT)
                await refused(_send(c, ann.id, bob.id, draft, 5), "VOICE_MESSAGES_FORBIDDEN")
                await refused(_many(c, ann.id, bob.id, draft), "VOICE_MESSAGES_FORBIDDEN")
                await _send(c, bob.id, ann.id, draft, ann.id + len(draft.media))
            music = Draft(
                media=layers.encode(document(t.DocumentAttributeAudio(duration=1))), layer=layers.CURRENT
            )
            await _send(c, ann.id, bob.id, music, 6)

    run(story())


async def _many(c: Any, me: int, peer: int, draft: Draft) -> None:
    await c.services.messaging.send_many(me, peer, [(77, draft)])
