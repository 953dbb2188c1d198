"""Stickers, GIFs and custom emoji in messages."""

from __future__ import annotations

from typing import Any

from tests.community import run
from tests.stickers.makers import id_of, makers
from tests.stickers.test_sets import refused, uses
from tests.stickers.test_shelves import heard
from tgserve.tl import types as t
from tgserve.tl.functions import messages, stickers, upload


async def send(person: Any, other: Any, document: Any, random_id: int = 1) -> Any:
    return await person(
        messages.SendMedia(
            peer=person.peer(other),
            media=t.InputMediaDocument(id=person.named(document)),
            message="",
            random_id=random_id,
        )
    )


def test_a_sticker_is_sent_received_downloaded_and_recent() -> None:
    async def story() -> None:
        async with makers(3) as (c, (ann, bob, eve)):
            made = await ann.make()
            sticker = made.documents[0]
            c.heard.clear()
            await send(ann, bob, sticker)
            assert ("recent", "items") in heard(c, ann.id)
            await send(ann, bob, sticker)  # the same random_id: sent once
            assert heard(c, ann.id) == []
            [got] = await bob.history(ann)
            document = got.media.document
            assert document.id == sticker.id and document.access_hash != sticker.access_hash
            role = next(a for a in document.attributes if isinstance(a, t.DocumentAttributeSticker))
            seen = await bob(messages.GetStickerSet(stickerset=role.stickerset, hash=0))
            assert seen.set.id == made.set.id
            location = t.InputDocumentFileLocation(
                id=document.id,
                access_hash=document.access_hash,
                file_reference=document.file_reference,
                thumb_size="",
            )
            data = await bob(upload.GetFile(location=location, offset=0, limit=65536))
            assert len(data.bytes) == document.size
            await refused("LOCATION_INVALID", eve(upload.GetFile(location=location, offset=0, limit=65536)))
            recent = await ann(messages.GetRecentStickers(hash=0))
            assert [one.id for one in recent.stickers] == [sticker.id]
            assert (await bob(messages.GetRecentStickers(hash=0))).stickers == []
            assert uses(c, sticker.id) == 3, "the set, the message, the shelf"
            await bob(messages.FaveSticker(id=bob.named(document), unfave=False))
            await ann(stickers.DeleteStickerSet(stickerset=id_of(made)))
            assert [one.media.document.id for one in await bob.history(ann)] == [sticker.id]

    run(story())


def test_a_gif_that_is_sent_is_saved() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            film = t.DocumentAttributeVideo(duration=1.0, w=10, h=10, nosound=True)
            gif = await ann.document(b"film", "video/mp4", [t.DocumentAttributeAnimated(), film])
            await send(ann, bob, gif)
            assert [one.id for one in (await ann(messages.GetSavedGifs(hash=0))).gifs] == [gif.id]

    run(story())


def test_custom_emoji_in_texts_are_those_that_are_there() -> None:
    async def story() -> None:
        async with makers(2, stock=True) as (c, (ann, bob)):
            icon = c.services.stock.document("icon:\U0001f525")
            sticker = c.services.stock.document("alone:\U0001f525")
            marks = [
                t.MessageEntityCustomEmoji(offset=0, length=2, document_id=icon),
                t.MessageEntityCustomEmoji(offset=2, length=2, document_id=sticker),
                t.MessageEntityCustomEmoji(offset=4, length=2, document_id=99),
            ]
            await ann.send(bob, "\U0001f525" * 3, entities=marks)
            [got] = await bob.history(ann)
            assert got.entities == marks[:1]
            [shown] = await bob(messages.GetCustomEmojiDocuments(document_id=[icon]))
            assert shown.id == icon

    run(story())
