"""What people keep: installed sets, recent and favourite stickers, GIFs; the other devices hear of it, and after a while
away too."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.community import run
from tests.stickers.makers import id_of, makers
from tests.stickers.test_sets import refused, uses
from tgserve.render import stickers as render
from tgserve.services.stickers import shelves
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages, stickers, updates
from tgserve.tl.hashing import list_hash


def heard(c: Any, me: int) -> list[tuple[str, str]]:
    """Shelves whose change was told to a user's devices since the last look."""
    found = [
        (item.event.shelf, item.event.what)
        for item in c.heard
        if isinstance(item, Published) and item.user_id == me and hasattr(item.event, "shelf")
    ]
    c.heard.clear()
    return found


def test_sets_are_installed_ordered_archived_and_removed() -> None:
    async def story() -> None:
        async with makers() as (c, (ann, bob)):
            made = [await ann.make(title=f"S{n}") for n in range(3)]
            ids = [one.set.id for one in made]
            c.heard.clear()
            for one in made:
                answer = await bob(messages.InstallStickerSet(stickerset=id_of(one), archived=False))
                assert isinstance(answer, t.MessagesStickerSetInstallResultSuccess)
            assert heard(c, bob.id) == [("stickers", "new")] * 3
            all_ = await bob(messages.GetAllStickers(hash=0))
            assert [one.id for one in all_.sets] == ids[::-1]
            assert all(one.installed_date for one in all_.sets)
            assert all_.hash == list_hash(one.hash for one in all_.sets), "as clients compute it"
            again = await bob(messages.GetAllStickers(hash=all_.hash))
            assert isinstance(again, t.MessagesAllStickersNotModified)

            await bob(messages.ReorderStickerSets(order=[ids[0], ids[2], 999]))
            assert heard(c, bob.id) == [("stickers", "order")]
            all_ = await bob(messages.GetAllStickers(hash=0))
            assert [one.id for one in all_.sets] == [ids[0], ids[2], ids[1]]

            named = [id_of(made[0]), id_of(made[1])]
            await bob(messages.ToggleStickerSets(archive=True, stickersets=named))
            archived = await bob(messages.GetArchivedStickers(offset_id=0, limit=10))
            assert archived.count == 2 and {one.set.id for one in archived.sets} == set(ids[:2])
            assert all(one.set.archived for one in archived.sets)
            page = await bob(messages.GetArchivedStickers(offset_id=ids[0], limit=1))
            assert page.count == 2 and [one.set.id for one in page.sets] == [ids[1]]
            await bob(messages.ToggleStickerSets(unarchive=True, stickersets=named[:1]))
            await bob(messages.UninstallStickerSet(stickerset=id_of(made[2])))
            left = await bob(messages.GetAllStickers(hash=0))
            assert [one.id for one in left.sets] == [ids[0]]
            await bob(messages.ToggleStickerSets(uninstall=True, stickersets=named))
            assert (await bob(messages.GetAllStickers(hash=0))).sets == []
            assert (await ann(messages.GetAllStickers(hash=0))).sets == [], "nobody else's business"

    run(story())


def test_a_deleted_set_is_gone_from_everybodys_shelf() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            made = await ann.make()
            for one in (ann, bob):
                await one(messages.InstallStickerSet(stickerset=id_of(made), archived=False))
            await ann(stickers.DeleteStickerSet(stickerset=id_of(made)))
            for one in (ann, bob):
                assert (await one(messages.GetAllStickers(hash=0))).sets == []

    run(story())


def test_kinds_have_shelves_of_their_own_and_stock_is_not_installed() -> None:
    async def story() -> None:
        async with makers(1, stock=True) as (_, (ann,)):
            mask = await ann.make(masks=True)
            await ann(messages.InstallStickerSet(stickerset=id_of(mask), archived=False))
            assert len((await ann(messages.GetMaskStickers(hash=0))).sets) == 1
            assert (await ann(messages.GetAllStickers(hash=0))).sets == []
            assert (await ann(messages.GetEmojiStickers(hash=0))).sets == []
            for role in (t.InputStickerSetAnimatedEmoji(), t.InputStickerSetEmpty()):
                await refused(
                    "STICKERSET_INVALID",
                    ann(messages.InstallStickerSet(stickerset=role, archived=False)),
                )

    run(story())


