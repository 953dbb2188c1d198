"""Sets: made, changed and deleted by their maker alone; every bad file and name refused with nothing changed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.community import run
from tests.stickers.makers import id_of, makers, tgs, webp
from tgserve.errors import RpcError
from tgserve.store.keyspaces import MEDIA_USES
from tgserve.store.slots import slot_of
from tgserve.tl import types as t
from tgserve.tl.functions import messages, stickers, upload

TGS = "application/x-tgsticker"


def uses(c: Any, document: int) -> int:
    with c.store.read(slot_of(document)) as reader:
        found = reader.get(MEDIA_USES, document)
    return found.count if found is not None else -1


async def refused(name: str, awaited: Any) -> None:
    with pytest.raises(RpcError) as raised:
        await awaited
    assert raised.value.name == name


def test_a_set_is_made_found_changed_and_deleted() -> None:
    async def story() -> None:
        async with makers() as (c, (ann, bob)):
            made = await ann.make(
                await ann.item(webp(512, 512), "\U0001f600\U0001f601", keywords="happy, big smile"),
                await ann.item(tgs(), "\U0001f44d", mime=TGS),
                await ann.item(webp(512, 300, kind="PNG"), "\u2764\ufe0f", mime="image/png"),
                name="Ann_set",
                title="Ann's set",
            )
            assert (made.set.title, made.set.short_name, made.set.count) == ("Ann's set", "Ann_set", 3)
            assert made.set.creator and not made.set.official
            assert [one.mime_type for one in made.documents] == ["image/webp", TGS, "image/webp"]
            packs = {one.emoticon: one.documents for one in made.packs}
            first = made.documents[0]
            assert packs["\U0001f600"] == packs["\U0001f601"] == [first.id]
            assert made.keywords == [t.StickerKeyword(document_id=first.id, keyword=["happy", "big smile"])]
            role = next(a for a in first.attributes if isinstance(a, t.DocumentAttributeSticker))
            assert role.alt == "\U0001f600" and role.stickerset == id_of(made)
            assert first.thumbs, "a still one has a small picture"
            for document in made.documents:
                assert uses(c, document.id) == 1

            for asked in (id_of(made), t.InputStickerSetShortName(short_name="ann_SET")):
                seen = await bob(messages.GetStickerSet(stickerset=asked, hash=0))
                assert not seen.set.creator and [one.id for one in seen.documents] == [
                    one.id for one in made.documents
                ]
                assert seen.documents[0].access_hash != first.access_hash, "each viewer has his own"
            again = await bob(messages.GetStickerSet(stickerset=id_of(made), hash=made.set.hash))
            assert isinstance(again, t.MessagesStickerSetNotModified)

            moved = await ann(stickers.ChangeStickerPosition(sticker=ann.named(first), position=2))
            assert [one.id for one in moved.documents][-1] == first.id and moved.set.hash != made.set.hash
            fewer = await ann(stickers.RemoveStickerFromSet(sticker=ann.named(first)))
            assert fewer.set.count == 2 and uses(c, first.id) == 0
            more = await ann(stickers.AddStickerToSet(stickerset=id_of(made), sticker=await ann.item()))
            assert more.set.count == 3
            other = more.documents[0]
            swapped = await ann(
                stickers.ReplaceSticker(sticker=ann.named(other), new_sticker=await ann.item(tgs(), mime=TGS))
            )
            assert swapped.set.count == 3 and swapped.documents[0].mime_type == TGS
            changed = await ann(
                stickers.ChangeSticker(
                    sticker=ann.named(swapped.documents[0]), emoji="\U0001f525", keywords="hot"
                )
            )
            assert changed.packs[0].emoticon == "\U0001f525" and changed.keywords[0].keyword == ["hot"]
            alts = [a.alt for a in changed.documents[0].attributes if hasattr(a, "alt")]
            assert alts == ["\U0001f525"]
            named = await ann(stickers.RenameStickerSet(stickerset=id_of(made), title="New"))
            assert named.set.title == "New"
            mine = await ann(messages.GetMyStickers(offset_id=0, limit=10))
            assert mine.count == 1 and mine.sets[0].set.id == made.set.id
            last = [one.id for one in named.documents]
            assert await ann(stickers.DeleteStickerSet(stickerset=id_of(made)))
            await refused("STICKERSET_INVALID", bob(messages.GetStickerSet(stickerset=id_of(made), hash=0)))
            assert [uses(c, one) for one in last] == [0, 0, 0]
            assert await ann(stickers.CheckShortName(short_name="Ann_set"))

    run(story())


def test_only_its_maker_changes_a_set() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            made = await ann.make()
            seen = await bob(messages.GetStickerSet(stickerset=id_of(made), hash=0))
            sticker = bob.named(seen.documents[0])
            tries = [
                ("STICKERSET_INVALID", stickers.DeleteStickerSet(stickerset=id_of(made))),
                ("STICKERSET_INVALID", stickers.RenameStickerSet(stickerset=id_of(made), title="Bob's")),
                ("STICKERSET_INVALID", stickers.SetStickerSetThumb(stickerset=id_of(made))),
                (
                    "STICKERSET_INVALID",
                    stickers.AddStickerToSet(stickerset=id_of(made), sticker=await bob.item()),
                ),
                ("STICKER_INVALID", stickers.RemoveStickerFromSet(sticker=sticker)),
                ("STICKER_INVALID", stickers.ChangeStickerPosition(sticker=sticker, position=0)),
                ("STICKER_INVALID", stickers.ChangeSticker(sticker=sticker, emoji="\U0001f525")),
                ("STICKER_INVALID", stickers.ReplaceSticker(sticker=sticker, new_sticker=await bob.item())),
                (
                    "STICKER_ID_INVALID",
                    stickers.RemoveStickerFromSet(sticker=ann.named(made.documents[0])),
                ),
                (
                    "STICKERSET_INVALID",
                    messages.GetStickerSet(
                        stickerset=t.InputStickerSetID(id=made.set.id, access_hash=1), hash=0
                    ),
                ),
            ]
            for name, request in tries:
                await refused(name, bob(request))
            now = await ann(messages.GetStickerSet(stickerset=id_of(made), hash=0))
            assert now == made

    run(story())


BAD_FILES = {
    "no picture": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/webp", "STICKER_PNG_NOPNG"),
    "cut short": (webp()[:60], "image/webp", None),
    "too small": (webp(500, 500), "image/webp", "STICKER_PNG_DIMENSIONS"),
    "too large": (webp(513, 512), "image/webp", "STICKER_PNG_DIMENSIONS"),
    "a JPEG": (b"\xff\xd8\xff\xe0" + bytes(200), "image/jpeg", "STICKER_FILE_INVALID"),
    "a heavy one": (webp() + bytes(600_000), "image/webp", "STICKER_FILE_INVALID"),
    "not gzipped": (b"{}", TGS, "STICKER_TGS_NOTGS"),
    "another size": (tgs(w=100), TGS, "STICKER_TGS_NOTGS"),
    "too long": (tgs(op=600), TGS, "STICKER_TGS_NOTGS"),
    "not webm": (b"\0" * 100, "video/webm", "STICKER_VIDEO_NOWEBM"),
    "an mp4": (b"\0\0\0\x18ftypisom", "video/mp4", "STICKER_FILE_INVALID"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_that_is_no_sticker_makes_no_set(kind: str) -> None:
    async def story() -> None:
        async with makers(1) as (c, (ann,)):
            data, mime, error = BAD_FILES[kind]
            with pytest.raises(RpcError) as raised:
                await ann.make(await ann.item(), await ann.item(data, mime=mime), name="broken_set")
            assert raised.value.code == 400 and (error is None or raised.value.name == error)
            assert c.services.sticker_sets.named_or_none("broken_set") is None
            made = await ann.make()
            with pytest.raises(RpcError):
                await ann(
                    stickers.AddStickerToSet(stickerset=id_of(made), sticker=await ann.item(data, mime=mime))
                )
            now = await ann(messages.GetStickerSet(stickerset=id_of(made), hash=0))
            assert now.set.count == 1

    run(story())


def test_bad_names_titles_emoji_and_counts() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            await ann.make(name="taken")
            for name in ("1abc", "a__b", "ab_", "", "x" * 65, "ä_b", "a b", "a\n"):
                item = await ann.item()
                await refused("SHORT_NAME_INVALID", ann(stickers.CheckShortName(short_name=name)))
                if name:
                    await refused("PACK_SHORT_NAME_INVALID", ann.make(item, name=name))
            await refused("PACK_SHORT_NAME_OCCUPIED", bob.make(name="TAKEN"))
            await refused("SHORT_NAME_OCCUPIED", ann(stickers.CheckShortName(short_name="Taken")))
            for title in ("", " ", "x" * 65, "a\nb"):
                await refused("PACK_TITLE_INVALID", ann.make(title=title))
            for text in ("", "abc", "\U0001f600x", "\U0001f600" * 21, "\ufe0f"):
                await refused("STICKER_EMOJI_INVALID", ann.make(await ann.item(emoji=text)))
            await refused(
                "STICKERS_EMPTY",
                ann(
                    stickers.CreateStickerSet(
                        user_id=t.InputUserSelf(), title="x", short_name="none_in_it", stickers=[]
                    )
                ),
            )
            await refused("STICKERS_TOO_MUCH", ann.make(*[await ann.item()] * 121))
            await refused("PACK_TYPE_INVALID", ann.make(masks=True, emojis=True))
            face = t.MaskCoords(n=1, x=0.5, y=0.5, zoom=1.0)
            await refused("STICKER_MASK_COORDS_INVALID", ann.make(await ann.item(mask_coords=face)))
            nowhere = t.MaskCoords(n=4, x=0.5, y=0.5, zoom=float("nan"))
            await refused(
                "STICKER_MASK_COORDS_INVALID", ann.make(await ann.item(mask_coords=nowhere), masks=True)
            )
            other = t.InputUser(user_id=bob.id, access_hash=ann.c.services.views.user_hash(ann.id, bob.id))
            await refused(
                "USER_ID_INVALID",
                ann(
                    stickers.CreateStickerSet(
                        user_id=other, title="x", short_name="for_bob", stickers=[await ann.item()]
                    )
                ),
            )
            assert (await ann(messages.GetMyStickers(offset_id=0, limit=9))).count == 1

    run(story())


def test_suggested_names_are_free_and_fit() -> None:
    async def story() -> None:
        async with makers(1) as (_, (ann,)):
            for title in ("My cats & dogs", "42", "Кошки", "a", "x" * 60):
                found = await ann(stickers.SuggestShortName(title=title))
                assert await ann(stickers.CheckShortName(short_name=found.short_name)), title
            await ann.make(name="My_cats")
            found = await ann(stickers.SuggestShortName(title="My cats"))
            assert found.short_name == "My_cats_2"
            await refused("TITLE_INVALID", ann(stickers.SuggestShortName(title=" ")))

    run(story())


def test_masks_and_custom_emoji() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            face = t.MaskCoords(n=1, x=0.5, y=-0.5, zoom=1.5)
            masks = await ann.make(await ann.item(mask_coords=face), masks=True)
            role = next(a for a in masks.documents[0].attributes if isinstance(a, t.DocumentAttributeSticker))
            assert masks.set.masks and role.mask and role.mask_coords == face
            emoji = await ann.make(
                await ann.item(webp(100, 100), "\U0001f431"),
                await ann.item(tgs(), "\U0001f436", mime=TGS),
                emojis=True,
                text_color=True,
            )
            assert emoji.set.emojis and emoji.set.text_color
            custom = [
                a for a in emoji.documents[0].attributes if isinstance(a, t.DocumentAttributeCustomEmoji)
            ]
            assert custom[0].alt == "\U0001f431" and custom[0].free and custom[0].text_color
            await refused("STICKER_PNG_DIMENSIONS", ann.make(await ann.item(webp()), emojis=True))
            ids = [one.id for one in emoji.documents]
            asked = [*ids, masks.documents[0].id, 77, ids[0]]
            found = await bob(messages.GetCustomEmojiDocuments(document_id=asked))
            assert [one.id for one in found] == ids
            icon = await ann(stickers.SetStickerSetThumb(stickerset=id_of(emoji), thumb_document_id=ids[1]))
            assert icon.set.thumb_document_id == ids[1]
            await refused(
                "STICKER_THUMB_INVALID",
                ann(stickers.SetStickerSetThumb(stickerset=id_of(emoji), thumb_document_id=5)),
            )

    run(story())


def test_the_icon_of_a_set_can_be_fetched_and_taken_away() -> None:
    async def story() -> None:
        async with makers() as (c, (ann, bob)):
            made = await ann.make()
            small = webp(100, 100, "blue")
            thumb = await ann.document(small)
            with_icon = await ann(stickers.SetStickerSetThumb(stickerset=id_of(made), thumb=thumb))
            assert with_icon.set.thumbs and with_icon.set.thumb_version == 1
            location = t.InputStickerSetThumb(stickerset=id_of(made), thumb_version=1)
            found = await bob(upload.GetFile(location=location, offset=0, limit=4096))
            assert found.bytes == small
            await refused(
                "STICKER_PNG_DIMENSIONS",
                ann(stickers.SetStickerSetThumb(stickerset=id_of(made), thumb=await ann.document(webp()))),
            )
            without = await ann(stickers.SetStickerSetThumb(stickerset=id_of(made)))
            assert without.set.thumbs is None
            await refused("LOCATION_INVALID", bob(upload.GetFile(location=location, offset=0, limit=4096)))

    run(story())


def test_a_full_set_takes_no_more() -> None:
    async def story() -> None:
        async with makers(1) as (c, (ann,)):
            made = await ann.make()
            one = c.services.sticker_sets.get_or_none(made.set.id)
            full = tuple(type(one.stickers[0])(1000 + n, ("\U0001f600",)) for n in range(120))
            await c.services.sticker_sets.change(ann.id, one.id, lambda was: replace(was, stickers=full))
            await refused(
                "STICKERS_TOO_MUCH",
                ann(stickers.AddStickerToSet(stickerset=id_of(made), sticker=await ann.item())),
            )

    run(story())