def test_recent_and_favourite_stickers_are_held_and_told() -> None:
    async def story() -> None:
        async with makers() as (c, (ann, bob)):
            made = await ann.make(*[await ann.item(emoji=e) for e in "\U0001f600\U0001f601\U0001f602"])
            seen = await bob(messages.GetStickerSet(stickerset=id_of(made), hash=0))
            first, second, third = map(bob.named, seen.documents)
            c.heard.clear()
            for one in (first, second, first):
                await bob(messages.SaveRecentSticker(id=one, unsave=False))
            recent = await bob(messages.GetRecentStickers(hash=0))
            assert [one.id for one in recent.stickers] == [first.id, second.id]
            assert recent.hash == list_hash([first.id, second.id])
            assert {one.emoticon: one.documents for one in recent.packs} == {
                "\U0001f600": [first.id],
                "\U0001f601": [second.id],
            }
            assert uses(c, first.id) == 2, "the set and the shelf"
            await bob(messages.FaveSticker(id=third, unfave=False))
            faved = await bob(messages.GetFavedStickers(hash=0))
            assert [one.id for one in faved.stickers] == [third.id]
            assert isinstance(
                await bob(messages.GetFavedStickers(hash=faved.hash)), t.MessagesFavedStickersNotModified
            )
            assert heard(c, bob.id) == [("recent", "items")] * 3 + [("faved", "items")]
            away = await bob(updates.GetDifference(pts=1, date=1, qts=1))
            kinds = {type(one) for one in away.other_updates}
            assert {t.UpdateRecentStickers, t.UpdateFavedStickers} <= kinds

            await ann(stickers.DeleteStickerSet(stickerset=id_of(made)))
            assert uses(c, first.id) == 1
            kept = await bob(messages.GetRecentStickers(hash=0))
            assert [one.id for one in kept.stickers] == [first.id, second.id], "kept after the set is gone"
            await bob(messages.FaveSticker(id=bob.named(faved.stickers[0]), unfave=True))
            await bob(messages.ClearRecentStickers())
            assert (await bob(messages.GetRecentStickers(hash=0))).stickers == []
            assert [uses(c, one.id) for one in (first, second, third)] == [0, 0, 0]

    run(story())


def test_a_shelf_has_an_end() -> None:
    async def story() -> None:
        async with makers(1) as (c, (ann,)):
            many = [await ann.item(emoji="\U0001f600") for _ in range(7)]
            made = await ann.make(*many)
            for document in made.documents:
                await ann(messages.FaveSticker(id=ann.named(document), unfave=False))
            found = await ann(messages.GetFavedStickers(hash=0))
            ids = [one.id for one in made.documents]
            assert [one.id for one in found.stickers] == ids[:1:-1]
            assert len(found.stickers) == shelves.LIMITS[shelves.FAVED]
            assert [uses(c, one) for one in ids] == [1, 1, 2, 2, 2, 2, 2]

    run(story())


def test_only_stickers_and_gifs_of_ones_own_can_be_kept() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            made = await ann.make()
            plain = await bob.document(b"text", "text/plain")
            gif = await bob.document(
                b"film",
                "video/mp4",
                [t.DocumentAttributeAnimated(), t.DocumentAttributeFilename(file_name="a")],
            )
            strange = bob.named(made.documents[0])  # ann's access hash
            for one in (plain, gif, strange, t.InputDocumentEmpty()):
                await refused("STICKER_ID_INVALID", bob(messages.FaveSticker(id=one, unfave=False)))
                await refused("STICKER_ID_INVALID", bob(messages.SaveRecentSticker(id=one, unsave=False)))
            for one, name in ((plain, "GIF_ID_INVALID"), (strange, "STICKER_ID_INVALID")):
                await refused(name, bob(messages.SaveGif(id=one, unsave=False)))
            await bob(messages.SaveGif(id=gif, unsave=False))
            found = await bob(messages.GetSavedGifs(hash=0))
            assert [one.id for one in found.gifs] == [gif.id]
            await bob(messages.SaveGif(id=gif, unsave=True))
            assert (await bob(messages.GetSavedGifs(hash=0))).gifs == []

    run(story())


def test_6_6_a_hash_finds_saved_gifs_of_ones_own_alone() -> None:
    async def story() -> None:
        async with makers() as (_, (ann, bob)):
            moving = [t.DocumentAttributeAnimated(), t.DocumentAttributeFilename(file_name="a")]
            gif = await bob.document(b"film", "video/mp4", moving)
            theirs = await ann.document(b"film", "video/mp4", moving)

            def asked(data: bytes, size: int = 4, mime: str = "video/mp4") -> messages.GetDocumentByHash:
                digest = hashlib.sha256(data).digest()
                return messages.GetDocumentByHash(sha256=digest, size=size, mime_type=mime)

            assert isinstance(await bob(asked(b"film")), t.DocumentEmpty)
            await bob(messages.SaveGif(id=gif, unsave=False))
            assert (await bob(asked(b"film"))).id == gif.id
            assert isinstance(await ann(asked(b"film")), t.DocumentEmpty)
            await ann(messages.SaveGif(id=theirs, unsave=False))
            assert (await ann(asked(b"film"))).id == theirs.id != gif.id
            for wrong in (asked(b"fiml"), asked(b"film", 5), asked(b"film", mime="image/gif")):
                assert isinstance(await bob(wrong), t.DocumentEmpty)
            short = messages.GetDocumentByHash(sha256=b"", size=4, mime_type="video/mp4")
            await refused("SHA256_HASH_INVALID", bob(short))

    run(story())


def test_stickers_by_emoji_and_sets_by_name() -> None:
    async def story() -> None:
        async with makers(stock=True) as (_, (ann, bob)):
            made = await ann.make(
                await ann.item(emoji="\u2764\ufe0f", keywords="lovely"), name="lovebirds", title="Two birds"
            )
            await bob(messages.InstallStickerSet(stickerset=id_of(made), archived=False))
            found = await bob(messages.GetStickers(emoticon="\u2764", hash=0))
            assert found.stickers[0].id == made.documents[0].id
            assert len(found.stickers) == 2, "and the server's own heart"
            same = await bob(messages.GetStickers(emoticon="\u2764\ufe0f", hash=found.hash))
            assert isinstance(same, t.MessagesStickersNotModified)
            for text in ("love", "BIRDS", "two b"):
                sets = await bob(messages.SearchStickerSets(q=text, hash=0))
                assert [one.set.id for one in sets.sets] == [made.set.id], text
            for text in ("", "xyz"):
                assert (await bob(messages.SearchStickerSets(q=text, hash=0))).sets == []
            assert (await bob(messages.SearchEmojiStickerSets(q="love", hash=0))).sets == []
            words = await bob(
                messages.SearchStickers(q="lovel", emoticon="", lang_code=["en"], offset=0, limit=5, hash=0)
            )
            assert [one.id for one in words.stickers] == [made.documents[0].id]
            hearts = await bob(messages.SearchCustomEmoji(emoticon="\u2764", hash=0))
            assert len(hearts.document_id) == 1

    run(story())


def test_updates_of_shelves_read_in_every_layer() -> None:
    async def story() -> None:
        async with makers(1, stock=True) as (c, (ann,)):
            made = await ann.make()
            for shelf in shelves.LIMITS:
                for what in ("items", "order", "new"):
                    update = render.update(c.services, ann.id, shelf, what, made.set.id)
                    for layer in (152, 200, layers.CURRENT):
                        if update is not None:
                            layers.encode(
                                t.Updates(updates=[update], users=[], chats=[], date=1, seq=0), layer
                            )

    run(story())


def test_a_deleted_accounts_shelves_hold_nothing() -> None:
    async def story() -> None:
        async with makers() as (c, (ann, bob)):
            made = await ann.make()
            seen = await bob(messages.GetStickerSet(stickerset=id_of(made), hash=0))
            await bob(messages.FaveSticker(id=bob.named(seen.documents[0]), unfave=False))
            own = await bob.make()
            assert uses(c, made.documents[0].id) == 2
            await c.services.accounts.delete(bob.id)
            await c.services.accounts.wipe(bob.id)
            await c.settle()
            assert uses(c, made.documents[0].id) == 1
            assert c.services.shelves.of(bob.id, "faved") == ()
            assert (await ann(messages.GetStickerSet(stickerset=id_of(own), hash=0))).set.count == 1

    run(story())
